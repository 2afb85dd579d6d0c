"""Random search finds the region, finer and finer grids search it: the textbooks' advice made exact.

    random points  ->  region of the best  ->  grid over it  ->  region of the best so far  ->  finer grid  ->  …

A stage begins when all points of the stages before are told, so that it is a function of their results alone, whatever
their order. Its region: choices stand as in the best point; on each line (range, or rising numbers) it spans the best
`keep` points that share those choices, and at least `SHRINK` of the width of the stage before, around the best. Lines
on which the best lie closest together matter most and get more values first, as long as the grid stays within the
stage's budget. (Goodfellow et al. 2016, section 11.4.3.)

When the best value lies on the edge of its range the optimum may lie outside: the reason of every later proposal names
such edges, and `widen = true` lets the region go half a range further, within the hyper-parameter's own bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from sweeps.space import Axis, Choice, Grid, Point, Range, Space, Value, ordered
from sweeps.strategies.base import STRATEGIES, Done, Option, Proposal, Wait
from sweeps.strategies.random import SAMPLING, Random

FIRST = Option("first", "real", 0.5, low=0.01, high=0.99, doc="share of `trials` that is random")
STAGES = Option("stages", "integer", 1, low=1, high=20, doc="grids that share the rest of `trials`")
KEEP = Option("keep", "integer", 3, low=1, high=1000, doc="how many of the best points span the region")
POINTS = Option("points", "integer", 5, low=3, high=1000, doc="the most values a line gets in a grid")
WIDEN = Option("widen", "flag", False, doc="go beyond a range on whose edge the best value lies")
SHRINK = 0.4
EDGE = 0.05  # a value within this share of the range from its end lies on the edge


@STRATEGIES.register(
    "random_then_grid",
    source="Goodfellow et al. 2016, section 11.4.3",
    options=(FIRST, STAGES, KEEP, POINTS, WIDEN, SAMPLING),
)
class RandomThenGrid(Random):
    """Random points, then grids around the best; what is left of `trials` when a grid adds nothing new is random."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        stages, trials = self.whole(STAGES), self.trials or 2 * (number + 1)
        if number < max(1, round(float(self.option(FIRST)) * trials)):
            return super().propose(number)
        stage = max(1, *(self._stage(proposal) for proposal in self.proposals))
        while True:
            earlier = {proposal.point for proposal in self.proposals if self._stage(proposal) < stage}
            if any(point in earlier for point in self.pending):
                return Wait()
            ranked = self._ranked(earlier)
            if not ranked:
                return super().propose(number)
            budget = max(1, (trials - len(earlier)) // max(1, stages - stage + 1))
            grid, edges = self._grid(ranked, stage, budget)
            fresh = next((point for place in range(grid.count) if (point := grid.point(place)) not in self.seen), None)
            if fresh is not None:
                return Proposal(
                    fresh, {"kind": "grid", "stage": stage, "of": grid.count, **({"edges": edges} if edges else {})}
                )
            if not any(self._stage(proposal) == stage for proposal in self.proposals):
                return super().propose(number)
            stage += 1

    def _ranked(self, earlier: set[Point]) -> list[tuple[dict[str, Value], dict[str, float]]]:
        """Axis values and places on the lines of the points that succeeded (of earlier stages or warm starts), best
        first."""
        proposed = {proposal.point for proposal in self.proposals}
        found = [
            (score, place, point)
            for place, (point, score) in enumerate(self.scored())
            if point in earlier or point not in proposed
        ]
        ranked = []
        for score, _, point in sorted(found, key=lambda row: row[:2]):
            values = self.space.values(point) if math.isfinite(score) else None
            if values is not None and (units := self._units(values)) is not None:
                ranked.append((values, units))
        return ranked

    def _units(self, values: Mapping[str, Value]) -> dict[str, float] | None:
        """Places on the lines that are active, in [0, 1] of the range that may be searched; None if any lies
        outside."""
        units = {
            axis.name: self._wide(axis).unit(values[axis.name])
            for axis in self.space.axes
            if axis.name in values and ordered(axis)
        }
        return None if None in units.values() else {name: unit for name, unit in units.items() if unit is not None}

    def _grid(
        self, ranked: list[tuple[dict[str, Value], dict[str, float]]], stage: int, budget: int
    ) -> tuple[Grid, list[str]]:
        """The grid of a stage over the region of the best points, and the edges on which the best lies."""
        best, centre = ranked[0]
        alike = [
            units
            for values, units in ranked
            if all(values.get(name) == best[name] for name in best if name not in centre)
        ]
        alike = [units for units in alike if units.keys() == centre.keys()][: self.whole(KEEP)]
        edges, regions = list[str](), dict[str, tuple[float, float]]()
        for axis in self.space.axes:
            if axis.name in centre:
                bottom, top, unit = *self._bounds(axis), centre[axis.name]
                margin = EDGE * (top - bottom)
                low_edge, high_edge = unit <= bottom + margin, unit >= top - margin
                if isinstance(axis, Range) and axis.low < axis.high:
                    edges += [f"{axis.name} {end}" for end, at in (("low", low_edge), ("high", high_edge)) if at]
                half = SHRINK**stage * (top - bottom) / 2
                low = min(unit - half, *(units[axis.name] for units in alike))
                high = max(unit + half, *(units[axis.name] for units in alike))
                regions[axis.name] = (max(low, 0.0 if low_edge else bottom), min(high, 1.0 if high_edge else top))
        sizes = self._sizes(regions, budget)
        axes = tuple(Choice(axis.name, self._listed(axis, best, regions, sizes), axis.when) for axis in self.space.axes)
        return Grid(Space(axes, self.space.constants), None), edges

    def _sizes(self, regions: Mapping[str, tuple[float, float]], budget: int) -> dict[str, int]:
        """Values a line: 1, then 3, 5, … for the narrowest region first, while their product is within the budget."""
        sizes = dict.fromkeys(regions, 1)
        narrow = sorted(regions, key=lambda name: regions[name][1] - regions[name][0])
        for size in range(3, self.whole(POINTS) + 1, 2):
            for name in narrow:
                if math.prod({**sizes, name: size}.values()) <= max(budget, 3):
                    sizes[name] = size
        return sizes

    def _listed(
        self,
        axis: Axis,
        best: Mapping[str, Value],
        regions: Mapping[str, tuple[float, float]],
        sizes: Mapping[str, int],
    ) -> tuple[Value, ...]:
        if axis.name not in regions or sizes[axis.name] == 1:
            return (best[axis.name] if axis.name in best else axis.value(0.5),)
        (low, high), size = regions[axis.name], sizes[axis.name]
        return tuple(
            dict.fromkeys(self._wide(axis).value(low + (high - low) * place / (size - 1)) for place in range(size))
        )

    def _wide(self, axis: Axis) -> Axis:
        """The axis as far as it may be searched: half its width further to both sides, if it may widen."""
        if not isinstance(axis, Range) or axis.limits is None or axis.step is not None or not self.option(WIDEN):
            return axis
        by = (axis.high / axis.low) ** 0.5 if axis.log else (axis.high - axis.low) / 2
        low, high = (axis.low / by, axis.high * by) if axis.log else (axis.low - by, axis.high + by)
        low, high = max(low, axis.limits[0]), min(high, axis.limits[1])
        return (
            replace(axis, low=math.ceil(low), high=math.floor(high))
            if axis.integer
            else replace(axis, low=low, high=high)
        )

    def _bounds(self, axis: Axis) -> tuple[float, float]:
        """The ends of the declared range as places in the range that may be searched."""
        wide = self._wide(axis)
        if wide is axis or not isinstance(axis, Range):
            return 0.0, 1.0
        ends = (wide.unit(int(end) if axis.integer else end) for end in (axis.low, axis.high))
        low, high = (0.0 if end is None else end for end in ends)
        return low, high

    @staticmethod
    def _stage(proposal: Proposal) -> int:
        stage = proposal.reason.get("stage", 0)
        return stage if isinstance(stage, int) else 0
