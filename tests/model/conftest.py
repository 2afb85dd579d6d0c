"""Small data for the model's tests."""

from __future__ import annotations

import numpy as np
import pytest

from model.data import make_dataset
from model.datasets import Split, load, split


@pytest.fixture(scope="session")
def digits() -> Split:
    return split(load("digits"))


@pytest.fixture(scope="session")
def blobs() -> Split:
    """Three clouds of points in six dimensions, 150 in all: learnt within an epoch or two."""
    rng = np.random.default_rng(5)
    y = np.arange(150) % 3
    x = rng.normal(size=(150, 6)) + 3.0 * np.eye(3, 6)[y]
    return split(make_dataset("blobs", x, y), seed=1)
