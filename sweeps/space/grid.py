"""A grid over a space by index arithmetic: every point once, none of them listed.

Axes that conditions tie together form a component. In a component the *deciding* axes (those that a condition names)
are gone through one by one, each combination being a branch with its own active axes; all other axes are digits of the
index. So

    points = product over components of (sum over branches of (product of the sizes of the branch's active axes))

and the i-th point is i written in that mixed radix. Inactive axes add no digit: no point is met twice.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from sweeps.space.axes import EVERY, Axis
from sweeps.space.point import Point, Value
from sweeps.space.space import Space

BRANCHES = 100_000  # combinations of deciding axes that are gone through one by one; more are refused


class GridTooLarge(ValueError):
    """The deciding axes alone have more combinations than can be gone through."""


@dataclass(frozen=True)
class _Branch:
    decided: Mapping[str, Value]
    digits: tuple[Axis, ...]
    count: int


class Grid:
    """The grid of a space; `points` is the resolution of ranges that have no step and no own number of points (None:
    every value)."""

    def __init__(self, space: Space, points: int | None) -> None:
        self.space = space
        self.points = EVERY if points is None else points
        if points is None and any(axis.count is None for axis in space.axes):
            raise ValueError("a continuous axis needs a number of points")
        self._components = [self._branches(component) for component in _components(space)]
        self._ends = [list(accumulate(branch.count for branch in branches)) for branches in self._components]
        self.count = math.prod(ends[-1] for ends in self._ends)

    def point(self, index: int) -> Point:
        """The point at place `index`, the last axis of each component changing fastest."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        values: dict[str, Value] = {}
        for branches, ends in zip(reversed(self._components), reversed(self._ends), strict=True):
            index, place = divmod(index, ends[-1])
            number = bisect.bisect_right(ends, place)
            place -= ends[number - 1] if number else 0
            values.update(branches[number].decided)
            for axis in reversed(branches[number].digits):
                place, digit = divmod(place, axis.size(self.points))
                values[axis.name] = axis.nth(digit, self.points)
        return self.space.point(values)

    def _branches(self, component: tuple[Axis, ...]) -> list[_Branch]:
        named = {name for axis in component for name, _ in axis.when}
        if math.prod(axis.size(self.points) for axis in component if axis.name in named) > BRANCHES:
            deciding = ", ".join(axis.name for axis in component if axis.name in named)
            raise GridTooLarge(
                f"the axes that decide about others ({deciding}) have more than {BRANCHES:,} combinations"
            )
        partial: list[dict[str, Value]] = [{}]
        for axis in (axis for axis in component if axis.name in named):
            values = [axis.nth(index, self.points) for index in range(axis.size(self.points))]
            partial = [
                {**decided, axis.name: value} if self.space.active(axis, decided) else decided
                for decided in partial
                for value in (values if self.space.active(axis, decided) else values[:1])
            ]
        branches = []
        for decided in partial:
            digits = tuple(axis for axis in component if axis.name not in named and self.space.active(axis, decided))
            branches.append(_Branch(decided, digits, math.prod(axis.size(self.points) for axis in digits)))
        return branches


def _components(space: Space) -> list[tuple[Axis, ...]]:
    """The axes grouped so that no condition crosses groups, in the order of their first axis."""
    group = {axis.name: axis.name for axis in space.axes}
    for axis in space.axes:
        for name, _ in axis.when:
            if name in group:
                old, new = group[axis.name], group[name]
                group = {member: new if first == old else first for member, first in group.items()}
    return [tuple(axis for axis in space.axes if group[axis.name] == first) for first in dict.fromkeys(group.values())]
