"""What a sweep will take, from a few measured epochs: seconds of the whole command, and bytes of disk.

What training costs is measured here and now; what a trial costs beside it is known from `tests/benchmarks/forecast.py`,
which also shows how far the forecast is from what the shipped sweeps take.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.records import EpochRecord
    from model.specification import Specification
    from model.splitting import Split
    from sweeps.definition import Definition
    from sweeps.procedure import Assignment, Procedure
    from sweeps.space import Point
    from sweeps.strategies import Outcome

    Warm = Sequence[tuple[Point, Outcome]]

MEASURED_POINTS = 24  # at most
COUNTED_POINTS = 100_000  # of a grid whose epochs are counted one by one; of a larger one they are estimated
_MEASURED_SECONDS = 4.0  # of training for all of them together; each has one epoch at least

# Seconds, on a machine whose `pace` is 1.
_START, _FIRST_TRIAL = 5.0, 2.0  # of Ray and MLflow, and of the processes that train
_TRIAL = 0.035  # of a core, for each trial: the driver, Ray, MLflow's run, pictures and files
_VALUE = 0.9e-4  # of a core, for each number of an epoch record
_END, _END_TRIAL = 4.0, 0.004  # the report and MLflow's last runs
_TOGETHER = 1.1  # how much longer trainings take that share caches and memory with others
_PACE = 0.010  # seconds of the loop that `pace` times, where it is 1

# Bytes.
_DISK, _DISK_TRIAL = 2_000_000, 40_000  # the store and the report; MLflow's rows and pictures of each trial
_DISK_VALUE = 310  # of MLflow's rows for each number
_NETWORKS = 10  # that were the best when they ended, and are kept


@dataclass(frozen=True)
class Measured:
    """A trial by its first epochs: how long all of it would take alone, how many numbers its records hold, their bytes
    as JSON, and those of the network's parameters."""

    seconds: float
    values: int
    bytes: int
    network: int


@dataclass(frozen=True)
class Forecast:
    """Of a sweep: seconds of the whole command, of them those while trials run, and bytes on the disk."""

    seconds: float
    training: float
    disk: float


def first_points(procedure: Procedure) -> list[Assignment]:
    """What it asks for before it is told anything: MEASURED_POINTS, or as many as it has."""
    from sweeps.procedure import Assignment

    answers = (procedure.ask() for _ in range(MEASURED_POINTS))
    return [answer for answer in answers if isinstance(answer, Assignment)]


def timed_points(definition: Definition, first: list[Assignment], seed: int = 0, warm: Warm = ()) -> list[Assignment]:
    """Points that stand for all: the `first` ones, of a grid as many spread over it, for its own first ones share the
    value of its slowest axis."""
    from sweeps.procedure import Procedure

    if "grid" not in _strategies(definition):
        return first
    trials = min(MEASURED_POINTS, definition.search.trials or MEASURED_POINTS)
    spread = replace(definition, search=replace(definition.search, trials=trials))
    return first_points(Procedure(spread, seed, warm=warm))


def epochs_of_a_trial(
    definition: Definition, planned: int | None, timed: list[Assignment], warm: Warm = ()
) -> tuple[float, bool]:
    """How many epochs a trial has in the mean, and whether that is exact: counted over a whole grid, or always the
    same. Else it is that of the `timed` points."""
    from sweeps.procedure import Assignment, Procedure

    trials = epochs = 0
    levels = definition.comparison.levels if definition.comparison is not None else ()
    varied = "epochs" in definition.space.names or any("epochs" in level.values for level in levels)
    counted = _strategies(definition) == {"grid"} and planned is not None and planned <= COUNTED_POINTS
    asked = timed
    if varied and counted:
        asked, procedure = [], Procedure(definition, 0, warm=warm)
        while isinstance(answer := procedure.ask(), Assignment):
            asked.append(answer)
    for each in asked:
        trials += len(each.replicates)
        epochs += len(each.replicates) * _epochs(definition, each.point)
    # What is confirmed is not known before the grid has been searched.
    return epochs / max(trials, 1), not varied or (counted and trials == planned)


def forecast(measured: Sequence[Measured], trials: int, slots: int) -> Forecast:
    """What so many trials like these take, `slots` of them at a time."""
    factor = pace()
    values, size, network = (_mean(measured, name) for name in ("values", "bytes", "network"))
    training = trials * _seconds_each(measured, slots, factor) + _trained(measured, slots) / 2
    seconds = factor * (_START + _FIRST_TRIAL + _END + _END_TRIAL * trials) + training
    disk = _DISK + _NETWORKS * network + trials * (_DISK_TRIAL + _DISK_VALUE * values + 2 * size)
    return Forecast(seconds, training, disk)


def trials_within(measured: Sequence[Measured], seconds: float, slots: int) -> int:
    """About how many trials like these a search of so many seconds trains, `slots` of them at a time."""
    return max(1, round(seconds / _seconds_each(measured, slots, pace())))


def measure(specifications: Sequence[Specification], parts: Split) -> list[Measured]:
    """Train a few epochs of each."""
    left, found = _MEASURED_SECONDS, list[Measured]()
    _measure(specifications[0], parts, 0.0)  # the first of a process also waits for what is loaded and allocated once
    for number, specification in enumerate(specifications):
        begun = time.perf_counter()
        found.append(_measure(specification, parts, left / (len(specifications) - number)))
        left = max(0.0, left - (time.perf_counter() - begun))
    return found


def _measure(specification: Specification, parts: Split, patience: float) -> Measured:
    from model.training import Training

    begun = time.perf_counter()
    training = Training(specification, parts)
    records = [next(training)]
    ready = time.perf_counter()
    for record in training:
        records.append(record)
        if time.perf_counter() - begun > patience:
            break
    epochs, pictured = int(specification.hyperparameters["epochs"]), specification.recorded_epochs()
    an_epoch = (time.perf_counter() - ready) / max(len(records) - 1, 1)
    with_picture = records[0]  # always one
    without = next((record for record in records if record.epoch not in pictured), records[-1])
    plain = epochs + 1 - len(pictured)
    values, size = (count(with_picture) * len(pictured) + count(without) * plain for count in (_values, _size))
    return Measured(ready - begun + an_epoch * epochs, values, size, training.network.parameters.nbytes)


def _seconds_each(measured: Sequence[Measured], slots: int, factor: float) -> float:
    """By how much a sweep is longer for each trial; `factor` is the machine's pace."""
    trained, beside = _trained(measured, slots), factor * (_TRIAL + _VALUE * _mean(measured, "values"))
    # What is done beside the trainings has cores of its own where there are more of them than slots.
    return max(trained / slots, (trained + beside) / (os.cpu_count() or 1))


def _trained(measured: Sequence[Measured], slots: int) -> float:
    return _mean(measured, "seconds") * (_TOGETHER if slots > 1 else 1.0)


def _mean(measured: Sequence[Measured], name: str) -> float:
    return statistics.fmean(getattr(each, name) for each in measured)


def _strategies(definition: Definition) -> set[str]:
    """The strategies that search: one, or those of a comparison's levels."""
    levels = definition.comparison.levels if definition.comparison is not None else ()
    return {level.strategy or definition.search.strategy for level in levels} or {definition.search.strategy}


def _epochs(definition: Definition, point: Mapping[str, object]) -> int:
    """The epochs of a trial at a point, without forming its whole specification."""
    from model.hyperparameters import hyperparameters

    return int(str(point.get("epochs", definition.fixed.get("epochs", hyperparameters()["epochs"].default))))


def _values(record: EpochRecord) -> int:
    return len(record.metrics)


def _size(record: EpochRecord) -> int:
    return len(json.dumps(record.to_dict(), separators=(",", ":")))


def pace() -> float:
    """How long this machine takes for plain Python, as a multiple of the machine where the constants were measured."""
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        for number in range(600):
            rows = [{"key": f"loss/{each}", "value": each / 7, "step": number} for each in range(10)]
            json.loads(json.dumps(rows))
        found.append(time.perf_counter() - begun)
    return min(found) / _PACE
