"""The procedure of an execution: the searches that it makes, and the confirmation that follows them.

    a plain search      one search of the whole space           -> its three best points are confirmed
    a comparison        for every level: `repeats` searches     -> the best point of each search is confirmed
    nothing to tune     no search                               -> each level's one point is confirmed

Searches go on side by side and take turns, so that whatever changes while an execution runs meets all levels alike.
Repeat r of every level has the same search seed and trains on the same replicates, so levels are paired by repeat; two
repeats share neither. A confirmation trains on replicates that no search has seen, the same for all points that are
compared, and alone may look at the test part.

A budget other than a number of points ends all searches at once (`end_search`): each then goes on until it has asked
for as many points as the one that is furthest, so that levels stay equal.

Like a strategy's, the whole state is the history of proposals and outcomes; `remember` and `tell` replay it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from sweeps.definition import BudgetSection, ComparisonSection, Definition, Level, SearchSection
from sweeps.space import Point, Value
from sweeps.strategies import STRATEGIES, Done, History, Outcome, Proposal, Wait, make_strategy

Stage: TypeAlias = Literal["search", "confirmation"]
CONFIRMED_POINTS = 3  # of a search that compares nothing


@dataclass(frozen=True)
class Assignment:
    """A point to train on some replicates: who wants it, and why. `reason` is JSON-able, with at least `kind`."""

    point: Point
    reason: Mapping[str, object]
    replicates: tuple[int, ...]
    stage: Stage = "search"
    level: str = ""
    repeat: int = 0

    def described(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        return {
            "point": self.point.plain(),
            "reason": dict(self.reason),
            "replicates": list(self.replicates),
            "stage": self.stage,
            "level": self.level,
            "repeat": self.repeat,
        }

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Assignment:
        """What `described` gave; replicates that are not listed are those of the trials."""
        replicates = tuple(body.get("replicates") or (trial["replicate"] for trial in body["trials"]))
        role = {name: body[name] for name in ("stage", "level", "repeat") if name in body}
        return cls(Point(body["point"]), body["reason"], replicates, **role)


@dataclass
class _Search:
    """One search of one level: its strategy, and what it has been told, best first on demand."""

    level: str
    repeat: int
    given: Mapping[str, Value]  # what makes the level
    replicates: tuple[int, ...]
    strategy: History | None  # None where nothing is left to search
    asked: int = 0
    pending: int = 0
    done: str = ""
    told: list[tuple[float, int, Point]] = field(default_factory=list)

    def whole(self, point: Mapping[str, Value]) -> Point:
        """A point of the search with what makes the level."""
        return Point({**self.given, **point})

    def best(self, count: int) -> list[Point]:
        """Its best points, best first; those without a value are not among them."""
        if self.strategy is None:
            return [self.whole({})]
        found = dict.fromkeys(point for score, _, point in sorted(self.told, key=_place) if math.isfinite(score))
        return list(found)[:count]


def _place(told: tuple[float, int, Point]) -> tuple[float, int]:
    return told[:2]


class Procedure:
    """Asked for assignments and told outcomes, by their numbers from 1. Not safe between threads.

    `warm` are points of earlier executions that a plain search is told before it is asked.
    """

    def __init__(
        self,
        definition: Definition,
        seed: int,
        *,
        first_replicate: int = 0,
        warm: Sequence[tuple[Point, Outcome]] = (),
    ) -> None:
        self._budget = definition.budget
        self._search, self._comparison = definition.search, definition.comparison
        self._confirm = 0 if definition.data.test == 0 else definition.search.confirm
        self._first = first_replicate
        if self._comparison is not None:
            self._confirm = self._comparison.confirm
        self._searches = list(_searches(definition, seed, first_replicate))
        self._assignments: dict[int, tuple[Assignment, _Search]] = {}
        self._confirmed: set[tuple[str, int, Point]] = set()
        self._turn = 0
        self._ended: tuple[str, int] | None = None  # by which budget, and how many points each search may ask for
        for point, outcome in warm:
            for search in self._searches:
                if search.strategy is not None:
                    search.strategy.tell(point, outcome)

    # --- asked and told ---------------------------------------------------------------------------------------------

    def ask(self) -> Assignment | Wait | Done:
        """The next assignment, a Wait while only pending ones can bring news, or Done."""
        for _ in range(len(self._searches)):
            search = self._searches[self._turn % len(self._searches)]
            self._turn += 1
            if search.strategy is not None and not search.done and self._ended and search.asked >= self._ended[1]:
                search.done = self._ended[0]
            if search.strategy is None or search.done:
                continue
            answer = search.strategy.ask()
            if isinstance(answer, Done):
                search.done = answer.reason
            elif isinstance(answer, Proposal):
                asked = Assignment(
                    search.whole(answer.point), answer.reason, search.replicates, "search", search.level, search.repeat
                )
                return self._enter(asked, search)
        if not all(search.strategy is None or (search.done and not search.pending) for search in self._searches):
            return Wait()
        wanted = next(self._unconfirmed(), None)
        if wanted is not None:
            return self._enter(*wanted)
        return Done(self._why())

    def remember(self, assignment: Assignment) -> None:
        """An assignment that an earlier process made: it counts as asked and is pending now."""
        search = self._search_of(assignment)
        if assignment.stage == "search" and search.strategy is not None:
            inner = Point({name: value for name, value in assignment.point.items() if name not in search.given})
            search.strategy.remember(Proposal(inner, assignment.reason))
            self._turn = self._searches.index(search) + 1
        self._enter(assignment, search)

    def tell(self, number: int, outcome: Outcome) -> None:
        """How the assignment of that number went."""
        assignment, search = self._assignments[number]
        if assignment.stage == "confirmation" or search.strategy is None:
            return  # nothing follows from it but the report
        search.pending -= 1
        inner = Point({name: value for name, value in assignment.point.items() if name not in search.given})
        search.strategy.tell(inner, outcome)
        # A point that was stopped early has no value that could be held against those of whole trainings.
        score = math.inf if outcome.status in ("lost", "stopped") else search.strategy.score(outcome)
        search.told.append((score, number, assignment.point))

    @property
    def searching(self) -> bool:
        """Whether a search may still ask for points as it likes."""
        return self._ended is None and any(search.strategy is not None and not search.done for search in self._searches)

    def end_search(self, why: str) -> None:
        """A budget is reached: the searches end once each has asked for as many points as the furthest."""
        self._ended = why, max(search.asked for search in self._searches)

    def reopen(self) -> None:
        """The budget was extended: go on where the search ended."""
        self._ended = None
        for search in self._searches:
            search.done = ""

    # --- what is known beforehand ---------------------------------------------------------------------------------

    @property
    def planned(self) -> int | None:
        """How many trials it will train in all, where that is known."""
        points = 0
        for search in self._searches:
            count = 0 if search.strategy is None else search.strategy.planned
            if count is None:
                return None
            points += count
        winners = min(CONFIRMED_POINTS, points) if self._comparison is None else len(self._searches)
        return points * self._search.replicates + winners * self._confirm

    def plan(self) -> Iterator[str]:
        """What it will do, a line each, for a person."""
        counts = [search.strategy.planned for search in self._searches if search.strategy is not None]
        if self._comparison is not None:
            names = ", ".join(level.name for level in self._comparison.levels)
            yield f"{self._comparison.factor}: {names}"
        if counts:
            points = (
                "points of a number not known" if None in counts else f"{sum(map(int, filter(None, counts)))} points"
            )
            searches = f"{len(counts)} searches, {points} in all" if len(counts) > 1 else f"one search, {points}"
            least = "2 to " if self._search.racing else ""
            yield f"{searches}, each trained on {least}{_counted(self._search.replicates, 'replicate')}"
            if self._search.stop != "none":
                yield f"trials may be stopped early by {self._search.stop}"
            if ends := list(_ends(self._budget)):
                yield f"the search ends earlier at {' or '.join(ends)}"
            if self._search.warm_start:
                yield f"it begins with what {', '.join(self._search.warm_start)} found"
        if self._confirm:
            most = min([CONFIRMED_POINTS, *(count for count in counts if count is not None)])
            best = f"the {most} best points" if most > 1 else "the best point"
            winners = best if self._comparison is None else "each level's one point"
            if counts and self._comparison is not None:
                winners = f"the best point of each of {len(self._searches)} searches"
            fresh = _counted(self._confirm, "fresh replicate")
            yield f"then {winners} trained on {fresh} and judged on the test part"

    def warm_up(self) -> None:
        """Do beforehand what would make the first asks slow, such as imports."""
        for search in self._searches:
            if search.strategy is not None:
                search.strategy.warm_up()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _enter(self, assignment: Assignment, search: _Search) -> Assignment:
        number = len(self._assignments) + 1
        self._assignments[number] = assignment, search
        if assignment.stage == "confirmation":
            self._confirmed.add((assignment.level, assignment.repeat, assignment.point))
        else:
            search.pending += 1
            search.asked += 1
        return assignment

    def _search_of(self, assignment: Assignment) -> _Search:
        return next(
            each for each in self._searches if (each.level, each.repeat) == (assignment.level, assignment.repeat)
        )

    def _unconfirmed(self) -> Iterator[tuple[Assignment, _Search]]:
        """The confirmations that are still to be asked for, repeat by repeat."""
        if not self._confirm:
            return
        count = CONFIRMED_POINTS if self._comparison is None else 1
        tuned = any(search.strategy is not None for search in self._searches)
        seen = self._search.replicates * (self._searches[-1].repeat + 1) if tuned else 0
        for search in self._searches:
            first = self._first + seen + search.repeat * self._confirm
            replicates = tuple(range(first, first + self._confirm))
            for rank, point in enumerate(search.best(count), 1):
                if (search.level, search.repeat, point) not in self._confirmed:
                    reason: dict[str, object] = {"kind": "confirmation", "rank": rank}
                    yield Assignment(point, reason, replicates, "confirmation", search.level, search.repeat), search

    def _why(self) -> str:
        """In one word why there is no more to train."""
        reasons = dict.fromkeys(search.done for search in self._searches if search.done)
        return ", ".join(reasons) or "confirmed"


def _searches(definition: Definition, seed: int, first: int) -> Iterator[_Search]:
    """The searches of a definition, repeat by repeat."""
    search, comparison = definition.search, definition.comparison
    if comparison is None:
        replicates = tuple(range(first, first + search.replicates))
        yield _Search("", 0, {}, replicates, make_strategy(search, definition.space, seed))
        return
    for repeat in range(comparison.repeats):
        start = first + repeat * search.replicates
        for level in comparison.levels:
            space = definition.space.given(level.values)
            strategy = make_strategy(_of_level(search, level), space, _seed(seed, repeat)) if space.axes else None
            yield _Search(level.name, repeat, level.values, tuple(range(start, start + search.replicates)), strategy)


def _seed(seed: int, repeat: int) -> int:
    """The search seed of a repeat, the same for all levels: the first repeat's is the execution's own."""
    return (seed + repeat * 0x9E3779B1) % 2**32  # 2³² over the golden ratio: repeats of neighbouring seeds do not meet


def _of_level(search: SearchSection, level: Level) -> SearchSection:
    """The search of one level, where levels are ways to search."""
    if level.strategy in ("", search.strategy):
        return search
    options = {option.name: option.default for option in STRATEGIES.entry(level.strategy).traits["options"]}
    return replace(search, strategy=level.strategy, options=options)


def _ends(budget: BudgetSection) -> Iterator[str]:
    """What may end a search besides its number of points, in words."""
    if budget.seconds is not None:
        yield f"{budget.seconds:g} seconds"
    if budget.epochs is not None:
        yield f"{budget.epochs} epochs in all"
    if budget.target is not None:
        yield f"a value of {budget.target:g}"
    if budget.plateau is not None:
        yield f"{_counted(budget.plateau.trials, 'point')} that improve by no more than {budget.plateau.improvement:g}"


def measure_of(comparison: ComparisonSection | None, task: str) -> str:
    """The metric that confirmed points are judged by."""
    given = comparison.measure if comparison is not None else ""
    return given or ("test/loss" if task == "regression" else "test/accuracy")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
