"""What each level of a factor reached, as a table: its best point, its failures, how soon it got to a target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import LevelSummary, first_reaching, probability_better
from sweeps.report.answer import FEW
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import best_first, level_summaries, stopped
from sweeps.report.select import best_runs
from sweeps.report.tables import Table
from sweeps.report.words import metric_text, metric_words, point_text, seconds_text, spread_text


def levels_table(evidence: Evidence, factor: Factor) -> Table:
    """One row a level, the best first."""
    found = best_first(evidence, level_summaries(evidence, factor))
    target = _target(evidence, found)
    head = [(factor.name.replace("_", " "), False), ("best point", False), (metric_words(evidence.objective), True)]
    early = {level: stopped(evidence, factor, level) for level in factor.levels}
    some = any(early.values())
    head += [(name, True) for name in ("median trial", "finished", *["stopped"] * some, "lost")]
    head += [("beats the leader", True), ("time to target", True)]
    rows = []
    leader = [level for level in found if level.best is not None][:1]
    for level in found:
        runs = best_runs(evidence, factor.runs(evidence, level.level))
        value = "–" if level.best is None else spread_text(evidence.objective, level.best.estimate)
        median = math.nan if level.median is None else level.median
        lost = level.lost
        share = f" ({100 * lost.low:.0f} – {100 * lost.high:.0f} %)" if lost.count else ""
        row = [level.level, _point(runs, factor) if level.best is not None else "–", value]
        row += [metric_text(evidence.objective, median), str(lost.total - lost.count)]
        row += [str(early[level.level])] * some + [f"{lost.count}{share}"]
        row += [_chance(evidence, level, leader[0]) if leader else "–", _reached(evidence, runs, target)]
        rows.append(tuple(row))
    note = (
        "In brackets the 95 % interval of the rate of loss. “Beats the leader”: how often a trial of the level is "
        "better than one of the leading level, ties half, lost trials the worst. Target: "
        f"{metric_words(evidence.objective)} {metric_text(evidence.objective, target)}, which the best point of every "
        "level with a value reaches; means over that point's replicates."
        + (" Trials that were stopped early are in no value and in no comparison." if some else "")
    )
    return Table(tuple(head), tuple(rows), note if leader else "")


def _target(evidence: Evidence, found: Sequence[LevelSummary]) -> float:
    """The worst of the levels' best values, those of a mean over replicates included: all of them get there."""
    values = [value for level in found if level.best is not None for value in level.best.values.values()]
    return (max if evidence.minimize else min)(values, default=math.nan)


def _chance(evidence: Evidence, level: LevelSummary, leader: LevelSummary) -> str:
    if level.level == leader.level:
        return "leads"
    bad = math.inf if evidence.minimize else -math.inf
    sides = [[*each.values, *[bad] * each.lost.count] for each in (level, leader)]
    chance = probability_better(*sides, minimize=evidence.minimize)
    return "–" if chance is None else f"{100 * chance:.0f} %"


def _point(runs: Sequence[Run], factor: Factor) -> str:
    """The point in words where that is short, else the number of its trial."""
    rest = {name: value for name, value in runs[0].point.items() if name != factor.name}
    return point_text(rest) if 0 < len(rest) <= FEW else f"#{runs[0].order}"


def _reached(evidence: Evidence, runs: Sequence[Run], target: float) -> str:
    epochs, seconds = [], []
    for run in runs:
        values = run.metrics.get(evidence.objective)
        place = None if values is None else first_reaching(values, target, minimize=evidence.minimize)
        if place is None:
            return "–"
        epochs.append(float(run.epochs[place]))
        spent = run.metrics.get("seconds/epoch")
        seconds.append(math.nan if spent is None else float(np.nansum(spent[: place + 1])))
    if not epochs:
        return "–"
    mean = f"{np.mean(epochs):.1f}".removesuffix(".0")
    took = float(np.mean(seconds))
    return f"{mean} epochs" + (f", {seconds_text(took)}" if math.isfinite(took) else "")
