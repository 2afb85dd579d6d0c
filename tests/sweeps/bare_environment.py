"""A Python environment that really has only NumPy and MLflow: a virtual environment of its own, without pip, whose
packages are links to those that NumPy and MLflow require, found from their metadata, and no others.

MLflow itself requires scikit-learn, pandas and more; Ray, scikit-optimize and this project are not there.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def make_bare_environment(folder: Path) -> Path:
    """Make it in `folder` and return its interpreter; `uvicorn` is there as a command, which MLflow calls by name."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for each in _required("mlflow", "numpy").values():
        for top in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():  # MLflow's three distributions fill one folder
                (site / top).symlink_to(Path(str(each.locate_file(top))))
    python = folder / "bin" / "python"
    command = folder / "bin" / "uvicorn"
    command.write_text(f"#!{python}\nfrom uvicorn.main import main\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    return python


def _required(*roots: str) -> dict[str, Distribution]:
    """The distributions that these need, themselves included, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another system or an extra: MLflow runs here without it
        wanted = map(Requirement, found[name].requires or ())
        waiting += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found
