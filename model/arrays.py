"""Arrays that begin at a cache line, where vector instructions run a few percent faster than elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CACHE_LINE = 64  # bytes


def aligned_zeros(shape: int | tuple[int, ...], dtype: Any) -> Array:
    """Like `np.zeros`, beginning at a multiple of 64 bytes."""
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    array: Array = raw[start : start + size].view(dtype)
    return array.reshape(shape)
