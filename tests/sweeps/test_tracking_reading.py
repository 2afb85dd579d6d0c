"""Executions read back from MLflow for reports."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest
from mlflow.tracking import MlflowClient

from cluster.tracking_server import running_server, tracking_uri
from sweeps.tracking import TrackingError, keep_report, project, read_execution, read_trial
from tests.sweeps.tracking_journals import DEFINITION, Sweep, empty_store, recorded


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "with a space"
    folder.mkdir()
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    return folder


def written(storage: Path, execution: str = "digits-1", trials: int = 3, *, close: bool = True) -> Sweep:
    sweep = Sweep.begin(storage, execution)
    for number in range(trials):
        sweep.train(sweep.propose(reason={"kind": "random", "draw": number})[0], value=0.5 + number)
    if close:
        sweep.close()
    project(sweep.path, tracking_uri(storage), storage)
    return sweep


def test_an_execution_is_read_back_as_it_was_journalled(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    for key in sweep.propose(
        replicates=2, optimizer="sgd", learning_rate=0.5, hidden=[64, 32], batch_normalization=True
    ):
        sweep.train(key, value=0.75)
    finding = {"name": "divergence", "epoch": 2, "summary": "infinite", "advice": "lower it"}
    sweep.train(sweep.propose()[0], "diverged", value=None, findings=[finding], train__loss="inf")
    sweep.train(sweep.propose()[0], "failed", value=None, error="Traceback: no")
    sweep.close()
    project(sweep.path, tracking_uri(storage), storage)
    (record,) = read_execution(tracking_uri(storage), ["digits-1"])
    assert record.name == "digits-1"
    assert record.document["definition"] == {**DEFINITION, "name": "digits"}
    assert record.document["text"] == 'name = "digits"\n'
    assert (record.document["objective"], record.document["direction"]) == ("validation/loss", "minimize")
    assert record.document["data"]["train"] == 1080
    assert record.document["counts"] == {"diverged": 1, "failed": 1, "finished": 2}
    assert record.document["closed"] == "trials"
    assert [(trial.order, trial.replicate, trial.key) for trial in record.trials] == [
        (1, 0, "t1r0"),
        (1, 1, "t1r1"),
        (2, 0, "t2"),
        (3, 0, "t3"),
    ]
    first, _, diverged, failed = record.trials
    one, other = (trial.records[0]["activations"][0]["edges"] for trial in record.trials[:2])
    assert one is other  # thousands of trials share them
    params = first.params
    assert (params["learning_rate"], params["hidden"], params["batch_normalization"]) == (0.5, [64, 32], True)
    assert (params["optimizer"], params["data.name"]) == ("sgd", "digits")
    assert (first.status, first.value, first.error, first.findings) == ("finished", 0.75, None, ())
    assert first.point == {"optimizer": "sgd", "learning_rate": 0.5, "hidden": [64, 32], "batch_normalization": True}
    assert first.reason == {"kind": "random"}
    bodies = [event.body for event in sweep.journal.events(kinds=("epoch",)) if event.trial == "t1r0"]
    assert list(first.records) == bodies
    assert (diverged.status, diverged.value, diverged.findings) == ("diverged", None, (finding,))
    assert diverged.records[0]["metrics"]["train/loss"] == "inf"
    assert (failed.status, failed.error) == ("failed", "Traceback: no")


def test_a_definitions_name_means_its_latest_execution(storage: Path) -> None:
    for number in (1, 2, 10):
        written(storage, f"digits-{number}", trials=1)
    written(storage, "other-3", trials=1)
    uri = tracking_uri(storage)
    assert [record.name for record in read_execution(uri, "digits")] == ["digits-10"]
    assert [record.name for record in read_execution(uri, ["digits-2", "other", "digits"])] == [
        "digits-2",
        "other-3",
        "digits-10",
    ]


def test_a_definition_whose_name_ends_in_a_number(storage: Path) -> None:
    written(storage, "digits-2", trials=1)
    written(storage, "digits-2-1", trials=2)
    uri = tracking_uri(storage)
    assert [record.name for record in read_execution(uri, ["digits-2", "digits-2-1"])] == ["digits-2", "digits-2-1"]


def test_a_running_execution_is_read_as_far_as_it_is(storage: Path) -> None:
    sweep = written(storage, trials=1, close=False)
    sweep.start(sweep.propose()[0])
    sweep.record("t2", [0, 1])
    project(sweep.path, tracking_uri(storage), storage)
    (record,) = read_execution(tracking_uri(storage), "digits-1")
    running = record.trials[1]
    assert (record.document["closed"], running.status, running.value) == (None, "running", None)
    bodies = [event.body for event in sweep.journal.events(kinds=("epoch",)) if event.trial == "t2"]
    assert [each["metrics"] for each in running.records] == [each["metrics"] for each in bodies]
    assert running.params["learning_rate"] == 0.002


def test_how_often_the_test_part_was_used_is_counted_over_all_definitions(storage: Path) -> None:
    kinds = {"digits-1": (3, 2), "other-1": (3, 1), "resplit-1": (4, 2), "unconfirmed-1": (3, 0)}
    for execution, (split_seed, confirmations) in kinds.items():
        definition = {**DEFINITION, "name": execution[:-2], "data": {"name": "digits", "split_seed": split_seed}}
        sweep = Sweep.begin(storage, execution, definition=definition)
        sweep.train(sweep.propose()[0])
        for _ in range(confirmations):
            sweep.train(sweep.propose(role={"stage": "confirmation"})[0], test={"test/accuracy": 0.9})
        sweep.train(sweep.propose(role={"stage": "confirmation"})[0], "diverged", value=None)  # it looked at nothing
        sweep.close()
        project(sweep.path, tracking_uri(storage), storage)
    used = {
        record.name: record.document["test_part"]
        for record in read_execution(tracking_uri(storage), ["other", "resplit", "unconfirmed"])
    }
    assert used["other-1"] == used["unconfirmed-1"] == {"executions": ["digits-1", "other-1"], "trainings": 3}
    assert used["resplit-1"] == {"executions": ["resplit-1"], "trainings": 2}


def test_the_pandas_line_of_the_readme(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(storage, trials=2)
    written(storage, "other-1", trials=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(storage))
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^```python\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    exec(line, found)  # noqa: S102  # the line is our own, and running it is the test
    trials = found["trials"].sort_values("tags.kurabe.order")
    assert list(trials["params.learning_rate"]) == ["0.001", "0.002"]
    assert list(trials["tags.kurabe.value"].astype(float)) == [0.5, 1.5]
    assert trials["metrics.validation/loss"].notna().all()


def test_what_is_not_there_is_said_with_what_is(storage: Path, tmp_path: Path) -> None:
    written(storage, trials=1)
    uri = tracking_uri(storage)
    with pytest.raises(TrackingError, match=r"fashion: .* no such execution; it holds: digits-1"):
        read_execution(uri, "fashion")
    with pytest.raises(TrackingError, match="digits-7"):
        read_execution(uri, "digits-7")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TrackingError, match="no MLflow store here yet"):
        read_execution(tracking_uri(empty), "digits")
    assert not list(empty.iterdir())
    with pytest.raises(TrackingError, match=r"MLflow at http://127\.0\.0\.1:1"):
        read_execution("http://127.0.0.1:1", "digits")


def test_a_missing_or_damaged_file_is_named(storage: Path) -> None:
    written(storage, trials=2)
    uri = tracking_uri(storage)
    (record,) = read_execution(uri, "digits")
    run = MlflowClient(uri).get_run(record.trials[1].run_id)
    file = Path(url2pathname(run.info.artifact_uri.removeprefix("file://"))) / "records.json"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(TrackingError, match=rf"{run.info.run_id}: records.json is missing or damaged"):
        read_execution(uri, "digits")
    file.unlink()
    with pytest.raises(TrackingError, match=r"sweep sync digits-1"):
        read_execution(uri, "digits")


def test_over_http_it_reads_the_same_and_keeps_the_report(
    storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Artifacts too go through the server when the run was written through it."""
    with running_server(storage) as address:
        sweep = Sweep.begin(storage, "remote-1")
        sweep.train(sweep.propose()[0], value=0.125)
        sweep.train(sweep.propose()[0], "diverged", value=None, train__loss="nan")
        sweep.close()
        counts = project(sweep.path, address, storage)
        assert (counts.whole, counts.complete) == (2, True)
        (record,) = read_execution(address, "remote")
        assert [trial.value for trial in record.trials] == [0.125, None]
        trial = read_trial(address, record.trials[0].run_id[:16])
        assert (trial.record.document, trial.run_name) == (record.trials[0].document, "adam 0.001 #1")
        assert trial.metrics == {(step, name): value for _, name, step, value, _ in recorded(sweep.journal, "t1")}
        bodies = [event.body for event in sweep.journal.events(kinds=("epoch",)) if event.trial == "t1"]
        assert list(record.trials[0].records) == bodies
        page = tmp_path / "report"
        page.mkdir()
        (page / "report.html").write_text("<p>all well")
        keep_report(address, record, page)
        kept = MlflowClient(address).download_artifacts(record.run_id, "report/report.html", str(tmp_path))
        assert Path(kept).read_text() == "<p>all well"
        runs = MlflowClient(address).search_runs([record.experiment_id])
        assert all(run.info.artifact_uri.startswith("mlflow-artifacts:") for run in runs)
        history = MlflowClient(address).get_metric_history(record.trials[0].run_id, "train/loss")
        assert all(math.isfinite(each.value) for each in history)
        assert json.loads(runs[0].data.tags["kurabe.specification"])["seed"] == 7
