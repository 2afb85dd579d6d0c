"""From an execution's confirmed trainings to statistics: what was judged, on which metric, and the verdict.

A confirmation trains a point that a search found (or a level's one point, where nothing is tuned) on replicates that no
search has seen, and alone looks at the test part. In a comparison each search has one such point; a plain search has
up to three, which are told apart by their rank in the search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from sweeps.comparison import Confirmed, Found, Optimism, Verdict, judge, optimism
from sweeps.report.evidence import Asked, Evidence, Run
from sweeps.report.words import is_share, point_text

CONFIRMATION = "confirmation"
RANKS = {1: "best found", 2: "second found", 3: "third found"}  # the "levels" of a plain search
REGRESSION_GUESS = 0.5  # half the variance of standardized targets, the loss of predicting their mean


def section_of(asked: Asked) -> Mapping[str, Any]:
    """Its [comparison] section; empty where it has none."""
    found = asked.definition.get("comparison")
    return found if isinstance(found, Mapping) else {}


def is_comparison(asked: Asked) -> bool:
    """Whether the execution compares levels; else it is a plain search."""
    return bool(section_of(asked))


def levels_of(asked: Asked) -> tuple[Mapping[str, Any], ...]:
    """The levels of its comparison in the definition's order, each with `name` and `values`."""
    levels = section_of(asked).get("levels")
    found = levels if isinstance(levels, list | tuple) else ()
    return tuple(level for level in found if isinstance(level, Mapping) and "name" in level)


def values_of(level: Mapping[str, Any]) -> Mapping[str, Any]:
    """The hyper-parameters that make a level."""
    found = level.get("values")
    return found if isinstance(found, Mapping) else {}


def is_tuned(asked: Asked) -> bool:
    """Whether the confirmed points were searched for: always in a plain search, in a comparison if anything is left of
    the space once a level's own values are given, or a level is a way to search.
    """
    if not is_comparison(asked):
        return True
    return any(
        level.get("strategy") or any(axis.name not in values_of(level) for axis in asked.axes)
        for level in levels_of(asked)
    )


def measure_of(asked: Asked) -> str:
    """The metric that confirmed trainings are judged by: test/accuracy or test/loss."""
    given = asked.measure or section_of(asked).get("measure")
    return str(given or ("test/loss" if asked.data.get("task") == "regression" else "test/accuracy"))


def guess(metric: str, data: Mapping[str, Any]) -> float:
    """The score of guessing, which a failed training gets: 1/classes of an accuracy, ln(classes) of a cross-entropy,
    0.5 of a regression's loss (half the variance of standardized targets).
    """
    if data.get("task") == "regression":
        return REGRESSION_GUESS
    given = data.get("classes")
    classes = max(len(given) if isinstance(given, list | tuple) else 0, 2)
    return 1.0 / classes if metric.endswith("accuracy") else math.log(classes)


def worth_of(asked: Asked) -> float | None:
    """The smallest difference worth having, where the definition names one."""
    worth = section_of(asked).get("worth")
    return float(worth) if isinstance(worth, int | float) and worth > 0 else None


def confirmations(evidence: Evidence, asked: Asked | None = None) -> list[Run]:
    """The confirmed trainings of an execution (the first one by default), by proposal and replicate."""
    name = (asked or evidence.first).execution
    found = [run for run in evidence.runs if run.stage == CONFIRMATION and run.execution == name]
    return sorted(found, key=lambda run: (run.order, run.replicate))


def level_of(run: Run) -> str:
    """The level that a confirmed training belongs to; of a plain search, the rank of its point."""
    if run.level:
        return run.level
    rank = run.reason.get("rank")
    return RANKS.get(rank, f"#{rank} found") if isinstance(rank, int) else RANKS[1]


def confirmed_of(evidence: Evidence, asked: Asked | None = None) -> tuple[Confirmed, ...]:
    """What was confirmed of an execution (the first one by default), one for each search of each level; trainings
    under way, and those that were lost with their machine, stand in none.

    A level whose search found no point has every replicate of its repeat among the failed ones, once the execution is
    over.
    """
    asked = asked or evidence.first
    metric = measure_of(asked)
    given = {str(level["name"]): set(values_of(level)) for level in levels_of(asked)}
    scores: dict[tuple[str, int], dict[int, float]] = {}
    failed: dict[tuple[str, int], list[int]] = {}
    points: dict[tuple[str, int], str] = {}
    for run in confirmations(evidence, asked):
        name = (level_of(run), run.repeat)
        if not run.ended or run.status == "lost":
            continue
        score = run.last(metric)
        points[name] = _point(run, given.get(run.level, set()))
        if run.status in ("finished", "stopped") and math.isfinite(score):
            scores.setdefault(name, {})[run.replicate] = score
        else:
            failed.setdefault(name, []).append(run.replicate)
    for name in _without_a_point(evidence, asked, points):
        used = {r for (_, repeat), mine in scores.items() if repeat == name[1] for r in mine}
        used |= {r for (_, repeat), mine in failed.items() if repeat == name[1] for r in mine}
        if used:
            points[name], failed[name] = "", sorted(used)
    order = [str(level["name"]) for level in levels_of(asked)] or list(RANKS.values())
    names = sorted(points, key=lambda name: (order.index(name[0]) if name[0] in order else len(order), *name))
    return tuple(
        Confirmed(name[0], name[1], scores.get(name, {}), tuple(failed.get(name, ())), points[name]) for name in names
    )


def verdict_of(evidence: Evidence, asked: Asked | None = None) -> Verdict | None:
    """The verdict of an execution (the first one by default); None where nothing was confirmed."""
    asked = asked or evidence.first
    confirmed = confirmed_of(evidence, asked)
    if not confirmed:
        return None
    metric = measure_of(asked)
    return judge(
        confirmed,
        higher_is_better=metric.endswith("accuracy"),
        worst=guess(metric, asked.data),
        tuned=is_tuned(asked),
        worth=worth_of(asked),
        possible=(0.0, 1.0) if is_share(metric) else (-math.inf, math.inf),
    )


def optimism_of(evidence: Evidence, asked: Asked | None = None) -> Optimism | None:
    """The selection optimism: the objective of the best points on fresh replicates against what their searches saw. Of
    a plain search its best point's, of a comparison those of all searches; None where no search was confirmed.
    """
    asked = asked or evidence.first
    seen: dict[tuple[str, int, str], list[float]] = {}
    for run in evidence.runs:
        if run.stage != CONFIRMATION and run.execution == asked.execution and run.counts:
            seen.setdefault((run.level, run.repeat, _same(run)), []).append(run.value)
    fresh: dict[tuple[str, int, str], list[float]] = {}
    for run in confirmations(evidence, asked):
        if run.ended and run.status != "lost" and (run.level or level_of(run) == RANKS[1]):
            value = run.value if run.counts else math.nan
            fresh.setdefault((run.level, run.repeat, _same(run)), []).append(value)
    found = [Found(math.fsum(seen[name]) / len(seen[name]), values) for name, values in fresh.items() if name in seen]
    if not found:
        return None
    return optimism(
        found,
        higher_is_better=not evidence.minimize,
        worst=guess(evidence.objective, asked.data),
        widest=1.0 if is_share(evidence.objective) else math.inf,
    )


def _without_a_point(evidence: Evidence, asked: Asked, points: Mapping[tuple[str, int], str]) -> list[tuple[str, int]]:
    """The searches, of an execution that is over, that tried points of which none has a value."""
    if not asked.closed or not is_comparison(asked):
        return []
    mine = [run for run in evidence.runs if run.execution == asked.execution and run.stage != CONFIRMATION]
    tried = dict.fromkeys((run.level, run.repeat) for run in mine if run.ended)
    valued = {(run.level, run.repeat) for run in mine if run.counts}
    return [name for name in tried if name not in points and name not in valued]


def _point(run: Run, given: set[str]) -> str:
    rest = {name: value for name, value in run.point.items() if name not in given}
    return point_text(rest) if rest else ""


def _same(run: Run) -> str:
    return json.dumps(run.point, sort_keys=True, default=str)
