"""Two kinds of arrays that make steps faster: aligned ones, and rows of ones for sums."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CACHE_LINE = 64  # bytes


def aligned_zeros(shape: int | tuple[int, ...], dtype: Any) -> Array:
    """Like `np.zeros`, but beginning at a cache line, where vector instructions run a few percent faster."""
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    array: Array = raw[start : start + size].view(dtype)
    return array.reshape(shape)


@functools.lru_cache(maxsize=64)
def row_of_ones(rows: int, dtype: Any) -> Array:
    """Ones (rows,), read-only. BLAS multiplies by it several times faster than `sum(axis=0)` adds."""
    ones = np.ones(rows, dtype)
    ones.flags.writeable = False
    return ones
