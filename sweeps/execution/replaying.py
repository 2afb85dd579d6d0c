"""Resuming is replaying: a journal's events bring a fresh ledger and a fresh procedure to where they stood."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.execution.ledger import Ledger
from sweeps.journal import Journal
from sweeps.procedure import Assignment, Procedure
from sweeps.strategies import Outcome

KINDS = ("resumed", "proposed", "skipped", "started", "epoch", "ended", "raced", "spent", "told")


@dataclass
class Replayed:
    """`seen` is the sequence number of the last outcome that the procedure was told; `seconds` the search ran for."""

    seen: int = 0
    seconds: float = 0.0


def replay(journal: Journal, ledger: Ledger, procedure: Procedure) -> Replayed:
    """Fold the whole journal; what was proposed and told comes back in the order in which it was."""
    replayed, clock = Replayed(), _Clock()
    for event in journal.events(kinds=KINDS):
        body = event.body
        clock.hear(event.kind, event.at, extends=bool(body.get("extend")))
        if event.kind == "proposed":
            assignment = Assignment.of(body)
            procedure.remember(assignment)
            ledger.enter(body["number"], assignment, {t["key"]: t["specification"] for t in body["trials"]})
        elif event.kind == "skipped":
            assignment = Assignment.of(body)
            procedure.remember(assignment)
            ledger.enter_twin(body["number"], assignment, body["twin"])
        elif event.kind == "told":
            entry, outcome = ledger.entries[body["number"]], Outcome.of(body["outcome"])
            procedure.tell(entry.number, outcome)
            ledger.told(entry, outcome)
            replayed.seen = event.sequence
        elif event.kind == "raced":
            ledger.race_over(ledger.entries[body["number"]], body["dropped"])
        elif event.kind == "spent":
            procedure.end_search(body["why"])
        elif event.kind == "resumed" and body.get("extend"):
            procedure.reopen()
        elif event.trial is not None:
            _follow(ledger, event.kind, event.trial, event.attempt or 1, body)
    replayed.seconds = clock.seconds
    return replayed


def _follow(ledger: Ledger, kind: str, key: str, attempt: int, body: dict[str, object]) -> None:
    if kind == "started":
        ledger.attempts[key] = max(ledger.attempts.get(key, 0), attempt)
    elif kind == "epoch":
        ledger.follow(key, body)
    else:
        ledger.end(key, body)


@dataclass
class _Clock:
    """Seconds of the search: from each process's first trial to its last word, or until a budget was reached, for what
    follows is the confirmation's. The events' clock may jump; it never runs backwards here."""

    seconds: float = 0.0
    running: bool = False
    over: bool = False
    last: float = 0.0

    def hear(self, kind: str, at: float, *, extends: bool) -> None:
        if kind == "resumed":
            self.running = False
            self.over = self.over and not extends
        elif self.running:
            self.seconds += max(0.0, at - self.last)
        elif kind == "started":
            self.running = not self.over
        if kind == "spent":
            self.running, self.over = False, True
        self.last = at
