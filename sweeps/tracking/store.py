"""The MLflow store: opened once, and written through its client's public interface.

What the client, its database or its artifact store raise becomes one of three: `Away` (try again later), `Vanished`
(what was known of the store holds no more) or `Refused` (this one thing is never taken).
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from cluster.tracking_server import (
    TrackingError,
    exclusive,
    hide_secrets,
    how_to_install,
    is_server,
    opening_lock,
    store_file,
)
from sweeps.tracking import names
from sweeps.tracking.names import Away, Refused, Vanished
from sweeps.tracking.settings import sent_once, set_defaults

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_PAGE = 1000
_CONNECT_SECONDS = 10
_SHOWN = 5  # of several runs that one name could mean


@dataclass(frozen=True)
class FoundRun:
    """A run of ours that MLflow holds."""

    run_id: str
    status: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]  # the latest value of each
    artifact_uri: str
    started: int
    has_data: bool = False  # whether it has a dataset input


class Store:
    """One MLflow store. `uri` and `artifact_root` as in `cluster.tracking_server`; nothing is done before `open`."""

    def __init__(self, uri: str, artifact_root: str) -> None:
        self.uri = uri
        self._artifact_root = artifact_root
        self._file = store_file(uri)
        self._identity: tuple[int, int] | None = None
        self._client: MlflowClient | None = None

    def open(self, experiment: str) -> str:
        """Connect, make the store and the experiment if there is none yet, and return the experiment's identity.

        Only one process at a time: several that open a fresh sqlite store at once damage it for good.

        Raises:
            Refused: the experiment was deleted.
        """
        load_client()
        with translated(self.uri), self._alone():
            client = self._connect()
            found = client.get_experiment_by_name(experiment)
            if found is None:
                return self._make(client, experiment)
        if found.lifecycle_stage != "active":
            command = f"mlflow experiments restore --experiment-id {found.experiment_id}"
            raise Refused(f"{experiment}: its MLflow experiment was deleted; `{command}` brings it back")
        return str(found.experiment_id)

    def check(self) -> None:
        """Away if the sqlite file is no longer the one that was opened: writing on would go nowhere."""
        if self._file is not None and self._identity != _identity(self._file):
            raise Away(f"{self._file}: the MLflow store was replaced or removed while it was being written")

    def runs(self, experiments: Sequence[str], tags: Mapping[str, str]) -> Iterator[FoundRun]:
        """Every run that carries these tags, whatever its status; deleted ones are none."""
        wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        token: str | None = None
        while True:
            with translated(self.uri):
                page = self.client.search_runs(list(experiments), wanted, max_results=_PAGE, page_token=token)
            yield from (found for found in map(_found, page) if all(found.tags.get(n) == v for n, v in tags.items()))
            token = page.token
            if not token:
                return

    def create_run(self, experiment: str, name: str, tags: Mapping[str, str], started: int) -> tuple[str, str]:
        """A new run, RUNNING: its identity, and where its artifacts are; `started` in ms."""
        with translated(self.uri), sent_once():
            made = self.client.create_run(experiment, start_time=started, tags=dict(tags), run_name=name)
        return str(made.info.run_id), str(made.info.artifact_uri)

    def log(
        self,
        run_id: str,
        metrics: Sequence[tuple[str, float, int, int]] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Metrics as (name, value, timestamp in ms, step); one that is there already stays as it is."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(name, value) for name, value in (parameters or {}).items()]
        told = [RunTag(name, value) for name, value in (tags or {}).items()]
        with translated(self.uri):
            for start in range(0, max(len(metrics), 1), names.MOST_METRICS):
                batch = [Metric(*each) for each in metrics[start : start + names.MOST_METRICS]]
                if batch or params or told:
                    self.client.log_batch(run_id, batch, params, told)
                params, told = [], []

    def log_files(self, run_id: str, artifact_uri: str, files: Iterable[tuple[str, bytes]]) -> None:
        """Files, by their paths within the run, as artifacts.

        Where the run's artifacts are a folder of this machine they are written there under another name and renamed, so
        that a reader never finds a part of one; it also spares MLflow's client a copy and a look at the run.
        """
        place = local_folder(artifact_uri)
        with translated(self.uri):
            if place is not None:
                write_files(place, files)
                return
            with tempfile.TemporaryDirectory(prefix="kurabe-") as folder:
                write_files(Path(folder), files)
                self.client.log_artifacts(run_id, folder)

    def log_folder(self, run_id: str, folder: Path, below: str) -> None:
        """All files of a folder as artifacts, `below` a folder of the run."""
        with translated(self.uri):
            self.client.log_artifacts(run_id, str(folder), below)

    def set_status(self, run_id: str, status: str, ended: int | None = None) -> None:
        """The run's status; `ended` in ms."""
        with translated(self.uri):
            if status == names.RUNNING:
                self.client.update_run(run_id, status=status)
            else:
                self.client.set_terminated(run_id, status=status, end_time=ended)

    def log_data(self, run_id: str, name: str, digest: str, split: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """The data that a run was made with, as MLflow's UI lists them; the same data twice are one.

        How they were split stands at the run's own link to them: executions may split the same data in several ways.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        short = digest[: names.LONGEST_DIGEST]
        data = Dataset(name, short, "local", json.dumps({"sha256": digest}), profile=json.dumps(dict(sizes)))
        whole = json.dumps({**split, **{f"{part} rows": rows for part, rows in sizes.items()}}, ensure_ascii=False)
        told = [InputTag("mlflow.data.context", "training")]
        if len(whole) <= names.LONGEST_INPUT_TAG:
            told.append(InputTag(names.SPLIT, whole))
        with translated(self.uri):
            self.client.log_inputs(run_id, [DatasetInput(data, told)])

    def tag_experiment(self, experiment: str, name: str, value: str) -> None:
        """A tag of an experiment."""
        with translated(self.uri):
            self.client.set_experiment_tag(experiment, name, value)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        with translated(self.uri):
            self.client.delete_run(run_id)

    @property
    def client(self) -> MlflowClient:
        if self._client is None:
            raise Away(f"{self.shown}: not opened yet")
        return self._client

    @property
    def shown(self) -> str:
        """The store's address for people."""
        return hide_secrets(self.uri)

    def connect(self) -> None:
        """For reading: makes no experiment, and no store where there is none.

        Raises:
            Refused: there is no store.
        """
        if self._file is not None and not self._file.is_file():
            raise Refused(f"{self._file}: no MLflow store here yet; `sweep run` and `sweep sync` make one")
        load_client()
        with translated(self.uri), self._alone():
            self._connect()

    def experiment(self, name: str) -> str | None:
        """The identity of an experiment, if there is one that was not deleted."""
        with translated(self.uri):
            found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id) if found is not None and found.lifecycle_stage == "active" else None

    def runs_beginning(self, beginning: str) -> list[FoundRun]:
        """The active runs of all experiments whose identity begins so: some of them, where there are many."""
        with translated(self.uri):
            wanted = f"attributes.run_id LIKE {_quoted(beginning + '%')}"
            return [_found(run) for run in self.client.search_runs(self.experiments(), wanted, max_results=_SHOWN)]

    def experiments(self) -> list[str]:
        """The identities of all experiments."""
        with translated(self.uri):
            return [str(found.experiment_id) for found in self.client.search_experiments()]

    def metric_history(self, run_id: str, name: str) -> list[tuple[int, float]]:
        """(step, value) of a metric."""
        with translated(self.uri):
            return [(found.step, found.value) for found in self.client.get_metric_history(run_id, name)]

    def _connect(self) -> MlflowClient:
        if self._client is None:
            from mlflow.tracking import MlflowClient

            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                if not self._file.exists():
                    _let_readers_in(self._file)
                _sync_less()
            elif not is_server(self.uri):
                _knock(self.uri)
            client = MlflowClient(tracking_uri=self.uri)
            client.search_experiments(max_results=1)  # makes the schema where it is missing
            if self._file is not None:
                self._identity = _identity(self._file)
            self._client = client
        return self._client

    def _make(self, client: MlflowClient, experiment: str) -> str:
        from mlflow.exceptions import MlflowException

        place = None  # a server decides itself
        if not is_server(self.uri):
            root = self._artifact_root
            place = root if "://" in root else Path(root).absolute().as_uri()
        try:
            return str(client.create_experiment(experiment, artifact_location=place, tags=dict(names.EXPERIMENT_KIND)))
        except MlflowException as error:
            found = client.get_experiment_by_name(experiment)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
            return str(found.experiment_id)  # another machine was first

    @contextmanager
    def _alone(self) -> Iterator[None]:
        beside = self._file or Path(self._artifact_root)
        if is_server(self.uri) or not beside.is_absolute():
            yield  # a server's own business, or artifacts in the cloud
            return
        beside.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(opening_lock(beside)):
            yield


def local_folder(artifact_uri: str) -> Path | None:
    """The folder that an artifact URI names, if it is one of this machine."""
    parts = urlparse(artifact_uri)
    return Path(url2pathname(parts.path)) if parts.scheme in ("", "file") else None


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files below a folder, each whole or not at all."""
    for path, content in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.part")
        draft.write_bytes(content)
        draft.replace(target)


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Whatever an MLflow client raises, as Away, Vanished or Refused."""
    try:
        yield
    except TrackingError:
        raise
    except ModuleNotFoundError as error:
        why = f"MLflow at {hide_secrets(uri)} needs {error.name}"
        raise Refused(how_to_install(str(error.name), why)) from error
    except (
        Exception
    ) as error:  # databases, HTTP and object stores raise their own kinds, none of them declared by MLflow
        code = getattr(error, "error_code", "")
        kinds = {"INVALID_PARAMETER_VALUE": Refused, "BAD_REQUEST": Refused, "RESOURCE_DOES_NOT_EXIST": Vanished}
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise kinds.get(code, Away)(f"MLflow at {hide_secrets(uri)}: {hide_secrets(first[0])[:500]}") from error


def load_client() -> None:
    """Import MLflow's client, outside `translated`: no store is to blame for a broken installation."""
    set_defaults()
    import mlflow.tracking  # noqa: F401  # for its effect


def _knock(uri: str) -> None:
    """One connection to a database, and the error it brings: MLflow's own first one is tried for two minutes."""
    import sqlalchemy

    options = {"connect_timeout": _CONNECT_SECONDS} if uri.startswith("postgresql") else {}
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool, connect_args=options)
    with engine.connect():
        pass


def _let_readers_in(file: Path) -> None:
    """A fresh sqlite file with a write-ahead log, which it keeps: the UI reads while the tracker writes."""
    connection = sqlite3.connect(file)
    try:
        connection.execute("pragma journal_mode = wal")
    finally:
        connection.close()


def _sync_less() -> None:
    """Where there is a write-ahead log, wait for the disk at its checkpoints only.

    A power cut then takes the last writes and nothing else, and those are written again from the journal.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _on_connect):
        event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        mode = connection.execute("pragma journal_mode").fetchone()
        if mode and mode[0] == "wal":
            connection.execute("pragma synchronous = normal")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _found(run: Run) -> FoundRun:
    info, data = run.info, run.data
    return FoundRun(
        info.run_id,
        info.status,
        data.tags,
        data.params,
        data.metrics,
        info.artifact_uri,
        info.start_time or 0,
        bool(run.inputs and run.inputs.dataset_inputs),
    )


def _quoted(value: str) -> str:
    """A text in MLflow's filter language, which knows no escape."""
    if "'" in value:
        raise Refused(f"{value}: MLflow cannot search for a name with a quotation mark in it")
    return f"'{value}'"
