"""Journals made by hand for the tests of tracking: what a runner would have written, with chosen numbers and times."""

from __future__ import annotations

import json
import math
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sweeps.journal import Event, Journal
from sweeps.tracking import content
from sweeps.tracking.history import History
from sweeps.tracking.store import Store

NAMES = ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy")
DEFINITION = {
    "name": "digits",
    "search": {"strategy": "random", "objective": "validation/loss", "direction": "minimize"},
    "space": {"optimizer": ["sgd", "adam"], "learning_rate": {"low": 1e-4, "high": 1.0, "scale": "log"}},
}
ENVIRONMENT = {
    "python": "3.11.7",
    "packages": {"kurabe": "0.1.0", "numpy": "2.4.6"},
    "machine": {"host": "here", "system": "Linux", "cpus": 2},
    "git_commit": "0123456789abcdef0123456789abcdef01234567",
    "git_dirty": False,
}


@dataclass
class Sweep:
    """A journal under construction. Trials are named t1, t2, …; their numbers follow from trial, epoch and metric."""

    journal: Journal
    execution: str = "digits-1"
    number: int = 0

    @classmethod
    def begin(cls, storage: Path, execution: str = "digits-1", **opening: Any) -> Sweep:
        folder = storage / execution
        folder.mkdir(parents=True)
        journal = Journal.create(folder / "journal.sqlite")
        body: dict[str, Any] = {
            "execution": execution,
            "definition": {**DEFINITION, "name": execution.rsplit("-", 1)[0]},
            "text": 'name = "digits"\n',
            "origin": "digits",
            "objective": "validation/loss",
            "direction": "minimize",
            "seed": 7,
            "slots": 2,
            "planned": 3,
            "data": {"name": "digits", "digest": "d" * 64, "task": "classification", "classes": ["0", "1"]}
            | {"train": 1080, "validation": 359, "test": 358},
            "environment": ENVIRONMENT,
        }
        journal.append("opened", {**body, **opening})
        return cls(journal, execution)

    @property
    def path(self) -> Path:
        return self.journal.path

    def propose(
        self,
        *,
        replicates: int = 1,
        reason: dict[str, Any] | None = None,
        role: dict[str, Any] | None = None,
        **point: Any,
    ) -> list[str]:
        """Propose a point; returns its trials' keys. `role`: stage, level and repeat in a comparison."""
        self.number += 1
        point = point or {"optimizer": "adam", "learning_rate": 0.001 * self.number}
        keys = [f"t{self.number}" + (f"r{r}" if replicates > 1 else "") for r in range(replicates)]
        trials = [
            {"key": key, "replicate": replicate, "specification": specification(point, replicate)}
            for replicate, key in enumerate(keys)
        ]
        body = {"number": self.number, "point": point, "reason": reason or {"kind": "random"}, "seen": 0}
        self.journal.append("proposed", {**body, **(role or {}), "trials": trials})
        return keys

    def start(self, key: str, attempt: int = 1) -> None:
        self.journal.append("started", {"node": "node-a", "pid": 1}, trial=key, attempt=attempt)

    def record(self, key: str, epochs: Sequence[int], attempt: int = 1, last: int = 4, **options: Any) -> None:
        bodies = [epoch_record(key, epoch, pictured=epoch in (0, last // 2, last), **options) for epoch in epochs]
        self.journal.append_all([Event("epoch", body, key, attempt, body["epoch"]) for body in bodies])

    def end(self, key: str, status: str = "finished", attempt: int = 1, **body: Any) -> None:
        whole = {"status": status, "value": 0.25, "epochs": 4, "seconds": 0.5, "findings": [], "error": None, **body}
        self.journal.append("ended", {**whole, "node": "node-a"}, trial=key, attempt=attempt, durable=True)

    def train(self, key: str, status: str = "finished", epochs: int = 4, **options: Any) -> None:
        """A whole trial."""
        body = {name: options.pop(name) for name in ("value", "findings", "error", "test") if name in options}
        self.start(key)
        self.record(key, range(epochs + 1), last=epochs, **options)
        self.end(key, status, **body)

    def close(self, why: str = "trials") -> None:
        self.journal.append("closed", {"why": why, "seconds": 3.0}, durable=True)


def specification(point: dict[str, Any], replicate: int = 0) -> dict[str, Any]:
    """As `Specification.to_json` has it, with a few fixed hyper-parameters."""
    fixed = {"initializer": "he", "activation": "relu", "hidden": [100, 100], "batch_normalization": False, "epochs": 4}
    body = {"hyperparameters": {**fixed, **point}, "replicate": replicate, "seed": 7, "histogram_epochs": None}
    read: dict[str, Any] = json.loads(json.dumps(body))
    return read


def epoch_record(
    key: str, epoch: int, *, pictured: bool = False, metrics: Sequence[str] = NAMES, layers: int = 2, **values: Any
) -> dict[str, Any]:
    """As `EpochRecord.to_dict` has it; `values` replace metrics (with __ for the slash)."""
    numbers: dict[str, Any] = {name: number(key, epoch, name) for name in metrics}
    numbers |= {name.replace("__", "/"): value for name, value in values.items()}
    activations = [layer_activations(f"layer{layer + 1}", epoch) for layer in range(layers)] if pictured else None
    return {"epoch": epoch, "metrics": numbers, "activations": activations}


def number(key: str, epoch: int, name: str) -> float:
    """An arbitrary but known double with all its digits."""
    return math.fmod(abs(hash_of(key + name)) * math.pi * (epoch + 1), 1.0) / (epoch + 1)


def hash_of(text: str) -> int:
    return sum((index + 1) * ord(letter) for index, letter in enumerate(text))


def layer_activations(layer: str, epoch: int) -> dict[str, Any]:
    counts = [max(0, 40 - abs(index - 20 - epoch)) for index in range(50)]
    edges = [round(-1 + 6 * index / 50, 6) for index in range(51)]
    shares = {"mean": 0.7, "std": 1.1, "dead": 0.02, "saturated": 0.0}
    return {"layer": layer, "edges": edges, "counts": counts, "zeros": 900, "underflow": 0, "overflow": 12, **shares}


@lru_cache(maxsize=1)
def empty_store() -> bytes:
    """The sqlite file of an MLflow store that holds its tables and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mlflow.sqlite"
        Store(f"sqlite:///{file}", folder).open("Default")
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        return file.read_bytes()


def recorded(journal: Journal, trial: str | None = None) -> Iterator[tuple[str, str, int, float, int]]:
    """(trial, metric, step, value, timestamp in ms) of every finite number that the journal holds, of one trial or
    all."""
    for event in (each for each in journal.events(kinds=("epoch",)) if trial in (None, each.trial)):
        for name, value in event.body["metrics"].items():
            if isinstance(value, float) and math.isfinite(value):
                yield str(event.trial), name, event.body["epoch"], value, round(event.at * 1000)


def expected_artifacts(sweep: Sweep) -> dict[str, dict[str, bytes]]:
    """Of each trial: the path of every artifact that its run must have, and its content."""
    history = History()
    for event in sweep.journal.events():
        history.add(event)
    return {
        key: dict((*content.trial_files(history, trial), *content.picture_files(trial, trial.records)))
        for key, trial in history.trials.items()
    }
