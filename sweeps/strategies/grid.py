"""Grid search: every combination once, by index arithmetic.

A grid is complete by itself. Where `trials` is smaller, its points are visited in strides of about the golden ratio of
their number, so that any beginning is spread over all axes instead of exhausting the last ones first.
"""

from __future__ import annotations

import math
from functools import cached_property

from sweeps.space import Grid
from sweeps.strategies.base import STRATEGIES, Done, History, Option, Proposal, Wait

POINTS = Option(
    "points", "integer", 5, low=1, high=10_000, doc="values on each range that has no step and no points of its own"
)
CAP = Option("cap", "integer", 10_000, low=1, high=10_000_000, doc="the largest grid that is not refused")
GOLDEN = (math.sqrt(5) - 1) / 2


@STRATEGIES.register("grid", source="every combination once", options=(POINTS, CAP))
class GridSearch(History):
    """All points of the grid in order, or `trials` of them evenly spread."""

    @cached_property
    def grid(self) -> Grid:
        """The grid at this search's resolution."""
        points = self.options.get("points", POINTS.default)
        return Grid(self.space, points if isinstance(points, int) else None)

    @property
    def planned(self) -> int:
        return self.grid.count if self.trials is None else min(self.trials, self.grid.count)

    def propose(self, number: int) -> Proposal | Wait | Done:
        capped = self.trials is not None and self.trials < self.grid.count
        # Not from the number of proposals on: those of a part that was extended to the whole lie in another order.
        for step in range(self._passed.get(capped, 0), self.grid.count):
            place = step * self.stride % self.grid.count if capped else step
            point = self.grid.point(place)
            if point not in self.seen:
                self._passed[capped] = step
                return Proposal(point, {"kind": "grid", "place": place, "of": self.grid.count})
        return Done("exhausted")

    @cached_property
    def _passed(self) -> dict[bool, int]:
        """How many places of each order are known to be seen, so as not to look at them again."""
        return {}

    @cached_property
    def stride(self) -> int:
        """The whole number nearest to the golden share of the grid that visits every place before any twice."""
        count = self.grid.count
        return next(
            stride for stride in range(max(1, round(GOLDEN * count)), 2 * count + 2) if math.gcd(stride, count) == 1
        )
