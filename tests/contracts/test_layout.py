"""The shape of the repository: few entries at the top, small modules, one lock that fits what is declared."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = ("model", "sweeps", "cluster")
TOP = {"pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock", *ROOMS, "tests"}
LONGEST = {"model": 300, "sweeps": 400, "cluster": 400}
LOCKS = {"requirements.lock": ("build",), "tests/requirements.lock": ("build", "test")}


def committed() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what is committed cannot be told from what lies about")
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def locked(name: str) -> dict[str, list[str]]:
    """Each package of a lock file with the versions it may have, one for each range of Python versions."""
    versions: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE):
        versions.setdefault(package, []).append(version)
    return versions


def test_the_top_level_holds_what_a_visitor_looks_for() -> None:
    assert {path.split("/")[0] for path in committed() if not path.startswith(".")} == TOP


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_has_a_readme_and_modules_one_can_read(room: str) -> None:
    assert (ROOT / room / "README.md").is_file()
    lengths = {file: len(file.read_text().splitlines()) for file in (ROOT / room).rglob("*.py")}
    assert not {str(file): lines for file, lines in lengths.items() if lines > LONGEST[room]}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_each_declared_dependency_within_its_bounds(lock: str) -> None:
    declared = [*PROJECT["project"]["dependencies"]]
    for group in LOCKS[lock]:
        declared += PROJECT["dependency-groups"][group]
    versions = locked(lock)
    for requirement in map(Requirement, declared):
        pinned = versions.get(canonicalize_name(requirement.name), [])
        assert pinned, f"{requirement.name} is not in {lock}: make lock"
        assert all(version in requirement.specifier for version in pinned), f"{requirement}, locked {pinned}: make lock"


def test_each_declared_dependency_is_bounded_on_both_sides() -> None:
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        operators = {each.operator for each in requirement.specifier}
        assert ">=" in operators, requirement
        assert "<" in operators, requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_contents_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.findall(r"^\s*--(?!hash=sha256:)", text, flags=re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert "torch" not in locked(lock)


def test_tests_run_on_what_users_get() -> None:
    users, tests = locked("requirements.lock"), locked("tests/requirements.lock")
    assert {name: tests.get(name) for name in users} == users


def test_python_3_11_is_the_oldest_everywhere() -> None:
    assert SpecifierSet(PROJECT["project"]["requires-python"]) == SpecifierSet(">=3.11")
    assert PROJECT["tool"]["mypy"]["python_version"] == "3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"
    assert "--python-version 3.11 " in (ROOT / "Makefile").read_text()


def test_the_wheel_holds_the_three_packages_and_their_data(tmp_path: Path) -> None:
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(hatchling, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("kurabe-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in inside} == set(ROOMS)
    assert inside >= {path for path in committed() if path.startswith(tuple(f"{room}/" for room in ROOMS))}
