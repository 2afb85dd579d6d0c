"""What MLflow holds after a projection, read back through its own client, against the journal it came from."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from cluster.tracking_server import artifact_root, free_port, hide_secrets, tracking_uri
from model.data import make_dataset
from model.specification import Specification
from model.splitting import split
from model.training import Training
from sweeps.cli import OK, main
from sweeps.journal import Event
from sweeps.storage import hold
from sweeps.tracking import Counts, keep_report, project, read_execution
from sweeps.tracking.following import Follower
from sweeps.tracking.names import Away, Refused
from sweeps.tracking.projection import Projector
from sweeps.tracking.store import Store
from tests.sweeps.tracking_journals import DEFINITION, NAMES, Sweep, empty_store, expected_artifacts, recorded

README = (Path(__file__).parents[2] / "sweeps" / "README.md").read_text(encoding="utf-8")
DIVERGENCE = {"name": "divergence", "epoch": 3, "summary": "The loss is infinite.", "advice": "Lower the rate."}
WRITING = ("create_run", "log", "log_files", "set_status", "tag_experiment", "log_data")  # calls of the store
TRACEBACK = "Traceback (most recent call last):\n  …\nValueError: no\n"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A storage folder whose MLflow store has its tables already, which saves most of a second."""
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    return folder


def sync(sweep: Sweep, **options: Any) -> Counts:
    storage = sweep.path.parent.parent
    return project(sweep.path, tracking_uri(storage), storage, **options)


def client(sweep: Sweep) -> MlflowClient:
    return MlflowClient(tracking_uri(sweep.path.parent.parent))


def runs(sweep: Sweep, kind: str = "trial") -> dict[str, Run]:
    """The active runs by trial key; fails if two share one."""
    held = client(sweep)
    experiment = held.get_experiment_by_name(sweep.execution.rsplit("-", 1)[0])
    assert experiment is not None
    wanted = f"tags.`kurabe.kind` = '{kind}' and tags.`kurabe.execution` = '{sweep.execution}'"
    found = held.search_runs([experiment.experiment_id], wanted, max_results=1000)
    identity = "kurabe.trial" if kind == "trial" else "kurabe.execution"
    keyed = [(run.data.tags[identity], run) for run in found]
    assert Counter(key for key, _ in keyed).most_common(1)[0][1] == 1
    return dict(keyed)


def metrics(sweep: Sweep, found: dict[str, Run]) -> list[tuple[str, str, int, float, int]]:
    """(trial, metric, step, value, timestamp) of every value that MLflow holds, doubles included."""
    held = client(sweep)
    return sorted(
        (key, name, each.step, each.value, each.timestamp)
        for key, run in found.items()
        for name in run.data.metrics
        for each in held.get_metric_history(run.info.run_id, name)
    )


def artifact(sweep: Sweep, run: Run, path: str, folder: Path) -> bytes:
    return Path(client(sweep).download_artifacts(run.info.run_id, path, str(folder))).read_bytes()


def varied(storage: Path) -> Sweep:
    """An execution with an end of every kind."""
    sweep = Sweep.begin(storage)
    for _ in range(3):
        sweep.train(sweep.propose()[0])
    for key in sweep.propose(replicates=2, optimizer="sgd", learning_rate=0.5):
        sweep.train(key, value=0.75)
    sweep.train(
        sweep.propose(optimizer="sgd", learning_rate=1e6)[0],
        "diverged",
        value=None,
        findings=[DIVERGENCE],
        train__loss="inf",
        validation__loss="nan",
    )
    sweep.train(sweep.propose()[0], "failed", value=None, error=TRACEBACK)
    sweep.train(sweep.propose()[0], "stopped", epochs=2)
    body = {"number": 99, "point": {"optimizer": "sgd"}, "reason": {}, "twin": 4, "stage": "search", "level": "grid"}
    body |= {"repeat": 1, "why": "the same training as proposal 4", "seen": 0}
    sweep.journal.append("skipped", body)
    return sweep


def test_every_number_of_the_journal_is_in_mlflow_once_and_nothing_else(storage: Path, tmp_path: Path) -> None:
    sweep = varied(storage)
    counts = sync(sweep)
    assert (counts.ended, counts.whole, counts.complete) == (8, 8, True)
    found = runs(sweep)
    assert metrics(sweep, found) == sorted(recorded(sweep.journal))
    assert counts.metrics == len(list(recorded(sweep.journal)))
    for key, run in found.items():  # and the one compact file says the same
        document = json.loads(artifact(sweep, run, "records.json", tmp_path))
        held = [(key, name, step, value) for _, name, step, value, _ in metrics(sweep, {key: run})]
        told = [
            (key, name, record["epoch"], value)
            for record in document["records"]
            for name, value in record["metrics"].items()
            if not isinstance(value, str)
        ]
        assert sorted(told) == held


def test_runs_carry_what_was_tried_and_how_it_went(storage: Path) -> None:
    sweep = varied(storage)
    sync(sweep)
    found = runs(sweep)
    first, replicate, diverged, failed, stopped = (found[key] for key in ("t1", "t4r1", "t5", "t6", "t7"))
    assert first.data.params["optimizer"] == "adam"
    assert first.data.params["learning_rate"] == "0.001"
    assert first.data.params["hidden"] == "[100, 100]"
    assert first.data.params["batch_normalization"] == "false"
    assert first.data.params["data.name"] == "digits"
    tags = first.data.tags
    assert tags["kurabe.execution"] == "digits-1"
    assert tags["kurabe.definition"] == "digits"
    assert json.loads(tags["kurabe.point"]) == {"optimizer": "adam", "learning_rate": 0.001}
    assert json.loads(tags["kurabe.reason"]) == {"kind": "random"}
    assert json.loads(tags["kurabe.specification"])["seed"] == 7
    assert tags["kurabe.data_digest"] == "d" * 64
    assert tags["kurabe.git_commit"] == tags["mlflow.source.git.commit"] == "0123456789abcdef0123456789abcdef01234567"
    assert tags["kurabe.node"] == "node-a"
    assert (tags["kurabe.status"], tags["kurabe.value"], tags["kurabe.attempts"]) == ("finished", "0.25", "1")
    assert "kurabe.findings" not in tags
    assert first.info.run_name == "adam 0.001 #1"
    assert (replicate.info.run_name, replicate.data.tags["kurabe.replicate"]) == ("sgd 0.5 #4.1", "1")
    assert replicate.data.tags["kurabe.order"] == "4"
    statuses = {key: run.info.status for key, run in found.items()}
    assert Counter(statuses.values()) == {"FINISHED": 7, "FAILED": 1}
    assert statuses["t6"] == "FAILED"
    assert diverged.data.tags["kurabe.status"] == "diverged"
    assert diverged.data.tags["kurabe.findings"] == "divergence"
    assert "The loss is infinite." in diverged.data.tags["mlflow.note.content"]
    assert diverged.data.tags["kurabe.non_finite"] == "train/loss@0,validation/loss@0"
    assert "kurabe.value" not in diverged.data.tags
    assert set(diverged.data.metrics) == set(NAMES) - {"train/loss", "validation/loss"}
    assert stopped.data.tags["kurabe.status"] == "stopped"
    assert failed.info.end_time >= failed.info.start_time


def test_artifacts_hold_definition_records_pictures_and_traceback(storage: Path, tmp_path: Path) -> None:
    sweep = varied(storage)
    sync(sweep)
    found, held = runs(sweep), client(sweep)
    document = json.loads(artifact(sweep, found["t5"], "records.json", tmp_path))
    bodies = [event.body for event in sweep.journal.events(kinds=("epoch",)) if event.trial == "t5"]
    assert document["records"] == bodies
    assert document["records"][0]["metrics"]["train/loss"] == "inf"
    assert document["findings"] == [DIVERGENCE]
    assert document["specification"]["hyperparameters"]["learning_rate"] == 1e6
    assert artifact(sweep, found["t6"], "traceback.txt", tmp_path).decode() == TRACEBACK
    assert artifact(sweep, found["t1"], "definition.toml", tmp_path) == b'name = "digits"\n'
    assert "traceback.txt" not in {each.path for each in held.list_artifacts(found["t1"].info.run_id)}
    pictures = [each.path for each in held.list_artifacts(found["t1"].info.run_id, "images")]
    assert len(pictures) == 6  # three epochs, each with the copy that the UI wants
    assert found["t1"].data.tags["mlflow.loggedImages"] == "True"


def test_pictures_are_named_as_log_image_names_them(storage: Path) -> None:
    from PIL import Image

    sweep = varied(storage)
    sync(sweep)
    held, run = client(sweep), runs(sweep)["t1"].info.run_id
    timestamp = next(
        event.at for event in sweep.journal.events(kinds=("epoch",)) if event.trial == "t1" and event.epoch == 2
    )
    ours = {each.path for each in held.list_artifacts(run, "images")}
    held.log_image(run, Image.new("L", (4, 4)), key="activations/layers", step=2, timestamp=round(timestamp * 1000))
    theirs = {each.path for each in held.list_artifacts(run, "images")} - ours

    def without_identity(path: str) -> str:
        stem, _, last = path.partition("+timestamp+")
        number, _, rest = last.partition("+")
        return f"{stem} {number} {rest[36:].rsplit('.', 1)[0]}"

    assert {without_identity(path) for path in theirs} == {
        without_identity(path) for path in ours if "+step+2+" in path
    }


def test_an_execution_has_a_run_of_its_own(storage: Path, tmp_path: Path) -> None:
    sweep = varied(storage)
    sync(sweep)
    assert runs(sweep, "execution")["digits-1"].info.status == "RUNNING"
    sweep.close()
    sync(sweep)
    summary = runs(sweep, "execution")["digits-1"]
    assert summary.info.status == "FINISHED"
    assert json.loads(summary.data.tags["kurabe.counts"]) == {"diverged": 1, "failed": 1, "finished": 5, "stopped": 1}
    document = json.loads(artifact(sweep, summary, "execution.json", tmp_path))
    assert document["objective"] == "validation/loss"
    assert document["closed"] == "trials"
    (skipped,) = document["skipped"]
    assert skipped["why"] == "the same training as proposal 4"
    assert {name: skipped[name] for name in ("number", "twin", "stage", "level", "repeat")} == {
        "number": 99, "twin": 4, "stage": "search", "level": "grid", "repeat": 1,
    }  # fmt: skip
    assert [each["number"] for each in document["proposals"]] == [1, 2, 3, 4, 5, 6, 7]
    assert document["proposals"][3]["trials"] == ["t4r0", "t4r1"]
    assert document["environment"]["packages"]["numpy"] == "2.4.6"
    assert summary.inputs is not None
    (data,) = summary.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("digits", "d" * 36)
    assert json.loads(data.dataset.profile or "") == {"train": 1080, "validation": 359, "test": 358}


def test_the_summary_names_the_best_point_counts_and_durations(storage: Path, tmp_path: Path) -> None:
    sweep = varied(storage)
    key = sweep.propose(optimizer="sgd", learning_rate=0.125)[0]
    sweep.train(key, value=0.0625)
    sweep.train(sweep.propose(role={"stage": "confirmation"})[0], value=0.03125)  # which chooses nothing
    sweep.close()
    sync(sweep)
    summary = runs(sweep, "execution")["digits-1"]
    best = json.loads(summary.data.tags["kurabe.best"])
    assert best == {
        "value": 0.0625,
        "order": sweep.number - 1,
        "replicate": 0,
        "trial": key,
        "point": {"optimizer": "sgd", "learning_rate": 0.125},
    }
    assert (summary.data.tags["kurabe.value"], summary.data.tags["kurabe.seconds"]) == ("0.0625", "3.000")
    document = json.loads(artifact(sweep, summary, "execution.json", tmp_path))
    assert (document["best"], document["seconds"], document["trial_seconds"]) == (best, 3.0, 10 * 0.5)


def test_every_run_names_its_data_and_how_they_were_split(storage: Path) -> None:
    section = {"name": "digits", "path": None, "split_seed": 3, "validation": 0.2, "scaling": "unit", "limit": None}
    for execution, seed in (("digits-1", 3), ("digits-2", 4)):
        sweep = Sweep.begin(storage, execution, definition={**DEFINITION, "data": {**section, "split_seed": seed}})
        sweep.train(sweep.propose()[0])
        sweep.close()
        sync(sweep)
        for run in (*runs(sweep).values(), *runs(sweep, "execution").values()):
            assert run.inputs is not None
            (data,) = run.inputs.dataset_inputs
            assert (data.dataset.name, data.dataset.digest) == ("digits", "d" * 36)
            assert json.loads(data.dataset.profile or "") == {"train": 1080, "validation": 359, "test": 358}
            tags = {tag.key: tag.value for tag in data.tags}
            assert json.loads(tags["kurabe.split"]) == {
                "split_seed": seed,
                "validation": 0.2,
                "scaling": "unit",
                "train rows": 1080,
                "validation rows": 359,
                "test rows": 358,
            }


def test_a_trials_records_say_all_that_its_numbers_depend_on(storage: Path, tmp_path: Path) -> None:
    definition = {**DEFINITION, "data": {"name": "digits", "split_seed": 3}, "plugins": ["lab"], "plugins_digest": "p"}
    sweep = Sweep.begin(storage, definition=definition, folder="/home/me")
    sweep.start(key := sweep.propose()[0])
    sweep.record(key, range(5))
    sweep.end(key, environment={"python": "3.12.1", "blas": [{"architecture": "Haswell"}]})
    sync(sweep)
    document = json.loads(artifact(sweep, runs(sweep)[key], "records.json", tmp_path))
    assert (document["data"]["digest"], document["data"]["train"]) == ("d" * 64, 1080)
    assert document["data"]["section"] == {"name": "digits", "split_seed": 3}
    assert document["plugins"] == {"names": ["lab"], "digest": "p", "folder": "/home/me"}
    environment = document["environment"]  # of the process that trained it, and where that says nothing of the command
    assert (environment["python"], environment["blas"]) == ("3.12.1", [{"architecture": "Haswell"}])
    assert (environment["packages"]["numpy"], environment["git_dirty"]) == ("2.4.6", False)


def test_the_table_of_names_is_what_is_written(storage: Path, tmp_path: Path) -> None:
    table = dict(re.findall(r"^\| ([\w ,=]+) \| (.*) \|$", README.split("| kind | names |")[1], flags=re.MULTILINE))
    named = {kind: set(re.findall(r"`([^` ]+)`", text)) for kind, text in table.items()}
    x, y = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    parts = split(make_dataset("small", x, y))
    trained = list(Training(Specification({"hidden": (4, 3), "epochs": 2}, test=True), parts))
    sweep = varied(storage)
    key = sweep.propose(role={"stage": "confirmation", "level": "adam", "repeat": 1})[0]
    sweep.start(key)
    bodies = [record.to_dict() for record in trained]
    sweep.journal.append_all([Event("epoch", body, key, 1, body["epoch"]) for body in bodies])
    sweep.end(key, test={"test/accuracy": 0.9})
    sweep.close()
    sync(sweep)
    (record,) = read_execution(tracking_uri(storage), "digits-1")
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "report.html").touch()
    keep_report(tracking_uri(storage), record, tmp_path / "page")
    trials, summary = list(runs(sweep).values()), runs(sweep, "execution")["digits-1"]
    held = client(sweep)

    def files(run: Run) -> set[str]:
        return {each.path for each in held.list_artifacts(run.info.run_id)}

    tags = {name for run in trials for name in run.data.tags}
    assert tags == named["tags of every run"] | named["tags of a trial"]
    assert set(summary.data.tags) == named["tags of every run"] | named["tags of a summary"]
    assert {name for run in trials for name in files(run)} == named["artifacts of a trial"]
    assert files(summary) == named["artifacts of a summary"]
    real = runs(sweep)[key].data.metrics
    assert {re.sub(r"layer\d+", "layer1", name) for name in real} == named["metrics, step = epoch"]
    (picture,) = named["images, step = epoch"]
    images = [each.path for each in held.list_artifacts(runs(sweep)[key].info.run_id, "images")]
    assert all(path.startswith("images/" + picture.replace("/", "~") + "+step+") for path in images)
    assert all(set(run.data.params) >= {"optimizer", "learning_rate", "data.name"} for run in trials)
    assert runs(sweep)[key].data.params["comparison.level"] == "adam"
    assert named["parameters"] - {"data.name", "comparison.level"} <= set(
        Specification({"weight_decay.strength": 0.1}).hyperparameters
    )
    assert summary.inputs is not None
    told = {tag.key for tag in summary.inputs.dataset_inputs[0].tags}
    assert told <= named["dataset input"]


def test_executions_of_a_definition_share_its_experiment(storage: Path) -> None:
    one, two = Sweep.begin(storage), Sweep.begin(storage, "digits-2")
    for sweep in (one, two):
        sweep.train(sweep.propose()[0])  # the same key in both
        assert sync(sweep).complete
    held = client(one)
    experiments = [each for each in held.search_experiments() if each.name != "Default"]
    assert [each.name for each in experiments] == ["digits"]
    assert experiments[0].tags["mlflow.experimentKind"] == "custom_model_development"
    found = held.search_runs([experiments[0].experiment_id], "tags.`kurabe.trial` = 't1'")
    assert sorted(run.data.tags["kurabe.execution"] for run in found) == ["digits-1", "digits-2"]


def test_writing_again_changes_nothing(storage: Path) -> None:
    sweep = varied(storage)
    sweep.close()
    sync(sweep)
    before = everything(storage)
    counts = sync(sweep)
    assert (counts.written, counts.metrics, counts.pictures, counts.complete) == (0, 0, 0, True)
    assert everything(storage) == before


def everything(storage: Path) -> tuple[list[str], dict[str, bytes]]:
    with sqlite3.connect(storage / "mlflow.sqlite") as connection:
        rows = sorted(connection.iterdump())
    connection.close()
    files = (path for path in (storage / "mlflow-artifacts").rglob("*") if path.is_file())
    return rows, {str(path): path.read_bytes() for path in files}


def test_a_store_that_was_deleted_is_written_again_by_sync(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = varied(storage)
    sync(sweep)
    before, files = metrics(sweep, runs(sweep)), expected_artifacts(sweep)
    # This process would keep a deleted file open under its old name, so what is left of the storage gets a new one.
    left = storage.rename(storage.with_name("left"))
    for file in left.glob("mlflow.sqlite*"):
        file.unlink()
    shutil.rmtree(left / "mlflow-artifacts")
    assert main(["sync", "digits", "--storage", str(left)]) == OK
    assert "MLflow holds 8 of 8 ended trials (8 written now)" in capsys.readouterr().out
    held = MlflowClient(tracking_uri(left))
    experiment = held.get_experiment_by_name("digits")
    assert experiment is not None
    found = held.search_runs([experiment.experiment_id], "tags.`kurabe.kind` = 'trial'")
    values = sorted(
        (run.data.tags["kurabe.trial"], name, each.step, each.value, each.timestamp)
        for run in found
        for name in run.data.metrics
        for each in held.get_metric_history(run.info.run_id, name)
    )
    assert values == before
    for run in found:
        place = Path(run.info.artifact_uri.removeprefix("file://"))
        held_files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        assert held_files == files[run.data.tags["kurabe.trial"]]


def test_a_run_that_somebody_deleted_comes_back(storage: Path) -> None:
    sweep = varied(storage)
    sync(sweep)
    before = metrics(sweep, runs(sweep))
    client(sweep).delete_run(runs(sweep)["t2"].info.run_id)
    assert sync(sweep).written == 1
    assert metrics(sweep, runs(sweep)) == before


def test_an_interrupted_trial_is_killed_and_lives_again_in_the_same_run(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    key = sweep.propose()[0]
    sweep.start(key)
    sweep.record(key, [0, 1, 2])
    sync(sweep)
    assert runs(sweep)[key].info.status == "RUNNING"
    sweep.close("interrupted")
    sync(sweep)
    killed, summary = runs(sweep)[key], runs(sweep, "execution")["digits-1"]
    assert (killed.info.status, killed.data.tags["kurabe.status"]) == ("KILLED", "interrupted")
    assert (summary.info.status, summary.data.tags["kurabe.status"]) == ("KILLED", "interrupted")
    sweep.journal.append("resumed", {"environment": {}, "slots": 1})
    sweep.start(key, attempt=2)
    sweep.record(key, [2, 3], attempt=2)  # epoch 2 is in the journal already and stays as it was
    sync(sweep)
    assert runs(sweep)[key].info.status == "RUNNING"
    sweep.record(key, [4], attempt=2)
    sweep.end(key, attempt=2)
    sweep.close()
    assert sync(sweep).complete
    run = runs(sweep)[key]
    assert (run.info.run_id, run.info.status) == (killed.info.run_id, "FINISHED")
    assert (run.data.tags["kurabe.status"], run.data.tags["kurabe.attempts"]) == ("finished", "2")
    assert metrics(sweep, {key: run}) == sorted(recorded(sweep.journal))
    assert runs(sweep, "execution")["digits-1"].info.status == "FINISHED"


def test_doctor_ends_what_a_killed_driver_left_running_and_nothing_else(storage: Path) -> None:
    """Beside it are a live sweep, somebody else's sweep of the same definition, and a run that is none of ours."""
    killed, alive = Sweep.begin(storage), Sweep.begin(storage, "wine-1")
    others = Sweep.begin(storage.with_name("other"), "digits-2")
    for sweep in (killed, alive, others):
        sweep.start(sweep.propose()[0])
        sweep.record("t1", [0, 1])
        project(sweep.path, tracking_uri(storage), storage)
    held = client(killed)
    (digits, wine) = (held.get_experiment_by_name(name) for name in ("digits", "wine"))
    assert digits is not None
    assert wine is not None
    foreign = held.create_run(digits.experiment_id)

    def statuses() -> dict[str, str]:
        found = held.search_runs([digits.experiment_id, wine.experiment_id], "tags.`kurabe.kind` = 'trial'")
        return {run.data.tags["kurabe.execution"]: run.info.status for run in found}

    with hold(storage, "wine"):
        assert main(["doctor", "--storage", str(storage)]) == 1
    assert statuses() == {"digits-1": "KILLED", "wine-1": "RUNNING", "digits-2": "RUNNING"}
    assert held.get_run(foreign.info.run_id).info.status == "RUNNING"
    for sweep in (killed, alive):  # and a resume goes on in the same run, whether doctor has ended it or not
        sweep.journal.append("resumed", {"environment": {}, "slots": 1})
        sweep.start("t1", attempt=2)
        sweep.record("t1", [2, 3, 4], attempt=2)
        sweep.end("t1", attempt=2)
        sweep.close()
        assert sync(sweep).complete
        assert metrics(sweep, runs(sweep)) == sorted(recorded(sweep.journal))
    assert statuses() == {"digits-1": "FINISHED", "wine-1": "FINISHED", "digits-2": "RUNNING"}


def failing(call: int, *, after: bool) -> tuple[type[Store], list[str]]:
    """A store whose `call`-th writing call fails, before or after it did its work; and the calls so far, by name."""
    made: list[str] = []

    class Failing(Store):
        pass

    def wrap(name: str) -> Callable[..., Any]:
        original = getattr(Store, name)

        def method(self: Store, *arguments: Any, **options: Any) -> Any:
            made.append(name)
            if len(made) != call:
                return original(self, *arguments, **options)
            if after:
                original(self, *arguments, **options)
            raise Away(f"call {call}, {name}, fails")

        return method

    for name in WRITING:
        setattr(Failing, name, wrap(name))
    return Failing, made


def bring_up(projector: Projector) -> None:
    projector.catch_up()
    projector.interrupt()
    projector.write_summary("interrupted")
    projector.settle()


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "reply lost"])
@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
def test_broken_off_at_any_call_there_is_one_run_a_trial_and_each_step_once(
    storage: Path, tmp_path: Path, after: bool, restarted: bool
) -> None:
    uri, artifacts = tracking_uri(storage), artifact_root(storage)
    kind, calls = failing(0, after=after)
    bring_up(Projector(interrupted(storage, 1).journal, kind(uri, artifacts)))
    assert set(calls) == set(WRITING)
    for call in range(1, len(calls) + 1):
        sweep = interrupted(storage, call + 1)
        kind, _ = failing(call, after=after)
        projector = Projector(sweep.journal, kind(uri, artifacts))
        with pytest.raises(Away, match="fails"):
            bring_up(projector)
        if restarted:
            projector = Projector(sweep.journal, Store(uri, artifacts))
        bring_up(projector)
        found = runs(sweep)
        assert {key: run.info.status for key, run in found.items()} == {"t1": "FINISHED", "t2": "KILLED"}
        assert metrics(sweep, found) == sorted(recorded(sweep.journal))
        assert len(client(sweep).list_artifacts(found["t1"].info.run_id, "images")) == 6
        assert json.loads(artifact(sweep, found["t1"], "records.json", tmp_path))["status"] == "finished"
        assert runs(sweep, "execution")[sweep.execution].info.status == "KILLED"


def test_a_tracker_that_succeeds_at_last_says_so(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    sweep.close()
    kind, _ = failing(2, after=False)
    projector = Projector(sweep.journal, kind(tracking_uri(storage), artifact_root(storage)))
    assert Follower(projector, lambda: False, patience=60.0).run() == 0
    assert "fails; trying again" in capsys.readouterr().out
    assert runs(sweep)["t1"].info.status == "FINISHED"


def interrupted(storage: Path, number: int) -> Sweep:
    """One trial that ended and one that was put down."""
    sweep = Sweep.begin(storage, f"digits-{number}")
    sweep.train(sweep.propose()[0])
    sweep.start(sweep.propose()[0])
    sweep.record("t2", [0, 1])
    sweep.close("interrupted")
    return sweep


def test_a_package_that_a_store_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    with pytest.raises(Refused, match=r"pip install 'psycopg\[binary\]'") as told:
        Store("postgresql+psycopg://user:S3cret@127.0.0.1:1/mlflow", "").open("digits")
    assert "S3cret" not in str(told.value)


def test_a_database_that_is_away_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    begun = time.monotonic()
    with pytest.raises(Away, match="refused"):
        Store(f"postgresql+psycopg://user:S3cret@127.0.0.1:{free_port()}/mlflow", "").open("digits")
    assert time.monotonic() - begun < 10  # MLflow's client by itself tries for two minutes


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://user:S3cret@host/name",
        "http://user:S3c@S3cret/S3cret@host:5000",
        "at 'postgresql://host/name?user=u&password=S3cret&sslmode=require'",
    ],
)
def test_passwords_are_hidden_in_addresses_of_every_form(text: str) -> None:
    hidden = hide_secrets(text)
    assert "S3c" not in hidden
    assert "host" in hidden


def test_names_and_values_with_markup_are_only_data(storage: Path, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>=1+1"
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose(optimizer=hostile, reason={"kind": hostile})[0], "failed", error=hostile)
    assert sync(sweep).complete
    run = runs(sweep)["t1"]
    assert run.data.params["optimizer"] == hostile
    assert json.loads(run.data.tags["kurabe.reason"]) == {"kind": hostile}
    assert artifact(sweep, run, "traceback.txt", tmp_path).decode() == hostile


def test_what_mlflow_refuses_is_named_and_stops_nothing_else(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0], metrics=["no such name?!"])
    sweep.train(sweep.propose()[0])
    counts = sync(sweep)
    assert (counts.ended, counts.whole, counts.complete) == (2, 1, False)
    assert "t1" in counts.problems[0]
    assert "no such name" in counts.problems[0]
    assert runs(sweep)["t2"].info.status == "FINISHED"


def test_more_metrics_than_one_request_takes(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0], epochs=120, metrics=[f"train/m{number}" for number in range(20)])
    assert sync(sweep).complete
    assert len(list(recorded(sweep.journal))) == 121 * 20
    assert metrics(sweep, runs(sweep)) == sorted(recorded(sweep.journal))


def test_a_clock_that_was_set_back_gives_no_negative_duration(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep.begin(storage)
    times = iter(range(1_700_000_900, 1_700_000_000, -1))
    monkeypatch.setattr("sweeps.journal.time.time", lambda: float(next(times)))
    sweep.train(sweep.propose()[0])
    monkeypatch.undo()
    sync(sweep)
    run = runs(sweep)["t1"]
    assert run.info.end_time >= run.info.start_time
