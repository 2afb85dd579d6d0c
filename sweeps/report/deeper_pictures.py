"""Pictures of the whole search: best value against effort, importance, parallel coordinates, where the trials were
put.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweeps.comparison import best_so_far
from sweeps.comparison.importance import Importance, importance
from sweeps.comparison.points import Array
from sweeps.figures.lines import Axes, Cloud, Dimension, NamedLine, bars, named_lines, parallel, plane
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale
from sweeps.report.encoding import Column, columns
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.level_pictures import LEAST, NARROW, WIDE, scale_of
from sweeps.report.search_pictures import KINDS, kind_of
from sweeps.report.words import listed, metric_text, metric_words

MOST_LINES = 300  # trials drawn as lines of parallel coordinates
MOST_MODELLED = 2000  # trials that a model of the values is fitted to
FEWEST_EACH = 3  # trials of a level below which its course says nothing
FEWEST = 8  # trials below which there is no crowd to look at


def anytime_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """Best value so far of each level, against its trials and against the seconds they trained. None for a plain grid,
    whose order means nothing.
    """
    if evidence.gridded:
        return None
    by_trials, by_seconds, order = [], [], {}
    for level in factor.levels:
        runs = sorted(
            (run for run in factor.runs(evidence, level) if run.ended), key=lambda run: (run.order, run.replicate)
        )
        values = [run.value if run.counts else math.nan for run in runs]
        best = best_so_far(values, minimize=evidence.minimize)
        known = np.isfinite(best)
        if not known.any():
            continue
        spent = np.cumsum([run.seconds if math.isfinite(run.seconds) else 0.0 for run in runs])
        colour = factor.colours[level]
        by_trials.append(NamedLine(level, colour, np.arange(1.0, len(runs) + 1)[known], best[known], steps=True))
        by_seconds.append(NamedLine(level, colour, spent[known], best[known], steps=True))
        order[level] = best
    if len(by_trials) < 2 or max(len(line.x) for line in by_trials) < 3:
        return None
    up, label = scale_of(evidence), metric_words(evidence.objective)
    effort = ((by_trials, 1.0, "trials of the level"), (by_seconds, 0.0, "seconds trained"))
    panels, narrow = (
        tuple(
            named_lines(f"best {label}", lines, Axes(Scale(first, _last(lines)), up, words), width=width)
            for lines, first, words in effort
        )
        for width in (510, NARROW)
    )
    sentence = _flip_sentence(order, factor, evidence)
    return Picture(
        "anytime",
        "Best value against effort",
        sentence,
        f"Step lines of the best {label} so far for {listed(order)}, against trials and against seconds. {sentence}",
        panels,
        narrow,
    )


def _last(lines: Sequence[NamedLine]) -> float:
    return max(1e-9, *(float(line.x[-1]) for line in lines)) * 1.02


def _flip_sentence(order: dict[str, Array], factor: Factor, evidence: Evidence) -> str:
    """Whether the ranking at half of the smallest common budget is that at its end."""
    several = {level: best for level, best in order.items() if len(best) >= FEWEST_EACH}
    if len(several) < 2:
        return "Too few levels have had several trials to say whether the ranking depends on the budget."
    common = min(len(best) for best in several.values())
    bad = math.inf if evidence.minimize else -math.inf

    def leader(spent: int) -> str:
        reached = {level: best[spent - 1] if math.isfinite(best[spent - 1]) else bad for level, best in several.items()}
        return (min if evidence.minimize else max)(reached, key=lambda level: reached[level])

    half, end = leader(max(1, common // 2)), leader(common)
    words = f"After {common} trials each, {factor.say(end)} leads"
    if half == end:
        return f"{words}, as it did after {common // 2}."
    return f"{words}; after {common // 2} it was {factor.say(half)}: the ranking depends on the budget."


def importance_pictures(evidence: Evidence, runs: Sequence[Run]) -> tuple[list[Picture], list[str]]:
    """Which hyper-parameters the values depend on, and how; and their names, the most important first. No pictures
    where too few trials can tell.
    """
    chosen = _spaced([run for run in runs if run.whole])
    table = columns(evidence, chosen)
    names = [column.name for column in table]
    if len(table) < 2:
        return [], names
    sign = 1.0 if evidence.minimize else -1.0
    values = np.asarray([sign * run.value if run.counts else math.inf for run in chosen])
    found = importance(np.column_stack([column.places for column in table]), values, names)
    if found is None:
        return [], names
    order = np.argsort(-found.mean, kind="stable")
    rows = [(found.names[place], max(float(found.mean[place]), 0.0), float(found.std[place])) for place in order]
    leans = listed(name for name, mean, _ in rows[:2] if mean >= LEAST)
    sentence = (
        f"A forest that explains {100 * found.score:.0f} % of the ranking of trials it has not seen "
        f"leans {f'most on {leans}' if leans else 'on no single setting'}."
    )
    label = "loss of R² when its values are shuffled"
    pictures = [
        Picture(
            "importance",
            "Which settings mattered",
            sentence,
            f"Bars: permutation importance of {listed(name for name, _, _ in rows)}. {sentence}",
            (bars(rows, label, WIDE),),
            (bars(rows, label, NARROW),),
            reading="Permutation importance in a random forest (scikit-learn) fitted to the ranks of the values; "
            "whiskers are the spread over five shuffles. It tells what mattered within the ranges that were searched.",
        )
    ]
    return [*pictures, *_dependence(found, table)], [name for name, _, _ in rows]


def _dependence(found: Importance, table: Sequence[Column]) -> list[Picture]:
    by_name = {column.name: column for column in table}
    up = Scale(0.0, 1.0, share=True)
    panels = []
    for name, (places, ranks) in found.dependence.items():
        column = by_name[name]
        line = NamedLine("", 0, column.values(places), 1.0 - ranks)
        axes = Axes(column.scale, up, ticks=column.drawn_ticks())
        panels.append(named_lines(name, [line], axes, width=300, height=200))
    if not panels:
        return []
    return [
        Picture(
            "dependence",
            "How the most important settings acted",
            "Each line is the share of all trials that the forest expects to beat at that setting, the others as they "
            "were: higher is better.",
            f"Partial dependence of the rank on {listed(found.dependence)}.",
            tuple(panels),
        )
    ]


def parallel_picture(evidence: Evidence, runs: Sequence[Run]) -> Picture | None:
    """Every trial as a line through all settings, the best tenth in colour."""
    chosen = _spaced([run for run in runs if run.ended], MOST_LINES)
    table = columns(evidence, chosen)
    if len(table) < 3 or len(chosen) < FEWEST:
        return None
    sign = 1.0 if evidence.minimize else -1.0
    ranked = sorted(
        (place for place, run in enumerate(chosen) if run.counts), key=lambda place: sign * chosen[place].value
    )
    good = ranked[: max(1, math.ceil(len(chosen) / 10))]
    if not good:
        return None
    values = np.column_stack([column.places for column in table])
    dimensions = [Dimension(column.name, column.ticks) for column in table]
    agree = [column.name for column in table if _spread(column.places[good]) < 0.34 * max(_spread(column.places), 1e-9)]
    worst = chosen[good[-1]].value
    sentence = f"The best tenth ({len(good)} trials, {metric_text(evidence.objective, worst)} or better) " + (
        f"lies close together in {listed(agree)}." if agree else "is spread over every setting: many roads lead there."
    )
    marks = (Mark("best trial", "level3", "bar"), Mark("best tenth", "level0"), Mark("the others", "ghost"))
    return Picture(
        "parallel",
        "All settings at once",
        sentence,
        f"Parallel coordinates of {len(chosen)} trials over {listed(column.name for column in table)}. {sentence}",
        (parallel(dimensions, values, good, 900),),
        tuple(parallel(dimensions[a:b], values[:, a:b], good, NARROW) for a, b in _parts(len(dimensions))),
        marks,
    )


def _parts(count: int, most: int = 4) -> list[tuple[int, int]]:
    """Runs of at most `most` dimensions for a narrow screen, each beginning with the one before it ended with."""
    starts = range(0, max(count - 1, 1), most - 1)
    return [(start, min(start + most, count)) for start in starts]


def _spread(places: Array) -> float:
    known = places[np.isfinite(places)]
    return float(np.ptp(known)) if known.size else 0.0


def plane_picture(evidence: Evidence, names: Sequence[str]) -> Picture | None:
    """Where each kind of proposal put its trials, in the plane of the two numbers that matter most."""
    runs = [run for run in evidence.runs if run.ended]
    table = {column.name: column for column in columns(evidence, runs) if column.numeric}
    chosen = [name for name in names if name in table][:2]
    if len(chosen) < 2 or len(runs) < FEWEST:
        return None
    across, up = (table[name] for name in chosen)
    sign = 1.0 if evidence.minimize else -1.0
    values = np.asarray([sign * run.value if run.counts else math.nan for run in runs])
    order = np.full(len(runs), np.nan)
    finite = np.isfinite(values)
    order[finite] = np.argsort(np.argsort(values[finite])) / max(int(finite.sum()), 1)
    groups = [kind_of(run) if len(evidence.asked) == 1 else run.execution for run in runs]
    panels: list[Panel] = []
    for group in dict.fromkeys([*(name for name, *_ in KINDS), *groups]):
        mine = np.asarray([each == group for each in groups])
        if mine.any():
            cloud = Cloud(group, across.values(across.places[mine]), up.values(up.places[mine]), order[mine])
            panels.append(plane(cloud, across.scale, up.scale, (across.name, up.name)))
    marks = (Mark("good value", "layer7", "o"), Mark("bad value", "layer0", "o"), Mark("best", "level3", "D"))
    sentence = f"Each dot is a trial in the plane of {across.name} and {up.name}; the deeper, the better. "
    sentence += (
        "Where the search went is seen by comparing the panels." if len(panels) > 1 else "Empty regions were not tried."
    )
    return Picture(
        "plane",
        "Where the trials were put",
        sentence,
        f"{sentence} Panels: {listed(dict.fromkeys(groups))}.",
        tuple(panels),
        (),
        marks,
    )


def _spaced(runs: Sequence[Run], most: int = MOST_MODELLED) -> list[Run]:
    if len(runs) <= most:
        return list(runs)
    return [runs[place] for place in np.linspace(0, len(runs) - 1, most).astype(int)]
