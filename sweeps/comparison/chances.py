"""How likely one alternative is better than another, and how soon a target is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Chance:
    """P(one beats the other), ties half, and its interval; None where fewer than two units say nothing of it."""

    share: float
    low: float | None
    high: float | None


def chance(a: Array, b: Array, *, confidence: float = 0.95, resamples: int = 2000) -> Chance:
    """P(a value of `a` is above a value of `b`), with the percentile interval of a bootstrap over the paired units, as
    Agarwal et al. 2021 report it; a and b (n,), n ≥ 1.

    Where each value of one is above each of the other the bootstrap knows no doubt; the exact interval of n successes
    in n trials (Clopper & Pearson 1934) stands there.
    """
    share = float(probability_better(a.tolist(), b.tolist(), minimize=False) or 0.0)
    n = len(a)
    if n < 2 or resamples == 0:
        return Chance(share, None, None)
    from scipy import stats

    if share in {0.0, 1.0}:
        exact = stats.binomtest(round(share) * n, n).proportion_ci(confidence)
        return Chance(share, float(exact.low), float(exact.high))

    def wins(first: Array, second: Array, axis: int = -1) -> Array:
        above = np.sign(first[..., :, None] - second[..., None, :])
        mean: Array = 0.5 + above.mean(axis=(-2, -1)) / 2
        return mean

    found = stats.bootstrap(
        (a, b),
        wins,
        paired=True,
        vectorized=True,
        batch=max(1, 1_000_000 // n**2),
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Chance(share, float(found.low), float(found.high))


def _worst(value: float, minimize: bool) -> float:
    return (math.inf if minimize else -math.inf) if math.isnan(value) else value


def first_reaching(values: Array, target: float, *, minimize: bool) -> int | None:
    """The index of the first value at least as good as the target; None if none is (nan is never)."""
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(values <= target if minimize else values >= target)
    return int(reached[0]) if reached.size else None
