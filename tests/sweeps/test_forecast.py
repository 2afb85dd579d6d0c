"""The forecast of `sweep check`: what it counts exactly, and how it depends on what it is given.

How near its seconds and bytes are to those of real sweeps is measured by tests/benchmarks/forecast.py.
"""

from __future__ import annotations

import json

import pytest

from model.datasets import load
from model.specification import Specification
from model.splitting import split
from model.training import train
from sweeps.cli import forecast as module
from sweeps.cli.forecast import Measured, forecast, measure

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
