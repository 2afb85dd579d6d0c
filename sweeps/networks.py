"""Trained networks that were the best of their execution when they ended: files beside the journal, noted in it.

The file is written first and noted then, so a note whose sha256 fits has a whole file. Where the best trial's is gone
(a power cut, a deleted folder), its training can be repeated to the last bit: `train_again`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
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
class Candidate:
    """A trial that ended: the number of its proposal, whether that was a search's or a confirmation's, its `ended`."""

    key: str
    number: int
    stage: str
    end: Mapping[str, Any]


@dataclass(frozen=True)
class Best:
    """The trial whose network an execution is to be known for. `note` is of its file, None if there was none.
    `scores`: of all fresh replicates of its point on the test part, where that was confirmed."""

    key: str
    value: float
    note: Mapping[str, Any] | None
    scores: tuple[float, ...] = ()


def keep_network(
    journal: Journal, folder: Path, key: str, network: bytes, *, value: float, attempt: int, epoch: int
) -> None:
    """Write a trained network and note it in the journal."""
    file = folder / f"{key}.npz"
    write_whole(file, network, durable=False)
    note = {"file": file.name, "sha256": hashlib.sha256(network).hexdigest(), "bytes": len(network), "value": value}
    journal.append_all([Event("network", note, key, attempt, epoch)])


def best_of(
    candidates: Iterable[Candidate], notes: Mapping[str, Mapping[str, Any]], *, direction: str, measure: str
) -> Best | None:
    """Of the confirmed points the one with the best mean score, and of its replicates the first, which no score has
    chosen; where nothing was confirmed, the best single training of the search.

    Args:
        candidates: in the order of their proposals.
        notes: body of the last `network` event of each trial that has one.
        direction: of the trials' values.
        measure: the metric of the test part that confirmed points are judged by.
    """
    ended = list(candidates)
    return _confirmed(ended, notes, measure) or _searched(ended, notes, direction)


def _confirmed(ended: list[Candidate], notes: Mapping[str, Mapping[str, Any]], measure: str) -> Best | None:
    """A point that lost a replicate is not among them, however good the rest was."""
    points: dict[int, list[Candidate]] = {}
    for each in ended:
        if each.stage == "confirmation":
            points.setdefault(each.number, []).append(each)
    sign, found = 1.0 if measure.endswith("loss") else -1.0, []
    for number, point in points.items():
        tested = [each.end.get("test") or {} for each in point if each.end["status"] == "finished"]
        scores = tuple(float(each[measure]) for each in tested if measure in each)
        if len(scores) == len(point):
            found.append((sign * fmean(scores), number, scores))
    if not found:
        return None
    _, number, scores = min(found)
    first = points[number][0]
    return Best(first.key, first.end["value"], notes.get(first.key), scores)


def _searched(ended: list[Candidate], notes: Mapping[str, Mapping[str, Any]], direction: str) -> Best | None:
    """By its own value; among equals one whose network was kept, then the first."""
    sign = 1.0 if direction == "minimize" else -1.0
    found = [
        (sign * each.end["value"], each.key not in notes, place, each.key)
        for place, each in enumerate(ended)
        if each.stage == "search" and each.end["status"] == "finished" and each.end["value"] is not None
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
