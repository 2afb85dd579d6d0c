"""What a whole space is asked once its parts are right: whether everything in it can matter, and whether the model
accepts what it combines."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from model.hyperparameters import HyperParameter, HyperParameterError, complete
from sweeps.mistakes import listed, shown
from sweeps.space import Axis, Choice, Grid, GridTooLarge, Range, Space, Value
from sweeps.space.axes import same
from sweeps.space.point import thawed

CORNERS = 400  # combinations of extreme values that the model is asked about
TOGETHER = 2000  # combinations of values that are looked at for conditions that never hold together


def without_effect(
    space: Space,
    fixed: Mapping[str, Value],
    known: Mapping[str, HyperParameter],
    given: Collection[str],
    grids: Collection[int],
) -> dict[str, str]:
    """Name -> why, of what can have no effect: a hyper-parameter whose conditions nothing in the definition meets, one
    by one or all together. What the levels of a comparison give (`given`) may meet any condition; `grids` are the
    resolutions of the grids that search."""
    axes = {axis.name.removesuffix(".depth"): axis for axis in space.axes if not axis.name.endswith(".width")}
    rows = [(name, axis.when) for name, axis in axes.items()] + [(name, known[name].active_when) for name in fixed]
    found: dict[str, str] = {}
    for name, when in rows:
        for other, allowed in when:
            if other not in given and not _possible(other, tuple(allowed), axes.get(other), space, grids):
                has = "searched among others" if other in axes else shown(thawed(space.constants[other]))
                why = f"has no effect: it matters only where {_said(other, allowed)}, and here {other} is {has}"
                found.setdefault(name, why)
    for name, why in _never_together(space, given, grids):
        found.setdefault(name, why)
    return found


def refused_combinations(space: Space, fixed: Mapping[str, Value]) -> dict[str, str]:
    """Name -> why, where the model refuses a combination of extreme values: what one owner of a shared name allows
    another may refuse."""
    corners = tuple(
        axis if isinstance(axis, Choice) else Choice(axis.name, (axis.value(0.0), axis.value(1.0)), axis.when)
        for axis in space.axes
    )
    try:
        grid = Grid(Space(corners, space.constants), None)
    except GridTooLarge:
        return {}
    problems: dict[str, str] = {}
    for step in range(min(grid.count, CORNERS)):
        try:
            complete({**fixed, **grid.point(step * grid.count // min(grid.count, CORNERS))})
        except HyperParameterError as error:
            for problem in error.problems:
                problems.setdefault(problem.name, problem.message)
    return problems


def _never_together(space: Space, given: Collection[str], grids: Collection[int]) -> Iterator[tuple[str, str]]:
    """What has conditions that can be met, but not all at once: momentum at 0.5 beside plain sgd."""
    named: dict[str, list[Value]] = {}
    for axis in space.axes:
        for name, allowed in axis.when:
            named.setdefault(name, []).extend(allowed)
    free = {*given, *space.layered}  # whatever a condition asks of these may be so
    whens = {axis.name: tuple(each for each in axis.when if each[0] not in free) for axis in space.axes}
    few = [Choice(axis.name, _standing_for(axis, named.get(axis.name), grids), whens[axis.name]) for axis in space.axes]
    if math.prod(axis.count for axis in few) > TOGETHER:
        return
    grid = Grid(Space(tuple(few), space.constants), None)
    names = {name for place in range(grid.count) for name in grid.point(place)}
    never = {axis.name: None for axis in few if axis.name.removesuffix(".depth").removesuffix(".width") not in names}
    for name in never:
        if not any(other in never for other, _ in whens[name]):  # else it is that other which is told
            needs = " and ".join(_said(other, allowed) for other, allowed in whens[name])
            yield (
                name.removesuffix(".depth"),
                f"has no effect: it matters only where {needs}, which is never so at once",
            )


def _standing_for(axis: Axis, named: list[Value] | None, grids: Collection[int]) -> tuple[Value, ...]:
    """Values of an axis that meet and miss each condition that names it: few enough to combine with those of others."""
    if named is None:
        return (axis.value(0.5),)
    if isinstance(axis, Choice):
        return axis.values
    return tuple(dict.fromkeys((*map(axis.value, (0.0, 0.5, 1.0)), *(v for v in named if _takes(axis, v, grids)))))


def _possible(name: str, allowed: tuple[Value, ...], axis: Axis | None, space: Space, grids: Collection[int]) -> bool:
    """Whether the hyper-parameter can have one of the values; no values mean that it can be switched on."""
    if axis is None:
        return (
            space.met((name, allowed), {})
            if not any(other.name.startswith(f"{name}.") for other in space.axes)
            else True
        )
    if isinstance(axis, Choice):
        return any(space.met((name, allowed), {name: value}) for value in axis.values)
    return any(_takes(axis, value, grids) for value in allowed) if allowed else axis.high != 0


def _takes(axis: Range, value: Value, grids: Collection[int]) -> bool:
    """Whether a search can propose the value. A continuous range has each of its values next to never, but for its
    ends, where searches that look closer may arrive, and the values of grids."""
    unit = axis.unit(value)
    if unit is None:
        return False
    if axis.count is not None:
        return same(axis.value(unit), value)
    listed_by_grids = (axis.nth(index, points) for points in grids for index in range(axis.size(points)))
    return value in (axis.low, axis.high) or any(same(each, value) for each in listed_by_grids)


def _said(name: str, allowed: Collection[Value]) -> str:
    """A condition in words."""
    return f"{name} is {listed(shown(value) for value in allowed)}" if allowed else f"{name} is switched on"
