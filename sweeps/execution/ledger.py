"""What an execution knows of its points and trials: the same whether it happens now or is read from a journal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from model.specification import Specification
from sweeps.definition import Definition
from sweeps.execution.stopping import stopping_rule
from sweeps.objective import START, Course, Objective
from sweeps.procedure import Assignment
from sweeps.strategies import Outcome

MAX_ATTEMPTS = 4  # a trial whose process is lost this often is given up: something about it kills its node
STATUSES = ("finished", "stopped", "diverged", "failed", "out_of_memory", "lost")  # of a trial that ended, best first
Group = tuple[str, int, int]  # level, repeat, replicate: trials that may be stopped early against each other


@dataclass(frozen=True)
class Job:
    """One attempt at one trial, for the runner to train."""

    key: str
    attempt: int
    specification: Specification
    number: int
    continues: bool = False  # an earlier attempt has begun: look for its saved training
    decisions: tuple[int, ...] = ()  # epochs at which it may be stopped early


@dataclass(frozen=True)
class Judged:
    """A trial that came to a decision point and was not stopped there, or ended later: what a scheduler has seen."""

    group: Group
    key: str
    epoch: int
    value: float


@dataclass
class Entry:
    """A proposal and what is known of its trials, by key. One that is the same training as an earlier proposal shares
    that one's ends and is told when that one is."""

    number: int
    assignment: Assignment
    trials: tuple[str, ...]
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    queued: set[str] = field(default_factory=set)
    told: bool = False
    raced: bool = False  # it got no more replicates
    twins: list[Entry] = field(default_factory=list)

    @property
    def open(self) -> list[str]:
        """Trials that have not ended."""
        return [key for key in self.trials if key not in self.ends]

    @property
    def cell(self) -> tuple[str, str, int]:
        """The search that it belongs to."""
        return self.assignment.stage, self.assignment.level, self.assignment.repeat


class Ledger:
    """Entries by number, and of each trial by key: specification, attempts begun, the course of its objective."""

    def __init__(self, definition: Definition) -> None:
        search = definition.search
        self.objective = Objective(search.objective, search.direction, search.objective_at)
        self.sign = 1.0 if search.direction == "minimize" else -1.0
        self.rule = stopping_rule(definition)
        self.entries: dict[int, Entry] = {}
        self.untold: dict[int, Entry] = {}  # those whose outcome the procedure does not know
        self.number_of: dict[str, int] = {}
        self.specifications: dict[str, Specification] = {}
        self.attempts: dict[str, int] = {}
        self.best: float | None = None  # the best value of all searched trials that have finished
        self.scores: list[float] = []  # of the search's points in the order of telling, see `budgets.Spent`
        self.epochs: dict[str, int] = {}  # recorded, by trial of the search
        self.seconds: list[float] = []  # that trials of the search took
        self._courses: dict[str, Course] = {}  # the objective of each trial so far
        self._tested: dict[str, dict[str, float]] = {}  # metrics of confirmed trials on the test part
        self._judged: dict[str, list[Judged]] = {}

    # --- what happened ----------------------------------------------------------------------------------------------

    def enter(self, number: int, assignment: Assignment, trials: Mapping[str, Specification | dict[str, Any]]) -> Entry:
        """A point was proposed."""
        entry = self.entries[number] = self.untold[number] = Entry(number, assignment, tuple(trials))
        for key, given in trials.items():
            self.number_of[key] = number
            self.specifications[key] = (
                given if isinstance(given, Specification) else Specification.from_json(json.dumps(given))
            )
        return entry

    def enter_twin(self, number: int, assignment: Assignment, twin: int) -> Entry:
        """A point that is the same training as an earlier one."""
        first = self.entries[twin]
        entry = self.entries[number] = self.untold[number] = Entry(number, assignment, first.trials, first.ends)
        if not first.told:
            first.twins.append(entry)
        return entry

    def follow(self, key: str, record: Mapping[str, Any]) -> None:
        """A trial recorded an epoch."""
        tested = {name: value for name, value in record["metrics"].items() if name.startswith("test/")}
        if record["epoch"] and tested and all(isinstance(value, int | float) for value in tested.values()):
            self._tested[key] = tested  # nan and inf are words
        self._courses[key] = self.objective.follow(self._courses.get(key, START), record)
        if not self.specifications[key].test:
            epoch, value = int(record["epoch"]), self.value(key)
            self.epochs[key] = max(self.epochs.get(key, 0), epoch)
            if epoch in self.decisions(key) and value is not None:
                self._judged.setdefault(key, []).append(Judged(self.group(key), key, epoch, value))

    def end(self, key: str, body: dict[str, Any]) -> Entry:
        """A trial ended."""
        entry = self.entries[self.number_of[key]]
        entry.ends[key] = body
        if not self.specifications[key].test:
            self.seconds.append(body["seconds"])
            if body["status"] == "finished" and self.objective.better(body["value"], self.best):
                self.best = body["value"]
        return entry

    def told(self, entry: Entry, outcome: Outcome) -> None:
        """The procedure has learnt how a point went."""
        entry.told = True
        self.untold.pop(entry.number, None)
        if entry.assignment.stage == "search":
            self.scores.append(_mean(outcome.values, self.sign) if outcome.status == "finished" else math.inf)

    def race_over(self, entry: Entry, dropped: list[str]) -> None:
        """A point gets no more replicates than it had."""
        entry.raced = True
        entry.trials = tuple(key for key in entry.trials if key not in dropped)

    # --- what follows -----------------------------------------------------------------------------------------------

    def job(self, key: str) -> Job:
        """The next attempt at a trial."""
        before = self.attempts.get(key, 0)
        return Job(
            key, before + 1, self.specifications[key], self.number_of[key], before > 0, tuple(self.decisions(key))
        )

    def decisions(self, key: str) -> tuple[int, ...]:
        """The epochs at which a trial may be stopped early; none of a confirmation."""
        specification = self.specifications[key]
        return () if specification.test else self.rule.points(int(specification.hyperparameters["epochs"]))

    def group(self, key: str) -> Group:
        """Whom a trial may be stopped against: trials of the same search on the same random streams. A level that
        starts slowly is not cut by one that starts fast, nor a replicate by another of its own point."""
        assignment = self.entries[self.number_of[key]].assignment
        return assignment.level, assignment.repeat, self.specifications[key].replicate

    def judged(self) -> Iterator[Judged]:
        """What a scheduler has seen: decision points that trials have gone beyond, or at which they ended.

        One at the very end of what is recorded is left out: the process may have died before it was judged there, and
        it is when the trial goes on.
        """
        for key, points in self._judged.items():
            ended = key in self.entries[self.number_of[key]].ends
            yield from (point for point in points if ended or point.epoch < self.epochs[key])

    def value(self, key: str) -> float | None:
        """What a trial that ends here is worth."""
        return self.objective.value(self._courses.get(key, START))

    def judge(self, key: str, end: Mapping[str, Any]) -> dict[str, Any]:
        """The end of a trial with its value: only a trial with a finite objective at its last epoch has one."""
        value, status = self.value(key), end["status"]
        if status == "finished" and value is None:
            status = "diverged"
        return {
            "status": status,
            "value": value if status in ("finished", "stopped") else None,
            **({"test": self._tested[key]} if key in self._tested and status == "finished" else {}),
            **({"stopped_by": self.rule.kind} if status == "stopped" else {}),
            "epochs": end["epochs"],
            "seconds": end["seconds"],
            "findings": end.get("findings", []),
            "error": end.get("error"),
            "environment": end.get("environment"),
        }

    def outcome(self, entry: Entry) -> Outcome:
        """How a point went, by the worst status of its replicates: one that diverges on one of five seeds diverged."""
        keys = [key for key in entry.trials if key in entry.ends]
        ends = [entry.ends[key] for key in keys]
        status = max((end["status"] for end in ends), key=STATUSES.index)
        values = tuple(end["value"] for end in ends)
        courses = [{point.epoch: point.value for point in self._judged.get(key, ())} for key in keys]
        common = sorted(set.intersection(*(set(course) for course in courses)))
        course = tuple((epoch, math.fsum(course[epoch] for course in courses) / len(courses)) for epoch in common)
        return Outcome(status, values, sum(end["epochs"] for end in ends), course)

    def promised(self) -> int:
        """Epochs still to come at most from points of the search that are not over."""
        keys = {key for each in self.untold.values() if each.assignment.stage == "search" for key in each.open}
        every = {key: int(self.specifications[key].hyperparameters["epochs"]) for key in keys}
        return sum(epochs - self.epochs.get(key, 0) for key, epochs in every.items())

    def by_replicate(self, entry: Entry) -> dict[int, float]:
        """Values of the finished replicates of a point, smaller is better."""
        return {
            self.specifications[key].replicate: self.sign * end["value"]
            for key, end in entry.ends.items()
            if end["status"] == "finished"
        }

    def leader(self, entry: Entry) -> Entry | None:
        """The point of the same search with the best mean over all of its replicates, besides this one."""
        whole = [
            each
            for each in self.entries.values()
            if each.cell == entry.cell and each is not entry and not each.raced and not each.open
        ]
        means = [(_mean(self.outcome(each).values, self.sign), each.number) for each in whole if _is_finished(each)]
        return self.entries[min(means)[1]] if means else None


def _is_finished(entry: Entry) -> bool:
    return all(end["status"] == "finished" for end in entry.ends.values())


def _mean(values: tuple[float | None, ...], sign: float) -> float:
    return sign * math.fsum(value for value in values if value is not None) / len(values)
