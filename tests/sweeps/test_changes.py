"""What a new execution says that the last one did not: against scipy, and how often it cries wolf."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sweeps.comparison import Confirmed, Verdict, changes, judge
from tests.benchmarks.toy_trainings import GUESS, Level, Split, confirmed


def execution(means: dict[str, list[float]], failed: dict[str, int] | None = None, tuned: bool = True) -> Verdict:
    """Each level's repeats by their means, two replicates each; `failed`: how many of a level's trainings did not."""
    found = [
        Confirmed(level, repeat, {0: mean, 1: mean}, tuple(range(2, 2 + (failed or {}).get(level, 0) * (repeat == 0))))
        for level, values in means.items()
        for repeat, mean in enumerate(values)
    ]
    return judge(found, higher_is_better=True, worst=0.1, tuned=tuned)


A = [0.970, 0.972, 0.971, 0.969, 0.973]
B = [0.950, 0.953, 0.951, 0.949, 0.952]


def moved(values: list[float], by: float) -> list[float]:
    return [value + by for value in values]


def test_a_level_that_got_worse_by_more_than_noise() -> None:
    before, after = execution({"a": A, "b": B}), execution({"a": moved(A[::-1], -0.02), "b": moved(B, 0.0005)})
    found = changes(before, after)
    a, b = (next(each for each in found.levels if each.level == name) for name in "ab")
    oracle = stats.ttest_ind(moved(A[::-1], -0.02), A, equal_var=False)
    interval = oracle.confidence_interval()
    assert a.p == pytest.approx(oracle.pvalue)
    assert a.change == pytest.approx(-0.02)
    assert a.worse == pytest.approx(0.02)
    assert a.low == pytest.approx(-interval.high)
    assert a.high == pytest.approx(-interval.low)
    assert a.adjusted == pytest.approx(2 * oracle.pvalue)
    assert [each.level for each in found.regressions] == ["a"]
    assert (b.beyond_noise, found.improvements) == (False, ())


def test_a_verdict_that_flipped() -> None:
    found = changes(execution({"a": A, "b": B, "c": B}), execution({"a": B, "b": A, "c": moved(B, -0.1)}))
    assert (found.flipped, found.new_best, found.left_best) == ((("b", "a"),), ("b",), ("a",))
    assert {each.level for each in found.regressions} == {"a", "c"}
    assert [each.level for each in found.improvements] == ["b"]
    assert ("b", "c") in found.settled
    assert ("a", "b") not in found.unsettled


def test_ties_that_come_and_go_are_told_but_alarm_nobody() -> None:
    wide = [0.9705, 0.975, 0.966, 0.972, 0.9702]
    before, after = execution({"a": A, "b": moved(A, -0.001)[::-1]}), execution({"a": A, "b": wide})
    assert before.pairs[0].separated is after.pairs[0].separated is False
    assert not changes(before, after)
    shown = execution({"a": A, "b": moved(wide, -0.012)})
    assert (changes(shown, shown).settled, bool(changes(shown, shown))) == ((), False)
    settled, unsettled = changes(before, shown), changes(shown, before)
    assert (settled.settled, settled.left_best, settled.new_best) == ((("a", "b"),), ("b",), ())
    assert (unsettled.unsettled, unsettled.joined_best, unsettled.new_best) == ((("a", "b"),), ("b",), ())


def test_failures_that_were_not_there_before() -> None:
    before = execution({"a": A, "b": B}, {"b": 1})
    after = execution({"a": A, "b": B}, {"a": 3, "b": 2})
    (found,) = changes(before, after).new_failures
    assert (found.level, found.before, found.before_total, found.after, found.after_total) == ("a", 0, 10, 3, 13)
    assert found.p == pytest.approx(stats.fisher_exact([[3, 10], [0, 10]], alternative="greater").pvalue)


def test_levels_that_appear_and_vanish() -> None:
    found = changes(execution({"a": A, "b": B}), execution({"a": A, "c": moved(A[::-1], 0.02)}))
    assert (found.appeared, found.vanished, found.left_best, found.new_best) == (("c",), ("b",), ("a",), ("c",))
    assert [each.level for each in found.levels] == ["a"]
    assert found


def test_one_search_a_level_does_not_show_a_regression() -> None:
    before, after = execution({"a": [0.97], "b": [0.96]}), execution({"a": [0.91], "b": [0.96]})
    found = changes(before, after)
    assert (found.judged, found.regressions) == (False, ())
    assert found.levels[1].worse == pytest.approx(0.06)


def test_executions_without_any_spread() -> None:
    before, after = execution({"a": [0.9] * 3}), execution({"a": [0.8] * 3})
    (few,) = changes(before, after).levels
    (many,) = changes(execution({"a": [0.9] * 5}), execution({"a": [0.8] * 5})).levels
    assert not few.beyond_noise
    assert few.p == pytest.approx(0.1)  # 2 of the 20 ways to deal three and three
    assert many.beyond_noise
    assert changes(before, before).levels[0].p == 1.0
    assert not changes(before, before)


def test_verdicts_of_two_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="one comparison"):
        changes(execution({"a": A}), execution({"a": A}, tuned=False))
    empty = judge([], higher_is_better=True, worst=0.1, tuned=False)
    assert not changes(empty, empty)


def test_executions_of_the_same_cry_wolf_in_at_most_a_twentieth() -> None:
    rng = np.random.default_rng(3)
    parts, levels, weeks = (Split.draw(rng), Split.draw(rng)), [Level()] * 2, 300
    scores = confirmed(levels, parts, rng, shape=(weeks, 5))
    verdicts = [
        judge(
            [
                Confirmed(str(level), repeat, dict(enumerate(values)))
                for level, searches in enumerate(week.tolist())
                for repeat, values in enumerate(searches)
            ],
            higher_is_better=True,
            worst=GUESS,
        )
        for week in scores
    ]
    pairs = zip(verdicts[::2], verdicts[1::2], strict=True)  # each execution once, so that pairs are independent
    false = [bool(found.regressions or found.improvements) for found in (changes(*pair) for pair in pairs)]
    assert np.mean(false) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(false))
