"""How likely one alternative is better than another, and how soon a target is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison.points import Array


def probability_better(a: Sequence[float], b: Sequence[float], *, minimize: bool) -> float | None:
    """P(a value of `a` beats a value of `b`), ties half: the Mann-Whitney U of all pairs over their number, as
    Agarwal et al. 2021 report it. Infinite values are the worst; None without values.
    """
    first, second = (np.asarray([_worst(value, minimize) for value in values]) for values in (a, b))
    if not first.size or not second.size:
        return None
    wins = (first[:, None] < second[None, :]) if minimize else (first[:, None] > second[None, :])
    return float(wins.mean() + 0.5 * (first[:, None] == second[None, :]).mean())


def _worst(value: float, minimize: bool) -> float:
    return (math.inf if minimize else -math.inf) if math.isnan(value) else value


def first_reaching(values: Array, target: float, *, minimize: bool) -> int | None:
    """The index of the first value at least as good as the target; None if none is (nan is never)."""
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(values <= target if minimize else values >= target)
    return int(reached[0]) if reached.size else None
