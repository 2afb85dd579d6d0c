"""What a journal says of an execution and its trials, folded one event at a time.

Only what is not yet in MLflow is kept: a trial that is whole there loses its records, so that following a long sweep
takes the memory of its running trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sweeps.journal import Event

STORY = (
    "opened",
    "resumed",
    "proposed",
    "skipped",
    "started",
    "network",
    "ended",
    "lost",
    "raced",
    "closed",
)  # all but the records


@dataclass(frozen=True)
class Record:
    """One epoch record: when it was journalled (seconds since 1970) and what it says (`EpochRecord.to_dict`)."""

    epoch: int
    at: float
    body: dict[str, Any]

    @property
    def has_picture(self) -> bool:
        return bool(self.body.get("activations"))


@dataclass(frozen=True)
class Proposal:
    """A point that was proposed, its trials' keys, and what it belongs to: a search or a confirmation, of which level
    and repeat of a comparison ("" and 0 where nothing is compared)."""

    number: int
    point: Mapping[str, Any]
    reason: Mapping[str, Any]
    seen: int
    keys: tuple[str, ...]
    stage: str = "search"
    level: str = ""
    repeat: int = 0


@dataclass
class Trial:
    """One trial so far."""

    key: str
    replicate: int
    replicates: int
    specification: Mapping[str, Any]
    proposal: Proposal
    attempts: int = 0
    node: str | None = None
    began: float | None = None
    lost: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    end: Event | None = None

    @property
    def status(self) -> str:
        if self.end is not None:
            return str(self.end.body["status"])
        return "running" if self.began is not None else "waiting"

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.specification["hyperparameters"]
        return given


@dataclass
class History:
    """One execution so far. `through` is the sequence number of the last event that was folded."""

    opened: Event | None = None
    resumed: list[Event] = field(default_factory=list)
    closed: Event | None = None
    skipped: list[dict[str, Any]] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    trials: dict[str, Trial] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)  # keys whose run is whole in MLflow; their records are not kept
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)  # by key: the note of a trained network's file
    through: int = 0

    @property
    def execution(self) -> str:
        return str(self.opening["execution"])

    @property
    def definition(self) -> str:
        return str(self.opening["definition"]["name"])

    @property
    def opening(self) -> dict[str, Any]:
        """The body of the first event."""
        if self.opened is None:
            raise ValueError("no event was folded yet")
        return self.opened.body

    @property
    def environment(self) -> dict[str, Any]:
        """Of the process that runs the execution now, or ran it last."""
        last = self.resumed[-1] if self.resumed else self.opened
        return dict(last.body.get("environment") or {}) if last is not None else {}

    def add(self, event: Event) -> Trial | None:
        """Fold one event; returns the trial it is about, if any."""
        self.through = max(self.through, event.sequence)
        body = event.body
        if event.kind == "opened":
            self.opened = event
        elif event.kind == "resumed":
            self.resumed.append(event)
            self.closed = None
        elif event.kind == "closed":
            self.closed = event
        elif event.kind == "skipped":
            told = ("number", "point", "why", "twin", "reason", "stage", "level", "repeat")
            self.skipped.append({name: body[name] for name in told if name in body})
        elif event.kind == "proposed":
            self._propose(body)
        elif event.kind == "raced":
            self._drop(body["number"], body["dropped"])
        trial = self.trials.get(event.trial) if event.trial else None
        if trial is not None:
            self._tell(trial, event)
        return trial

    def counts(self) -> dict[str, int]:
        """Trials by status."""
        found: dict[str, int] = {}
        for trial in self.trials.values():
            found[trial.status] = found.get(trial.status, 0) + 1
        return dict(sorted(found.items()))

    def running(self) -> Iterator[Trial]:
        """Trials that began and have not ended."""
        return (trial for trial in self.trials.values() if trial.began is not None and trial.end is None)

    def forget(self, trial: Trial) -> None:
        """The trial is whole in MLflow: let its records go."""
        self.whole.add(trial.key)
        trial.records = []

    def _propose(self, body: dict[str, Any]) -> None:
        keys = tuple(each["key"] for each in body["trials"])
        role = {name: body[name] for name in ("stage", "level", "repeat") if name in body}
        proposal = Proposal(body["number"], body["point"], body["reason"], body.get("seen", 0), keys, **role)
        self.proposals.append(proposal)
        for each in body["trials"]:
            trial = Trial(each["key"], each["replicate"], len(keys), each["specification"], proposal)
            self.trials.setdefault(trial.key, trial)

    def _drop(self, number: int, dropped: list[str]) -> None:
        """A point gets no more replicates: those that will not be trained were never trials."""
        for key in dropped:
            self.trials.pop(key, None)
        self.proposals = [
            replace(each, keys=tuple(key for key in each.keys if key not in dropped)) if each.number == number else each
            for each in self.proposals
        ]

    def _tell(self, trial: Trial, event: Event) -> None:
        body = event.body
        trial.attempts = max(trial.attempts, event.attempt or 0)
        trial.node = body.get("node") or trial.node
        if event.kind in ("started", "epoch", "ended") and trial.began is None:
            trial.began = event.at
        if event.kind == "epoch" and trial.key not in self.whole and event.epoch is not None:
            trial.records.append(Record(event.epoch, event.at, body))
        elif event.kind == "network":
            self.networks[trial.key] = body
        elif event.kind == "lost":
            trial.lost.append({"attempt": event.attempt, "why": body.get("why", ""), "at": event.at})
        elif event.kind == "ended":
            trial.end = event
