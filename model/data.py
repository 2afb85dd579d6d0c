"""A data set in memory, checked: samples × features, and a label or a number for each sample."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Task = Literal["classification", "regression"]


class DataError(ValueError):
    """Data that cannot be had or cannot be used; says where, what was expected and what was found."""

    def __init__(self, where: object, expected: str, got: str) -> None:
        self.where, self.expected, self.got = str(where), expected, got
        super().__init__(f"{where}: expected {expected}, got {got}")


@dataclass(frozen=True)
class Dataset:
    """`x` (n, features) float32; `y` (n,) int64 class numbers, or float32 values for regression. Arrays are read-only.

    `classes` are the names of the class numbers, empty for regression. `digest` is the sha256 (hex) of all contents.
    From row `test_from` on lie the samples that the authors of the data set set apart for testing, if they did.
    """

    name: str
    x: Array
    y: Array
    classes: tuple[str, ...]
    task: Task
    digest: str
    image_shape: tuple[int, ...] | None = None
    test_from: int | None = None


def make_dataset(
    name: str,
    x: Array,
    y: Array,
    *,
    where: object = None,
    classes: tuple[str, ...] | None = None,
    task: Task | None = None,
    test_from: int | None = None,
) -> Dataset:
    """A checked `Dataset` from raw arrays; `where` is the file that errors name.

    `x` is (n, features), or (n, height, width) for images, of numbers. `y` is (n,): integers, texts or booleans mean
    classes, numbers with fractions mean regression. Whole numbers stored as floats are refused, unless `task` says
    what they are. Raises DataError.
    """
    where = where or f"data set {name}"
    x, y = np.asarray(x), np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.ndim not in (2, 3) or y.ndim != 1 or len(x) != len(y) or x.size == 0:
        shapes = f"x of shape {x.shape} and y of shape {y.shape}"
        raise DataError(
            where, "x of shape (samples, features) or (samples, height, width) and y of shape (samples,)", shapes
        )
    if x.dtype.kind not in "fiub":
        raise DataError(where, "numbers in x", f"values of type {x.dtype}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.argwhere(~np.isfinite(x))[0][0])
        raise DataError(
            where, "finite numbers in x", f"{int((~np.isfinite(x)).sum())} NaN or infinite, first in row {row}"
        )
    image_shape = tuple(map(int, x.shape[1:])) if x.ndim == 3 else None
    digest = hashlib.sha256(repr((x.shape, x.dtype.str, y.dtype.str, classes, task, test_from)).encode())
    for array in (x, y):
        digest.update(np.ascontiguousarray(array).data if array.dtype.kind != "U" else repr(array.tolist()).encode())
    task = task or _task_of(y, where)
    if task == "classification":
        y, classes = _classes_of(y, classes, where)
    else:
        y, classes = _values_of(y, where), ()
    with np.errstate(over="ignore"):  # looked for in the next line
        x = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)
    if not np.isfinite(x).all():
        raise DataError(where, "numbers in x that a float32 can hold", "larger ones")
    x.flags.writeable = y.flags.writeable = False
    return Dataset(name, x, y, classes, task, digest.hexdigest(), image_shape, test_from)


def _task_of(y: Array, where: object) -> Task:
    if y.dtype.kind in "iubUS":
        return "classification"
    if y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.round(y)).all():
        expected = 'integers for classes, or task = "classification" or "regression" in [data]'
        raise DataError(where, expected, f"whole numbers as {y.dtype} in y")
    return "regression"


def _classes_of(y: Array, classes: tuple[str, ...] | None, where: object) -> tuple[Array, tuple[str, ...]]:
    if y.dtype.kind == "f":
        wrong = y[~np.isfinite(y) | (y != np.round(y))]
        if len(wrong):
            raise DataError(where, "integer labels in y", f"{wrong[0]}")
        y = y.astype(np.int64)
    if y.dtype.kind not in "iubUS":
        raise DataError(where, "integers or texts as labels in y", f"values of type {y.dtype}")
    found, numbers = np.unique(y, return_inverse=True)
    if len(found) < 2:
        raise DataError(where, "at least 2 classes in y", f"only {found.tolist()}")
    if classes is not None and y.dtype.kind in "iu" and found[0] >= 0 and found[-1] < len(classes):
        return y.astype(np.int64), classes
    if classes is not None:
        raise DataError(
            where, f"labels from 0 to {len(classes) - 1}, one for each class name", f"{found[[0, -1]].tolist()}"
        )
    return numbers.astype(np.int64), tuple(str(label) for label in found.tolist())


def _values_of(y: Array, where: object) -> Array:
    if y.dtype.kind not in "fiub":
        raise DataError(where, "numbers in y", f"values of type {y.dtype}")
    with np.errstate(over="ignore"):  # looked for in the next line
        values = y.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(where, "finite numbers in y", f"{int((~np.isfinite(values)).sum())} NaN or infinite")
    if values.min() == values.max():
        raise DataError(where, "different values in y", f"only {values[0]}")
    return values
