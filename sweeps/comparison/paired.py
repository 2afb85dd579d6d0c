"""Differences between alternatives that share their replicates: the same initial random streams, batches and data."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy.special import nctdtr, stdtr, stdtrit

Unit = TypeVar("Unit", bound=Hashable)  # what is paired: replicates, or repeats of a search


@dataclass(frozen=True)
class Difference:
    """first − second over the n replicates both have. With fewer than two, only the mean is known; `p` is two-sided.
    Without an interval but with a p where all differences are the same and too few for the interval's confidence.
    """

    first: str
    second: str
    n: int
    mean: float | None
    low: float | None
    high: float | None
    std: float | None
    p: float | None
    adjusted: float | None = None  # p after Holm's correction for all pairs of one table

    def separated(self, level: float = 0.05) -> bool:
        """Whether the difference stands out from the replicates' noise, after the correction where there is one."""
        p = self.adjusted if self.adjusted is not None else self.p
        return p is not None and p < level


def difference(
    first: str, a: Mapping[Unit, float], second: str, b: Mapping[Unit, float], confidence: float = 0.95
) -> Difference:
    """The paired t-test: t = d̄ / (s_d/√n) with n − 1 degrees of freedom, over the replicates both alternatives have.

    Where all differences are the same (a score that is a share of few samples), s_d = 0 does not mean certainty; the
    sign test holds then: p = 2^(1−n), and the interval from the smallest to the largest difference has the confidence
    1 − p.
    """
    shared = [
        replicate for replicate in a if replicate in b and math.isfinite(a[replicate]) and math.isfinite(b[replicate])
    ]
    deltas = np.asarray([a[replicate] - b[replicate] for replicate in shared], dtype=np.float64)
    n = len(deltas)
    if n == 0:
        return Difference(first, second, 0, None, None, None, None, None)
    with np.errstate(over="ignore"):  # values near the largest float have an infinite spread
        mean = float(deltas.mean())
        std = float(deltas.std(ddof=1)) if n > 1 else 0.0
    if n == 1:
        return Difference(first, second, 1, mean, None, None, None, None)
    scale = max(abs(value) for replicate in shared for value in (a[replicate], b[replicate]))
    if std <= 1e-12 * scale:  # what is left is rounding
        p = 1.0 if abs(mean) <= 1e-12 * scale else 2.0 ** (1 - n)
        end = mean if p == 1.0 or p <= 1 - confidence else None
        return Difference(first, second, n, mean, end, end, std, p)
    error = std / math.sqrt(n)
    reach = float(stdtrit(n - 1, 0.5 + confidence / 2)) * error
    p = float(2 * stdtr(n - 1, -abs(mean) / error))
    return Difference(first, second, n, mean, mean - reach, mean + reach, std, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the k-th smallest of m is multiplied by m − k + 1, then made monotone; at
    most 1.
    """
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = running
    return adjusted


def all_pairs(alternatives: Mapping[str, Mapping[Unit, float]], confidence: float = 0.95) -> list[Difference]:
    """Every pair's difference, their p-values corrected together (those that have one)."""
    found = [difference(a, alternatives[a], b, alternatives[b], confidence) for a, b in combinations(alternatives, 2)]
    corrected = iter(holm([each.p for each in found if each.p is not None]))
    return [each if each.p is None else Difference(**{**each.__dict__, "adjusted": next(corrected)}) for each in found]


def replicates_needed(
    std: float, size: float, *, power: float = 0.8, level: float = 0.05, most: int = 10_000
) -> int | None:
    """The fewest paired replicates with which a true difference of `size` is found with the given power, when
    differences spread by `std`: the two-sided t-test's power from the noncentral t distribution with δ = √n ·
    size/std. None if more than `most`.
    """
    if size <= 0 or std < 0:
        raise ValueError(f"expected a size above 0 and a spread of at least 0, got {size} and {std}")
    if std == 0:
        return 2

    def enough(n: int) -> bool:
        critical = float(stdtrit(n - 1, 1 - level / 2))
        shift = math.sqrt(n) * size / std
        found = 1 - float(nctdtr(n - 1, shift, critical)) + float(nctdtr(n - 1, shift, -critical))
        return found >= power or (math.isnan(found) and shift > critical + 8)

    low, high = 2, 2
    while not enough(high):
        if high >= most:
            return None
        low, high = high + 1, min(high * 2, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high
