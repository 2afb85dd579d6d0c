"""What the Gaussian process rests on: features, a well-behaved objective, a fit that replays, a gamble among
acquisitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import skew

from sweeps.space import Choice, Point, Range, Space
from sweeps.strategies import STRATEGIES, GaussianProcess, Outcome, Proposal
from sweeps.strategies.gaussian_process.features import Features
from sweeps.strategies.gaussian_process.kernel import GroupedMatern
from sweeps.strategies.gaussian_process.objective import Objective
from sweeps.strategies.gaussian_process.strategy import last_refit
from sweeps.strategies.gaussian_process.surrogate import LARGEST_FIT, fit, surrogate

MOMENTUM = (("optimizer", ("momentum",)),)
SPACE = Space(
    (
        Choice("optimizer", ("sgd", "momentum", "adam")),
        Range("learning_rate", 1e-4, 1.0, log=True),
        Range("momentum", 0.5, 0.9, when=MOMENTUM),
        Choice("nesterov", (False, True), when=MOMENTUM),
        Range("depth", 1, 40, integer=True, log=True, when=(("nesterov", (True,)),)),
        Choice("batch_size", (32, 64, 128)),
    )
)


def made(**options: object) -> GaussianProcess:
    strategy = STRATEGIES["gaussian_process"](SPACE, seed=2, trials=None, direction="minimize", options=options)
    assert isinstance(strategy, GaussianProcess)
    return strategy


def asked(strategy: GaussianProcess) -> Proposal:
    proposal = strategy.ask()
    assert isinstance(proposal, Proposal)
    return proposal


def loss(point: Point) -> float:
    rate = point["learning_rate"]
    assert isinstance(rate, float)
    return math.exp(abs(math.log10(rate) + 2) + (point["optimizer"] != "adam"))


def test_snapped_places_are_those_of_the_points_they_stand_for() -> None:
    features = Features.of(SPACE)
    places = features.snapped(np.random.default_rng(0).random((300, len(SPACE.axes))))
    for place in places:
        again = features.units(SPACE.at(place))
        assert again is not None
        assert again == pytest.approx(place, abs=1e-5)


def test_choices_are_equally_far_from_each_other_and_numbers_as_far_as_they_differ() -> None:
    features = Features.of(SPACE)
    points = [
        Point({"optimizer": name, "learning_rate": 0.01, "batch_size": size})
        for name in ("sgd", "adam")
        for size in (32, 64, 128)
    ]
    places = [features.units(point) for point in points]
    rows = features.rows(np.array(places))
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert distance[0, 3] == pytest.approx(1.0)
    assert distance[0, 1] == pytest.approx(1 / 3)
    assert distance[0, 2] == pytest.approx(2 / 3)


def test_the_kernel_is_scikit_learns_where_every_axis_has_one_column() -> None:
    from sklearn.gaussian_process.kernels import Matern

    rng = np.random.default_rng(0)
    rows, lengths = rng.random((8, 3)), np.array([0.3, 1.0, 2.0])
    ours = GroupedMatern(np.arange(3), lengths)(rows, eval_gradient=True)
    theirs = Matern(lengths, nu=2.5)(rows, eval_gradient=True)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("kind", ["loss", "accuracy", "mixed signs", "wide", "constant", "huge"])
def test_an_objective_is_made_well_behaved_in_its_order(kind: str) -> None:
    rng = np.random.default_rng(1)
    losses = {
        "loss": np.exp(rng.normal(size=60) ** 2 * 3),
        "accuracy": -1 / (1 + np.exp(-2 * rng.normal(size=60) - 2)),
        "mixed signs": rng.standard_t(1.5, size=60),
        "wide": 10.0 ** rng.uniform(-12, 12, size=60),
        "constant": np.full(60, 0.3),
        "huge": np.concatenate([rng.normal(size=58), [1e300, -1e300]]),
    }[kind]
    objective = Objective.of(losses)
    targets = objective.targets(losses)
    assert np.isfinite(targets).all()
    assert (np.diff(targets[np.argsort(losses, kind="stable")]) >= 0).all()
    if kind == "constant":
        assert not targets.any()
    else:
        assert (targets.mean(), targets.std()) == pytest.approx((0, 1))
    if kind in ("loss", "accuracy", "mixed signs", "wide"):
        assert abs(skew(targets)) < 1 < abs(skew(losses)) + 0.2
        assert np.abs(targets).max() < 5


@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_targets_come_back_as_losses(shift: float) -> None:
    losses = np.exp(np.random.default_rng(2).normal(size=40)) + shift
    objective = Objective.of(losses)
    back = [objective.loss(float(target)) for target in objective.targets(losses)]
    assert back == pytest.approx(losses.tolist(), rel=1e-6)
    assert all(math.isfinite(objective.loss(target)) for target in (-50.0, 50.0))


def test_failures_are_a_little_worse_than_the_worst() -> None:
    losses = np.array([0.1, 0.2, np.inf, 5.0, 0.3, np.inf])
    targets = Objective.of(losses).targets(losses)
    assert targets[2] == targets[5] > targets[3]
    assert targets[2] - targets[3] < 1.5


def test_failures_teach_where_not_to_go() -> None:
    """Half of the space fails: the model's proposals stay in the other half more than chance would."""
    strategy = made()
    for _ in range(40):
        point = asked(strategy).point
        rate = point["learning_rate"]
        assert isinstance(rate, float)
        strategy.tell(point, Outcome("diverged", (None,)) if rate > 0.01 else Outcome("finished", (rate,), 1))
    late = [proposal.point["learning_rate"] for proposal in strategy.proposals[15:]]
    assert sum(isinstance(rate, float) and rate <= 0.01 for rate in late) >= 0.9 * len(late)


def test_refits_follow_the_length_of_the_history_alone() -> None:
    lengths = [last_refit(length, 10) for length in range(1, 400)]
    assert lengths[:10] == list(range(1, 11))
    assert all(refit <= length for length, refit in enumerate(lengths, 1))
    refits = sorted(set(lengths[9:]))
    assert all(later - earlier == max(1, earlier // 10) for earlier, later in itertools.pairwise(refits))
    assert len(refits) < 50


def test_a_fit_recovers_what_made_the_data() -> None:
    """Values drawn from a process with one short and one long axis, and noise: the fit tells them apart."""
    rng = np.random.default_rng(3)
    rows, groups = rng.random((120, 2)), np.arange(2)
    covariance = GroupedMatern(groups, np.array([0.2, 5.0]))(rows) + 0.01 * np.eye(120)
    targets = np.linalg.cholesky(covariance) @ rng.normal(size=120)
    targets = (targets - targets.mean()) / targets.std()
    fitted = fit(rows, targets, groups, None)
    assert 0.1 < fitted.length_scale[0] < 0.4
    assert fitted.length_scale[1] > 4 * fitted.length_scale[0]
    assert 0.003 < fitted.noise < 0.04
    few = [fit(rows[:15], targets[:15], groups, known).noise for known in (None, 0.2)]
    assert few[1] > 0.1 > 3 * few[0]


def test_a_long_history_is_thinned_for_the_fit_but_not_for_the_model() -> None:
    rng = np.random.default_rng(4)
    rows, groups = rng.random((LARGEST_FIT + 200, 2)), np.arange(2)
    targets = np.sin(6 * rows[:, 0])
    fitted = fit(rows, targets, groups, None)
    mean, deviation = surrogate(rows, targets, groups, fitted).predict(rows, return_std=True)
    assert np.abs(mean - targets).max() < 0.05
    assert deviation.max() < 0.1


def test_a_noisy_replicate_counts_less_than_a_certain_one() -> None:
    """The same means; replicates that differ wildly tell the model that the means are noise."""

    def noise_told(spread: float) -> float:
        strategy = made()
        rng = np.random.default_rng(5)
        for _ in range(25):
            point = asked(strategy).point
            strategy.tell(
                point,
                Outcome("finished", tuple(loss(point) * math.exp(spread * step) for step in rng.normal(size=4)), 1),
            )
        return strategy._fitted(strategy.observed()).noise

    assert noise_told(1.0) > 5 * noise_told(0.05)


def test_reasons_say_what_is_expected_in_the_objectives_own_units() -> None:
    for direction, sign in (("minimize", 1.0), ("maximize", -1.0)):
        strategy = STRATEGIES["gaussian_process"](SPACE, seed=2, trials=None, direction=direction)  # type: ignore[arg-type]  # a test's text
        errors = []
        for _ in range(40):
            answer = strategy.ask()
            assert isinstance(answer, Proposal)
            value = sign * loss(answer.point)
            if answer.reason["kind"] == "EI":
                assert {"acquisition", "mean", "std", "best", "expected"} <= set(answer.reason)
                expected = answer.reason["expected"]
                assert isinstance(expected, float)
                assert (expected > 0) == (sign > 0)
                errors.append(abs(math.log(expected / value)))
            strategy.tell(answer.point, Outcome("finished", (value,), 1))
        assert np.median(errors[-15:]) < 0.2


def test_a_warm_start_replaces_the_random_points() -> None:
    strategy, earlier = made(), made()
    for _ in range(10):
        point = asked(earlier).point
        strategy.tell(point, Outcome("finished", (loss(point),), 1))
    assert asked(strategy).reason["kind"] == "EI"


@pytest.mark.parametrize("acquisition", ["EI", "LCB", "PI", "gp_hedge"])
def test_every_acquisition_finds_the_region(acquisition: str) -> None:
    strategy = made(acquisition=acquisition)
    for _ in range(35):
        proposal = asked(strategy)
        strategy.tell(proposal.point, Outcome("finished", (loss(proposal.point),), 1))
    assert min(score for _, score in strategy.scored()) < 1.3
    kinds = {proposal.reason["kind"] for proposal in strategy.proposals}
    assert kinds == ({"random", acquisition} if acquisition != "gp_hedge" else kinds)
    assert kinds <= {"random", "EI", "LCB", "PI"}


def test_the_gamble_favours_what_has_nominated_good_points() -> None:
    strategy = made(acquisition="gp_hedge")
    for _ in range(30):
        proposal = asked(strategy)
        strategy.tell(proposal.point, Outcome("finished", (loss(proposal.point),), 1))
    gambles = [proposal.reason["chances"] for proposal in strategy.proposals if "chances" in proposal.reason]
    assert len(gambles) == 20
    assert gambles[0] == pytest.approx({"EI": 1 / 3, "LCB": 1 / 3, "PI": 1 / 3})
    assert all(isinstance(chances, dict) and sum(chances.values()) == pytest.approx(1) for chances in gambles)
    assert gambles[-1] != pytest.approx(gambles[0])
