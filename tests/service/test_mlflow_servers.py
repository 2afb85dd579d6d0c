"""MLflow on a database and an object store of its own: PostgreSQL and S3, as a server over HTTP and reached directly.

What breaks between machines is broken here: replies are lost, the database falls, uploads end in the middle.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from cluster.tracking_server import free_port, server_command, server_environment
from model.datasets import load
from model.inference import TrainedNetwork
from model.saving import unpack
from sweeps.cli import OK, main
from sweeps.journal import Journal
from sweeps.tracking.following import Follower
from sweeps.tracking.projection import Projector
from sweeps.tracking.store import Store
from tests.servers import INITDB, NO_POSTGRESQL, S3, Postgres, Proxy, answers, postgres, proxy, s3, until
from tests.sweeps.test_models import execution, trained
from tests.sweeps.tracking_journals import Sweep, expected_artifacts, recorded

pytestmark = pytest.mark.skipif(INITDB is None, reason=NO_POSTGRESQL)

DATABASE_PASSWORD = "pg:S3cret@word/71"  # with all that has a meaning in an address
LOGIN = ("kurabe-user", "http-S3cret-word-72")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAS3CRETKEY00000073", "AWS_SECRET_ACCESS_KEY": "s3/S3cret+word/74"}
BUCKET = "kurabe"
SERVED = f"s3://{BUCKET}/served/"  # where the server keeps what it is given
SECRETS = [DATABASE_PASSWORD, quote(DATABASE_PASSWORD, safe=""), *LOGIN, *KEYS.values()]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres(DATABASE_PASSWORD) as made:
        yield made


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3]:
    with s3(BUCKET) as made:
        yield made


@pytest.fixture(scope="module")
def surroundings(bucket: S3) -> dict[str, str]:
    """What whoever writes to S3 has in the environment."""
    return {**KEYS, "MLFLOW_S3_ENDPOINT_URL": bucket.address, "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def server(
    database: Postgres, bucket: S3, surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """`mlflow server` on both, which keeps the artifacts itself, behind a proxy that wants a user and a password."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = server_command(port)
    bare = command[command.index("-m") - 2 :]  # without its guard: the log is ours to read
    environment = {**server_environment(database.uri, SERVED), **surroundings}
    with (folder / "log").open("wb") as log, proxy(port, demanded=LOGIN) as between:
        process = subprocess.Popen(
            bare, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            until(lambda: answers(port), "the MLflow server")
            assert not spoken(" ".join(words) for words in command_lines(process))
            yield between
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert not spoken([(folder / "log").read_text()]), "the server's log holds a credential"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker inside this process waits a tenth as long between two tries."""
    monkeypatch.setattr("sweeps.tracking.following._POLL", 0.05)


@pytest.fixture
def logged_in(server: Proxy, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, with this process's environment as a user of it has it."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", LOGIN[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", LOGIN[1])
    return f"http://127.0.0.1:{server.port}"


def command_lines(process: subprocess.Popen[bytes]) -> list[list[str]]:
    whole = psutil.Process(process.pid)
    return [each.cmdline() for each in (whole, *whole.children(recursive=True))]


def spoken(texts: Any) -> list[str]:
    """Those secrets that are in the texts."""
    together = "\n".join(texts)
    return [secret for secret in SECRETS if secret in together]


def sweep_command(*arguments: str, **environment: str) -> str:
    """What a command prints; fails where it does."""
    script = str(Path(sys.executable).with_name("sweep"))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_"))}
    done = subprocess.run(
        [script, *arguments],
        env=clean | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def filled(storage: Path, execution: str, *, trials: int = 3, **options: Any) -> Sweep:
    sweep = Sweep.begin(storage, execution)
    for _ in range(trials):
        sweep.train(sweep.propose()[0], **options)
    sweep.close()
    return sweep


def assert_whole(sweep: Sweep, store: Store, bucket: S3) -> None:
    """One run a trial, whole, with each number of the journal once, and each artifact to the last byte."""
    store.connect()
    experiment = store.experiment(sweep.execution.rpartition("-")[0])
    assert experiment is not None
    found = list(store.runs([experiment], {"kurabe.kind": "trial", "kurabe.execution": sweep.execution}))
    files = expected_artifacts(sweep)
    assert sorted(run.tags["kurabe.trial"] for run in found) == sorted(files)
    assert {run.status for run in found} == {"FINISHED"}
    values = [
        (run.tags["kurabe.trial"], name, each.step, each.value, each.timestamp)
        for run in found
        for name in run.metrics
        for each in store.client.get_metric_history(run.run_id, name)
    ]
    assert sorted(values) == sorted(recorded(sweep.journal))
    for run in found:
        held = bucket.objects(run.artifact_uri.replace("mlflow-artifacts:/", SERVED).partition(f"{BUCKET}/")[2])
        assert fingerprints(held) == fingerprints(files[run.tags["kurabe.trial"]])


def fingerprints(files: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    """Size and sha256 of each file."""
    return {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()}


def write_on(sweep: Sweep, store: Store) -> Projector:
    """A projector for a tracker inside this process."""
    return Projector(Journal.open(sweep.path, read_only=True), store)


def track(projector: Projector) -> int:
    with contextlib.closing(projector.journal):
        return Follower(projector, lambda: False, patience=60.0).run()


def test_a_server_with_its_own_database_and_bucket_is_written_and_read_without_a_word_of_its_secrets(
    logged_in: str, database: Postgres, bucket: S3, tmp_path: Path
) -> None:
    sweep = filled(tmp_path, "served-1")
    user = {
        "MLFLOW_TRACKING_URI": logged_in,
        "MLFLOW_TRACKING_USERNAME": LOGIN[0],
        "MLFLOW_TRACKING_PASSWORD": LOGIN[1],
    }
    said = sweep_command("sync", "served-1", "--storage", str(tmp_path), **user)
    assert "MLflow holds 3 of 3 ended trials (3 written now)" in said
    assert_whole(sweep, Store(logged_in, ""), bucket)
    said += sweep_command("report", "served-1", "--storage", str(tmp_path), **user)
    page = (tmp_path / "served-1" / "report" / "report.html").read_text()
    assert "served-1" in page
    assert_nothing_told(said, tmp_path, database, bucket)


def test_a_database_and_a_bucket_without_a_server_are_written_and_read_without_a_word_of_their_secrets(
    database: Postgres,
    bucket: S3,
    surroundings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    sweep, root = filled(tmp_path, "direct-1"), f"s3://{BUCKET}/direct"
    user = {"MLFLOW_TRACKING_URI": database.uri, "MLFLOW_DEFAULT_ARTIFACT_ROOT": root, **surroundings}
    said = sweep_command("sync", "direct", "--storage", str(tmp_path), **user)
    assert "MLflow holds 3 of 3 ended trials (3 written now)" in said
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    assert main(["report", "direct", "--storage", str(tmp_path)]) == OK
    assert "direct-1" in (tmp_path / "direct-1" / "report" / "report.html").read_text()
    assert_whole(sweep, Store(database.uri, root), bucket)
    told = capfd.readouterr()
    assert_nothing_told(said + told.out + told.err, tmp_path, database, bucket)


@pytest.mark.parametrize("way", ["over HTTP", "directly"])
def test_the_best_network_is_loaded_from_where_the_server_keeps_it(
    way: str, logged_in: str, database: Postgres, bucket: S3, surroundings: dict[str, str], tmp_path: Path
) -> None:
    direct = way == "directly"
    user = {"MLFLOW_TRACKING_URI": logged_in, "MLFLOW_TRACKING_USERNAME": LOGIN[0]}
    user["MLFLOW_TRACKING_PASSWORD"] = LOGIN[1]
    if direct:
        root = f"s3://{BUCKET}/modelled"
        user = {"MLFLOW_TRACKING_URI": database.uri, "MLFLOW_DEFAULT_ARTIFACT_ROOT": root, **surroundings}
    name = "kept" if direct else "served-model"
    network, rows = trained("digits", hidden=[8]), load("digits").x[:5]
    execution(tmp_path, f"{name}-1", 0.5, network)
    said = sweep_command("sync", f"{name}-1", "--storage", str(tmp_path), **user)
    assert "MLflow holds 2 of 2 ended trials" in said
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "AWS_"))}
    code = (
        "import json, sys, mlflow, numpy; model = mlflow.pyfunc.load_model(sys.argv[1]); "
        "found = model.predict(numpy.array(json.load(sys.stdin))); "
        "print(json.dumps({name: array.tolist() for name, array in found.items()}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, f"models:/{name}@champion"],
        cwd=elsewhere,
        env=clean | user,
        input=json.dumps(rows.tolist()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    expected = TrainedNetwork(*unpack(network.trained())).predict(rows)
    assert isinstance(expected, dict)
    assert json.loads(loaded.stdout.splitlines()[-1]) == {key: array.tolist() for key, array in expected.items()}
    assert [place for place in bucket.objects("modelled" if direct else "served") if place.endswith("/weights.npz")]
    assert_nothing_told(said + loaded.stdout + loaded.stderr, tmp_path, database, bucket)


def assert_nothing_told(said: str, storage: Path, database: Postgres, bucket: S3) -> None:
    """No secret is in what was printed, in a file of ours, in the database, or in the bucket."""
    assert not spoken([said])
    ours = {str(path): path.read_bytes() for path in storage.rglob("*") if path.is_file()}
    stored = bucket.objects()
    for place, data in (ours | stored | {"the database": database.dump().encode()}).items():
        assert not [secret for secret in SECRETS if secret.encode() in data], place
        assert not any(secret in place for secret in SECRETS)


def test_a_password_need_not_stand_in_the_address(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = re.sub(r":[^:@]+@", "@", database.uri)
    monkeypatch.setenv("PGPASSWORD", DATABASE_PASSWORD)
    assert Store(bare, f"s3://{BUCKET}/bare").open("bare")


def test_a_wrong_password_is_told_at_once_and_not_shown(
    database: Postgres, logged_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = database.uri.replace("word", "w0rd")
    with pytest.raises(Exception, match="password authentication failed") as told:
        Store(wrong, "").open("wrong")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "w0rd")
    with pytest.raises(Exception, match="401") as refused:
        Store(logged_in, "").open("wrong")
    for message in (str(told.value), str(refused.value)):
        assert "w0rd" not in message


def test_lost_replies_to_create_run_leave_one_run_a_trial(
    logged_in: str, server: Proxy, bucket: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # a user's own wish may not make a second run
    sweep, store = filled(tmp_path, "lost-1"), Store(logged_in, "")
    projector, head = write_on(sweep, store), b"POST /api/2.0/mlflow/runs/create "
    server.lost = [head]
    written = iter(range(1, 4))
    projector.on_written = lambda: server.lost.append(head) if next(written) == 2 else None
    assert track(projector) == 0
    assert (server.happened.count("lost"), server.lost) == (2, [])
    assert_whole(sweep, store, bucket)


@pytest.mark.parametrize("way", ["over HTTP", "directly"])
def test_a_database_that_falls_and_comes_back_loses_nothing(
    way: str,
    logged_in: str,
    database: Postgres,
    bucket: S3,
    surroundings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    direct = way == "directly"
    sweep = filled(tmp_path, "fallen-1" if direct else "stumbled-1", trials=4)
    store = Store(database.uri, f"s3://{BUCKET}/direct") if direct else Store(logged_in, "")
    projector, original = write_on(sweep, store), Store.log
    calls, trials = iter(range(1, 1000)), iter(range(1, 5))

    def falls(self: Store, *arguments: Any, **options: Any) -> None:
        if next(calls) != 2:
            original(self, *arguments, **options)
            return
        database.control("stop", "-m", "immediate")  # away while the second trial's metrics are sent
        try:
            original(self, *arguments, **options)
        finally:
            database.control("start")

    def stumbles() -> None:
        if next(trials) == 3:
            database.control("restart", "-m", "immediate")  # every connection that was open is dead, the server is not

    monkeypatch.setattr(Store, "log", falls)
    projector.on_written = stumbles
    assert track(projector) == 0
    told = capsys.readouterr().out
    assert "trying again" in told
    assert not spoken([told])
    assert_whole(sweep, store, bucket)


@pytest.mark.parametrize("way", ["over HTTP", "directly"])
def test_an_upload_that_ends_in_the_middle_leaves_the_run_unfinished_until_it_is_whole(
    way: str,
    logged_in: str,
    server: Proxy,
    database: Postgres,
    bucket: S3,
    surroundings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    direct, seen = way == "directly", list[set[str]]()
    sweep = filled(tmp_path, "cut-1" if direct else "torn-1", trials=2, epochs=400)
    inside = Store(database.uri, f"s3://{BUCKET}/cut")  # which looks at the runs while the connection is cut
    with proxy(bucket.port) as between:
        for name, value in (surroundings | {"AWS_MAX_ATTEMPTS": "1"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{between.port}")
        breaking = between if direct else server
        breaking.happened.clear()
        breaking.cut = {b"records.json": 20_000}
        report = Follower._report

        def look_and_come_back(self: Follower, error: Any) -> None:
            inside.connect()
            experiment = inside.experiment(sweep.execution.rpartition("-")[0])
            assert experiment is not None
            seen.append({run.status for run in inside.runs([experiment], {"kurabe.kind": "trial"})})
            if len(seen) == 2:
                breaking.back()
            report(self, error)

        monkeypatch.setattr(Follower, "_report", look_and_come_back)
        store = inside if direct else Store(logged_in, "")
        assert track(write_on(sweep, store)) == 0
    assert breaking.happened[0] == "cut"
    assert "refused" in breaking.happened
    assert seen == [{"RUNNING"}, {"RUNNING"}]
    assert_whole(sweep, store, bucket)
