"""Bayesian optimization with scikit-optimize's Gaussian process and acquisition functions (Jones et al. 1998; Snoek et
al. 2012).

    first `initial` points at random, then: objective made well-behaved -> Gaussian process -> most promising new point

What makes it cheap: length scales and noise are fitted anew only when the history has grown by a tenth, and kept in
between; the acquisition function is maximised over random and local candidates at once, in a few products of matrices,
instead of by gradient steps one by one. Fitted numbers are a function of the history's prefix at the last refit,
candidates of (seed, number of asks): replaying gives the same points.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sweeps.space import Point
from sweeps.strategies.base import STRATEGIES, Done, Option, Proposal, Wait
from sweeps.strategies.gaussian_process.features import Array, Features
from sweeps.strategies.gaussian_process.objective import well_behaved
from sweeps.strategies.random import SAMPLING, Random

if TYPE_CHECKING:
    from sweeps.strategies.gaussian_process.surrogate import Fitted

INITIAL = Option(
    "initial",
    "integer",
    10,
    low=2,
    high=10_000,
    doc="random points before the model is asked; at most a third of `trials`",
)
ACQUISITION = Option(
    "acquisition",
    "choice",
    "EI",
    choices=("EI", "LCB", "PI"),
    doc="expected improvement, lower confidence bound, probability of improvement",
)
RANDOM, LOCAL, ROUNDS, PARENTS = (
    600,
    150,
    3,
    8,
)  # candidates: random ones, neighbours a round, rounds, points whose neighbours are tried


@STRATEGIES.register(
    "gaussian_process",
    source="Jones et al. 1998, Snoek et al. 2012; scikit-optimize",
    options=(INITIAL, ACQUISITION, SAMPLING),
)
class GaussianProcess(Random):
    """Random points first, then the maximum of the acquisition function of a Gaussian process over all that was
    told."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        if number >= self.initial:
            rows, losses = self.observed()
            if np.isfinite(losses).sum() >= 2:
                proposal = self.modelled(number, rows, losses)
                if proposal is not None:
                    return proposal
        return super().propose(number)

    @property
    def initial(self) -> int:
        """The number of random points."""
        wanted = self.options.get("initial", INITIAL.default)
        initial = wanted if isinstance(wanted, int) else 10
        return initial if self.trials is None else max(2, min(initial, self.trials // 3))

    def observed(self) -> tuple[Array, Array]:
        """Rows of the unit cube, shape (n, axes), and losses, shape (n,), inf where a trial failed."""
        found = [(row, loss) for point, loss in self.scored() if (row := self._row(point)) is not None]
        rows = np.array([row for row, _ in found]).reshape(len(found), len(self.space.axes))
        return rows, np.array([loss for _, loss in found])

    def modelled(self, number: int, rows: Array, losses: Array) -> Proposal | None:
        """The most promising point that is new, with what the model expects of it; None if every candidate is known."""
        from sweeps.strategies.gaussian_process.surrogate import promise, surrogate

        features, targets, fitted = self.features, well_behaved(losses), self.fitted(rows, losses)
        model = surrogate(features.rows(rows), targets, features.groups, fitted)
        best = float(targets.min())
        pending = [row for point in self.pending if (row := self._row(point)) is not None]
        if pending:
            # A pending point counts as if it had come out as the model expects: its neighbourhood is not worth a
            # second look at once.
            every = features.rows(np.vstack([rows, np.array(pending)]))
            model = surrogate(
                every, np.concatenate([targets, model.predict(every[len(rows) :])]), features.groups, fitted
            )
        kind = str(self.options.get("acquisition", ACQUISITION.default))
        ranked = rows[np.argsort(targets, kind="stable")]
        for units, value in self._candidates(
            number, ranked, lambda units: promise(kind, features.rows(units), model, best)
        ):
            point = self.space.at(units)
            if point not in self.seen:
                mean, deviation = model.predict(features.rows(units[None, :]), return_std=True)
                reason = {
                    "kind": kind,
                    "acquisition": value,
                    "mean": float(mean[0]),
                    "std": float(deviation[0]),
                    "best": best,
                }
                return Proposal(point, reason)
        return None

    @cached_property
    def features(self) -> Features:
        """The space as a model's rows."""
        return Features.of(self.space)

    def fitted(self, rows: Array, losses: Array) -> Fitted:
        """The model's numbers, fitted to the prefix of the last refit."""
        from sweeps.strategies.gaussian_process.surrogate import fit

        length = last_refit(len(losses), self.initial)
        kept: tuple[int, Fitted] | None = getattr(self, "_kept", None)
        if kept is None or kept[0] != length:
            kept = (length, fit(self.features.rows(rows[:length]), well_behaved(losses[:length]), self.features.groups))
            self._kept = kept
        return kept[1]

    def _candidates(self, number: int, ranked: Array, promise: Callable[[Array], Array]) -> list[tuple[Array, float]]:
        """Rows with their promise, best first: random ones, then rounds of neighbours of the best found and of the best
        observed."""
        rng, dims = self.generator(number, 1), len(self.space.axes)
        rows = self.features.snapped(rng.random((RANDOM, dims)))
        values = promise(rows)
        for round_ in range(ROUNDS):
            parents = np.vstack([rows[np.argsort(-values, kind="stable")[:PARENTS]], ranked[:PARENTS]])
            near = parents[rng.integers(len(parents), size=LOCAL)]
            moves = rng.random(near.shape) < 1.5 / dims
            moves[np.arange(LOCAL), rng.integers(dims, size=LOCAL)] = True
            step = near + rng.normal(size=near.shape) * 0.2 / 3.0**round_
            step = np.where(rng.random(near.shape) < 0.2, rng.random(near.shape), step)
            near = self.features.snapped(np.clip(np.where(moves, step, near), 0.0, 1.0 - 1e-12))
            rows, values = np.vstack([rows, near]), np.concatenate([values, promise(near)])
        return [(rows[index], float(values[index])) for index in np.argsort(-values, kind="stable")]

    def _row(self, point: Point) -> Array | None:
        if point not in self._rows:
            self._rows[point] = self.features.units(point)
        return self._rows[point]

    @cached_property
    def _rows(self) -> dict[Point, Array | None]:
        return {}


def last_refit(length: int, initial: int) -> int:
    """The largest length up to `length` at which the model is fitted anew: from `initial` on, each a tenth longer than
    the one before."""
    refit = min(length, initial)
    while refit + max(1, refit // 10) <= length:
        refit += max(1, refit // 10)
    return refit
