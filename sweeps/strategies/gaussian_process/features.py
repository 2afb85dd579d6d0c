"""Points as rows of numbers for a model: what is near in the space is near in the rows.

    range, ordered choice (of numbers)     one column, the unit coordinate
    other choice                           one column a value, 1/√2 at the chosen one: two values are at distance 1
    inactive axis                          the coordinate of its default, so that it tells no two points apart

`units` are points in the unit cube, shape (n, axes); features have shape (n, columns).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeps.space import Axis, Choice, Point, Range, Space, Value, ordered

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """The translation between the points of one space and a model's rows. `groups[c]` is the number of the axis of
    column c."""

    space: Space
    groups: npt.NDArray[np.intp]
    defaults: Array
    snaps: tuple[Callable[[Array], Array], ...]

    @classmethod
    def of(cls, space: Space) -> Features:
        """The features of a space."""
        widths = [len(axis.values) if isinstance(axis, Choice) and not ordered(axis) else 1 for axis in space.axes]
        defaults = [_default(axis, space) for axis in space.axes]
        return cls(
            space,
            np.repeat(np.arange(len(widths)), widths),
            np.array(defaults),
            tuple(_snap(axis) for axis in space.axes),
        )

    def units(self, point: Point) -> Array | None:
        """The point's row of the unit cube, defaults at inactive axes; None for a point out of the space."""
        units = self.space.units(point)
        if units is None:
            return None
        return np.array([default if unit is None else unit for unit, default in zip(units, self.defaults, strict=True)])

    def snapped(self, units: Array) -> Array:
        """Rows moved to the nearest allowed values, defaults at inactive axes: the same row for the same point."""
        snapped = np.column_stack([snap(units[:, column]) for column, snap in enumerate(self.snaps)])
        active: dict[str, npt.NDArray[np.bool_]] = {}
        for column, axis in enumerate(self.space.axes):
            mask = np.ones(len(units), dtype=bool)
            for name, allowed in axis.when:
                mask &= self._holds(name, allowed, snapped, active)
            active[axis.name] = mask
            snapped[~mask, column] = self.defaults[column]
        return snapped

    def rows(self, snapped: Array) -> Array:
        """Features of snapped rows."""
        columns = []
        for column, axis in enumerate(self.space.axes):
            if ordered(axis):
                columns.append(snapped[:, column : column + 1])
            else:
                count = axis.count or 1
                index = np.minimum((snapped[:, column] * count).astype(np.intp), count - 1)
                columns.append(np.equal.outer(index, np.arange(count)) / np.sqrt(2.0))
        return np.hstack(columns)

    def _holds(
        self, name: str, allowed: tuple[Value, ...], snapped: Array, active: dict[str, npt.NDArray[np.bool_]]
    ) -> npt.NDArray[np.bool_]:
        for column, axis in enumerate(self.space.axes):
            if axis.name == name:
                holds = Space((axis,))
                values, inverse = np.unique(snapped[:, column], return_inverse=True)
                table = np.array([holds.met((name, allowed), {name: axis.value(float(value))}) for value in values])
                return np.asarray(active[name] & table[inverse])
        return np.full(len(snapped), self.space.met((name, allowed), {}))


def _snap(axis: Axis) -> Callable[[Array], Array]:
    count = axis.count
    if isinstance(axis, Range) and axis.integer and axis.step is None and axis.log:
        low, high = axis.low - 0.5, axis.high + 0.5

        def whole(units: Array) -> Array:
            numbers = np.clip(np.floor(low * (high / low) ** units + 0.5), axis.low, axis.high)
            return np.asarray(np.log(numbers / low) / np.log(high / low))

        return whole
    if count is not None:
        return lambda units: (np.minimum(np.floor(units * count), count - 1) + 0.5) / count
    return lambda units: units


def _default(axis: Axis, space: Space) -> float:
    value = space.constants.get(axis.name)
    unit = None if value is None else axis.unit(value)
    return 0.5 if unit is None else unit
