"""Executions without Ray: trainings that are a formula, one at a time, and a process that may die at any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sweeps.definition import Definition, load_definition
from sweeps.execution import Execution, Job, Judged
from sweeps.journal import Journal
from sweeps.procedure import Procedure
from sweeps.space import Point
from sweeps.strategies import Outcome

Loss = Callable[[Mapping[str, Any], int, int], float | str]  # of hyper-parameters, replicate and epoch
TEXT = """
name = "demo"
[data]
name = "digits"
[training]
epochs = {epochs}
[search]
strategy = "{strategy}"
seed = 1
{search}
[space]
optimizer = ["sgd", "momentum", "adam"]
learning_rate = {{ low = 1e-3, high = 1e-1, scale = "log" }}
{more}
"""


def definition(
    folder: Path, search: str = "trials = 6\nconfirm = 0", more: str = "", *, epochs: int = 4, strategy: str = "random"
) -> Definition:
    """A definition of a file of its own; `search` are lines of [search], `more` whole sections."""
    path = folder / "demo.toml"
    text = TEXT.format(search=search, more=more, epochs=epochs, strategy=strategy)
    path.write_text(text.replace("epochs = 0\n", ""), encoding="utf-8")
    return load_definition(str(path))


def begin(folder: Path, name: str = "journal") -> Journal:
    """A journal with its first event."""
    journal = Journal.create(folder / f"{name}.sqlite")
    journal.append("opened", {"execution": "demo-1"})
    return journal


def execution(
    journal: Journal,
    made: Definition,
    *,
    slots: int = 1,
    clock: Callable[[], float] = lambda: 0.0,
    warm: list[tuple[Point, Outcome]] | None = None,
) -> Execution:
    """A process of its own: what the journal holds is replayed."""
    found = Execution(journal, made, Procedure(made, 1, warm=warm or ()), slots=slots, data_digest="d", clock=clock)
    found.replay()
    return found


def train(
    running: Execution,
    job: Job,
    loss: Loss,
    *,
    judge: Callable[[Judged], bool] = lambda point: False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """A whole training, its epochs reported up to each decision point as a runner does; `meanwhile` time may pass."""
    running.started(job.key, job.attempt)
    meanwhile()
    values = job.specification.hyperparameters
    epochs, records, first = int(values["epochs"]), list[dict[str, Any]](), 0
    for epoch in range(epochs + 1):
        value = loss(values, job.specification.replicate, epoch)
        records.append({"epoch": epoch, "metrics": {"validation/loss": value}, "activations": None})
        status = "diverged" if isinstance(value, str) else "finished" if epoch == epochs else ""
        if epoch in job.decisions and not status:
            # As where it was just saved: recorded before it is judged.
            running.reported(job.key, job.attempt, records[first:])
            first = len(records)
            point = Judged(running.group(job.key), job.key, epoch, float(value))
            status = "stopped" if judge(point) else ""
        if status:
            end = {"status": status, "epochs": epoch, "seconds": 1.0}
            running.reported(job.key, job.attempt, records[first:], end=end)
            return


def carry_out(
    running: Execution,
    loss: Loss,
    *,
    judge: Callable[[Judged], bool] = lambda point: False,
    trainings: int = 1000,
    meanwhile: Callable[[], None] = lambda: None,
) -> int:
    """Train to the end, or so many trainings; returns how many there were."""
    done = 0
    while not running.finished and done < trainings:
        running.prepare()
        job = running.take()
        if job is not None:
            train(running, job, loss, judge=judge, meanwhile=meanwhile)
            done += 1
        else:
            assert running.finished, "it waits for nothing"
    return done


def bodies(journal: Journal, kind: str) -> list[dict[str, Any]]:
    return [event.body for event in journal.events(kinds=[kind])]
