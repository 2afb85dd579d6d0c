"""The verdict as the page's answer, and how sure it is: sentences that claim no more than was tested."""

from __future__ import annotations

import math
from collections import Counter

from sweeps.comparison import Optimism, Verdict, advice, claims, covers, failed_trainings, sentence
from sweeps.report.answer import FEW, Answer, stopped_sentence
from sweeps.report.confirmation import (
    RANKS,
    confirmations,
    is_comparison,
    is_tuned,
    level_of,
    levels_of,
    measure_of,
    optimism_of,
    section_of,
    values_of,
    verdict_of,
    worth_of,
)
from sweeps.report.evidence import Asked, Evidence, Run
from sweeps.report.search_pictures import side_of
from sweeps.report.words import (
    count_text,
    interval_text,
    listed,
    metric_text,
    metric_words,
    number_of,
    p_text,
    point_text,
    value_text,
)

FEW_REPEATS = 5  # with fewer units only large differences can be seen


def verdict_answer(evidence: Evidence, verdict: Verdict) -> Answer:
    """The first execution's verdict as the page's answer; those of further executions are told after it."""
    first = evidence.first
    headline = compared(verdict, measure_of(first))
    settings: tuple[tuple[str, str], ...] = ()
    details = [advice(verdict), failed_trainings(verdict)]
    if not is_comparison(first):
        headline, settings = _found(evidence, verdict)
        details = [_three(verdict), optimism_sentence(evidence, optimism_of(evidence)), failed_trainings(verdict)]
    for asked in evidence.asked[1:]:
        other = verdict_of(evidence, asked)
        if other is not None:
            details.append(f"{asked.execution}: {sentence(other, metric_words(measure_of(asked)))}")
    return Answer(headline, " ".join(filter(None, details)), settings, cautions(evidence, verdict))


def compared(verdict: Verdict, metric: str) -> str:
    """The sentence of a comparison, begun with a capital where it does not begin with a level's name."""
    words = sentence(verdict, metric_words(metric))
    begins_with_level = any(words.startswith(level.level) for level in verdict.levels)
    return words if begins_with_level else words[:1].upper() + words[1:]


def how_sure(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """What stands behind the verdict, a sentence each: every pair, the failures, what the interval covers, how often
    the test part was used.
    """
    first = evidence.first
    told = [covers(verdict), failed_trainings(verdict), test_part_sentence(first)]
    if is_comparison(first):
        told = [*claims(verdict, metric_words(measure_of(first)))[:6], advice(verdict), *told]
        told.insert(len(told) - 1, optimism_sentence(evidence, optimism_of(evidence)))
    return tuple(filter(None, told))


def comparison_text(asked: Asked) -> str:
    """What [comparison] asked for, in one line: factor, levels with their values, and what each could spend."""
    section = section_of(asked)
    factor = str(section.get("factor", ""))
    levels = []
    for level in levels_of(asked):
        values = {name: value for name, value in values_of(level).items() if name != factor}
        levels.append(f"{level['name']} ({point_text(values)})" if values else str(level["name"]))
    told = [f"{factor}: {listed(levels)}"]
    if is_tuned(asked):
        trials, repeats = section.get("trials_per_level"), section.get("repeats")
        told.append(f"{count_text(repeats if isinstance(repeats, int) else 1, 'search', 'searches')} a level")
        told += [f"{trials} points each"] if trials else []
    told.append(f"confirmed on {section.get('confirm')} fresh replicates by {metric_words(measure_of(asked))}")
    worth = worth_of(asked)
    told += [f"a difference of {worth:g} is worth having"] if worth is not None else []
    return "; ".join(told)


def optimism_sentence(evidence: Evidence, found: Optimism | None) -> str:
    """How much better the searches' best values looked than what their points gave on fresh replicates."""
    if found is None or found.worse is None or found.change.mean is None:
        return ""
    metric = metric_words(evidence.objective)
    size = number_of(abs(found.worse), evidence.objective)
    which = (
        "its best point"
        if found.unit == "replicate"
        else f"the best points of {count_text(found.change.n, 'search', 'searches')}"
    )
    low, high = found.change.low, found.change.high
    sign = 1.0 if evidence.minimize else -1.0
    interval = ""
    if low is not None and high is not None:
        ends = sorted((sign * low, sign * high))
        interval = f" (95 % interval {' to '.join(_signed(end, evidence.objective) for end in ends)})"
    worse = "worse" if found.worse > 0 else "better"
    told = f"Selection optimism: on fresh replicates {which} did {size} {worse} in {metric} than the search had seen"
    return told + interval + (", more than noise." if found.surely else ", which may be noise.")


def test_part_sentence(asked: Asked) -> str:
    """How often this test part has been looked at; each look makes the next choice a little less independent of it."""
    executions = [str(name) for name in asked.test_part.get("executions") or ()]
    trainings = asked.test_part.get("trainings")
    if not executions or not isinstance(trainings, int):
        return ""
    names = (
        listed(executions[:6])
        if len(executions) <= 6
        else f"{', '.join(executions[:5])} and {len(executions) - 5} more"
    )
    words = (
        f"So far as this MLflow knows, this test part has judged {count_text(trainings, 'training')} of "
        f"{count_text(len(executions), 'execution')} ({names})."
    )
    if len(executions) > 1:
        words += " Whoever chooses by it again and again will in the end choose what suits this test part."
    return words


def cautions(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """What limits the verdict."""
    told = []
    first = evidence.first
    under_way = sum(not run.ended for run in evidence.runs)
    if under_way or not first.closed:
        many = f"{count_text(under_way, 'training')} had not ended" if under_way else "The execution had not ended"
        told.append(f"{many} when this report was made: the verdict may change.")
    if is_comparison(first) and len(evidence.asked) > 1:
        told.append(f"Pictures and tables by level are of {first.execution}; of the others the verdicts are told.")
    if is_comparison(first) and verdict.scope == "points":
        told.append(
            "Each level was tuned once (repeats = 1), so this speaks of the points as tuned here: another search "
            "may find other points. With repeats = 5 it would speak of the levels."
        )
    fewest = max((len(level.units) for level in verdict.levels), default=0)
    if verdict.scope == "levels" and fewest < FEW_REPEATS:
        told.append(f"With {count_text(fewest, 'repeat')} a level only large differences can be told from noise.")
    if first.search.get("objective_at") == "best":
        told.append("Points were chosen by each training's best epoch; confirmation judges the last epoch.")
    told += filter(None, [stopped_sentence(evidence)])
    return (*told, *edges(evidence))


def edges(evidence: Evidence) -> list[str]:
    """A sentence for each level and number whose confirmed points lie at an end of what was searched in half of the
    searches or more: the optimum may lie outside, and the comparison be unfair to this level.
    """
    first = evidence.first
    points = {(run.level or level_of(run), run.repeat): run for run in confirmations(evidence)}
    if not is_comparison(first):
        points = {name: run for name, run in points.items() if name[0] == RANKS[1]}
    searches = Counter(level for level, _ in points)
    sides: Counter[tuple[str, str, str]] = Counter()
    given = {str(level["name"]): values_of(level) for level in levels_of(first)}
    for (level, _), run in points.items():
        for axis in first.axes:
            if axis.name not in given.get(level, {}):
                side = side_of(axis, run.point.get(axis.name)) if axis.numeric else None
                if side is not None:
                    sides[level, axis.name, side] += 1
    return [
        (f"{level}'s" if is_comparison(first) else "The best point's")
        + f" {name} lies at the {side} end of what was searched"
        + (f" in {count} of {searches[level]} searches" if searches[level] > 1 else "")
        + ": the optimum may lie beyond."
        for (level, name, side), count in sides.items()
        if 2 * count >= searches[level]
    ]


def _found(evidence: Evidence, verdict: Verdict) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Of a plain search: its best point as it was confirmed, and its settings where they are many."""
    first, metric = evidence.first, measure_of(evidence.first)
    runs = [run for run in confirmations(evidence) if level_of(run) == RANKS[1]]
    best = next((level for level in verdict.levels if level.level == RANKS[1]), None)
    if best is None or best.estimate.mean is None or not runs:
        return compared(verdict, metric), ()
    point = runs[0].point
    long = len(point) > FEW
    who = "The best point found (below)" if long else point_text(point)
    settings = tuple((name, value_text(value)) for name, value in point.items()) if long else ()
    found = best.estimate
    value = metric_text(metric, found.mean or 0.0)
    interval = f" ({text})" if (text := interval_text(metric, found)) else ""
    tried = len({run.point_name for run in evidence.searched.runs if run.execution == first.execution})
    return (
        f"{who}, the best of {count_text(tried, 'point')} by {metric_words(evidence.objective)}, reaches "
        f"{metric_words(metric)} {value} on {count_text(best.failures.total, 'fresh replicate')}{interval}.",
        settings,
    )


def _three(verdict: Verdict) -> str:
    """Whether a plain search's best points are separated when they are confirmed."""
    if len(verdict.levels) < 2:
        return ""
    many = "three" if len(verdict.levels) == 3 else "two" if len(verdict.levels) == 2 else str(len(verdict.levels))
    apart = [pair for pair in verdict.pairs if pair.separated]
    if not apart:
        tested = [pair.adjusted for pair in verdict.pairs if pair.adjusted is not None]
        if not tested:
            return ""
        close = p_text(min(tested)).replace("p =", "p ≥" if len(tested) > 1 else "p =")
        words = f"The {many} best points found are not separated ({close}): take the one that suits you best."
        return words + (f" {advice(verdict)}" if verdict.worth is not None else "")
    told = [f"{pair.better} beats {pair.worse} ({p_text(pair.adjusted)})" for pair in apart]
    rest = len(verdict.pairs) - len(apart)
    return f"Of the {many} best points found, {listed(told)}" + ("; the others are not separated." if rest else ".")


def _signed(value: float, metric: str) -> str:
    text = number_of(abs(value), metric)
    return f"−{text}" if value < 0 and not math.isclose(value, 0.0) else text


def run_of(evidence: Evidence, level: str) -> Run | None:
    """The confirmed training that stands for a level: the first finished one of its first repeat."""
    mine = [run for run in confirmations(evidence) if level_of(run) == level]
    return next((run for run in mine if run.counts), mine[0] if mine else None)
