"""What each level's searches had found after so many trials or seconds, and whether the budget turns the ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtrit

from sweeps.comparison.paired import difference
from sweeps.comparison.points import Array, best_so_far

POINTS = 60  # of a common grid in seconds
BUDGETS = 8  # at which two levels are tested against each other


@dataclass(frozen=True)
class Search:
    """One search: the trials' values in the order in which they ended (nan: none), and the seconds spent when each had
    ended, by whatever clock is compared.
    """

    level: str
    repeat: int
    values: Sequence[float]
    seconds: Sequence[float] = ()


@dataclass(frozen=True)
class Curve:
    """Over a grid (g,) of budgets: mean best value over repeats, its interval (nan with one repeat), and how many
    searches were still running there (after its end a search keeps its best). `each`: (repeats, g).
    """

    level: str
    grid: Array
    mean: Array
    low: Array
    high: Array
    running: Array
    each: Array
    repeats: tuple[int, ...]


@dataclass(frozen=True)
class Turn:
    """`early` leads by mean from budget `at` on, `late` later from `until` on. `surely`: each leads beyond noise at one
    of a few budgets, tests over all budgets and pairs corrected (Bonferroni).
    """

    early: str
    late: str
    at: float
    until: float
    surely: bool


def anytime(
    searches: Sequence[Search], *, by: str, higher_is_better: bool, worst: float, confidence: float = 0.95
) -> tuple[Curve, ...]:
    """A curve for each level on one grid, `by` "trials" (1 … the most any search has) or "seconds" (0 … the longest).

    Before its first finite value, and never below that, a search stands at `worst`, the score of guessing: it must not
    look better for having found nothing. ValueError for another `by`, or where seconds are missing or go back.
    """
    if by not in {"trials", "seconds"}:
        raise ValueError(f"expected a budget in trials or seconds, got {by}")
    begun = [search for search in searches if len(search.values)]
    if not begun:
        return ()
    spent = {id(search): _spent(search, by) for search in begun}
    end = max(float(each[-1]) for each in spent.values())
    grid = np.arange(1.0, end + 1) if by == "trials" else np.linspace(0.0, end, POINTS)
    curves = []
    for level in dict.fromkeys(search.level for search in begun):
        mine = sorted((search for search in begun if search.level == level), key=lambda search: search.repeat)
        each = np.stack([_at(search, spent[id(search)], grid, higher_is_better, worst) for search in mine])
        running: Array = np.stack([spent[id(search)][-1] >= grid for search in mine]).sum(axis=0).astype(np.float64)
        mean, reach = each.mean(axis=0), np.full(len(grid), np.nan)
        if len(mine) > 1:
            critical = float(stdtrit(len(mine) - 1, 0.5 + confidence / 2))
            reach = critical * each.std(axis=0, ddof=1) / np.sqrt(len(mine))
        repeats = tuple(search.repeat for search in mine)
        curves.append(Curve(level, grid, mean, mean - reach, mean + reach, running, each, repeats))
    return tuple(curves)


def turns(curves: Sequence[Curve], *, higher_is_better: bool, confidence: float = 0.95) -> tuple[Turn, ...]:
    """The pairs whose order by mean at the end of the grid differs from one before, those beyond noise first."""
    tested = len(curves) * (len(curves) - 1) // 2 * BUDGETS
    found = []
    for one, other in combinations(curves, 2):
        gain = (one.mean - other.mean) * (1 if higher_is_better else -1)
        final = np.sign(gain[-1])
        against = np.flatnonzero(np.sign(gain) == -final)
        if final == 0 or not against.size:
            continue
        late, early = (one, other) if final > 0 else (other, one)
        after = int(against[-1]) + 1
        places = np.unique(np.geomspace(1, len(one.grid), BUDGETS).round().astype(int) - 1)
        ends = [_ahead(late, early, int(place), higher_is_better, 1 - (1 - confidence) / tested) for place in places]
        surely = any(first < 0 and second > 0 for index, first in enumerate(ends) for second in ends[index + 1 :])
        found.append(Turn(early.level, late.level, float(one.grid[against[0]]), float(one.grid[after]), surely))
    return tuple(sorted(found, key=lambda turn: not turn.surely))


def _spent(search: Search, by: str) -> Array:
    if by == "trials":
        return np.arange(1.0, len(search.values) + 1)
    spent = np.asarray(search.seconds, dtype=np.float64)
    if len(spent) != len(search.values) or not np.isfinite(spent).all() or (np.diff(spent) < 0).any():
        raise ValueError(
            f"expected for each of the {len(search.values)} values of {search.level}, repeat {search.repeat}, the "
            "seconds spent by then, never going back"
        )
    return spent


def _at(search: Search, spent: Array, grid: Array, higher_is_better: bool, worst: float) -> Array:
    best = best_so_far(search.values, minimize=not higher_is_better)
    best = np.fmax(best, worst) if higher_is_better else np.fmin(best, worst)
    held = np.concatenate([[worst], best])
    at: Array = held[np.searchsorted(spent, grid, side="right")]
    return at


def _ahead(one: Curve, other: Curve, place: int, higher_is_better: bool, confidence: float) -> int:
    """1 if `one` is ahead at this place of the grid beyond noise, −1 if `other` is, else 0."""
    values: list[Mapping[int, float]] = [
        dict(zip(curve.repeats, curve.each[:, place].tolist(), strict=True)) for curve in (one, other)
    ]
    found = difference(one.level, values[0], other.level, values[1], confidence)
    if found.low is None or found.high is None or found.p is None or found.p >= 1 - confidence:
        return 0
    return int(np.sign(found.mean or 0.0)) * (1 if higher_is_better else -1)
