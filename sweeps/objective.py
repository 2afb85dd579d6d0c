"""What a sweep judges by: one metric of the epoch records, its direction, and at which epoch it counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Course = tuple[float | None, float | None]  # the metric of a training so far: at the last epoch, at the best one
START: Course = (None, None)


@dataclass(frozen=True)
class Objective:
    """`metric` to `minimize` or `maximize`, taken at the `last` epoch or (flattering) at the `best`."""

    metric: str
    direction: str = "minimize"
    at: str = "last"

    def better(self, value: float | None, than: float | None) -> bool:
        """Whether `value` beats `than`; no value beats none."""
        if value is None or than is None:
            return value is not None
        return value < than if self.direction == "minimize" else value > than

    def follow(self, course: Course, record: Mapping[str, Any]) -> Course:
        """The course of a training after one more epoch record; epoch 0, before the first step, does not count."""
        if record["epoch"] == 0:
            return course
        given = record["metrics"].get(self.metric)
        last = float(given) if isinstance(given, int | float) and math.isfinite(given) else None
        return last, last if self.better(last, course[1]) else course[1]

    def value(self, course: Course) -> float | None:
        """What a training that ends here is worth."""
        return course[1] if self.at == "best" else course[0]

    def is_of(self, course: Course) -> bool:
        """Whether the network at this epoch is the one that the value speaks of."""
        return course[0] is not None and self.value(course) == course[0]
