"""Initial weights: their distributions, and what a network does with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy import stats

from model.datasets import Split
from model.hyperparameters import complete, make
from model.initializers import INITIALIZERS
from model.specification import Specification
from model.training import Training

FAN_IN, FAN_OUT = 120, 80


def drawn(values: dict[str, Any], fan_in: int = FAN_IN, fan_out: int = FAN_OUT, seed: int = 1) -> np.ndarray:
    matrix = make("initializer", complete(values))(fan_in, fan_out, default_rng(seed))
    return np.asarray(matrix)


NORMAL = [
    ({"initializer": "normal"}, 0.01),
    ({"initializer": "normal", "initial_std": 1.0}, 1.0),
    ({"initializer": "xavier"}, math.sqrt(1 / 120)),
    ({"initializer": "he"}, math.sqrt(2 / 120)),
    ({"initializer": "glorot", "initial_distribution": "normal"}, math.sqrt(2 / 200)),
]


@pytest.mark.parametrize(("values", "std"), NORMAL)
def test_normal_weights_have_the_standard_deviation_of_their_source(values: dict[str, Any], std: float) -> None:
    """0.01 is a standard deviation, not a variance; xavier is the book's √(1/n), he √(2/n)."""
    weights = drawn(values).ravel()
    assert stats.kstest(weights, stats.norm(0.0, std).cdf).pvalue > 0.01
    assert stats.kstest(weights, stats.norm(0.0, 1.1 * std).cdf).pvalue < 0.01  # the test can tell


def test_uniform_weights_have_glorots_bound() -> None:
    weights, bound = drawn({"initializer": "glorot"}).ravel(), math.sqrt(6 / 200)
    assert stats.kstest(weights, stats.uniform(-bound, 2 * bound).cdf).pvalue > 0.01
    assert weights.var() == pytest.approx(2 / 200, rel=0.05)


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.1, 10.0))
def test_orthogonal_rows_or_columns_are_orthogonal_and_of_one_length(fan_in: int, fan_out: int, gain: float) -> None:
    weights = drawn({"initializer": "orthogonal", "initial_gain": gain}, fan_in, fan_out)
    assert weights.shape == (fan_in, fan_out)
    product = weights.T @ weights if fan_in >= fan_out else weights @ weights.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(fan_in, fan_out)), atol=1e-9 * gain**2)


def test_an_orthogonal_matrix_favours_no_direction() -> None:
    """Without the correction of signs the first entry would never be positive (or never negative)."""
    first = [drawn({"initializer": "orthogonal"}, 3, 3, seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(first)) < 4 / math.sqrt(3 * 400)


def test_zero_and_constant_are_what_they_say() -> None:
    assert not drawn({"initializer": "zero"}).any()
    assert (drawn({"initializer": "constant", "initial_value": 0.25}) == 0.25).all()


@pytest.mark.parametrize("name", INITIALIZERS.names())
def test_a_network_starts_with_these_weights_and_with_biases_of_zero(name: str, blobs: Split) -> None:
    values = {"hidden": [9, 7], "initializer": name, "dtype": "float64"}
    network = Training(Specification(values, replicate=3), blobs).network
    assert [layer.w.shape for layer in network.affine] == [(6, 9), (9, 7), (7, 3)]
    assert not network.parameters[network.weight_size :].any()
    single = Training(Specification(values | {"dtype": "float32"}, replicate=3), blobs).network
    np.testing.assert_array_equal(single.parameters, network.parameters.astype(np.float32))


def test_layers_do_not_share_their_weights_and_each_replicate_has_its_own(blobs: Split) -> None:
    def first(replicate: int) -> list[np.ndarray]:
        network = Training(Specification({"hidden": [6, 6, 6]}, replicate=replicate), blobs).network
        return [layer.w.copy() for layer in network.affine[:3]]

    matrices = first(0) + first(1)
    assert len({matrix.tobytes() for matrix in matrices}) == 6
