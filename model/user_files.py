"""Data sets in files of the user's own: NumPy archives (.npz) and tables (.csv)."""

from __future__ import annotations

import csv
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data import DataError, Dataset, Task, make_dataset

TARGETS = ("target", "y", "label", "class")  # looked for in a table if no target is named


def load_npz(path: Path, *, task: Task | None = None) -> Dataset:
    """Arrays `x` (or `X`) and `y`, and optionally `classes`, the names of the classes 0, 1, ...

    Nothing is ever unpickled: object arrays are refused. Raises DataError.
    """
    try:
        with path.open("rb") as file:  # NumPy leaves a file open when it turns out to be damaged
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(path, "an .npz archive with arrays x and y", "a single array")
            names = archive.files
            arrays = {name: archive[name] for name in names if name in ("x", "X", "y", "classes")}
    except DataError:
        raise
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(path, "an .npz archive of plain arrays", f"{type(error).__name__}: {error}") from error
    if "y" not in arrays or not {"x", "X"} & set(arrays):
        raise DataError(path, "arrays x (or X) and y", f"arrays {', '.join(names) or 'none'}")
    classes = tuple(map(str, arrays["classes"].tolist())) if "classes" in arrays else None
    x = arrays["x"] if "x" in arrays else arrays["X"]
    return make_dataset(path.stem, x, arrays["y"], where=path, classes=classes, task=task)


def load_csv(path: Path, *, target: str | None = None, task: Task | None = None) -> Dataset:
    """A table with a line of column names; `target` is the column to learn, all others are features and must be
    numbers.

    A target column of integers or texts means classes, whose names are kept; one of numbers with a point means
    regression. Raises DataError, naming line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, "a readable table in UTF-8", f"{type(error).__name__}: {error}") from error
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise DataError(path, "a line of column names and lines of values", f"{len(rows)} lines")
    names = [name.strip() for name in rows[0]]
    if target is None:
        target = next((name for name in TARGETS if name in names), None)
    if target is None or names.count(target) != 1:
        wanted = "one column named " + (repr(target) if target else " or ".join(map(repr, TARGETS)))
        raise DataError(path, f"{wanted} to learn", f"columns {', '.join(names)[:200]}")
    column = names.index(target)
    x = np.empty((len(rows) - 1, len(names) - 1), np.float64)
    for number, row in enumerate(rows[1:]):
        if len(row) != len(names):
            raise DataError(f"{path}:{number + 2}", f"{len(names)} values", str(len(row)))
        for place, value in enumerate(row[:column] + row[column + 1 :]):
            try:
                x[number, place] = float(value)
            except ValueError:
                name = names[place if place < column else place + 1]
                raise DataError(f"{path}:{number + 2}", f"a number in column {name!r}", repr(value)) from None
    return make_dataset(path.stem, x, _target([row[column].strip() for row in rows[1:]], task), where=path, task=task)


def _target(texts: list[str], task: Task | None) -> NDArray[Any]:
    """Integers if all texts are, else numbers if all are, else the texts."""
    for kind in (int, float) if task != "regression" else (float,):
        try:
            return np.array([kind(text) for text in texts])
        except (ValueError, OverflowError):
            continue
    return np.array(texts)
