"""A comparison as MLflow would give it back: carried out by the real procedure on a made-up loss, without training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from sweeps.definition import load_definition
from sweeps.procedure import Assignment, Procedure
from sweeps.space import Point
from sweeps.strategies import Outcome
from sweeps.tracking import ExecutionRecord, TrialRecord
from tests.sweeps.report_records import told

Loss = Callable[[Point, int], float]


def bowl(point: Point, replicate: int) -> float:
    """A loss that is least at a learning rate of 0.05, and depends but little on the weight decay."""
    rate, decay = point["learning_rate"], point["weight_decay.strength"]
    assert isinstance(rate, float)
    assert isinstance(decay, float)
    height = 0.1 + 0.4 * (math.log10(rate / 0.05)) ** 2 + 0.01 * abs(math.log10(decay) + 4)
    return height * (1 + 0.001 * math.sin(replicate + 1e5 * rate))


def carried_out(name: str, overrides: Sequence[tuple[str, str]], loss: Loss) -> ExecutionRecord:
    """Every proposal of a shipped definition in order; one whose training was proposed before is skipped."""
    definition = load_definition(name, overrides)
    procedure = Procedure(definition, 5)
    trained: dict[tuple[str, tuple[int, ...]], int] = {}
    trials: list[TrialRecord] = []
    skipped: list[dict[str, Any]] = []
    number = 0
    while isinstance(assignment := procedure.ask(), Assignment):
        number += 1
        values = tuple(loss(assignment.point, each) for each in assignment.replicates)
        procedure.tell(number, Outcome("finished", values, 4))
        role = {"stage": assignment.stage, "level": assignment.level, "repeat": assignment.repeat}
        role |= {"reason": dict(assignment.reason), "point": assignment.point.plain()}
        twin = trained.setdefault((assignment.stage + assignment.point.canonical, assignment.replicates), number)
        if twin != number:
            skipped.append({"number": number, "twin": twin, "why": f"the same training as proposal {twin}", **role})
            continue
        for replicate, value in zip(assignment.replicates, values, strict=True):
            body = told(assignment.point.plain(), value, replicate=replicate) | role
            body |= {"order": number, "execution": f"{name}-1", "key": f"{len(trials):016x}"}
            if assignment.stage == "confirmation":
                body["records"][-1]["metrics"] |= {"test/loss": value, "test/accuracy": max(0.0, 1 - value / 5)}
            trials.append(TrialRecord(hashlib.sha256(body["key"].encode()).hexdigest()[:32], body, {}))
    search = definition.search
    document = {
        "execution": f"{name}-1",
        "definition": definition.canonical(),
        "text": definition.text,
        "seed": 5,
        "data": {"name": "digits", "digest": "ab" * 32, "task": "classification", "classes": list("0123456789")},
        "environment": {},
        "objective": search.objective,
        "direction": search.direction,
        "counts": {},
        "skipped": skipped,
        "closed": "confirmed",
        "seconds": 12.0,
    }
    return ExecutionRecord(f"{name}-1", "5" * 32, "1", document, tuple(trials))
