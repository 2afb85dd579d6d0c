"""IDX, the file format of MNIST and Fashion-MNIST, plain or gzipped; source: yann.lecun.com/exdb/mnist, "file format".

Big-endian: two zero bytes, the type (8: unsigned bytes), the number of dimensions, each dimension as 32 bits, the
bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data import DataError

UNSIGNED_BYTES = 8


def read_idx(path: Path, sha256: str | None = None) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes.

    `sha256` is that of the decompressed bytes (the same data are compressed differently in different places).
    Raises DataError, naming file, expected and found, for a file that is damaged or another one.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path, "a readable IDX file", f"{type(error).__name__}: {error}") from error
    actual = hashlib.sha256(content).hexdigest()
    if sha256 is not None and actual != sha256:
        raise DataError(path, f"sha256 {sha256} of the decompressed content", actual)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTES:
        raise DataError(path, "an IDX file of unsigned bytes", f"a file that starts with {content[:4]!r}")
    dimensions, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(path, f"a header of {start} bytes", f"{len(content)} bytes")
    shape: tuple[Any, ...] = struct.unpack(f">{dimensions}I", content[4:start])
    size = int(np.prod(shape, dtype=np.object_))  # object: Python integers, which cannot overflow
    if len(content) != start + size:
        raise DataError(path, f"{size} bytes for shape {shape}", f"{len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
