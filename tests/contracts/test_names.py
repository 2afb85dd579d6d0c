"""The import names model, sweeps and cluster are ours alone, and the command line answers without heavy imports."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.commandline import commands

ROOT = Path(__file__).parents[2]
NAMES = ("model", "sweeps", "cluster")
# Each takes a good part of a second to import, or more.
HEAVY = {
    "numpy",
    "scipy",
    "sklearn",
    "skopt",
    "ray",
    "mlflow",
    "matplotlib",
    "pandas",
    "pyarrow",
    "PIL",
    "rich",
    "jinja2",
}
PROBE = """
import json, sys
from sweeps.cli import main
sys.argv[0] = "sweep"
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted({name.split(".")[0] for name in sys.modules})}), file=sys.stderr)
"""


def others(name: str) -> set[str]:
    """The distributions beside kurabe that bring a top-level module or package of that name."""
    return set(importlib.metadata.packages_distributions().get(name, [])) - {"kurabe"}


@pytest.mark.parametrize("name", NAMES)
def test_an_import_name_is_provided_by_this_distribution_alone(name: str) -> None:
    assert not others(name)
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")


def test_another_distribution_of_that_name_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "weights_and_sweeps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weights-and-sweeps\nVersion: 1.0\n")
    (info / "RECORD").write_text("sweeps/__init__.py,,\n")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert others("sweeps") == {"weights-and-sweeps"}
    assert not others("model")


@pytest.mark.parametrize("command", ["", *commands()])
def test_help_imports_nothing_heavy(command: str) -> None:
    """Help must come in 0.3 s. What would make it late is imports, and these can be counted on a busy machine too."""
    arguments = [*command.split(), "--help"]
    run = subprocess.run([sys.executable, "-c", PROBE, *arguments], cwd="/", capture_output=True, text=True, check=True)
    told = json.loads(run.stderr)
    assert told["code"] == 0
    assert run.stdout.startswith(f"usage: sweep {command}".rstrip())
    assert not HEAVY & set(told["modules"])


def test_the_console_script_is_the_command_line() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="sweep")
    assert script.value == "sweeps.cli:main"
    assert script.dist is not None
    assert script.dist.name == "kurabe"
