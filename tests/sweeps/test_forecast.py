"""The forecast of `sweep check`: what it counts exactly, and how it depends on what it is given.

How near its seconds and bytes are to those of real sweeps is measured by tests/benchmarks/forecast.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.datasets import load
from model.specification import Specification
from model.splitting import split
from model.training import train
from sweeps.cli import forecast as module
from sweeps.cli.forecast import (
    Measured,
    epochs_of_a_trial,
    first_points,
    forecast,
    measure,
    timed_points,
    trials_within,
)
from sweeps.definition import Definition, parse_definition
from sweeps.procedure import Procedure

GRID = """
[data]
name = "digits"
[search]
strategy = "grid"
confirm = 0
[space]
epochs = [1, 100]
learning_rate = { low = 1e-4, high = 1.0, scale = "log", points = 30 }
"""
SHORT = Measured(seconds=0.1, values=300, bytes=20_000, network=10_000)


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"hidden": [8], "epochs": 1},
        {"hidden": [8, 8, 8], "epochs": 2, "batch_normalization": True},
        {"hidden": [20], "epochs": 40, "optimizer": "adam"},
    ],
)
def test_a_few_epochs_tell_how_many_numbers_a_whole_training_records(hyperparameters: dict[str, object]) -> None:
    parts = split(load("digits"))
    specification = Specification(hyperparameters)
    (found,) = measure([specification], parts)
    records = [record.to_dict() for record in train(specification, parts)]
    assert found.values == sum(len(record["metrics"]) for record in records)
    assert found.bytes == pytest.approx(sum(len(json.dumps(record)) for record in records), rel=0.1)


def test_more_trials_take_longer_and_more_slots_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pace", lambda: 1.0)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    one, two, four = (forecast([SHORT], 100, slots) for slots in (1, 2, 4))
    assert one.training > two.training > four.training > one.training / 5
    assert one.training >= 100 * SHORT.seconds
    assert forecast([SHORT], 200, 2).training > 1.9 * two.training
    assert forecast([SHORT, Measured(1.0, 300, 20_000, 10_000)], 100, 2).training > 5 * two.training
    assert two.seconds > two.training
    assert forecast([SHORT], 200, 2).disk > 1.8 * two.disk


def test_where_slots_and_what_stands_beside_them_share_cores_it_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pace", lambda: 1.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    crowded = forecast([SHORT], 100, 2).training
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert crowded > 1.3 * forecast([SHORT], 100, 2).training


def epochs_each(made: Definition) -> tuple[float, bool]:
    timed = timed_points(made, first_points(Procedure(made, 0)))
    return epochs_of_a_trial(made, Procedure(made, 0).planned, timed)


def test_the_epochs_of_a_whole_grid_are_counted_and_its_timed_points_spread() -> None:
    made = parse_definition(GRID, "mine.toml", Path())
    assert Procedure(made, 0).planned == 60
    mean, exact = epochs_each(made)
    assert (60 * mean, exact) == (3030, True)
    epochs = [each.point["epochs"] for each in timed_points(made, first_points(Procedure(made, 0)))]
    assert len(epochs) == 24
    assert 9 <= epochs.count(1) <= 15


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"grid"', '"random"\ntrials = 60'),  # which points are drawn is not known
        ("confirm = 0", "confirm = 5"),  # nor which ones are the best
    ],
)
def test_where_epochs_depend_on_chance_or_results_their_number_is_an_estimate(old: str, new: str) -> None:
    made = parse_definition(GRID.replace(old, new), "mine.toml", Path())
    mean, exact = epochs_each(made)
    assert 20 < mean < 80
    assert not exact


def test_epochs_that_are_given_are_exact_however_the_rest_is_searched() -> None:
    text = GRID.replace('"grid"', '"random"\ntrials = 60').replace("epochs = [1, 100]", "dropout = [0.0, 0.5]")
    made = parse_definition(text + "[training]\nepochs = 7\n", "mine.toml", Path())
    assert epochs_each(made) == (7, True)


def test_what_fits_into_some_seconds_is_forecast_to_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pace", lambda: 1.0)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    one, four = (trials_within([SHORT], 60, slots) for slots in (1, 4))
    assert one < four
    assert forecast([SHORT], one, 1).training == pytest.approx(60, rel=0.02)
    assert forecast([SHORT], four, 4).training == pytest.approx(60, rel=0.02)
    assert trials_within([SHORT], 1e-3, 1) == 1
