"""How wide the range is in which training works: each level against a number that was tried on a grid.

With sixteen scales of initial weights, with and without batch normalization, this is the textbook's picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures import palette
from sweeps.figures.curves import thin
from sweeps.figures.picture import Mark, Picture
from sweeps.figures.ranges import Reached, SmallLine, reached_by_level, small_curves
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import NARROW, WIDE
from sweeps.report.select import band
from sweeps.report.words import count_text, listed, value_text

METRIC = "validation/accuracy"
FEWEST, MOST = 6, 24  # values of the number
LEVELS = 4
TIMES_CHANCE = 3.0  # a training that is not so much better than guessing has learnt nothing worth the name


def range_pictures(evidence: Evidence, factor: Factor) -> list[Picture]:
    """The accuracy at the end against the number, and the courses of all trainings in small; none where no number was
    tried on a grid, or nothing is classified.
    """
    axis = next((axis for axis in evidence.axes if _gridded(evidence, factor, axis)), None)
    if axis is None or not 2 <= len(factor.levels) <= LEVELS:
        return []
    runs = {
        level: [run for run in evidence.runs if run.stage == "search" and factor.of(run) == level]
        for level in factor.levels
    }
    table = {level: _by_value(mine, axis.name) for level, mine in runs.items()}
    if any(len(values) < FEWEST for values in table.values()):
        return []
    classes = len(evidence.first.data.get("classes") or ()) or 10
    return [_reached(factor, axis, table, 1.0 / classes), _courses(factor, axis, table)]


def _gridded(evidence: Evidence, factor: Factor, axis: Axis) -> bool:
    """Whether the axis is a number with FEWEST to MOST values, each tried under every level by more than chance."""
    if axis.name == factor.name or not axis.numeric:
        return False
    values = [
        {run.point.get(axis.name) for run in evidence.runs if run.stage == "search" and factor.of(run) == level}
        for level in factor.levels
    ]
    kinds = {str(run.reason.get("kind", "")) for run in evidence.runs if run.stage == "search"}
    has = any(METRIC in run.metrics for run in evidence.runs)
    return kinds == {"grid"} and has and bool(values) and len(set(map(frozenset, values))) == 1 and (
        FEWEST <= len(values[0]) <= MOST
    )  # fmt: skip


def _by_value(runs: Sequence[Run], name: str) -> dict[float, list[Run]]:
    found: dict[float, list[Run]] = {}
    for run in sorted(runs, key=lambda run: float(run.point[name])):
        if run.ended:
            found.setdefault(float(run.point[name]), []).append(run)
    return found


def _accuracy(run: Run, chance: float) -> float:
    """The accuracy at the end; of a training that failed that of guessing."""
    value = run.last(METRIC)
    return value if run.counts and math.isfinite(value) else chance


def _reached(factor: Factor, axis: Axis, table: Mapping[str, Mapping[float, list[Run]]], chance: float) -> Picture:
    levels, good, worst = [], {}, {}
    for level, by_value in table.items():
        x = np.asarray(list(by_value))
        each = [np.asarray([_accuracy(run, chance) for run in runs]) for runs in by_value.values()]
        means = np.asarray([float(values.mean()) for values in each])
        dots = np.repeat(x, [len(values) for values in each]), np.concatenate(each)
        levels.append(Reached(level, factor.colours[level], x, means, *dots))
        good[level] = int((means >= TIMES_CHANCE * chance).sum())
        worst[level] = float(means.min())
    values = next(iter(levels)).x
    across = _across(axis, values)
    up = Scale(0.0, 1.0, share=True)
    count = len(values)
    learnt = [
        f"under {factor.say(level)} at {'all' if good[level] == count else good[level]} of {count} values"
        + (f" ({100 * worst[level]:.0f} % at the least)" if good[level] == count else "")
        for level in table
    ]
    sentence = f"{TIMES_CHANCE:g} times the accuracy of guessing is reached {listed(learnt)}."
    wide, narrow = (
        (reached_by_level(levels, across, up, axis.name, TIMES_CHANCE * chance, width),) for width in (WIDE, NARROW)
    )
    return Picture(
        "range",
        f"Accuracy at the end against {axis.name.replace('_', ' ')}",
        sentence,
        f"Lines of the validation accuracy after the last epoch against {axis.name}, one for each of "
        f"{listed(table)}. {sentence}",
        wide,
        narrow,
        (Mark("one training", "muted", "o"), Mark("mean of the searches", "muted", "line"),
         Mark(f"{TIMES_CHANCE:g} × guessing", "muted", "dashed")),
        "Every value was tried in each search, on other initial weights. A training that failed counts as guessing.",
    )  # fmt: skip


def _courses(factor: Factor, axis: Axis, table: Mapping[str, Mapping[float, list[Run]]]) -> Picture:
    """A small panel for each value, the largest first, a line for each level."""
    values = sorted(next(iter(table.values())), reverse=True)
    lines = {value: [_line(factor, level, by_value[value]) for level, by_value in table.items()] for value in values}
    last = max(float(line.x[-1]) for each in lines.values() for line in each if len(line.x))
    everything = [float(y) for each in lines.values() for line in each for y in line.y if math.isfinite(y)]
    up = Scale(0.0, 1.0, share=True) if min(everything, default=0.0) < 0.8 else fit_share(everything)
    panels = tuple(
        small_curves(value_text(value), each, Scale(0.0, max(last, 1.0)), up) for value, each in lines.items()
    )
    ahead = {
        level: sum(_leader(lines[value]) == factor.colours[level] for value in values) for level in table
    }  # fmt: skip
    sentence = (
        f"Of {count_text(len(values), 'value')} of {axis.name}, from the largest to the smallest, "
        f"{listed(f'{factor.say(level)} ends ahead at {count}' for level, count in ahead.items())}."
    )
    marks = tuple(Mark(factor.say(level), f"level{factor.colours[level] % palette.LEVELS}", "line") for level in table)
    return Picture(
        "courses",
        f"Validation accuracy by epoch at each {axis.name.replace('_', ' ')}",
        sentence,
        f"Small multiples: validation accuracy over the epochs, a panel for each of {len(values)} values of "
        f"{axis.name}, a line for each of {listed(table)}. {sentence}",
        panels,
        (),
        marks,
        "Median over the searches; all panels share both axes.",
    )


def _line(factor: Factor, level: str, runs: Sequence[Run]) -> SmallLine:
    found = band(runs, METRIC, minimize=False, replicates=True)
    if found is None:
        return SmallLine(factor.colours[level], np.zeros(0), np.zeros(0))
    keep = thin(len(found[0]), 60)
    return SmallLine(factor.colours[level], found[0][keep], found[1].middle[keep])


def _leader(lines: Sequence[SmallLine]) -> int:
    """The colour of the line that ends highest; −1 where none does."""
    ends = {line.colour: _finite(line.y) for line in lines}
    best = max(ends.values())
    leaders = [colour for colour, end in ends.items() if end == best]
    return leaders[0] if len(leaders) == 1 else -1


def _finite(y: Array) -> float:
    return float(y[-1]) if len(y) and math.isfinite(float(y[-1])) else 0.0


def _across(axis: Axis, values: Array) -> Scale:
    return fit(values.tolist(), log=axis.log and float(values.min()) > 0, margin=0.03)
