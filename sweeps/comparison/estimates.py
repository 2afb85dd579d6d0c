"""Mean, spread and 95 % interval over replicates; a rate of failures with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit


@dataclass(frozen=True)
class Estimate:
    """What n finite values say of their mean.

    `std` is the sample's (n − 1 in the denominator); `low` and `high` bound the mean with the stated confidence,
    assuming values roughly normal. With one value all three are None: one training says nothing about spread. Where
    all values are the same (a score that is a share of few samples), that is no certainty, and there is no interval.
    With no value, `mean` is None too.
    """

    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    smallest: float | None
    largest: float | None

    def within(self, low: float, high: float) -> Estimate:
        """With its interval cut to where a mean can lie: that of few values may reach beyond."""
        low_end = None if self.low is None else max(self.low, low)
        return replace(self, low=low_end, high=None if self.high is None else min(self.high, high))


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Mean ± t(1 − (1 − confidence)/2; n − 1) · s/√n over the finite values (Student 1908)."""
    finite = np.asarray([value for value in values if math.isfinite(value)], dtype=np.float64)
    n = int(finite.size)
    if n == 0:
        return Estimate(0, None, None, None, None, None, None)
    smallest, largest = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore"):  # values near the largest float have an infinite spread
        mean = float(finite.mean())
        std = float(finite.std(ddof=1)) if n > 1 else 0.0
    if n == 1:
        return Estimate(1, mean, None, None, None, smallest, largest)
    if std <= 1e-12 * max(abs(smallest), abs(largest)):  # what is left is rounding
        return Estimate(n, mean, std, None, None, smallest, largest)
    reach = float(stdtrit(n - 1, 0.5 + confidence / 2)) * std / math.sqrt(n)
    return Estimate(n, mean, std, mean - reach, mean + reach, smallest, largest)


@dataclass(frozen=True)
class Rate:
    """`count` of `total` and the interval in which the rate behind it lies."""

    count: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Count / total; 0 of 0 is 0."""
        return self.count / self.total if self.total else 0.0


def rate(count: int, total: int, confidence: float = 0.95) -> Rate:
    """Wilson's interval (1927): (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n); sound for small n and for rates of
    0 and 1.
    """
    if total == 0:
        return Rate(0, 0, 0.0, 1.0)
    z = float(ndtri(0.5 + confidence / 2))
    low, high = wilson(count / total, total, z)
    return Rate(count, total, 0.0 if count == 0 else low, 1.0 if count == total else high)


def clustered_rate(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> Rate:
    """The rate behind (count, total) pairs whose trainings are alike within a pair, such as those of one point.

    Wilson's interval with the effective number n·(z/t)²/deff (Korn & Graubard 1998), where deff ≥ 1 is the variance of
    the rate between pairs, r/(r−1)·Σ(countᵢ − p·totalᵢ)²/n², over p(1−p)/n, and t has r − 1 degrees of freedom. With
    one pair, or with a rate of 0 or 1, nothing is known of clusters, and it is Wilson's plain interval.
    """
    counts = [(count, total) for count, total in counts if total]
    count, n, r = sum(count for count, _ in counts), sum(total for _, total in counts), len(counts)
    plain = rate(count, n, confidence)
    if r < 2 or count in {0, n}:
        return plain
    p = count / n
    between = r / (r - 1) * sum((each - p * total) ** 2 for each, total in counts) / n**2
    inflation = max(1.0, between / (p * (1 - p) / n))
    z, t = float(ndtri(0.5 + confidence / 2)), float(stdtrit(r - 1, 0.5 + confidence / 2))
    effective = n * (z / t) ** 2 / inflation
    low, high = wilson(p, effective, z)
    return Rate(count, n, low, high)


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """The ends of Wilson's interval for a share p of n, z the normal quantile; n need not be whole."""
    middle = p + z * z / (2 * n)
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - reach) / scale, (middle + reach) / scale
