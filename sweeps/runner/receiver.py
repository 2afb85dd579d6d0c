"""Saved trainings and trained networks come home, to an actor on the driver's node.

It writes them, journals them and only then says so.

A training is worth keeping when the process or the node that made it is gone, so it never lies in an object that this
process owns, nor on a disk of its node.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sweeps.journal import Event, Journal
from sweeps.networks import keep_network
from sweeps.storage import write_whole


class Receiver:
    """Keeps the last saved training of each running trial in `folder`, and in `networks` what became the best."""

    def __init__(self, journal: str, folder: str, networks: str) -> None:
        self._journal = Journal.open(Path(journal))
        self._folder, self._networks = Path(folder), Path(networks)
        self._stopping = False
        self._arrived: set[tuple[str, int]] = set()

    def arrive(self, node: str, pid: int) -> int:
        """A process of trials is ready; returns how many are."""
        self._arrived.add((node, pid))
        return len(self._arrived)

    def stop(self) -> None:
        """From now on running trials are saved and put down."""
        self._stopping = True

    def is_stopping(self) -> bool:
        """Whether a running trial should be saved and put down."""
        return self._stopping

    def _is_replaced(self, key: str, attempt: int) -> bool:
        begun = [e.attempt or 0 for e in self._journal.events(kinds=("started",)) if e.trial == key]
        return max(begun, default=attempt) > attempt

    def keep(self, key: str, attempt: int, epoch: int, records: list[dict[str, Any]], saved: bytes) -> bool:
        """Keep a training saved after `epoch`; `False` when a later attempt has begun and this one's word no longer
        counts.

        Its epochs are journalled with it, so that a training never continues from an epoch the journal has not seen.
        """
        if self._is_replaced(key, attempt):
            return False
        file = self._folder / f"{key}.npz"
        write_whole(file, saved)
        note = {"file": file.name, "sha256": hashlib.sha256(saved).hexdigest(), "bytes": len(saved)}
        epochs = [Event("epoch", record, key, attempt, record["epoch"]) for record in records]
        self._journal.append_all([*epochs, Event("saved", note, key, attempt, epoch)], durable=True)
        return True

    def keep_network(self, key: str, attempt: int, epoch: int, value: float, network: bytes) -> bool:
        """Keep the trained network of a trial that is about to end with the best value so far; `False` as in `keep`.

        Nobody waits for the disk: what a power cut takes is trained again, to the same last bit.
        """
        if self._is_replaced(key, attempt):
            return False
        keep_network(self._journal, self._networks, key, network, value=value, attempt=attempt, epoch=epoch)
        return True

    def resume(self, key: str) -> tuple[bytes | None, list[dict[str, Any]]]:
        """The last whole saved training of a trial and its epoch records up to there; `None` when there is none."""
        notes = [event for event in self._journal.events(kinds=("saved",)) if event.trial == key]
        file = self._folder / f"{key}.npz"
        if not notes or not file.is_file():
            return None, []
        saved = file.read_bytes()
        matching = [note for note in notes if note.body["sha256"] == hashlib.sha256(saved).hexdigest()]
        if not matching:
            return None, []  # written but not journalled before the kill, or damaged: begin again rather than guess
        last = matching[-1].epoch or 0
        records = [e.body for e in self._journal.events(kinds=("epoch",)) if e.trial == key and (e.epoch or 0) <= last]
        return saved, records
