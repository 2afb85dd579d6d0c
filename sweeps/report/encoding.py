"""Points as numbers from 0 to 1, one column a hyper-parameter: for parallel coordinates, planes and models of the
values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures.scales import Scale, fit
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.words import value_text


@dataclass(frozen=True)
class Column:
    """One hyper-parameter: the place (0 to 1) of each run's value, nan where it is not active; tick labels at their
    places.

    `scale` is that of a number; a choice has places alone, on a scale from 0 to 1.
    """

    name: str
    places: Array
    ticks: tuple[tuple[float, str], ...]
    scale: Scale
    numeric: bool

    def values(self, places: Array) -> Array:
        """The numbers at places, on which `scale` works."""
        low, high = self.scale.ends
        drawn = low + places * (high - low)
        return np.asarray(10.0**drawn if self.scale.log else drawn)

    def drawn_ticks(self) -> list[tuple[float, str]]:
        """The tick labels at drawing coordinates of `scale`."""
        low, high = self.scale.ends
        return [(low + at * (high - low), text) for at, text in self.ticks]


def columns(evidence: Evidence, runs: Sequence[Run]) -> list[Column]:
    """Every searched hyper-parameter that took more than one value among the runs."""
    axes = {axis.name: axis for axis in evidence.axes}
    names = list(dict.fromkeys([*axes, *(name for run in runs for name in run.point)]))
    found = []
    for name in names:
        values = [run.point.get(name) for run in runs]
        if len({value_text(value) for value in values if value is not None}) < 2:
            continue
        axis = axes.get(name, Axis(name, tuple(dict.fromkeys(map(_hashable, values)))))
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if axis.numeric and len(numbers) == sum(value is not None for value in values):
            found.append(_number(axis, values))
        else:
            found.append(_choice(axis, values, evidence.orders.get(name, ())))
    return found


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _number(axis: Axis, values: Sequence[object]) -> Column:
    numbers = np.asarray([float(value) if isinstance(value, int | float) else math.nan for value in values])
    declared = not axis.choices and axis.high > axis.low
    ends = [axis.low, axis.high] if declared else [float(np.nanmin(numbers)), float(np.nanmax(numbers))]
    log = (axis.log and axis.low > 0) if declared else None
    scale = fit(ends, log=log, margin=0.02)
    low, high = scale.ends
    places = (scale.place(numbers) - low) / (high - low)
    ticks = tuple(((at - low) / (high - low), text) for at, text in scale.ticks(4))
    return Column(axis.name, places, ticks, scale, True)


def _choice(axis: Axis, values: Sequence[object], order: Sequence[str]) -> Column:
    present = {value_text(value) for value in values if value is not None}
    listed = [value_text(choice) for choice in axis.choices if value_text(choice) in present]
    levels = sorted(present, key=lambda level: (_at(level, order), _at(level, listed), level))
    places = {level: (index + 0.5) / len(levels) for index, level in enumerate(levels)}
    column = np.asarray([math.nan if value is None else places[value_text(value)] for value in values])
    return Column(axis.name, column, tuple((at, level) for level, at in places.items()), Scale(0.0, 1.0), False)


def _at(level: str, order: Sequence[str]) -> int:
    return order.index(level) if level in order else len(order)
