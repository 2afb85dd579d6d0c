"""Named random streams: independent sources of randomness, so that using more of one moves none of the others.

Initial weights, batches and dropout each draw from a stream that is fixed by (seed, replicate, name). Switching
dropout on therefore changes neither the initial weights nor the batches, and all points of a comparison share them:
it is paired.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random import PCG64, SFC64, BitGenerator, Generator, SeedSequence


def stream(name: str, *, seed: int, replicate: int = 0) -> Generator:
    """The generator of a named stream."""
    return Generator(PCG64(_seed_sequence(name, seed, replicate)))


def raw_stream(name: str, *, seed: int, replicate: int = 0) -> SFC64:
    """A named stream of raw 64-bit words, from the generator that makes them fastest."""
    return SFC64(_seed_sequence(name, seed, replicate))


def state_of(bits: BitGenerator) -> dict[str, Any]:
    """The state of a bit generator as plain numbers, lists and texts."""
    return dict(_plain(bits.state))


def set_state(bits: BitGenerator, state: dict[str, Any]) -> None:
    """Continue `bits` where `state_of` was taken."""
    bits.state = _arrays(state)


def _seed_sequence(name: str, seed: int, replicate: int) -> SeedSequence:
    word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    return SeedSequence(entropy=seed, spawn_key=(replicate, word))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    return np.array(value, np.uint64) if isinstance(value, list) else value
