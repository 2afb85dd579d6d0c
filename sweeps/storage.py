"""The storage folder: where executions live, how they are numbered, and who may write to one.

<storage>/digits-1/journal.sqlite    the truth
<storage>/digits-1/saved/            saved trainings, one file a trial
<storage>/digits-1/networks/          trained networks of those trials that were the best when they ended
<storage>/digits-1/model.json        which MLflow model the best of them became
<storage>/digits-1/report/           the comparison report
<storage>/digits-1/lock              held by the process that runs the execution
<storage>/reports/, schedules/       reports of schedules, and what each schedule has done
<storage>/mlflow.sqlite, mlflow-artifacts/    MLflow's store, unless MLFLOW_TRACKING_URI names another
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT = "kurabe-data"
NETWORKS, MODEL_FILE = "networks", "model.json"  # within an execution's folder
_EXECUTION = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)-(?P<number>[1-9][0-9]*)")


class StorageError(Exception):
    """A storage folder that cannot be used, or an execution that is not there or is held by another process."""


@dataclass(frozen=True)
class ExecutionFolder:
    """The folder of one numbered execution."""

    storage: Path
    name: str
    number: int

    @property
    def execution(self) -> str:
        return f"{self.name}-{self.number}"

    @property
    def path(self) -> Path:
        return self.storage / self.execution

    @property
    def journal(self) -> Path:
        return self.path / "journal.sqlite"

    @property
    def saved(self) -> Path:
        return self.path / "saved"

    def drop_saved(self, trial: str) -> None:
        """Remove the saved training of a trial that has ended."""
        (self.saved / f"{trial}.npz").unlink(missing_ok=True)

    @property
    def networks(self) -> Path:
        return self.path / NETWORKS

    @property
    def model(self) -> Path:
        return self.path / MODEL_FILE

    @property
    def report(self) -> Path:
        return self.path / "report"


def open_storage(path: str | Path = DEFAULT, *, create: bool = True) -> Path:
    """The storage folder's absolute path, made if need be.

    Raises:
        StorageError: it is a file, is missing (and not to be made), or cannot be written to.
    """
    folder = Path(path).expanduser().absolute()
    if not create and not folder.is_dir():
        raise StorageError(f"{folder}: no such storage folder; a sweep makes one, or name another with --storage")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder with --storage"
        ) from error
    if create and not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"{folder}: cannot be written to; change its rights or choose another folder with --storage")
    return folder


def executions(storage: Path, name: str | None = None) -> list[ExecutionFolder]:
    """Stored executions, of one definition or of all, in order of name and number."""
    found = []
    for entry in storage.iterdir() if storage.is_dir() else ():
        match = _EXECUTION.fullmatch(entry.name)
        if match and entry.is_dir() and name in (None, match["name"]):
            found.append(ExecutionFolder(storage, match["name"], int(match["number"])))
    return sorted(found, key=lambda each: (each.name, each.number))


def find(storage: Path, name: str) -> ExecutionFolder:
    """The execution `digits-2`, or the latest one of `digits`.

    Raises:
        StorageError: there is none; the message lists those there are.
    """
    stored = executions(storage)
    exact = [each for each in stored if each.execution == name]
    latest = [each for each in stored if each.name == name]
    if exact or latest:
        return (exact or latest)[-1]
    known = ", ".join(each.execution for each in stored) or "none yet; `sweep run` makes the first"
    raise StorageError(f"{name}: no such execution in {storage}; there are: {known}")


def next_execution(storage: Path, name: str) -> ExecutionFolder:
    """The folder of the next execution of a definition, not yet made."""
    numbers = [each.number for each in executions(storage, name)]
    return ExecutionFolder(storage, name, max(numbers, default=0) + 1)


@contextlib.contextmanager
def hold(storage: Path, name: str) -> Iterator[None]:
    """Be the only process that runs the definition `name` in this storage.

    The operating system drops the lock when its holder dies, so a dead process never bars the way.

    Raises:
        StorageError: another live process holds it; the message names that process.
    """
    path = storage / f".{name}.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise StorageError(
                f"{name}: already running in {storage}, held by {holder}; wait for it or stop it"
            ) from None
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "host": os.uname().nodename}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def is_held(storage: Path, name: str) -> bool:
    """Whether a live process runs the definition `name` in this storage."""
    try:
        with (storage / f".{name}.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; `durable` waits for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
