"""One execution of a definition: which training comes next, and what became of each.

This module knows the journal and the procedure, and nothing of Ray: the runner takes jobs from it and brings back what
happened.

    procedure --ask--> assignment -> trials (one a replicate) -> Job --runner--> started, epochs, ended | lost
        ^                                                                           |
        +--tell-- outcome (when every replicate of the point has ended) <-----------+

The procedure is asked and told in one place (`prepare`) and in an order the journal records, so that a later process
brings a fresh one into the same state by replaying `proposed` and `told` events. With one slot `prepare` runs
when a job is wanted, and a serial sweep resumes onto the very same points; with more slots a thread of the runner
calls it while trials run.
"""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.specification import Specification
from sweeps.definition import Definition
from sweeps.journal import Event, Journal
from sweeps.objective import START, Course, Objective
from sweeps.procedure import Assignment, Procedure
from sweeps.space import Point
from sweeps.strategies import Done, Outcome, Wait
from sweeps.trial import form_trials

MAX_ATTEMPTS = 4  # a trial whose process is lost this often is given up: something about it kills its node
STATUSES = ("finished", "stopped", "diverged", "failed", "out_of_memory", "lost")  # of a trial that ended, best first


@dataclass(frozen=True)
class Job:
    """One attempt at one trial, for the runner to train."""

    key: str
    attempt: int
    specification: Specification
    number: int
    continues: bool = False  # an earlier attempt has begun: look for its saved training


@dataclass
class _Entry:
    """A proposal and what is known of its trials, by key. One that is the same training as an earlier proposal shares
    that one's ends and is told when that one is."""

    number: int
    point: Point
    trials: tuple[str, ...]
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: bool = False
    twins: list[_Entry] = field(default_factory=list)


class Execution:
    """The live state of an execution. Every method may be called from any thread."""

    def __init__(
        self, journal: Journal, definition: Definition, procedure: Procedure, *, slots: int, data_digest: str
    ) -> None:
        self.journal = journal
        self.definition = definition
        self._procedure = procedure
        self._slots = slots
        self._data_digest = data_digest
        self._entries: dict[int, _Entry] = {}
        self._number_of: dict[str, int] = {}
        self._specifications: dict[str, Specification] = {}
        self._attempts: dict[str, int] = {}
        self._tested: dict[str, dict[str, float]] = {}  # metrics of confirmed trials on the test part
        search = definition.search
        self.objective = Objective(search.objective, search.direction, search.objective_at)
        self._courses: dict[str, Course] = {}  # the objective of each trial so far
        self._best: float | None = None  # the best value of all searched trials that have ended
        self._jobs: deque[Job] = deque()
        self._outcomes: deque[_Entry] = deque()
        self._running: dict[str, int] = {}  # taken by the runner
        self._begun: set[str] = set()  # of those, the ones a process has begun
        self._done: str | None = None
        self._seen = 0
        self._why: str | None = None
        self._state = threading.RLock()
        self._asking = threading.Lock()
        self._news = threading.Event()

    # --- what the runner asks -------------------------------------------------------------------------------------

    def take(self) -> Job | None:
        """The next job, now running; `None` when there is none at this moment."""
        if self._slots == 1:
            self.prepare()
        with self._state:
            if self._why is not None or not self._jobs:
                return None
            job = self._jobs.popleft()
            self._running[job.key] = job.attempt
            self._attempts[job.key] = job.attempt
        self.wake()
        return job

    def prepare(self) -> bool:
        """Tell the procedure what ended and ask it for as many points as there are slots; `True` if it did anything."""
        with self._asking:
            worked = self._tell_outcomes()
            while self._wants_points():
                answer = self._procedure.ask()
                worked = True
                if isinstance(answer, Wait):
                    break
                if isinstance(answer, Done):
                    with self._state:
                        self._done = answer.reason
                    break
                self._propose(answer)
            return worked

    def to_beat(self, key: str) -> float | None:
        """The value that a trial's network must beat to be kept; None: keep it. Of a confirmed point the first is."""
        with self._state:
            if not self._specifications[key].test:
                return self._best
            first = self._entries[self._number_of[key]].trials[0] == key
            return None if first else math.inf if self.objective.direction == "maximize" else -math.inf

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing more will come."""
        with self._state:
            if self._why is not None:
                return not self._begun
            return self._done is not None and not (self._running or self._jobs or self._outcomes)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._why is not None

    @property
    def why(self) -> str:
        """Why it ended, in one word or sentence, for the journal's `closed`."""
        return self._why or self._done or "unfinished"

    def stop(self, why: str) -> None:
        """Take no more jobs; what runs is left to end."""
        with self._state:
            self._why = self._why or why

    # --- what the runner reports ----------------------------------------------------------------------------------

    def started(self, key: str, attempt: int) -> None:
        """An attempt has begun."""
        with self._state:
            self._begun.add(key)
            self.journal.append("started", {}, trial=key, attempt=attempt)

    def reported(
        self,
        key: str,
        attempt: int,
        records: list[dict[str, Any]],
        *,
        end: Mapping[str, Any] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record what an attempt said: the epochs since its last word and, at last, its `end`.

        Args:
            records: epoch records as JSON objects; one that is in the journal already stays as it was.
            end: `status`, `epochs`, `seconds`, and if any `findings`, `error` and `environment`.
            where: `node` and `pid` of the process.

        Returns:
            `False`, and nothing is recorded, when a later attempt has taken over.
        """
        with self._state:
            if self._running.get(key) != attempt:
                return False
            for record in records:
                self._note_value(key, record)
            events = [Event("epoch", each, key, attempt, each["epoch"]) for each in records]
            if end is not None:
                body = {**self._judge(key, end), **(where or {})}
                events.append(Event("ended", body, key, attempt))
            self.journal.append_all(events, durable=end is not None)
            if end is not None:
                self._put_aside(key)
                self._close_trial(key, body)
                self._note_best(key, body)
        self.wake()
        return True

    def lost(self, key: str, attempt: int, why: str) -> None:
        """An attempt ended through no fault of its trial: the next attempt is queued first, up to MAX_ATTEMPTS."""
        with self._state:
            if self._running.get(key) != attempt:
                return
            self.journal.append("lost", {"why": why}, trial=key, attempt=attempt)
            if attempt >= MAX_ATTEMPTS:
                error = f"lost {attempt} times in a row; last: {why}"
                self.reported(key, attempt, [], end={"status": "lost", "error": error, "seconds": 0.0, "epochs": 0})
                return
            self._put_aside(key)
            self._jobs.appendleft(self._job(key))

    def interrupted(self, key: str, attempt: int) -> None:
        """A running attempt was saved and put down; a later process takes the trial up again."""
        with self._state:
            if self._running.get(key) == attempt:
                self._put_aside(key)

    def wait_for_news(self, seconds: float) -> None:
        """Sleep until something was reported, at most so long."""
        self._news.wait(seconds)
        self._news.clear()

    def wake(self) -> None:
        """End the sleep of whoever waits for news."""
        self._news.set()

    @property
    def running(self) -> dict[str, int]:
        """Attempts under way: trial key to attempt number."""
        with self._state:
            return dict(self._running)

    # --- resuming ---------------------------------------------------------------------------------------------------

    def replay(self) -> None:
        """Bring this fresh object and its procedure to where the journal stands."""
        started: dict[str, int] = {}
        for event in self.journal.events(kinds=("proposed", "skipped", "started", "epoch", "ended", "told")):
            body = event.body
            if event.kind == "proposed":
                self._procedure.remember(Assignment.of(body))
                self._enter(
                    body["number"], Point(body["point"]), {t["key"]: t["specification"] for t in body["trials"]}
                )
            elif event.kind == "skipped":
                self._procedure.remember(Assignment.of(body))
                self._enter_twin(body["number"], Point(body["point"]), body["twin"])
            elif event.kind == "told":
                entry = self._entries[body["number"]]
                told = body["outcome"]
                self._procedure.tell(entry.number, Outcome(told["status"], tuple(told["values"]), told["epochs"]))
                entry.told, self._seen = True, event.sequence
            elif event.trial is not None and event.kind == "started":
                started[event.trial] = max(started.get(event.trial, 0), event.attempt or 1)
            elif event.trial is not None and event.kind == "epoch":
                self._note_value(event.trial, body)
            elif event.trial is not None:
                self._entries[self._number_of[event.trial]].ends[event.trial] = body
                self._note_best(event.trial, body)
        self._attempts.update(started)
        for entry in self._entries.values():
            waiting = [key for key in entry.trials if key not in entry.ends]
            self._jobs.extend(self._job(key) for key in waiting if self._number_of[key] == entry.number)
            if not waiting and not entry.told:
                self._outcomes.append(entry)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _wants_points(self) -> bool:
        ahead = self._slots if self._slots > 1 else 1
        with self._state:
            return self._why is None and self._done is None and len(self._jobs) < ahead

    def _tell_outcomes(self) -> bool:
        worked = False
        while True:
            with self._state:
                if not self._outcomes:
                    return worked
                entry = self._outcomes[0]
            outcome = self._outcome(entry)
            self._procedure.tell(entry.number, outcome)
            body = {
                "number": entry.number,
                "outcome": {"status": outcome.status, "values": list(outcome.values), "epochs": outcome.epochs},
            }
            with self._state:
                self._seen = self.journal.append("told", body)
                entry.told = True
                self._outcomes.popleft()
                self._outcomes.extend(entry.twins)
            worked = True

    def _propose(self, assignment: Assignment) -> None:
        number = len(self._entries) + 1
        trials = form_trials(
            self.definition,
            assignment.point,
            assignment.replicates,
            data_digest=self._data_digest,
            test=assignment.stage == "confirmation",
        )
        fresh = [trial for trial in trials if trial.key not in self._number_of]
        body: dict[str, Any] = {
            "number": number,
            "seen": self._seen,
            **assignment.described(),
        }
        with self._state:
            if not fresh:
                twin = self._number_of[trials[0].key]
                why = f"the same training as proposal {twin}"
                self.journal.append("skipped", {**body, "twin": twin, "why": why})
                self._enter_twin(number, assignment.point, twin)
                return
            body["trials"] = [
                {"key": t.key, "replicate": t.replicate, "specification": json.loads(t.specification.to_json())}
                for t in fresh
            ]
            self.journal.append("proposed", body)
            self._enter(number, assignment.point, {t.key: t.specification for t in fresh})
            self._jobs.extend(self._job(trial.key) for trial in fresh)

    def _enter(self, number: int, point: Point, trials: Mapping[str, Specification | dict[str, Any]]) -> None:
        self._entries[number] = _Entry(number, point, tuple(trials))
        for key, given in trials.items():
            self._number_of[key] = number
            self._specifications[key] = (
                given if isinstance(given, Specification) else Specification.from_json(json.dumps(given))
            )

    def _enter_twin(self, number: int, point: Point, twin: int) -> None:
        first = self._entries[twin]
        entry = self._entries[number] = _Entry(number, point, first.trials, first.ends)
        if first.told:
            self._outcomes.append(entry)
        else:
            first.twins.append(entry)

    def _job(self, key: str) -> Job:
        before = self._attempts.get(key, 0)
        return Job(key, before + 1, self._specifications[key], self._number_of[key], continues=before > 0)

    def _note_best(self, key: str, end: Mapping[str, Any]) -> None:
        if not self._specifications[key].test and self.objective.better(end["value"], self._best):
            self._best = end["value"]

    def _put_aside(self, key: str) -> None:
        self._running.pop(key, None)
        self._begun.discard(key)

    def _judge(self, key: str, end: Mapping[str, Any]) -> dict[str, Any]:
        """The end of a trial with its value: only a trial that came to its end with a finite objective has one."""
        value, status = self._value(key), end["status"]
        if status == "finished" and value is None:
            status = "diverged"
        return {
            "status": status,
            "value": value if status in ("finished", "stopped") else None,
            **({"test": self._tested[key]} if key in self._tested and status == "finished" else {}),
            "epochs": end["epochs"],
            "seconds": end["seconds"],
            "findings": end.get("findings", []),
            "error": end.get("error"),
            "environment": end.get("environment"),
        }

    def _close_trial(self, key: str, end: dict[str, Any]) -> None:
        entry = self._entries[self._number_of[key]]
        entry.ends[key] = end
        if len(entry.ends) == len(entry.trials):
            self._outcomes.append(entry)

    def _outcome(self, entry: _Entry) -> Outcome:
        """The worst status of its replicates: a point that diverges on one of five seeds has diverged."""
        ends = [entry.ends[key] for key in entry.trials]
        status = max((end["status"] for end in ends), key=STATUSES.index)
        return Outcome(
            status=status, values=tuple(end["value"] for end in ends), epochs=sum(end["epochs"] for end in ends)
        )

    def _note_value(self, key: str, record: Mapping[str, Any]) -> None:
        tested = {name: value for name, value in record["metrics"].items() if name.startswith("test/")}
        if record["epoch"] and tested and all(isinstance(value, int | float) for value in tested.values()):
            self._tested[key] = tested  # nan and inf are words
        self._courses[key] = self.objective.follow(self._courses.get(key, START), record)

    def _value(self, key: str) -> float | None:
        return self.objective.value(self._courses.get(key, START))
