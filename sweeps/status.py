"""How an execution stands, read from its journal: the same fold for the live view, `sweep status`, `sweep results` and
its JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from sweeps.journal import KINDS, Event, Journal

GOOD = ("finished", "stopped")  # ends that have a value
_FOLDED = tuple(kind for kind in KINDS if kind not in ("epoch", "saved", "told"))


@dataclass
class TrialStatus:
    """One trial: what it trains, how far it is, how it ended. `status` is waiting, running, or how it ended."""

    key: str
    order: int
    replicate: int
    point: dict[str, Any]
    stage: str = "search"
    level: str = ""
    status: str = "waiting"
    attempts: int = 0
    epoch: int = 0
    value: float | None = None
    score: float | None = None  # on the test part: a confirmation's
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    node: str | None = None


@dataclass(frozen=True)
class Confirmed:
    """A point on fresh replicates: its scores on the test part, and how many replicates gave none."""

    level: str
    point: dict[str, Any]
    scores: tuple[float, ...]
    without: int

    @property
    def mean(self) -> float:
        """Mean score; nan without any."""
        return math.fsum(self.scores) / len(self.scores) if self.scores else math.nan


@dataclass
class Status:
    """The state of an execution after the events folded so far. Times in seconds since 1970."""

    execution: str = ""
    definition: dict[str, Any] = field(default_factory=dict)
    objective: str = ""
    direction: str = "minimize"
    measure: str = ""
    planned: int | None = None  # trials in all, where that is known beforehand
    slots: int = 1
    data: dict[str, Any] = field(default_factory=dict)
    trials: dict[str, TrialStatus] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)  # keys in the order of their ends
    skipped: int = 0
    closed: str | None = None
    opened_at: float = 0.0
    first_start: float | None = None
    last_at: float = 0.0
    sequence: int = 0
    spent: bool = False  # whether a budget has ended the search
    held: bool = True  # whether a live process works on it
    _paused: float = 0.0  # seconds between a process's last word and the next one's first trial
    _resuming: float | None = None  # since when, until the next one's first trial

    def catch_up(self, journal: Journal) -> None:
        """Fold what the journal has gained since the last time."""
        self.update(journal.events(self.sequence, kinds=_FOLDED))
        for event in journal.latest_epochs():
            if event.trial in self.trials:
                self._on_epoch(event)

    def update(self, events: Iterable[Event]) -> None:
        """Fold further events, in order."""
        for event in events:
            getattr(self, f"_on_{event.kind}", _ignore)(event)
            self.sequence = event.sequence
            self.last_at = max(self.last_at, event.at)

    def _on_opened(self, event: Event) -> None:
        body = event.body
        self.execution, self.definition, self.data = body["execution"], body["definition"], body["data"]
        self.objective, self.direction = body["objective"], body["direction"]
        self.measure = body.get("measure", "")
        self.planned, self.slots, self.opened_at = body["planned"], body["slots"], event.at

    def _on_resumed(self, event: Event) -> None:
        self.slots, self.closed = event.body["slots"], None
        self.planned = event.body.get("planned", self.planned)
        if self.first_start is not None and self._resuming is None:
            self._resuming = self.last_at
        if event.body.get("extend"):  # by how much a budget in the definition no longer says
            self.definition, self.spent = {**self.definition, "budget": None}, False
        for trial in self.trials.values():
            if trial.status == "running":
                trial.status = "waiting"

    def _on_proposed(self, event: Event) -> None:
        body = event.body
        for trial in body["trials"]:
            self.trials[trial["key"]] = TrialStatus(
                trial["key"],
                body["number"],
                trial["replicate"],
                body["point"],
                body.get("stage", "search"),
                body.get("level", ""),
            )

    def _on_skipped(self, event: Event) -> None:
        self.skipped += 1

    def _on_started(self, event: Event) -> None:
        trial = self._trial(event)
        trial.status, trial.attempts = "running", event.attempt or 1
        if self.first_start is None:
            self.first_start = event.at
        if self._resuming is not None:
            self._paused += max(0.0, event.at - self._resuming)
            self._resuming = None

    def _on_epoch(self, event: Event) -> None:
        trial = self._trial(event)
        if trial.status not in ("waiting", "running"):
            return
        trial.epoch = max(trial.epoch, event.epoch or 0)
        value = event.body["metrics"].get(self.objective)
        if isinstance(value, int | float) and math.isfinite(value) and trial.epoch > 0:
            trial.value = float(value)

    def _on_lost(self, event: Event) -> None:
        self._trial(event).status = "waiting"

    def _on_ended(self, event: Event) -> None:
        trial, body = self._trial(event), event.body
        trial.status, trial.value, trial.seconds = body["status"], body["value"], body["seconds"]
        trial.findings, trial.error, trial.node = body["findings"], body["error"], body.get("node")
        trial.score = (body.get("test") or {}).get(self.measure)
        trial.epoch = body["epochs"]
        self.ended.append(trial.key)

    def _on_raced(self, event: Event) -> None:
        for key in event.body["dropped"]:
            self.trials.pop(key, None)

    def _on_spent(self, event: Event) -> None:
        self.spent = True

    def _on_closed(self, event: Event) -> None:
        self.closed = event.body["why"]

    def _trial(self, event: Event) -> TrialStatus:
        return self.trials[str(event.trial)]

    # --- what people ask ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """finished, interrupted, running, or killed: not closed, and no live process works on it."""
        if self.closed is None:
            return "running" if self.held else "killed"
        return "interrupted" if self.closed == "interrupted" else "finished"

    @property
    def total(self) -> int | None:
        """Trials in all, where that is known: at the end, or once a budget has ended the search, those that there are.
        An extension may confirm more points than were planned."""
        if self.spent or self.state == "finished":
            return len(self.trials)
        return None if self.planned is None else max(self.planned, len(self.trials))

    def counts(self) -> dict[str, int]:
        """Trials by status."""
        return dict(Counter(trial.status for trial in self.trials.values()))

    def best(self, n: int = 1) -> list[TrialStatus]:
        """The n trials of the search with the best value, best first; only those that finished are among them."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        searched = [trial for trial in self.trials.values() if trial.stage == "search" and trial.status == "finished"]
        valued = [(trial.value, trial) for trial in searched if trial.value is not None]
        return [
            trial
            for _, trial in sorted(valued, key=lambda pair: (sign * pair[0], pair[1].order, pair[1].replicate))[:n]
        ]

    def confirmed(self) -> list[Confirmed]:
        """The points that were trained on fresh replicates, with their scores on the test part, best mean first. A
        replicate without a score counts against its point: such points come last."""
        found: dict[int, list[TrialStatus]] = {}
        for trial in self.trials.values():
            if trial.stage == "confirmation" and trial.status not in ("waiting", "running"):
                found.setdefault(trial.order, []).append(trial)
        rows = []
        for trials in found.values():
            scores = tuple(trial.score for trial in trials if trial.score is not None)
            rows.append(Confirmed(trials[0].level, trials[0].point, scores, len(trials) - len(scores)))
        sign = 1.0 if self.measure.endswith("loss") else -1.0
        return sorted(rows, key=lambda row: (row.without, sign * row.mean))

    def failures(self) -> list[TrialStatus]:
        """Trials that ended without a value, latest first."""
        return [self.trials[key] for key in reversed(self.ended) if self.trials[key].status not in GOOD]

    def left(self, now: float) -> float | None:
        """Seconds until all trials have ended, or a budget of the search is reached, at the pace so far; None while
        nothing has ended, or until a trial begins after a pause."""
        if not self.ended or self.first_start is None or self.closed is not None or self._resuming is not None:
            return None
        elapsed, ends = max(0.0, now - self.first_start - self._paused), list[float]()
        if self.total is not None:
            ends.append(elapsed / len(self.ended) * max(0, self.total - len(self.ended)))
        budget = self.definition.get("budget") or {}
        if not self.spent:
            if budget.get("seconds"):
                ends.append(max(0.0, budget["seconds"] - elapsed))
            trained = sum(trial.epoch for trial in self.trials.values())
            if budget.get("epochs") and trained:
                ends.append(elapsed / trained * max(0, budget["epochs"] - trained))
        return min(ends, default=None)

    def to_dict(self, now: float) -> dict[str, Any]:
        """The status as JSON: what `sweep status --json` prints."""
        return {
            "execution": self.execution,
            "state": self.state,
            "closed": self.closed,
            "planned": self.total,
            "counts": self.counts(),
            "skipped": self.skipped,
            "objective": self.objective,
            "direction": self.direction,
            "seconds_left": self.left(now),
            "best": [asdict(trial) for trial in self.best(3)],
            "measure": self.measure,
            "confirmed": [asdict(row) | {"mean": row.mean} for row in self.confirmed()],
            "failures": [asdict(trial) for trial in self.failures()],
        }


def read_status(journal: Journal) -> Status:
    """The status of everything the journal holds now."""
    status = Status()
    status.catch_up(journal)
    return status


def _ignore(event: Event) -> None:
    """Events that change nothing a person asks about."""
