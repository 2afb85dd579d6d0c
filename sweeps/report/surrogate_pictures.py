"""The Gaussian process step by step: what it knew, expected and tried next, along the axis that matters most.

The model is the strategy's own, told again what the search was told; nothing is fitted here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit, fit_share
from sweeps.figures.surrogates import Step, surrogate_step
from sweeps.report.confirmation import levels_of, section_of, values_of
from sweeps.report.evidence import Asked, Evidence, Run
from sweeps.report.words import count_text, is_share

if TYPE_CHECKING:
    from sweeps.space import Space
    from sweeps.strategies.gaussian_process import Course, GaussianProcess

STRATEGY = "gaussian_process"
STEPS = 6  # steps of the model that are drawn: along its only axis the first ones, else from first to last
MOST_KNOWN = 500  # points: the model's cost grows with their cube
FEWEST = 24  # trainings that differ in one number alone, from which a curve of it is drawn
STOPS = 32  # equal steps of the axis in which the curve's medians are taken
WIDE_BAND = 0.5  # a point explores where the band is at least so much as wide as with nothing known
_UNREADABLE = (KeyError, TypeError, ValueError)  # what was written by another version, or damaged: no picture then


@dataclass(frozen=True)
class Searched:
    """One search by the Gaussian process: its space, its runs in the order proposed, and what makes its level."""

    asked: Asked
    level: str
    space: Space
    given: Mapping[str, Any]
    options: Mapping[str, Any]
    trials: int | None
    steps: tuple[tuple[Run, ...], ...]  # the replicates of each point

    @property
    def first(self) -> int:
        """How many points were told when the model was first asked."""
        model = (place for place, runs in enumerate(self.steps) if "mean" in runs[0].reason)
        return next(model, len(self.steps))

    def told(self, count: int, minimize: bool) -> GaussianProcess:
        """The strategy after the first `count` points."""
        from sweeps.strategies import Outcome
        from sweeps.strategies.gaussian_process import GaussianProcess

        direction: Any = "minimize" if minimize else "maximize"
        strategy = GaussianProcess(
            self.space, seed=0, trials=self.trials, direction=direction, options=dict(self.options)
        )
        for runs in self.steps[:count]:
            values = tuple(run.value if run.counts else None for run in runs)
            lost = next((run.status for run in runs if run.lost), "finished")
            status: Any = "failed" if lost == "finished" and None in values else lost
            strategy.tell(self.inner(runs[0]), Outcome(status, values))
        return strategy

    def inner(self, run: Run) -> Any:
        """A run's point without what makes the level."""
        from sweeps.space import Point

        return Point({name: value for name, value in run.point.items() if name not in self.given})


def steps_picture(evidence: Evidence, names: Sequence[str]) -> Picture | None:
    """The first steps of one search by the Gaussian process, along the first of `names` (hyper-parameters,
    the most important first) that is a number. Of several searches the one with the fewest axes is drawn.
    """
    searched = min(searches(evidence), key=lambda each: len(each.space.axes), default=None)
    if searched is None:
        return None
    numbers = {axis.name for axis in evidence.axes if axis.numeric and not axis.choices}
    inside = [axis.name for axis in searched.space.axes if axis.name in numbers]
    axis = next((name for name in (*names, *inside) if name in inside), None)
    if axis is None:
        return None
    counts = list(range(searched.first, min(len(searched.steps), MOST_KNOWN)))
    if len(searched.space.axes) == 1:
        counts = counts[:STEPS]
    elif len(counts) > STEPS:  # of many axes it takes the whole search to learn something
        counts = [counts[place] for place in np.linspace(0, len(counts) - 1, STEPS).round().astype(int)]
    drawn = [found for count in counts if (found := _step(evidence, searched, axis, count)) is not None]
    if not drawn:
        return None
    curve = measured(evidence, searched, axis)
    declared = next(each for each in evidence.axes if each.name == axis)
    across = fit([declared.low, declared.high], log=declared.log and declared.low > 0, margin=0.02)
    up, label = _up(evidence, drawn, curve), axis
    panels: tuple[Panel, ...] = tuple(surrogate_step(step, curve, across, up, label) for step in drawn)
    others = [name for name in (each.name for each in searched.space.axes) if name != axis]
    sentence = _sentence(drawn, curve, evidence.minimize)
    marks = [Mark("expected", "level0", "dashed"), Mark("two-sigma band", "level0", "band")]
    marks += [Mark("measured by all searches", "level1", "line")] if curve is not None else []
    marks += [Mark("known", "ink", "o"), Mark("tried next", "level3", "D"), Mark("acquisition", "level2", "box")]
    marks += [Mark("known, off this line", "muted", "ring")] if others else []
    held = f" The other hyper-parameters are those of the point tried next ({len(others)})." if others else ""
    whose = f" of {searched.level}" if searched.level else ""
    return Picture(
        "steps",
        f"The Gaussian process step by step along {axis.replace('_', ' ')}",
        sentence,
        f"{count_text(len(panels), 'panel')}, each with the model after one more training: predicted mean, band, "
        f"acquisition function and the next point. {sentence}",
        panels,
        (),
        tuple(marks),
        f"The first search{whose} of {searched.asked.execution}, told again what it was told.{held} "
        "Below each panel the acquisition function, scaled to its top: how much is gained by a look there. A point "
        "explores where the band is at least half as wide as with nothing known, else it exploits what is known.",
    )  # fmt: skip


def searches(evidence: Evidence) -> list[Searched]:
    """Every first search whose proposals a Gaussian process made, with the strategy's options at that time."""
    found = []
    for asked in evidence.asked:
        groups: dict[str, dict[int, list[Run]]] = {}
        for run in evidence.runs:
            if (run.execution, run.stage, run.repeat) == (asked.execution, "search", 0) and run.ended:
                groups.setdefault(run.level, {}).setdefault(run.order, []).append(run)
        for level, by_order in groups.items():
            steps = tuple(tuple(runs) for _, runs in sorted(by_order.items()))
            searched = _searched(asked, level, steps)
            if searched is not None and searched.first < len(steps):
                found.append(searched)
    return found


def _searched(asked: Asked, level: str, steps: tuple[tuple[Run, ...], ...]) -> Searched | None:
    from model.hyperparameters import hyperparameters
    from sweeps.space import Space
    from sweeps.space.point import frozen
    from sweeps.strategies import STRATEGIES

    mine = {str(each["name"]): each for each in levels_of(asked)}.get(level, {})
    given = values_of(mine)
    if (mine.get("strategy") or asked.search.get("strategy")) != STRATEGY or (level and not mine):
        return None
    options = dict(asked.search.get("options") or {}) if asked.search.get("strategy") == STRATEGY else {}
    options = options or {each.name: each.default for each in STRATEGIES.entry(STRATEGY).traits["options"]}
    constants = {name: frozen(each.default) for name, each in hyperparameters().items()}
    try:
        constants |= {name: frozen(value) for name, value in asked.fixed.items()}
        space = Space.of(asked.definition.get("space") or (), constants)
        left = space.given({name: frozen(value) for name, value in given.items()})
    except _UNREADABLE:
        return None
    trials = section_of(asked).get("trials_per_level") if level else asked.search.get("trials")
    return Searched(asked, level, left, given, options, trials if isinstance(trials, int) else None, steps)


def _step(evidence: Evidence, searched: Searched, axis: str, count: int) -> Step | None:
    """The model after `count` points, with the point that was tried next."""
    following = searched.steps[count]
    kind = str(following[0].reason.get("kind", ""))
    try:
        course = searched.told(count, evidence.minimize).along(axis, searched.inner(following[0]), kind)
    except _UNREADABLE:
        return None
    value = following[0].point.get(axis)
    if course is None or not isinstance(value, int | float):
        return None
    place = int(np.argmin(np.abs(_log(course.values) - _log(np.asarray([float(value)])))))
    wide = course.deviation[place] >= WIDE_BAND * course.prior
    note = f"next: {'explores' if wide else 'exploits'}"
    return _drawn(searched, axis, count, course, float(value), note)


def _drawn(searched: Searched, axis: str, count: int, course: Course, value: float, note: str) -> Step:
    following, known = searched.steps[count], searched.steps[:count]
    known = tuple(runs for runs in known if isinstance(runs[0].point.get(axis), int | float))
    return Step(
        f"{count} known",
        note,
        course.values,
        course.mean,
        course.low,
        course.high,
        course.acquisition - min(0.0, float(course.acquisition.min())),
        np.asarray([float(runs[0].point[axis]) for runs in known]),
        np.asarray([_value(runs) for runs in known]),
        np.asarray([float(_alike(runs[0], following[0], axis)) for runs in known]),
        value,
        _value(following),
    )


def _alike(one: Run, other: Run, axis: str) -> bool:
    """Whether two points differ in this axis at most."""
    return {name: value for name, value in one.point.items() if name != axis} == {
        name: value for name, value in other.point.items() if name != axis
    }


def _value(runs: Sequence[Run]) -> float:
    """A point's value: the mean over its replicates; nan if one has none."""
    return float(np.mean([run.value if run.counts else math.nan for run in runs]))


def _log(values: Array) -> Array:
    return np.log(np.maximum(values, 1e-300)) if (values > 0).all() else values


def measured(evidence: Evidence, searched: Searched, axis: str) -> tuple[Array, Array] | None:
    """The objective against the axis, from all trainings that differ in it alone: the median in each of STOPS equal
    steps. None where they are too few, or other axes were searched as well.
    """
    if [each.name for each in searched.space.axes] != [axis]:
        return None
    model = searched.steps[0][0]
    alike = [run for run in evidence.runs if run.execution == model.execution and run.whole]
    runs = [run for run in alike if isinstance(run.point.get(axis), int | float) and _alike(run, model, axis)]
    if len({run.point[axis] for run in runs}) < FEWEST:
        return None
    declared = next(each for each in searched.asked.axes if each.name == axis)
    log = declared.log and declared.low > 0
    x = np.asarray([float(run.point[axis]) for run in runs])
    y = np.asarray([run.value if run.counts else (math.inf if evidence.minimize else -math.inf) for run in runs])
    ends = np.log([declared.low, declared.high]) if log else np.asarray([declared.low, declared.high])
    places = ((np.log(x) if log else x) - ends[0]) / (ends[1] - ends[0])
    steps = np.clip((places * STOPS).astype(int), 0, STOPS - 1)
    stops = np.unique(steps)
    centres = np.asarray([float(np.median(x[steps == stop])) for stop in stops])
    middles = np.asarray([float(np.median(y[steps == stop])) for stop in stops])
    return centres, middles


def _up(evidence: Evidence, steps: Sequence[Step], curve: tuple[Array, Array] | None) -> Scale:
    """The scale of what was measured, with some room for what was only expected."""
    values = [float(y) for step in steps for y in step.known_y if math.isfinite(y)]
    values += [float(y) for y in (curve[1] if curve is not None else ()) if math.isfinite(y)]
    if is_share(evidence.objective):
        return fit_share(values)
    return fit(values, margin=0.15)


def _sentence(steps: Sequence[Step], curve: tuple[Array, Array] | None, minimize: bool) -> str:
    notes = [step.note.removeprefix("next: ") for step in steps]
    explore, exploit = notes.count("explores"), notes.count("exploits")
    looks = (
        f"of the {count_text(len(notes), 'next point')} shown, {explore} explore{'s' * (explore == 1)}, where the band "
        f"is wide, and {exploit} exploit{'s' * (exploit == 1)}, where the mean is good."
    )
    if curve is None or len(steps) < 2:
        return looks[0].upper() + looks[1:]
    before, after = (100 * _miss(step, curve, minimize) for step in (steps[0], steps[-1]))
    return (
        f"With {steps[0].name} the mean misses the better half of the measured curve by {before:.0f} % (median), "
        f"with {steps[-1].name} by {after:.0f} %; {looks}"
    )


def _miss(step: Step, curve: tuple[Array, Array], minimize: bool) -> float:
    """The median relative distance of a step's mean from the better half of the curve."""
    finite = np.isfinite(curve[1]) & (np.abs(curve[1]) > 0)
    x, y = curve[0][finite], curve[1][finite]
    better = y <= np.median(y) if minimize else y >= np.median(y)
    order = np.argsort(step.x)
    expected = np.interp(x[better], step.x[order], step.mean[order])
    return float(np.median(np.abs(expected / y[better] - 1.0)))
