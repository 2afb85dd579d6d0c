"""Saved trainings: NumPy arrays and JSON in one .npz archive. Nothing is ever pickled or unpickled."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FORMAT = 1


class SavedTrainingError(ValueError):
    """Bytes that are no saved training, or one of another specification or of other data."""


def pack(arrays: Mapping[str, Array], body: Mapping[str, Any]) -> bytes:
    """An .npz archive of `arrays`, and of `body` as JSON."""
    text = json.dumps({"format": FORMAT, **body}, allow_nan=False).encode()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, json=np.frombuffer(text, np.uint8), **arrays)
    return file.getvalue()


def unpack(saved: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """What `pack` was given. Raises SavedTrainingError for anything else."""
    try:
        with np.load(io.BytesIO(saved), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        body = json.loads(arrays.pop("json").tobytes())
    except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise SavedTrainingError(f"expected a saved training, got {type(error).__name__}: {error}") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise SavedTrainingError(f"expected a saved training of format {FORMAT}, got {str(body)[:60]}")
    return arrays, body
