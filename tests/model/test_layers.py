"""Layers, activations and losses one by one: what gradients do not show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import special, stats

from model.activations import ACTIVATIONS
from model.datasets import Split
from model.hyperparameters import complete, make
from model.layers import BatchNormalization, Dropout, Mode
from model.losses import SoftmaxCrossEntropy, SquaredError
from model.settings import Settings
from model.specification import Specification
from model.streams import raw_stream
from model.training import Training

Array = NDArray[Any]
REFERENCES = {
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z * 0.01),
}
HUGE = np.array([[0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 1e4, -1e4, 1e30, -1e30]])


def activation(name: str) -> Any:
    return make("activation", complete({"activation": name}))


@pytest.mark.parametrize("name", ACTIVATIONS.names())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_stable_and_the_same_for_training_and_inference(name: str, dtype: Any) -> None:
    function = activation(name)
    z = np.concatenate((HUGE, np.linspace(-6, 6, 10)[None])).astype(dtype)
    value, trained, slope = z.copy(), z.copy(), np.full_like(z, np.nan)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        function.value(value, value)
        function.value_and_slope(trained, trained, slope)
    np.testing.assert_allclose(value, trained, rtol=1e-6, atol=1e-7)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert value.dtype == dtype
    if name in REFERENCES:
        np.testing.assert_allclose(value, REFERENCES[name](z.astype(np.float64)), rtol=2e-6, atol=1e-7)
    low, high = function.histogram_range
    assert low <= 0.0 <= high
    if function.bounded:
        assert low <= value.min() <= value.max() <= high


@pytest.mark.parametrize("name", ACTIVATIONS.names())
def test_slopes_are_those_of_the_values(name: str) -> None:
    function = activation(name)
    z = np.random.default_rng(0).normal(size=(5, 40)) * 3
    slope, out, high, low = (np.empty_like(z) for _ in range(4))
    function.value_and_slope(z, out, slope)
    function.value(z + 1e-6, high)
    function.value(z - 1e-6, low)
    np.testing.assert_allclose(slope, (high - low) / 2e-6, atol=1e-8)


def test_flat_means_that_no_gradient_passes() -> None:
    for name in ("sigmoid", "tanh", "relu"):
        function = activation(name)
        z = np.linspace(-8, 8, 801)[None]
        h, slope = np.empty_like(z), np.empty_like(z)
        function.value_and_slope(z, h, slope)
        flat = function.flat(h)
        assert slope[flat].max() <= 0.04 * slope.max()
        assert slope[~flat].min() >= 0.039 * slope.max()


FINITE = st.floats(-1e4, 1e4, width=32)


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(2, 6)), elements=FINITE), st.data())
def test_softmax_cross_entropy_agrees_with_scipy(z: Array, data: st.DataObject) -> None:
    rows, classes = z.shape
    y = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)))
    loss, targets = SoftmaxCrossEntropy(), np.eye(classes, dtype=np.float32)[y]
    expected = -special.log_softmax(z.astype(np.float64), axis=1)[np.arange(rows), y]
    total, right = loss.sums(z.copy(), y)
    assert total == pytest.approx(expected.sum(), rel=1e-5, abs=1e-5)
    assert right == sum(int(np.argmax(row)) == label for row, label in zip(z, y, strict=True))
    d = loss.gradient(z.copy(), targets)
    wanted = (special.softmax(z.astype(np.float64), axis=1) - targets) / rows
    np.testing.assert_allclose(d, wanted, atol=1e-6)
    np.testing.assert_allclose(d.sum(axis=1), 0.0, atol=1e-6)


def test_losses_pass_nan_and_infinity_on() -> None:
    with np.errstate(all="ignore"):
        for bad in (np.nan, np.inf, -np.inf):
            z = np.array([[0.0, 1.0], [bad, 0.0]])
            assert not math.isfinite(SoftmaxCrossEntropy().sums(z.copy(), np.array([0, 0]))[0])
            assert not math.isfinite(SquaredError().sums(z[:, :1].copy(), np.array([0.0, 0.0]))[0])


def test_equal_outputs_are_not_right_for_every_class() -> None:
    assert SoftmaxCrossEntropy().sums(np.zeros((10, 10)), np.arange(10))[1] == 1


def normalization(units: int, momentum: float = 0.9) -> BatchNormalization:
    gamma, dgamma, beta, dbeta = np.ones(units), np.zeros(units), np.zeros(units), np.zeros(units)
    averages = np.stack((np.zeros(units), np.ones(units)))
    return BatchNormalization(gamma, dgamma, beta, dbeta, averages, Settings(batch_normalization_momentum=momentum))


def test_batch_normalization_gives_mean_0_and_deviation_1_in_training() -> None:
    layer, x = normalization(4), np.random.default_rng(0).normal(5.0, [0.01, 1.0, 10.0, 100.0], (50, 4))
    for mode in (Mode.TRAIN, Mode.PROBE):
        y = layer.forward(x.copy(), mode)
        np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-10)
        np.testing.assert_allclose(y.std(axis=0), 1.0, atol=1e-3)


def test_running_averages_follow_the_biased_variance_and_serve_inference() -> None:
    """The book's choice; PyTorch's running variance is n/(n − 1) times as large."""
    layer, rng = normalization(3), np.random.default_rng(1)
    batches = [rng.normal(3.0, 2.0, (8, 3)) for _ in range(200)]
    before = layer.averages.copy()
    layer.forward(batches[0].copy(), Mode.PROBE)
    layer.forward(batches[0].copy(), Mode.INFER)
    np.testing.assert_array_equal(layer.averages, before)
    layer.forward(batches[0].copy(), Mode.TRAIN)
    np.testing.assert_allclose(layer.averages[0], 0.1 * batches[0].mean(axis=0))
    np.testing.assert_allclose(layer.averages[1], 0.9 + 0.1 * batches[0].var(axis=0, ddof=0))
    for batch in batches[1:]:
        layer.forward(batch.copy(), Mode.TRAIN)
    y = layer.forward(rng.normal(3.0, 2.0, (10_000, 3)), Mode.INFER)
    assert np.abs(y.mean(axis=0)).max() < 0.5
    assert 0.8 < y.std() < 1.3


def test_batch_normalization_survives_constant_features_and_batches_of_one() -> None:
    layer = normalization(2)
    for x in (np.full((5, 2), 7.0), np.array([[3.0, -2.0]])):
        y = layer.forward(x.copy(), Mode.TRAIN)
        np.testing.assert_allclose(y, 0.0, atol=1e-6)
        assert np.isfinite(layer.backward(np.ones_like(x))).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.999999])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    layer = Dropout(rate, raw_stream("dropout", seed=1), 500, np.float64)
    x = np.ones((400, 500))
    y = layer.forward(x, Mode.TRAIN).copy()
    kept = int(np.count_nonzero(y))
    assert stats.binomtest(kept, y.size, max(1 - rate, 1 / 65536)).pvalue > 1e-3
    assert len(np.unique(y)) <= 2
    if rate < 0.99:
        assert y.mean() == pytest.approx(1.0, abs=0.05)
    assert not np.array_equal(layer.forward(x, Mode.TRAIN), y)
    d = layer.backward(np.ones_like(x))
    np.testing.assert_array_equal(d, layer.mask)


@pytest.mark.parametrize("mode", [Mode.INFER, Mode.PROBE])
def test_dropout_leaves_inference_alone_and_draws_nothing_there(mode: Mode) -> None:
    bits = raw_stream("dropout", seed=1)
    layer, x = Dropout(0.5, bits, 8, np.float32), np.ones((3, 8), np.float32)
    before = repr(bits.state)
    assert layer.forward(x, mode) is x
    assert repr(bits.state) == before
    np.testing.assert_array_equal(layer.backward(x.copy()), x)


def test_weight_decay_touches_weights_only(blobs: Split) -> None:
    values = {"hidden": [5, 4], "batch_normalization": True, "initializer": "normal", "initial_std": 1.0}
    for norm in ("l1", "l2", "linf"):
        found = []
        for strength in (0.0, 0.5):
            decay = {"weight_decay.norm": norm, "weight_decay.strength": strength}
            training = Training(Specification(values | decay), blobs)
            training.stepper.fill_gradient(blobs.x[:20], training._targets(blobs.y[:20]))
            found.append(training.network.gradient.copy())
        weights = training.network.weight_size
        np.testing.assert_array_equal(found[0][weights:], found[1][weights:])
        changed = np.flatnonzero(found[0][:weights] != found[1][:weights])
        assert len(changed) == (3 if norm == "linf" else weights)  # linf: the largest entry of each of three matrices
        if norm != "l2":
            np.testing.assert_allclose(np.abs(found[1] - found[0])[changed], 0.5, rtol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_clipping_shortens_long_gradients_and_leaves_short_ones(blobs: Split, decay: float) -> None:
    """What is clipped is the gradient of loss and penalty together."""

    def moves(clip: float) -> list[float]:
        values = {"hidden": [8], "optimizer": "sgd", "learning_rate": 1.0, "gradient_clip": clip, "dtype": "float64"}
        values["weight_decay.strength"] = decay
        training = Training(Specification(values), blobs)
        lengths = []
        for start in range(0, 60, 10):
            before = training.network.parameters.copy()
            rows = slice(start, start + 10)
            training.stepper.step(blobs.x[rows], training._targets(blobs.y[rows]))
            lengths.append(float(np.linalg.norm(training.network.parameters - before)))
        return lengths

    free = moves(0.0)
    clip = 0.5 * free[0]
    clipped = moves(clip)
    assert clipped[0] == pytest.approx(clip)
    assert max(clipped) <= clip * (1 + 1e-9)
    assert moves(1e6) == free
