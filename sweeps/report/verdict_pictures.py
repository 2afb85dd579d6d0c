"""The verdict as a picture: every level with its mean, interval and single units, and the paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import JudgedLevel, JudgedPair, Verdict
from sweeps.figures.differences import PairRow, differences
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.figures.values import LevelValues, values_by_level
from sweeps.report.confirmation import RANKS
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import NARROW, WIDE
from sweeps.report.words import count_text, is_share, listed, metric_text, metric_words, p_text

MOST_PAIRS = 10  # rows of differences; the table has all pairs
MOST_LEVELS = 14
SHORT = 40  # characters of a point that is told in the picture's sentence


def verdict_picture(verdict: Verdict, factor: Factor, metric: str) -> Picture:
    """The first picture of a page with a verdict."""
    levels = verdict.levels[:MOST_LEVELS]
    words = f"{metric_words(metric)} ({'higher' if verdict.higher_is_better else 'lower'} is better)"
    scale = _scale(verdict, metric)
    rows = [_row(level, factor, metric) for level in levels if level.level in factor.colours]
    pairs = _pairs(verdict)
    panels: list[list[Panel]] = []
    for width in (WIDE, NARROW):
        drawn = [values_by_level(rows, scale, words, width, apart=True)]
        if pairs:
            between = fit([*_ends(pairs), 0.0, *([verdict.worth, -verdict.worth] if verdict.worth else [])], log=False)
            label = f"how much better, in {metric_words(metric)}, each {verdict.unit} a dot"
            drawn.append(differences(pairs, between, label, width, "Paired differences", worth=verdict.worth))
        panels.append(drawn)
    sentence = _sentence(verdict, metric)
    marks = [
        Mark(f"one {verdict.unit}", "muted", "o"),
        Mark("mean", "muted", "D"),
        Mark(f"{100 * verdict.confidence:g} % interval of the mean", "muted", "bar"),
    ]
    if pairs:
        marks.append(Mark("interval that all pairs hold together", "muted", "line"))
        marks += [Mark("separated", "ink", "D"), Mark("not separated", "muted", "ring")]
    if verdict.worth is not None and pairs:
        marks.append(Mark(f"less than {verdict.worth:g}, the difference worth having", "ghost", "box"))
    return Picture(
        "verdict",
        f"What each {factor.name.replace('_', ' ')} reached when it was confirmed",
        sentence,
        _alternative(verdict, metric),
        tuple(panels[0]),
        tuple(panels[1]),
        tuple(marks),
        reading(verdict),
    )


def reading(verdict: Verdict) -> str:
    """What one observation is."""
    if verdict.scope == "levels":
        return (
            "A repeat is an independent search of a level: its best point, trained on fresh replicates and judged once "
            "on the test part, gives one dot, the mean over those replicates. Repeat r of every level has the same "
            "search seed and replicates, so differences are taken repeat by repeat."
        )
    return (
        "A dot is one training on a fresh replicate, judged once on the test part. Every point was trained on the same "
        "replicates (initial weights, order of samples), so differences are taken replicate by replicate."
    )


def _row(level: JudgedLevel, factor: Factor, metric: str) -> LevelValues:
    found = level.estimate
    note = "nothing confirmed" if found.mean is None else metric_text(metric, found.mean)
    if found.std is not None:
        note += f" ± {100 * found.std:.1f}" if is_share(metric) else f" ± {found.std:.2g}"
    if level.failures.count:
        note += f" · {level.failures.count} of {level.failures.total} failed"
    return LevelValues(
        level.level,
        factor.colours[level.level],
        np.asarray(list(level.units.values()), dtype=np.float64),
        level.failures.count,
        found.mean,
        found.low,
        found.high,
        note,
    )


def _scale(verdict: Verdict, metric: str) -> Scale:
    values = [value for level in verdict.levels for value in level.units.values()]
    ends = [end for level in verdict.levels for end in (level.estimate.low, level.estimate.high) if end is not None]
    if is_share(metric):
        return fit_share([*values, *(end for end in ends if 0 <= end < 1)])
    reach = max(values, default=1.0)
    return fit([*values, *(end for end in ends if 0 < end <= 3 * reach)])


def _pairs(verdict: Verdict) -> list[PairRow]:
    """The pairs among the best levels and between them and others first, the clearest of them first."""
    shown = sorted(
        (pair for pair in verdict.pairs if pair.advantage is not None and math.isfinite(pair.advantage)),
        key=lambda pair: (pair.better not in verdict.best, 1.0 if pair.adjusted is None else pair.adjusted),
    )
    return [_pair(verdict, pair) for pair in shown[:MOST_PAIRS]]


def _pair(verdict: Verdict, pair: JudgedPair) -> PairRow:
    sign = 1.0 if verdict.higher_is_better else -1.0
    a, b = verdict.level(pair.better).units, verdict.level(pair.worse).units
    values = np.asarray([sign * (a[unit] - b[unit]) for unit in a if unit in b], dtype=np.float64)
    note = "too few to test" if pair.adjusted is None else p_text(pair.adjusted)
    return PairRow(
        f"{pair.better} over {pair.worse}", values, pair.advantage or 0.0, pair.low, pair.high,
        pair.joint_low, pair.joint_high, pair.separated, note,
    )  # fmt: skip


def _ends(rows: Sequence[PairRow]) -> list[float]:
    """What the axis of differences must show: units, and intervals so far as they do not dwarf these."""
    values = [float(value) for row in rows for value in row.values]
    reach = 4 * max((abs(value) for value in values), default=1.0)
    ends = [end for row in rows for end in (row.low, row.high, row.joint_low, row.joint_high) if end is not None]
    return [*values, *(end for end in ends if abs(end) <= reach)]


def _sentence(verdict: Verdict, metric: str) -> str:
    reached = [level for level in verdict.levels if level.estimate.mean is not None]
    if not reached:
        return "Nothing was confirmed."
    first, last = reached[0], reached[-1]
    words = f"Mean {metric_words(metric)}: {first.level} {metric_text(metric, first.estimate.mean or 0.0)}"
    if last is not first:
        words += f", last {last.level} {metric_text(metric, last.estimate.mean or 0.0)}"
        apart = sum(pair.separated for pair in verdict.pairs)
        words += (
            f". {apart} of {count_text(len(verdict.pairs), 'pair')} separated"
            if apart
            else f". None of the {count_text(len(verdict.pairs), 'pair')} is separated"
            if len(verdict.pairs) > 1
            else ". They are not separated"
        )
    points = {level.level: next((point for point in level.points if point), "") for level in verdict.levels}
    told = [f"{level}: {point}" for level, point in points.items() if level in RANKS.values() and len(point) <= SHORT]
    return words + ("." if not told else f" ({'; '.join(told)}).")


def _alternative(verdict: Verdict, metric: str) -> str:
    rows = []
    for level in verdict.levels:
        found = level.estimate
        if found.mean is None:
            rows.append(f"{level.level}: nothing confirmed")
            continue
        interval = (
            ""
            if found.low is None or found.high is None
            else f", interval {metric_text(metric, found.low)} to {metric_text(metric, found.high)}"
        )
        rows.append(
            f"{level.level}: mean {metric_text(metric, found.mean)}{interval}, {count_text(found.n, verdict.unit)}"
        )
    apart = [f"{pair.better} over {pair.worse}" for pair in verdict.pairs if pair.separated]
    told = f" Separated: {listed(apart[:12])}." if apart else " No pair is separated."
    return f"Dot plot of {metric_words(metric)} by level. {'. '.join(rows)}.{told}"
