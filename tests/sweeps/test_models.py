"""The best network as an MLflow model: what is registered, who becomes the champion, and that it predicts elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from cluster.tracking_server import free_port, tracking_uri
from model.datasets import load, split
from model.specification import Specification
from model.training import Training
from sweeps.networks import keep_network
from sweeps.tracking import Counts, TrackingError, project
from sweeps.tracking import names as tags
from sweeps.tracking.champion import judge
from sweeps.tracking.store import local_folder
from tests.sweeps.bare_environment import make_bare_environment
from tests.sweeps.test_tracking_process import until
from tests.sweeps.tracking_journals import Sweep, empty_store

ROWS = 5
JSON = {"Content-Type": "application/json"}

LOAD = """
import importlib.util, json, sys
import model  # a module of the user's own, which must not be taken for the one that the network needs
import mlflow.pyfunc, numpy
present = [name for name in ("sweeps", "cluster", "ray", "skopt") if importlib.util.find_spec(name)]
found = {}
for uri in json.loads(sys.argv[1]):
    rows = numpy.array(json.load(open(uri.split("/")[1].split("@")[0] + ".json")))
    given = mlflow.pyfunc.load_model(uri).predict(rows)
    found[uri] = {k: v.tolist() for k, v in given.items()} if isinstance(given, dict) else given.tolist()
import kurabe_network.inference
print(json.dumps([present, model.mine, kurabe_network.inference.__file__, found]))
"""


@pytest.fixture(scope="module")
def digits() -> Training:
    return trained("digits", hidden=[16], batch_normalization=True)


def trained(data: str, **hyperparameters: Any) -> Training:
    parts = split(load(data))
    training = Training(Specification({"epochs": 2, **hyperparameters}), parts)
    for _ in training:
        pass
    return training


def fresh(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    return folder


def execution(storage: Path, name: str, value: float, training: Training | None, **opening: Any) -> Sweep:
    """A finished execution whose second trial is the best, with the network of that one."""
    sweep = Sweep.begin(storage, name, **opening)
    for worth in (value + 1.0, value):
        (key,) = sweep.propose()
        if training is not None and worth == value:
            folder = sweep.path.parent / "networks"
            keep_network(sweep.journal, folder, key, training.trained(), value=worth, attempt=1, epoch=2)
        sweep.train(key, value=worth)
    sweep.close()
    return sweep


def sync(sweep: Sweep) -> Counts:
    storage = sweep.path.parent.parent
    return project(sweep.path, tracking_uri(storage), storage)


def told(sweep: Sweep) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((sweep.path.parent / "model.json").read_bytes())
    return found


def client(storage: Path) -> MlflowClient:
    return MlflowClient(tracking_uri(storage))


def champion(storage: Path, name: str = "digits") -> tuple[int, str]:
    """Version and execution."""
    found = client(storage).get_model_version_by_alias(name, "champion")
    return int(found.version), found.tags["kurabe.execution"]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, digits: Training) -> Path:
    """A storage folder with the models of two definitions, a classification and a regression."""
    storage = fresh(tmp_path_factory.mktemp("registered"))
    assert sync(execution(storage, "digits-1", 0.5, digits)).complete
    assert sync(execution(storage, "diabetes-1", 0.5, trained("diabetes", activation="gelu"))).complete
    return storage


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bare_environment(tmp_path_factory.mktemp("bare") / "environment")


def test_the_best_network_is_a_registered_model_without_pickle(registered: Path) -> None:
    held = client(registered)
    version = held.get_model_version_by_alias("digits", "champion")
    assert (
        version.tags.items()
        >= {
            "kurabe.execution": "digits-1",
            "kurabe.trial": "t2",
            "kurabe.value": "0.5",
            "kurabe.objective": "validation/loss",
            "kurabe.data_digest": "d" * 64,
        }.items()
    )
    assert held.get_run(str(version.run_id)).data.tags["kurabe.trial"] == "t2"
    folder = local_folder(held.get_model_version_download_uri("digits", version.version))
    assert folder is not None
    left_by_loading = {"__pycache__", "registered_model_meta"}  # which another test may have done before
    files = [file for file in folder.rglob("*") if file.is_file() and not left_by_loading & set(file.parts)]
    assert {file.suffix for file in files} == {"", ".py", ".npz", ".json", ".yaml", ".txt"}
    assert [file.name for file in files if not file.suffix] == ["MLmodel"]
    (weights,) = folder.rglob("*.npz")
    with zipfile.ZipFile(weights) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"npy"}
    with np.load(weights, allow_pickle=False) as arrays:
        assert {array.dtype.kind for array in arrays.values()} == {"f"}
    assert not [file for file in files if b"cloudpickle" in file.read_bytes()]
    described = (folder / "MLmodel").read_text()
    assert '"shape": [-1, 64]' in described
    assert "probabilities" in described
    (example,) = folder.rglob("input_example.json")
    assert np.array(json.loads(example.read_text())).shape == (1, 64)
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert {line.partition("==")[0] for line in requirements} == {"mlflow", "numpy"}


@pytest.fixture(scope="module")
def expected(registered: Path, digits: Training) -> dict[str, Any]:
    """What the networks say in this process of rows as scikit-learn has them, by the URI of the model."""
    from sklearn.datasets import load_diabetes, load_digits

    from model.inference import TrainedNetwork
    from model.saving import unpack

    found: dict[str, Any] = {}
    for name, x in (("digits", load_digits().data), ("diabetes", load_diabetes().data)):
        (file,) = (registered / f"{name}-1" / "networks").iterdir()
        given = TrainedNetwork(*unpack(file.read_bytes())).predict(x[:ROWS])
        kept = {key: array.tolist() for key, array in given.items()} if isinstance(given, dict) else given.tolist()
        found[f"models:/{name}@champion"] = kept
    return found


def raw(name: str) -> list[list[float]]:
    from sklearn import datasets

    rows: list[list[float]] = getattr(datasets, f"load_{name}")().data[:ROWS].tolist()
    return rows


def environment(storage: Path, python: Path) -> dict[str, str]:
    return {**os.environ, "MLFLOW_TRACKING_URI": tracking_uri(storage), "PATH": f"{python.parent}:{os.environ['PATH']}"}


def test_it_predicts_where_only_numpy_and_mlflow_are(
    registered: Path, bare_python: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "model.py").write_text("mine = 'yes'\n")
    for name in ("digits", "diabetes"):
        (tmp_path / f"{name}.json").write_text(json.dumps(raw(name)))
    run = subprocess.run(
        [str(bare_python), "-c", LOAD, json.dumps(list(expected))],
        cwd=tmp_path,
        env=environment(registered, bare_python),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    present, mine, code, found = json.loads(run.stdout.splitlines()[-1])
    assert (present, mine) == ([], "yes")
    assert Path(code).is_relative_to(registered / "mlflow-artifacts" / "models")
    assert found == expected  # to the last bit: JSON keeps a float64


def test_mlflow_serves_it(registered: Path, bare_python: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    uri, port = "models:/digits@champion", free_port()
    options = ["-m", uri, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    command = [str(bare_python), "-m", "mlflow", "models", "serve", *options]
    with serving(command, tmp_path, environment(registered, bare_python)):
        until(lambda: answers(port), "the model's server")
        body = json.dumps({"inputs": raw("digits")}).encode()
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("POST", "/invocations", body, JSON)
            assert json.loads(connection.getresponse().read())["predictions"] == expected[uri]


@contextmanager
def serving(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[None]:
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=silent, stderr=silent, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == HTTPStatus.OK
        except OSError:
            return False


STEPS = (
    "create_registered_model",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "create_model_version",
    "set_registered_model_alias",
    "set_model_version_tag",
)


def test_broken_off_after_each_step_there_is_one_model_and_one_version(
    tmp_path: Path, digits: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = execution(fresh(tmp_path), "digits-1", 0.5, digits)
    for step in STEPS:
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, step, dying(getattr(MlflowClient, step)))
            with pytest.raises(TrackingError, match="cut"):
                sync(sweep)
    for _ in range(2):
        assert sync(sweep).complete
        held = client(tmp_path)
        experiment = held.get_experiment_by_name("digits")
        assert experiment is not None
        assert [int(each.version) for each in held.search_model_versions("name = 'digits'")] == [1]
        assert [str(each.status) for each in held.search_logged_models([experiment.experiment_id])] == ["READY"]
        assert champion(tmp_path) == (1, "digits-1")
        assert told(sweep)["champion"] is True


def dying(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        raise ConnectionError("cut")

    return call


def test_the_champion_moves_to_what_is_better_on_the_same_data_and_never_back(tmp_path: Path, digits: Training) -> None:
    fresh(tmp_path)
    first = execution(tmp_path, "digits-1", 0.5, digits)
    sync(first)
    worse = execution(tmp_path, "digits-2", 0.75, digits)
    sync(worse)
    assert champion(tmp_path) == (1, "digits-1")
    assert "not better" in told(worse)["why"]
    sync(execution(tmp_path, "digits-3", 0.25, digits))
    assert champion(tmp_path) == (3, "digits-3")
    other = {"name": "digits", "digest": "e" * 64, "task": "classification", "classes": ["0", "1"]}
    sync(elsewhere := execution(tmp_path, "digits-4", 0.01, digits, data=other))
    assert champion(tmp_path) == (3, "digits-3")
    assert "another data" in told(elsewhere)["why"]
    client(tmp_path).set_registered_model_alias("digits", "champion", "2")  # a person's choice
    sync(first)
    assert champion(tmp_path) == (2, "digits-2")
    assert told(first)["champion"] is False


def test_an_execution_that_was_extended_has_a_version_for_each_best_trial(tmp_path: Path, digits: Training) -> None:
    sweep = execution(fresh(tmp_path), "digits-1", 0.5, digits)
    sync(sweep)
    sweep.journal.append("resumed", {"environment": {}, "slots": 2, "planned": 4, "extend": 1})
    (key,) = sweep.propose()
    keep_network(sweep.journal, sweep.path.parent / "networks", key, digits.trained(), value=0.25, attempt=1, epoch=2)
    sweep.train(key, value=0.25)
    sync(sweep)
    assert champion(tmp_path) == (1, "digits-1")  # it runs
    sweep.close()
    sync(sweep)
    assert champion(tmp_path) == (2, "digits-1")
    assert told(sweep)["tags"]["kurabe.trial"] == "t3"


def test_where_there_is_no_model_it_says_why_and_all_else_is_complete(tmp_path: Path, digits: Training) -> None:
    fresh(tmp_path)
    gone = execution(tmp_path, "gone-1", 0.5, None)
    plugin = Sweep.begin(tmp_path, "plugin-1")
    plugin.train(plugin.propose(activation="softsign")[0])
    plugin.close()
    failed = Sweep.begin(tmp_path, "failed-1")
    failed.train(failed.propose()[0], "failed", value=None, error="no")
    failed.close()
    client(tmp_path).create_registered_model("theirs")
    theirs = execution(tmp_path, "theirs-1", 0.5, digits)
    damaged = execution(tmp_path, "damaged-1", 0.5, digits)
    (file,) = (damaged.path.parent / "networks").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    for sweep, reason in (
        (gone, "is gone; `sweep sync gone-1` trains it again"),
        (plugin, "activation `softsign` is a plugin's"),
        (failed, "no trial has finished"),
        (theirs, "was not made by Kurabe and is left alone"),
        (damaged, "is gone"),
    ):
        assert sync(sweep).complete
        assert reason in told(sweep)["missing"]
    assert client(tmp_path).search_model_versions("name = 'theirs'") == []


def version(value: float, **changes: str) -> dict[str, str]:
    given = {
        tags.VALUE: repr(value),
        tags.OBJECTIVE: "validation/loss",
        tags.DIRECTION: "minimize",
        tags.DATA_DIGEST: "d",
        tags.SPLIT: "{}",
    }
    return {**given, **changes}


def confirmed(score: float, measure: str = "test/accuracy") -> dict[str, str]:
    return version(0.5, **{tags.CONFIRMED: repr(score), tags.MEASURE: measure})


@pytest.mark.parametrize(
    ("new", "old", "moves"),
    [
        (version(0.5), None, True),
        (version(0.5), version(0.6), True),
        (version(0.6), version(0.5), False),
        (version(0.5), version(0.5), False),
        (version(0.6, **{tags.DIRECTION: "maximize"}), version(0.5, **{tags.DIRECTION: "maximize"}), True),
        (version(0.1), version(0.5, **{tags.DATA_DIGEST: "e"}), False),
        (version(0.1), version(0.5, **{tags.SPLIT: '{"split_seed":1}'}), False),
        (version(0.1), version(0.5, **{tags.OBJECTIVE: "train/loss"}), False),
        (version(0.1), {}, False),  # somebody's own version
        (confirmed(0.91), confirmed(0.90), True),
        (confirmed(0.90), confirmed(0.91), False),
        (confirmed(0.2, "test/loss"), confirmed(0.3, "test/loss"), True),
        (confirmed(0.2, "test/loss"), confirmed(0.3), False),
        (confirmed(0.1), version(0.5), True),
        (version(0.1), confirmed(0.5), False),
    ],
)
def test_the_rule(new: dict[str, str], old: dict[str, str] | None, moves: bool) -> None:
    assert judge(new, old).moves is moves
