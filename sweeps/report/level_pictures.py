"""Values by level as pictures, with the sentence that says what to see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import LevelSummary, summarize
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.figures.values import LevelValues, values_by_level
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.words import count_text, is_share, listed, metric_words, spread_text

WIDE, NARROW = 800, 360  # CSS pixels of a panel that stands alone, on a desk and on a phone
LEAST = 0.005  # a share of the ranking below this reads 0 %, which orders nothing
MOST_INTERVALS = 200  # points whose intervals widen the axis


def level_summaries(evidence: Evidence, factor: Factor, runs: Sequence[Run] | None = None) -> list[LevelSummary]:
    """What each level reached, in the factor's order, over all runs or the given ones."""
    chosen = {run.id for run in (evidence.runs if runs is None else runs)}
    levels = {run.id: {factor.name: factor.of(run)} for run in evidence.runs if run.id in chosen}
    points = [point for point in evidence.tested(levels) if factor.name in point.levels]
    return summarize(points, factor.name, factor.levels, minimize=evidence.minimize)


def stopped(evidence: Evidence, factor: Factor, level: str) -> int:
    """How many trials of a level were stopped early; they are neither among its values nor among its losses."""
    return sum(run.status == "stopped" for run in factor.runs(evidence, level))


def scale_of(evidence: Evidence) -> Scale:
    """The axis that shows every value that counts, and the intervals of points where there are not too many."""
    values = [run.value for run in evidence.runs if run.counts]
    ends = [end for point in evidence.tested() for end in (point.estimate.low, point.estimate.high) if end is not None]
    if is_share(evidence.objective):
        return fit_share(values)
    if values and len(ends) <= 2 * MOST_INTERVALS:
        reach = (min(values) / 3, max(values) * 3) if min(values) > 0 else (-math.inf, math.inf)
        values += [end for end in ends if reach[0] <= end <= reach[1]]
    return fit(values)


def best_first(evidence: Evidence, found: Sequence[LevelSummary]) -> list[LevelSummary]:
    """Levels by their best point's mean, those without any value last."""
    sign = 1.0 if evidence.minimize else -1.0

    def place(level: LevelSummary) -> float:
        mean = None if level.best is None else level.best.estimate.mean
        return math.inf if mean is None else sign * mean

    return sorted(found, key=place)


def axis_label(evidence: Evidence) -> str:
    """The objective with the direction that is better."""
    return f"{metric_words(evidence.objective)} ({'lower' if evidence.minimize else 'higher'} is better)"


def levels_picture(evidence: Evidence, factor: Factor, second: Factor | None) -> Picture:
    """The answer as a picture: each level's trials and its best point; a panel for each level of a second, crossed
    factor.
    """
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
            sentences.append(f"Under {second.name} {level}, {_lead(evidence, factor, best_first(evidence, mine))}.")
        panels, sentence = tuple(drawn), " ".join(sentences)
    intervals = any(level.best is not None and level.best.estimate.n > 1 for level in found)
    marks = [Mark("one trial", "muted", "o"), Mark("best point of the level", "muted", "D")]
    if intervals:
        marks.append(Mark("95 % interval of its mean over replicates", "muted", "bar"))
    return Picture(
        "levels",
        f"What each {factor.name.replace('_', ' ')} reached",
        sentence,
        _alternative(evidence, factor, found),
        panels,
        narrow,
        tuple(marks),
    )


def other_factors_picture(evidence: Evidence, factors: Sequence[Factor]) -> Picture | None:
    """The same for every further factor, small."""
    if not factors:
        return None
    scale, panels = scale_of(evidence), []
    for factor in factors:
        rows = _rows(evidence, factor, level_summaries(evidence, factor))
        panels.append(values_by_level(rows, scale, axis_label(evidence), NARROW, factor.name))
    ordered = sorted(factors, key=lambda factor: -factor.explains)
    parts = [f"{factor.name} {100 * factor.explains:.0f} %" for factor in ordered if factor.explains >= LEAST]
    early = any(run.status == "stopped" for run in evidence.runs)
    whose = "the trials that were not stopped early" if early else "all trials"
    shares = f"Share of the ranking of {whose} that lies between a choice's levels: {listed(parts)}. "
    return Picture(
        "choices",
        "What every other choice reached",
        (shares if parts else "None of these choices orders the trials. ")
        + "In a search the other settings move at the same time, so read this as a hint, not as an effect.",
        "Dot plots of the trials' values by level for " + listed(factor.name for factor in factors) + ".",
        tuple(panels),
        (),
        (Mark("one trial", "muted", "o"), Mark("best point of the level", "muted", "D")),
    )


def _rows(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> list[LevelValues]:
    rows = []
    unequal = len({level.points for level in found}) > 1
    for level in found:
        best = None if level.best is None else level.best.estimate
        note = "no value" if best is None else spread_text(evidence.objective, best)
        if level.lost.count:
            note += f" · {level.lost.count} of {level.lost.total} lost"
        elif unequal and level.points:
            note += f" · {count_text(level.points, 'point')}"
        if early := stopped(evidence, factor, level.level):
            note += f" · {early} stopped"
        rows.append(
            LevelValues(
                level.level,
                factor.colours[level.level],
                np.asarray(level.values),
                level.lost.count,
                best.mean if best else None,
                best.low if best else None,
                best.high if best else None,
                note,
            )
        )
    return rows


def _lead(evidence: Evidence, factor: Factor, ordered: Sequence[LevelSummary]) -> str:
    reached = [
        (factor.say(level.level), spread_text(evidence.objective, level.best.estimate))
        for level in ordered
        if level.best
    ]
    if not reached:
        return "no level has a value"
    (first, value), *others = reached
    if not others:
        return f"only {first} has a value, {value}"
    level = [name for name, text in others if text == value]
    if level:
        words = f"{listed([first, *level])} are level ({value})"
    else:
        words = f"{first} ({value}) is ahead of {others[0][0]} ({others[0][1]})"
    return words + (f"; last is {others[-1][0]} ({others[-1][1]})" if len(others) > max(len(level), 1) else "")


def _levels_sentence(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> str:
    lost = [level for level in found if level.lost.count]
    words = f"By their best points, {_lead(evidence, factor, found)}."
    worst = max(lost, key=lambda level: level.lost.share, default=None)
    if worst is not None and worst.lost.count > 1 and worst.lost.share >= 0.1:
        total = count_text(worst.lost.total, "trial")
        words += f" Most often without a value: {factor.say(worst.level)}, {worst.lost.count} of {total}."
    return words


def _alternative(evidence: Evidence, factor: Factor, found: Sequence[LevelSummary]) -> str:
    rows = [
        f"{level.level}: best point {spread_text(evidence.objective, level.best.estimate)}, "
        f"{count_text(level.lost.total, 'trial')}, {level.lost.count} lost"
        if level.best is not None
        else f"{level.level}: no value"
        for level in found
    ]
    early = [f"{level.level} {count}" for level in found if (count := stopped(evidence, factor, level.level))]
    rows += [f"Stopped early: {listed(early)}"] if early else []
    return f"Dot plot of {metric_words(evidence.objective)} by {factor.name}. " + ". ".join(rows) + "."
