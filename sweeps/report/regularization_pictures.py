"""Pictures for the chapter's questions: the gap that regularization narrows, curves at each value of a grid, the
ravine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures.curves import thin
from sweeps.figures.lines import Axes, NamedLine, contour_path, named_lines
from sweeps.figures.picture import Mark, Picture
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.figures.values import Series, slices
from sweeps.report.evidence import Axis, Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import level_summaries
from sweeps.report.search_pictures import axis_scale
from sweeps.report.select import band
from sweeps.report.words import is_share, listed, number_of, value_text

REGULARIZERS = ("dropout", "weight_decay.strength", "batch_normalization", "weight_decay.norm", "regularization")
MOST_VALUES = 16  # panels of a grid


def gap_picture(evidence: Evidence, factor: Factor | None) -> Picture | None:
    """How far validation lies behind training at the end, against each regularization that was varied."""
    kind = "accuracy" if any("validation/accuracy" in run.metrics for run in evidence.runs) else "loss"
    runs = [run for run in evidence.runs if run.counts and math.isfinite(_gap(run, kind))]
    axes = [axis for axis in evidence.axes if axis.name in REGULARIZERS and _varied(runs, axis)]
    if not axes or len(runs) < 4:
        return None
    up = fit([_gap(run, kind) for run in runs], log=False)
    up = Scale(up.low, up.high, share=kind == "accuracy")
    panels, words = [], []
    for axis in axes:
        mine = [run for run in runs if axis.name in run.point]
        across, places, ticks = axis_scale(axis, mine)
        gaps = np.asarray([_gap(run, kind) for run in mine])
        series = []
        for level in factor.levels if factor else ("",):
            here = np.asarray([factor is None or factor.of(run) == level for run in mine], dtype=bool)
            series.append(Series(factor.colours[level] if factor else 0, places[here], gaps[here]))
        panels.append(slices(axis.name, series, across, ticks, up))
        words.append(_gap_words(axis, places, gaps, kind))
    sentence = f"Training is ahead of validation by the height of each dot. {' '.join(filter(None, words))}".strip()
    marks = [Mark(level, f"level{factor.colours[level]}", "o") for level in factor.levels] if factor else []
    return Picture(
        "gap",
        "Gap between training and validation",
        sentence,
        f"Scatter plots of the gap in {kind} against {listed(axis.name for axis in axes)}. {sentence}",
        tuple(panels),
        (),
        tuple(marks),
    )


def _gap(run: Run, kind: str) -> float:
    difference = run.last(f"train/{kind}") - run.last(f"validation/{kind}")
    return difference if is_share(kind) else -difference


def _varied(runs: Sequence[Run], axis: Axis) -> bool:
    return len({value_text(run.point[axis.name]) for run in runs if axis.name in run.point}) > 1


def _gap_words(axis: Axis, places: Array, gaps: Array, kind: str) -> str:
    middle = float(np.median(places))
    low, high = gaps[places <= middle], gaps[places > middle]
    if not low.size or not high.size:
        return ""
    a, b = (number_of(float(np.median(part)), kind) for part in (low, high))
    return f"Median gap in the lower half of {axis.name} {a}, in the upper {b}."


def grid_curves_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """A panel for each value of a number that was tried on a grid, a line for each level: as many scales of initial
    weights with and without batch normalization, or rates of learning by optimizer.
    """
    if not evidence.gridded:
        return None
    numbers = [axis for axis in evidence.axes if axis.numeric and 3 <= len(_values(evidence, axis)) <= MOST_VALUES]
    if not numbers:
        return None
    axis = max(numbers, key=lambda each: len(_values(evidence, each)))
    kind = "accuracy" if any("validation/accuracy" in run.metrics for run in evidence.runs) else "loss"
    metric, shares = f"validation/{kind}", kind == "accuracy"
    lines: dict[float, list[NamedLine]] = {}
    for value in _values(evidence, axis):
        for level in factor.levels:
            runs = [run for run in factor.runs(evidence, level) if run.point.get(axis.name) == value]
            found = band(runs, metric, minimize=not shares, replicates=True)
            if found is not None:
                keep = thin(len(found[0]))
                lines.setdefault(value, []).append(
                    NamedLine(level, factor.colours[level], found[0][keep], found[1].middle[keep])
                )
    if len(lines) < 3:
        return None
    everything = [float(y) for group in lines.values() for line in group for y in line.y if math.isfinite(y)]
    start = float(np.median([line.y[0] for group in lines.values() for line in group]))
    up = fit_share(everything) if shares else fit([y for y in everything if y <= 3 * start])
    last = max(float(line.x[-1]) for group in lines.values() for line in group)
    panels = [
        named_lines(f"{axis.name} {value_text(value)}", group, Axes(Scale(0.0, max(last, 1.0)), up, "epoch"), width=320)
        for value, group in lines.items()
    ]
    best = {level.level: level.best for level in level_summaries(evidence, factor) if level.best is not None}
    at = [
        f"{factor.say(level)} at {value_text(evidence.points[point.name][0].point.get(axis.name))}"
        for level, point in best.items()
    ]
    sentence = f"Best {axis.name} by level: {listed(at)}. Where one line falls behind, that level breaks down."
    return Picture(
        "grid-curves",
        f"{kind.capitalize()} at each {axis.name.replace('_', ' ')}",
        sentence,
        f"Validation {kind} over the epochs, a panel for each of {len(lines)} values of {axis.name}. {sentence}",
        tuple(panels),
    )


def _values(evidence: Evidence, axis: Axis) -> list[float]:
    found = {run.point.get(axis.name) for run in evidence.runs if not isinstance(run.point.get(axis.name), list)}
    return sorted(float(value) for value in found if isinstance(value, int | float) and not isinstance(value, bool))


def ravine_picture(factor: Factor) -> Picture | None:
    """The paths of the compared optimizers down f(x, y) = x²/20 + y² from (−7, 2), where gradient descent zigzags."""
    if factor.name != "optimizer":
        return None
    from model.landscape import START, path, ravine
    from model.optimizers import OPTIMIZERS

    known = [level for level in factor.levels if level in OPTIMIZERS]
    angles = np.linspace(0, 2 * np.pi, 121)
    rings = [
        np.column_stack([np.sqrt(20 * height) * np.cos(angles), np.sqrt(height) * np.sin(angles)])
        for height in (0.1, 0.4, 0.9, 1.6, 2.5, 3.6, 4.9, 6.4)
    ]
    across, up = Scale(-8.0, 8.0), Scale(-2.6, 2.6)
    panels, ends = [], {}
    for level in known:
        points = path(level)
        ends[level] = float(ravine(points[-1]))
        rate = OPTIMIZERS.entry(level).traits.get("ravine_rate")
        note = f"30 steps, rate {rate:g}" if isinstance(rate, int | float) else "30 steps"
        panels.append(contour_path(level, factor.colours[level], points, rings, Axes(across, up, note)))
    if not panels:
        return None
    closest = min(ends, key=lambda level: ends[level])
    return Picture(
        "ravine",
        "How these optimizers walk down a ravine",
        f"From ({START[0]:g}, {START[1]:g}) to the middle of x²/20 + y²: plain gradient descent zigzags, as the slope "
        f"points across the ravine and not along it; after 30 steps {closest} is lowest.",
        f"Paths of {listed(known)} over the contours of x²/20 + y², 30 steps each.",
        tuple(panels),
        (),
        (Mark("start", "muted", "ring"), Mark("after 30 steps", "muted", "D")),
        "No training: the textbook's surface, walked by the very optimizers that were compared.",
    )
