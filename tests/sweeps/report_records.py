"""Executions as MLflow would give them back: real trainings on real data, made in a second without Ray and MLflow."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from model.datasets import load, split
from model.diagnosis import diagnose
from model.specification import Specification
from model.splitting import Split
from model.training import Training
from sweeps.tracking import ExecutionRecord, TrialRecord

HOSTILE = '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script></script>=cmd $x^2$ {{ 7*7 }}'


@lru_cache
def digits(limit: int = 600) -> Split:
    return split(load("digits"), limit=limit)


def trained(point: Mapping[str, Any], fixed: Mapping[str, Any], replicate: int = 0) -> dict[str, Any]:
    """The document of one real training."""
    specification = Specification({**fixed, **point}, replicate=replicate)
    training, begin = Training(specification, digits()), time.perf_counter()
    records = list(training)
    found = diagnose(records, specification)
    value = records[-1].metrics["validation/loss"]
    return trial(
        point,
        replicate=replicate,
        status="diverged" if training.diverged else "finished",
        value=None if training.diverged else value,
        seconds=time.perf_counter() - begin,
        specification=json.loads(specification.to_json()),
        findings=[{"name": f.name, "epoch": f.epoch, "summary": f.summary, "advice": f.advice} for f in found],
        records=[json.loads(json.dumps(record.to_dict())) for record in records],
    )


def trial(point: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    """The document of a trial that is told rather than trained."""
    document = {
        "key": "0123456789abcdef",
        "order": 0,
        "replicate": 0,
        "point": dict(point),
        "reason": {"kind": "random"},
        "specification": {"hyperparameters": dict(point)},
        "status": "finished",
        "value": 0.5,
        "seconds": 0.1,
        "attempts": 1,
        "node": "node-1",
        "findings": [],
        "error": None,
        "records": [],
    }
    return {**document, **rest}


def told(
    point: Mapping[str, Any], value: float | None, *, replicate: int = 0, status: str = "finished", epochs: int = 4
) -> dict[str, Any]:
    """A trial whose loss falls to `value`."""
    end = 3.0 if value is None else value
    losses = [2.3 * (end / 2.3) ** (epoch / epochs) for epoch in range(epochs + 1)]
    records = [
        {"epoch": epoch, "metrics": {"train/loss": 0.9 * loss, "validation/loss": loss}, "activations": None}
        for epoch, loss in enumerate(losses)
    ]
    return trial(point, value=value, replicate=replicate, status=status, records=records)


def execution(
    name: str, trials: Sequence[dict[str, Any]], space: Sequence[Mapping[str, Any]], **given: Any
) -> ExecutionRecord:
    """An execution of these trials; a new point begins where a trial's point differs from the one before."""
    search = {"strategy": "random", "objective": "validation/loss", "direction": "minimize", "objective_at": "last"}
    search |= given.pop("search", {})
    definition: dict[str, Any] = {
        "name": name.rpartition("-")[0],
        "description": "What learns best?",
        "space": list(space),
    }
    definition |= {"search": search, "fixed": {"epochs": 4}, "data": {"name": "digits"}}
    document = {
        "execution": name,
        "definition": definition,
        "text": f'name = "{name}"\n',
        "seed": 7,
        "data": {
            "name": "digits",
            "digest": "ab" * 32,
            "task": "classification",
            "train": 360,
            "validation": 120,
            "test": 120,
        },
        "environment": {"python": "3.11.9", "packages": {"numpy": "2.4"}, "git_commit": "eb8c105"},
        "objective": search["objective"],
        "direction": search["direction"],
        "counts": {},
        "skipped": [],
        "closed": "trials",
        "seconds": 12.0,
        **given,
    }
    records, order, before = [], 0, None
    for place, each in enumerate(trials):
        order += each["point"] != before
        before = each["point"]
        body = {**each, "execution": name, "order": order, "key": f"{place:016x}"}
        records.append(TrialRecord(hashlib.sha256(f"{name} {place}".encode()).hexdigest()[:32], body, {}))
    return ExecutionRecord(name, "5" * 32, "1", document, tuple(records))


@lru_cache
def initializers() -> ExecutionRecord:
    """The textbook's comparison: five hidden layers of 100, two activations, five ways to begin."""
    fixed = {"hidden": [100] * 5, "epochs": 8, "optimizer": "sgd", "learning_rate": 0.1}
    starts: list[dict[str, Any]] = [{"initializer": "zero"}, {"initializer": "normal", "initial_std": 1.0}]
    starts += [{"initializer": "normal", "initial_std": 0.01}, {"initializer": "xavier"}, {"initializer": "he"}]
    trials = [trained({"activation": a, **start}, fixed) for a, start in product(("sigmoid", "relu"), starts)]
    space: list[dict[str, Any]] = [
        {"name": "activation", "choices": ["sigmoid", "relu"]},
        {"name": "initializer", "choices": ["zero", "normal", "xavier", "he"]},
        {"name": "initial_std", "choices": [1.0, 0.01], "when": {"initializer": ["normal"]}},
    ]
    return execution("initializers-1", trials, space, search={"strategy": "grid"})


@lru_cache
def optimizers() -> ExecutionRecord:
    """Three optimizers at two learning rates, three replicates each."""
    fixed = {"hidden": [20], "epochs": 4}
    points = [{"optimizer": o, "learning_rate": r} for o, r in product(("sgd", "momentum", "adam"), (0.001, 0.1))]
    trials = [trained(point, fixed, replicate) for point in points for replicate in range(3)]
    space: list[dict[str, Any]] = [
        {"name": "optimizer", "choices": ["sgd", "momentum", "adam"]},
        {"name": "learning_rate", "low": 0.001, "high": 0.1, "integer": False, "scale": "log", "points": 2},
    ]
    return execution("optimizers-1", trials, space, search={"strategy": "grid", "replicates": 3})


RATES = {"name": "learning_rate", "low": 1e-4, "high": 1.0, "integer": False, "scale": "log"}
OPTIMIZER = {"name": "optimizer", "choices": ["sgd", "adam"]}


@lru_cache
def searched() -> ExecutionRecord:
    """A search over four hyper-parameters in which the learning rate decides."""
    rng = np.random.default_rng(4)
    trials = []
    for place in range(36):
        rate = float(10 ** rng.uniform(-4, 0))
        point = {"optimizer": ("sgd", "adam")[place % 2], "learning_rate": rate, "dropout": float(rng.uniform(0, 0.5))}
        point["batch_size"] = (32, 64, 128)[int(rng.integers(3))]
        value = 0.1 + abs(np.log10(rate) + 2) / 4 + float(rng.normal(0, 0.01))
        trials.append({**told(point, value), "reason": {"kind": "random" if place < 10 else "EI"}})
    space: list[dict[str, Any]] = [OPTIMIZER, RATES, {"name": "dropout", "low": 0.0, "high": 0.5, "scale": "linear"}]
    space.append({"name": "batch_size", "choices": [32, 64, 128]})
    return execution("digits-1", trials, space, search={"strategy": "gaussian_process"})


def hostile() -> ExecutionRecord:
    """Markup and formulas wherever a person can write something."""
    points = [
        {"optimizer": HOSTILE, "learning_rate": 0.1, HOSTILE: HOSTILE},
        {"optimizer": "adam", "learning_rate": 0.01, HOSTILE: "x"},
    ]
    trials = [told(points[0], 0.4), told(points[1], 0.3), told(points[0], None, status="failed")]
    finding = {"name": HOSTILE, "epoch": 1, "summary": HOSTILE, "advice": HOSTILE}
    trials[0] |= {"findings": [finding], "node": HOSTILE, "specification": {"hyperparameters": {HOSTILE: HOSTILE}}}
    trials[0]["records"][1]["metrics"][HOSTILE] = 1.0
    trials[2] |= {"error": f"Traceback\nValueError: {HOSTILE}", "status": "failed"}
    space: list[dict[str, Any]] = [
        {"name": "optimizer", "choices": [HOSTILE, "adam"]},
        RATES,
        {"name": HOSTILE, "choices": [HOSTILE, "x"]},
    ]
    record = execution("evil-1", trials, space, text=HOSTILE, closed=HOSTILE)
    document = json.loads(json.dumps(record.document))
    document["definition"] |= {"name": HOSTILE, "description": HOSTILE}
    document["definition"]["fixed"] = {HOSTILE: HOSTILE}
    document["data"] |= {"name": HOSTILE, "digest": HOSTILE, "classes": [HOSTILE]}
    document["environment"] |= {HOSTILE: HOSTILE, "git_commit": HOSTILE}
    return ExecutionRecord(record.name, HOSTILE, "1", {**document, "execution": HOSTILE}, record.trials)
