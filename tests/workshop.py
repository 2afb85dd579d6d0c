"""Sweeps as a user runs them, in processes of their own that a test may harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from sweeps.journal import Event, Journal, JournalError

DEFINITION = """
name = "{name}"
[data]
name = "digits"
[model]
hidden = [64, 64]
[training]
epochs = {epochs}
batch_size = 32
[search]
strategy = "{strategy}"
trials = {trials}
confirm = {confirm}
seed = 3
[space]
optimizer = ["sgd", "adam"]
learning_rate = {{ low = 1e-3, high = 1e-1, scale = "log" }}
"""


@dataclass
class Workshop:
    """A folder with a definition in it, and the commands run there."""

    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def define(
        self,
        name: str,
        *,
        epochs: int = 20,
        trials: int = 8,
        strategy: str = "random",
        confirm: int = 0,
        more: str = "",
    ) -> Path:
        """Write a definition file of the user's own."""
        path = self.folder / f"{name}.toml"
        text = DEFINITION.format(name=name, epochs=epochs, trials=trials, strategy=strategy, confirm=confirm)
        path.write_text(text + more, encoding="utf-8")
        return path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command in the folder, as the leader of a group of its own, as a terminal would."""
        script = Path(sys.executable).with_name("sweep")
        process = subprocess.Popen(
            [str(script), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, expect: int = 0, timeout: float = 100) -> str:
        """Run a command to its end; returns what it printed. Fails where its exit code is another."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=timeout)
        if process.returncode != expect:
            pytest.fail(f"sweep {' '.join(arguments)} ended with {process.returncode}, expected {expect}:\n{output}")
        return output

    def journal(self, execution: str) -> Journal:
        """The execution's journal, to read."""
        return Journal.open(self.folder / "kurabe-data" / execution / "journal.sqlite", read_only=True)

    def events(self, execution: str, *kinds: str) -> list[Event]:
        """All events of some kinds; none while there is no journal yet."""
        try:
            journal = self.journal(execution)
        except JournalError:
            return []
        found = list(journal.events(kinds=kinds))
        journal.close()
        return found

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Poll until another process has come so far."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"after {seconds} s still not: {what}")
            time.sleep(0.02)  # what is awaited happens in another process, which has no event to offer

    def workers(self, process: subprocess.Popen[str]) -> list[int]:
        """The processes of a running command in which trials are trained: named _Inner while at work, Trial between."""
        below = psutil.Process(process.pid).children(recursive=True)
        return [each.pid for each in below if _title(each).startswith(("ray::Trial", "ray::_Inner"))]

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL the command itself, and nothing else of it."""
        process.kill()
        process.communicate()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # what Ray started follows its driver by itself
            process.communicate()
