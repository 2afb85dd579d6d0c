"""Splitting a data set into training, validation and test parts, and scaling it.

Stratified: every class has its share in each part. Seeded by `data.split_seed` alone, so that all trials of a
definition, whatever their replicate, see the same parts. The scale is fitted on the training part alone. The test
part is for the confirmation of a result; nothing that chooses between points may look at it.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from model.data import DataError, Dataset, Task
from model.streams import stream

Array = NDArray[Any]
Scaling = Literal["auto", "none", "unit", "standard"]
SCALINGS: tuple[str, ...] = ("auto", "none", "unit", "standard")


@dataclass(frozen=True)
class Split:
    """All that a worker needs: arrays, which may be read-only and shared between processes, and short texts.

    `x` (n, features) float32, scaled: (features of the data set − `shift`)/`size`, float32, one number or one a
    feature. `y` (n,) int64 classes, or float32 values that are scaled to mean 0 and deviation 1 on the training part
    (`target_mean`, `target_std` lead back). `train`, `validation`, `test`: rows of
    x, int64. The rows are ordered so that each part lies in one piece, in random order within. `digest` is the data
    set's, `key` that of the data set and all arguments of the split together.
    """

    name: str
    x: Array
    y: Array
    train: Array
    validation: Array
    test: Array
    classes: tuple[str, ...]
    task: Task
    digest: str
    key: str
    scaling: str
    shift: Array
    size: Array
    image_shape: tuple[int, ...] | None = None
    target_mean: float = 0.0
    target_std: float = 1.0

    @property
    def outputs(self) -> int:
        """Number of outputs that a network needs: one for each class, or one value."""
        return len(self.classes) if self.task == "classification" else 1


def split(
    dataset: Dataset,
    *,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    scaling: str = "auto",
    limit: int | None = None,
) -> Split:
    """Split and scale `dataset`.

    `validation` and `test` are shares of all samples; `test` may be 0. Where the data set comes with a test part of
    its authors, that is the test part, whatever `test` says, and `validation` is a share of the rest. `limit` takes
    at most that many samples (of the rest, where the authors set a test part apart), stratified, before splitting.
    `scaling`: "none"; "unit" (to 0..1); "standard" (mean 0, deviation 1); "auto" is unit for images, standard for
    tables. Raises DataError where a class, or the whole, has too few samples.
    """
    where = f"data set {dataset.name}"
    _check(where, seed, validation, test, scaling, limit)
    rng = stream("split", seed=seed)
    official = dataset.test_from
    rows = np.arange(len(dataset.y) if official is None else official)
    if limit is not None and limit < len(rows):
        rows = np.concatenate(_shares(dataset, rows, (limit / len(rows),), rng)[0])
    shares = (test if official is None else 0.0, validation)
    test_rows, validation_rows, train_rows = (np.concatenate(part) for part in _shares(dataset, rows, shares, rng))
    parts = [rng.permutation(part) for part in (train_rows, validation_rows, test_rows)]
    if official is not None:
        parts[2] = np.arange(official, len(dataset.y))
    for name, part in zip(("training", "validation"), parts[:2], strict=True):
        if len(part) < 2:
            raise DataError(where, f"at least 2 samples in the {name} part", f"{len(part)} of {len(rows)}")
    order = np.concatenate(parts)
    x, y = dataset.x[order], dataset.y[order]
    first, second = len(parts[0]), len(parts[0]) + len(parts[1])
    if scaling == "auto":
        scaling = "unit" if dataset.image_shape else "standard"
    shift, size = _scale(x, x[:first], scaling, per_feature=dataset.image_shape is None)
    mean, std = 0.0, 1.0
    if dataset.task == "regression":
        mean, std = float(y[:first].mean(dtype=np.float64)), float(y[:first].std(dtype=np.float64)) or 1.0
        y = ((y - mean) / std).astype(np.float32)
    x.flags.writeable = y.flags.writeable = False
    arguments = (dataset.digest, seed, validation, test, scaling, limit)
    return Split(
        name=dataset.name,
        x=x,
        y=y,
        train=np.arange(first),
        validation=np.arange(first, second),
        test=np.arange(second, len(order)),
        classes=dataset.classes,
        task=dataset.task,
        digest=dataset.digest,
        key=hashlib.sha256(repr(arguments).encode()).hexdigest(),
        scaling=scaling,
        shift=shift,
        size=size,
        image_shape=dataset.image_shape,
        target_mean=mean,
        target_std=std,
    )


def _check(where: str, seed: Any, validation: float, test: float, scaling: str, limit: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DataError(where, "split seed from 0", repr(seed))
    if not (math.isfinite(validation) and 0.0 < validation < 1.0):
        raise DataError(where, "validation share above 0 and below 1", repr(validation))
    if not (math.isfinite(test) and 0.0 <= test < 1.0 and validation + test < 1.0):
        raise DataError(where, "test share from 0, below 1 together with the validation share", repr(test))
    if scaling not in SCALINGS:
        raise DataError(where, f"scaling to be one of {', '.join(SCALINGS)}", repr(scaling))
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 4):
        raise DataError(where, "limit to be an integer from 4", repr(limit))


def _shares(dataset: Dataset, rows: Array, shares: tuple[float, ...], rng: Generator) -> list[list[Array]]:
    """Rows of each class, shuffled and cut: for each share a list with one piece a class, and last what is left."""
    groups = [rows]
    if dataset.task == "classification":
        labels = dataset.y[rows]
        groups = [group for c in range(len(dataset.classes)) if len(group := rows[labels == c])]
    parts: list[list[Array]] = [[] for _ in range(len(shares) + 1)]
    needed = sum(share > 0.0 for share in shares) + 1
    for group in groups:
        if len(group) < needed:
            label = dataset.classes[int(dataset.y[group[0]])] if dataset.task == "classification" else "all"
            raise DataError(
                f"data set {dataset.name}", f"at least {needed} samples of class {label!r}", str(len(group))
            )
        mixed, start = rng.permutation(group), 0
        for part, share in zip(parts, shares, strict=False):
            count = max(1, round(share * len(group))) if share > 0.0 else 0
            count = min(count, len(group) - start - 1)  # something is left for the part that trains
            part.append(mixed[start : start + count])
            start += count
        parts[-1].append(mixed[start:])
    return parts


def _scale(x: Array, train: Array, scaling: str, *, per_feature: bool) -> tuple[Array, Array]:
    """X ← (x − shift)/size in place, and both; a feature that is constant on the training part is only shifted."""
    axis = 0 if per_feature else None
    if scaling == "unit":
        shift = train.min(axis=axis)
        size = train.max(axis=axis) - shift
    elif scaling == "standard":
        shift, size = train.mean(axis=axis, dtype=np.float64), train.std(axis=axis, dtype=np.float64)
    else:
        return np.zeros(1, np.float32), np.ones(1, np.float32)
    size = np.where(size > 1e-12 * np.maximum(np.abs(shift), 1e-30), size, 1.0)
    shift, size = np.atleast_1d(shift.astype(np.float32)), np.atleast_1d(size.astype(np.float32))
    x -= shift
    x /= size
    return shift, size
