"""Time to a target: after how many epochs and seconds the confirmed trainings of a level reach a validation score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.comparison.chances import first_reaching
from sweeps.comparison.estimates import Rate, clustered_rate


@dataclass(frozen=True)
class Training:
    """One confirmed training's validation score after each epoch: `values`[0] is before the first step, and `seconds`
    those since the training began (empty: not known). A training that diverged simply ends.
    """

    level: str
    repeat: int
    values: Sequence[float]
    seconds: Sequence[float] = ()


@dataclass(frozen=True)
class Middle:
    """A median with its interval; None where it lies beyond what was trained (`median`, `high`), or where there is too
    little for an interval.
    """

    median: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TimeToTarget:
    """`reached`: how many of a level's trainings got there. The medians count the others as later than every other."""

    level: str
    target: float
    reached: Rate
    epochs: Middle
    seconds: Middle


def time_to_target(
    trainings: Sequence[Training], target: float, *, higher_is_better: bool, confidence: float = 0.95
) -> tuple[TimeToTarget, ...]:
    """For each level, in the order given. Dahl et al. 2023 judge optimizers by this time, infinite where a training
    does not reach the target within its budget.

    With several repeats (searches) of a level each gives its own median, and the median and interval are over those;
    else over trainings. The interval for a median is the exact one from order statistics (Conover 1999, 3.2), which
    needs 6 values for 95 %.
    """
    found = []
    for level in dict.fromkeys(training.level for training in trainings):
        mine = [training for training in trainings if training.level == level]
        places = [
            first_reaching(np.asarray(each.values, np.float64), target, minimize=not higher_is_better) for each in mine
        ]
        epochs = [math.inf if place is None else float(place) for place in places]
        seconds = [
            math.inf if place is None else float(each.seconds[place]) if place < len(each.seconds) else math.nan
            for each, place in zip(mine, places, strict=True)
        ]
        repeats = [training.repeat for training in mine]
        counts = [
            (
                sum(r == repeat and place is not None for r, place in zip(repeats, places, strict=True)),
                repeats.count(repeat),
            )
            for repeat in dict.fromkeys(repeats)
        ]
        found.append(
            TimeToTarget(
                level,
                target,
                clustered_rate(counts, confidence),
                _middle(epochs, repeats, confidence),
                _middle(seconds, repeats, confidence),
            )
        )
    return tuple(found)


def _middle(times: Sequence[float], repeats: Sequence[int], confidence: float) -> Middle:
    """The median over repeats' medians (over trainings if there is one repeat); nan: not known."""
    if not times or any(math.isnan(time) for time in times):
        return Middle(None, None, None)
    grouped = [
        [time for time, repeat in zip(times, repeats, strict=True) if repeat == each] for each in dict.fromkeys(repeats)
    ]
    values = [_median(group) for group in grouped] if len(grouped) > 1 else grouped[0]
    from scipy import stats

    interval = stats.quantile_test(values, q=0.0, p=0.5).confidence_interval(confidence)
    return Middle(*(float(each) if math.isfinite(each) else None for each in (_median(values), *interval)))


def _median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones; infinite if the later of them is."""
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2
