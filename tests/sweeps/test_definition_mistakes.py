"""Wrong keys and values of a definition: each mistake with its line and its words, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.definition import DefinitionError, load_definition, require_batches_within, require_objective_of
from tests.sweeps.definitions_refused import GOOD, line_of, refused

# what is replaced, by what, at which part the mistake is seen, and what it says
# fmt: off
CASES = [
    ('"digits"', '"digit"', 'name = "digit"', "data.name: expected one of digits, wine, ", "did you mean `digits`?"),
    ('"digits"', "7", "name = 7", "data.name: expected one of digits", "got 7"),
    ("[data]", "[dta]", "[dta]",
     "dta: unknown section, allowed: name, description, plugins, data", "did you mean `data`?"),
    ("[data]", "optimzer = 1\n[data]", "optimzer", "optimzer: unknown key, ", "did you mean `optimizer`?"),
    ("[data]", "optimizer = 1\n[data]", "optimizer =", "optimizer: unknown", "it belongs into [training] or [space]"),
    ("hidden =", "hiden =", "hiden", "model.hiden: unknown hyper-parameter, allowed: ", "did you mean `hidden`?"),
    ("hidden = [50, 50]", "hidden = [50, 0]", "hidden",
     "model.hidden: expected a list of integers from 1 to 65536, got [50, 0]"),
    ("hidden = [50, 50]", "hidden = [[50]]", "hidden", "model.hidden: expected a list of integers from 1 to 65536"),
    ("epochs = 5", "epochs = 5.0", "epochs", "training.epochs: expected an integer from 1 to 100000, got 5.0"),
    ("epochs = 5", "epochs = true", "epochs", "training.epochs: expected an integer from 1 to 100000, got true"),
    ("epochs = 5", 'epochs = "5"', "epochs", 'training.epochs: expected an integer from 1 to 100000, got "5"'),
    ("epochs = 5", "epochs = 99999999999999999999999", "epochs",
     "training.epochs: expected an integer from 1 to 100000"),
    ("epochs = 5", "epochs = 5\nhidden = [5]", "hidden = [5]", "training.hidden: hidden belongs into [model]"),
    ("epochs = 5", "epochs = 5\nlearning_rate = 0.1", "learning_rate = 0.1", "is given here and searched in [space]"),
    ("epochs = 5", "epochs = 5\nbeta1 = 0.5\noptimizer = 'sgd'", "optimizer = 'sgd'", "is given here and searched"),
    ("epochs = 5", "epochs = 5\nweight_decay.norm = 'l1'", "weight_decay.norm",
     "training.weight_decay.norm: has no effect: it matters only where weight_decay.strength is switched on"),
    ("epochs = 5", "epochs = 1979-05-27", "epochs", "training.epochs: expected an integer"),
    ('"random"', '"randm"', 'strategy = "randm"',
     "search.strategy: expected one of random, ", "did you mean `random`?"),
    ('"random"', '"sobol"', 'strategy = "sobol"',
     "search.strategy: expected one of random, ", 'it is search.sampling = "sobol" of random'),
    ("trials = 7", "trials = 0", "trials = 0", "search.trials: expected a whole number from 1 to 1,000,000, got 0"),
    ("trials = 7", "trials = true", "trials", "search.trials: expected a whole number, got true (true/false)"),
    ("trials = 7", "trails = 7", "trails", "search.trails: unknown key, allowed: ", "did you mean `trials`?"),
    ("trials = 7", "", "[search]", "search.trials: is missing: the number of points to try"),
    ("trials = 7", "trials = 7\npoints = 4", "points",
     "search.points: is an option of grid, random_then_grid, not of random"),
    ("trials = 7", 'trials = 7\nobjective = "test/loss"', "objective",
     "search.objective: expected one of validation/loss, "),
    ("trials = 7", 'trials = 7\nobjective = "accuracy"', "objective",
     "search.objective: expected one of validation/loss, ", "did you mean `validation/accuracy`?"),
    ("trials = 7", "trials = 7\nseed = -1", "seed", "search.seed: expected a whole number from 0 to "),
    ("trials = 7", "trials = 7\nreplicates = nan", "replicates",
     "search.replicates: expected a whole number, got nan"),
    ('"adam"]', '"adamm"]', "optimizer",
     "space.optimizer: expected one of sgd, momentum, ", 'got "adamm", did you mean `adam`?'),
    ('"adam"]', '"sgd"]', "optimizer", 'space.optimizer: "sgd" is listed twice'),
    ('"adam"]', "true]", "optimizer", "space.optimizer: expected one of", "got true"),
    ('["sgd", "momentum", "adam"]', "[]", "optimizer",
     "space.optimizer: expected a list of at least one value, got []"),
    ('["sgd", "momentum", "adam"]', "{ low = 1, high = 2 }", "optimizer",
     "space.optimizer: expected a list of values, not a range"),
    ("low = 1e-3", "points = 3, step = 10.0, low = 1e-3", "learning_rate",
     "space.learning_rate.points: either step or points: a grid takes every step"),
    ('["sgd", "momentum", "adam"]', '{ choices = ["sgd", "momentum", "adam"], points = 2 }', "optimizer",
     "space.optimizer: either choices or a range, not both (points)"),
    ("low = 1e-3", "low = 1.0", "learning_rate",
     "space.learning_rate: low must be below high, got low 1.0 and high 1.0"),
    ("low = 1e-3", "low = 2", "learning_rate",
     "space.learning_rate: low must be below high, got low 2.0 and high 1.0"),
    ("low = 1e-3", "low = 0", "learning_rate",
     "space.learning_rate.low: expected a number from 1e-10 to 1e+06, got 0"),
    ("low = 1e-3", "low = nan", "learning_rate", "space.learning_rate.low: expected a number from", "got nan"),
    ("high = 1.0", "high = inf", "learning_rate", "space.learning_rate.high: expected a number from", "got inf"),
    ("low = 1e-3", "min = 1e-3", "learning_rate",
     "space.learning_rate.min: unknown key, allowed: low, high, ", "did you mean `low`?"),
    ("dropout = [\n    0.0,\n    0.5,\n]", "dropout = { values = [0.0, 0.5] }", "dropout =",
     "space.dropout.values: unknown key, allowed: low, high, ", "did you mean `choices`?"),
    ("dropout =", "weight_decay =", "weight_decay =",
     "space.weight_decay: stands for several; expected one of weight_decay.norm, weight_decay.strength"),
    ("dropout = [\n    0.0,\n    0.5,\n]", "weight_decay = { low = 0.0, high = 0.5 }", "weight_decay =",
     "space.weight_decay: stands for several; expected one of weight_decay.norm, weight_decay.strength"),
    ("high = 1.0", 'high = "1"', "learning_rate", "space.learning_rate.high: expected a number from", 'got "1"'),
    ('"log" }', '"lgo" }', "learning_rate",
     "space.learning_rate.scale: expected one of linear, log", "did you mean `log`?"),
    ('"log" }', '"log", stp = 2 }', "learning_rate",
     "space.learning_rate.stp: unknown key, allowed: low, high, ", "did you mean `step`?"),
    ('"log" }', '"log", step = 1 }', "learning_rate",
     "space.learning_rate.step: expected a number above 1 and at most 1000 (on a log scale a step multiplies)"),
    ('"log" }', '"log", points = 0 }', "learning_rate",
     "space.learning_rate.points: expected a whole number from 1 to 10000, got 0"),
    ('"log" }', '"log", choices = [1] }', "learning_rate",
     "space.learning_rate: either choices or a range, not both"),
    ("step = 0.1", "step = 0.5", "momentum =",
     "space.momentum.step: expected a number above 0 and at most 0.4, got 0.5"),
    ("step = 0.1", "step = 5e-324", "momentum =", "space.momentum.step: expected a step that makes at most 1,000,"),
    ("step = 0.1", "step = true", "momentum =", "space.momentum.step: expected a number, got true"),
    ('1.0, scale = "log"', '1e-4, scale = "lgo"', "learning_rate", "space.learning_rate: low must be below high"),
    ("step = 0.1", "step = -1", "momentum =", "space.momentum.step: expected a number above 0"),
    ("dropout = [\n    0.0,\n    0.5,\n]", "dropout = { low = 0.0, high = 0.5, step = 0.7 }", "dropout =",
     "space.dropout.step: expected a number above 0 and at most 0.5, got 0.7"),
    ("dropout = [\n    0.0,\n    0.5,\n]", "dropout = { low = 0.0, high = 0.5, step = 0 }", "dropout =",
     "space.dropout.step: expected a number above 0 and at most 0.5, got 0"),
    ('optimizer = ["momentum"] }', 'optimizer = ["rmsprop"] }', "momentum =",
     'space.momentum: has no effect: it matters only where optimizer is "rmsprop"'),
    ('optimizer = ["momentum"] }', 'optimzer = ["momentum"] }', "momentum =",
     "space.momentum.when.optimzer: unknown hyper-parameter, did you mean `optimizer`?"),
    ('optimizer = ["momentum"] }', 'optimizer = ["momentm"] }', "momentum =",
     "space.momentum.when.optimizer: expected one of", "did you mean `momentum`?"),
    ('optimizer = ["momentum"] }', "momentum = 0.9 }", "momentum =",
     "space.momentum.when.momentum: a hyper-parameter cannot depend on itself"),
    ('when = { optimizer = ["momentum"] }', 'when = "momentum"', "momentum =",
     "space.momentum.when: expected a table"),
    ("    0.5,", "    1.0,", "    1.0,", "space.dropout: expected a number from 0 to below 1, got 1.0"),
    ("    0.5,", "    -0.1,", "    -0.1,", "space.dropout: expected a number from 0 to below 1, got -0.1"),
    ("    0.5,", "    true,", "    true,", "space.dropout: expected a number from 0 to below 1, got true"),
    ("    0.5,", "    0,", "    0,", "space.dropout: 0 is listed twice"),
    ("dropout =", "hidden.depth =", "hidden = [50", "given here and searched"),
]
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1] or "left out")
def test_a_mistake_is_told_at_its_line(tmp_path: Path, case: tuple[str, ...]) -> None:
    old, new, seen, *words = case
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    lines = refused(tmp_path, text)
    matching = [line for line in lines if line.startswith(f":{line_of(seen, text)}: ") and words[0] in line]
    assert matching, lines
    assert all(word in matching[0] for word in words)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dropout = [\n    0.0,\n    0.5,\n]", "hidden = [50, 100]"),
        ("dropout = [\n    0.0,\n    0.5,\n]", "weight_decay = { low = 1e-8, high = 1e-3, scale = 'log' }"),
    ],
)
def test_one_mistake_is_told_once(tmp_path: Path, old: str, new: str) -> None:
    text = GOOD.replace("hidden = [50, 50]\n", "").replace(old, new)
    assert len(refused(tmp_path, text)) == 1


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD
    for old, new in (
        ("mine", "../x"),
        ('"digits"', '"digit"'),
        ("epochs = 5", "epochs = 0"),
        ("trials = 7", "trials = 0"),
        ('"adam"]', '"adamm"]'),
        ("    0.5,", "    1.0,"),
    ):
        text = text.replace(old, new, 1)
    told = [line.split(":")[1:3] for line in refused(tmp_path, text)]
    keys = ["name", "data.name", "training.epochs", "search.trials", "space.optimizer", "space.dropout"]
    assert [key.strip() for _, key in told] == keys
    assert [int(line) for line, _ in told] == [1, 5, 11, 15, 18, 23]


def test_a_grid_above_its_cap_is_refused_with_its_number(tmp_path: Path) -> None:
    text = """
[data]
name = "digits"
[search]
strategy = "grid"
[space]
learning_rate = { low = 1e-3, high = 1.0, points = 1000 }
dropout = { low = 0.0, high = 0.5, points = 1000 }
"weight_decay.strength" = { low = 1e-3, high = 1.0, points = 1000 }
"""
    (told,) = refused(tmp_path, text)
    assert told.startswith(":5: search.strategy: the grid has 1,000,000,000 points, allowed are 10,000 (search.cap); ")
    assert "raise search.cap" in told
    (told,) = refused(tmp_path, text, [("search.cap", "100000")])
    assert "allowed are 100,000" in told
    path = tmp_path / "mine.toml"
    assert load_definition(str(path), [("search.trials", "50")]).search.trials == 50


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('["no_such_plugin_at_all"]', "cannot be imported: ModuleNotFoundError"),
        ('["../x"]', "expected the dotted name of a module"),
        ('"mylab"', "expected a list of module names"),
        ("[1]", "expected a list of module names"),
    ],
)
def test_plugins_that_cannot_be_had_are_told(tmp_path: Path, value: str, words: str) -> None:
    lines = refused(tmp_path, f"plugins = {value}\n{GOOD}")
    assert any(line.startswith(":1: plugins: ") and words in line for line in lines)


def test_what_the_data_alone_can_tell_is_told_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        GOOD.replace("trials = 7", 'trials = 7\nobjective = "validation/accuracy"').replace(
            "epochs = 5", "batch_size = 500"
        )
    )
    definition = load_definition(str(path))
    require_batches_within(definition, 500)
    require_objective_of(definition, "classification")
    with pytest.raises(DefinitionError, match=rf"{path}:11: training.batch_size: expected at most 499"):
        require_batches_within(definition, 499)
    with pytest.raises(
        DefinitionError, match=rf"{path}:16: search.objective: digits is a regression, which has no accuracy"
    ):
        require_objective_of(definition, "regression")


SPACE = """[data]
name = "digits"
[search]
strategy = "random"
trials = 9
[space]
"""
STEPS = "batch_size = { low = 2, high = 10, step = 2 }"
RATE = 'learning_rate = { low = 1e-4, high = 1.0, scale = "log" }'
NESTED = """optimizer = ["sgd", "momentum"]
momentum = [0.5, 0.9]"""


@pytest.mark.parametrize(
    ("searched", "when", "why"),
    [
        (STEPS, "batch_size = [3]", "it matters only where batch_size is 3, and here batch_size is searched among"),
        (STEPS, "batch_size = [11]", "it matters only where batch_size is 11, and here"),
        (RATE, "learning_rate = [0.1]", "it matters only where learning_rate is 0.1, and here"),
        (NESTED, 'momentum = 0.5, optimizer = "sgd"', 'momentum is 0.5 and optimizer is "sgd", which is never so at'),
    ],
)
def test_a_condition_that_can_never_hold_is_told(tmp_path: Path, searched: str, when: str, why: str) -> None:
    text = f"{SPACE}{searched}\ndropout = {{ choices = [0.1, 0.2], when = {{ {when} }} }}\n"
    (told,) = refused(tmp_path, text)
    assert told.startswith(f":{line_of('dropout', text)}: space.dropout: has no effect: it matters only where ")
    assert why in told


@pytest.mark.parametrize(
    ("searched", "when", "strategy"),
    [
        (STEPS, "batch_size = [3, 4]", "random"),
        (RATE, "learning_rate = [0.1]", "grid"),  # one of the five values of the grid
        (RATE, "learning_rate = [1.0]", "random"),
        (NESTED, 'momentum = 0.5, optimizer = "momentum"', "random"),
        (NESTED, "momentum = 0.5", "random"),
    ],
)
def test_a_condition_that_can_hold_is_read(tmp_path: Path, searched: str, when: str, strategy: str) -> None:
    path = tmp_path / "mine.toml"
    text = f"{SPACE}{searched}\ndropout = {{ choices = [0.1, 0.2], when = {{ {when} }} }}\n"
    path.write_text(text.replace("random", strategy))
    assert "dropout" in load_definition(str(path)).space.names


def test_a_level_that_is_a_grid_meets_conditions_at_its_values(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = f"{SPACE}{RATE}\ndropout = {{ choices = [0.1, 0.2], when = {{ learning_rate = [0.1] }} }}\n"
    path.write_text(
        text.replace("trials = 9\n", "")
        + '[comparison]\nfactor = "strategy"\nlevels = ["random", "grid"]\ntrials_per_level = 4\n'
    )
    assert "dropout" in load_definition(str(path)).space.names
