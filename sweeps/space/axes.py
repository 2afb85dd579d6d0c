"""The two kinds of axis a space is made of: a choice among listed values, and a range of numbers.

Each maps the unit interval [0, 1) onto its values and back, so that random, grid and model-based search all work on the
unit cube:

    choice           u -> values[floor(u n)]
    linear range     u -> low + u (high - low)
    log range        u -> low (high / low)^u
    stepped range    u -> the floor(u n)-th of low, low + step, … (linear) or low, low step, low step², … (log)
    integer range    each whole number k owns [k - 1/2, k + 1/2) of the line, so that both ends are as likely
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from sweeps.space.point import Value

DIGITS = 6  # of a value drawn from a continuous range: nobody can read or retype seventeen
EDGE = 0.05  # a value within this share of its range from an end lies on the edge
EVERY = 1 << 62  # a resolution no axis reaches: all values of each, whatever number of points an axis has of its own

Condition: TypeAlias = tuple[
    str, tuple[Value, ...]
]  # another axis's name and the values of it under which this axis is active (none: any but 0, false, empty)


@dataclass(frozen=True)
class Choice:
    """One of the listed values, none before another. A list of one is a constant."""

    name: str
    values: tuple[Value, ...]
    when: tuple[Condition, ...] = ()

    @property
    def count(self) -> int:
        return len(self.values)

    def value(self, unit: float) -> Value:
        """The value at `unit` of [0, 1]."""
        return self.values[min(int(unit * self.count), self.count - 1)]

    def unit(self, value: Value) -> float | None:
        """The middle of the value's part of [0, 1]; None for a value that is not listed."""
        for index, listed in enumerate(self.values):
            if same(listed, value):
                return (index + 0.5) / self.count
        return None

    def size(self, points: int) -> int:
        """The number of values in a grid: all, for a choice has no resolution."""
        return self.count

    def nth(self, index: int, points: int) -> Value:
        """The value at place `index` of a grid."""
        return self.values[index]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included. `step` is added on a linear scale, multiplied on a log scale."""

    name: str
    low: float
    high: float
    integer: bool = False
    log: bool = False
    step: float | None = None
    points: int | None = None
    when: tuple[Condition, ...] = ()
    limits: tuple[float, float] | None = None  # how far a search that may widen its ranges may go

    @property
    def count(self) -> int | None:
        """How many values there are; None for a continuous range."""
        if self.step is not None:
            length = (
                (math.log(self.high) - math.log(self.low)) / math.log(self.step)
                if self.log
                else (self.high - self.low) / self.step
            )
            return math.floor(length + 1e-9) + 1
        return int(self.high) - int(self.low) + 1 if self.integer else None

    def value(self, unit: float) -> Value:
        """The value at `unit` of [0, 1]."""
        count = self.count
        if self.step is not None and count is not None:
            return self._stepped(min(int(unit * count), count - 1))
        if self.integer:
            low, high = self.low - 0.5, self.high + 0.5
            number = _along(low, high, self.log, unit)
            return int(min(max(math.floor(number + 0.5), self.low), self.high))
        return self._rounded(_along(self.low, self.high, self.log, unit))

    def unit(self, value: Value) -> float | None:
        """Where the value lies in [0, 1]; None for what is not a number within the range. A value between two steps
        counts as the nearer."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        if self.step is not None and (count := self.count) is not None:
            length = (
                (math.log(value) - math.log(self.low)) / math.log(self.step)
                if self.log
                else (value - self.low) / self.step
            )
            return (min(round(length), count - 1) + 0.5) / count
        if self.integer and not isinstance(value, int):
            return None
        low, high = (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)
        if low == high:
            return 0.5
        if self.log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    def ends(self, value: Value) -> tuple[bool, bool]:
        """Whether the value lies on the low and on the high end of the range (within EDGE of its width), or beyond."""
        if self.low == self.high or isinstance(value, bool | str | tuple):
            return False, False
        low, high = self.value(EDGE), self.value(1 - EDGE)
        return value <= low, value >= high  # type: ignore[operator]  # a range's values are numbers

    def size(self, points: int) -> int:
        """The number of values in a grid: all steps, else `points` (the axis's own, if it has any), fewer where whole
        numbers coincide."""
        count, points = self.count, self._resolution(points)
        if count is not None and (self.step is not None or count <= points):
            return count
        return len(_spread(self, points))

    def nth(self, index: int, points: int) -> Value:
        """The value at place `index` of a grid of that size, from low to high, evenly spread on the scale. No grid is
        ever listed."""
        count, points = self.count, self._resolution(points)
        if self.step is not None:
            return self._stepped(index)
        if count is not None and count <= points:
            return int(self.low) + index
        return _spread(self, points)[index]

    def _resolution(self, points: int) -> int:
        return points if points == EVERY else self.points or points

    def between(self, share: float) -> Value:
        """The value at `share` of the way from low (0) to high (1) on the scale."""
        number = _along(self.low, self.high, self.log, share)
        return int(min(max(round(number), self.low), self.high)) if self.integer else self._rounded(number)

    def _stepped(self, index: int) -> Value:
        """The index-th step, computed in decimals so that 0.1 + 2 × 0.1 is 0.3."""
        low, step = Decimal(repr(self.low)), Decimal(repr(self.step))
        number = low * step**index if self.log else low + step * index
        return int(number) if self.integer else min(float(number), self.high)

    def _rounded(self, number: float) -> float:
        """The number rounded to DIGITS digits of its size (log) or of the range's width (linear), never out of the
        range."""
        scale = number if self.log and self.high / self.low > 1.01 else self.high - self.low
        if scale > 0 and math.isfinite(scale):
            number = round(number, DIGITS - 1 - math.floor(math.log10(scale)))
        return float(min(max(number, self.low), self.high))


Axis: TypeAlias = Choice | Range


def ordered(axis: Axis) -> bool:
    """Whether the axis is a line: a range, or a choice among three or more numbers in rising or falling order."""
    if isinstance(axis, Range):
        return True
    numbers = [value for value in axis.values if isinstance(value, int | float) and not isinstance(value, bool)]
    rising = sorted(set(numbers))
    return len(numbers) == len(axis.values) >= 3 and numbers in (rising, rising[::-1])


def _along(low: float, high: float, log: bool, share: float) -> float:
    """The number at `share` of the way from low to high; on a log scale, of the way between their logarithms."""
    if not log:
        return low + share * (high - low)
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


@lru_cache(maxsize=256)
def _spread(axis: Range, points: int) -> tuple[Value, ...]:
    shares = [index / (points - 1) for index in range(points)] if points > 1 and axis.low < axis.high else [0.5]
    return tuple(dict.fromkeys(axis.between(share) for share in shares))


def same(one: Value, other: Value) -> bool:
    """Equal and of the same kind: true is not 1, but 1 is 1.0."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other
