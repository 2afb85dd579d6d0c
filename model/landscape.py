"""Paths of the optimizers down a ravine: why gradient descent zigzags.

f(x, y) = x²/20 + y² is 20 times steeper across the ravine than along it. Source: Deep Learning from Scratch, section
6.1.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.optimizers import OPTIMIZERS

Array = NDArray[Any]
START = (-7.0, 2.0)


def ravine(points: Array) -> Array:
    """F at points (..., 2)."""
    value: Array = points[..., 0] ** 2 / 20.0 + points[..., 1] ** 2
    return value


def slope(points: Array) -> Array:
    """(∂f/∂x, ∂f/∂y) at points (..., 2)."""
    value: Array = points * np.array((1.0 / 10.0, 2.0))
    return value


def path(optimizer: str, *, steps: int = 30, learning_rate: float | None = None) -> Array:
    """The points (steps + 1, 2) that a registered optimizer visits from (−7, 2).

    Without `learning_rate` that of the registration's trait `ravine_rate` (the book's, where it has one), else the
    optimizer's own default.
    """
    entry = OPTIMIZERS.entry(optimizer)
    update: Any = entry.value()
    rate = learning_rate if learning_rate is not None else entry.traits.get("ravine_rate", update.learning_rate)
    update = replace(update, learning_rate=rate)
    memory = update.new_memory(2, np.float64)
    points = [np.array(START)]
    for step in range(1, steps + 1):
        point = points[-1].copy()
        update.update(point, slope(point), memory, step)
        points.append(point)
    return np.stack(points)
