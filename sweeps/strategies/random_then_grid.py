"""Random search finds the region, finer and finer grids search it: the textbooks' advice made exact.

    random points  ->  region of the best  ->  grid over it  ->  region of the best so far  ->  finer grid  ->  …

A stage begins when all points of the stages before are told, so that it is a function of their results alone, whatever
their order. Its region: choices stand as in the best point; on each line (range, or rising numbers) it spans the best
`keep` points that share those choices, and at least SHRINK of the width of the stage before, around the best. Lines on
which the best lie closest together matter most and get more values first, as long as the grid stays within the stage's
budget. (Goodfellow et al. 2016, section 11.4.3.)

When the best value lies on the edge of its range the optimum may lie outside: the reason of every later proposal names
such edges, and `widen = true` lets the region go half a range further, within the hyper-parameter's own bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sweeps.space import Axis, Choice, Grid, Point, Range, Space, Value, ordered
from sweeps.strategies.base import STRATEGIES, Done, Option, Proposal, Wait
from sweeps.strategies.random import SAMPLING, Random

FIRST = Option("first", "real", 0.5, low=0.01, high=0.99, doc="share of `trials` that is random")
STAGES = Option("stages", "integer", 1, low=1, high=20, doc="grids that share the rest of `trials`")
KEEP = Option("keep", "integer", 3, low=1, high=1000, doc="how many of the best points span the region")
POINTS = Option("points", "integer", 5, low=3, high=1000, doc="the most values a line gets in a grid")
WIDEN = Option("widen", "flag", False, doc="go beyond a range on whose edge the best value lies")
SHRINK = 0.4


@dataclass(frozen=True)
class Line:
    """An axis of numbers: as declared, and as far as it may be searched. Places are in [0, 1] of the latter."""

    declared: Axis
    reach: Axis

    @classmethod
    def of(cls, axis: Axis, widen: bool) -> Line:
        """The line of an axis, half its width longer to both sides where it may widen and has room to."""
        if not widen or not isinstance(axis, Range) or axis.limits is None or axis.step is not None:
            return cls(axis, axis)
        if axis.log:
            low, high = axis.low / (axis.high / axis.low) ** 0.5, axis.high * (axis.high / axis.low) ** 0.5
        else:
            low, high = axis.low - (axis.high - axis.low) / 2, axis.high + (axis.high - axis.low) / 2
        low, high = max(low, axis.limits[0]), min(high, axis.limits[1])
        if axis.integer:
            low, high = math.ceil(low), math.floor(high)
        return cls(axis, replace(axis, low=low, high=high))

    def region(self, best: Value, places: list[float], least: float) -> tuple[float, float]:
        """From the lowest to the highest place, at least `least` of the declared width around the best; within what is
        declared unless the best lies on its edge."""
        bottom, top = self._declared_part()
        at_low, at_high = self.declared.ends(best) if isinstance(self.declared, Range) else (False, False)
        half, centre = least * (top - bottom) / 2, self.reach.unit(best) or 0.0
        low, high = min(centre - half, *places), max(centre + half, *places)
        return max(low, 0.0 if at_low else bottom), min(high, 1.0 if at_high else top)

    def values(self, region: tuple[float, float], size: int) -> tuple[Value, ...]:
        """That many values evenly over a region, fewer where whole numbers or steps coincide."""
        low, high = region
        places = (low + (high - low) * number / (size - 1) for number in range(size))
        return tuple(dict.fromkeys(self._value(place) for place in places))

    def _value(self, place: float) -> Value:
        """The value at a place; rounding leads nowhere beyond what is declared."""
        value, (bottom, top) = self.reach.value(place), self._declared_part()
        inside = bottom - 1e-9 <= place <= top + 1e-9
        if inside and isinstance(self.declared, Range) and isinstance(value, int | float):
            return min(max(value, self.declared.low), self.declared.high)
        return value

    def _declared_part(self) -> tuple[float, float]:
        if self.reach is self.declared or not isinstance(self.declared, Range):
            return 0.0, 1.0
        ends = (self.declared.low, self.declared.high)
        low, high = (self.reach.unit(int(end) if self.declared.integer else end) for end in ends)
        return low or 0.0, 1.0 if high is None else high


@STRATEGIES.register(
    "random_then_grid",
    source="Goodfellow et al. 2016, section 11.4.3",
    shares_trials=True,  # its stages are parts of a number of points that is known beforehand
    options=(FIRST, STAGES, KEEP, POINTS, WIDEN, SAMPLING),
)
class RandomThenGrid(Random):
    """Random points, then grids around the best; what is left of `trials` when a grid adds nothing new is random."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        trials = self.trials or 2 * (number + 1)
        stage = max((_stage(proposal) for proposal in self.proposals), default=0)
        # A search that is extended goes on with its grids, though its random share is larger now.
        if not stage and number < max(1, round(float(self.option(FIRST)) * trials)):
            return super().propose(number)
        stage = max(1, stage)
        while True:
            earlier = {proposal.point for proposal in self.proposals if _stage(proposal) < stage}
            if any(point in earlier for point in self.pending):
                return Wait()
            ranked = self._ranked(earlier)
            if not ranked:
                return super().propose(number)
            budget = (trials - len(earlier)) // max(1, self.whole(STAGES) - stage + 1)
            grid = self._grid(ranked, stage, max(3, budget))
            new = next((point for place in range(grid.count) if (point := grid.point(place)) not in self.seen), None)
            if new is not None:
                edges = [f"{name} {end}" for name, end in self._edges(ranked[0])]
                return Proposal(
                    new, {"kind": "grid", "stage": stage, "of": grid.count, **({"edges": edges} if edges else {})}
                )
            if not any(_stage(proposal) == stage for proposal in self.proposals):
                return super().propose(number)
            stage += 1

    def _lines(self) -> dict[str, Line]:
        return {axis.name: Line.of(axis, bool(self.option(WIDEN))) for axis in self.space.axes if ordered(axis)}

    def _ranked(self, earlier: set[Point]) -> list[dict[str, Value]]:
        """Values of the points that succeeded and lie in reach, of earlier stages or warm starts, best first."""
        proposed, lines = {proposal.point for proposal in self.proposals}, self._lines()
        scored = [(score, point) for point, score in self.scored() if point in earlier or point not in proposed]
        ranked = []
        for score, point in sorted(scored, key=lambda row: (row[0], row[1].canonical)):
            values = self.space.values(point) if math.isfinite(score) else None
            if values and all(
                (lines[axis.name].reach if axis.name in lines else axis).unit(values[axis.name]) is not None
                for axis in self.space.axes
                if axis.name in values
            ):
                ranked.append(values)
        return ranked

    def _grid(self, ranked: list[dict[str, Value]], stage: int, budget: int) -> Grid:
        """The grid of a stage over the region of the best points."""
        lines, best = self._lines(), ranked[0]
        alike = [values for values in ranked if values.keys() == best.keys()]
        alike = [values for values in alike if all(values[name] == best[name] for name in best if name not in lines)]
        regions = {}
        for name in lines.keys() & best.keys():
            places = [lines[name].reach.unit(values[name]) or 0.0 for values in alike[: self.whole(KEEP)]]
            stages = 1 if self._leads_out(lines[name], best[name]) else stage
            regions[name] = lines[name].region(best[name], places, SHRINK**stages)
        sizes = self._sizes(regions, budget)

        def listed(axis: Axis) -> tuple[Value, ...]:
            if sizes.get(axis.name, 1) > 1:
                return lines[axis.name].values(regions[axis.name], sizes[axis.name])
            return (best.get(axis.name, axis.value(0.5)),)

        axes = tuple(Choice(axis.name, listed(axis), axis.when) for axis in self.space.axes)
        return Grid(Space(axes, self.space.constants), None)

    def _leads_out(self, line: Line, best: Value) -> bool:
        """Whether the best value lies on or beyond an end of what is declared and nothing was tried farther out: a
        region that shrank there would never come as far as it may."""
        if line.reach is line.declared or not isinstance(line.declared, Range):
            return False
        values = (self.space.values(point) or {} for point in self.seen)
        tried = [place for each in values if (place := line.reach.unit(each.get(line.declared.name, ""))) is not None]
        place, (at_low, at_high) = line.reach.unit(best) or 0.0, line.declared.ends(best)
        return (at_low and place <= min(tried)) or (at_high and place >= max(tried))

    def _sizes(self, regions: Mapping[str, tuple[float, float]], budget: int) -> dict[str, int]:
        """Values a line: 1, then 3, 5, … for the narrowest region first, while their product is within the budget."""
        sizes = dict.fromkeys(regions, 1)
        narrow = sorted(regions, key=lambda name: (regions[name][1] - regions[name][0], name))
        for size in range(3, self.whole(POINTS) + 1, 2):
            for name in narrow:
                if math.prod({**sizes, name: size}.values()) <= budget:
                    sizes[name] = size
        return sizes

    def _edges(self, best: Mapping[str, Value]) -> list[tuple[str, str]]:
        ranges = [axis for axis in self.space.axes if isinstance(axis, Range) and axis.name in best]
        return [
            (axis.name, end)
            for axis in ranges
            for end, at in zip(("low", "high"), axis.ends(best[axis.name]), strict=True)
            if at
        ]


def _stage(proposal: Proposal) -> int:
    stage = proposal.reason.get("stage", 0)
    return stage if isinstance(stage, int) else 0
