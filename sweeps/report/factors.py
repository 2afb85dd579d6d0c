"""The factors of a report: choices that were varied, their levels, and each level's colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from sweeps.comparison import explained
from sweeps.figures import palette
from sweeps.report.confirmation import RANKS, is_comparison, level_of, levels_of, section_of, values_of
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.words import NAMED, value_text

MOST_LEVELS = 10  # panels a figure; a factor with more levels shows those with the best values
PLAIN = ("execution", "strategy", "regularization", "point")  # factors whose levels need no name beside them either
FEW = 6  # so many distinct values of a sub-parameter still make levels of their own ("normal 1", "normal 0.01")


@dataclass(frozen=True)
class Factor:
    """A choice that was varied. `levels` in the registry's order; `level_of` gives a run's level by the run's
    identity.
    """

    name: str
    levels: tuple[str, ...]
    level_of: dict[str, str] = field(repr=False)
    colours: dict[str, int] = field(repr=False)
    explains: float = 0.0  # share of the values' variance (on ranks) that lies between its levels
    named: bool = False  # whether levels have names of their own (tables of a definition), that say enough

    def of(self, run: Run) -> str:
        """The level that a run belongs to; empty for a run that has none (the choice was not active)."""
        return self.level_of.get(run.id, "")

    def say(self, level: str) -> str:
        """The level as it stands in a sentence: `adam`, but `batch_normalization on`."""
        return level if self.named or self.name in (*NAMED, *PLAIN) else f"{self.name} {level}"

    def runs(self, evidence: Evidence, level: str) -> list[Run]:
        """The runs of a level."""
        return [run for run in evidence.runs if self.of(run) == level]


def find_factors(evidence: Evidence) -> tuple[Factor, ...]:
    """Every varied choice with two levels or more, in the definition's order (a comparison's own factor first); where
    nothing but numbers was varied, the numbers that take few values; where several definitions are compared, their
    executions.
    """
    everything, evidence = evidence, evidence.searched
    names = [axis.name for axis in evidence.axes if not axis.numeric]
    taken = {part for name in names for part in _parts(evidence, name)}
    found = [factor for name in names if name not in taken and (factor := _factor(evidence, name)) is not None]
    if not found:
        few = [axis.name for axis in evidence.axes if axis.choices and len(axis.choices) <= MOST_LEVELS]
        found = [factor for name in few if (factor := _factor(evidence, name)) is not None]
    if evidence.gridded:  # crossed factors: the one with most levels is compared, under each level of the others
        found.sort(key=lambda factor: -len(factor.levels))
    executions = _executions(evidence)
    if executions is not None:
        differ = len({asked.name for asked in evidence.asked}) > 1
        found = [executions, *found] if differ or not found else [*found, executions]
    compared = compared_factor(everything) if is_comparison(evidence.first) else None
    if compared is None:
        return tuple(found)
    return (compared, *(factor for factor in found if factor.name != compared.name))


def compared_factor(evidence: Evidence) -> Factor | None:
    """The factor that the first execution compares, over all its runs, with the levels in the definition's order; of a
    plain search the ranks of its confirmed points. None where there is neither.
    """
    first = evidence.first
    if not is_comparison(first):
        ranked = {run.id: level_of(run) for run in evidence.confirmed.runs if not run.level}
        found = tuple(rank for rank in RANKS.values() if rank in ranked.values())
        return Factor("point", found, ranked, palette.assign(found, found)) if found else None
    name = str(section_of(first).get("factor", ""))
    level_names = tuple(str(level["name"]) for level in levels_of(first))
    level_of_run = {run.id: run.level for run in evidence.runs if run.level in level_names}
    present = tuple(level for level in level_names if level in level_of_run.values())
    if not present:
        return None
    colours = palette.assign(level_names, evidence.orders.get(name) or level_names)
    named = all(name not in values_of(level) for level in levels_of(first))
    return Factor(name, present, level_of_run, colours, _explains(evidence.searched, level_of_run), named)


def whole(evidence: Evidence) -> Factor:
    """A factor of one level that holds every run, for sweeps that vary no choice."""
    return Factor("trial", ("best trial",), {run.id: "best trial" for run in evidence.runs}, {"best trial": 0})


def thirds(evidence: Evidence) -> Factor | None:
    """The searched number that orders the values most, as a factor: the low, middle and high third of its range."""
    axes = [axis for axis in numeric_axes(evidence) if not axis.choices and axis.high > axis.low]
    found = [factor for axis in axes if len((factor := _thirds(evidence, axis)).levels) > 1]
    return max(found, key=lambda factor: factor.explains, default=None)


def _short(value: float) -> str:
    return value_text(float(f"{value:.2g}"))


def _thirds(evidence: Evidence, axis: Axis) -> Factor:
    log = axis.log and axis.low > 0
    ends = np.geomspace(axis.low, axis.high, 4) if log else np.linspace(axis.low, axis.high, 4)
    names = [f"{_short(a)} to {_short(b)}" for a, b in pairwise(ends.tolist())]
    level_of = {
        run.id: names[int(np.searchsorted(ends[1:3], float(run.point[axis.name]), side="right"))]
        for run in evidence.runs
        if axis.name in run.point
    }
    present = tuple(name for name in names if name in level_of.values())
    colours = {name: place for place, name in enumerate(names)}
    return Factor(axis.name, present, level_of, colours, _explains(evidence, level_of))


def _factor(evidence: Evidence, name: str) -> Factor | None:
    parts = _parts(evidence, name)
    level_of = {run.id: _label(run, name, parts) for run in evidence.runs if name in run.point}
    present = set(level_of.values())
    if len(present) < 2:
        return None
    order = evidence.orders.get(name) or tuple(
        value_text(choice) for axis in evidence.axes if axis.name == name for choice in axis.choices
    )
    amounts = _amounts(evidence, level_of, (name, *parts))
    levels = sorted(present, key=lambda level: _place(level, order, amounts))
    colours = palette.assign(levels, order)
    if len(levels) > MOST_LEVELS:
        levels = sorted(
            _best(evidence, level_of, levels)[:MOST_LEVELS], key=lambda level: _place(level, order, amounts)
        )
    return Factor(name, tuple(levels), level_of, colours, _explains(evidence, level_of))


def _parts(evidence: Evidence, name: str) -> tuple[str, ...]:
    """Discrete sub-parameters that come with some of the factor's values alone, and so make levels of their own."""
    found = []
    for axis in evidence.axes:
        if axis.name == name or not axis.choices or len(axis.choices) > FEW:
            continue
        having = {value_text(run.point[name]) for run in evidence.runs if name in run.point and axis.name in run.point}
        lacking = {
            value_text(run.point[name]) for run in evidence.runs if name in run.point and axis.name not in run.point
        }
        if having and lacking and not having & lacking:
            found.append(axis.name)
    return tuple(found)


def _label(run: Run, name: str, parts: Sequence[str]) -> str:
    return " ".join(value_text(run.point[each]) for each in (name, *parts) if each in run.point)


def _amounts(evidence: Evidence, level_of: dict[str, str], names: Sequence[str]) -> dict[str, list[float]]:
    """The numbers in each level, by which levels of one name are ordered."""
    found: dict[str, list[float]] = {}
    for run in evidence.runs:
        if run.id in level_of and level_of[run.id] not in found:
            values = [run.point.get(name) for name in names]
            found[level_of[run.id]] = [
                float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)
            ]
    return found


def _place(level: str, order: Sequence[str], amounts: dict[str, list[float]]) -> tuple[int, list[float], str]:
    word = level if level in order else level.partition(" ")[0]
    return (order.index(word) if word in order else len(order), amounts.get(level, []), level)


def _best(evidence: Evidence, level_of: dict[str, str], levels: Sequence[str]) -> list[str]:
    sign = 1.0 if evidence.minimize else -1.0
    best: dict[str, float] = {}
    for run in evidence.runs:
        if run.counts and run.id in level_of:
            level = level_of[run.id]
            best[level] = min(best.get(level, float("inf")), sign * run.value)
    return sorted(levels, key=lambda level: best.get(level, float("inf")))


def _explains(evidence: Evidence, level_of: dict[str, str]) -> float:
    runs = [run for run in evidence.runs if run.id in level_of and run.whole]
    sign = 1.0 if evidence.minimize else -1.0
    return explained([sign * run.value for run in runs], [level_of[run.id] for run in runs])


def _executions(evidence: Evidence) -> Factor | None:
    if len(evidence.asked) < 2:
        return None
    levels = tuple(asked.execution for asked in evidence.asked)
    level_of = {run.id: run.execution for run in evidence.runs}
    return Factor("execution", levels, level_of, palette.assign(levels, levels), _explains(evidence, level_of))


def numeric_axes(evidence: Evidence) -> list[Axis]:
    """The searched numbers."""
    return [axis for axis in evidence.axes if axis.numeric]
