"""When a search has had enough: the first of its budgets that is reached ends it.

    seconds    of wall-clock while trials run, summed over the processes that an execution had
    epochs     trained by all trials of the search
    target     a finished point is as good
    plateau    the last k points have not improved the best by more than x

What runs then goes on to its end, and no new point is asked for. So as not to end far beyond, a point is asked for only
while what is promised to those that wait or run leaves something of the budget.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sweeps.definition import BudgetSection

GO: Literal[""] = ""
WAIT: Literal["wait"] = "wait"  # enough is promised; what it comes to will show


@dataclass(frozen=True)
class Spent:
    """What a search has spent. `scores`: of the points told, in order, smaller is better, inf for those that did not
    finish. `promised` epochs and `waiting` seconds are still to come from points that are not over."""

    seconds: float = 0.0
    epochs: int = 0
    promised: int = 0
    waiting: float = 0.0
    scores: Sequence[float] = ()


def standing(budget: BudgetSection, spent: Spent, *, sign: float) -> str:
    """GO, WAIT, or the name of the budget that is reached. `sign` is 1 where the objective is minimized, else −1."""
    best = min(spent.scores, default=math.inf)
    if budget.target is not None and best <= sign * budget.target:
        return "target"
    if budget.plateau is not None and _is_flat(spent.scores, budget.plateau.trials, budget.plateau.improvement):
        return "plateau"
    for name, limit, used, coming in (
        ("epochs", budget.epochs, spent.epochs, spent.promised),
        ("seconds", budget.seconds, spent.seconds, spent.waiting),
    ):
        if limit is not None and used >= limit:
            return name
        if limit is not None and coming and used + coming >= limit:
            return WAIT
    return GO


def _is_flat(scores: Sequence[float], trials: int, improvement: float) -> bool:
    """Whether the last so many scores leave the best where it was; not before there is one."""
    before = min(scores[:-trials], default=math.inf)
    return math.isfinite(before) and before - min(scores) <= improvement
