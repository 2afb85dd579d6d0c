"""The verdict of a comparison against scipy and statsmodels, and at its ends."""

from __future__ import annotations

import math
import re
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from sweeps.comparison import Confirmed, Verdict, advice, claims, covers, failed_trainings, judge, sentence
from sweeps.comparison.chances import chance
from sweeps.comparison.estimates import clustered_rate, rate
from sweeps.comparison.groups import together, unbeaten

WORDS = "test accuracy"


def confirmed(
    means: dict[str, float],
    repeats: int = 5,
    replicates: int = 10,
    noise: float = 0.004,
    failed: dict[tuple[str, int], tuple[int, ...]] | None = None,
    seed: int = 0,
) -> list[Confirmed]:
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.003, repeats)
    found = []
    for level, mean in means.items():
        for repeat in range(repeats):
            lost = (failed or {}).get((level, repeat), ())
            scores = dict(enumerate((mean + shared[repeat] + rng.normal(0, noise, replicates)).tolist()))
            kept = {key: value for key, value in scores.items() if key not in lost}
            found.append(Confirmed(level, repeat, kept, lost, "learning rate .003"))
    return found


def verdict(found: list[Confirmed], **how: object) -> Verdict:
    options: dict[str, object] = {"higher_is_better": True, "worst": 0.1, **how}
    return judge(found, **options)  # type: ignore[arg-type]  # a test's shorthand


def levels_means(found: list[Confirmed]) -> dict[str, list[float]]:
    names = dict.fromkeys(each.level for each in found)
    return {
        name: [float(np.mean(list(each.scores.values()))) for each in found if each.level == name] for name in names
    }


THREE = {"adam": 0.972, "momentum": 0.9715, "sgd": 0.955}


def test_every_figure_is_scipys_and_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="the oracle for Holm")
    weights = pytest.importorskip("statsmodels.stats.weightstats", reason="the oracle for intervals")
    found = confirmed(THREE)
    units, judged = levels_means(found), verdict(found)
    assert [level.level for level in judged.levels] == sorted(units, key=lambda name: -np.mean(units[name]))
    for level in judged.levels:
        interval = weights.DescrStatsW(units[level.level]).tconfint_mean()
        assert (level.estimate.low, level.estimate.high) == pytest.approx(interval, rel=1e-9)
        assert level.estimate.std == pytest.approx(stats.tstd(units[level.level]))
    oracle = {}
    for one, other in combinations(units, 2):
        pair = judged.pair(one, other)
        test = stats.ttest_rel(units[pair.better], units[pair.worse])
        wide = test.confidence_interval(1 - 0.05 / 3)
        narrow = test.confidence_interval(0.95)
        assert pair.p == pytest.approx(test.pvalue, rel=1e-9)
        assert (pair.low, pair.high) == pytest.approx((narrow.low, narrow.high), rel=1e-9)
        assert (pair.joint_low, pair.joint_high) == pytest.approx((wide.low, wide.high), rel=1e-9)
        oracle[pair.better, pair.worse] = test.pvalue
    corrected = multitest.multipletests(list(oracle.values()), method="holm")[1]
    for (one, other), p in zip(oracle, corrected, strict=True):
        assert judged.pair(one, other).adjusted == pytest.approx(p, rel=1e-9)
        assert judged.pair(one, other).separated == (p < 0.05)


def test_no_interval_reaches_beyond_what_scores_can_be() -> None:
    found = [
        Confirmed(level, repeat, {0: score})
        for level, scores in (("a", (0.99, 0.9)), ("b", (0.02, 0.6)))
        for repeat, score in enumerate(scores)
    ]
    wide, cut = verdict(found), verdict(found, possible=(0.0, 1.0))
    (before,), (after,) = wide.pairs, cut.pairs
    assert (before.high or 0) > 1
    assert (before.low or 0) < -1
    assert (after.low, after.high, after.joint_low, after.joint_high) == (-1.0, 1.0, -1.0, 1.0)
    assert (after.advantage, after.p) == (before.advantage, before.p)
    assert (wide.level("a").estimate.high or 0) > 1
    assert (cut.level("a").estimate.low, cut.level("a").estimate.high) == (wide.level("a").estimate.low, 1.0)


def test_a_loss_is_judged_the_other_way_round() -> None:
    found = confirmed(THREE)
    losses = [Confirmed(each.level, each.repeat, {k: 1 - v for k, v in each.scores.items()}) for each in found]
    up, down = verdict(found), verdict(losses, higher_is_better=False, worst=0.9)
    assert [(pair.better, pair.worse, pair.separated) for pair in up.pairs] == [
        (pair.better, pair.worse, pair.separated) for pair in down.pairs
    ]
    assert [pair.advantage for pair in up.pairs] == pytest.approx([pair.advantage for pair in down.pairs])
    assert down.level("sgd").estimate.mean == pytest.approx(1 - (up.level("sgd").estimate.mean or 0))


def test_the_unit_is_the_search_where_there_are_several() -> None:
    assert [len(level.units) for level in verdict(confirmed(THREE)).levels] == [5, 5, 5]
    one = verdict(confirmed(THREE, repeats=1))
    assert (one.scope, one.unit, [len(level.units) for level in one.levels]) == ("points", "replicate", [10, 10, 10])
    plain = verdict(confirmed(THREE, repeats=2), tuned=False)
    assert (plain.scope, plain.unit, [len(level.units) for level in plain.levels]) == (
        "settings",
        "replicate",
        [20] * 3,
    )
    units = confirmed(THREE, repeats=1)
    test = stats.ttest_rel(list(units[0].scores.values()), list(units[2].scores.values()))
    assert one.pair("adam", "sgd").p == pytest.approx(test.pvalue)


def test_the_sentence_claims_what_was_tested() -> None:
    judged = verdict(confirmed({**THREE, "sgd": 0.966}, noise=0.006, seed=1))
    assert (judged.best, judged.groups) == (("adam", "momentum"), (("adam", "momentum"), ("sgd",)))
    pairs = [judged.pair(name, "sgd") for name in judged.best]
    low, high = min(pair.joint_low or 0 for pair in pairs), max(pair.joint_high or 0 for pair in pairs)
    assert (f"{low:.4f}", f"{high:.4f}") == ("0.0029", "0.0102")
    assert [f"{pair.adjusted:.3f}" for pair in pairs] == ["0.004", "0.004"]
    assert sentence(judged, WORDS) == (
        "adam and momentum are not separated at this budget; both beat sgd by 0.0029–0.0102 "
        "(test accuracy, 5 repeats, p ≤ .004)."
    )
    assert "tuning and of training" in covers(judged)
    assert "nor the sampling of the data" in covers(judged)
    assert len(claims(judged, WORDS)) == 3
    assert claims(judged, WORDS)[-1].startswith("adam and momentum are not separated")


def test_the_largest_corrected_p_is_told_and_a_joint_interval_may_hold_zero() -> None:
    judged = verdict(confirmed({**THREE, "sgd": 0.964}, noise=0.006, seed=5))
    pairs = [judged.pair(name, "sgd") for name in judged.best]
    assert [f"{pair.adjusted:.3f}" for pair in pairs] == ["0.050", "0.016"]
    assert min(pair.joint_low or 0 for pair in pairs) < 0 < min(pair.low or 0 for pair in pairs)
    assert sentence(judged, WORDS) == (
        "momentum and adam are not separated at this budget; both beat sgd by up to 0.012 "
        "(test accuracy, 5 repeats, p ≤ .050)."
    )


def test_one_search_a_level_limits_the_sentence() -> None:
    judged = verdict(confirmed({"adam": 0.97, "sgd": 0.95}, repeats=1))
    assert sentence(judged, WORDS).startswith(
        "adam as tuned here (learning rate .003) beats sgd as tuned here (learning rate .003) by 0.0"
    )
    assert "not that of tuning" in covers(judged)
    plain = verdict(confirmed({"adam": 0.97, "sgd": 0.95}, repeats=1), tuned=False)
    assert sentence(plain, WORDS).startswith("at these settings adam beats sgd by 0.0")


def test_not_separated_is_not_carried_over() -> None:
    deltas = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) / 1000
    found = [
        Confirmed(level, repeat, {0: 0.97 - drop + scale * deltas[repeat]})
        for level, drop, scale in (("a", 0.0, 0.0), ("b", 0.0012, 1.0), ("c", 0.004, -1.0))
        for repeat in range(5)
    ]
    judged = verdict(found)
    shown = {(pair.better, pair.worse): pair.separated for pair in judged.pairs}
    assert shown == {("a", "b"): False, ("a", "c"): True, ("b", "c"): False}
    assert (judged.groups, judged.best) == ((("a", "b"), ("b", "c")), ("a", "b"))
    told = sentence(judged, WORDS)
    assert told.startswith("a and b are not separated at this budget; a beats c by ")
    assert "; c is not separated from b (" in told


CLAIM = re.compile(r"^(?P<winners>[\w, ]+?) beats? (?P<losers>[\w, ]+?) by ")


def claimed(words: str, best: tuple[str, ...]) -> set[tuple[str, str]]:
    """The pairs (better, worse) of which a sentence says so."""
    found = set()
    for clause in words.split("; "):
        claim = CLAIM.match(clause)
        if claim:
            everyone = claim["winners"] in {"both", "all of them"}
            winners = list(best) if everyone else re.findall(r"\b[a-e]\b", claim["winners"])
            found |= {(one, other) for one in winners for other in re.findall(r"\b[a-e]\b", claim["losers"])}
    return found


@pytest.mark.parametrize("levels", ["ab", "abc", "abcde"])
def test_a_sentence_says_of_the_best_what_was_tested_and_nothing_else(levels: str) -> None:
    rng = np.random.default_rng(len(levels))
    kinds = set()
    for _ in range(150):
        noise = dict(zip(levels, rng.choice([0.001, 0.004, 0.01], len(levels)), strict=True))
        gaps = dict(zip(levels, rng.choice([0, 0.002, 0.006, 0.02], len(levels)), strict=True))
        judged = verdict(
            [
                Confirmed(level, repeat, {0: 0.9 - gaps[level] + rng.normal(0, noise[level])})
                for level in levels
                for repeat in range(5)
                if rng.random() > 0.05  # some repeats are missing
            ]
        )
        shown = {(pair.better, pair.worse) for pair in judged.pairs if pair.separated and pair.better in judged.best}
        assert claimed(sentence(judged, WORDS), judged.best) == shown, sentence(judged, WORDS)
        every = {pair for told in claims(judged, WORDS) for pair in claimed(told, ())}
        assert every == {(pair.better, pair.worse) for pair in judged.pairs if pair.separated}
        kinds.add((len(judged.best), len(judged.groups)))
    assert len(kinds) > 1


def test_levels_that_beat_each_other_in_a_circle_have_no_best() -> None:
    results = {"a": {0: 3, 1: 3, 4: 1, 5: 1}, "b": {0: 2, 1: 2, 2: 3, 3: 3}, "c": {2: 2, 3: 2, 4: 2, 5: 2}}
    found = [
        Confirmed(level, 10 * key + more, {0: value + 1e-4 * rng})
        for level, values in results.items()
        for key, value in values.items()
        for more, rng in enumerate(np.random.default_rng(ord(level) + key).normal(0, 1, 4).tolist())
    ]
    judged = verdict(found)
    assert judged.best == ()
    assert sentence(judged, WORDS).startswith("each level is beaten by another")


def test_groups_hold_all_that_are_not_separated_and_no_others() -> None:
    differ = [(1, 7), (1, 8), (2, 4), (2, 5), (3, 8)]
    names = [f"T{number}" for number in range(1, 9)]
    groups = together(names, [(f"T{a}", f"T{b}") for a, b in differ])
    separated = {frozenset((f"T{a}", f"T{b}")) for a, b in differ}
    for one, other in combinations(names, 2):
        shares = any({one, other} <= set(group) for group in groups)
        assert shares == (frozenset((one, other)) not in separated)
    assert not any(set(one) < set(other) for one in groups for other in groups)
    assert together([], []) == ()
    assert together(["a", "b"], [("a", "b")]) == (("a",), ("b",))
    assert unbeaten(["a", "b", "c"], [("a", "b")]) == ("a", "c")


def test_failures_count_with_the_score_of_guessing() -> None:
    found = confirmed({"adam": 0.97, "sgd": 0.96}, failed={("sgd", 1): (2, 5), ("sgd", 3): (0,)})
    judged = verdict(found)
    lost = next(each for each in found if (each.level, each.repeat) == ("sgd", 1))
    assert judged.level("sgd").units[1, -1] == pytest.approx((sum(lost.scores.values()) + 2 * 0.1) / 10)
    assert (judged.level("sgd").failures.count, judged.level("sgd").failures.total) == (3, 50)
    assert "sgd: 3 of 50" in failed_trainings(judged)
    assert failed_trainings(verdict(confirmed(THREE))) == ""


def test_a_score_that_is_no_number_failed_and_none_is_worse_than_guessing() -> None:
    found = [
        Confirmed("a", 0, {0: math.nan, 1: 0.3, 2: math.inf}),
        Confirmed("b", 0, {0: 1e30, 1: 1e308, 2: 0.5}),
    ]
    judged = verdict(found, higher_is_better=False, worst=2.3, tuned=False)
    assert list(judged.level("a").units.values()) == [2.3, 0.3, 2.3]
    assert list(judged.level("b").units.values()) == [2.3, 2.3, 0.5]
    assert judged.level("a").failures.count == 2
    assert judged.level("b").failures.count == 0


def test_all_failed_recommends_nothing() -> None:
    found = [Confirmed(level, repeat, {}, range(10)) for level in ("a", "b") for repeat in range(3)]
    judged = verdict(found)
    assert judged.best == ()
    assert judged.all_failed
    assert sentence(judged, WORDS) == "Every one of 60 confirmed trainings failed: no level can be recommended."
    one = verdict([*confirmed({"adam": 0.97}, repeats=3), *found[:3]])
    assert one.best == ("adam",)
    assert sentence(one, WORDS).startswith("adam beats a by 0.8")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "Nothing was confirmed"),
        ([Confirmed("a", 0, {}), Confirmed("b", 0, {})], "Nothing was confirmed"),
        (
            [Confirmed("a", 0, {0: 0.9}), Confirmed("b", 0, {0: 0.8})],
            "cannot be compared yet (test accuracy, 1 replicate)",
        ),
        ([Confirmed("a", 0, {0: 0.9, 1: 0.8}), Confirmed("b", 1, {2: 0.8, 3: 0.7})], "cannot be compared yet"),
        (
            [Confirmed("a", r, {0: 0.9}) for r in range(4)],
            "a reaches 0.9 (test accuracy, 4 repeats)",
        ),
    ],
)
def test_too_little_to_judge_is_said(found: list[Confirmed], words: str) -> None:
    assert words in sentence(verdict(found), WORDS)
    assert advice(verdict(found)) == ""


def test_missing_units_leave_the_pairs_that_are_there() -> None:
    found = [each for each in confirmed(THREE) if (each.level, each.repeat) not in {("sgd", 4), ("adam", 0)}]
    judged = verdict(found)
    assert (judged.pair("adam", "sgd").n, judged.pair("momentum", "sgd").n) == (3, 4)
    units = {(each.level, each.repeat): np.mean(list(each.scores.values())) for each in found}
    test = stats.ttest_rel([units["adam", r] for r in (1, 2, 3)], [units["sgd", r] for r in (1, 2, 3)])
    assert judged.pair("sgd", "adam").p == pytest.approx(test.pvalue)


def test_equal_differences_are_no_certainty() -> None:
    def shifted(repeats: int) -> Verdict:
        return verdict(
            [Confirmed("a", r, {0: 0.9 + 0.1 * r / 7}) for r in range(repeats)]
            + [Confirmed("b", r, {0: 0.9 + 0.1 * r / 7 - 1 / 360}) for r in range(repeats)]
        )

    five, ten = shifted(5).pairs[0], shifted(10).pairs[0]
    assert five.p == stats.binomtest(5, 5).pvalue == 0.0625
    assert (five.separated, five.low) == (False, None)
    assert ten.p == pytest.approx(stats.binomtest(10, 10).pvalue)
    assert ten.separated
    assert ten.low == ten.high == pytest.approx(1 / 360)
    same = verdict([Confirmed(level, r, {0: 0.9}) for level in "ab" for r in range(3)])
    assert (same.pairs[0].p, same.pairs[0].more, advice(same)) == (1.0, None, "")


def test_enormous_values_do_not_break_anything() -> None:
    found = [
        Confirmed(level, r, {0: value * (1 + r)}) for level, value in (("a", 1e307), ("b", -1e307)) for r in range(5)
    ]
    judged = verdict(found)
    assert sentence(judged, WORDS)
    assert advice(judged) is not None


def test_what_would_settle_a_tie() -> None:
    power = pytest.importorskip("statsmodels.stats.power", reason="the oracle for the t-test's power")
    judged = verdict(confirmed({"a": 0.97, "b": 0.9705, "c": 0.9702}), worth=0.002)
    pair = judged.pair("a", "b")
    assert pair.std is not None
    needed = power.TTestPower().solve_power(effect_size=0.002 / pair.std, alpha=0.05 / 3, power=0.8)
    assert pair.more == max(0, math.ceil(needed) - 5)
    most = max(each.more or 0 for each in judged.pairs)
    assert f"About {most} more repeats a level would settle a difference of 0.002, with 80 % power" in advice(judged)
    assert "the largest seen between them" in advice(verdict(confirmed({"a": 0.97, "b": 0.9705})))


def test_a_tie_within_what_is_worth_having_is_settled() -> None:
    judged = verdict(confirmed({"a": 0.97, "b": 0.9702}), worth=0.05)
    assert judged.pairs[0].equal
    assert advice(judged).startswith("b and a differ by less than 0.05") or advice(judged).startswith("a and b differ")
    assert not verdict(confirmed({"a": 0.97, "b": 0.9702})).pairs[0].equal


def test_the_chance_that_one_beats_the_other() -> None:
    judged = verdict(confirmed({"a": 0.97, "b": 0.9695}))
    pair = judged.pair("a", "b")
    better, worse = (list(judged.level(name).units.values()) for name in (pair.better, pair.worse))
    assert pair.chance is not None
    assert pair.chance.share == pytest.approx(stats.mannwhitneyu(better, worse).statistic / 25)
    clear = verdict(confirmed({"a": 0.97, "b": 0.6}, repeats=10)).pairs[0].chance
    oracle = stats.binomtest(10, 10).proportion_ci(method="wilson")
    assert clear is not None
    assert (clear.share, clear.high) == (1.0, 1.0)
    assert clear.low == pytest.approx(oracle.low)
    one, none = chance([1.0], [0.0]), chance([], [0.0])
    assert one is not None
    assert (one.share, one.low, none) == (1.0, None, None)


@pytest.mark.parametrize(("shift", "units"), [(0.0, 3), (0.0, 10), (1.0, 5), (2.0, 3), (2.0, 10)])
def test_the_interval_of_a_chance_holds_the_truth_where_a_bootstrap_does_not(shift: float, units: int) -> None:
    truth, rng = float(stats.norm.cdf(shift / math.sqrt(2))), np.random.default_rng(0)
    found = [chance(rng.normal(shift, 1, units).tolist(), rng.normal(0, 1, units).tolist()) for _ in range(800)]
    inside = [
        each.low <= truth <= each.high for each in found if each and each.low is not None and each.high is not None
    ]
    assert np.mean(inside) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 800)


def test_trainings_of_one_point_are_no_independent_failures() -> None:
    plain, even, clustered = rate(10, 50), clustered_rate([(2, 10)] * 5), clustered_rate([(10, 10)] + [(0, 10)] * 4)
    assert (clustered.count, clustered.total) == (10, 50)
    assert plain.low > even.low > clustered.low
    assert plain.high < even.high < clustered.high
    assert clustered_rate([(0, 10)] * 5) == rate(0, 50)
    assert clustered_rate([(3, 10)]) == rate(3, 10)


def test_clustered_rates_cover_and_plain_ones_do_not() -> None:
    rng = np.random.default_rng(2)
    counts = rng.binomial(10, rng.beta(0.6, 1.4, (1500, 10)))  # each of ten points has its own rate, 0.3 on average
    inside = [
        [found.low <= 0.3 <= found.high for found in (clustered_rate([(c, 10) for c in row]), rate(sum(row), 100))]
        for row in counts.tolist()
    ]
    share = np.mean(inside, axis=0)
    assert share[0] >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 1500)
    assert share[1] < 0.85


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"worst": math.nan}, "finite"),
        ({"worth": 0.0}, "above 0"),
        ({"confidence": 95.0}, "between 0 and 1"),
    ],
)
def test_unusable_numbers_are_refused(how: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        verdict(confirmed(THREE), **how)


def test_a_level_confirmed_twice_in_one_repeat_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one result for each level and repeat, got several of \('a', 0\)"):
        verdict([Confirmed("a", 0, {0: 1.0}), Confirmed("a", 0, {1: 1.0})])
