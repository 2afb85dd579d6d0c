"""How likely one alternative is better than another, and how soon a target is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sweeps.comparison.estimates import wilson
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


@dataclass(frozen=True)
class Chance:
    """P(one beats the other), ties half, and its interval; None where fewer than two units say nothing of it."""

    share: float
    low: float | None
    high: float | None


def chance(a: Sequence[float], b: Sequence[float], *, confidence: float = 0.95) -> Chance | None:
    """P(a value of `a` is above a value of `b`), ties half; None without values.

    The interval is Wilson's for min(n, m) trials: U/(nm) varies by at most P(1 − P)/min(n, m) (Birnbaum & Klose 1957;
    Mee 1990 makes such intervals). The percentile bootstrap over units, with which Agarwal et al. 2021 report this
    chance, knows no doubt at P = 1: of 5 units it held the truth in 42–92 % (tests/benchmarks/other_intervals.py).
    """
    share = probability_better(a, b, minimize=False)
    n = min(len(a), len(b))
    if share is None or n < 2:
        return None if share is None else Chance(share, None, None)
    low, high = wilson(share, n, float(ndtri(0.5 + confidence / 2)))
    return Chance(share, 0.0 if share == 0.0 else max(low, 0.0), 1.0 if share == 1.0 else min(high, 1.0))


def _worst(value: float, minimize: bool) -> float:
    return (math.inf if minimize else -math.inf) if math.isnan(value) else value


def first_reaching(values: Array, target: float, *, minimize: bool) -> int | None:
    """The index of the first value at least as good as the target; None if none is (nan is never)."""
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(values <= target if minimize else values >= target)
    return int(reached[0]) if reached.size else None
