"""Plugins: modules of the user's own that register optimizers, initializers, activations and so on when they are
imported."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path


class PluginError(ValueError):
    """A plugin that cannot be imported, or has no source to take a digest of; names the plugin and the reason."""


def load_plugins(names: Iterable[str], folder: str | Path | None = None) -> str:
    """Import every module of `names` and return the sha256 (hex) of their sources; "" if there are none.

    `folder` (say, that of the definition that names them) is searched after the usual places. A package's digest covers
    every Python file below it. Loading again does nothing but compute the digest.
    """
    names = tuple(names)
    if folder is not None and names and str(folder) not in sys.path:
        sys.path.append(str(folder))  # stays: worker code imported later by the plugin must be found, too
        importlib.invalidate_caches()
    digest = hashlib.sha256()
    for name in sorted(set(names)):
        for file in _sources(name):
            digest.update(f"{name}\0{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest() if names else ""


def _sources(name: str) -> list[Path]:
    if not all(part.isidentifier() for part in name.split(".")):
        raise PluginError(f"plugin {name!r}: expected the dotted name of a module, like mylab.lion")
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a plugin is foreign code: whatever it raises is told by its name
        raise PluginError(f"plugin {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py"):
        raise PluginError(f"plugin {name!r}: expected a Python source file, got {file}")
    path = Path(file)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
