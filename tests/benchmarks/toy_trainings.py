"""A world of trainings that costs nothing: searches with noise, winners confirmed on fresh replicates, in NumPy alone.

A point is two numbers in [0, 1], the first like the logarithm of a learning rate: too small is slow, too large falls
off a cliff where trainings diverge. A training's score is

    score = f(point) + split(point) + noise(point, replicate),   f = guess + (top − guess) · exp(−depth / 40)

`depth` is the squared distance from the best point in units of the level's width, three times as steep towards the
cliff. The split's effect is a smooth random function of the point, one for the validation part and one for the test
part, the same in all trainings and levels of one world. The noise is Student's t
with three degrees of freedom, cut at two above: luck is bounded, bad luck is not. Its
scale grows with depth, a share of it is common to all levels at one replicate (they have the same random streams), and
one training in thirty ends well below the others. Scores are shares of 360 samples. A training that diverged has the
score of guessing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GUESS = 0.1
SAMPLES = 360  # in the test part: scores are multiples of 1/360
COMMON = 0.3  # the share of the noise's variance that all levels have in common at one replicate


@dataclass(frozen=True)
class Level:
    """`top`: the best point's score. `place`: where it lies. `width`: how far from it a point may be. `noise`: of one
    training at the best point.
    """

    top: float = 0.97
    place: float = 0.55
    width: float = 0.25
    noise: float = 0.004


@dataclass(frozen=True)
class Split:
    """The effect of one split of the data: a sum of cosines over the square of points, for one part."""

    waves: Array  # (m, 2)
    phases: Array  # (m,)
    heights: Array  # (m,)

    @classmethod
    def draw(cls, rng: np.random.Generator, size: float = 0.003) -> Split:
        """Eight waves whose sum has the standard deviation `size`."""
        return cls(rng.normal(0, 4, (8, 2)), rng.uniform(0, 2 * np.pi, 8), rng.normal(0, size / 2, 8))

    def effect(self, x: Array, y: Array) -> Array:
        """At the points (x, y), any shape."""
        found = np.zeros_like(x)
        for (a, b), phase, height in zip(self.waves, self.phases, self.heights, strict=True):
            found += height * np.cos(a * x + b * y + phase)
        return found


def _luck(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    low = rng.standard_t(3, shape) / np.sqrt(3)
    return np.where(low > 0, np.minimum(low, 2.0), low)


def _depth(level: Level, x: Array, y: Array) -> Array:
    off = (x - level.place) / level.width
    depth: Array = np.where(off > 0, 3.0, 1.0) * off**2 + (y - 0.5) ** 2
    return depth


def _train(level: Level, split: Split, x: Array, y: Array, common: Array, rng: np.random.Generator) -> Array:
    """Scores of one training at each point, any shape; `common` is the noise that levels share, of the same shape."""
    depth = _depth(level, x, y)
    own = _luck(x.shape, rng)
    noise = np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own
    noise -= (rng.random(x.shape) < 1 / 30) * rng.exponential(5, x.shape)
    mean = GUESS + (level.top - GUESS) * np.exp(-depth / 40) + split.effect(x, y)
    score = mean + level.noise * (1 + np.minimum(depth, 10)) * noise
    cliff = level.place + level.width
    diverged = rng.random(x.shape) < 1 / (1 + np.exp(-(x - cliff) / 0.01))
    score = np.round(np.clip(score, GUESS, 1) * SAMPLES) / SAMPLES
    return np.where(diverged, GUESS, score)


def confirmed(
    levels: list[Level],
    parts: tuple[Split, Split],
    rng: np.random.Generator,
    *,
    shape: tuple[int, int],
    trials: int = 20,
    confirm: int = 10,
    same_points: bool = True,
) -> Array:
    """Test scores (experiments, levels, repeats, replicates) of `shape` = (experiments, repeats) searches a level.

    Each search trains `trials` random points once, takes the best by its validation score and trains that `confirm`
    times more. `same_points`: the levels' searches of one repeat share their seed, and so their points.
    """
    validation, test = parts
    x, y = rng.random((2, *shape, trials))
    shared = _luck((*shape, trials), rng)
    fresh = _luck((*shape, confirm), rng)
    found = np.empty((shape[0], len(levels), shape[1], confirm))
    for index, level in enumerate(levels):
        if not same_points and index:
            x, y = rng.random((2, *shape, trials))
        best = _train(level, validation, x, y, shared, rng).argmax(axis=-1)[..., None]
        at_x, at_y = (np.take_along_axis(each, best, -1).repeat(confirm, -1) for each in (x, y))
        found[:, index] = _train(level, test, at_x, at_y, fresh, rng)
    return found
