"""The reading side: executions as MLflow holds them, for reports. Whoever reaches the store can read."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cluster.tracking_server import TrackingError
from sweeps.tracking import names
from sweeps.tracking.settings import set_defaults
from sweeps.tracking.store import FoundRun, Store, local_folder, translated

_AT_ONCE = 8  # files fetched at a time from a store that is not on this machine
_RETRIES = 3  # of an HTTP request; reading may be repeated without harm


@dataclass(frozen=True)
class TrialRecord:
    """One trial's run. `document` is all that is known of it (`records.json`), `params` its typed hyper-parameters.

    A run that is not whole yet has a document of the same shape with what MLflow knows: no activations, no value.
    """

    run_id: str
    document: Mapping[str, Any]
    params: Mapping[str, Any]

    @property
    def key(self) -> str:
        return str(self.document["key"])

    @property
    def order(self) -> int:
        return int(self.document["order"])

    @property
    def replicate(self) -> int:
        return int(self.document["replicate"])

    @property
    def point(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["point"]
        return found

    @property
    def reason(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["reason"]
        return found

    @property
    def status(self) -> str:
        return str(self.document["status"])

    @property
    def value(self) -> float | None:
        found = self.document.get("value")
        return float(found) if isinstance(found, int | float) else None

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self.document.get("findings") or ())

    @property
    def error(self) -> str | None:
        found = self.document.get("error")
        return None if found is None else str(found)

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """Epoch records as JSON objects, in order of epochs."""
        return tuple(self.document.get("records") or ())


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution. `document` is all that is known of it (`execution.json`): definition, text, objective, direction,
    data, environment, counts, skipped, proposals, closed, …; and `test_part`, how often that was used so far.
    """

    name: str
    run_id: str
    experiment_id: str
    document: Mapping[str, Any]
    trials: tuple[TrialRecord, ...]  # by proposal and replicate


@dataclass(frozen=True)
class LoggedTrial:
    """A trial that ended, in full: its `record`, the run's name, and every value of every metric, by (step, name)."""

    record: TrialRecord
    run_name: str
    metrics: Mapping[tuple[int, str], float]


def read_execution(uri: str, executions: str | Sequence[str]) -> tuple[ExecutionRecord, ...]:
    """Read executions (`digits-2`), or the latest one of a definition (`digits`), in the order they were named.

    Raises:
        TrackingError: MLflow does not answer, holds no such execution (the message lists what there is), or a file of
            a run is missing or damaged.
    """
    set_defaults(retries=_RETRIES)
    store = Store(uri, "")
    store.connect()
    wanted = [executions] if isinstance(executions, str) else list(executions)
    found = [_find(store, name) for name in wanted]
    return tuple(_read(store, experiment, summary) for experiment, summary in found)


def usage_of_test_part(store: Store, summary: FoundRun) -> dict[str, Any]:
    """How often the test part that this execution was judged on has been looked at, so far as this store knows: the
    `executions` with the same data and split that judged trainings by it, in order of time, and the `trainings`.
    """
    same = {names.KIND: "execution", names.DATA_DIGEST: summary.tags.get(names.DATA_DIGEST, "")}
    split = _test_part(summary)
    used = [
        run
        for run in store.runs(store.experiments(), same)
        if run.tags.get(names.CONFIRMED, "").isdecimal() and _test_part(run) == split
    ]
    used.sort(key=lambda run: run.started)
    return {
        "executions": [run.tags[names.EXECUTION] for run in used],
        "trainings": sum(int(run.tags[names.CONFIRMED]) for run in used),
    }


def _test_part(summary: FoundRun) -> tuple[Any, ...] | None:
    """What decides which samples the test part holds; None where it is not known."""
    try:
        split = json.loads(summary.tags.get(names.SPLIT, ""))
    except ValueError:
        return None
    return tuple(split.get(name) for name in ("split_seed", "validation", "test", "limit", "target"))


def read_trial(uri: str, run_id: str) -> LoggedTrial:
    """The trial whose run has this identity, or the only one whose identity begins so.

    Raises:
        TrackingError: MLflow does not answer, holds no such run or several, or it is no trial that has ended.
    """
    set_defaults(retries=_RETRIES)
    store = Store(uri, "")
    store.connect()
    run = _one_run(store, run_id)
    kind = run.tags.get(names.KIND)
    if kind != "trial":
        what = {None: "a run that is not ours", "execution": "the summary of an execution"}.get(kind, f"a {kind}")
        raise TrackingError(f"run {run.run_id} is {what}; expected the run of a trial ({names.KIND} = trial)")
    if run.status not in names.WHOLE:
        raise TrackingError(
            f"run {run.run_id} has not ended (MLflow calls it {run.status}): its numbers are not all there yet; "
            f"sweep resume {run.tags.get(names.EXECUTION, 'NAME')} brings it to its end"
        )
    with tempfile.TemporaryDirectory(prefix="kurabe-") as folder:
        document = _document(store, run, names.RECORDS_FILE, Path(folder))
    record = TrialRecord(run.run_id, document, _params(document))
    logged = {(step, name): value for name in run.metrics for step, value in store.metric_history(run.run_id, name)}
    return LoggedTrial(record, run.tags.get(names.RUN_NAME, ""), logged)


def _one_run(store: Store, run_id: str) -> FoundRun:
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", run_id):
        raise TrackingError(
            f"{run_id[:60]!r}: expected the run id that MLflow shows, 32 digits from 0-9 and a-f, or its beginning"
        )
    found = store.runs_beginning(run_id.lower())
    if not found:
        raise TrackingError(f"{run_id}: MLflow at {store.shown} holds no such run")
    if len(found) > 1:
        several = ", ".join(sorted(run.run_id for run in found))
        raise TrackingError(f"{run_id}: several runs begin so: {several}; give more of its digits")
    return found[0]


def executions_before(uri: str, name: str) -> tuple[str, ...]:
    """The executions of the same definition with a smaller number that came to their end, in order.

    Raises:
        TrackingError: MLflow does not answer, or holds no such execution.
    """
    set_defaults(retries=_RETRIES)
    store = Store(uri, "")
    store.connect()
    experiment, summary = _find(store, name)
    every = sorted(store.runs([experiment], {names.KIND: "execution"}), key=_number)
    earlier = (run for run in every if _number(run) < _number(summary))
    return tuple(run.tags[names.EXECUTION] for run in earlier if run.tags.get(names.STATUS) == "finished")


def keep_report(uri: str, record: ExecutionRecord, folder: Path) -> None:
    """Keep a report's files as artifacts, below `report/`, of the run that stands for the execution.

    Raises:
        TrackingError: MLflow does not answer.
    """
    store = Store(uri, "")
    store.connect()
    store.log_folder(record.run_id, folder, "report")


def _find(store: Store, name: str) -> tuple[str, FoundRun]:
    numbered = re.fullmatch(r"(?P<definition>.+)-[1-9][0-9]*", name)
    if numbered:
        experiment = store.experiment(numbered["definition"])
        exact = experiment and list(store.runs([experiment], {names.KIND: "execution", names.EXECUTION: name}))
        if experiment and exact:
            return experiment, exact[0]
    experiment = store.experiment(name)
    summaries = list(store.runs([experiment], {names.KIND: "execution"})) if experiment else []
    if experiment and summaries:
        return experiment, max(summaries, key=_number)
    raise TrackingError(f"{name}: MLflow at {store.shown} holds no such execution; it holds: {_listed(store)}")


def _number(summary: FoundRun) -> int:
    last = summary.tags[names.EXECUTION].rpartition("-")[2]
    return int(last) if last.isdecimal() else 0


def _listed(store: Store) -> str:
    found = store.runs(store.experiments(), {names.KIND: "execution"})
    return ", ".join(sorted(run.tags[names.EXECUTION] for run in found)) or "none; `sweep sync NAME` writes one"


def _read(store: Store, experiment: str, summary: FoundRun) -> ExecutionRecord:
    name = summary.tags[names.EXECUTION]
    runs = [_light(run) for run in store.runs([experiment], {names.KIND: "trial", names.EXECUTION: name})]
    jobs: list[Callable[[Path], Mapping[str, Any]]] = [partial(_document, store, summary, names.EXECUTION_FILE)]
    known: dict[Any, Any] = {}
    jobs += [partial(_trial_document, store, run, known) for run in runs]
    document, *documents = _all(jobs, at_once=1 if local_folder(summary.artifact_uri) else _AT_ONCE)
    trials = [
        TrialRecord(run.run_id, each, {**_params(each), "data.name": run.parameters.get("data.name")})
        for run, each in zip(runs, documents, strict=True)
    ]
    trials.sort(key=lambda trial: (trial.order, trial.replicate))
    whole = {**document, "test_part": usage_of_test_part(store, summary)}
    return ExecutionRecord(name, summary.run_id, experiment, whole, tuple(trials))


def _all(jobs: Iterable[Callable[[Path], Mapping[str, Any]]], *, at_once: int) -> list[Mapping[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="kurabe-") as folder:
        if at_once == 1:
            return [job(Path(folder)) for job in jobs]
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda job: job(Path(folder)), jobs))


def _params(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["specification"].get("hyperparameters") or {}
    return found


def _trial_document(store: Store, run: FoundRun, known: dict[Any, Any], folder: Path) -> Mapping[str, Any]:
    if run.status in names.WHOLE:
        return _shared(_document(store, run, names.RECORDS_FILE, folder), known)
    return _unfinished_document(store, run)


def _light(run: FoundRun) -> FoundRun:
    """A whole run without what its document says again: of thousands, that would be many megabytes."""
    if run.status not in names.WHOLE:
        return run
    tags = {name: run.tags[name] for name in (names.EXECUTION,) if name in run.tags}
    parameters = {name: run.parameters[name] for name in ("data.name",) if name in run.parameters}
    return replace(run, tags=tags, parameters=parameters, metrics={})


def _shared(document: Mapping[str, Any], known: dict[Any, Any]) -> Mapping[str, Any]:
    """The document with the parts that most trials have in common kept in memory once, by `known`: of ten thousand
    trials they would be a third of a gigabyte.
    """
    common = {name: document[name] for name in ("environment", "data", "plugins") if name in document}
    common = {name: known.setdefault(json.dumps(part, sort_keys=True), part) for name, part in common.items()}
    records = document.get("records")
    for record in records if isinstance(records, list) else ():
        layers = record.get("activations") if isinstance(record, dict) else None
        for layer in layers if isinstance(layers, list) else ():
            if isinstance(layer, dict) and isinstance(layer.get("edges"), list):
                layer["edges"] = known.setdefault(repr(layer["edges"]), layer["edges"])
    return {**document, **common}


def _unfinished_document(store: Store, run: FoundRun) -> Mapping[str, Any]:
    """What tags and metrics tell of a run that is not whole: its records without activations."""
    tags = run.tags
    epochs: dict[int, dict[str, float]] = {}
    for name in run.metrics:
        for step, value in store.metric_history(run.run_id, name):
            epochs.setdefault(step, {})[name] = value
    return {
        "execution": tags.get(names.EXECUTION, ""),
        "key": tags.get(names.TRIAL, ""),
        "replicate": int(tags.get(names.REPLICATE, "0")),
        "order": int(tags.get(names.ORDER, "0")),
        "stage": tags.get(names.STAGE, "search"),
        "level": tags.get(names.LEVEL, ""),
        "repeat": int(tags.get(names.REPEAT, "0")),
        "point": json.loads(tags.get(names.POINT, "{}")),
        "reason": json.loads(tags.get(names.REASON, "{}")),
        "specification": json.loads(tags.get(names.SPECIFICATION, "{}")),
        "status": "interrupted" if run.status == names.KILLED else "running",
        "value": None,
        "attempts": int(tags.get(names.ATTEMPTS, "1")),
        "node": tags.get(names.NODE),
        "findings": [],
        "error": None,
        "records": [{"epoch": each, "metrics": epochs[each], "activations": None} for each in sorted(epochs)],
    }


def _document(store: Store, run: FoundRun, file: str, folder: Path) -> Mapping[str, Any]:
    try:
        return _parse(_fetch(store, run, file, folder).read_bytes())
    except (OSError, ValueError) as error:
        name = run.tags.get(names.EXECUTION, "NAME")
        remedy = f"delete that run in MLflow, and `sweep sync {name}` writes it again"
        raise TrackingError(f"run {run.run_id}: {file} is missing or damaged ({error}); {remedy}") from error


def _fetch(store: Store, run: FoundRun, file: str, folder: Path) -> Path:
    place = local_folder(run.artifact_uri)
    if place is not None:
        return place / file
    from mlflow.artifacts import download_artifacts

    target = folder / run.run_id
    with translated(store.uri):
        return Path(download_artifacts(f"{run.artifact_uri}/{file}", dst_path=str(target), tracking_uri=store.uri))


def _parse(content: bytes) -> Mapping[str, Any]:
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    return document
