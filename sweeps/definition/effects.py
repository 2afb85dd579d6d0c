"""What a whole space is asked once its parts are right: whether everything in it can matter, and whether the model
accepts what it combines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from model.hyperparameters import HyperParameter, HyperParameterError, complete
from sweeps.mistakes import listed, shown
from sweeps.space import Axis, Choice, Grid, GridTooLarge, Space, Value
from sweeps.space.point import thawed

CORNERS = 400  # combinations of extreme values that the model is asked about


def without_effect(
    space: Space, fixed: Mapping[str, Value], known: Mapping[str, HyperParameter], given: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(name, why) of what can have no effect: a hyper-parameter whose conditions nothing in the definition meets.
    What the levels of a comparison give (`given`) may meet any condition."""
    axes = {axis.name.removesuffix(".depth"): axis for axis in space.axes if not axis.name.endswith(".width")}
    rows = [(name, axis.when) for name, axis in axes.items()] + [(name, known[name].active_when) for name in fixed]
    for name, when in rows:
        for other, allowed in when:
            if other not in given and not _possible(other, tuple(allowed), axes.get(other), space):
                needs = (
                    f"{other} is {listed(shown(value) for value in allowed)}" if allowed else f"{other} is switched on"
                )
                has = "searched among others" if other in axes else shown(thawed(space.constants[other]))
                yield name, f"has no effect: it matters only where {needs}, and here {other} is {has}"


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


def _possible(name: str, allowed: tuple[Value, ...], axis: Axis | None, space: Space) -> bool:
    """Whether the hyper-parameter can have one of the values; no values mean that it can be switched on."""
    if axis is None:
        return (
            space.met((name, allowed), {})
            if not any(other.name.startswith(f"{name}.") for other in space.axes)
            else True
        )
    if isinstance(axis, Choice):
        return any(space.met((name, allowed), {name: value}) for value in axis.values)
    return any(axis.unit(value) is not None for value in allowed) if allowed else axis.high != 0
