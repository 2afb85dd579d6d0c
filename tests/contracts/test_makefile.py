"""make as a newcomer meets it. The interpreter, pip and `sweep` are stand-ins that write down what they are asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ["setup", "sweep", "ui", "report", "schedule", "test", "check", "benchmark", "clean"]

# Stands in for python3 and, copied into the environment, for all that is run there. Told by environment variables
# to be too old, to lack venv, or to break off in the middle of pip.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$DIARY"
case "$*" in
    *version_info?\\<*|*"version_info <"*) exit ${TOO_OLD:-0} ;;
    *ensurepip*) exit ${NO_VENV:-0} ;;
    *"-m venv"*)
        for folder in "$@"; do :; done
        mkdir -p "$folder/bin"
        touch "$folder/pyvenv.cfg"
        for name in python sweep pytest; do cp "$0" "$folder/bin/$name"; done ;;
    *"pip"*"-r requirements.lock"*) exit ${BREAKS_OFF:-0} ;;
esac
"""


class Clone:
    """A folder with what make needs, and the diary of what the stand-ins were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.diary = folder / "diary"
        self.path = folder / "bin"
        self.path.mkdir()
        (self.path / "python3").write_text(STAND_IN)
        (self.path / "python3").chmod(0o755)
        for room in ("model", "sweeps", "cluster", "tests"):
            (self.folder / room).mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "tests/requirements.lock"):
            shutil.copy(ROOT / name, self.folder / name)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self.diary.write_text("")
        known = {"PATH": f"{self.path}:/usr/bin:/bin", "HOME": str(self.folder), "DIARY": str(self.diary)}
        command = [str(shutil.which("make")), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=known | environment, capture_output=True, text=True, check=False
        )

    def asked(self) -> str:
        return self.diary.read_text()

    def touch(self, name: str) -> None:
        """As an editor or git would: newer than everything there is."""
        newest = max(file.stat().st_mtime for file in self.folder.rglob("*"))
        os.utime(self.folder / name, (newest + 2, newest + 2))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return Clone(tmp_path)


def test_make_alone_names_each_target_in_one_line(clone: Clone) -> None:
    told = clone.make()
    assert told.returncode == 0
    described = re.findall(r"^  ([a-z]+) +\S.*$", told.stdout, flags=re.MULTILINE)
    assert [target for target in described if target in TARGETS] == TARGETS
    assert clone.asked() == ""


def test_an_old_python_is_refused_with_what_to_do(clone: Clone) -> None:
    for name in ("python3.11", "python3.12", "python3.13", "python3.14"):
        shutil.copy(clone.path / "python3", clone.path / name)
    told = clone.make("setup", TOO_OLD="1")
    assert told.returncode != 0
    assert "needs Python 3.11 or newer" in told.stderr
    assert "make PYTHON=" in told.stderr
    assert not (clone.folder / ".venv").exists()


def test_a_newer_python_beside_an_old_python3_is_found(clone: Clone) -> None:
    shutil.copy(clone.path / "python3", clone.path / "python3.12")
    (clone.path / "python3").write_text("#!/bin/sh\nexit 1\n")
    assert clone.make("setup").returncode == 0
    assert "python3.12 -m venv --clear .venv" in clone.asked()


@pytest.mark.parametrize("name", ["python3", "python3.12"])
def test_a_python_without_venv_names_the_package(name: str, clone: Clone) -> None:
    (clone.path / "python3").rename(clone.path / name)
    told = clone.make("setup", f"PYTHON={name}", NO_VENV="1")
    assert told.returncode != 0
    assert f"{name}-venv is missing: sudo apt install {name}-venv" in told.stderr.splitlines()


def test_installing_happens_once(clone: Clone) -> None:
    assert clone.make("setup").returncode == 0
    assert "--require-hashes" in clone.asked()
    assert "--no-deps --no-build-isolation --editable ." in clone.asked()
    assert clone.make("setup").returncode == 0
    assert clone.asked() == ""


def test_a_changed_lock_begins_again_and_a_changed_project_links_again(clone: Clone) -> None:
    clone.make("setup")
    clone.touch("pyproject.toml")
    assert clone.make("setup").returncode == 0
    assert "--editable" in clone.asked()
    assert "--require-hashes" not in clone.asked()
    clone.touch("requirements.lock")
    assert clone.make("setup").returncode == 0
    assert "-m venv --clear" in clone.asked()


def test_an_installation_cut_short_is_begun_again(clone: Clone) -> None:
    assert clone.make("setup", BREAKS_OFF="1").returncode != 0
    assert clone.make("setup").returncode == 0
    assert "-m venv --clear" in clone.asked()
    assert "--editable" in clone.asked()


def test_a_moved_clone_and_a_lost_interpreter_begin_again(clone: Clone) -> None:
    clone.make("setup")
    clone.folder = clone.folder.rename(clone.folder.with_name("moved"))
    assert clone.make("setup").returncode == 0
    assert "-m venv --clear" in clone.asked()
    (clone.folder / ".venv/bin/python").unlink()
    assert clone.make("setup").returncode == 0
    assert "-m venv --clear" in clone.asked()


def test_a_folder_of_the_users_is_never_taken_for_the_environment(clone: Clone) -> None:
    (clone.folder / "mine").mkdir()
    told = clone.make("setup", "VENV=mine")
    assert told.returncode != 0
    assert "is left as it is" in told.stderr
    assert "venv --clear" not in clone.asked()
    clone.make("clean", "VENV=mine")
    assert (clone.folder / "mine").is_dir()


def test_what_is_given_to_make_is_given_to_sweep(clone: Clone) -> None:
    clone.make("setup")
    clone.make("sweep")
    assert clone.asked().splitlines() == ["sweep run digits"]
    given = ["SWEEP=my own.toml", "TRIALS=5", "WORKERS=2", "STORAGE=else where", "CLUSTER=head:6379"]
    clone.make("sweep", *given)
    expected = "sweep run my own.toml --trials 5 --workers 2 --cluster head:6379 --storage else where"
    assert clone.asked().splitlines() == [expected]
    clone.make("ui", "STORAGE=elsewhere")
    assert clone.asked().splitlines() == ["sweep ui --storage elsewhere"]
    clone.make("report", "SWEEP=smoke")
    assert clone.asked().splitlines() == ["sweep report smoke"]
    clone.make("schedule", "SWEEP=smoke", "WHEN=*/5 7 * * 1", "WORKERS=2")
    assert clone.asked().splitlines() == ["sweep schedule */5 7 * * 1 smoke --run --workers 2"]


def test_the_tests_get_their_tools_from_their_lock(clone: Clone) -> None:
    assert clone.make("test", "TESTS=tests/model -k adam").returncode == 0
    assert "-r tests/requirements.lock" in clone.asked()
    assert clone.asked().splitlines()[-1] == "pytest -n 2 --no-loadscope-reorder tests/model -k adam"


def test_each_benchmark_that_make_runs_is_there(clone: Clone) -> None:
    told = clone.make("--dry-run", "benchmark")
    named = set(re.findall(r"tests/benchmarks/\w+\.py", told.stdout))
    assert named
    assert all((ROOT / each).is_file() for each in named)


def test_clean_keeps_the_sweeps(clone: Clone) -> None:
    clone.make("setup")
    (clone.folder / "kurabe-data").mkdir()
    told = clone.make("clean")
    assert "kurabe-data" in told.stdout
    assert (clone.folder / "kurabe-data").is_dir()
    assert not (clone.folder / ".venv").exists()
