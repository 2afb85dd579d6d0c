"""What is told of the environment a training ran in, and how a connection chooses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from cluster import connect
from sweeps.environment import describe_environment, describe_git

ROOT = Path(__file__).resolve().parents[2]


def test_versions_blas_and_machine_are_those_of_this_process() -> None:
    told = describe_environment()
    assert told["packages"]["numpy"] == numpy.__version__
    assert told["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    assert any(library["internal_api"] and library["num_threads"] == 1 for library in told["blas"])


def test_the_commit_is_that_of_the_checkout() -> None:
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        pytest.skip("the tests do not run in a git checkout")
    assert describe_git()["git_commit"] == head.stdout.strip()


def test_without_git_the_commit_is_unknown_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert describe_git() == {"git_commit": None, "git_dirty": None}


@pytest.mark.parametrize(
    ("given", "local", "mode"),
    [
        ({}, True, "token"),
        ({}, False, "disabled"),
        ({"RAY_AUTH_TOKEN": "secret"}, False, "token"),
        ({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "secret"}, False, "disabled"),
    ],
)
def test_tokens_are_wanted_locally_and_on_a_cluster_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], local: bool, mode: str
) -> None:
    environment = {"HOME": str(tmp_path), **given}
    monkeypatch.setattr("os.environ", environment)
    connect._settle_environment(local=local)
    assert environment["RAY_AUTH_MODE"] == mode
    assert not local or len(environment["RAY_AUTH_TOKEN"]) >= 32
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["localhost", "host:port", ":6379", "ray://10.0.0.5:10001x"])
def test_an_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(connect.ConnectionRefused, match="expected host:port"):
        connect._require_answer(address)
