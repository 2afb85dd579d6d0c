"""The same sweep on a Ray cluster that is already up: two nodes of two CPUs each on this host's own address."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.workshop import Workshop

RAY = str(Path(sys.executable).with_name("ray"))


def _own_address() -> str:
    """The address that other hosts would use; no packet is sent to find it."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this host has no address but loopback, which a Ray cluster cannot use")
        return str(probe.getsockname()[0])


def _free_port(host: str) -> int:
    with closing(socket.create_server((host, 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A head and a worker node, each a process group in the foreground of its own `ray start --block`."""
    host = _own_address()
    address = f"{host}:{_free_port(host)}"
    folder = tmp_path_factory.mktemp("nodes")
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    common = [RAY, "start", "--block", f"--node-ip-address={host}", "--num-cpus=2"]
    head = [*common, "--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
    nodes = []
    try:
        for number, command in enumerate([head, [*common, f"--address={address}"]]):
            log = folder / f"{number}.log"
            with log.open("w") as file:
                nodes.append(
                    subprocess.Popen(
                        command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
                    )
                )
            _wait_until_started(log, nodes[-1])
        yield address
    finally:
        for node in reversed(nodes):
            node.terminate()
            node.wait(60)


def _wait_until_started(log: Path, node: subprocess.Popen[bytes]) -> None:
    command = ["tail", "-n", "+1", "-f", f"--pid={node.pid}", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        for line in tail.stdout:
            if "Ray runtime started" in line:
                tail.kill()
                return
    pytest.fail(f"a node did not start:\n{log.read_text()}")


def test_trials_run_on_both_nodes_as_mlflow_tells(
    workshop: Workshop, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    path = workshop.define("spread", trials=10, epochs=40)
    workshop.run("run", str(path), "--cluster", cluster, "--no-report")
    client = MlflowClient(f"sqlite:///{workshop.folder / 'kurabe-data' / 'mlflow.sqlite'}")
    experiment = client.get_experiment_by_name("spread")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`kurabe.kind` = 'trial'")
    nodes = [run.data.tags["kurabe.node"] for run in runs]
    assert len(nodes) == 10
    assert len(set(nodes)) == 2
    assert all(re.fullmatch(rf"{re.escape(os.uname().nodename)}:[0-9a-f]{{8}}", node) for node in nodes)


def test_no_more_trials_run_at_a_time_than_asked_for(
    workshop: Workshop, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    path = workshop.define("few", trials=12, epochs=200)
    workshop.run("run", str(path), "--cluster", cluster, "--workers", "2", "--no-tracking", "--no-report")
    changes = [(e.at, 1) for e in workshop.events("few-1", "started")]
    changes += [(e.at, -1) for e in workshop.events("few-1", "ended")]
    running = list(accumulate(change for _, change in sorted(changes)))
    assert max(running) == 2
    assert len(running) == 24


def test_a_cluster_that_is_not_there_is_refused_at_once(workshop: Workshop) -> None:
    path = workshop.define("nowhere", trials=2, epochs=2)
    output = workshop.run("run", str(path), "--cluster", f"127.0.0.1:{_free_port('127.0.0.1')}", expect=2, timeout=20)
    assert "nothing answers there" in output
    assert "ray start --head" in output
    assert "Traceback" not in output
