"""A space: axes, the conditions between them, and the fixed values those conditions may speak about.

    unit cube  ->  one value an axis  ->  inactive ones dropped  ->  Point

An axis is active when each of its conditions (name, values) holds: the named axis is active and has one of the values,
or, where the name is no axis of the space, the constant of that name has. No values mean "switched on": anything but 0,
false or empty. Conditions may stand on conditions; the space keeps its axes so that what decides comes first.

A list hyper-parameter may be searched by depth and width: the axes `hidden.depth` and `hidden.width` then become
`hidden = [width] * depth` in the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sweeps.space.axes import Axis, Choice, Condition, Range, same
from sweeps.space.point import Point, Value, frozen, thawed


class SpaceError(ValueError):
    """Axes that make no space: a name twice, or conditions that run in a circle."""


@dataclass(frozen=True)
class Space:
    """Axes in the order in which they are decided. `constants` are the fixed values and defaults that conditions look
    up."""

    axes: tuple[Axis, ...]
    constants: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if len(set(names)) < len(names):
            raise SpaceError("two axes have the same name")
        object.__setattr__(self, "axes", _ordered(self.axes))

    @cached_property
    def layered(self) -> tuple[str, ...]:
        """The names that are searched by depth and width."""
        names = {axis.name for axis in self.axes}
        return tuple(
            axis.name[:-6] for axis in self.axes if axis.name.endswith(".depth") and axis.name[:-6] + ".width" in names
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The hyper-parameters that a point may hold."""
        parts = {f"{name}.{part}" for name in self.layered for part in ("depth", "width")}
        return tuple(axis.name for axis in self.axes if axis.name not in parts) + self.layered

    @property
    def count(self) -> int | None:
        """The number of points; None for a space with a continuous axis."""
        from sweeps.space.grid import Grid

        return None if any(axis.count is None for axis in self.axes) else Grid(self, None).count

    def given(self, values: Mapping[str, Value]) -> Space:
        """What is left of the space where these values are fixed: their axes go, and those that can be active no
        more."""
        gone = {name + part for name in values for part in ("", ".depth", ".width")}
        constants = {**self.constants, **values}
        axes = tuple(axis for axis in self.axes if axis.name not in gone)
        while True:
            left, names = Space(axes, constants), {axis.name for axis in axes}
            kept = tuple(
                axis
                for axis in axes
                if all(name in names or left.met((name, allowed), {}) for name, allowed in axis.when)
            )
            if kept == axes:
                return left
            axes = kept

    def active(self, axis: Axis, values: Mapping[str, Value]) -> bool:
        """Whether the axis's conditions hold, given the values of the active axes before it."""
        return all(self.met(condition, values) for condition in axis.when)

    def point(self, values: Mapping[str, Value]) -> Point:
        """The point of one value an axis; values of inactive axes are dropped, so that what means the same is the
        same."""
        kept: dict[str, Value] = {}
        for axis in self.axes:
            if axis.name in values and self.active(axis, kept):
                kept[axis.name] = values[axis.name]
        for name in self.layered:
            depth, width = kept.pop(f"{name}.depth", None), kept.pop(f"{name}.width", None)
            if isinstance(depth, int):
                kept[name] = (width,) * depth if width is not None else ()
        return Point(kept)

    def at(self, units: Iterable[float]) -> Point:
        """The point at a place of the unit cube, one coordinate an axis."""
        return self.point({axis.name: axis.value(float(unit)) for axis, unit in zip(self.axes, units, strict=True)})

    def values(self, point: Mapping[str, Value]) -> dict[str, Value] | None:
        """The value of each active axis at a point; None for a point that is not of this space (names missing or too
        many)."""
        rest, found = dict(point), dict[str, Value]()
        for name in self.layered:
            widths = rest.pop(name, None)
            if isinstance(widths, tuple):
                if len(set(widths)) > 1:
                    return None
                rest[f"{name}.depth"] = len(widths)
                if widths:
                    rest[f"{name}.width"] = widths[0]
        for axis in self.axes:
            if self.active(axis, found):
                if axis.name not in rest:
                    return None
                found[axis.name] = rest.pop(axis.name)
        return None if rest else found

    def units(self, point: Mapping[str, Value]) -> tuple[float | None, ...] | None:
        """The point's place in the unit cube, None at inactive axes; None for a point that is not of this space or out
        of its bounds."""
        values = self.values(point)
        if values is None:
            return None
        units = {name: axis.unit(values[name]) for axis in self.axes if (name := axis.name) in values}
        return None if None in units.values() else tuple(units.get(axis.name) for axis in self.axes)

    def edges(self, point: Mapping[str, Value]) -> tuple[str, ...]:
        """The ends of ranges that the point lies on, as "learning_rate high": there the best value may lie outside."""
        found: list[str] = []
        for axis in self.axes:
            if isinstance(axis, Range) and axis.name in (values := self.values(point) or {}):
                found += [
                    f"{axis.name} {end}"
                    for end, at in zip(("low", "high"), axis.ends(values[axis.name]), strict=True)
                    if at
                ]
        return tuple(found)

    def canonical(self) -> list[dict[str, object]]:
        """The space as JSON-able values, the same for the same space."""
        return [_described(axis) for axis in self.axes]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], constants: Mapping[str, Value]) -> Space:
        """The space that `canonical` described, which does not tell how far ranges may be widened. Raises KeyError,
        TypeError or ValueError for rows that it did not write."""
        return cls(tuple(_axis(row) for row in rows), dict(constants))

    def met(self, condition: Condition, values: Mapping[str, Value]) -> bool:
        """Whether one condition holds, given the values of the active axes."""
        name, allowed = condition
        if name not in values:
            if name not in self.constants or any(axis.name == name for axis in self.axes):
                return False
            values = self.constants
        return any(same(values[name], value) for value in allowed) if allowed else bool(values[name])


def _ordered(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """The axes, each after those that its conditions name; otherwise in the order given."""
    waiting, placed = list(axes), list[Axis]()
    while waiting:
        names = {axis.name for axis in waiting}
        ready = next((axis for axis in waiting if not any(name in names for name, _ in axis.when)), None)
        if ready is None:
            raise SpaceError("conditions run in a circle: " + ", ".join(_circle(waiting)))
        waiting.remove(ready)
        placed.append(ready)
    return tuple(placed)


def _circle(waiting: Iterable[Axis]) -> list[str]:
    """The names of axes that wait for each other, without those that only wait for them."""
    left = {axis.name: axis for axis in waiting}
    while True:
        named = {name for axis in left.values() for name, _ in axis.when}
        if named >= set(left):
            return sorted(left)
        left = {name: axis for name, axis in left.items() if name in named}


def _described(axis: Axis) -> dict[str, object]:
    row: dict[str, object] = {"name": axis.name}
    if isinstance(axis, Choice):
        row["choices"] = [thawed(value) for value in axis.values]
    else:
        low, high = (int(axis.low), int(axis.high)) if axis.integer else (axis.low, axis.high)
        row |= {"low": low, "high": high, "integer": axis.integer, "scale": "log" if axis.log else "linear"}
        row |= {name: value for name in ("step", "points") if (value := getattr(axis, name)) is not None}
    if axis.when:
        row["when"] = {name: [thawed(value) for value in values] for name, values in axis.when}
    return row


def _axis(row: Mapping[str, Any]) -> Axis:
    when = tuple((str(name), tuple(map(frozen, allowed))) for name, allowed in row.get("when", {}).items())
    if "choices" in row:
        return Choice(str(row["name"]), tuple(map(frozen, row["choices"])), when)
    low, high = float(row["low"]), float(row["high"])
    more = {name: row[name] for name in ("step", "points") if name in row}
    return Range(str(row["name"]), low, high, bool(row["integer"]), row["scale"] == "log", when=when, **more)
