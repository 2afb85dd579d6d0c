"""Anytime curves, time to a target and selection optimism: against scipy and hand-made searches, and at their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sweeps.comparison import Found, Search, Training, anytime, optimism, time_to_target, turns


def test_curves_over_trials_are_means_of_best_values_so_far() -> None:
    a = [
        Search("a", 0, [0.5, math.nan, 0.7, 0.6]),
        Search("a", 1, [math.nan, 0.4, 0.9, 0.95]),
        Search("a", 2, [0.6, 0.7]),
    ]
    (curve,) = anytime(a, by="trials", higher_is_better=True, worst=0.1)
    assert curve.grid.tolist() == [1, 2, 3, 4]
    assert curve.each.tolist() == [[0.5, 0.5, 0.7, 0.7], [0.1, 0.4, 0.9, 0.95], [0.6, 0.7, 0.7, 0.7]]
    assert curve.running.tolist() == [3, 3, 2, 2]
    for place in range(4):
        values = curve.each[:, place]
        low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        assert (curve.low[place], curve.mean[place], curve.high[place]) == pytest.approx((low, values.mean(), high))


def test_curves_over_seconds_stand_on_one_grid() -> None:
    searches = [
        Search("fast", 0, [2.0, 0.5], [1.0, 2.0]),
        Search("slow", 0, [1.0, 0.25], [30.0, 60.0]),
    ]
    fast, slow = anytime(searches, by="seconds", higher_is_better=False, worst=2.3)
    assert (fast.grid == slow.grid).all()
    assert (fast.grid[0], fast.grid[-1]) == (0.0, 60.0)
    assert (fast.mean[0], fast.mean[-1], slow.mean[0], slow.mean[-1]) == (2.3, 0.5, 2.3, 0.25)
    assert slow.mean[np.searchsorted(slow.grid, 30.0)] == 1.0
    assert np.isnan(fast.low).all()  # one repeat says nothing about spread
    assert fast.running[-1] == 0


def races(gap: float, noise: float, repeats: int = 6) -> list[Search]:
    """`quick` is ahead for ten trials, `patient` after that."""
    rng = np.random.default_rng(0)
    return [
        Search(level, repeat, (values + rng.normal(0, noise)).tolist())
        for repeat in range(repeats)
        for level, values in (
            ("quick", np.full(20, 0.9)),
            ("patient", np.where(np.arange(20) < 10, 0.9 - gap, 0.9 + gap)),
        )
    ]


def test_a_ranking_that_turns_with_the_budget_is_seen() -> None:
    (turn,) = turns(anytime(races(0.05, 0.004), by="trials", higher_is_better=True, worst=0.1), higher_is_better=True)
    assert (turn.early, turn.late, turn.at, turn.until, turn.surely) == ("quick", "patient", 1.0, 11.0, True)


def test_a_turn_is_sure_only_after_correction_for_all_budgets() -> None:
    quick, patient = anytime(races(0.008, 0.01), by="trials", higher_is_better=True, worst=0.1)
    for place in (0, -1):
        assert 0.05 / 8 < stats.ttest_rel(quick.each[:, place], patient.each[:, place]).pvalue < 0.05
    (turn,) = turns((quick, patient), higher_is_better=True)
    assert not turn.surely


def test_a_ranking_that_stays_is_none() -> None:
    curves = anytime(races(0.0, 0.0), by="trials", higher_is_better=True, worst=0.1)
    assert turns(curves, higher_is_better=True) == ()
    lower = [Search("a", 0, [1.0, 0.5]), Search("b", 0, [2.0, 0.6])]
    assert turns(anytime(lower, by="trials", higher_is_better=False, worst=2.3), higher_is_better=False) == ()


def test_searches_that_do_not_differ_turn_surely_in_at_most_a_twentieth() -> None:
    rng = np.random.default_rng(1)
    worlds, sure = 150, 0
    for _ in range(worlds):
        searches = [Search(level, r, rng.normal(0.9, 0.05, 20).tolist()) for level in "ab" for r in range(5)]
        found = turns(anytime(searches, by="trials", higher_is_better=True, worst=0.1), higher_is_better=True)
        sure += any(turn.surely for turn in found)
    assert sure / worlds <= 0.05


@pytest.mark.parametrize("seconds", [[], [1.0], [2.0, 1.0], [1.0, math.nan]])
def test_seconds_that_are_no_clock_are_refused(seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="never going back"):
        anytime([Search("a", 0, [1.0, 2.0], seconds)], by="seconds", higher_is_better=True, worst=0.0)


def test_no_searches_give_no_curves_and_budgets_have_names() -> None:
    assert anytime([], by="trials", higher_is_better=True, worst=0.0) == ()
    assert anytime([Search("a", 0, [])], by="trials", higher_is_better=True, worst=0.0) == ()
    with pytest.raises(ValueError, match="trials or seconds, got epochs"):
        anytime([], by="epochs", higher_is_better=True, worst=0.0)


def climbing(level: str, reach: list[int | None], repeat: int = 0) -> list[Training]:
    """Trainings of ten epochs of two seconds that are above 0.9 from the given epoch on, or never."""
    return [
        Training(
            level,
            repeat,
            [0.95 if at is not None and epoch >= at else 0.5 for epoch in range(11)],
            [2.0 * epoch for epoch in range(11)],
        )
        for at in reach
    ]


def test_time_to_a_target_is_a_median_with_its_exact_interval() -> None:
    reach = [3, 5, 4, 8, 2, 6, 7, 9]
    (found,) = time_to_target(climbing("adam", [*reach]), 0.9, higher_is_better=True)
    assert (found.reached.count, found.reached.total) == (8, 8)
    oracle = stats.quantile_test(reach, p=0.5).confidence_interval(0.95)
    assert (found.epochs.median, found.epochs.low, found.epochs.high) == (5.5, oracle.low, oracle.high)
    assert found.seconds.median == 11.0


def test_what_never_reaches_the_target_is_later_than_all() -> None:
    (some,) = time_to_target(climbing("sgd", [3, 5, 4, None, 2, 6, None, 9]), 0.9, higher_is_better=True)
    assert (some.reached.count, some.epochs.median, some.epochs.low, some.epochs.high) == (6, 5.5, 2.0, None)
    few, none = time_to_target(
        [*climbing("a", [3, None, None]), *climbing("b", [None, None])], 0.9, higher_is_better=True
    )
    assert (few.epochs.median, few.epochs.low, none.epochs.median, none.seconds.high) == (None, None, None, None)
    (loss,) = time_to_target([Training("a", 0, [2.3, 0.4, math.nan])], 0.5, higher_is_better=False)
    assert (loss.epochs.median, loss.seconds.median) == (1.0, None)  # seconds are not known


def test_with_several_searches_each_has_one_time() -> None:
    trainings = [*climbing("a", [1, 2, 3], 0), *climbing("a", [7, 8, 9], 1), *climbing("a", [None, None, 1], 2)]
    (found,) = time_to_target(trainings, 0.9, higher_is_better=True)
    assert (found.epochs.median, found.reached.count, found.reached.total) == (8.0, 7, 9)
    assert time_to_target([], 0.9, higher_is_better=True) == ()


def test_optimism_is_what_a_search_promised_too_much() -> None:
    confirmed = [0.95, 0.94, 0.96, 0.95, 0.93]
    found = optimism([Found(0.97, confirmed)], higher_is_better=True, worst=0.1)
    interval = stats.ttest_1samp(confirmed, 0.97).confidence_interval()
    assert found.unit == "replicate"
    assert found.change.mean == pytest.approx(-0.024)
    assert (found.change.low, found.change.high) == pytest.approx((interval.low - 0.97, interval.high - 0.97))
    assert found.worse == pytest.approx(0.024)
    assert found.surely


def test_optimism_of_several_searches_counts_searches_and_failures() -> None:
    searches = [Found(0.2, [0.3, 0.5]), Found(0.3, [0.3, math.nan]), Found(math.nan, [0.1]), Found(0.2, [])]
    found = optimism(searches, higher_is_better=False, worst=2.3)
    assert (found.unit, found.change.n) == ("repeat", 2)
    assert found.worse == pytest.approx((0.2 + 1.0) / 2)
    assert not found.surely
    assert optimism([], higher_is_better=True, worst=0.1).worse is None


def test_the_search_of_pure_noise_is_optimistic_by_the_expected_maximum() -> None:
    rng = np.random.default_rng(0)
    searches = [Found(rng.normal(0.9, 0.01, 20).max(), rng.normal(0.9, 0.01, 10).tolist()) for _ in range(400)]
    found = optimism(searches, higher_is_better=True, worst=0.1)
    maximum = stats.norm.expect(lambda z: 20 * z * stats.norm.cdf(z) ** 19)  # of twenty normal values
    assert found.change.low is not None
    assert found.change.high is not None
    assert found.change.low < -0.01 * maximum < found.change.high
