"""What a sweep will take, from a few measured epochs: seconds of the whole command, and bytes of disk.

What training costs is measured here and now; what a trial costs beside it is known from `tests/benchmarks/forecast.py`,
which also shows how far the forecast is from what the shipped sweeps take.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.records import EpochRecord
    from model.specification import Specification
    from model.splitting import Split
    from sweeps.procedure import Assignment, Procedure

MEASURED_POINTS = 24  # at most
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


def forecast(measured: Sequence[Measured], trials: int, slots: int) -> Forecast:
    """What so many trials like these take, `slots` of them at a time."""
    factor, cores = pace(), os.cpu_count() or 1
    alone, values, size, network = (
        statistics.fmean(getattr(each, name) for each in measured) for name in ("seconds", "values", "bytes", "network")
    )
    trained = alone * (_TOGETHER if slots > 1 else 1.0)
    beside = factor * (_TRIAL + _VALUE * values)
    # What is done beside the trainings has cores of its own where there are more of them than slots.
    training = max(trials * trained / slots, trials * (trained + beside) / cores) + trained / 2
    seconds = factor * (_START + _FIRST_TRIAL + _END + _END_TRIAL * trials) + training
    disk = _DISK + _NETWORKS * network + trials * (_DISK_TRIAL + _DISK_VALUE * values + 2 * size)
    return Forecast(seconds, training, disk)


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
