"""Pictures of a comparison: what its searches had found by when, how soon its confirmed trainings reach a score, how
far validation lies behind training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from sweeps.comparison import (
    Curve,
    Search,
    TimeToTarget,
    Training,
    Turn,
    anytime,
    estimate,
    first_reaching,
    time_to_target,
    turns,
)
from sweeps.comparison.points import Array
from sweeps.figures.lines import Axes, NamedLine, named_lines
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.figures.values import LevelValues, values_by_level
from sweeps.report.confirmation import guess
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import NARROW, WIDE
from sweeps.report.words import count_text, is_share, listed, metric_text, metric_words, number_of, seconds_text

FEWEST = 3  # trials of a search below which its course says nothing
SOON = 0.5  # a target lies at least so much of the best level's way from guessing


def searches_of(evidence: Evidence, factor: Factor) -> tuple[Search, ...]:
    """Every search of every level: its points' values in the order proposed (nan: lost), and the seconds trained by
    then.
    """
    mine: dict[tuple[str, int], dict[int, list[Run]]] = {}
    for run in evidence.searched.runs:
        level = factor.of(run)
        if level and run.ended and run.execution == evidence.first.execution:
            mine.setdefault((level, run.repeat), {}).setdefault(run.order, []).append(run)
    found = []
    for (level, repeat), points in mine.items():
        values, seconds, spent = [], [], 0.0
        for _, runs in sorted(points.items()):
            spent += sum(run.seconds for run in runs if 0 < run.seconds < math.inf)
            values.append(float(np.mean([run.value for run in runs])) if all(run.counts for run in runs) else math.nan)
            seconds.append(spent)
        found.append(Search(level, repeat, values, seconds))
    order = list(factor.levels)
    return tuple(sorted(found, key=lambda search: (order.index(search.level), search.repeat)))


def searches_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """Best value so far by level, mean and band over the repeats, against trials and against seconds. None where no
    search had several trials.
    """
    searches = searches_of(evidence, factor)
    if max((len(search.values) for search in searches), default=0) < FEWEST or len({s.level for s in searches}) < 2:
        return None
    worst = guess(evidence.objective, evidence.first.data)
    drawn: list[tuple[tuple[Curve, ...], str]] = []
    words = []
    for by, label in (("trials", "trials of a search"), ("seconds", "seconds trained in a search")):
        curves = anytime(searches, by=by, higher_is_better=not evidence.minimize, worst=worst)
        drawn.append((curves, label))
        words.append(_turn_sentence(turns(curves, higher_is_better=not evidence.minimize), curves, by, evidence))
    up = _up(evidence, [curve for curves, _ in drawn for curve in curves], worst)
    panels, narrow = (
        tuple(_curves_panel(curves, factor, up, label, width) for curves, label in drawn) for width in (510, NARROW)
    )
    sentence = " ".join(dict.fromkeys(words))
    repeats = max(len(curve.repeats) for curve in drawn[0][0])
    marks = (Mark(f"95 % interval over {repeats} repeats", "muted", "band"),) if repeats > 1 else ()
    levels = list(dict.fromkeys(search.level for search in searches))
    return Picture(
        "anytime",
        "Best value found against what was spent",
        sentence,
        f"Step lines of the best {metric_words(evidence.objective)} so far for {listed(levels)}, against trials and "
        f"against seconds. {sentence}",
        panels,
        narrow,
        marks,
        "Mean over the level's searches of the best value found so far; before a search has found anything it stands "
        f"at the score of guessing ({metric_text(evidence.objective, worst)}).",
    )


def target_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """After how many epochs and seconds the confirmed trainings of each level reach a validation score."""
    trainings, metric = trainings_of(evidence, factor), evidence.objective
    if not trainings or len({training.level for training in trainings}) < 2:
        return None
    target = target_of(trainings, minimize=evidence.minimize, worst=guess(metric, evidence.first.data))
    if target is None:
        return None
    found = time_to_target(trainings, target, higher_is_better=not evidence.minimize)
    where = f"until {metric_words(metric)} {metric_text(metric, target)}"
    kinds = ((_epochs_to, f"epochs {where}", "in epochs"), (_seconds_to, f"seconds {where}", "in seconds"))
    panels = [
        tuple(
            _times_panel(found, (trainings, evidence.minimize), factor, pick, label, (width, name))
            for pick, label, name in kinds
        )
        for width in (510, NARROW)
    ]
    sentence = _target_sentence(found, metric, target)
    return Picture(
        "targets",
        "Time to a target",
        sentence,
        f"Dot plots of epochs and seconds until {metric_words(metric)} {metric_text(metric, target)}. {sentence}",
        panels[0],
        panels[1],
        (
            Mark("one confirmed training", "muted", "o"),
            Mark("median", "muted", "D"),
            Mark("its 95 % interval", "muted", "bar"),
        ),
        "The target is what the median training of the slowest level still reaches, levels that hardly learn left "
        "out. A training that never gets there counts as later than every other. With several repeats the median is "
        "over repeats, and its interval needs six of them.",
    )


def trainings_of(evidence: Evidence, factor: Factor) -> tuple[Training, ...]:
    """The confirmed trainings' objective after each epoch, with the seconds since they began."""
    found = []
    for run in evidence.confirmed.runs:
        values, level = run.metrics.get(evidence.objective), factor.of(run)
        if values is None or not level or not run.ended or run.execution != evidence.first.execution:
            continue
        spent = run.metrics.get("seconds/epoch")
        seconds: Sequence[float] = () if spent is None else np.nancumsum(spent).tolist()
        found.append(Training(level, run.repeat, values.tolist(), seconds))
    order = list(factor.levels)
    return tuple(sorted(found, key=lambda training: order.index(training.level)))


def target_of(trainings: Sequence[Training], *, minimize: bool, worst: float) -> float | None:
    """The score that every level's median search reaches by its median training at some epoch, of the levels that come
    at least half of the best level's way from guessing; None where none does better than guessing.
    """
    ends: dict[str, float] = {}
    sign = 1.0 if minimize else -1.0
    for level in dict.fromkeys(training.level for training in trainings):
        reached: dict[int, list[float]] = {}
        for training in trainings:
            if training.level == level:
                known = [sign * value for value in training.values if math.isfinite(value)]
                reached.setdefault(training.repeat, []).append(min(known, default=math.inf))
        ends[level] = _upper_middle([_upper_middle(values) for values in reached.values()])
    way = {level: sign * worst - end for level, end in ends.items()}
    best = max(way.values(), default=0.0)
    if best <= 0:
        return None
    return sign * max(end for level, end in ends.items() if way[level] >= SOON * best)


def _upper_middle(values: Sequence[float]) -> float:
    """The middle value, or the worse of the two middle ones, so that more than half get there."""
    return sorted(values)[len(values) // 2]


def gaps_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """How far validation lies behind training at the end of the confirmed trainings, by level."""
    kind = "accuracy" if any("validation/accuracy" in run.metrics for run in evidence.confirmed.runs) else "loss"
    sign = 1.0 if kind == "accuracy" else -1.0
    rows, means = [], {}
    for level in factor.levels:
        runs = [run for run in factor.runs(evidence.confirmed, level) if run.counts]
        gaps = {run.id: sign * (run.last(f"train/{kind}") - run.last(f"validation/{kind}")) for run in runs}
        repeats = dict.fromkeys(run.repeat for run in runs)
        each = [float(np.mean([gaps[run.id] for run in runs if run.repeat == repeat])) for repeat in repeats]
        found = estimate(each if len(each) > 1 else list(gaps.values()))
        if found.mean is None:
            continue
        means[level] = found.mean
        values = np.asarray(list(gaps.values()), dtype=np.float64)
        note = number_of(found.mean, kind).replace("-", "−")
        rows.append(LevelValues(level, factor.colours[level], values, 0, found.mean, found.low, found.high, note))
    if len(rows) < 2:
        return None
    rows.sort(key=lambda row: row.mean or 0.0)
    finite = [float(value) for row in rows for value in row.values if math.isfinite(value)]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    reach = 3 * max((abs(value) for value in finite), default=1.0)
    scale = fit([*finite, 0.0, *(end for end in ends if abs(end) <= reach)], log=False)
    scale = Scale(scale.low, scale.high, share=kind == "accuracy")
    label = f"training {kind} ahead of validation {kind}"
    smallest, largest = min(means, key=lambda each: means[each]), max(means, key=lambda each: means[each])
    sentence = (
        f"The gap is smallest with {factor.say(smallest)} ({number_of(means[smallest], kind)}) and widest with "
        f"{factor.say(largest)} ({number_of(means[largest], kind)})."
    ).replace("-", "−")
    return Picture(
        "gap",
        "Gap between training and validation",
        sentence,
        f"Dot plot of the gap in {kind} between training and validation at the last epoch, by level. {sentence}",
        (values_by_level(rows, scale, label, WIDE, apart=True),),
        (values_by_level(rows, scale, label, NARROW, apart=True),),
        (
            Mark("one confirmed training", "muted", "o"),
            Mark("mean", "muted", "D"),
            Mark("its 95 % interval", "muted", "bar"),
        ),
        "A wide gap is overfitting; a gap of nothing with a poor score is underfitting.",
    )


def _curves_panel(curves: Sequence[Curve], factor: Factor, up: Scale, label: str, width: int) -> Panel:
    lines = []
    for curve in curves:
        known = np.isfinite(curve.low)
        band = (curve.low, curve.high) if known.all() else (None, None)
        lines.append(NamedLine(curve.level, factor.colours[curve.level], curve.grid, curve.mean, True, *band))
    first, last = float(curves[0].grid[0]), float(curves[0].grid[-1])
    return named_lines("", lines, Axes(Scale(first, max(last, first + 1e-9)), up, label), width=width)


def _up(evidence: Evidence, curves: Sequence[Curve], worst: float) -> Scale:
    """The axis that shows the means; bands leave the frame where they reach far beyond."""
    means = [float(value) for curve in curves for value in curve.mean if math.isfinite(value)]
    if is_share(evidence.objective):
        return fit_share(means)
    best = min(means) if evidence.minimize else max(means)
    ends = [float(value) for curve in curves for value in (curve.low[-1], curve.high[-1]) if math.isfinite(value)]
    return fit([*means, *(end for end in ends if 0.5 * best <= end <= worst)])


def _turn_sentence(found: Sequence[Turn], curves: Sequence[Curve], by: str, evidence: Evidence) -> str:
    sign = 1.0 if evidence.minimize else -1.0
    leader = min(curves, key=lambda curve: sign * float(curve.mean[-1]))
    end = curves[0].grid[-1]
    at_end = count_text(int(end), "trial") if by == "trials" else seconds_text(float(end))
    words = f"After {at_end} a search, {leader.level} leads by mean"
    turned = [turn for turn in found if turn.late == leader.level] or list(found)
    if not turned:
        return f"{words}, as at every budget before."
    turn = max(turned, key=lambda each: (each.surely, each.until))
    until = count_text(math.ceil(turn.until), "trial") if by == "trials" else seconds_text(turn.until)
    how = "beyond noise" if turn.surely else "by mean alone, which may be noise"
    if turn.late == leader.level:
        return f"{words}; below {until} {turn.early} does: the ranking turns with the budget ({how})."
    return f"{words}; {turn.early} and {turn.late} change places at {until} ({how})."


def _epochs_to(found: TimeToTarget) -> tuple[float | None, float | None, float | None]:
    return found.epochs.median, found.epochs.low, found.epochs.high


def _seconds_to(found: TimeToTarget) -> tuple[float | None, float | None, float | None]:
    return found.seconds.median, found.seconds.low, found.seconds.high


Pick = Callable[[TimeToTarget], tuple[float | None, float | None, float | None]]


def _times_panel(
    found: Sequence[TimeToTarget],
    judged: tuple[Sequence[Training], bool],
    factor: Factor,
    pick: Pick,
    label: str,
    panel: tuple[int, str],
) -> Panel:
    (trainings, minimize), (width, name) = judged, panel
    rows, everything = [], [0.0]
    for level in found:
        mine = [training for training in trainings if training.level == level.level]
        times = np.asarray([_time(training, level.target, minimize, pick is _seconds_to) for training in mine])
        known: Array = times[np.isfinite(times)]
        median, low, high = pick(level)
        note = "not reached" if median is None else f"{median:.3g}" if pick is _epochs_to else seconds_text(median)
        if level.reached.count < level.reached.total:
            note += f" · {level.reached.total - level.reached.count} of {level.reached.total} never"
        everything += [*known.tolist(), *(end for end in (low, high) if end is not None)]
        rows.append(LevelValues(level.level, factor.colours[level.level], known, 0, median, low, high, note))
    return values_by_level(rows, fit(everything, log=False), label, width, name, apart=True)


def _time(training: Training, target: float, minimize: bool, seconds: bool) -> float:
    """When this training got there; nan if it did not."""
    place = first_reaching(np.asarray(training.values, dtype=np.float64), target, minimize=minimize)
    if place is None:
        return math.nan
    if not seconds:
        return float(place)
    return float(training.seconds[place]) if place < len(training.seconds) else math.nan


def _target_sentence(found: Sequence[TimeToTarget], metric: str, target: float) -> str:
    there = [level for level in found if level.epochs.median is not None]
    where = f"{metric_words(metric)} {metric_text(metric, target)}"
    if not there:
        return f"No level's median training reaches {where}."
    first = min(there, key=lambda level: level.epochs.median or 0.0)
    words = f"{first.level} reaches {where} first, after {first.epochs.median:.3g} epochs (median)"
    timed = [level for level in there if level.seconds.median is not None]
    if timed:
        quick = min(timed, key=lambda level: level.seconds.median or 0.0)
        took = seconds_text(quick.seconds.median or 0.0)
        words += f"; in seconds too, {took}" if quick is first else f"; in seconds {quick.level} does, after {took}"
    never = [level.level for level in found if level.epochs.median is None]
    return words + (f". Most trainings of {listed(never)} never do." if never else ".")
