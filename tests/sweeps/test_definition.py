"""Definitions that are accepted: what they mean, shipped ones, overrides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.definition import Definition, DefinitionError, differences, load_definition, shipped
from sweeps.space import Choice, Point, Range
from sweeps.strategies import Proposal, make_strategy
from sweeps.trial import form_trials

TEXT = """
name = "mine"
description = "What is best?"
[data]
name = "digits"
split_seed = 3
[model]
hidden = [50, 50]
batch_normalization = true
[training]
epochs = 5
weight_decay.strength = 1e-4
[search]
strategy = "random"
trials = 7
objective = "validation/accuracy"
replicates = 2
sampling = "sobol"
[space]
optimizer = ["sgd", "momentum"]
learning_rate = { low = 1e-3, high = 1 }
momentum = { low = 0.5, high = 0.9, step = 0.1, when = { dropout = 0 } }
dropout = [0, 0.5]
batch_size = 32
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def space_of(tmp_path: Path, lines: str) -> Definition:
    text = f'[data]\nname = "digits"\n[search]\nstrategy = "random"\ntrials = 5\n[space]\n{lines}\n'
    return load_definition(written(tmp_path, text))


def test_everything_given_is_taken_and_the_rest_has_its_default(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    definition = load_definition(path)
    assert (definition.name, definition.description, definition.origin, definition.text) == (
        "mine",
        "What is best?",
        path,
        TEXT,
    )
    assert (definition.data.name, definition.data.split_seed, definition.data.test, definition.data.scaling) == (
        "digits",
        3,
        0.2,
        "auto",
    )
    assert definition.fixed == {
        "hidden": (50, 50),
        "batch_normalization": True,
        "epochs": 5,
        "weight_decay.strength": 1e-4,
    }
    search = definition.search
    assert (search.strategy, search.trials, search.replicates, search.seed) == ("random", 7, 2, None)
    assert (search.objective, search.direction, search.objective_at) == ("validation/accuracy", "maximize", "last")
    assert search.options == {"sampling": "sobol"}
    axes = {axis.name: axis for axis in definition.space.axes}
    assert axes["optimizer"] == Choice("optimizer", ("sgd", "momentum"))
    rate, momentum = axes["learning_rate"], axes["momentum"]
    assert isinstance(rate, Range)
    assert (rate.low, rate.high, rate.log, type(rate.high)) == (1e-3, 1.0, True, float)
    assert isinstance(momentum, Range)
    assert momentum.step == 0.1
    assert dict(momentum.when) == {"optimizer": ("momentum", "nesterov"), "dropout": (0.0,)}
    assert axes["dropout"] == Choice("dropout", (0.0, 0.5))
    assert axes["batch_size"] == Choice("batch_size", (32,))


def test_names_with_dots_may_be_written_in_three_ways(tmp_path: Path) -> None:
    ways = (
        '"weight_decay.strength" = { low = 1e-6, high = 1e-2, scale = "log" }\n"weight_decay.norm" = ["l1", "l2"]',
        'weight_decay.strength = { low = 1e-6, high = 1e-2, scale = "log" }\nweight_decay.norm = ["l1", "l2"]',
        '[space.weight_decay]\nstrength = { low = 1e-6, high = 1e-2, scale = "log" }\nnorm = ["l1", "l2"]',
    )
    first, *others = [space_of(tmp_path, lines) for lines in ways]
    assert {axis.name for axis in first.space.axes} == {"weight_decay.strength", "weight_decay.norm"}
    assert all(other.digest() == first.digest() for other in others)


def test_a_flag_that_is_also_a_group_may_be_searched_with_its_parts(tmp_path: Path) -> None:
    lines = '"batch_normalization" = [false, true]\n"batch_normalization.epsilon" = { low = 1e-8, high = 1e-3 }'
    definition = space_of(tmp_path, lines)
    assert definition.space.at([0.0, 0.5]) == Point({"batch_normalization": False})
    assert set(definition.space.at([0.9, 0.5])) == {"batch_normalization", "batch_normalization.epsilon"}


def test_lists_of_layers_by_choice_and_by_depth_and_width(tmp_path: Path) -> None:
    listed = space_of(tmp_path, "hidden = [[50], [100, 100]]").space
    assert listed.axes == (Choice("hidden", ((50,), (100, 100))),)
    ranged = space_of(
        tmp_path, "hidden = { depth = { low = 1, high = 3 }, width = { low = 16, high = 64, scale = 'log', step = 2 } }"
    ).space
    assert ranged.count == 9
    assert ranged.at([0.9, 0.5]) == Point({"hidden": (32, 32, 32)})
    mixed = space_of(tmp_path, "hidden = { depth = 2, width = [50, 100] }").space
    assert mixed.at([0.5, 0.9]) == Point({"hidden": (100, 100)})


def test_default_takes_what_is_declared(tmp_path: Path) -> None:
    definition = space_of(
        tmp_path,
        'activation = "default"\nbatch_normalization = "default"\ndropout = "default"\nlearning_rate = "default"',
    )
    axes = {axis.name: axis for axis in definition.space.axes}
    assert {"sigmoid", "tanh", "relu"} <= set(
        axes["activation"].values if isinstance(axes["activation"], Choice) else ()
    )
    assert axes["batch_normalization"] == Choice("batch_normalization", (False, True))
    dropout, rate = axes["dropout"], axes["learning_rate"]
    assert isinstance(dropout, Range)
    assert isinstance(rate, Range)
    assert dropout.low == 0
    assert 0.99 < dropout.high < 1
    assert rate.log


def test_conditions_on_what_is_fixed_or_left_at_its_default(tmp_path: Path) -> None:
    definition = space_of(
        tmp_path, 'dropout = { low = 0.1, high = 0.5, when = { optimizer = "adam", batch_normalization = false } }'
    )
    assert set(definition.space.at([0.5])) == {"dropout"}


def test_every_point_of_a_definition_forms_its_trials(tmp_path: Path) -> None:
    definition = load_definition(written(tmp_path, TEXT))
    strategy = make_strategy(definition.search, definition.space, seed=1)
    keys = set()
    while isinstance(proposal := strategy.ask(), Proposal):
        keys |= {trial.key for trial in form_trials(definition, proposal.point, data_digest="d")}
    assert len(keys) == 7 * 2


@pytest.mark.parametrize("name", shipped())
def test_shipped_definitions_load_and_propose(name: str) -> None:
    definition = load_definition(name)
    assert definition.name == name
    assert definition.description.strip()
    assert definition.origin == f"{name}.toml"
    proposal = make_strategy(definition.search, definition.space, seed=0).ask()
    assert isinstance(proposal, Proposal)
    assert form_trials(definition, proposal.point, data_digest="d")
    assert json.loads(json.dumps(definition.canonical())) == definition.canonical()


def test_a_file_beside_a_shipped_name_is_read_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, TEXT, "digits")
    assert load_definition("digits").name == "digits"
    assert load_definition("./digits").name == "mine"


def test_without_a_name_the_file_gives_it(tmp_path: Path) -> None:
    assert load_definition(written(tmp_path, TEXT.replace('name = "mine"', ""), "other.toml")).name == "other"


def test_overrides_replace_and_add(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    overrides = [
        ("data.name", "wine"),
        ("search.trials", "3"),
        ("search.seed", "11"),
        ("training.weight_decay.strength", "0"),
        ("space.learning_rate", "{ low = 0.1, high = 0.2 }"),
        ("space.initializer", '["he", "xavier"]'),
        ("name", "renamed"),
    ]
    definition = load_definition(path, overrides)
    assert (definition.name, definition.data.name, definition.search.trials, definition.search.seed) == (
        "renamed",
        "wine",
        3,
        11,
    )
    assert definition.fixed["weight_decay.strength"] == 0.0
    axes = {axis.name: axis for axis in definition.space.axes}
    assert getattr(axes["learning_rate"], "low", None) == 0.1
    assert "initializer" in axes


def test_the_last_override_of_a_key_counts(tmp_path: Path) -> None:
    assert load_definition(written(tmp_path, TEXT), [("search.trials", "3"), ("search.trials", "4")]).search.trials == 4


def test_the_digest_is_that_of_the_meaning(tmp_path: Path) -> None:
    plain = load_definition(written(tmp_path, TEXT))
    rewritten = (
        TEXT.replace("What is best?", "Other words")
        .replace("[50, 50]", "[\n  50,  # a comment\n  50,\n]")
        .replace("1e-4", "0.0001")
    )
    assert load_definition(written(tmp_path, rewritten)).digest() == plain.digest()
    assert load_definition(written(tmp_path, TEXT), [("search.trials", "8")]).digest() != plain.digest()


def test_differences_name_what_changed(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    old = load_definition(path).canonical()
    new = load_definition(
        path, [("search.trials", "8"), ("space.learning_rate", "{ low = 0.01, high = 1.0 }"), ("description", "'x y'")]
    ).canonical()
    assert differences(old, new) == ("search.trials: 7 -> 8", "space.learning_rate.low: 0.001 -> 0.01")
    assert differences(old, json.loads(json.dumps(old))) == ()


def test_paths_are_absolute_and_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "my.csv").write_text("a,b\n")
    data = '[data]\nname = "csv"\npath = "my.csv"\ntarget = "b"\n'
    text = data + '[search]\nstrategy = "random"\ntrials = 1\n[space]\ndropout = [0, 0.5]\n'
    path = written(tmp_path / "there", text)
    monkeypatch.chdir(tmp_path)
    expected = str((tmp_path / "there" / "my.csv").resolve())
    assert load_definition(path).data.path == expected
    assert load_definition(path, [("data.path", "there/my.csv")]).data.path == expected
    assert load_definition(path, [("data.task", "regression")]).data.task == "regression"


def test_a_plugin_beside_the_definition_adds_names(tmp_path: Path) -> None:
    (tmp_path / "my_lab_calm.py").write_text(PLUGIN)
    text = (
        'plugins = ["my_lab_calm"]\n' + TEXT.replace('"sgd", "momentum"', '"sgd", "calm"') + "calmness = [0.1, 0.9]\n"
    )
    path = written(
        tmp_path,
        text.replace("momentum = {", "beta1 = {").replace('"sgd"', '"adam"').replace("high = 1 ", "high = 0.1 "),
    )
    told = loaded_elsewhere(
        path, "(d.plugins, len(d.plugins_digest), [a.when for a in d.space.axes if a.name == 'calmness'])"
    )
    assert told == "(('my_lab_calm',), 64, [(('optimizer', ('calm',)),)])"


def test_what_one_optimizer_allows_and_another_refuses_is_told(tmp_path: Path) -> None:
    """The bounds of a shared name are the widest; the model judges combinations."""
    (tmp_path / "my_lab_calm.py").write_text(PLUGIN)
    text = 'plugins = ["my_lab_calm"]\n' + TEXT.replace('"sgd", "momentum"', '"momentum", "calm"')
    path = written(tmp_path, text)
    told = loaded_elsewhere(path, "")
    assert told == f"{path}:22: space.learning_rate: expected a number from 0.0001 to 0.1, got 1.0 for optimizer calm"


def test_a_plugin_that_declares_nonsense_is_told(tmp_path: Path) -> None:
    (tmp_path / "my_lab_calm.py").write_text(PLUGIN.replace(" = 0.5", ""))
    path = written(tmp_path, 'plugins = ["my_lab_calm"]\n' + TEXT)
    told = loaded_elsewhere(path, "")
    assert told.startswith(f"{path}:1: plugins: ")
    assert "calmness" in told


PLUGIN = """
from dataclasses import dataclass
from typing import Annotated
from model.optimizers import OPTIMIZERS, Optimizer
from model.registry import Hyper

@OPTIMIZERS.register("calm", source="a test")
@dataclass(frozen=True, kw_only=True)
class Calm(Optimizer):
    "Calm"
    learning_rate: Annotated[float, Hyper(1e-4, 0.1, scale="log", doc="step size")] = 0.01
    calmness: Annotated[float, Hyper(0.0, 1.0, doc="how calm")] = 0.5
"""


def loaded_elsewhere(path: str, expression: str) -> str:
    """What the expression of the definition `d` gives in a process of its own, where a plugin stays among itself."""
    code = f"""
from sweeps.definition import DefinitionError, load_definition
try:
    d = load_definition({path!r})
    print({expression})
except DefinitionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout.strip()


def test_a_missing_file_lists_what_there_is() -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition("digit")
    assert str(refused.value).startswith("digit: no such file; shipped definitions: ")
    assert str(refused.value).endswith("did you mean `digits`?")
