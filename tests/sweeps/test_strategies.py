"""What single strategies do where the contract that all of them keep says nothing."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from sweeps.space import Choice, Point, Range, Space
from sweeps.strategies import STRATEGIES, Done, Outcome, Proposal
from sweeps.strategies.base import History
from sweeps.strategies.gaussian_process.objective import Objective

Loss = Callable[[Point], float]
SQUARE = Space((Choice("a", tuple(range(5))), Choice("b", tuple(range(5)))))
LINE = Space((Range("x", 0.0, 1.0),))


def made(name: str, space: Space, trials: int | None, *, seed: int = 0, **options: object) -> History:
    strategy = STRATEGIES[name](space, seed=seed, trials=trials, direction="minimize", options=options)
    assert isinstance(strategy, History)
    return strategy


def finished(value: float) -> Outcome:
    return Outcome("finished", (value,), 1)


def x_of(point: Point) -> float:
    value = point["x"]
    assert isinstance(value, float)
    return value


def constant(point: Point) -> float:
    return 1.0


def play(strategy: History, loss: Loss = constant) -> list[Proposal]:
    """Ask to the end, told at once."""
    found = []
    while isinstance(answer := strategy.ask(), Proposal):
        found.append(answer)
        strategy.tell(answer.point, finished(loss(answer.point)))
    assert isinstance(answer, Done)
    return found


def extended(strategy: History, name: str, trials: int, loss: Loss = constant) -> History:
    """A process of its own, with more trials, that replays the history."""
    longer = made(name, strategy.space, trials)
    for proposal in strategy.proposals:
        longer.remember(proposal)
        longer.tell(proposal.point, finished(loss(proposal.point)))
    return longer


@pytest.mark.parametrize("trials", [(10, 25), (2, 25), (6, 15, 20, 40)])
def test_a_part_of_a_grid_that_is_extended_comes_to_every_point_once(trials: tuple[int, ...]) -> None:
    search = made("grid", SQUARE, trials[0])
    play(search)
    for more in trials[1:]:
        search = extended(search, "grid", more)
        play(search)
    points = [proposal.point for proposal in search.proposals]
    assert len(points) == len(set(points)) == 25


@pytest.mark.parametrize(("name", "begun"), [("gaussian_process", "EI"), ("random_then_grid", "grid")])
def test_a_search_that_is_extended_goes_on_with_what_it_had_begun(name: str, begun: str) -> None:
    def loss(point: Point) -> float:
        return (x_of(point) - 0.3) ** 2

    first = made(name, LINE, 6)
    assert play(first, loss)[-1].reason["kind"] == begun
    assert play(extended(first, name, 48, loss), loss)[0].reason["kind"] == begun


def test_the_number_of_points_of_a_grid_is_no_end_of_other_searches() -> None:
    space = Space((Range("epochs", 1, 1000, integer=True, points=5),))
    assert space.count == 1000
    search = made("random", space, None)
    assert search.planned == 1000
    assert len({proposal.point for proposal in play(search)}) == 1000
    assert made("grid", space, None).planned == 5


def test_a_continuous_axis_that_is_seldom_active_has_no_end() -> None:
    digits = tuple(range(10))
    rare = Range("x", 0.0, 1.0, when=(("a", (0,)), ("b", (0,))))
    search = made("random", Space((Choice("a", digits), Choice("b", digits), rare)), 300)
    assert len({proposal.point for proposal in play(search)}) == 300


def test_random_search_goes_on_where_combinations_are_too_many_for_a_grid() -> None:
    every = tuple(Range(f"n{number}", 0, 1000, integer=True) for number in range(2))
    both = (("n0", (0,)), ("n1", (0,)))
    search = made("random", Space((*every, Choice("rare", (1, 2), when=both))), 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.strategies.base.TRIES", 0)
        assert len(play(search)) == 5


@pytest.mark.parametrize(("log", "optimum", "reached"), [(True, 400.0, 250.0), (False, 150.0, 135.0)])
def test_a_range_that_widens_comes_half_its_width_further(log: bool, optimum: float, reached: float) -> None:
    space = Space((Range("x", 10.0, 100.0, log=log, limits=(1.0, 1000.0)),))
    search = made("random_then_grid", space, 40, widen=True, stages=5, first=0.3)
    tried = play(search, lambda point: abs(math.log(x_of(point) / optimum)))
    assert max(x_of(proposal.point) for proposal in tried) > reached


def test_a_range_that_may_widen_is_left_only_where_the_best_lies_on_its_end() -> None:
    low, high = 0.337768742, 0.7409505030000001
    space = Space((Range("x", low, high, limits=(0.0, 1.0)),))
    for seed in range(100):
        search = made("random_then_grid", space, 12, seed=seed, widen=True, keep=3)
        tried = play(search, lambda point: (x_of(point) - (low + 0.88 * (high - low))) ** 2)
        assert all("edges" in each.reason or low <= x_of(each.point) <= high for each in tried)


def test_a_grid_is_laid_around_points_of_the_space_alone() -> None:
    space = Space((Choice("o", ("a", "b")), Range("x", 0.0, 1.0)))
    search = made("random_then_grid", space, 10)
    search.tell(Point({"o": "none of ours", "x": 0.5}), finished(-9.0))
    assert {proposal.point["o"] for proposal in play(search)} <= {"a", "b"}


@pytest.mark.parametrize(
    "losses",
    [[1e308, 1.5e308, 1.7e308], [1e-320, 1e-319, 1.0, 1e-320], [-1e308, 1.7e308, -1.7e308, 1e308], [5e-324, 1e308]],
)
def test_losses_at_the_ends_of_what_a_number_holds_stay_numbers(losses: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective = Objective.of(np.array(losses))
        targets = objective.targets(np.array(losses))
        back = [objective.loss(float(target)) for target in (*targets, 4.0, -4.0)]
    assert np.isfinite(targets).all()
    assert all(map(math.isfinite, back))
    assert made("random", LINE, 2).score(Outcome("finished", (1e308, 1.7e308), 1)) == pytest.approx(1.35e308)
