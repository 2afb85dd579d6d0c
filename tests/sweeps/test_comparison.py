"""The statistics against scipy and statsmodels, and against what they promise: coverage, and failures that count."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from sweeps.comparison import (
    PointResult,
    all_pairs,
    best_so_far,
    difference,
    edge,
    estimate,
    explained,
    first_reaching,
    holm,
    probability_better,
    rank,
    rate,
    replicates_needed,
    summarize,
)
from sweeps.comparison.importance import importance
from sweeps.comparison.points import ranks


@pytest.mark.parametrize("n", [2, 3, 10, 40])
def test_interval_is_students(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 2.0, n)
    found = estimate(values.tolist())
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert (found.n, found.smallest, found.largest) == (n, values.min(), values.max())
    assert found.std == pytest.approx(stats.tstd(values))


def test_one_value_says_nothing_about_spread_and_none_says_nothing() -> None:
    one = estimate([0.5])
    assert (one.n, one.mean, one.std, one.low, one.high) == (1, 0.5, None, None, None)
    assert estimate([math.nan, math.inf]).mean is None
    assert estimate([1.0, math.nan, 3.0]).n == 2


@pytest.mark.parametrize("value", [0.95, 0.1 + 0.2, -3.0, 0.0])
def test_equal_values_have_a_mean_and_no_interval(value: float) -> None:
    found = estimate([value] * 3)
    assert (found.n, found.smallest, found.largest, found.low, found.high) == (3, value, value, None, None)
    assert found.mean == pytest.approx(value)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    samples = np.random.default_rng(5).normal(1.0, 0.3, (4000, 5))
    inside = sum(
        found.low <= 1.0 <= found.high for found in map(estimate, samples.tolist()) if found.low and found.high
    )
    assert inside / 4000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 4000))


@pytest.mark.parametrize(("count", "total"), [(0, 8), (1, 8), (4, 9), (40, 40), (3, 1000)])
def test_rate_is_wilsons(count: int, total: int) -> None:
    found = rate(count, total)
    oracle = stats.binomtest(count, total).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert found.share == count / total


def test_rate_of_nothing_is_open() -> None:
    found = rate(0, 0)
    assert (found.share, found.low, found.high) == (0.0, 0.0, 1.0)


def test_difference_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(0.5, 0.1, 8)
    b = a + rng.normal(0.05, 0.05, 8)
    found = difference("a", dict(enumerate(a)), "b", dict(enumerate(b)))
    oracle = stats.ttest_rel(a, b)
    interval = oracle.confidence_interval()
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.mean == pytest.approx((a - b).mean())


def test_difference_uses_shared_replicates_alone() -> None:
    found = difference("a", {0: 1.0, 1: 2.0, 2: 9.0, 3: math.nan}, "b", {0: 0.5, 1: 1.0, 3: 1.0, 4: 7.0})
    assert (found.n, found.mean) == (2, 0.75)
    assert difference("a", {0: 1.0}, "b", {1: 1.0}).mean is None
    assert difference("a", {0: 1.0}, "b", {0: 3.0}).p is None


def test_equal_alternatives_are_not_separated() -> None:
    same = {0: 1.0, 1: 2.0, 2: 3.0}
    found = difference("a", same, "b", same)
    assert (found.p, found.separated()) == (1.0, False)


def test_holm_is_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels is the oracle for Holm")
    p_values = np.random.default_rng(1).uniform(0, 0.2, 12).tolist()
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1].tolist())


def test_holm_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm 1979's scheme, by hand
    assert holm([]) == []


def test_all_pairs_are_corrected_together() -> None:
    rng = np.random.default_rng(2)
    alternatives = {name: dict(enumerate(rng.normal(0, 1, 6))) for name in "abc"}
    found = all_pairs(alternatives)
    assert [(each.first, each.second) for each in found] == list(combinations("abc", 2))
    assert [each.adjusted for each in found] == pytest.approx(holm([each.p or 0.0 for each in found]))


def test_identical_alternatives_are_called_different_in_at_most_a_twentieth_of_families() -> None:
    rng = np.random.default_rng(11)
    families = 600
    false = sum(
        any(each.separated() for each in all_pairs({name: dict(enumerate(rng.normal(0, 1, 5))) for name in "abcd"}))
        for _ in range(families)
    )
    assert false / families <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / families)


@pytest.mark.parametrize(("std", "size"), [(1.0, 1.0), (1.0, 0.5), (0.02, 0.011), (3.0, 9.0)])
def test_replicates_needed_is_statsmodels(std: float, size: float) -> None:
    power = pytest.importorskip("statsmodels.stats.power", reason="statsmodels is the oracle for the t-test's power")
    needed = power.TTestPower().solve_power(effect_size=size / std, alpha=0.05, power=0.8)
    assert replicates_needed(std, size) == math.ceil(needed)


def test_replicates_needed_at_its_ends() -> None:
    assert replicates_needed(0.0, 1.0) == 2
    assert replicates_needed(1.0, 1e-4) is None
    with pytest.raises(ValueError, match="above 0"):
        replicates_needed(1.0, 0.0)


def point(number: int, values: list[float], lost: int = 0, level: str = "") -> PointResult:
    return PointResult(("digits-1", number, ""), dict(enumerate(values)), lost, {"optimizer": level} if level else {})


def test_a_point_that_lost_a_replicate_comes_after_all_that_lost_none() -> None:
    lucky, steady, gone, fair = (
        point(1, [0.1], lost=4),
        point(2, [0.5, 0.6]),
        point(3, [], lost=2),
        point(4, [0.4, 0.9]),
    )
    assert [each.name[1] for each in rank([gone, lucky, fair, steady], minimize=True)] == [2, 4, 1, 3]
    assert [each.name[1] for each in rank([gone, lucky, fair, steady], minimize=False)] == [4, 2, 1, 3]


def test_levels_are_summed_up() -> None:
    points = [point(1, [0.3, 0.5], level="sgd"), point(2, [0.2], 1, "sgd"), point(3, [], 2, "adam")]
    sgd, adam, other = summarize(points, "optimizer", ["sgd", "adam", "rmsprop"], minimize=True)
    assert sgd.best is not None
    assert (sgd.best.name, sgd.points, sgd.values, sgd.median) == (("digits-1", 1, ""), 2, (0.3, 0.5, 0.2), 0.3)
    assert (sgd.lost.count, sgd.lost.total) == (1, 4)
    assert (adam.best, adam.median, adam.lost.share) == (None, None, 1.0)
    assert (other.points, other.lost.total) == (0, 0)


def test_best_so_far_passes_over_what_has_no_value() -> None:
    found = best_so_far([math.nan, 3.0, 5.0, math.nan, 2.0], minimize=True)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [3.0, 3.0, 3.0, 2.0]
    assert best_so_far([1.0, math.inf, 4.0, 2.0], minimize=False).tolist() == [1.0, 1.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("value", "log", "side"),
    [(1e-4, True, "low"), (1.05e-4, True, "low"), (1e-2, True, None), (0.97, True, "high"), (1e-2, False, "low")],
)
def test_edges_are_seen_on_the_axis_that_was_searched(value: float, log: bool, side: str | None) -> None:
    assert edge(value, 1e-4, 1.0, log=log) == side


def test_explained_agrees_with_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(8)
    groups = np.repeat([0, 1, 2], 12)
    values = rng.normal(0, 1, 36) + 0.8 * groups
    ranks = stats.rankdata(values)
    f = stats.f_oneway(*(ranks[groups == group] for group in range(3))).statistic
    assert explained(values.tolist(), groups.tolist()) == pytest.approx(2 * f / (2 * f + 33))


def test_explained_by_failures_and_by_nothing() -> None:
    assert explained([1.0, 2.0, math.nan, math.inf], ["a", "a", "b", "b"]) > 0.8
    assert explained([1.0, 1.0], ["a", "b"]) == 0.0
    assert explained([], []) == 0.0


def test_probability_of_being_better_is_mann_whitneys() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 6, 15).astype(float), rng.integers(1, 7, 12).astype(float)
    u = stats.mannwhitneyu(a, b).statistic
    assert probability_better(a.tolist(), b.tolist(), minimize=False) == pytest.approx(u / (15 * 12))
    assert probability_better(a.tolist(), b.tolist(), minimize=True) == pytest.approx(1 - u / (15 * 12))


def test_what_was_lost_is_beaten_by_everything() -> None:
    assert probability_better([0.9], [math.nan], minimize=True) == 1.0
    assert probability_better([math.inf], [0.9], minimize=True) == 0.0
    assert probability_better([math.nan], [math.nan], minimize=False) == 0.5
    assert probability_better([], [1.0], minimize=True) is None


def test_the_first_epoch_at_the_target() -> None:
    assert first_reaching(np.array([2.3, math.nan, 0.5, 0.4]), 0.5, minimize=True) == 2
    assert first_reaching(np.array([0.1, 0.8, 0.9]), 0.85, minimize=False) == 2
    assert first_reaching(np.array([2.3, 2.2]), 0.5, minimize=True) is None


def forest_data(n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    features = rng.random((n, 3))
    return features, 4 * np.abs(features[:, 0] - 0.3) + features[:, 1] + rng.normal(0, noise, n)


def test_importance_finds_what_matters_and_how() -> None:
    features, values = forest_data(60, 0.05)
    found = importance(features, values, ["rate", "decay", "noise"])
    assert found is not None
    assert found.score > 0.5
    assert list(np.argsort(-found.mean)) == [0, 1, 2]
    grid, expected = found.dependence["rate"]
    assert grid[np.argmin(expected)] == pytest.approx(0.3, abs=0.15)


def test_importance_says_nothing_where_nothing_can_be_said() -> None:
    features, _ = forest_data(60, 0.0)
    noise = np.random.default_rng(1).random(60)
    assert importance(features, noise, ["a", "b", "c"]) is None
    assert importance(features[:10], noise[:10], ["a", "b", "c"]) is None
    assert importance(features, np.ones(60), ["a", "b", "c"]) is None


def test_importance_counts_failures_as_the_worst() -> None:
    features, _ = forest_data(40, 0.0)
    values = np.where(features[:, 2] > 0.6, math.inf, 0.5 + 0.01 * features[:, 0])
    found = importance(features, values, ["a", "b", "c"])
    assert found is not None
    assert int(np.argmax(found.mean)) == 2


def test_ranks_are_scipys_and_failures_share_the_last() -> None:
    values = np.random.default_rng(7).integers(0, 9, 30).astype(float)
    assert ranks(values).tolist() == stats.rankdata(values).tolist()
    assert ranks([3.0, math.nan, 1.0, math.inf]).tolist() == [2.0, 3.5, 1.0, 3.5]
