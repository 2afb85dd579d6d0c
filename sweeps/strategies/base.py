"""What a strategy is: `ask` for a point, `tell` how it went; its whole state is that history.

    strategy.ask()                    -> Proposal(point, reason) | Wait() while points are pending | Done(why)
    strategy.tell(point, outcome)     any point, also one that was never proposed (a warm start from an earlier sweep)
    strategy.remember(proposal)       a proposal that an earlier process made: it counts as an ask and is pending now

Replaying `remember` and `tell` in the journal's order into a fresh strategy gives the same next point, for nothing else
is remembered: fitted numbers are a function of a prefix of the history, and randomness of (seed, number of proposals).
A strategy never logs.

To add one: subclass History in a file of its own, implement `propose`, register it with its options. The contract suite
then runs over it.
"""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.registry import Registry
from sweeps.space import Grid, GridTooLarge, Point, Space

Status: TypeAlias = Literal["finished", "stopped", "diverged", "failed", "out_of_memory", "lost"]
Direction: TypeAlias = Literal["minimize", "maximize"]
STRATEGIES: Registry[type[History]] = Registry("strategy")
TRIES = 200  # draws until a point is new, before the space's points are gone through in order
MORE_TRIES = 10_000  # where they cannot be: a tenth of a second in which one point of a thousand is met for sure


@dataclass(frozen=True)
class Proposal:
    """A point to try, and why: JSON-able, with at least `kind`."""

    point: Point
    reason: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """An option of a strategy, given as a key of [search]: its kind, default, bounds and meaning, declared once."""

    name: str
    kind: Literal["integer", "real", "choice", "flag", "text"]
    default: int | float | str | bool
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True)
class Wait:
    """Nothing to propose until a pending point is told."""


@dataclass(frozen=True)
class Done:
    """Nothing left to propose."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """How a point went: its status, the objective of each replicate (None where there is none), and the epochs it
    took. `course` holds (epoch, mean objective) at the decision points where it might have been stopped early."""

    status: Status
    values: tuple[float | None, ...] = ()
    epochs: int = 0
    course: tuple[tuple[int, float], ...] = ()

    def described(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        course = {"course": [list(each) for each in self.course]} if self.course else {}
        return {"status": self.status, "values": list(self.values), "epochs": self.epochs, **course}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Outcome:
        """What `described` gave."""
        course = tuple((int(epoch), float(value)) for epoch, value in body.get("course", ()))
        return cls(body["status"], tuple(body["values"]), body["epochs"], course)


class Strategy(Protocol):
    """The protocol that the runner speaks."""

    def ask(self) -> Proposal | Wait | Done: ...

    def tell(self, point: Point, outcome: Outcome) -> None: ...

    def remember(self, proposal: Proposal) -> None: ...

    @property
    def planned(self) -> int | None: ...


@dataclass(frozen=True)
class SearchSection:
    """How it is searched. `trials` is the number of points (None: a whole grid), `confirm` that of fresh replicates on
    which the best points are judged (0: not at all); `options` are the strategy's own, all of them.

    `stop` is the rule by which trials are stopped early, from epoch `grace` on (0: a seventh of the longest training),
    `reduction` that of asha. With `racing` a point that is clearly worse gets no more replicates. `warm_start` names
    executions whose results the strategy is told beforehand.
    """

    strategy: str
    trials: int | None = None
    objective: str = "validation/loss"
    direction: Direction = "minimize"
    objective_at: str = "last"
    replicates: int = 1
    confirm: int = 5
    seed: int | None = None
    stop: str = "none"
    grace: int = 0
    reduction: int = 3
    racing: bool = False
    warm_start: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


class History(ABC):
    """A strategy's state: points proposed, pending and told, in order. `trials` is the number of points to propose
    (None: no limit)."""

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        trials: int | None,
        direction: Direction,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.space = space
        self.seed = seed
        self.trials = trials
        self.sign = 1.0 if direction == "minimize" else -1.0
        self.options = dict(options or {})
        self.proposals: list[Proposal] = []
        self.told: list[tuple[Point, Outcome]] = []
        self.pending: dict[Point, None] = {}
        self.seen: set[Point] = set()

    def ask(self) -> Proposal | Wait | Done:
        """The next point, a Wait while only pending points can bring news, or Done."""
        if self.trials is not None and len(self.proposals) >= self.trials:
            return Done("trials")
        answer = self.propose(len(self.proposals))
        if isinstance(answer, Proposal):
            self.remember(answer)
        return answer

    def remember(self, proposal: Proposal) -> None:
        """Count the proposal as asked and pending."""
        self.proposals.append(proposal)
        self.pending[proposal.point] = None
        self.seen.add(proposal.point)

    def tell(self, point: Point, outcome: Outcome) -> None:
        """Take in how a point went."""
        self.pending.pop(point, None)
        self.seen.add(point)
        self.told.append((point, outcome))

    @property
    def planned(self) -> int | None:
        """How many points it will propose in all, where that is known."""
        try:
            limits = (self.trials, self.space.count)
        except GridTooLarge:
            limits = (self.trials, None)
        return min((limit for limit in limits if limit is not None), default=None)

    def warm_up(self) -> None:  # noqa: B027  # most strategies have nothing to do beforehand
        """Do beforehand what would make the first asks slow, such as imports. Changes nothing else; optional."""

    @abstractmethod
    def propose(self, number: int) -> Proposal | Wait | Done:
        """The answer to the ask with this number (from 0). Must not change the state."""

    def option(self, option: Option) -> int | float | str | bool:
        """The option's value as given, else its default."""
        value = self.options.get(option.name, option.default)
        return value if isinstance(value, bool | int | float | str) else option.default

    def whole(self, option: Option) -> int:
        """A whole-number option."""
        return int(self.option(option))

    def generator(self, number: int, *more: int) -> np.random.Generator:
        """The random numbers of one ask: a function of the seed and the ask's number."""
        return np.random.default_rng((self.seed, number, *more))

    def scored(self) -> Iterator[tuple[Point, float]]:
        """Points told with their value, smaller is better; infinite where any replicate failed. Lost points, which say
        nothing, are left out; stopped ones count as `comparable` says."""
        told = [(point, outcome) for point, outcome in self.told if outcome.status != "lost"]
        outcomes = [outcome for _, outcome in told]
        scores = comparable(np.array([self.score(outcome) for outcome in outcomes]), outcomes, self.sign)
        yield from zip((point for point, _ in told), scores.tolist(), strict=True)

    def score(self, outcome: Outcome) -> float:
        """The mean over replicates, smaller is better; inf for a failure, for a replicate that failed counts against
        its point."""
        values = [self.sign * value for value in outcome.values if value is not None and math.isfinite(value)]
        whole = outcome.status in ("finished", "stopped") and values and len(values) == len(outcome.values)
        return _mean(values) if whole else math.inf

    def unseen(self, number: int) -> Point | None:
        """A random point not seen before; None if the space holds none, or none that many draws would find."""
        rng = self.generator(number)
        drawn = (self.space.at(rng.random(len(self.space.axes))) for _ in range(TRIES + MORE_TRIES))
        new = next((point for point in islice(drawn, TRIES) if point not in self.seen), None)
        if new is not None:
            return new
        try:
            grid = None if any(axis.count is None for axis in self.space.axes) else Grid(self.space, None)
        except GridTooLarge:
            grid = None
        if grid is None:  # a continuous axis may yet be inactive nearly everywhere
            return next((point for point in drawn if point not in self.seen), None)
        start = int(rng.integers(grid.count))
        places = ((start + step) % grid.count for step in range(min(grid.count, len(self.seen) + 1)))
        return next((point for place in places if (point := grid.point(place)) not in self.seen), None)


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def comparable(scores: NDArray[np.float64], outcomes: Sequence[Outcome], sign: float) -> NDArray[np.float64]:
    """Scores, shape (n,), smaller is better, with those of points that were stopped early made comparable.

    Such a point's value is one of fewer epochs: beside those of whole trainings it would look worse than it is, and
    keep a model away from the neighbourhood of the best. So it counts with what the finished points gained from that
    epoch to their end (the median), but never as better than the best of them: others were ahead of it.
    """
    stopped = np.array([outcome.status == "stopped" for outcome in outcomes], dtype=bool)
    finished = [place for place in range(len(scores)) if not stopped[place] and math.isfinite(scores[place])]
    if not finished or not stopped.any():
        return scores
    gains: dict[int, list[float]] = {}
    for place in finished:
        for epoch, value in outcomes[place].course:
            gains.setdefault(epoch, []).append(float(scores[place]) - sign * value)
    usual = {epoch: statistics.median(values) for epoch, values in gains.items()}
    found = scores.copy()
    for place in np.flatnonzero(stopped).tolist():
        course = outcomes[place].course
        gain = usual.get(course[-1][0], 0.0) if course else 0.0
        found[place] = max(scores[place] + gain, scores[finished].min())
    return found
