"""Pictures of values: by level, in the order tried, against each searched number; with the sentence that says what to see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import LevelSummary, best_so_far, edge, explained, summarize
from sweeps.comparison.points import Array
from sweeps.figures import palette
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit
from sweeps.figures.values import LevelValues, Series, Tried, search_progress, slices, values_by_level
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.factors import Factor, numeric_axes
from sweeps.report.words import count_text, listed, metric_text, metric_words, spread_text, value_text

WIDE, NARROW = 800, 360
MOST_SLICES = 12


def level_summaries(evidence: Evidence, factor: Factor, runs: Sequence[Run] | None = None) -> list[LevelSummary]:
    """What each level reached, in the factor's order, over all runs or the given ones."""
    chosen = {run.key for run in (evidence.runs if runs is None else runs)}
    levels = {run.key: {factor.name: factor.of(run)} for run in evidence.runs if run.key in chosen}
    points = [point for point in evidence.tested(levels) if factor.name in point.levels]
    return summarize(points, factor.name, factor.levels, minimize=evidence.minimize)


def scale_of(evidence: Evidence) -> Scale:
    """The axis that shows every value that counts."""
    values = [run.value for run in evidence.runs if run.counts]
    return fit(values, log=False if evidence.objective.endswith("accuracy") else None)


def best_first(evidence: Evidence, found: Sequence[LevelSummary]) -> list[LevelSummary]:
    """Levels by their best point's mean, those without any value last."""
    sign = 1.0 if evidence.minimize else -1.0

    def place(level: LevelSummary) -> float:
        mean = None if level.best is None else level.best.estimate.mean
        return math.inf if mean is None else sign * mean

    return sorted(found, key=place)


def levels_picture(evidence: Evidence, factor: Factor, second: Factor | None) -> Picture:
    """The answer as a picture: each level's trials and its best point; a panel for each level of a second, crossed factor."""
    scale, label = scale_of(evidence), axis_label(evidence)
    found = best_first(evidence, level_summaries(evidence, factor))
    panels: tuple[Panel, ...]
    narrow: tuple[Panel, ...] = ()
    if second is None:
        rows = _rows(evidence, factor, found)
        panels, narrow = ((values_by_level(rows, scale, label, width),) for width in (WIDE, NARROW))
        sentence = _levels_sentence(evidence, factor, found)
    else:
        drawn, sentences = [], []
        for level in second.levels:
            mine = level_summaries(evidence, factor, second.runs(evidence, level))
            rows = _rows(evidence, factor, mine)
            drawn.append(values_by_level(rows, scale, label, NARROW, f"{second.name} {level}"))
            sentences.append(f"Under {second.name} {level}, {_lead(evidence, best_first(evidence, mine))}.")
        panels, sentence = tuple(drawn), " ".join(sentences)
    intervals = any(level.best is not None and level.best.estimate.n > 1 for level in found)
    marks = [Mark("one trial", "muted", "o"), Mark("best point of the level", "muted", "D")]
    if intervals:
        marks.append(Mark("95 % interval of its mean over replicates", "muted", "bar"))
    return Picture(
        "levels", f"What each {factor.name.replace('_', ' ')} reached", sentence,
        _alternative(evidence, factor, found), panels, narrow, tuple(marks),
    )  # fmt: skip


def other_factors_picture(evidence: Evidence, factors: Sequence[Factor]) -> Picture | None:
    """The same for every further factor, small."""
    if not factors:
        return None
    scale, panels = scale_of(evidence), []
    for factor in factors:
        rows = _rows(evidence, factor, level_summaries(evidence, factor))
        panels.append(values_by_level(rows, scale, axis_label(evidence), NARROW, factor.name))
    ordered = sorted(factors, key=lambda factor: -factor.explains)
    parts = [f"{factor.name} {100 * factor.explains:.0f} %" for factor in ordered]
    return Picture(
        "choices", "What every other choice reached",
        f"Share of the ranking of all trials that lies between a choice's levels: {listed(parts)}. "
        "In a search the other settings move at the same time, so read this as a hint, not as an effect.",
        "Dot plots of the trials' values by level for " + listed(factor.name for factor in factors) + ".",
        tuple(panels), (), (Mark("one trial", "muted", "o"), Mark("best point of the level", "muted", "D")),
    )  # fmt: skip


def progress_picture(evidence: Evidence) -> Picture | None:
    """Values in the order proposed, coloured by what proposed them, and the best so far. None for several executions, and for a plain
    grid, whose order means nothing."""
    if len(evidence.asked) > 1 or len(evidence.points) < 3 or evidence.gridded:
        return None
    order: list[float] = []
    value: list[float] = []
    kind: list[str] = []
    for (_, number), runs in evidence.points.items():
        if any(run.ended for run in runs):
            mine = [run.value for run in runs if run.counts]
            lost = any(run.ended and run.status != "stopped" and not run.counts for run in runs)
            order.append(float(number))
            value.append(float(np.mean(mine)) if mine and not lost else math.nan)
            kind.append(_kind(runs[0]))
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
        marks.append(Mark("no value (diverged or failed)", "alarm", "x"))
    best = int(np.nanargmin(values) if evidence.minimize else np.nanargmax(values)) if known.any() else None
    sentence = "No trial has a value yet."
    if best is not None:
        late = "" if best < 0.8 * len(order) else ", late in the search: more trials may still find better"
        by = "the model" if kind[best] == "model" else f"the {kind[best]} part"
        sentence = f"The best value came with trial #{int(order[best])}, proposed by {by}{late}. {_gain(values, kind, evidence)}".strip()
    return Picture(
        "progress", "How the search went on", sentence,
        f"Value of each of {len(order)} proposed points in order, with the best so far as a line. {sentence}",
        (panels[0],), (panels[1],), tuple(marks),
    )  # fmt: skip


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
    if any(run.ended and run.status != "stopped" and not run.counts for run in evidence.runs):
        marks.append(Mark("no value (diverged or failed)", "alarm", "x"))
    alarms = edge_alarms(evidence)
    strongest = max(axes, key=lambda axis: _strength(evidence, axis))
    sentence = f"{strongest.name} orders the trials most ({100 * _strength(evidence, strongest):.0f} % of their ranking, in five steps)."
    sentence += " " + " ".join(alarms) if alarms else " The best point lies on no edge of its ranges."
    return Picture(
        "slices", "Value against each searched number", sentence,
        f"Scatter plots of {metric_words(evidence.objective)} against {listed(axis.name for axis in axes)}. {sentence}",
        panels, (), tuple(marks),
    )  # fmt: skip


def edge_alarms(evidence: Evidence) -> list[str]:
    """A sentence for each searched number whose best value lies on the edge of its range: the optimum may lie outside."""
    best = min(
        (run for run in evidence.runs if run.counts),
        key=lambda run: run.value if evidence.minimize else -run.value,
        default=None,
    )
    alarms = []
    for axis in numeric_axes(evidence):
        value = None if best is None else best.point.get(axis.name)
        if not isinstance(value, int | float) or axis.choices:
            continue
        side = edge(float(value), axis.low, axis.high, log=axis.log)
        if side is not None:
            end = axis.low if side == "low" else axis.high
            alarms.append(
                f"The best {axis.name} ({value_text(value)}) lies at the edge of its range ({value_text(end)}): widen it."
            )
    return alarms


def axis_label(evidence: Evidence) -> str:
    """The objective with the direction that is better."""
    return f"{metric_words(evidence.objective)} ({'lower' if evidence.minimize else 'higher'} is better)"


KINDS = (
    ("random", "level1", "o", True),
    ("grid", "level2", "s", False),
    ("model", "level0", "o", False),
)


def _kind(run: Run) -> str:
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


def _rows(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> list[LevelValues]:
    rows = []
    for level in found:
        best = None if level.best is None else level.best.estimate
        note = "no value" if best is None else spread_text(evidence.objective, best)
        if level.lost.count:
            note += f"  ({level.lost.count} of {level.lost.total} lost)"
        rows.append(
            LevelValues(
                level.level, factor.colours[level.level], np.asarray(level.values), level.lost.count,
                best.mean if best else None, best.low if best else None, best.high if best else None, note,
            )
        )  # fmt: skip
    return rows


def _lead(evidence: Evidence, ordered: Sequence[LevelSummary]) -> str:
    reached = [level for level in ordered if level.best is not None]
    if not reached:
        return "no level has a value"
    words = [
        f"{level.level} ({spread_text(evidence.objective, level.best.estimate)})" for level in reached if level.best
    ]
    if len(words) == 1:
        return f"only {words[0]} has a value"
    return f"{words[0]} is ahead of {words[1]}" + (f"; last is {words[-1]}" if len(words) > 2 else "")


def _levels_sentence(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> str:
    lost = [level for level in found if level.lost.count]
    words = f"By their best points, {_lead(evidence, found)}."
    worst = max(lost, key=lambda level: level.lost.share, default=None)
    if worst is not None and worst.lost.count > 1 and worst.lost.share >= 0.1:
        words += f" Most often without a value: {worst.level}, {worst.lost.count} of {count_text(worst.lost.total, 'trial')}."
    return words


def _alternative(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> str:
    rows = [
        f"{level.level}: best point {spread_text(evidence.objective, level.best.estimate)}, {count_text(level.lost.total, 'trial')}, "
        f"{level.lost.count} lost"
        if level.best is not None
        else f"{level.level}: no value"
        for level in found
    ]
    return f"Dot plot of {metric_words(evidence.objective)} by {factor.name}. " + ". ".join(rows) + "."


def _spread(evidence: Evidence, axis: Axis) -> bool:
    values = {run.point[axis.name] for run in evidence.runs if isinstance(run.point.get(axis.name), int | float)}
    return len(values) > 1


def _strength(evidence: Evidence, axis: Axis) -> float:
    """η² of the ranks between fifths of the axis."""
    runs = [run for run in evidence.runs if run.ended and run.status != "stopped" and axis.name in run.point]
    places = np.asarray([float(run.point[axis.name]) for run in runs])
    if len(places) < 10:
        return 0.0
    fifths = np.searchsorted(np.quantile(places, [0.2, 0.4, 0.6, 0.8]), places)
    sign = 1.0 if evidence.minimize else -1.0
    return explained([sign * run.value for run in runs], fifths.tolist())


def _slice(evidence: Evidence, factor: Factor | None, axis: Axis, up: Scale) -> Panel:
    runs = [run for run in evidence.runs if axis.name in run.point and run.ended and run.status != "stopped"]
    distinct = sorted({float(run.point[axis.name]) for run in runs})
    listed_values = axis.choices and len(distinct) <= 8
    if listed_values:
        across = Scale(-0.5, len(distinct) - 0.5)
        ticks = [(float(place), value_text(axis_value)) for place, axis_value in enumerate(distinct)]
    else:
        low, high = (min(distinct), max(distinct)) if math.isnan(axis.low) else (axis.low, axis.high)
        across = fit([low, high], log=axis.log and low > 0, margin=0.04)
        ticks = None
    series = []
    shown = factor.levels if factor else ("",)
    for index, level in enumerate(shown):
        mine = [run for run in runs if factor is None or factor.of(run) == level]
        raw = np.asarray([float(run.point[axis.name]) for run in mine])
        places = np.searchsorted(distinct, raw).astype(float) if listed_values else raw
        values = np.asarray([run.value if run.counts else math.nan for run in mine])
        joined = None
        if mine and evidence.gridded and len(distinct) <= 12:
            stops = np.unique(places)
            joined = (stops, np.asarray([_mean(values[places == stop]) for stop in stops]))
        elif listed_values:  # side by side, where levels would otherwise hide each other
            places = places + 0.5 * ((index + 0.5) / len(shown) - 0.5)
        series.append(Series(factor.colours[level] if factor else 0, places, values, joined))
    return slices(axis.name, series, across, ticks, up)


def _mean(values: Array) -> float:
    return float(values.mean()) if np.isfinite(values).all() else math.nan
