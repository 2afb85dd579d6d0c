"""Which runs stand for a level, and what many runs of a level have in common, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import rank
from sweeps.comparison.points import Array, PointName
from sweeps.figures.curves import Band
from sweeps.report.evidence import Evidence, Run, point_result


def best_runs(evidence: Evidence, runs: Sequence[Run]) -> list[Run]:
    """The replicates of the best point among `runs`; of the longest trained point if none has a value."""
    points: dict[PointName, list[Run]] = {}
    for run in runs:
        points.setdefault(run.point_name, []).append(run)
    results = [result for name, mine in points.items() if (result := point_result(name, mine)) is not None]
    ranked = [point for point in rank(results, minimize=evidence.minimize) if point.values]
    if ranked:
        return points[ranked[0].name]
    longest = max(runs, key=lambda run: len(run.epochs), default=None)
    return [] if longest is None else points[longest.point_name]


def typical(evidence: Evidence, runs: Sequence[Run], *, pictured: bool = False) -> Run | None:
    """The run that stands for `runs`: the first finished replicate of their best point; `pictured`: one with
    histograms.
    """
    able = [run for run in runs if not pictured or run.activations]
    best = best_runs(evidence, able)
    return next((run for run in best if run.counts), best[0] if best else None)


def band(runs: Sequence[Run], metric: str, *, minimize: bool, replicates: bool) -> tuple[Array, Band] | None:
    """The epochs and the band of a metric over runs: the median with the middle half, or over replicates with the
    full range.

    A run that diverged counts as infinitely bad from then on, so a level cannot look better by losing its failures; a
    run that was stopped early is left out after its last epoch.
    """
    able = [run for run in runs if metric in run.metrics and len(run.epochs)]
    if not able:
        return None
    epochs = np.unique(np.concatenate([run.epochs for run in able]))
    bad = math.inf if minimize else -math.inf
    table = np.full((len(able), len(epochs)), np.nan)
    for row, run in zip(table, able, strict=True):
        places = np.searchsorted(epochs, run.epochs)
        row[places] = run.metrics[metric]
        if run.status in ("diverged", "failed", "out_of_memory"):
            row[places[-1] + 1 :] = bad
            row[places[np.isnan(run.metrics[metric])]] = bad
    middle, low, high = (np.full(len(epochs), np.nan) for _ in range(3))
    for column in range(len(epochs)):
        values = np.sort(table[:, column][~np.isnan(table[:, column])])
        if values.size * 2 >= len(able):
            last = values.size - 1
            ends = (0, last) if replicates else (last // 4, last - last // 4)
            low[column], high[column] = values[ends[0]], values[ends[1]]
            middle[column] = (
                values[last // 2] if values.size % 2 else _between(values[last // 2], values[last // 2 + 1])
            )
    return epochs, Band(middle, low, high)


def _between(a: float, b: float) -> float:
    return (a + b) / 2 if math.isfinite(a) and math.isfinite(b) else b if math.isinf(b) else a
