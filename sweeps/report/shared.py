"""Trainings that two levels of a comparison share: trained once, they count for both.

Where two searches propose the very same training (random search and another strategy that begins at random, say), it is
trained for the first and skipped for the second, whose result it is all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sweeps.report.evidence import SHARED, Asked, Run


def with_shared(asked: Sequence[Asked], runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs, and once more those that also count for a level whose own proposal was skipped in their favour."""
    trained: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        trained.setdefault((run.execution, run.order), []).append(run)
    found = list(runs)
    for each in asked:
        for skipped in each.skipped:
            if not isinstance(skipped, Mapping):
                continue  # damaged
            level, number = skipped.get("level"), skipped.get("number")
            if level and isinstance(number, int):
                found += [
                    replace(
                        run,
                        id=f"{run.id}{SHARED}{number}",
                        order=number,
                        level=str(level),
                        repeat=int(skipped.get("repeat") or 0),
                        reason=dict(skipped.get("reason") or {}),
                    )
                    for run in trained.get((each.execution, skipped.get("twin", -1)), ())
                    if run.stage == skipped.get("stage", run.stage)
                    and (run.level, run.repeat) != (level, int(skipped.get("repeat") or 0))
                ]
    return tuple(found)
