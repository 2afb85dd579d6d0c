"""Imports between the rooms go down only, and each heavy library has one door. pyproject.toml holds the contracts."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("model", "sweeps", "cluster")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
HEAVY = {"ray", "mlflow", "skopt", "sklearn", "matplotlib", "pandas", "torch"}

# One forbidden line for each contract: a new module, or a line at the end of one that is there.
PLANTED = {
    "rooms": ("model/planted.py", "import sweeps.journal"),
    "model": ("model/planted.py", "import matplotlib.pyplot"),
    "model-data": ("model/planted.py", "import sklearn.datasets"),
    "ray": ("sweeps/planted.py", "from ray import tune"),
    "mlflow": ("cluster/planted.py", "import mlflow"),
    "matplotlib": ("sweeps/planted.py", "import matplotlib"),
    "skopt": ("sweeps/planted.py", "from skopt.learning import GaussianProcessRegressor"),
    "way-down": ("sweeps/journal.py", "import sweeps.cli"),
    "journal": ("sweeps/tracking/__init__.py", "import sweeps.runner"),
    "pandas": ("model/planted.py", "import pandas"),
    "report": ("sweeps/report/planted.py", "import sweeps.journal"),
    "comparison": ("sweeps/comparison/planted.py", "import sweeps.storage"),
}


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_rooms_keep_the_contracts() -> None:
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_contract_has_its_violation() -> None:
    assert sorted(PLANTED) == sorted(contract["id"] for contract in CONTRACTS)


@pytest.mark.parametrize("where", ["at the top", "inside a function"])
@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_is_caught(contract: str, where: str, tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = PLANTED[contract]
    planted = line if where == "at the top" else f"def planted() -> None:\n    {line}"
    with (tmp_path / file).open("a") as module:
        module.write(f"\n{planted}\n")

    run = lint_imports(tmp_path, "--contract", contract)

    assert run.returncode == 1, run.stdout + run.stderr
    assert "0 kept, 1 broken" in run.stdout


def test_no_heavy_library_comes_in_by_its_name_as_text() -> None:
    """`import_module("ray")` would pass the contracts unseen."""
    for file in (file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
                named = [str(each.value).split(".")[0] for each in node.args if isinstance(each, ast.Constant)]
                assert not set(named) & HEAVY, f"{file}:{node.lineno}"
