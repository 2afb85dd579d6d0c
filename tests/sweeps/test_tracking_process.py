"""The tracker as a process: killed, orphaned, without its MLflow, and many at once on a fresh store."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cluster.tracking_server import (
    TrackingError,
    exclusive,
    free_port,
    running_server,
    server_command,
    server_environment,
    tracking_uri,
)
from model.datasets import load, split
from model.specification import Specification
from model.training import Training
from sweeps.networks import keep_network
from sweeps.tracking import following, project
from sweeps.tracking.following import LOCK
from tests.benchmarks.fresh_store import openers, play
from tests.sweeps.tracking_journals import Sweep, empty_store, expected_artifacts, recorded

FOLLOW = "import sys; from sweeps.tracking import follow; sys.exit(follow(*sys.argv[1:3], patience=float(sys.argv[3])))"
WAIT = 60.0  # seconds; only a test that fails waits so long


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    return folder


@contextmanager
def tracker(sweep: Sweep, *, patience: float = 20.0, uri: str | None = None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-c", FOLLOW, str(sweep.path), str(sweep.path.parent.parent), str(patience)]
    environment = {**os.environ, **({"MLFLOW_TRACKING_URI": uri} if uri else {})}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT:.0f} s for: {what}"
        time.sleep(0.02)  # another process brings it about


def rows(storage: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{storage / 'mlflow.sqlite'}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query).fetchall()


def statuses(storage: Path) -> dict[str, str]:
    """MLflow's status of each trial's run; fails if a trial has two."""
    query = (
        "select t.value, r.status from runs r join tags t on t.run_uuid = r.run_uuid and t.key = 'kurabe.trial' "
        "where r.lifecycle_stage = 'active'"
    )
    found = [(str(key), str(status)) for key, status in rows(storage, query)]
    assert len({key for key, _ in found}) == len(found)
    return dict(found)


def stored(storage: Path) -> list[tuple[object, ...]]:
    query = (
        "select t.value, m.key, m.step, m.value, m.timestamp from metrics m "
        "join tags t on t.run_uuid = m.run_uuid and t.key = 'kurabe.trial'"
    )
    return sorted(rows(storage, query))


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=WAIT)[0]


def test_it_follows_a_running_sweep_and_ends_with_it(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    with tracker(sweep) as process:
        sweep.train(sweep.propose()[0])
        until(lambda: statuses(storage) == {"t1": "FINISHED"}, "the first trial")
        sweep.start(sweep.propose()[0])
        sweep.record("t2", [0, 1, 2])
        start = time.monotonic()
        until(lambda: len(stored(storage)) == len(list(recorded(sweep.journal))), "the curves of a long trial")
        assert following._POLL + following._LAG <= 3.5  # curves are 5 s old at most: the rest is for the writing
        assert (
            time.monotonic() - start < 10.0
        )  # and what a busy machine adds; tests/benchmarks/curve_lag.py measures it
        assert statuses(storage)["t2"] == "RUNNING"
        sweep.record("t2", [3, 4])
        sweep.end("t2")
        sweep.close()
        assert process.wait(WAIT) == 0
        assert "MLflow holds 2 of 2 ended trials" in said(process)
    assert statuses(storage) == {"t1": "FINISHED", "t2": "FINISHED"}
    assert stored(storage) == sorted(recorded(sweep.journal))


def test_killed_again_and_again_it_still_writes_each_trial_once(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    for _ in range(12):
        sweep.train(sweep.propose()[0], epochs=20)
    sweep.close()
    for seen in (1, 4, 8):
        with tracker(sweep) as process:
            until(lambda seen=seen: len(statuses(storage)) >= seen, f"{seen} runs")  # type: ignore[misc]  # a default binds it
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert "RUNNING" in statuses(storage).values() or len(statuses(storage)) < 12  # it was in the midst of its work
    with tracker(sweep) as process:
        assert process.wait(WAIT) == 0
    assert set(statuses(storage).values()) == {"FINISHED"}
    assert len(statuses(storage)) == 12
    assert stored(storage) == sorted(recorded(sweep.journal))
    assert artifacts(storage) == expected_artifacts(sweep)


def artifacts(storage: Path) -> dict[str, dict[str, bytes]]:
    """Of each trial: every file of its run, by its path there."""
    query = (
        "select t.value, r.artifact_uri from runs r join tags t on t.run_uuid = r.run_uuid and t.key = 'kurabe.trial' "
        "where r.lifecycle_stage = 'active'"
    )
    places = {str(key): Path(str(uri).removeprefix("file://")) for key, uri in rows(storage, query)}
    return {
        key: {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        for key, place in places.items()
    }


def test_when_its_parent_is_killed_it_writes_what_there_is_and_ends(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    sweep.start(sweep.propose()[0])
    sweep.record("t2", [0, 1])
    with tracker(sweep) as process:
        until(lambda: bool(statuses(storage)), "the tracker at work")
        assert process.stdin is not None
        process.stdin.close()  # what the system does to the pipe when the parent dies
        process.stdin = None
        assert process.wait(WAIT) == 0
    assert statuses(storage) == {"t1": "FINISHED", "t2": "KILLED"}
    assert stored(storage) == sorted(recorded(sweep.journal))
    with exclusive(sweep.path.with_name(LOCK), wait=False):
        pass  # and it holds the lock no longer


def test_there_is_one_writer_at_a_time(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    sweep.close()
    lock = sweep.path.with_name(LOCK)
    with exclusive(lock), pytest.raises(TrackingError, match="another process is writing"):
        project(sweep.path, tracking_uri(storage), storage, patience=0.2)
    assert statuses(storage) == {}
    held = threading.Event()

    def hold() -> None:
        with exclusive(lock):
            held.set()
            time.sleep(1.0)  # the length of another writer's work

    other = threading.Thread(target=hold)
    other.start()
    held.wait(WAIT)
    assert project(sweep.path, tracking_uri(storage), storage, patience=WAIT).complete
    other.join()


def test_without_mlflow_it_says_so_and_gives_a_code_of_its_own(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    sweep.close()
    start = time.monotonic()
    with tracker(sweep, patience=1.0, uri=f"http://user:secret@127.0.0.1:{free_port()}") as process:
        text = said(process)
        assert process.returncode == 3
    assert "MLflow holds 0 of 1 ended trials" in text
    assert "trying again" in text
    assert "secret" not in text
    assert time.monotonic() - start < 30


def test_a_locked_database_is_waited_for(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    sweep.close()
    with (
        closing(sqlite3.connect(storage / "mlflow.sqlite", isolation_level=None)) as holder,
        tracker(sweep) as process,
    ):
        holder.execute("begin exclusive")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5.0)
        holder.execute("rollback")
        assert process.wait(WAIT) == 0
    assert stored(storage) == sorted(recorded(sweep.journal))


def test_a_store_that_is_removed_while_it_is_written_is_noticed(storage: Path) -> None:
    sweep = Sweep.begin(storage)
    sweep.train(sweep.propose()[0])
    with tracker(sweep, patience=1.0) as process:
        until(lambda: bool(statuses(storage)), "the first trial")
        for file in storage.glob("mlflow.sqlite*"):
            file.unlink()
        sweep.train(sweep.propose()[0])
        sweep.close()
        assert process.wait(WAIT) == 3
        assert "replaced or removed" in said(process)


def test_six_processes_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    """Two rounds; `python tests/benchmarks/fresh_store.py` plays twenty."""
    with openers() as opening:
        for number in ("1", "2"):
            (tmp_path / number).mkdir()
            assert play(opening, tmp_path / number) == []


def test_over_http_away_and_back(storage: Path) -> None:
    """The server is not there when the sweep begins, comes, is killed in the midst of it, and comes again."""
    sweep = Sweep.begin(storage)
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with tracker(sweep, patience=60.0, uri=uri) as process:
        sweep.train(sweep.propose()[0])
        with server(storage, port) as first:
            until(lambda: statuses(storage).get("t1") == "FINISHED", "the first trial over HTTP")
            end(first)
            sweep.train(sweep.propose()[0])
            sweep.train(sweep.propose()[0], "failed", error="no", value=None)
            folder = sweep.path.parent / "networks"
            keep_network(sweep.journal, folder, "t1", small_network(), value=0.25, attempt=1, epoch=4)
            sweep.close()
        with server(storage, port):
            assert process.wait(WAIT) == 0
    assert statuses(storage) == {"t1": "FINISHED", "t2": "FINISHED", "t3": "FAILED"}
    assert rows(storage, "select name, alias, version from registered_model_aliases") == [("digits", "champion", 1)]
    (model,) = (storage / "mlflow-artifacts").rglob("MLmodel")
    assert (model.parent / "data" / "network" / "weights.npz").is_file()
    assert stored(storage) == sorted(recorded(sweep.journal))


def small_network() -> bytes:
    specification = Specification({"hidden": [4], "epochs": 1})
    return Training(specification, split(load("iris"))).trained()


@contextmanager
def server(storage: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The MLflow server itself, without its guard and with all its processes in one group, so that it can be killed."""
    command = server_command(port)
    environment = server_environment(f"sqlite:///{storage / 'mlflow.sqlite'}", str(storage / "mlflow-artifacts"))
    bare = command[command.index("-m") - 2 :]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(bare, env=environment, cwd=storage, stdout=silent, stderr=silent, start_new_session=True)
    try:
        yield process
    finally:
        end(process)


def end(leader: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process and its whole group: the server's web process listens on when only its parent is killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def test_the_ui_server_ends_with_its_owner(storage: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from cluster.tracking_server import running_server\n"
        "with running_server(Path(sys.argv[1])) as address: print(address, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(storage)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        port = int(owner.stdout.readline().rsplit(":", 1)[1])
        assert not free(port)
    finally:
        owner.kill()
        owner.communicate()
    until(lambda: free(port), "the end of the server")


def free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_ui_wants_a_store(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no MLflow store"), running_server(tmp_path):
        pass
