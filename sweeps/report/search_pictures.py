"""The search as pictures: values in the order tried and against each searched number, with the sentence that says
what to see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import PointResult, best_so_far, edge, explained, rank
from sweeps.comparison.points import Array
from sweeps.figures import palette
from sweeps.figures.frame import Tick
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit
from sweeps.figures.values import Series, Tried, search_progress, slices
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.factors import Factor, numeric_axes
from sweeps.report.level_pictures import LEAST, NARROW, WIDE, axis_label, level_summaries, scale_of
from sweeps.report.words import listed, metric_text, metric_words, value_text

MOST_SLICES = 12
MOST_STOPS = 12  # values of a grid that are joined by a line
FEWEST = 10  # trials with which it is said which number orders them
NO_VALUE = "no value (diverged or failed)"
KINDS = (
    ("random", "level1", "o", True),
    ("grid", "level2", "s", False),
    ("model", "level0", "o", False),
)


def progress_picture(evidence: Evidence) -> Picture | None:
    """Values in the order proposed, coloured by what proposed them, and the best so far. None for several executions,
    and for a plain grid, whose order means nothing.
    """
    if len(evidence.asked) > 1 or len(evidence.points) < 3 or evidence.gridded:
        return None
    order: list[float] = []
    value: list[float] = []
    kind: list[str] = []
    for (_, number, _), runs in evidence.points.items():
        if any(run.ended for run in runs):
            mine = [run.value for run in runs if run.counts]
            lost = any(run.lost for run in runs)
            order.append(float(number))
            value.append(float(np.mean(mine)) if mine and not lost else math.nan)
            kind.append(kind_of(runs[0]))
    orders, values = np.asarray(order), np.asarray(value)
    running = best_so_far(value, minimize=evidence.minimize)
    known = np.isfinite(running)
    tried = [
        Tried(words, colour, marker, hollow, orders[here], values[here])
        for words, colour, marker, hollow in KINDS
        if (here := np.asarray([each == words for each in kind], dtype=bool)).any()
    ]
    scale, label = scale_of(evidence), axis_label(evidence)
    panels = [search_progress(tried, (orders[known], running[known]), scale, label, width) for width in (WIDE, NARROW)]
    marks = [Mark(each.label, each.colour, "ring" if each.hollow else each.marker) for each in tried]
    marks.append(Mark("best so far", "ink", "line"))
    if not np.isfinite(values).all():
        early = " or stopped early" * any(run.status == "stopped" for run in evidence.runs)
        marks.append(Mark(f"no value (diverged, failed{early})" if early else NO_VALUE, "alarm", "x"))
    best = int(np.nanargmin(values) if evidence.minimize else np.nanargmax(values)) if known.any() else None
    sentence = "No trial has a value yet."
    if best is not None:
        late = "" if best < 0.8 * len(order) else ", late in the search: more trials may still find better"
        by = "the model" if kind[best] == "model" else f"the {kind[best]} part"
        sentence = f"The best value came with trial #{int(order[best])}, proposed by {by}{late}. "
        sentence = (sentence + _gain(values, kind, evidence)).strip()
    return Picture(
        "progress",
        "How the search went on",
        sentence,
        f"Value of each of {len(order)} proposed points in order, with the best so far as a line. {sentence}",
        (panels[0],),
        (panels[1],),
        tuple(marks),
    )


def slices_picture(evidence: Evidence, factor: Factor | None) -> Picture | None:
    """Value against every searched number, the main factor's levels in their colours."""
    axes = [axis for axis in numeric_axes(evidence) if _spread(evidence, axis)][:MOST_SLICES]
    if not axes:
        return None
    up = scale_of(evidence)
    panels = tuple(_slice(evidence, factor, axis, up) for axis in axes)
    marks = (
        [Mark(level, f"level{factor.colours[level]}", palette.marker(factor.colours[level])) for level in factor.levels]
        if factor
        else []
    )
    if any(run.lost for run in evidence.runs):
        marks.append(Mark(NO_VALUE, "alarm", "x"))
    alarms = edge_alarms(evidence, factor)
    strongest = max(axes, key=lambda axis: _strength(evidence, axis))
    share = 100 * _strength(evidence, strongest)
    sentence = f"{strongest.name} orders the trials most ({share:.0f} % of their ranking, in five steps)."
    if share < 100 * LEAST:
        sentence = "No searched number orders the trials that came to their end."
        if sum(run.whole for run in evidence.runs) < FEWEST:
            sentence = f"Fewer than {FEWEST} trials came to their end, too few to say which number orders them."
    sentence += " " + " ".join(alarms) if alarms else " The best point lies on no edge of its ranges."
    return Picture(
        "slices",
        "Value against each searched number",
        sentence,
        f"Scatter plots of {metric_words(evidence.objective)} against {listed(axis.name for axis in axes)}. {sentence}",
        panels,
        (),
        tuple(marks),
    )


def edge_alarms(evidence: Evidence, factor: Factor | None = None) -> list[str]:
    """A sentence for each searched number whose best value lies on the edge of its range, in all or in a level of the
    factor: the optimum may lie outside.
    """
    bests: dict[str, PointResult] = {}
    if factor is not None and evidence.gridded:
        found = level_summaries(evidence, factor)
        bests = {f"{factor.say(level.level)}'s": level.best for level in found if level.best is not None}
    elif ranked := [point for point in rank(evidence.tested(), minimize=evidence.minimize) if point.values]:
        bests = {"The": ranked[0]}
    sides: dict[tuple[str, str, str], list[str]] = {}
    for whose, best in bests.items():
        point = evidence.points[best.name][0].point
        for axis in numeric_axes(evidence):
            side = side_of(axis, point.get(axis.name))
            if side is not None and not (factor is not None and axis.name == factor.name):
                sides.setdefault((axis.name, side, value_text(point[axis.name])), []).append(whose)
    return [
        f"{'Every level’s' if len(owners) == len(bests) > 2 else listed(owners)} best {name} ({value}) lies at the "
        f"{side} end of what was searched: the optimum may lie beyond."
        for (name, side, value), owners in sides.items()
    ]


def side_of(axis: Axis, value: object) -> str | None:
    """The end of its range that a value lies at, if the optimum may lie beyond: not where the hyper-parameter itself
    ends there, as a dropout of 0 does.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if axis.choices:
        side = "low" if value == min(axis.choices) else "high" if value == max(axis.choices) else None
    else:
        side = edge(float(value), axis.low, axis.high, log=axis.log)
    return None if side is None or _is_bound(axis, side) else side


def _is_bound(axis: Axis, side: str) -> bool:
    from model.hyperparameters import hyperparameters

    known = hyperparameters().get(axis.name)
    ends = [float(each) for each in axis.choices if isinstance(each, int | float)] or [axis.low, axis.high]
    if known is None:
        return False
    return min(ends) == known.low if side == "low" else max(ends) == known.high


def kind_of(run: Run) -> str:
    """What proposed a run's point: random, grid or (a) model."""
    kind = str(run.reason.get("kind", ""))
    return "random" if kind in ("random", "start", "random_start") else "grid" if kind.startswith("grid") else "model"


def _gain(values: Array, kind: Sequence[str], evidence: Evidence) -> str:
    mine = {name: values[[each == name for each in kind]] for name in set(kind)}
    if set(mine) != {"random", "model"} or any(not np.isfinite(part).any() for part in mine.values()):
        return ""
    medians = {name: float(np.nanmedian(part)) for name, part in mine.items()}
    metric = evidence.objective
    return (
        f"Median value of the random start {metric_text(metric, medians['random'])}, "
        f"of the model's proposals {metric_text(metric, medians['model'])}."
    )


def _spread(evidence: Evidence, axis: Axis) -> bool:
    values = {run.point[axis.name] for run in evidence.runs if isinstance(run.point.get(axis.name), int | float)}
    return len(values) > 1


def _strength(evidence: Evidence, axis: Axis) -> float:
    """η² of the ranks between fifths of the axis."""
    runs = [run for run in evidence.runs if run.whole and axis.name in run.point]
    places = np.asarray([float(run.point[axis.name]) for run in runs])
    if len(places) < FEWEST:
        return 0.0
    fifths = np.searchsorted(np.quantile(places, [0.2, 0.4, 0.6, 0.8]), places)
    sign = 1.0 if evidence.minimize else -1.0
    return explained([sign * run.value for run in runs], fifths.tolist())


def axis_scale(axis: Axis, runs: Sequence[Run]) -> tuple[Scale, Array, list[Tick] | None]:
    """Where the runs' values of an axis are drawn: its scale, their values on it, and ticks where it has names or few
    values.
    """
    if not axis.numeric:
        levels = [value_text(choice) for choice in axis.choices]
        names = list(dict.fromkeys(value_text(run.point[axis.name]) for run in runs))
        levels = [level for level in levels if level in names] or names
        places = np.asarray([float(levels.index(value_text(run.point[axis.name]))) for run in runs])
        return Scale(-0.5, len(levels) - 0.5), places, [(float(place), level) for place, level in enumerate(levels)]
    raw = np.asarray([float(run.point[axis.name]) for run in runs])
    distinct = np.unique(raw)
    if axis.choices and len(distinct) <= 8:
        ticks = [(float(place), value_text(value)) for place, value in enumerate(distinct.tolist())]
        return Scale(-0.5, len(distinct) - 0.5), np.searchsorted(distinct, raw).astype(float), ticks
    low, high = (distinct[0], distinct[-1]) if math.isnan(axis.low) else (axis.low, axis.high)
    return fit([low, high], log=axis.log and low > 0, margin=0.04), raw, None


def _slice(evidence: Evidence, factor: Factor | None, axis: Axis, up: Scale) -> Panel:
    runs = [run for run in evidence.runs if axis.name in run.point and run.whole]
    across, everything, ticks = axis_scale(axis, runs)
    values = np.asarray([run.value if run.counts else math.nan for run in runs])
    shown = factor.levels if factor else ("",)
    series = []
    for index, level in enumerate(shown):
        mine = np.asarray([factor is None or factor.of(run) == level for run in runs], dtype=bool)
        places, mine_values, joined = everything[mine], values[mine], None
        if evidence.gridded and mine.any():
            stops = np.unique(places)
            if len(stops) <= MOST_STOPS:
                joined = (stops, np.asarray([_mean(mine_values[places == stop]) for stop in stops]))
        elif ticks is not None:  # side by side, where levels would otherwise hide each other
            places = places + 0.5 * ((index + 0.5) / len(shown) - 0.5)
        series.append(Series(factor.colours[level] if factor else 0, places, mine_values, joined))
    return slices(axis.name, series, across, ticks, up)


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size and np.isfinite(values).all() else math.nan
