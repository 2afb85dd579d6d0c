"""The live state of an execution: jobs go out, what happened comes back.

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
import time
from collections import deque
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from sweeps.definition import Definition
from sweeps.execution import budgets, racing
from sweeps.execution.ledger import MAX_ATTEMPTS, Entry, Group, Job, Judged, Ledger
from sweeps.execution.replaying import replay
from sweeps.execution.stopping import StoppingRule
from sweeps.journal import Event, Journal
from sweeps.objective import Objective
from sweeps.procedure import Assignment, Procedure
from sweeps.strategies import Done, Wait
from sweeps.trial import form_trials


class Execution:
    """The live state of an execution. Every method may be called from any thread."""

    def __init__(
        self,
        journal: Journal,
        definition: Definition,
        procedure: Procedure,
        *,
        slots: int,
        data_digest: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self.definition = definition
        self._procedure = procedure
        self._slots = slots
        self._data_digest = data_digest
        self._ledger = Ledger(definition)
        self._jobs: deque[Job] = deque()
        self._outcomes: deque[Entry] = deque()
        self._running: dict[str, int] = {}  # taken by the runner
        self._begun: set[str] = set()  # of those, the ones a process has begun
        self._done: str | None = None
        self._seen = 0
        self._why: str | None = None
        self._clock = clock
        self._since: float | None = None  # when this process's first trial began
        self._before = 0.0  # seconds that trials ran in earlier processes
        self._state = threading.RLock()
        self._asking = threading.Lock()
        self._news = threading.Event()

    @property
    def objective(self) -> Objective:
        """What trials are judged by."""
        return self._ledger.objective

    @property
    def stopping_rule(self) -> StoppingRule:
        """When trials may be stopped early."""
        return self._ledger.rule

    def group(self, key: str) -> Group:
        """Whom a trial may be stopped against."""
        with self._state:
            return self._ledger.group(key)

    def judged(self) -> list[Judged]:
        """The decision points that trials were let past, or stopped at, before this process."""
        with self._state:
            return list(self._ledger.judged())

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
            self._ledger.attempts[job.key] = job.attempt
        self.wake()
        return job

    def prepare(self) -> bool:
        """Tell the procedure what ended and ask it for as many points as there are slots; `True` if it did anything."""
        with self._asking:
            worked = self._tell_outcomes()
            while self._wants_points() and self._has_budget():
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
            if not self._ledger.specifications[key].test:
                return self._ledger.best
            first = self._ledger.entries[self._ledger.number_of[key]].trials[0] == key
            return None if first else math.inf if self.objective.direction == "maximize" else -math.inf

    @property
    def has_jobs(self) -> bool:
        """Whether a job is queued, or was taken and has not begun."""
        with self._state:
            return bool(self._jobs or self._running.keys() - self._begun)

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
            self._since = self._clock() if self._since is None else self._since
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
                self._ledger.follow(key, record)
            events = [Event("epoch", each, key, attempt, each["epoch"]) for each in records]
            if end is not None:
                body = {**self._ledger.judge(key, end), **(where or {})}
                events.append(Event("ended", body, key, attempt))
            self.journal.append_all(events, durable=end is not None)
            if end is not None:
                self._put_aside(key)
                self._advance(self._ledger.end(key, body))
        self.wake()
        return True

    def lost(self, key: str, attempt: int, why: str) -> bool:
        """An attempt ended through no fault of its trial: the next attempt is queued first, up to MAX_ATTEMPTS. Whether
        that was the last one."""
        with self._state:
            if self._running.get(key) != attempt:
                return False
            self.journal.append("lost", {"why": why}, trial=key, attempt=attempt)
            if attempt >= MAX_ATTEMPTS:
                error = f"lost {attempt} times in a row; last: {why}"
                end = {"status": "lost", "error": error, "seconds": 0.0, "epochs": 0}
                return self.reported(key, attempt, [], end=end)
            self._put_aside(key)
            self._jobs.appendleft(self._ledger.job(key))
            return False

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
        replayed = replay(self.journal, self._ledger, self._procedure)
        self._seen, self._before = replayed.seen, replayed.seconds
        for entry in self._ledger.untold.values():
            self._advance(entry)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _wants_points(self) -> bool:
        ahead = self._slots if self._slots > 1 else 1
        with self._state:
            return self._why is None and self._done is None and len(self._jobs) < ahead

    def _has_budget(self) -> bool:
        """Whether the search may ask for a point now. A budget that is reached ends it, once, in the journal."""
        budget = self.definition.budget
        with self._state:
            if not budget or not self._procedure.searching:
                return True
            ledger, waiting = self._ledger, len(self._jobs) + len(self._running.keys() - self._begun)
            spent = budgets.Spent(
                seconds=self._before + (0.0 if self._since is None else self._clock() - self._since),
                epochs=sum(ledger.epochs.values()),
                promised=ledger.promised(),
                waiting=waiting / self._slots * fmean(ledger.seconds) if ledger.seconds else 0.0,
                scores=ledger.scores,
            )
            answer = budgets.standing(budget, spent, sign=ledger.sign)
            if answer not in (budgets.GO, budgets.WAIT):
                body = {"why": answer, "seconds": spent.seconds, "epochs": spent.epochs, "points": len(ledger.scores)}
                self.journal.append("spent", body)
                self._procedure.end_search(answer)
            return answer != budgets.WAIT

    def _tell_outcomes(self) -> bool:
        worked = False
        while True:
            with self._state:
                if not self._outcomes:
                    return worked
                entry = self._outcomes[0]
            outcome = self._ledger.outcome(entry)
            self._procedure.tell(entry.number, outcome)
            body = {"number": entry.number, "outcome": outcome.described()}
            with self._state:
                self._seen = self.journal.append("told", body)
                self._ledger.told(entry, outcome)
                self._outcomes.popleft()
                self._outcomes.extend(entry.twins)
            worked = True

    def _propose(self, assignment: Assignment) -> None:
        number = len(self._ledger.entries) + 1
        trials = form_trials(
            self.definition,
            assignment.point,
            assignment.replicates,
            data_digest=self._data_digest,
            test=assignment.stage == "confirmation",
        )
        fresh = [trial for trial in trials if trial.key not in self._ledger.number_of]
        body: dict[str, Any] = {
            "number": number,
            "seen": self._seen,
            **assignment.described(),
        }
        with self._state:
            if not fresh:
                twin = self._ledger.number_of[trials[0].key]
                why = f"the same training as proposal {twin}"
                self.journal.append("skipped", {**body, "twin": twin, "why": why})
                entry = self._ledger.enter_twin(number, assignment, twin)
                if self._ledger.entries[twin].told:
                    self._outcomes.append(entry)
                return
            body["trials"] = [
                {"key": t.key, "replicate": t.replicate, "specification": json.loads(t.specification.to_json())}
                for t in fresh
            ]
            self.journal.append("proposed", body)
            self._advance(self._ledger.enter(number, assignment, {t.key: t.specification for t in fresh}))

    def _advance(self, entry: Entry) -> None:
        """Queue the trials of a point that are due, and its outcome when all have ended."""
        ledger = self._ledger
        if entry.trials and ledger.number_of[entry.trials[0]] != entry.number:  # it shares another proposal's trials
            if ledger.entries[ledger.number_of[entry.trials[0]]].told:
                self._outcomes.append(entry)
            return
        if not entry.open:
            self._outcomes.append(entry)
            return
        due = entry.open
        if self.definition.search.racing and entry.assignment.stage == "search":
            begun = [key for key in due if key in entry.queued or ledger.attempts.get(key)]
            if not begun and entry.ends and self._is_out(entry):
                self._outcomes.append(entry)
                return
            due = begun or due[: max(1, racing.FIRST - len(entry.ends))]
        for key in due:
            if key not in entry.queued:
                entry.queued.add(key)
                self._jobs.append(ledger.job(key))

    def _is_out(self, entry: Entry) -> bool:
        """Whether a point gets no more replicates: it is clearly worse than the best, or has lost one already."""
        leader, p = self._ledger.leader(entry), 1.0
        why = next((end["status"] for end in entry.ends.values() if end["status"] != "finished"), "")
        if not why and leader is not None:
            values = (self._ledger.by_replicate(each) for each in (entry, leader))
            p = racing.worse(*values, replicates=len(entry.assignment.replicates))
        if not why and p >= racing.ALPHA:
            return False
        dropped = entry.open
        body = {"number": entry.number, "after": len(entry.ends), "why": why or "clearly worse", "dropped": dropped}
        against = {} if why or leader is None else {"against": leader.number, "p": p}
        self.journal.append("raced", {**body, **against})
        self._ledger.race_over(entry, dropped)
        return True

    def _put_aside(self, key: str) -> None:
        self._running.pop(key, None)
        self._begun.discard(key)
