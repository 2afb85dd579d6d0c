"""Comparisons as MLflow would give them back: told, not trained. Confirmations end with a validation loss below that of
every searched trial, so that whoever takes them for searched trials is caught.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sweeps.tracking import ExecutionRecord
from tests.sweeps.report_records import OPTIMIZER, RATES, execution, told

TESTED = {"sgd": 0.930, "momentum": 0.970, "adam": 0.9705}  # mean test accuracy when confirmed
CLASSES = [str(digit) for digit in range(10)]
LEVELS = ["sgd", "momentum", "adam"]


def section(levels: list[dict[str, Any]], factor: str, **given: Any) -> dict[str, Any]:
    """[comparison] as a definition's canonical form has it."""
    return {
        "factor": factor,
        "levels": levels,
        "trials_per_level": 4,
        "repeats": 1,
        "confirm": 3,
        "measure": "",
        **given,
    }


def confirmed(
    point: Mapping[str, Any], score: float | None, *, replicate: int, rank: int = 1, **role: Any
) -> dict[str, Any]:
    """A confirmed training; without a score it diverged."""
    status = "finished" if score is not None else "diverged"
    made = told(point, 0.02 + 0.001 * replicate if score is not None else None, replicate=replicate, status=status)
    for place, record in enumerate(made["records"]):
        record["metrics"] |= {"train/accuracy": 0.2 * place, "validation/accuracy": 0.19 * place, "seconds/epoch": 0.5}
    if score is not None:
        made["records"][-1]["metrics"] |= {"test/accuracy": score, "test/loss": 1.0 - score}
    return {**made, "stage": "confirmation", "reason": {"kind": "confirmation", "rank": rank}, **role}


def compared(
    name: str = "optimizers-1", *, repeats: int = 6, lost: Mapping[tuple[str, int], int] | None = None, **given: Any
) -> ExecutionRecord:
    """Three optimizers, each tuned over its learning rate in some repeats; `lost`: of a level and repeat, how many of
    its three confirmations diverged (4: its search found no point at all).
    """
    lost = lost or {}
    trials = [*_searched(repeats, lost), *_confirmed(repeats, lost)]
    levels = [{"name": level, "values": {"optimizer": level}} for level in LEVELS]
    definition = section(levels, "optimizer", repeats=repeats, **given)
    space: list[dict[str, Any]] = [{"name": "optimizer", "choices": LEVELS}, RATES]
    return with_comparison(execution(name, trials, space), definition)


def _searched(repeats: int, lost: Mapping[tuple[str, int], int]) -> Iterator[dict[str, Any]]:
    for repeat in range(repeats):
        for trial in range(4):
            for place, level in enumerate(LEVELS):
                rate = 10.0 ** -(1 + (trial + place + repeat) % 3) * (1 + trial / 8)
                gone = lost.get((level, repeat)) == 4
                value = None if gone else 0.5 - 0.05 * trial - 0.02 * place + 0.01 * repeat
                made = told(
                    {"optimizer": level, "learning_rate": rate}, value, status="diverged" if gone else "finished"
                )
                yield {**made, "stage": "search", "level": level, "repeat": repeat, "replicate": repeat}


def _confirmed(repeats: int, lost: Mapping[tuple[str, int], int]) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(6)
    for repeat in range(repeats):
        for place, level in enumerate(LEVELS):
            if lost.get((level, repeat)) == 4:
                continue
            rate = 10.0 ** -(1 + (3 + place + repeat) % 3) * (1 + 3 / 8)
            for each in range(3):
                score = None if each < lost.get((level, repeat), 0) else TESTED[level] + float(rng.normal(0, 0.004))
                replicate = repeats + 3 * repeat + each
                point = {"optimizer": level, "learning_rate": rate}
                yield confirmed(point, score, replicate=replicate, level=level, repeat=repeat)


def settings() -> ExecutionRecord:
    """Three partial points with nothing to tune."""
    values: dict[str, dict[str, Any]] = {
        "none": {"dropout": 0.0},
        "l2": {"weight_decay.norm": "l2"},
        "half": {"dropout": 0.5},
    }
    means = {"none": 0.94, "l2": 0.941, "half": 0.90}
    rng = np.random.default_rng(2)
    trials = [
        confirmed(values[level], means[level] + float(rng.normal(0, 0.003)), replicate=replicate, level=level)
        for level in values
        for replicate in range(8)
    ]
    levels = [{"name": level, "values": each} for level, each in values.items()]
    return with_comparison(execution("reg-1", trials, []), section(levels, "regularization", confirm=8))


def plain(scores: Mapping[int, Sequence[float]] | None = None) -> ExecutionRecord:
    """A search of ten points whose three best were confirmed on five replicates; `scores`: those of each rank."""
    points = [{"optimizer": ("sgd", "adam")[place % 2], "learning_rate": 0.01 * (place + 1)} for place in range(10)]
    trials = [told(point, 0.10 + 0.02 * place) for place, point in enumerate(points)]
    rng = np.random.default_rng(3)
    for rank in (1, 2, 3):
        drawn = [0.97 - 0.02 * (rank == 3) + float(rng.normal(0, 0.002)) for _ in range(5)]
        for replicate, score in enumerate(drawn if scores is None else scores[rank], 1):
            trials.append(
                {
                    **confirmed(points[rank - 1], score, replicate=replicate, rank=rank),
                    "value": 0.15 + 0.001 * replicate,
                }
            )
    return with_comparison(execution("plain-1", trials, [OPTIMIZER, RATES]), None)


def with_comparison(record: ExecutionRecord, comparison: dict[str, Any] | None) -> ExecutionRecord:
    definition = {**record.document["definition"], **({} if comparison is None else {"comparison": comparison})}
    data = {**record.document["data"], "classes": CLASSES}
    used = {"executions": ["optimizers-1", "other-3"], "trainings": 81}
    document = {
        **record.document,
        "definition": definition,
        "measure": "test/accuracy",
        "data": data,
        "test_part": used,
    }
    return ExecutionRecord(record.name, record.run_id, record.experiment_id, document, record.trials)
