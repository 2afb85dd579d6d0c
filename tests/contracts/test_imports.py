"""Imports between the rooms go down only, and each heavy library has one door. pyproject.toml holds the contracts."""

from __future__ import annotations

import ast
import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ROOMS = ("model", "sweeps", "cluster")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
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


def nodes(*folders: str) -> Iterator[tuple[Path, ast.AST]]:
    """Each piece of the code in these folders, with the file it stands in."""
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            yield file, node


def test_no_heavy_library_comes_in_by_its_name_as_text() -> None:
    """`import_module("ray")` would pass the contracts unseen."""
    for file, node in nodes(*ROOMS):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            named = [str(each.value).split(".")[0] for each in node.args if isinstance(each, ast.Constant)]
            assert not set(named) & HEAVY, f"{file}:{node.lineno}"


def test_each_folder_of_modules_is_a_package() -> None:
    """A folder without `__init__.py` can be imported all the same, and the contracts do not look into it."""
    folders = {file.parent for room in ROOMS for file in (ROOT / room).rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def libraries(declared: set[str], *folders: str) -> set[str]:
    """Those of the declared distributions that the code in these folders imports; an import of any other fails."""
    bringing = importlib.metadata.packages_distributions()
    used: set[str] = set()
    for file, node in nodes(*folders):
        if isinstance(node, ast.Import):
            modules = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [str(node.module)]
        else:
            continue
        beside = {each.stem for each in file.parent.glob("*.py")}  # what a script finds in its own folder
        ours = {*sys.stdlib_module_names, *ROOMS, "tests", *beside}
        for name in {module.split(".")[0] for module in modules} - ours:
            brought = declared & {each.lower() for each in bringing.get(name, [name])}
            assert brought, f"{file}: {name} is not declared in pyproject.toml"
            used |= brought
    return used


def names(requirements: list[str]) -> set[str]:
    return {Requirement(each).name for each in requirements}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """What comes along only because another library needs it may be gone with that library's next release."""
    declared = names(PROJECT["project"]["dependencies"])
    assert libraries(declared, *ROOMS) == declared
    groups = PROJECT["dependency-groups"]
    libraries(declared | names(groups["test"]) | names(groups["oracle"]), "tests")
