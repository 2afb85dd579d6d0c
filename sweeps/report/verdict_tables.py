"""The verdict as tables: every level, every pair, every search behind them; and as numbers for a program."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from sweeps.comparison import Verdict, sentence
from sweeps.report.confirmation import (
    RANKS,
    confirmations,
    confirmed_of,
    is_comparison,
    is_tuned,
    level_of,
    levels_of,
    measure_of,
    optimism_of,
    section_of,
    values_of,
    verdict_of,
)
from sweeps.report.evidence import Asked, Evidence, Run
from sweeps.report.tables import ROWS, Table
from sweeps.report.words import (
    count_text,
    is_share,
    metric_text,
    metric_words,
    number_of,
    p_text,
    point_text,
    range_text,
    seconds_text,
    spread_text,
)

SHOWN_POINTS = 5  # confirmed points of a level that stand in its row


def judged_levels(evidence: Evidence, verdict: Verdict) -> Table:
    """One row a level, the best first."""
    metric = measure_of(evidence.first)
    plain = not is_comparison(evidence.first)
    head = [("point" if plain else "level", False), (f"{metric_words(metric)}, mean ± std", True)]
    head += [("95 % interval", True), ("min – max", True), (f"{verdict.unit}s", True), ("failed", True)]
    lost, tuned = {} if plain else _lost_in_search(evidence), is_tuned(evidence.first)
    given = {str(level["name"]): values_of(level) for level in levels_of(evidence.first)}
    head += [("lost in search", True)] * bool(lost) + [
        ("its settings" if plain or not tuned else "confirmed points", False)
    ]
    rows = []
    for level in verdict.levels:
        found, failures = level.estimate, level.failures
        rate = f" ({100 * failures.low:.0f} – {100 * failures.high:.0f} %)" if failures.count else ""
        shown = _points_text([point for point in level.points if point])
        rows.append(
            (
                level.level,
                spread_text(metric, found),
                range_text(metric, found.low, found.high),
                range_text(metric, found.smallest, found.largest),
                str(len(level.units)),
                f"{failures.count} of {failures.total}{rate}",
                *([lost.get(level.level, "–")] if lost else []),
                shown or (point_text(given[level.level]) if not tuned and given.get(level.level) else "none"),
            )
        )
    note = (
        f"Over {verdict.unit}s; intervals are of the mean (Student's t), none where all are the same. "
        f"“failed”: confirmed trainings that diverged "
        f"or raised, with the 95 % interval of that rate; each counts as a guess, {metric_text(metric, verdict.worst)}."
        + (" “lost in search”: searched trials without a value." if lost else "")
    )
    return Table(tuple(head), tuple(rows), note)


def _lost_in_search(evidence: Evidence) -> dict[str, str]:
    """How many of each level's searched trials ended without a value."""
    counts: dict[str, list[int]] = {}
    for run in evidence.of(evidence.first.execution).searched.runs:
        if run.level and run.ended:
            found = counts.setdefault(run.level, [0, 0, 0])
            found[0] += run.lost
            found[1] += 1
            found[2] += run.status == "stopped"
    return {
        level: f"{lost} of {total}" + (f", {stopped} stopped" if stopped else "")
        for level, (lost, total, stopped) in counts.items()
    }


def judged_pairs(evidence: Evidence, verdict: Verdict) -> Table | None:
    """One row a pair, the separated ones first; None with fewer than two levels."""
    if not verdict.pairs:
        return None
    metric = measure_of(evidence.first)
    head = [("pair", False), ("better by", True), ("95 % interval", True), ("all pairs together", True), ("p", True)]
    head += [("p (Holm)", True), ("separated", False), ("chance to be better", True), (f"more {verdict.unit}s", True)]
    rows = []
    for pair in sorted(verdict.pairs, key=lambda pair: (not pair.separated, pair.adjusted or 0.0)):
        chance = "–"
        if pair.chance is not None:
            chance = f"{100 * pair.chance.share:.0f} %"
            if pair.chance.low is not None and pair.chance.high is not None:
                chance += f" ({100 * pair.chance.low:.0f} – {100 * pair.chance.high:.0f})"
        rows.append(
            (
                f"{pair.better} over {pair.worse}",
                "–" if pair.advantage is None else number_of(pair.advantage, metric),
                _between(metric, pair.low, pair.high),
                _between(metric, pair.joint_low, pair.joint_high),
                p_text(pair.p).removeprefix("p ").removeprefix("= "),
                p_text(pair.adjusted).removeprefix("p ").removeprefix("= "),
                "yes" if pair.separated else "less than worth having" if pair.equal else "no",
                chance,
                "–" if pair.more is None else f"{pair.more:,}",
            )
        )
    size = (
        f"a difference of {number_of(verdict.worth, metric)}, named as worth having,"
        if verdict.worth is not None
        else "the difference seen"
    )
    note = (
        f"Paired t-tests over {verdict.unit}s, corrected for all {count_text(len(verdict.pairs), 'pair')} (Holm). "
        f"“chance to be better”: how often a {verdict.unit} of the one beats one of the other, ties half. "
        f"“more {verdict.unit}s”: how many more a level would settle {size} with 80 % power, if the spread is as seen."
    )
    return Table(tuple(head), tuple(rows), note)


def confirmed_trials(evidence: Evidence, most: int = ROWS // 2) -> Table | None:
    """One row a confirmed training, by level, repeat and replicate; None where there are none."""
    runs = [run for asked in evidence.asked for run in confirmations(evidence, asked)]
    if not runs:
        return None
    several = len(evidence.asked) > 1
    metrics = [measure_of(evidence.first), evidence.objective]
    other = "test/loss" if metrics[0].endswith("accuracy") else "test/accuracy"
    if any(other in run.metrics for run in runs):
        metrics.insert(1, other)
    head = [("trial", True)] + [("execution", False)] * several + [("level", False), ("repeat", True)]
    head += [("replicate", True), ("point", False)] + [(metric_words(metric), True) for metric in metrics]
    head += [("end", False), ("time", True), ("diagnoses", False), ("run", False)]
    order = list(dict.fromkeys(level.level for level in confirmed_of(evidence)))
    runs.sort(key=lambda run: (run.execution, _at(level_of(run), order), run.repeat, run.order, run.replicate))
    rows = []
    for run in runs[:most]:
        row = [f"#{run.order}"] + [run.execution] * several + [level_of(run), str(run.repeat + 1), str(run.replicate)]
        row += [point_text(run.point), *(metric_text(metric, run.last(metric)) for metric in metrics)]
        row += [run.status.replace("_", " "), seconds_text(run.seconds), _diagnoses(run), run.trained_as[:8]]
        rows.append(tuple(row))
    note = f"The first {most} of {count_text(len(runs), 'training')}; trials.csv has all." if len(runs) > most else ""
    return Table(tuple(head), tuple(rows), note)


def verdict_document(evidence: Evidence) -> dict[str, Any]:
    """What `verdict.json` holds: for each execution the verdict's numbers; `verdict` is null where nothing was
    confirmed. Numbers that are not known are null.
    """
    return {"format": 1, "executions": [_execution(evidence, asked) for asked in evidence.asked]}


def verdict_json(evidence: Evidence) -> str:
    """`verdict.json` as text."""
    return json.dumps(_plain(verdict_document(evidence)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _execution(evidence: Evidence, asked: Asked) -> dict[str, Any]:
    verdict, metric = verdict_of(evidence, asked), measure_of(asked)
    section = section_of(asked)
    found = optimism_of(evidence, asked)
    return {
        "execution": asked.execution,
        "definition": asked.name,
        "factor": section.get("factor") or ("rank in the search" if verdict is not None else None),
        "measure": metric,
        "objective": evidence.objective,
        "data": {"name": asked.data.get("name"), "digest": asked.data.get("digest")},
        "seed": asked.search.get("seed"),
        "ended": bool(asked.closed),
        "test_part": dict(asked.test_part),
        "sentence": None if verdict is None else sentence(verdict, metric_words(metric)),
        "optimism": None if found is None else asdict(found),
        "verdict": None if verdict is None else _verdict(evidence, asked, verdict),
    }


def _verdict(evidence: Evidence, asked: Asked, verdict: Verdict) -> dict[str, Any]:
    runs: dict[str, list[str]] = {}
    for run in confirmations(evidence, asked):
        runs.setdefault(level_of(run), []).append(run.trained_as)
    body = asdict(verdict)
    for told, level in zip(body["levels"], verdict.levels, strict=True):
        told["units"] = [
            {"repeat": repeat, "replicate": None if replicate < 0 else replicate, "score": score}
            for (repeat, replicate), score in level.units.items()
        ]
        told["runs"] = runs.get(level.level, [])
    for told, pair in zip(body["pairs"], verdict.pairs, strict=True):
        told["equal"] = pair.equal
    return {**body, "unit": verdict.unit}


def _plain(value: Any) -> Any:
    """JSON has no nan and no infinity: null."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _points_text(points: list[str]) -> str:
    """The confirmed points of a level; a name that all of them begin with is said once."""
    more = f" and {len(points) - SHOWN_POINTS} more" if len(points) > SHOWN_POINTS else ""
    names = {point.rpartition(" ")[0] for point in points}
    if len(points) > 1 and len(names) == 1 and "," not in points[0]:
        values = [point.rpartition(" ")[2] for point in points[:SHOWN_POINTS]]
        return f"{names.pop()} {', '.join(values)}{more}".strip()
    return "; ".join(points[:SHOWN_POINTS]) + more


def _between(metric: str, low: float | None, high: float | None) -> str:
    if low is None or high is None or low == high:  # equal differences are no certainty
        return "–"
    if is_share(metric):
        return f"{100 * low:.1f} to {100 * high:.1f}".replace("-", "−")
    return f"{low:.2g} to {high:.2g}".replace("-", "−")


def _diagnoses(run: Run) -> str:
    return ", ".join(finding.name.replace("_", " ") for finding in run.findings)


def _at(level: str, order: list[str]) -> int:
    return order.index(level) if level in order else len(order) + (level not in RANKS.values())
