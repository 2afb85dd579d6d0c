"""Random search, then grids: where the grids lie, how they shrink, and what happens at the edge of a range."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from sweeps.space import Choice, Point, Range, Space
from sweeps.strategies import STRATEGIES, History, Outcome, Proposal, Wait

SPACE = Space(
    (
        Choice("optimizer", ("sgd", "momentum", "adam")),
        Range("learning_rate", 1e-4, 1.0, log=True, limits=(1e-10, 1e6)),
        Range("decay", 1e-8, 1e-2, log=True),
    )
)


def made(space: Space = SPACE, trials: int = 40, **options: object) -> History:
    return STRATEGIES["random_then_grid"](space, seed=4, trials=trials, direction="minimize", options=options)


def rate(point: Point) -> float:
    value = point["learning_rate"]
    assert isinstance(value, float)
    return math.log10(value)


def loss(point: Point, best: float = -2.0) -> float:
    return (rate(point) - best) ** 2 + (point.get("optimizer") != "adam")


def run(strategy: History, loss: Callable[[Point], float] = loss) -> list[Proposal]:
    while isinstance(proposal := strategy.ask(), Proposal):
        strategy.tell(proposal.point, Outcome("finished", (loss(proposal.point),), 1))
    return strategy.proposals


def best(proposals: list[Proposal], loss: Callable[[Point], float] = loss) -> Point:
    return min((proposal.point for proposal in proposals), key=loss)


def stage(proposals: list[Proposal], number: int) -> list[Proposal]:
    return [proposal for proposal in proposals if proposal.reason.get("stage", 0) == number]


def test_half_is_random_then_a_grid_surrounds_the_best() -> None:
    proposals = run(made())
    assert [proposal.reason["kind"] for proposal in proposals[:21]] == ["random"] * 20 + ["grid"]
    centre, grid = best(proposals[:20]), stage(proposals, 1)
    rates = [rate(proposal.point) for proposal in grid]
    assert min(rates) < rate(centre) < max(rates)
    assert max(rates) - min(rates) < 0.8 * 4
    assert {proposal.point["optimizer"] for proposal in grid} == {centre["optimizer"]}
    assert len(grid) <= 20
    assert len(grid) == grid[0].reason["of"]


def test_the_decisive_line_gets_more_values_than_the_other() -> None:
    grid = stage(run(made(trials=48, keep=5, points=9)), 1)
    rates, decays = ({proposal.point[name] for proposal in grid} for name in ("learning_rate", "decay"))
    assert len(rates) > len(decays) >= 3


def test_stages_are_finer_and_finer_around_the_best_so_far() -> None:
    proposals = run(made(trials=60, stages=3, first=0.4))
    widths = []
    for number in (1, 2, 3):
        rates = sorted({rate(proposal.point) for proposal in stage(proposals, number)})
        widths.append(rates[-1] - rates[0])
        before = [proposal for proposal in proposals if int(str(proposal.reason.get("stage", 0))) < number]
        assert rates[0] <= rate(best(before)) <= rates[-1]
    assert widths[0] > widths[1] > widths[2]
    assert loss(best(proposals)) < 0.2 * loss(best(proposals[:24]))


def test_a_stage_waits_for_the_one_before_and_does_not_mind_the_order_of_its_results() -> None:
    grids = []
    for seed in (0, 1):
        strategy = made()
        points = []
        while isinstance(answer := strategy.ask(), Proposal):
            points.append(answer.point)
        assert isinstance(answer, Wait)
        assert len(points) == 20
        random.Random(seed).shuffle(points)
        for point in points[:-1]:
            strategy.tell(point, Outcome("finished", (loss(point),), 1))
            assert isinstance(strategy.ask(), Wait)
        strategy.tell(points[-1], Outcome("finished", (loss(points[-1]),), 1))
        grids.append([strategy.ask() for _ in range(5)])
    assert grids[0] == grids[1]


@pytest.mark.parametrize(("optimum", "end"), [(1.0, "learning_rate high"), (-6.0, "learning_rate low"), (-2.0, None)])
def test_a_best_value_on_the_edge_raises_an_alarm(optimum: float, end: str | None) -> None:
    late = run(made(), lambda point: loss(point, optimum))[-1]
    edges = late.reason.get("edges", [])
    assert isinstance(edges, list)
    assert [edge for edge in edges if edge.startswith("learning_rate")] == ([end] if end else [])


def test_widening_goes_beyond_the_edge_within_the_declared_bounds() -> None:
    def beyond(point: Point) -> float:
        return loss(point, 1.0)

    narrow, wide = run(made(stages=2), beyond), run(made(stages=2, widen=True), beyond)
    assert max(rate(proposal.point) for proposal in narrow) <= 0
    assert 0.5 < max(rate(proposal.point) for proposal in wide) <= 2
    bounded = Space((Range("learning_rate", 1e-4, 1.0, log=True, limits=(1e-10, 3.0)),))
    values = [proposal.point["learning_rate"] for proposal in run(made(bounded, stages=2, widen=True), beyond)]
    assert 1.0 < max(value for value in values if isinstance(value, float)) <= 3.0
    inside = run(made(stages=2, widen=True))
    assert max(rate(proposal.point) for proposal in inside) <= 0


def test_whole_numbers_steps_and_rising_choices_are_lines_too() -> None:
    space = Space(
        (
            Range("epochs", 1, 200, integer=True),
            Range("momentum", 0.5, 0.9, step=0.1),
            Choice("batch_size", (16, 32, 64, 128, 256)),
        )
    )

    def far(point: Point) -> float:
        epochs, momentum, size = point["epochs"], point["momentum"], point["batch_size"]
        assert isinstance(epochs, int)
        assert isinstance(momentum, float)
        assert isinstance(size, int)
        return abs(epochs - 120) / 200 + abs(momentum - 0.7) + abs(math.log2(size / 64)) / 5

    proposals = run(made(space, trials=60), far)
    grid = stage(proposals, 1)
    assert len({proposal.point["batch_size"] for proposal in grid}) > 1
    assert all(space.units(proposal.point) is not None for proposal in grid)
    assert far(best(proposals, far)) <= far(best(proposals[:30], far))


def test_when_everything_fails_the_search_stays_random() -> None:
    strategy = made(trials=12)
    while isinstance(proposal := strategy.ask(), Proposal):
        strategy.tell(proposal.point, Outcome("diverged", (None,), 1))
    assert [proposal.reason["kind"] for proposal in strategy.proposals] == ["random"] * 12
