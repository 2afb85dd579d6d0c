"""Runs trained again from what MLflow holds: equal to the last bit, and what is said where they are not."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from cluster.tracking_server import tracking_uri
from model.specification import Specification
from model.splitting import Split
from model.training import Training
from sweeps.cli import DIFFERENT, OK, REFUSED, main
from sweeps.cli.run import _opening, _prepare, load_data
from sweeps.definition import load_definition
from sweeps.environment import describe_process
from sweeps.execution import Execution
from sweeps.journal import Journal
from sweeps.storage import ExecutionFolder
from sweeps.tracking import project
from sweeps.tracking.store import local_folder
from tests.sweeps.tracking_journals import empty_store

TEXT = """
name = "mine"
[data]
name = "npz"
path = "data.npz"
split_seed = 5
limit = 90
scaling = "standard"
[model]
hidden = [8, 6]
dropout = 0.2
[training]
epochs = 3
batch_size = 16
[search]
strategy = "grid"
seed = 1
[space]
learning_rate = [0.1, 1e6]
"""
EPOCHS = 4  # with the one before the first step
FINISHED = "tags.`kurabe.status` = 'finished' and tags.`kurabe.stage` = 'search'"
CONFIRMED = "tags.`kurabe.stage` = 'confirmation' and tags.`kurabe.status` = 'finished'"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and in its storage an execution trained here without Ray: one trial finished, one diverged,
    one that raised."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 5))
    np.savez(folder / "data.npz", x=x, y=(x[:, 0] + x[:, 1] > 0).astype(int))
    (folder / "mine.toml").write_text(TEXT, encoding="utf-8")
    storage = folder / "kurabe-data"
    definition = load_definition(str(folder / "mine.toml"))
    prepared = _prepare(ExecutionFolder(storage, "mine", 1), definition, {"seed": 1}, load_data(definition), folder)
    prepared.folder.path.mkdir(parents=True)
    journal = Journal.create(prepared.folder.journal)
    given = {"definition": "mine.toml", "storage": "kurabe-data"}
    options = argparse.Namespace(set=[], trials=None, seed=None, workers=1, **given)
    journal.append("opened", _opening(options, prepared))
    execution = Execution(journal, definition, prepared.procedure, slots=1, data_digest=prepared.dataset.digest)
    while job := execution.take():
        execution.started(job.key, job.attempt)
        training = Training(job.specification, prepared.split)
        records = [record.to_dict() for record in training]
        end: dict[str, Any] = {
            "status": "diverged" if training.diverged else "finished",
            "epochs": 3,
            "seconds": 0.1,
            "environment": describe_process(),
        }
        execution.reported(job.key, job.attempt, records, end=end)
    fail(journal, prepared.split)
    journal.append("closed", {"why": "grid", "seconds": 1.0})
    (storage / "mlflow.sqlite").write_bytes(empty_store())
    assert project(journal.path, tracking_uri(storage), storage).complete
    journal.close()
    shutil.rmtree(prepared.folder.path)  # from here on MLflow is all there is
    return folder


def fail(journal: Journal, data: Split) -> None:
    """A third trial, whose batches are larger than the data: it raises before its first epoch."""
    first = next(iter(journal.events(kinds=("proposed",)))).body
    specification = json.loads(json.dumps(first["trials"][0]["specification"]))
    specification["hyperparameters"]["batch_size"] = 5000
    trial = {"key": "late", "replicate": 0, "specification": specification}
    journal.append("proposed", {**first, "number": 99, "point": {"learning_rate": 3.0}, "trials": [trial]})
    try:
        Training(Specification.from_json(json.dumps(specification)), data)
    except ValueError:
        told = traceback.format_exc()
    end: dict[str, Any] = {
        "status": "failed",
        "value": None,
        "epochs": 0,
        "seconds": 0.0,
        "findings": [],
        "error": told,
    }
    journal.append("ended", end, trial="late", attempt=1)


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def run_of(home: Path, wanted: str) -> tuple[str, Path]:
    """The identity of the first run that a filter of MLflow finds, and the folder of its artifacts."""
    client = MlflowClient(tracking_uri(home / "kurabe-data"))
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    run = client.search_runs([experiment.experiment_id], wanted)[0]
    place = local_folder(run.info.artifact_uri)
    assert place is not None
    return run.info.run_id, place


def numbers_of(place: Path) -> tuple[int, int]:
    """How many metric values (but the seconds) and numbers of histograms a run's records hold."""
    records = json.loads((place / "records.json").read_text())["records"]
    metrics = [name for record in records for name in record["metrics"] if name != "seconds/epoch"]
    layers = [layer for record in records for layer in record["activations"] or ()]
    return len(metrics), sum(
        len(value) if isinstance(value, list) else 1
        for layer in layers
        for name, value in layer.items()
        if name != "layer"
    )


def test_a_finished_run_is_equal_to_the_last_bit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, place = run_of(here, FINISHED)
    assert main(["reproduce", run_id[:12]]) == OK
    told = capsys.readouterr().out
    metrics, activations = numbers_of(place)
    assert f"run {run_id}, mine-1, 0.1 #1: it finished" in told
    assert f"trained {EPOCHS} epochs again" in told
    assert f"equal to the last bit: {metrics:,} metric values, in records.json and as MLflow's metrics" in told
    assert f"and {activations:,} numbers of activation histograms" in told
    assert metrics >= EPOCHS * 10
    assert activations >= 3 * 2 * 100


def test_a_confirmation_is_equal_in_its_scores_on_the_test_part_too(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id, place = run_of(here, CONFIRMED)
    assert "test/loss" in json.loads((place / "records.json").read_text())["records"][-1]["metrics"]
    assert main(["reproduce", run_id]) == OK
    assert f"equal to the last bit: {numbers_of(place)[0]:,} metric values" in capsys.readouterr().out


def test_a_diverged_and_a_failed_run_end_again_as_they_did(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diverged, _ = run_of(here, "tags.`kurabe.status` = 'diverged'")
    assert main(["reproduce", diverged]) == OK
    assert "it diverged" in capsys.readouterr().out
    failed, _ = run_of(here, "tags.`kurabe.status` = 'failed'")
    assert main(["reproduce", failed]) == OK
    told = capsys.readouterr().out
    assert "it raised model.data.DataError" in told
    assert "and it raised again: model.data.DataError: data set data: expected batch_size up to" in told


def test_a_logged_record_that_was_altered_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, place = run_of(here, FINISHED)
    file = place / "records.json"
    original = file.read_bytes()
    document = json.loads(original)
    layer = document["records"][1]["activations"][1]
    count = layer["counts"][7]
    layer["counts"][7] += 1
    loss = document["records"][2]["metrics"]["train/loss"]
    document["records"][2]["metrics"]["train/loss"] = np.nextafter(loss, 1e9)
    document["environment"]["blas"][0]["architecture"] = "Zilog"
    document["environment"]["packages"]["numpy"] = "1.0"
    file.write_text(json.dumps(document))
    try:
        assert main(["reproduce", run_id]) == DIFFERENT
    finally:
        file.write_bytes(original)
    told = capsys.readouterr().out
    assert "different: 2 numbers; the first at epoch 1: activations/layer2 counts 7" in told
    assert f"logged  {count + 1}  (records.json)" in told
    assert f"now     {count}\n" in told
    assert "BLAS kernel: Zilog -> " in told
    assert f"version of numpy: 1.0 -> {np.__version__}" in told
    assert "machine's" not in told
    assert "equal to the last bit" not in told


def test_a_metric_that_was_altered_in_mlflow_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, _ = run_of(here, FINISHED)
    alter = "update metrics set value = ? where run_uuid = ? and key = 'validation/loss' and step = 3"
    value = MlflowClient(tracking_uri(here / "kurabe-data")).get_run(run_id).data.metrics["validation/loss"]
    with closing(sqlite3.connect(here / "kurabe-data" / "mlflow.sqlite", isolation_level=None)) as store:
        store.execute(alter, [np.nextafter(value, 9.0).item(), run_id])
        try:
            assert main(["reproduce", run_id]) == DIFFERENT
        finally:
            store.execute(alter, [value, run_id])
    told = capsys.readouterr().out
    assert "different: 1 number; the first at epoch 3: validation/loss" in told
    assert f"logged  {np.nextafter(value, 9.0).item()!r}  (MLflow's metric)" in told
    assert f"now     {value!r}\n" in told
    assert "the two environments agree in all that was recorded" in told


def test_other_data_are_refused_and_may_lie_elsewhere(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id, _ = run_of(here, FINISHED)
    moved = (here / "data.npz").rename(tmp_path / "moved.npz")
    try:
        assert main(["reproduce", run_id]) == REFUSED
        told = capsys.readouterr().err
        assert f"{here / 'data.npz'}: expected the data that the run was trained with; --data PATH" in told
        assert main(["reproduce", run_id, "--data", str(moved)]) == OK
        np.savez(here / "data.npz", x=np.ones((4, 2)), y=[0, 1, 0, 1])
        assert main(["reproduce", run_id]) == REFUSED
        told = capsys.readouterr().err
        expected, _, got = told.rpartition(", got ")
        assert (
            json.loads((run_of(here, f"attributes.run_id = '{run_id}'")[1] / "records.json").read_text())["data"][
                "digest"
            ]
            in expected
        )
        assert len(got.strip()) == 64
    finally:
        moved.rename(here / "data.npz")


@pytest.mark.parametrize(
    ("run_id", "words"),
    [
        ("0" * 32, "holds no such run"),
        ("digits-1", "expected the run id that MLflow shows"),
        ("", "expected the run id that MLflow shows"),
    ],
)
def test_a_run_that_is_none_is_refused(here: Path, capsys: pytest.CaptureFixture[str], run_id: str, words: str) -> None:
    assert main(["reproduce", run_id]) == REFUSED
    assert words in capsys.readouterr().err


def test_a_run_that_is_no_trial_of_ours_or_has_not_ended_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient(tracking_uri(here / "kurabe-data"))
    foreign = client.create_run(client.create_experiment("foreign")).info.run_id
    running = client.create_run("0", tags={"kurabe.kind": "trial", "kurabe.execution": "mine-1"}).info.run_id
    summary, _ = run_of(here, "tags.`kurabe.kind` = 'execution'")
    for run_id, words in (
        (foreign, "is a run that is not ours; expected the run of a trial"),
        (running, "has not ended (MLflow calls it RUNNING)"),
        (summary, "is the summary of an execution; expected the run of a trial"),
    ):
        assert main(["reproduce", run_id]) == REFUSED
        assert words in capsys.readouterr().err
    known = [
        run.info.run_id for run in client.search_runs([each.experiment_id for each in client.search_experiments()])
    ]
    several = next((digit for digit in "0123456789abcdef" if sum(each.startswith(digit) for each in known) > 1), None)
    if several is not None:  # six random identities; most often two of them begin alike
        assert main(["reproduce", several]) == REFUSED
        assert "several runs begin so" in capsys.readouterr().err


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="OpenBLAS's kernels have other names here")
def test_another_blas_kernel_is_found_out(here: Path) -> None:
    run_id, _ = run_of(here, FINISHED)
    script = Path(sys.executable).with_name("sweep")
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}
    done = subprocess.run([script, "reproduce", run_id], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == DIFFERENT, done.stderr
    assert "BLAS kernel: " in done.stdout
    assert " -> Nehalem\n" in done.stdout
    assert "OPENBLAS_CORETYPE names the kernel" in done.stdout
    assert "the first at epoch " in done.stdout
