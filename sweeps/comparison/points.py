"""Which point is best, and what each level of a factor reached. Failures count: a lost replicate is never averaged
away.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sweeps.comparison.estimates import Estimate, Rate, estimate, rate

Array = NDArray[np.float64]
PointName = tuple[str, int, str]  # execution, number of the proposal, the point as canonical JSON


@dataclass(frozen=True)
class PointResult:
    """A point and what its replicates gave: finite values by replicate index, and how many gave none (diverged,
    failed …).
    """

    name: PointName
    values: Mapping[int, float]
    lost: int = 0
    levels: Mapping[str, str] = field(default_factory=dict)  # factor -> level of this point

    @property
    def estimate(self) -> Estimate:
        """Mean, spread and interval over the replicates that gave a value."""
        return estimate(list(self.values.values()))


def rank(points: Sequence[PointResult], *, minimize: bool) -> list[PointResult]:
    """Best first, by mean over replicates. A point that lost a replicate comes after all that lost none, however good
    the rest was, and points without any value come last; ties keep their order.
    """

    def place(point: PointResult) -> tuple[float, float]:
        total = len(point.values) + point.lost
        if not point.values:
            return 2.0, 0.0
        mean = sum(point.values.values()) / len(point.values)
        return point.lost / total if point.lost else 0.0, mean if minimize else -mean

    return sorted(points, key=place)


@dataclass(frozen=True)
class LevelSummary:
    """One level of a factor: its points, its best point (None if all were lost), all its values, its rate of lost
    trials.
    """

    level: str
    points: int
    best: PointResult | None
    values: tuple[float, ...]
    lost: Rate

    @property
    def median(self) -> float | None:
        """Of all its trials, the lost ones left out."""
        return float(np.median(self.values)) if self.values else None


def summarize(
    points: Sequence[PointResult], factor: str, levels: Sequence[str], *, minimize: bool
) -> list[LevelSummary]:
    """A summary for each level, in the order given."""
    found = []
    for level in levels:
        mine = [point for point in points if point.levels.get(factor) == level]
        ranked = [point for point in rank(mine, minimize=minimize) if point.values]
        values = tuple(value for point in mine for value in point.values.values())
        lost = sum(point.lost for point in mine)
        found.append(
            LevelSummary(level, len(mine), ranked[0] if ranked else None, values, rate(lost, lost + len(values)))
        )
    return found


def best_so_far(values: Sequence[float], *, minimize: bool) -> Array:
    """The best value up to each position (same length); nan where no finite value came yet."""
    best = np.full(len(values), np.nan)
    held = math.nan
    for index, value in enumerate(values):
        if math.isfinite(value) and (math.isnan(held) or (value < held if minimize else value > held)):
            held = value
        best[index] = held
    return best


def edge(value: float, low: float, high: float, *, log: bool, share: float = 0.03) -> str | None:
    """'low' or 'high' if a value lies in the outer `share` of its range (on the axis it was searched on), else None."""
    if not high > low:
        return None
    if log and low > 0 and value > 0:
        value, low, high = math.log(value), math.log(low), math.log(high)
    place = (value - low) / (high - low)
    return "low" if place <= share else "high" if place >= 1 - share else None


def ranks(values: Sequence[float] | Array) -> Array:
    """Ranks from 1 (smallest), equal values sharing their mean rank; what is not finite shares the largest."""
    numbers = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(
        np.where(np.isfinite(numbers), numbers, np.inf), return_inverse=True, return_counts=True
    )
    mean: Array = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return mean


def explained(values: Sequence[float], groups: Sequence[Hashable]) -> float:
    """η² = between-group sum of squares / total (Fisher 1925): the share of the values' variance that the groups
    explain, on ranks, so that no single bad value decides; 0 where there is nothing to explain. Not finite counts as
    the worst rank.
    """
    order = ranks(values)
    total = float(((order - order.mean()) ** 2).sum()) if order.size else 0.0
    if total == 0:
        return 0.0
    between = 0.0
    for group in dict.fromkeys(groups):
        members = order[[other == group for other in groups]]
        between += len(members) * float((members.mean() - order.mean()) ** 2)
    return between / total
