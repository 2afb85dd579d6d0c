"""What records tell about activations and norms, against direct computation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.activations import ACTIVATIONS
from model.datasets import Split
from model.evaluation import BINS, activation_statistics, describe, gradient_norms, norm
from model.hyperparameters import complete, make
from model.specification import Specification
from model.training import Training

VALUES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(-30, 30, width=32) | st.sampled_from((0.0, 0.1, 0.5, 1.0, 5.0, -0.0)),
)


def activation(name: str) -> Any:
    return make("activation", complete({"activation": name}))


@settings(deadline=None)
@given(VALUES, st.sampled_from(ACTIVATIONS.names()))
def test_every_value_is_counted_once_and_in_its_place(z: np.ndarray, name: str) -> None:
    function = activation(name)
    h = np.empty_like(z)
    function.value(z, h)
    found = describe("layer1", function, h)
    assert len(found.counts) == BINS == len(found.edges) - 1
    assert sum(found.counts) + found.zeros + found.underflow + found.overflow == h.size
    inside = h if function.bounded else h[h != 0.0]
    expected, _ = np.histogram(inside, np.array(found.edges, np.float32))
    assert found.counts == tuple(expected)
    assert found.underflow == np.count_nonzero(h < found.edges[0])
    assert found.overflow == np.count_nonzero(h > found.edges[-1])
    assert found.zeros == (0 if function.bounded else np.count_nonzero(h == 0.0))
    assert found.mean == pytest.approx(float(h.astype(np.float64).mean()), abs=1e-6)
    assert found.std == pytest.approx(float(h.astype(np.float64).std()), abs=1e-5)


def test_dead_saturated_and_spread() -> None:
    relu = np.array([[0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 3.0, 0.0]], np.float32)
    found = describe("layer1", activation("relu"), relu)
    assert (found.dead, found.saturated, found.spread) == (0.5, 0.0, 1.0)
    sigmoid = np.array([[0.999, 0.5], [0.001, 0.5]])
    found = describe("layer1", activation("sigmoid"), sigmoid)
    assert (found.dead, found.saturated) == (0.5, 0.5)
    same = np.array([[0.3, 0.3, 0.3], [0.7, 0.7, 0.7]])
    assert describe("layer1", activation("tanh"), same).spread == 0.0
    assert describe("layer1", activation("relu"), np.zeros((4, 3))).spread == 0.0
    assert describe("layer1", activation("tanh"), np.zeros((4, 1))).spread == 1.0


def test_what_is_not_finite_is_counted_and_seen() -> None:
    with np.errstate(all="ignore"):
        found = describe("layer1", activation("relu"), np.array([[np.nan, np.inf, 1.0]]))
    assert (found.overflow, sum(found.counts)) == (2, 1)
    assert math.isnan(found.mean)


def test_probes_leave_the_training_as_it_is(blobs: Split) -> None:
    training = Training(Specification({"hidden": [6], "batch_normalization": True, "dropout": 0.3}), blobs)
    next(training), next(training)
    before = training.save()
    gradient_norms(training.network, training.loss, blobs.x[:20], training._targets(blobs.y[:20]))
    activation_statistics(training.network, blobs.x[:20])
    training.evaluate("test")
    assert training.save() == before


def test_the_probe_is_part_of_the_validation_rows_and_the_same_for_every_trial(blobs: Split) -> None:
    for values in ({"batch_size": 7}, {"optimizer": "sgd", "batch_size": 20}):
        training = Training(Specification({"hidden": [6], **values}), blobs)
        record = next(training)
        assert record.activations is not None
        layer = record.activations[0]
        hidden = np.maximum(blobs.x[blobs.validation] @ training.network.affine[0].w, 0.0)
        assert layer.mean == pytest.approx(float(hidden.mean()), rel=1e-5)
        assert sum(layer.counts) + layer.zeros + layer.overflow == hidden.size


def test_norms_are_lengths(blobs: Split) -> None:
    training = Training(Specification({"hidden": [6], "epochs": 1}), blobs)
    *_, record = training
    for number, layer in enumerate(training.network.affine, 1):
        assert record.metrics[f"weight_norm/layer{number}"] == pytest.approx(float(np.linalg.norm(layer.w)), rel=1e-6)
    assert norm(np.array([[3.0, 0.0], [0.0, 4.0]])) == 5.0


def test_losses_and_accuracies_are_those_of_the_whole_parts(digits: Split) -> None:
    """Parts larger than a block of evaluation, with a last, partial block."""
    training = Training(Specification({"hidden": [10], "epochs": 2}), digits)
    list(training)
    for part, rows in (("train", digits.train), ("validation", digits.validation), ("test", digits.test)):
        h = np.maximum(digits.x[rows] @ training.network.affine[0].w + training.network.affine[0].b, 0.0)
        z = (h @ training.network.affine[1].w + training.network.affine[1].b).astype(np.float64)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        own = p[np.arange(len(rows)), digits.y[rows]] / p.sum(axis=1)
        found = training.evaluate(part)
        assert found[f"{part}/loss"] == pytest.approx(-np.log(own).mean(), rel=1e-5)
        assert found[f"{part}/accuracy"] == pytest.approx((z.argmax(axis=1) == digits.y[rows]).mean(), abs=1e-9)
