"""What a run's numbers depend on besides its specification: code, versions, BLAS and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("kurabe", "numpy", "ray", "mlflow", "scikit-optimize", "scikit-learn")


def describe_environment() -> dict[str, Any]:
    """Versions, BLAS, machine and code of this process, JSON-able. Everything unknown is null, nothing is an error."""
    return {**describe_process(), **describe_git()}


def describe_process() -> dict[str, Any]:
    """The same without the code: what a process that trains trials, here or on another node, tells of itself."""
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "blas": describe_blas(),
        "simd": describe_simd(),
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": _processor(),
            "cpus": os.cpu_count(),
        },
    }


def describe_simd() -> list[str]:
    """The processor's vector instructions that NumPy uses: exp and tanh differ between them in the last bits."""
    import numpy

    told = numpy.show_config(mode="dicts") or {}
    found = told.get("SIMD Extensions", {})
    return [str(name) for name in (*found.get("baseline", ()), *found.get("found", ()))]


def describe_blas() -> list[dict[str, Any]]:
    """Each loaded BLAS or OpenMP library, NumPy's first: its name, version, kernel and threads; a change of one of
    these changes last bits."""
    import numpy  # noqa: F401  # loads the BLAS library that is asked about below
    from threadpoolctl import threadpool_info

    keys = ("internal_api", "version", "architecture", "num_threads")
    libraries = sorted(threadpool_info(), key=lambda library: "numpy" not in str(library.get("filepath")))
    return [{key: library.get(key) for key in keys} for library in libraries]


def describe_git() -> dict[str, Any]:
    """Commit of the code that runs and whether it differs from it; null where it does not come from a checkout."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return {"git_commit": None, "git_dirty": None}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit, "git_dirty": None if changes is None else bool(changes)}


def _processor() -> str | None:
    """The processor's name; Python's own answer is empty on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, None) or platform.processor() or None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
