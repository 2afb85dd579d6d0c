"""What `sweep run` and `sweep resume` share: train what is left, follow it into MLflow, write the report, say what came
out."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.cli import BEHIND, INTERRUPTED, OK, TRIALS_FAILED
from sweeps.journal import Journal
from sweeps.storage import ExecutionFolder

if TYPE_CHECKING:
    from rich.console import Console

    from model.datasets import Dataset, Split
    from sweeps.definition import Definition
    from sweeps.procedure import Procedure

QUIET_SECONDS = 3.0  # of waiting for MLflow at the end before a word is said about it


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before Ray starts."""

    folder: ExecutionFolder
    definition: Definition
    dataset: Dataset
    split: Split
    procedure: Procedure
    home: Path  # the folder of the definition's file
    seed: int
    first_replicate: int


@dataclass
class Clock:
    """Seconds that each part of the command took."""

    begun: float
    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + time.monotonic() - start

    def __str__(self) -> str:
        whole = time.monotonic() - self.begun
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.parts.items()) + f"; {whole:.1f} s in all"


def train(options: argparse.Namespace, prepared: Prepared, journal: Journal, begun: float) -> int:
    """Run the execution to its end and return the command's exit code."""
    from rich.console import Console

    from sweeps.cli.summary import print_end
    from sweeps.status import read_status

    console, clock, folder = Console(), Clock(begun), prepared.folder
    tracker = None if options.no_tracking else Tracker.start(folder)
    why = _run_trials(options, prepared, journal, console, clock)
    journal.append("closed", {"why": why, "seconds": time.monotonic() - begun}, durable=True)
    behind = False
    if tracker is not None:
        with clock.part("MLflow"):
            behind = not tracker.finish(console)
    status = read_status(journal)
    journal.close()
    report: Path | None = None
    if why != "interrupted" and not (options.no_tracking or options.no_report or behind):
        from sweeps.cli.publish import make_report

        with clock.part("report"):
            report = make_report(folder.storage, [folder.execution])
    print_end(console, status, folder, report=report, behind=behind, clock=clock)
    if why == "interrupted":
        return INTERRUPTED
    counts = status.counts()
    if any(counts.get(each) for each in ("failed", "out_of_memory", "lost")):
        return TRIALS_FAILED
    return BEHIND if behind else OK


def _run_trials(
    options: argparse.Namespace, prepared: Prepared, journal: Journal, console: Console, clock: Clock
) -> str:
    from cluster.connect import connect
    from sweeps.execution import Execution
    from sweeps.live import live_view

    phase = ["starting Ray"]
    threading.Thread(
        target=prepared.procedure.warm_up, name="warm up", daemon=True
    ).start()  # imports, while Ray starts
    with live_view(journal, phase, console, quiet=options.quiet), ExitStack() as stack:
        connection = stack.enter_context(connect(options.cluster, slots=options.workers))
        phase.append("starting the first trials")
        from sweeps.runner import run_execution

        slots = min(options.workers or connection.cpus, connection.cpus)
        digest = prepared.dataset.digest
        execution = Execution(journal, prepared.definition, prepared.procedure, slots=slots, data_digest=digest)
        execution.replay()
        clock.parts["start"] = time.monotonic() - clock.begun
        with clock.part("trials"):
            return run_execution(
                execution,
                prepared.split,
                slots=slots,
                folder=prepared.folder,
                plugins=(prepared.definition.plugins, str(prepared.home)),
            )


class Tracker:
    """The process that copies the journal into MLflow while trials run."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(cls, folder: ExecutionFolder) -> Tracker:
        """Start following a journal. A session of its own keeps the terminal's Ctrl-C away from it."""
        code = "import sys; from sweeps.tracking import follow; sys.exit(follow(*sys.argv[1:]))"
        command = [sys.executable, "-P", "-c", code, str(folder.journal), str(folder.storage)]
        log = (folder.path / "tracker.log").open("ab")
        with log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        return cls(process)

    def finish(self, console: Console) -> bool:
        """Wait until MLflow holds what the journal holds; `False` when the tracker gave up, or the user does."""
        try:
            try:
                return self._process.wait(QUIET_SECONDS) == 0
            except subprocess.TimeoutExpired:
                console.print("waiting for MLflow to take the rest (Ctrl-C leaves it for `sweep sync`) ...")
                return self._process.wait() == 0  # it ends by itself: with its work, or with its patience
        except KeyboardInterrupt:
            self._process.terminate()
            self._process.wait()
            return False
