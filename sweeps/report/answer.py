"""The answer in one or two plain sentences, and what a reader must know before believing it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweeps.comparison import Difference, LevelSummary, PointResult, all_pairs, rank, replicates_needed
from sweeps.figures.scales import number
from sweeps.report.evidence import Evidence, Run, as_number
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import best_first, level_summaries
from sweeps.report.search_pictures import edge_alarms
from sweeps.report.words import (
    count_text,
    interval_text,
    listed,
    metric_text,
    metric_words,
    number_of,
    point_text,
    spread_text,
    value_text,
)

FEW = 3  # a point of so many settings is named in the headline itself


@dataclass(frozen=True)
class Answer:
    """`headline`: what came out, with the best point's `settings`. `detail`: how sure that is. `cautions`: what
    limits it, each a sentence.
    """

    headline: str
    detail: str
    settings: tuple[tuple[str, str], ...]
    cautions: tuple[str, ...]


def answer(evidence: Evidence, factor: Factor | None, second: Factor | None = None) -> Answer:
    """What the trials say, in words that claim no more than they show. `second`: a factor crossed with the first."""
    points = rank(evidence.tested(), minimize=evidence.minimize)
    valued = [point for point in points if point.values]
    if not valued:
        ended = sum(run.ended for run in evidence.runs)
        words = "No trial has a value yet." if not ended else f"None of {count_text(ended, 'trial')} has a value."
        return Answer(words, "", (), _cautions(evidence, [], factor))
    best = valued[0]
    found = level_summaries(evidence, factor) if factor is not None else []
    point = evidence.points[best.name][0].point
    settings = tuple((name, value_text(value)) for name, value in point.items()) if len(point) > FEW else ()
    headline = _headline(evidence, best, len(points), factor)
    return Answer(
        headline, _detail(evidence, best, factor, second, found), settings, _cautions(evidence, valued, factor)
    )


def companion(evidence: Evidence) -> str:
    """The metric that reads best beside the objective: the accuracy of the same part for a loss, and the other way
    round; or none.
    """
    part, _, kind = evidence.objective.rpartition("/")
    other = f"{part}/{'loss' if kind == 'accuracy' else 'accuracy'}"
    return other if any(other in run.metrics for run in evidence.runs) else ""


def mean_last(runs: list[Run], metric: str) -> float:
    """Mean over the finished runs of a metric's last value; nan where there is none."""
    values = [run.last(metric) for run in runs if run.counts]
    return sum(values) / len(values) if values else math.nan


def stopped_sentence(evidence: Evidence) -> str:
    """How many trials of the search were stopped early, and how many epochs of how many that saved; "" if none was."""
    runs = evidence.searched.own.runs
    stopped = [run for run in runs if run.status == "stopped"]
    if not stopped:
        return ""
    fixed = {asked.execution: asked.fixed.get("epochs") for asked in evidence.asked}
    due = {run.id: as_number(run.parameters.get("epochs", fixed.get(run.execution))) for run in runs}
    saved = sum(due[run.id] - (float(run.epochs[-1]) if len(run.epochs) else 0.0) for run in stopped)
    words = f"{len(stopped)} of {count_text(len(runs), 'trial')} {'was' if len(stopped) == 1 else 'were'} stopped early"
    total = sum(due.values())
    if math.isfinite(saved) and math.isfinite(total):
        words += f", which saved {saved:,.0f} of the {total:,.0f} epochs that all of them would have trained"
    return f"{words}; their values are shown but not compared with those of whole trainings."


def _headline(evidence: Evidence, best: PointResult, tried: int, factor: Factor | None) -> str:
    runs = evidence.points[best.name]
    found, metric, other = best.estimate, metric_words(evidence.objective), companion(evidence)
    beside = "" if not other else f" ({metric_words(other)} {metric_text(other, mean_last(runs, other))})"
    point = runs[0].point
    who = point_text(point)
    if len(point) > FEW:
        who = factor.of(runs[0]) if factor is not None and factor.of(runs[0]) else "the point below"
    who = who[:1].upper() + who[1:] if who.startswith("the") else who
    superlative = "lowest" if evidence.minimize else "highest"
    over = f" over {count_text(found.n, 'replicate')}" if found.n > 1 else ""
    value = spread_text(evidence.objective, found)
    return f"{who} reaches the {superlative} {metric} of {count_text(tried, 'point')}: {value}{over}{beside}."


def _detail(
    evidence: Evidence, best: PointResult, factor: Factor | None, second: Factor | None, found: list[LevelSummary]
) -> str:
    if best.estimate.n < 2:
        ordered = [level for level in best_first(evidence, found) if level.best is not None]
        words = ""
        if factor is not None and len(ordered) > 1 and ordered[1].best is not None:
            words = (
                f"The best {factor.name.replace('_', ' ')} after {ordered[0].level} is {ordered[1].level}, "
                f"at {spread_text(evidence.objective, ordered[1].best.estimate)}. "
            )
        return words + "Each point was trained once, so this is a lead to confirm, not yet a verdict."
    if factor is None or len([level for level in found if level.best is not None]) < 2:
        return f"Of its mean over replicates: {interval_text(evidence.objective, best.estimate)}."
    how = (
        " Tested on pairs of replicates, corrected for all pairs (Holm); "
        f"it speaks of each {factor.name.replace('_', ' ')} as tuned here."
    )
    if second is None:
        return verdict(evidence, factor, found) + how
    rows = {level: level_summaries(evidence, factor, second.runs(evidence, level)) for level in second.levels}
    told = [f"With {level}: {text}" for level, mine in rows.items() if (text := verdict(evidence, factor, mine))]
    return " ".join(told) + how


def verdict(evidence: Evidence, factor: Factor, found: list[LevelSummary]) -> str:
    """The levels' best points against the leader's, paired by replicate, p-values corrected together (Holm)."""
    ordered = [level for level in best_first(evidence, found) if level.best is not None]
    if len(ordered) < 2:
        return ""
    leader = factor.say(ordered[0].level)
    pairs = all_pairs({factor.say(level.level): level.best.values for level in ordered if level.best is not None})
    tested = [pair for pair in pairs if leader in (pair.first, pair.second) and pair.p is not None]
    apart, close = [pair for pair in tested if pair.separated()], [pair for pair in tested if not pair.separated()]
    words = []
    if apart:
        gaps = sorted(abs(pair.mean or 0.0) for pair in apart)
        by = " to ".join(
            dict.fromkeys((number_of(gaps[0], evidence.objective), number_of(gaps[-1], evidence.objective)))
        )
        worst = max(pair.adjusted or 0.0 for pair in apart)
        words.append(f"{leader} beats {_others(apart, leader)} by {by} (p ≤ {number(worst, 2)}).")
    if close:
        verb = "is" if len(close) == 1 else "are"
        replicates = count_text(max(pair.n for pair in close), "replicate")
        words.append(f"{_others(close, leader)} {verb} not separated from {leader} at {replicates}.")
        words.append(_more(evidence, min(close, key=lambda pair: abs(pair.mean or 0.0))))
    return " ".join(filter(None, words)) or "The levels share no replicates, so no difference was tested."


def _others(pairs: list[Difference], leader: str) -> str:
    return listed(pair.second if pair.first == leader else pair.first for pair in pairs)


def _more(evidence: Evidence, pair: Difference) -> str:
    """How many replicates would settle a difference as large as the one seen, if it is real."""
    if not pair.mean or pair.std is None:
        return ""
    needed = replicates_needed(pair.std, abs(pair.mean))
    if needed is None or needed <= pair.n:
        return ""
    return (
        f"If the difference seen between {pair.first} and {pair.second} "
        f"({number_of(abs(pair.mean), evidence.objective)}) is real, about {needed:,} replicates would show it."
    )


def _cautions(evidence: Evidence, valued: list[PointResult], factor: Factor | None) -> tuple[str, ...]:
    words = []
    if len(valued) > 1:
        once = all(point.estimate.n == 1 for point in valued)
        words.append(
            f"The best of {len(valued)} points is partly the luckiest: "
            "expect a somewhat worse value when it is trained again"
            + (". Replicates (search.replicates) would show how much." if once else " on fresh replicates.")
        )
    if any(point.estimate.n > 1 for point in valued) and factor is not None and len(valued) > len(factor.levels):
        words.append(
            "The same trainings chose each level's best point and compare it: fresh replicates would be the sound test."
        )
    words += _unequal(factor, evidence)
    under_way = sum(not run.ended for run in evidence.runs)
    if under_way:
        words.append(f"{count_text(under_way, 'trial')} had not ended when this report was made.")
    if evidence.first.search.get("objective_at") == "best":
        words.append("Values are each training's best epoch, chosen after the fact, and so optimistic.")
    words += filter(None, [stopped_sentence(evidence)])
    return (*words, *edge_alarms(evidence, factor))


def _unequal(factor: Factor | None, evidence: Evidence) -> list[str]:
    """A warning where a search favoured some levels: the others had fewer chances to show what they can do."""
    if factor is None:
        return []
    counts = {level: len(factor.runs(evidence, level)) for level in factor.levels}
    most, least = max(counts, key=lambda level: counts[level]), min(counts, key=lambda level: counts[level])
    if counts[most] < 3 * max(counts[least], 1):
        return []
    return [
        f"The search gave {factor.say(most)} {count_text(counts[most], 'trial')} "
        f"and {factor.say(least)} {counts[least]}: "
        f"what got few trials had few chances, so this is no ranking by {factor.name.replace('_', ' ')}."
    ]
