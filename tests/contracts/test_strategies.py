"""What every registered strategy keeps, built in or not, over every kind of space."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise

import pytest

from sweeps.space import Choice, Grid, Point, Range, Space
from sweeps.strategies import STRATEGIES, Done, History, Outcome, Proposal, Wait

MOMENTUM = (("optimizer", ("momentum",)),)
SPACES = {
    "mixed": Space(
        (
            Choice("optimizer", ("sgd", "momentum", "adam")),
            Range("learning_rate", 1e-4, 1.0, log=True),
            Range("momentum", 0.5, 0.99, when=MOMENTUM),
            Choice("nesterov", (False, True), when=MOMENTUM),
            Range("decay", 0.1, 0.3, step=0.1, when=(("nesterov", (True,)),)),
            Range("epochs", 5, 50, integer=True),
            Choice("batch_normalization", (False, True)),
        )
    ),
    "layers": Space(
        (
            Range("hidden.depth", 1, 3, integer=True),
            Range("hidden.width", 16, 256, integer=True, log=True, step=2),
            Choice("batch_size", (32, 64, 128)),
        )
    ),
    "lists": Space(
        (
            Choice("hidden", ((50,), (100, 100))),
            Range("dropout", 0.0, 0.5),
            Range("width", 1, 4096, integer=True, log=True),
        )
    ),
}
TRIALS = 24

Make = Callable[..., History]


@pytest.fixture(params=STRATEGIES.names())
def make(request: pytest.FixtureRequest) -> Make:
    """A strategy over a space, of each registered kind in turn."""

    def made(
        space: Space, seed: int = 3, trials: int | None = TRIALS, direction: str = "minimize", **options: object
    ) -> History:
        return STRATEGIES[request.param](space, seed=seed, trials=trials, direction=direction, options=options)  # type: ignore[arg-type]  # a test's text

    return made


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    return SPACES[request.param]


def loss(point: Point) -> float:
    """A smooth function of whatever numbers the point holds, with a tail as heavy as that of a training that goes
    wrong."""
    rate = point.get("learning_rate", 0.01)
    assert isinstance(rate, float)
    away = abs(math.log10(rate) + 2.0) + (point.get("optimizer") == "sgd") + len(str(point.get("hidden", ""))) / 10
    return math.exp(away**1.5)


def good(point: Point) -> Outcome:
    return Outcome("finished", (loss(point),), 10)


def run(strategy: History, outcome: Callable[[Point], Outcome] = good, slots: int = 1) -> list[Proposal]:
    """Ask and tell to the end with `slots` points pending, the oldest told first."""
    proposals: list[Proposal] = []
    running: list[Point] = []
    for _ in range(10_000):
        answer = strategy.ask()
        if isinstance(answer, Proposal):
            proposals.append(answer)
            running.append(answer.point)
        elif isinstance(answer, Wait):
            assert running, "waits while nothing is pending"
        if isinstance(answer, Done) and not running:
            return proposals
        if running and (not isinstance(answer, Proposal) or len(running) >= slots):
            point = running.pop(0)
            strategy.tell(point, outcome(point))
    raise AssertionError("the strategy does not end")


def points(proposals: list[Proposal]) -> list[Point]:
    return [proposal.point for proposal in proposals]


def plain(value: object) -> Iterator[object]:
    """Every value inside a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from plain(item)
    else:
        yield value


def test_points_keep_bounds_steps_types_and_conditions(make: Make, space: Space) -> None:
    for point in points(run(make(space))):
        values = space.values(point)
        assert values is not None, point
        for axis in space.axes:
            assert (axis.name in values) == space.active(axis, values), (axis, point)
            if axis.name not in values:
                continue
            value = values[axis.name]
            if isinstance(axis, Choice):
                assert any(
                    value is listed or (value == listed and type(value) is type(listed)) for listed in axis.values
                )
            else:
                assert type(value) is (int if axis.integer else float), point
                assert isinstance(value, int | float)
                assert axis.low <= value <= axis.high
                if axis.step is not None:
                    steps = math.log(value / axis.low, axis.step) if axis.log else (value - axis.low) / axis.step
                    assert steps == pytest.approx(round(steps), abs=1e-9), point
        assert all(type(value) in (bool, int, float, str) for held in point.values() for value in plain(held))


def test_all_trials_are_proposed_and_no_more(make: Make) -> None:
    strategy = make(SPACES["mixed"])
    assert len(run(strategy)) == TRIALS
    assert strategy.ask() == Done("trials")


@pytest.mark.parametrize("slots", [1, 8])
def test_no_point_twice(make: Make, space: Space, slots: int) -> None:
    proposed = points(run(make(space), slots=slots))
    assert len(proposed) > 8
    assert len(set(proposed)) == len(proposed)


def test_reasons_are_json_with_a_kind(make: Make, space: Space) -> None:
    for proposal in run(make(space), slots=3):
        assert isinstance(proposal.reason["kind"], str)
        assert json.loads(json.dumps(proposal.reason, allow_nan=False)) == dict(proposal.reason)


def test_a_seed_fixes_the_sequence(make: Make, space: Space) -> None:
    assert run(make(space, seed=5), slots=2) == run(make(space, seed=5), slots=2)


def test_waits_only_while_points_are_pending(make: Make, space: Space) -> None:
    strategy = make(space)
    running: list[Point] = []
    while isinstance(answer := strategy.ask(), Proposal):
        running.append(answer.point)
    while not isinstance(answer, Done):
        if isinstance(answer, Wait):
            assert running
            strategy.tell(point := running.pop(), good(point))
        else:
            running.append(answer.point)
        answer = strategy.ask()
    assert len(strategy.proposals) == min(TRIALS, len(strategy.seen))


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("told", [3, 11, 17])
def test_replaying_a_history_gives_the_same_next_points(make: Make, space: Space, told: int, slots: int) -> None:
    first = make(space)
    journal: list[tuple[str, Proposal | Point]] = []
    running: list[Point] = []
    done = 0
    while done < told:
        answer = first.ask()
        if isinstance(answer, Proposal):
            journal.append(("proposed", answer))
            running.append(answer.point)
        if len(running) >= slots or not isinstance(answer, Proposal):
            if not running:
                break
            point = running.pop(0)
            first.tell(point, good(point))
            journal.append(("told", point))
            done += 1
    second = make(space)
    for kind, what in journal:
        if kind == "proposed" and isinstance(what, Proposal):
            second.remember(
                Proposal(Point(json.loads(json.dumps(what.point.plain()))), json.loads(json.dumps(what.reason)))
            )
        elif isinstance(what, Point):
            second.tell(what, good(what))
    assert list(second.pending) == list(first.pending)
    for _ in range(3):
        one = first.ask()
        assert one == second.ask()
        if isinstance(one, Proposal):
            first.tell(one.point, good(one.point))
            second.tell(one.point, good(one.point))


BAD = {
    "failed": Outcome("failed", (None,), 0),
    "out of memory": Outcome("out_of_memory", (), 0),
    "lost": Outcome("lost", (None,), 2),
    "diverged": Outcome("diverged", (None,), 3),
    "diverged with a value": Outcome("diverged", (1e300,), 3),
    "not a number": Outcome("finished", (math.nan,), 3),
    "infinite": Outcome("finished", (math.inf,), 3),
    "infinitely good": Outcome("finished", (-math.inf,), 3),
    "no values": Outcome("finished", (), 3),
    "one replicate of three missing": Outcome("finished", (0.1, None, 0.2), 3),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_outcomes_are_taken_in(make: Make, kind: str) -> None:
    """Every second point goes wrong, or all do: the search goes on to its end."""
    space = SPACES["mixed"]
    calls = iter(range(10_000))
    mixed = run(make(space), outcome=lambda point: BAD[kind] if next(calls) % 2 else good(point), slots=2)
    assert len(set(points(mixed))) == TRIALS
    assert len(set(points(run(make(space, trials=16), outcome=lambda point: BAD[kind])))) == 16


def test_a_stopped_trial_counts_with_its_value(make: Make) -> None:
    space = SPACES["mixed"]
    stopped = run(make(space), outcome=lambda point: Outcome("stopped", (loss(point),), 2))
    assert points(stopped) == points(run(make(space)))


@pytest.mark.parametrize("values", [(1e300, 1e-300), (-1e300, 1e300), (0.0,), (5e-324, 0.0), (-3.0, 2.0)])
def test_huge_tiny_and_equal_values_are_taken_in(make: Make, values: tuple[float, ...]) -> None:
    turn = cycle(values)
    proposed = run(make(SPACES["mixed"]), outcome=lambda point: Outcome("finished", (next(turn),), 1))
    assert len(set(points(proposed))) == TRIALS


def test_both_directions_are_understood(make: Make) -> None:
    """Maximising the negative is the same search."""
    space = SPACES["mixed"]
    negative = run(make(space, direction="maximize"), outcome=lambda point: Outcome("finished", (-loss(point),), 1))
    assert points(negative) == points(run(make(space)))


def test_unknown_points_may_be_told(make: Make) -> None:
    """A warm start: points of the space, of another space, and with values out of bounds; none of the first comes
    back."""
    space, strategy = SPACES["mixed"], make(SPACES["mixed"])
    earlier = points(run(make(space, seed=8)))
    for point in [*earlier, Point({"something": 1}), Point({**earlier[0], "learning_rate": 50.0}), Point({})]:
        strategy.tell(point, good(earlier[0]))
    proposed = points(run(strategy))
    assert len(proposed) == TRIALS
    assert not set(proposed) & set(earlier)


def test_a_space_of_one_point(make: Make) -> None:
    space = Space((Choice("optimizer", ("adam",)), Range("momentum", 0.5, 0.9, when=MOMENTUM)))
    assert points(run(make(space))) == [Point({"optimizer": "adam"})]


def test_a_space_of_one_axis(make: Make) -> None:
    proposed = points(run(make(Space((Range("learning_rate", 1e-4, 1.0, log=True),)))))
    assert len(set(proposed)) == len(proposed) >= 5  # a grid has as many as it is fine


def test_an_exhausted_space_ends_with_every_point_proposed_once(make: Make) -> None:
    axes = (
        Choice("optimizer", ("sgd", "momentum")),
        Range("momentum", 0.5, 0.9, step=0.1, when=MOMENTUM),
        Range("epochs", 1, 3, integer=True),
    )
    space = Space(axes)
    for slots in (1, 3):
        strategy = make(space, trials=100)
        proposed = points(run(strategy, slots=slots))
        assert len(proposed) == len(set(proposed)) == space.count == 18
        assert strategy.ask() == Done("exhausted")


def test_random_beginnings_do_not_depend_on_the_number_of_trials() -> None:
    for sampling in ("uniform", "sobol"):
        runs = [
            points(
                run(
                    STRATEGIES["random"](
                        SPACES["mixed"], seed=1, trials=n, direction="minimize", options={"sampling": sampling}
                    )
                )
            )
            for n in (5, 10, 40)
        ]
        assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(runs))


def test_a_grid_meets_every_point_in_order_and_a_part_of_it_is_spread() -> None:
    space = Space(
        (Choice("optimizer", ("sgd", "momentum", "adam")), Range("learning_rate", 1e-3, 1.0, log=True, points=4))
    )
    whole = points(run(STRATEGIES["grid"](space, seed=0, trials=None, direction="minimize")))
    assert whole == [Grid(space, 5).point(place) for place in range(12)]
    assert [point["learning_rate"] for point in whole[:4]] == [0.001, 0.01, 0.1, 1.0]
    part = points(run(STRATEGIES["grid"](space, seed=0, trials=6, direction="minimize")))
    assert len(set(part)) == 6
    assert {point["optimizer"] for point in part} == {"sgd", "momentum", "adam"}


def test_model_based_search_finds_what_random_search_does_not() -> None:
    """Over ten seeds, the Gaussian process ends nearer the optimum than random search at the same number of points."""
    space = Space(
        (
            Range("learning_rate", 1e-4, 1.0, log=True),
            Range("dropout", 0.0, 0.5),
            Choice("optimizer", ("sgd", "adam", "momentum")),
        )
    )

    def far(point: Point) -> Outcome:
        rate, dropout = point["learning_rate"], point["dropout"]
        assert isinstance(rate, float)
        assert isinstance(dropout, float)
        return Outcome(
            "finished", ((math.log10(rate) + 2.3) ** 2 + 20 * (dropout - 0.2) ** 2 + (point["optimizer"] != "adam"),), 1
        )

    def best(name: str, seed: int) -> float:
        strategy = STRATEGIES[name](space, seed=seed, trials=25, direction="minimize")
        run(strategy, outcome=far)
        return min(score for _, score in strategy.scored())

    pairs = [(best("gaussian_process", seed), best("random", seed)) for seed in range(10)]
    assert sum(model < chance for model, chance in pairs) >= 9
    assert sum(model for model, _ in pairs) < 0.2 * sum(chance for _, chance in pairs)
