"""Where ways to search put their trainings: one panel a way, on the same axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.figures.lines import Cloud, plane
from sweeps.figures.picture import Mark, Picture
from sweeps.report.encoding import columns
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.words import count_text, listed, metric_words

GOOD = 0.1  # the best tenth of all trainings that are shown


def strategies_picture(evidence: Evidence, factor: Factor, names: Sequence[str]) -> Picture | None:
    """The first search of each level in the plane of the two numbers that matter most (`names`, the most important
    first). None unless strategies are compared over two numbers; levels that fix one of them are left out.
    """
    if factor.name != "strategy":
        return None
    runs = [run for run in evidence.runs if run.stage == "search" and run.repeat == 0 and run.ended]
    table = {column.name: column for column in columns(evidence, runs) if column.numeric}
    chosen = [name for name in dict.fromkeys((*names, *table)) if name in table][:2]
    if len(chosen) < 2:
        return None
    levels = [level for level in factor.levels if _varied([run for run in runs if factor.of(run) == level], chosen)]
    shown = [run for run in runs if factor.of(run) in levels]
    if len(levels) < 2:
        return None
    rank = _ranks(evidence, shown)
    place = {run.id: index for index, run in enumerate(runs)}
    across, up = (table[name] for name in chosen)
    panels, tried, good = [], {}, {}
    for level in levels:
        mine = [run for run in shown if factor.of(run) == level]
        rows = [place[run.id] for run in mine]
        order = np.asarray([rank[run.id] for run in mine])
        cloud = Cloud(level, across.values(across.places[rows]), up.values(up.places[rows]), order)
        panels.append(plane(cloud, across.scale, up.scale, (across.name, up.name), width=256))
        tried[level] = len({run.point.get(across.name) for run in mine})
        good[level] = int((order <= GOOD).sum())
    fewest, most = min(tried, key=lambda level: tried[level]), max(good, key=lambda level: good[level])
    sentence = (
        f"With {count_text(len(shown) // len(levels), 'training')} each, {fewest} tries {tried[fewest]} values of "
        f"{across.name} (ticks above), "
        f"{listed(f'{level} {count}' for level, count in tried.items() if level != fewest)}; of the best tenth of all "
        f"these trainings {most} found {good[most]} of {sum(good.values())}."
    )
    marks = (Mark("good value", "layer7", "o"), Mark("bad value", "layer0", "o"), Mark("best", "level3", "D"))
    return Picture(
        "plane",
        "Where each way to search put its trainings",
        sentence,
        f"Points in the plane of {across.name} and {up.name}, a panel for each of {listed(levels)}. {sentence}",
        tuple(panels),
        (),
        marks,
        "The first of each way's searches, on the same axes; colour is the rank of the "
        f"{metric_words(evidence.objective)}.",
    )


def _varied(runs: Sequence[Run], names: Sequence[str]) -> bool:
    return all(len({run.point.get(name) for run in runs if name in run.point}) > 1 for name in names)


def _ranks(evidence: Evidence, runs: Sequence[Run]) -> dict[str, float]:
    """The place of each run's value among all, from 0 (best) to 1; nan for a run without one."""
    sign = 1.0 if evidence.minimize else -1.0
    able = sorted((run for run in runs if run.counts), key=lambda run: sign * run.value)
    places = {run.id: index / max(len(able) - 1, 1) for index, run in enumerate(able)}
    return {run.id: places.get(run.id, math.nan) for run in runs}
