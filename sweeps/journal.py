"""The journal: the append-only record of one execution, in one SQLite file.

Everything that happened is an event, inserted and never changed. A reader (status, tracker, report of progress) opens
the file read-only and sees a consistent snapshot while the sweep goes on writing (write-ahead log).

Each `append` is committed before it returns, so killing a process loses nothing; `durable=True` also waits for the
disk, so that a power cut cannot take a finished trial. Several processes may write (the runner and the receiver of
saved trainings): SQLite's own lock orders them, and the sequence number is the order.

    opened     execution, definition, text, origin, folder, overrides, objective,   the first event
               direction, seed, slots, planned, data, environment,
               warm (points told before the first ask)
    resumed    environment, slots, planned, extend, extended,      a later process takes over
               points
    proposed   number, point, reason, seen, trials                 the strategy proposed a point
    skipped    number, point, reason, seen, why                    a point that is not trained
    started    (of a trial's attempt)                              an attempt begins
    epoch      an epoch record (of a trial's attempt and epoch)    at most one for each trial and epoch
    saved      file, sha256, bytes (likewise)                      a training can continue from here
    network    file, sha256, bytes, value (of a trial's attempt and epoch)    a trained network, the best until then
    ended      status, value, epochs, seconds, findings, error,    the trial's only end; stopped_by: the rule, if it
               environment, node, pid (of a trial's attempt)       was stopped early
    lost       why (of a trial's attempt)                          the attempt, not the trial, is over
    raced      number, after, why, against, p, dropped             a point gets no more replicates
    told       number, outcome                                     the strategy learnt a point's outcome
    spent      why, seconds, epochs, points                        a budget is reached: the search ends
    closed     why, seconds                                        this process is done
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = (
    "opened",
    "resumed",
    "proposed",
    "skipped",
    "started",
    "epoch",
    "saved",
    "network",
    "ended",
    "lost",
    "raced",
    "told",
    "spent",
    "closed",
)

_SCHEMA = """
create table if not exists events (
    sequence integer primary key,
    at       real not null,
    kind     text not null,
    trial    text,
    attempt  integer,
    epoch    integer,
    body     text not null
);
create unique index if not exists one_record_per_epoch on events (trial, epoch) where kind = 'epoch';
create index if not exists milestones on events (sequence) where kind != 'epoch';
create unique index if not exists one_end_per_trial on events (trial) where kind = 'ended';
create unique index if not exists one_start_per_attempt on events (trial, attempt) where kind = 'started';
"""
_INSERT = "insert into events (at, kind, trial, attempt, epoch, body) values (?, ?, ?, ?, ?, ?)"
_ALL = "select * from events where sequence > ? order by sequence"
_MILESTONES = "select * from events indexed by milestones where sequence > ? and kind != 'epoch' order by sequence"
_LATEST_EPOCHS = """
select * from events where kind = 'epoch' and (trial, epoch) in (
    select trial, max(epoch) from events where kind = 'epoch' and trial in (
        select trial from events indexed by milestones where kind != 'epoch' and kind = 'started'
        except select trial from events indexed by one_end_per_trial where kind = 'ended'
    ) group by trial
)
"""
_BUSY_SECONDS = 30.0


class JournalError(Exception):
    """A journal that is missing, damaged or not a journal; the message names the file."""


@dataclass(frozen=True)
class Event:
    """One thing that happened. `at` is in seconds since 1970 (UTC); order is by `sequence`, never by `at`."""

    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    trial: str | None = None
    attempt: int | None = None
    epoch: int | None = None
    sequence: int = 0
    at: float = 0.0


class Journal:
    """One execution's events. Safe to share between threads; use one per process.

    Raises:
        JournalError: where `path` holds no journal (open), already holds one (create), is damaged or cannot be written.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Journal:
        """Begin a new journal at `path`, whose folder exists."""
        if path.exists():
            raise JournalError(f"{path}: already holds a journal")
        connection = _connect(path.absolute().as_uri() + "?mode=rwc")
        connection.execute("pragma journal_mode = wal")
        connection.executescript(_SCHEMA)
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Journal:
        """Open an existing journal, by default to go on writing; damage is found and named now, not later."""
        if not path.is_file():
            raise JournalError(f"{path}: no journal here")
        connection = _connect(path.absolute().as_uri() + ("?mode=ro" if read_only else "?mode=rw"))
        try:
            found = connection.execute("select kind from events order by sequence limit 1").fetchone()
            if found is None or found[0] != "opened":
                raise JournalError(f"{path}: the journal does not begin with `opened`: it is empty or was cut off")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise JournalError(
                f"{path}: damaged or not a journal ({error}); copy it away before anything else"
            ) from error
        return cls(path, connection)

    def append(
        self,
        kind: str,
        body: dict[str, Any],
        *,
        trial: str | None = None,
        attempt: int | None = None,
        epoch: int | None = None,
        durable: bool = False,
    ) -> int:
        """Insert one event, commit, and return its sequence number."""
        return self.append_all([Event(kind, body, trial, attempt, epoch)], durable=durable)

    def append_all(self, events: Sequence[Event], *, durable: bool = False) -> int:
        """Insert several events in one transaction; an epoch that is recorded already is left as it was.

        Returns:
            The sequence number of the last event now in the journal.
        """
        now = time.time()
        rows = [(now, e.kind, e.trial, e.attempt, e.epoch, _encode(e.body)) for e in events]
        with self._lock, self._explained():
            # With NORMAL a commit reaches the operating system (a kill loses nothing); FULL also waits for the disk.
            self._connection.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
            self._connection.execute("begin immediate")
            try:
                for row in rows:
                    statement = _INSERT + " on conflict do nothing" if row[1] == "epoch" else _INSERT
                    self._connection.execute(statement, row)
                last = self._connection.execute("select max(sequence) from events").fetchone()[0]
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has rolled it back already
                    self._connection.execute("rollback")
                raise
        return int(last)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What keeps SQLite from writing, in words that say what to do; nothing that was committed is touched by it."""
        try:
            yield
        except sqlite3.OperationalError as error:
            free = shutil.disk_usage(self.path.parent).free
            raise JournalError(
                f"{self.path}: cannot be written ({error}); {free:,} bytes are free there. All before is kept: "
                "mend that, then `sweep resume`"
            ) from error

    def events(self, after: int = 0, kinds: Iterable[str] | None = None) -> Iterator[Event]:
        """Events with a sequence number above `after`, in order: one consistent snapshot, read at once."""
        chosen = frozenset(KINDS if kinds is None else kinds)
        # Epochs are nearly all of a journal: whoever does not ask for them should not read past them.
        query = _ALL if "epoch" in chosen else _MILESTONES
        yield from (event for event in self._read(query, (after,)) if event.kind in chosen)

    def latest_epochs(self) -> Iterator[Event]:
        """The last recorded epoch of each trial that has begun and not ended."""
        yield from self._read(_LATEST_EPOCHS, ())

    def _read(self, query: str, values: tuple[Any, ...]) -> Iterator[Event]:
        try:
            with self._lock:
                rows = self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self.path}: damaged ({error}); copy it away before anything else") from error
        for sequence, at, kind, trial, attempt, epoch, body in rows:
            yield Event(kind, json.loads(body), trial, attempt, epoch, sequence, at)

    def last(self) -> int:
        """The highest sequence number."""
        with self._lock:
            return int(self._connection.execute("select coalesce(max(sequence), 0) from events").fetchone()[0])

    def close(self) -> None:
        """Close the file; what was appended is committed already."""
        with self._lock, closing(self._connection):
            pass


def _connect(uri: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise JournalError(f"{uri}: cannot be opened ({error})") from error


def _encode(body: dict[str, Any]) -> str:
    """Compact JSON that any reader can read: NaN and infinity must have been named as text before."""
    return json.dumps(body, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
