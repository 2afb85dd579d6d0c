"""Trained networks that were the best of their execution when they ended: files beside the journal, noted in it.

The file is written first and noted then, so a note whose sha256 fits has a whole file. Where the best trial's is gone
(a power cut, a deleted folder), its training can be repeated to the last bit: `train_again`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.specification import Specification
from model.splitting import Split
from model.training import Training
from sweeps.journal import Event, Journal
from sweeps.objective import START, Objective
from sweeps.storage import write_whole


class NotTheSame(Exception):
    """A training that was repeated and gave other numbers, as on another machine or with other versions."""


@dataclass(frozen=True)
class Best:
    """The trial whose network an execution is to be known for. `note` is of its file, None if there was none."""

    key: str
    value: float
    note: Mapping[str, Any] | None


def keep_network(
    journal: Journal, folder: Path, key: str, network: bytes, *, value: float, attempt: int, epoch: int
) -> None:
    """Write a trained network and note it in the journal."""
    file = folder / f"{key}.npz"
    write_whole(file, network, durable=False)
    note = {"file": file.name, "sha256": hashlib.sha256(network).hexdigest(), "bytes": len(network), "value": value}
    journal.append_all([Event("network", note, key, attempt, epoch)])


def best_of(
    ends: Iterable[tuple[str, Mapping[str, Any]]], notes: Mapping[str, Mapping[str, Any]], direction: str
) -> Best | None:
    """The best single training, by its own value; among equals one whose network was kept, then the first.

    Args:
        ends: key and body of each trial's `ended`, in the order of their proposals.
        notes: body of the last `network` event of each trial that has one.
    """
    sign = 1.0 if direction == "minimize" else -1.0
    found = [
        (sign * end["value"], key not in notes, place, key)
        for place, (key, end) in enumerate(ends)
        if end["status"] == "finished" and end["value"] is not None
    ]
    if not found:
        return None
    value, _, _, key = min(found)
    return Best(key, sign * value, notes.get(key))


def read_network(folder: Path, note: Mapping[str, Any] | None) -> bytes | None:
    """The network that a note speaks of; None where its file is gone or damaged."""
    try:
        network = (folder / str(note["file"])).read_bytes() if note is not None else b""
    except OSError:
        return None
    fits = note is not None and hashlib.sha256(network).hexdigest() == note["sha256"]
    return network if fits else None


def train_again(specification: Specification, data: Split, objective: Objective, value: float) -> tuple[int, bytes]:
    """The epoch that gives `value`, and the network there.

    Raises:
        NotTheSame: no such epoch gave exactly that value.
    """
    training, course, held = Training(specification, data), START, None
    for record in training:
        course = objective.follow(course, record.to_dict())
        if objective.is_of(course) and objective.value(course) == value:
            held = training.epoch, training.trained()
            if objective.at == "best":
                break
    if held is None or (objective.at == "last" and held[0] != training.epoch):
        raise NotTheSame(
            f"trained again, it came to {objective.metric} {objective.value(course)}, not to {value}: "
            "another machine, or other versions than in its journal"
        )
    return held
