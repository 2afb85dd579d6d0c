"""How much better the best value of a search looks than what its point gives on fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.comparison.estimates import Estimate, estimate


@dataclass(frozen=True)
class Found:
    """A search's best validation value, and the same metric of its point on fresh replicates (nan where one failed)."""

    best: float
    confirmed: Sequence[float]


@dataclass(frozen=True)
class Optimism:
    """`change`: confirmed − found, over `unit`s: with its interval. `worse`: the same as a loss, > 0 where the search
    promised too much. `surely`: whether the interval excludes 0.
    """

    unit: str
    change: Estimate
    worse: float | None

    @property
    def surely(self) -> bool:
        """Whether more than noise."""
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and (low > 0 or high < 0)


def optimism(
    searches: Sequence[Found],
    *,
    higher_is_better: bool,
    worst: float,
    widest: float = math.inf,
    confidence: float = 0.95,
) -> Optimism:
    """Mean confirmed value − best value found. With one search the replicates vary and the value found is a constant;
    with several, each search gives one difference. A failed training counts with `worst`, the score of guessing, and
    none counts below it. A search without a finite best value, or that was not confirmed, is left out. `widest`: the
    largest difference there can be (1 for shares).
    """
    limit = max if higher_is_better else min
    usable = [each for each in searches if math.isfinite(each.best) and each.confirmed]
    changes = [
        [(limit(value, worst) if math.isfinite(value) else worst) - each.best for value in each.confirmed]
        for each in usable
    ]
    if len(changes) == 1:
        unit, change = "replicate", estimate(changes[0], confidence)
    else:
        unit, change = "repeat", estimate([math.fsum(each) / len(each) for each in changes], confidence)
    worse = None if change.mean is None else -change.mean if higher_is_better else change.mean
    return Optimism(unit, change.within(-widest, widest), worse)
