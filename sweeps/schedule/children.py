"""A schedule's sweeps as processes of their own, and the signals that end a schedule in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from sweeps.schedule.mistakes import ScheduleError
from sweeps.schedule.notifying import VARIABLE


class Stopped(BaseException):
    """SIGINT or SIGTERM has come. What is under way is done again, or gone on with, by the next start."""


class Children:
    """At most one command at a time. A signal is passed on to it as SIGTERM, which a sweep answers by saving what runs;
    where no command runs the signal raises Stopped at once.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._stopping = False

    @contextlib.contextmanager
    def answering_signals(self) -> Iterator[None]:
        """While the context lasts signals are answered as said above. For the main thread."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, arguments: Sequence[str], log: Path, folder: Path) -> int:
        """`sweep` with these arguments, from `folder`, what it says into `log`; returns its exit code.

        Raises:
            Stopped: a signal came; the command has ended in order.
        """
        command = [str(console_script()), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        with log.open("ab") as file:
            file.write(f"$ sweep {' '.join(arguments)}\n".encode())
            file.flush()
            self._starting = True
            try:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,  # a terminal's Ctrl-C is for this process, which passes it on
                )
            finally:
                self._starting = False
        try:
            if self._stopping:
                self._child.send_signal(signal.SIGTERM)
            code = self._child.wait()
        finally:
            self._child = None
        if self._stopping:
            raise Stopped
        return code

    def sleep(self, seconds: float) -> None:
        """Wait; a signal raises Stopped."""
        if self._stopping:
            raise Stopped
        time.sleep(seconds)  # the clock on the wall, a lock of another process: there is no event to wait for

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
        elif not self._starting:
            raise Stopped


def console_script() -> Path:
    """The console script `sweep` of this installation."""
    beside = Path(sys.executable).with_name("sweep")
    found = str(beside) if beside.exists() else shutil.which("sweep")
    if found is None:
        raise ScheduleError(f"no console script `sweep` beside {sys.executable}: install the package there")
    return Path(found).absolute()
