"""Bayesian optimization with scikit-optimize's Gaussian process and acquisition functions (Jones et al. 1998; Snoek et
al. 2012).

    `initial` random points, then: objective made well-behaved -> Gaussian process -> most promising point that is new

What makes it cheap: length scales and noise are fitted anew only when the history has grown by a tenth and kept in
between, and the acquisition function is maximised over many places at once. Fitted numbers are a function of the
history up to the last refit, candidates of (seed, number of asks): replaying a history gives the same points.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sweeps.space import Point
from sweeps.strategies.base import STRATEGIES, Done, Option, Outcome, Proposal, Wait, comparable
from sweeps.strategies.gaussian_process.candidates import candidates
from sweeps.strategies.gaussian_process.features import Array, Features
from sweeps.strategies.gaussian_process.objective import Objective
from sweeps.strategies.random import SAMPLING, Random

if TYPE_CHECKING:
    from sweeps.strategies.gaussian_process.surrogate import Fitted, Surrogate

ACQUISITIONS = ("EI", "LCB", "PI")
INITIAL = Option(
    "initial", "integer", 10, low=2, high=10_000, doc="points before the model is asked; at most a third of `trials`"
)
ACQUISITION = Option(
    "acquisition",
    "choice",
    "EI",
    choices=(*ACQUISITIONS, "gp_hedge"),
    doc="expected improvement, lower confidence bound, probability of improvement, or a gamble among the three",
)


@dataclass(frozen=True)
class Observations:
    """What has been told: places in the unit cube (n, axes), values (n,), smaller is better, with inf for failures, and
    the outcomes themselves."""

    places: Array
    values: Array
    outcomes: tuple[Outcome, ...]
    sign: float

    @property
    def losses(self) -> Array:
        """What the model believes, shape (n,): values of fewer epochs made comparable."""
        return comparable(self.values, self.outcomes, self.sign)

    @property
    def replicates(self) -> Iterator[Array]:
        """Each point's finished replicates."""
        return (_finite(outcome, self.sign) for outcome in self.outcomes)

    def first(self, length: int) -> Observations:
        """The history as it was when it had that length."""
        return Observations(self.places[:length], self.values[:length], self.outcomes[:length], self.sign)

    def noise(self, objective: Objective) -> float | None:
        """The variance of a point's mean target, from how its replicates differ; None without replicates."""
        several = [objective.targets(values) for values in self.replicates if len(values) > 1]
        if not several:
            return None
        return float(np.mean([values.var(ddof=1) / len(values) for values in several]))


@dataclass(frozen=True)
class Course:
    """A model along one axis, the others held, all (n,): the axis's `values`, the objective's predicted `mean` and the
    ends of its two-sigma band, the standard deviation in targets, and the acquisition function. `prior` is the standard
    deviation where nothing is known."""

    values: Array
    mean: Array
    low: Array
    high: Array
    deviation: Array
    acquisition: Array
    prior: float


@STRATEGIES.register(
    "gaussian_process",
    source="Jones et al. 1998, Snoek et al. 2012; scikit-optimize",
    options=(INITIAL, ACQUISITION, SAMPLING),
)
class GaussianProcess(Random):
    """Random points, then the most promising ones by a Gaussian process over all that was told."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        if len(self.seen) >= self.initial or self._begun:
            observed = self.observed()
            if np.isfinite(observed.losses).sum() >= 2:
                proposal = self.modelled(number, observed)
                if proposal is not None:
                    return proposal
        return super().propose(number)

    @property
    def _begun(self) -> bool:
        """Whether the model was asked before: a search that is extended does not begin at random again."""
        return any("acquisition" in proposal.reason for proposal in reversed(self.proposals))

    def warm_up(self) -> None:
        importlib.import_module("sweeps.strategies.gaussian_process.surrogate")

    @property
    def initial(self) -> int:
        """The number of points, told ones included, before the model is asked."""
        initial = self.whole(INITIAL)
        return initial if self.trials is None else max(2, min(initial, self.trials // 3))

    def observed(self) -> Observations:
        """Everything told that lies in the space and says something."""
        rows = [(place, outcome) for point, outcome in self.told if (place := self._place(point)) is not None]
        rows = [(place, outcome) for place, outcome in rows if outcome.status != "lost"]
        places = np.array([place for place, _ in rows]).reshape(len(rows), len(self.space.axes))
        values = np.array([self.score(outcome) for _, outcome in rows])
        return Observations(places, values, tuple(outcome for _, outcome in rows), self.sign)

    def modelled(self, number: int, observed: Observations) -> Proposal | None:
        """The most promising point that is new, with what the model expects of it; None if every candidate is known."""
        objective = Objective.of(observed.losses)
        targets = objective.targets(observed.losses)
        model, best = self._model(observed, targets), float(targets.min())
        ranked = observed.places[np.argsort(targets, kind="stable")]
        kind, more = str(self.option(ACQUISITION)), dict[str, object]()
        chances = self._chances(model) if kind == "gp_hedge" else {kind: 1.0}
        nominees = {name: self._nominee(name, number, model, best, ranked) for name in chances}
        if any(nominee is None for nominee in nominees.values()):
            return None
        if kind == "gp_hedge":
            kind = str(self.generator(number, 2).choice(list(chances), p=list(chances.values())))
            more = {
                "chances": chances,
                "nominees": {name: found[0].plain() for name, found in nominees.items() if found},
            }
        point, value = nominees[kind] or (Point({}), 0.0)
        mean, deviation = self._predicted(model, [point])
        reason = {"kind": kind, "acquisition": value, "mean": float(mean[0]), "std": float(deviation[0]), "best": best}
        return Proposal(point, {**reason, "expected": self.sign * objective.loss(float(mean[0])), **more})

    def along(self, name: str, through: Point, kind: str, count: int = 121) -> Course | None:
        """What the model of everything told expects along one axis through a point; None where it has too little to go
        by, or the point is not of this space."""
        from sweeps.strategies.gaussian_process.surrogate import promise

        observed, place = self.observed(), self._place(through)
        names = [axis.name for axis in self.space.axes]
        if place is None or name not in names or np.isfinite(observed.losses).sum() < 2:
            return None
        column, objective = names.index(name), Objective.of(observed.losses)
        targets = objective.targets(observed.losses)
        places = np.tile(place, (count, 1))
        places[:, column] = np.linspace(0.0, 1.0 - 1e-12, count)
        rows, model = self.features.rows(self.features.snapped(places)), self._model(observed, targets)
        mean, deviation = model.predict(rows, return_std=True)
        axis = self.space.axes[column]

        def told(target: Array) -> Array:
            return np.array([self.sign * objective.loss(float(each)) for each in target])

        return Course(
            np.array([axis.value(float(unit)) for unit in places[:, column]], dtype=float),
            told(mean),
            told(mean - 2 * self.sign * deviation),
            told(mean + 2 * self.sign * deviation),
            deviation,
            promise(kind if kind in ACQUISITIONS else "EI", rows, model, float(targets.min())),
            float(np.sqrt(self._fitted(observed).amplitude)),
        )

    def _nominee(
        self, kind: str, number: int, model: Surrogate, best: float, ranked: Array
    ) -> tuple[Point, float] | None:
        """The new point where an acquisition function is largest, and its value there."""
        from sweeps.strategies.gaussian_process.surrogate import promise

        def judged(places: Array) -> Array:
            return promise(kind, self.features.rows(places), model, best)

        places, values = candidates(self.features, ranked, judged, self.generator(number, 1))
        points = (self.space.at(place) for place in places)
        return next(
            ((point, float(value)) for point, value in zip(points, values, strict=True) if point not in self.seen), None
        )

    def _chances(self, model: Surrogate) -> dict[str, float]:
        """GP-Hedge (Hoffman et al. 2011, Algorithm 1): acquisition functions whose nominees look better now are
        likelier: softmax of minus the sum of the means now expected at all they have nominated."""
        every = [proposal.reason["nominees"] for proposal in self.proposals if "nominees" in proposal.reason]
        nominated = {name: [Point(one[name]) for one in every if isinstance(one, Mapping)] for name in ACQUISITIONS}
        gains = np.array([-self._predicted(model, points)[0].sum() if points else 0.0 for points in nominated.values()])
        weights = np.exp(gains - gains.max())
        return dict(zip(ACQUISITIONS, (weights / weights.sum()).tolist(), strict=True))

    def _model(self, observed: Observations, targets: Array) -> Surrogate:
        """The process through all that is known. A pending point counts as if it had come out as expected: then its
        neighbourhood is not worth a second look at once."""
        from sweeps.strategies.gaussian_process.surrogate import surrogate

        fitted, rows = self._fitted(observed), self.features.rows(observed.places)
        model = surrogate(rows, targets, self.features.groups, fitted)
        places = [place for point in self.pending if (place := self._place(point)) is not None]
        if places:
            waiting = self.features.rows(np.array(places))
            expected = model.predict(waiting)
            model = surrogate(
                np.vstack([rows, waiting]), np.concatenate([targets, expected]), self.features.groups, fitted
            )
        return model

    def _fitted(self, observed: Observations) -> Fitted:
        """The model's numbers, fitted to the history as it was at the last refit."""
        from sweeps.strategies.gaussian_process.surrogate import fit

        length = last_refit(len(observed.losses), self.initial)
        if self._kept is None or self._kept[0] != length:
            then = observed.first(length)
            objective = Objective.of(then.losses)
            rows, targets = self.features.rows(then.places), objective.targets(then.losses)
            self._kept = (length, fit(rows, targets, self.features.groups, then.noise(objective)))
        return self._kept[1]

    _kept: tuple[int, Fitted] | None = None  # the last fit, so as not to repeat it; never more than the history tells

    def _predicted(self, model: Surrogate, points: Sequence[Point]) -> tuple[Array, Array]:
        """Mean and standard deviation expected at points of the space, in targets."""
        places = np.array([place for point in points if (place := self._place(point)) is not None])
        mean, deviation = model.predict(self.features.rows(places), return_std=True)
        return mean, deviation

    @cached_property
    def features(self) -> Features:
        """The space as a model's rows."""
        return Features.of(self.space)

    def _place(self, point: Point) -> Array | None:
        if point not in self._places:
            self._places[point] = self.features.units(point)
        return self._places[point]

    @cached_property
    def _places(self) -> dict[Point, Array | None]:
        return {}


def last_refit(length: int, initial: int) -> int:
    """The largest length up to `length` at which the model is fitted anew: from `initial` on, each a tenth longer than
    the one before."""
    refit = min(length, initial)
    while refit + max(1, refit // 10) <= length:
        refit += max(1, refit // 10)
    return refit


def _finite(outcome: Outcome, sign: float) -> Array:
    values = [sign * value for value in outcome.values if value is not None and math.isfinite(value)]
    return np.array(values if outcome.status == "finished" else [])
