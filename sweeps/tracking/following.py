"""Bringing MLflow up to date: once (`project`), or all along while a sweep runs, in a process of its own (`follow`)."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.tracking_server import TrackingError, artifact_root, exclusive, tracking_uri
from sweeps.journal import Journal, JournalError
from sweeps.tracking.counts import Counts
from sweeps.tracking.names import MOST_METRICS, Vanished
from sweeps.tracking.projection import Projector
from sweeps.tracking.store import Store

OK, BEHIND = 0, 3
LOCK = "tracker.lock"  # beside the journal: one writer at a time
_POLL = 0.2  # seconds between two looks at the journal
_LAG = 3.0  # seconds that records of a running trial wait to fill a batch; a trial that ends sooner is written once
_SUMMARY = 10.0  # seconds between two versions of the execution's own run while it runs
_PATIENCE = 45.0  # seconds that an MLflow that is away is waited for after the journal's end
_LONGEST_PAUSE = 5.0  # seconds between two tries
_NICENESS = 10
_COLLECTED = 50_000  # new objects before garbage is looked for


def project(journal: Path, uri: str, storage: Path, *, stopped: bool = False, patience: float = 10.0) -> Counts:
    """Bring MLflow up to the journal as it is now, and return how far it came.

    Args:
        journal: the execution's journal.sqlite.
        uri: MLflow's tracking URI.
        storage: the storage folder, where artifacts are kept unless a server decides that.
        stopped: whether the caller knows that no process runs this execution; unfinished runs then become KILLED.
        patience: seconds to wait for another process that writes the same execution.

    Raises:
        TrackingError: MLflow does not answer, or another process has been writing this execution for longer than that.
    """
    deadline = time.monotonic() + patience
    with _turn(journal, lambda: time.monotonic() >= deadline), _projector(journal, uri, storage) as projector:
        projector.catch_up()
        projector.write_running(list(projector.history.running()))
        _conclude(projector, stopped=stopped)
        return projector.counts()


def follow(journal: str | Path, storage: str | Path, *, patience: float = _PATIENCE) -> int:
    """The tracker process: follow a journal until it is closed and MLflow holds all of it.

    A trial that is over within seconds is written at its end, in one batch. Of a longer one MLflow is at most
    _POLL + _LAG seconds behind, and what the writing takes. Where MLflow is away it is tried again, for `patience`
    seconds after the journal's end.
    When the parent dies, what the journal holds is written and the unfinished runs become KILLED.

    Returns:
        0 when MLflow holds all, 3 when it is behind; the counts are printed as one line.
    """
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)  # trials come first
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the journal
    orphaned = watch_parent()
    path, place = Path(journal), Path(storage)
    try:
        with (
            _turn(path, _late(orphaned, patience)),
            _projector(path, tracking_uri(place), place) as projector,
        ):
            return Follower(projector, orphaned, patience).run()
    except (TrackingError, JournalError, OSError) as error:
        _say(str(error))
        return BEHIND


class Follower:
    """The loop of `follow`."""

    def __init__(self, projector: Projector, orphaned: Callable[[], bool], patience: float) -> None:
        self._projector = projector
        self._orphaned = orphaned
        self._patience = patience
        self._since: dict[str, float] = {}  # when a running trial was first seen to be behind
        self._summary_due = 0.0
        self._problem = ""
        self._spared = False

    def run(self) -> int:
        """Until MLflow holds the closed journal, or patience is at its end."""
        failures, deadline = 0, None
        while True:
            before = self._projector.history.through
            orphaned = self._orphaned()  # asked before the journal is read, so that its last word is read
            try:
                concluded = self._round(orphaned)
                failures, self._problem = 0, ""
                if concluded:
                    break
            except TrackingError as error:
                failures += 1
                self._report(error)
                if deadline is None and (orphaned or _is_closed(self._projector.journal)):
                    deadline = time.monotonic() + self._patience
            if deadline is not None and time.monotonic() >= deadline:
                break
            busy = not failures and self._projector.history.through > before
            pause = _POLL / 10 if busy else min(_POLL * 2**failures, _LONGEST_PAUSE)
            time.sleep(pause)  # a journal in another process has no event to wait for
        counts = self._projector.counts()
        _say(f"{counts.execution}: {counts}")
        return OK if counts.complete and not self._problem else BEHIND

    def _round(self, orphaned: bool) -> bool:
        """One look at the journal; `True` when there is no more to come and all is written."""
        projector = self._projector
        projector.catch_up()
        if orphaned or projector.history.closed is not None:
            _conclude(projector, stopped=True)
            return True
        now = time.monotonic()
        behind = {trial.key: (trial, n) for trial in projector.history.running() if (n := projector.behind(trial))}
        self._since = {key: self._since.get(key, now) for key in behind}
        projector.write_running(
            [trial for key, (trial, n) in behind.items() if n >= MOST_METRICS or now - self._since[key] >= _LAG]
        )
        if now >= self._summary_due:
            projector.write_summary("running")
            self._summary_due = now + _SUMMARY
        if not self._spared:
            spare_collector()
            self._spared = True
        return False

    def _report(self, error: TrackingError) -> None:
        if isinstance(error, Vanished):
            self._projector.doubt()
        if str(error) != self._problem:
            _say(f"{error}; trying again")
        self._problem = str(error)


def spare_collector() -> None:
    """What MLflow's import made stays for good; to walk it at each garbage collection costs a tenth of all time.

    And the thousands of objects that MLflow makes of one batch of metrics live as long as the batch: looking through
    them while it is written finds nothing, and costs another twentieth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED, 20, 50)


def _conclude(projector: Projector, *, stopped: bool) -> None:
    """What is written last: unfinished runs, and the execution's own."""
    closed = projector.history.closed
    word = "running" if closed is None else "interrupted" if closed.body.get("why") == "interrupted" else "finished"
    if closed is not None or stopped:
        projector.interrupt()
        word = "interrupted" if closed is None else word
    projector.write_summary(word)
    projector.settle()
    if word == "finished":
        projector.write_model()


@contextlib.contextmanager
def _projector(journal: Path, uri: str, storage: Path) -> Iterator[Projector]:
    opened = Journal.open(journal, read_only=True)
    with contextlib.closing(opened):
        yield Projector(opened, Store(uri, artifact_root(storage)))


@contextlib.contextmanager
def _turn(journal: Path, give_up: Callable[[], bool]) -> Iterator[None]:
    """Be the only process that writes this execution to MLflow; the tracker of a killed sweep may still be at it."""
    lock = journal.with_name(LOCK)
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(lock, wait=False))
                break
            except BlockingIOError:
                if give_up():
                    raise TrackingError(f"{journal}: another process is writing this execution to MLflow") from None
                time.sleep(_POLL / 5)  # the lock is another process's: there is no event to wait for
        yield


def _late(orphaned: Callable[[], bool], patience: float) -> Callable[[], bool]:
    """Whether the parent has been gone for longer than `patience`."""
    since: list[float] = []

    def late() -> bool:
        if orphaned() and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= patience

    return late


def watch_parent() -> Callable[[], bool]:
    """A question: has the parent died? It has when this process was given another, or the pipe from it is closed."""
    parent, closed = os.getppid(), threading.Event()
    if sys.stdin is not None and not sys.stdin.closed and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        pipe = sys.stdin.fileno()  # read without a buffer: its lock would be held when the interpreter ends

        def read_on() -> None:
            while os.read(pipe, 1024):
                pass
            closed.set()

        threading.Thread(target=read_on, daemon=True).start()
    return lambda: closed.is_set() or os.getppid() != parent


def _is_closed(journal: Journal) -> bool:
    last = [event.kind for event in journal.events(kinds=("opened", "resumed", "closed"))][-1]
    return last == "closed"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
