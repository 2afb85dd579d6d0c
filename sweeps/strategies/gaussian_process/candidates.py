"""Where the acquisition function is largest: random places, then rounds of steps from the best places found.

All places of a round are judged at once, in a few products of matrices; gradient steps one by one cost a hundred times
as much and do not know what a choice is. A step moves one or two coordinates, by less in each round, or draws them
anew.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sweeps.strategies.gaussian_process.features import Array, Features

RANDOM = 600  # random places
ROUNDS = 3
STEPS = 150  # places tried in a round
PARENTS = 8  # best places, and as many best observations, from which steps are made
WIDTH = 0.2  # deviation of a step in the first round, a third of it in the next
ANEW = 0.2  # chance that a coordinate is drawn anew rather than moved


def candidates(
    features: Features, ranked: Array, promise: Callable[[Array], Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Places in the unit cube, shape (n, axes), with their promise, shape (n,), best first. `ranked` are the places of
    the observations, best first."""
    dims = len(features.space.axes)
    places = features.snapped(rng.random((RANDOM, dims)))
    values = promise(places)
    for number in range(ROUNDS):
        parents = np.vstack([places[np.argsort(-values, kind="stable")[:PARENTS]], ranked[:PARENTS]])
        start = parents[rng.integers(len(parents), size=STEPS)]
        moves = rng.random(start.shape) < 1 / dims
        moves[np.arange(STEPS), rng.integers(dims, size=STEPS)] = True
        near = start + rng.normal(size=start.shape) * WIDTH / 3.0**number
        near = np.where(rng.random(start.shape) < ANEW, rng.random(start.shape), near)
        near = features.snapped(np.clip(np.where(moves, near, start), 0.0, 1.0 - 1e-12))
        places, values = np.vstack([places, near]), np.concatenate([values, promise(near)])
    order = np.argsort(-values, kind="stable")
    return places[order], values[order]
