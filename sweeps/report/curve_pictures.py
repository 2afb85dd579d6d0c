"""Learning curves by level as pictures, with the sentence that says what to see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sweeps.figures.curves import Band, LevelCurves, learning_curves, thin
from sweeps.figures.picture import Mark, Picture
from sweeps.figures.scales import number
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.select import band, best_runs
from sweeps.report.words import count_text, is_share, listed, metric_text, slug


def curves_picture(
    evidence: Evidence,
    factor: Factor,
    kind: str = "loss",
    second: Factor | None = None,
    *,
    confirmed: bool = False,
) -> Picture | None:
    """Training and validation curves by level; a row of panels for each level of a second, crossed factor.

    Over the replicates of each level's best point where there are several, else over all of the level's trials; over
    all of them, too, where these are `confirmed` trainings. Those that were stopped early or are under way are no
    part of it: the early epochs of some say nothing beside the last ones of others. A level that has no others is
    shown, and not compared.
    """
    replicated = confirmed or max((len(runs) for runs in evidence.points.values()), default=0) > 1
    minimize = not is_share(kind)
    levels: list[LevelCurves] = []
    sentences = []
    most = 0  # trainings that a level's curves are the middle of
    stopped = any(run.status == "stopped" for run in evidence.runs)
    for row in second.levels if second is not None else ("",):
        ends: dict[str, tuple[float, float]] = {}
        drawn: list[str] = []
        alone: list[str] = []  # levels of which a single training came to its end
        heading = f"{second.name} {row}" if second is not None else ""
        for level in factor.levels:
            runs = [
                run
                for run in factor.runs(evidence, level)
                if len(run.epochs) and (second is None or second.of(run) == row)
            ]
            ended = [run for run in runs if run.whole]
            shown = ended or runs
            shown = best_runs(evidence, shown) if replicated and not confirmed else shown
            found = _level_curves(shown, kind, (level, factor.colours[level], heading), replicates=replicated)
            if found is None:
                continue
            early = sum(run.status == "stopped" for run in runs)
            more = "" if not early else f", {early} more stopped" if ended else ", all stopped" * (early == len(runs))
            levels.append(replace(found, note=found.note + more))
            drawn.append(factor.say(level))
            most = max(most, len(shown))
            if ended:
                ends[factor.say(level)] = (_final(found.train), _final(found.validation))
                alone += [factor.say(level)] * (len(shown) == 1)
        if drawn:
            words = _curves_sentence(ends, kind, minimize)
            without = [level for level in drawn if level not in ends]
            words += f" No training of {listed(without, 'or')} came to its end." if ends and without else ""
            if alone and len(alone) < len(ends):
                words += f" {listed(alone)} {'rests' if len(alone) == 1 else 'rest'} on one training alone."
            sentences.append(f"Under {heading}, {words}" if heading else words if ends else words.capitalize())
    if not levels:
        return None
    who = "the replicates of each level's best point" if replicated else "all trials of the level"
    who = "the level's confirmed trainings" if confirmed else who
    who += ", those that were stopped early left out" if stopped else ""
    sentence = " ".join(sentences)
    marks = [Mark(f"validation {kind}", "muted", "line"), Mark(f"training {kind}", "muted", "dashed")]
    if most > 1:
        marks.append(Mark("range over replicates" if replicated else "middle half of the trials", "muted", "band"))
    if len(factor.levels) > 1:
        marks.append(Mark("the other levels", "ghost", "line"))
    return Picture(
        slug(f"{kind}-{factor.name}"),
        f"{kind.capitalize()} by {factor.name.replace('_', ' ')}",
        sentence,
        f"Curves of training and validation {kind} over the epochs, a panel for each of {listed(factor.levels)}. "
        f"{sentence}",
        learning_curves(levels, kind, share=is_share(kind)),
        (),
        tuple(marks),
        f"Median over {who}; trials that diverged count as infinitely bad from then on." if most > 1 else "",
    )


def _level_curves(
    runs: Sequence[Run], kind: str, level: tuple[str, int, str], *, replicates: bool
) -> LevelCurves | None:
    bands = [
        band(runs, f"{part}/{kind}", minimize=not is_share(kind), replicates=replicates)
        for part in ("train", "validation")
    ]
    known = next((found for found in bands[::-1] if found is not None), None)
    if known is None:
        return None
    keep = thin(len(known[0]))
    train, validation = (None if found is None else found[1].at(keep) for found in bands)
    name, colour, heading = level
    lost = sum(run.lost for run in runs)
    note = count_text(len(runs), "replicate" if replicates else "trial") + (f", {lost} lost" if lost else "")
    return LevelCurves(name, colour, note, known[0][keep], train, validation, heading)


def _final(found: Band | None) -> float:
    """The last known middle value; nan if there is none."""
    known = np.zeros(0) if found is None else found.middle[~np.isnan(found.middle)]
    return float(known[-1]) if known.size else math.nan


def _curves_sentence(ends: Mapping[str, tuple[float, float]], kind: str, minimize: bool) -> str:
    if not ends:
        return "no training has come to its end yet, so no level is compared."
    validated = {level: end[1] for level, end in ends.items() if math.isfinite(end[1])}
    if not validated:
        return f"No level has a finite {kind} at the end."
    ordered = sorted(validated, key=lambda level: validated[level] if minimize else -validated[level])
    first, last = ordered[0], ordered[-1]
    if len(ends) == 1:
        return f"The median training ends at a validation {kind} of {metric_text(kind, validated[first])}."
    words = f"{first} ends best, at a validation {kind} of {metric_text(kind, validated[first])}"
    if last != first:
        words += f"; {last} worst, at {metric_text(kind, validated[last])}"
    endless = [level for level in ends if level not in validated]
    if endless:
        words += f"; {listed(endless)} without a finite {kind}"
    sign = 1 if minimize else -1
    gaps = {
        level: sign * (end[1] - end[0])
        for level, end in ends.items()
        if math.isfinite(end[0]) and math.isfinite(end[1])
    }
    widest = max(gaps, key=lambda level: gaps[level], default=None)
    if widest is not None and gaps[widest] > 0:
        share = f"{100 * gaps[widest]:.1f} points" if is_share(kind) else number(gaps[widest], 2)
        words += f". The widest gap between training and validation: {widest}, {share}"
    return words + "."
