"""Random search: points drawn independently, each a function of the seed and its number alone (Bergstra & Bengio 2012).

`sampling = "uniform"` draws each coordinate of the unit cube uniformly; `"sobol"` takes the points of a scrambled
Sobol' sequence (scipy's), which covers the cube more evenly. The first n points are the same however many are asked
for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sweeps.space import Point
from sweeps.strategies.base import STRATEGIES, Done, History, Option, Proposal, Wait

if TYPE_CHECKING:
    from scipy.stats.qmc import Sobol

SAMPLING = Option(
    "sampling",
    "choice",
    "uniform",
    choices=("uniform", "sobol"),
    doc="independent draws, or a scrambled Sobol' sequence",
)

BLOCK = 128  # Sobol' points drawn at once


@STRATEGIES.register(
    "random", source="Bergstra & Bengio 2012, Random search for hyper-parameter optimization", options=(SAMPLING,)
)
class Random(History):
    """Points drawn at random, none twice."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        point = self.drawn(number)
        return Done("exhausted") if point is None else Proposal(point, {"kind": "random"})

    def drawn(self, number: int) -> Point | None:
        """The number-th random point; a Sobol' point met before is replaced by a uniform one."""
        if self.options.get("sampling") == "sobol":
            point = self.space.at(self._sobol_at(number))
            if point not in self.seen:
                return point
        return self.unseen(number)

    def _sobol_at(self, number: int) -> list[float]:
        while len(self._sobol_points) <= number:
            self._sobol_points.extend(self._sobol.random(BLOCK).tolist())
        return self._sobol_points[number]

    @cached_property
    def _sobol(self) -> Sobol:
        from scipy.stats.qmc import Sobol

        return Sobol(max(1, len(self.space.axes)), scramble=True, rng=self.seed)

    @cached_property
    def _sobol_points(self) -> list[list[float]]:
        return []
