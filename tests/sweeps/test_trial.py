"""Trials: what they hold, and when two are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sweeps.definition import Definition, load_definition
from sweeps.space import Grid, Point
from sweeps.trial import form_trial, form_trials

TEXT = """
name = "mine"
[data]
name = "digits"
[training]
epochs = 5
[search]
strategy = "grid"
points = 3
replicates = 3
[space]
optimizer = ["sgd", "momentum", "adam"]
momentum = { low = 0.5, high = 0.9 }
"weight_decay.strength" = [0, 1e-4]
"weight_decay.norm" = ["l1", "l2"]
"""


@pytest.fixture
def definition(tmp_path: Path) -> Definition:
    return written(tmp_path, TEXT)


def written(folder: Path, text: str) -> Definition:
    path = folder / "mine.toml"
    path.write_text(text)
    return load_definition(str(path))


def key(definition: Definition, point: Mapping[str, object], replicate: int = 0, data: str = "d") -> str:
    return form_trial(definition, Point(point), replicate, data_digest=data).key


def test_a_trial_holds_every_hyper_parameter_that_matters_and_no_other(definition: Definition) -> None:
    trial = form_trial(definition, Point({"optimizer": "sgd", "weight_decay.strength": 0.0}), 2, data_digest="d")
    values = trial.specification.hyperparameters
    assert (values["optimizer"], values["epochs"], values["weight_decay.strength"]) == ("sgd", 5, 0.0)
    assert not {"momentum", "beta1", "weight_decay.norm"} & set(values)
    assert {"learning_rate", "initializer", "activation", "hidden", "dropout", "batch_size"} <= set(values)
    assert (trial.replicate, trial.specification.replicate) == (2, 2)
    assert len(trial.key) == 16
    int(trial.key, 16)


def test_a_grid_trains_nothing_twice(definition: Definition) -> None:
    grid = Grid(definition.space, 3)
    trials = [form_trial(definition, grid.point(index), 0, data_digest="d") for index in range(grid.count)]
    # (sgd, adam, momentum with three values) × (no decay, decay with two norms)
    assert len(trials) == 5 * 3
    assert len({trial.key for trial in trials}) == len(trials)


def test_equal_trainings_have_equal_keys_however_they_are_written(tmp_path: Path) -> None:
    point = {"optimizer": "sgd", "weight_decay.strength": 0}
    one = written(tmp_path, TEXT)
    other = TEXT.replace('name = "mine"', 'name = "other"\ndescription = "?"').replace("replicates = 3", "seed = 1")
    two = written(
        tmp_path, other.replace("[training]", '[model]\ninitializer = "he"\n[training]\nlearning_rate = 0.01')
    )
    assert key(one, point) == key(two, {**point, "weight_decay.strength": 0.0})


def test_whatever_changes_a_training_changes_its_key(definition: Definition, tmp_path: Path) -> None:
    point = {"optimizer": "sgd", "weight_decay.strength": 0.0}
    keys = [
        key(definition, point),
        key(definition, {**point, "optimizer": "adam"}),
        key(definition, point, replicate=1),
        key(definition, point, data="e"),
        key(written(tmp_path, TEXT.replace("epochs = 5", "epochs = 6")), point),
        key(written(tmp_path, TEXT.replace('name = "digits"', 'name = "digits"\nsplit_seed = 1')), point),
        key(written(tmp_path, TEXT.replace('name = "digits"', 'name = "digits"\nscaling = "none"')), point),
        form_trial(definition, Point(point), 0, data_digest="d", plugins_digest="p").key,
    ]
    assert len(set(keys)) == len(keys)


def test_a_point_has_one_trial_a_replicate(definition: Definition) -> None:
    point = Point({"optimizer": "adam", "weight_decay.strength": 0.0})
    trials = form_trials(definition, point, data_digest="d")
    assert [trial.replicate for trial in trials] == [0, 1, 2]
    assert len({trial.key for trial in trials}) == 3
    assert [trial.replicate for trial in form_trials(definition, point, (5, 6, 7), data_digest="d")] == [5, 6, 7]


def test_a_specification_survives_json(definition: Definition) -> None:
    trial = form_trial(
        definition,
        Point({"optimizer": "adam", "weight_decay.strength": 1e-4, "weight_decay.norm": "l1"}),
        0,
        data_digest="d",
    )
    again = type(trial.specification).from_json(json.dumps(json.loads(trial.specification.to_json())))
    assert again == trial.specification
