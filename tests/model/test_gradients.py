"""Gradients: numerically along a random direction for every combination of options, and against PyTorch's autograd."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.activations import ACTIVATIONS
from model.data import make_dataset
from model.datasets import Split, split
from model.hyperparameters import make
from model.layers import Affine, BatchNormalization, Dropout, Mode
from model.regularization import PENALTIES
from model.specification import Specification
from model.streams import set_state, state_of
from model.training import Training

Array = NDArray[Any]
NORMS = (None, *PENALTIES.names())


def data_of(task: str, features: int = 7, rows: int = 60) -> Split:
    rng = np.random.default_rng(11)
    y = np.arange(rows) % 4 if task == "classification" else rng.normal(size=rows)
    return split(make_dataset("random", rng.normal(size=(rows, features)), y), scaling="none")


def training_of(values: dict[str, Any], task: str = "classification") -> Training:
    own = {"hidden": [6, 5], "dtype": "float64", "initializer": "normal", "initial_std": 0.6}
    training = Training(Specification(own | values), data_of(task))
    rng = np.random.default_rng(12)
    training.network.parameters[training.network.weight_size :] += 0.3 * rng.normal(
        size=training.network.parameters.size - training.network.weight_size
    )
    return training


def total_loss(training: Training, rows: Array, mode: Mode = Mode.TRAIN) -> float:
    """Mean loss of the batch plus penalty, with the same dropout masks at every call."""
    network, strength = training.network, training.settings.weight_decay_strength
    state = state_of(training._dropout)
    z = network.forward(training.data.x[rows], mode)
    set_state(training._dropout, state)
    loss = training.loss.sums(z, training.data.y[rows])[0] / len(rows)
    if strength == 0.0:
        return loss
    penalty = make("weight_decay.norm", training.specification.hyperparameters)
    return loss + strength * float(sum(penalty.value(layer.w) for layer in network.affine))


def fill(training: Training, rows: Array) -> Array:
    """The analytic gradient, leaving the dropout stream where it was."""
    state = state_of(training._dropout)
    training.stepper.fill_gradient(training.data.x[rows], training._targets(training.data.y[rows]))
    set_state(training._dropout, state)
    return training.network.gradient.copy()


def along(training: Training, rows: Array, direction: Array, size: float) -> float:
    """(L(W + sd) − L(W − sd)) / 2s"""
    parameters = training.network.parameters
    kept, values = parameters.copy(), []
    for sign in (1.0, -1.0):
        parameters[...] = kept + sign * size * direction
        values.append(total_loss(training, rows))
    parameters[...] = kept
    return (values[0] - values[1]) / (2.0 * size)


@pytest.mark.parametrize("activation", ACTIVATIONS.names())
@pytest.mark.parametrize(("normalized", "dropout", "norm"), list(itertools.product((False, True), (0.0, 0.4), NORMS)))
def test_the_gradient_is_right_along_random_directions(
    activation: str, normalized: bool, dropout: float, norm: str | None
) -> None:
    decay = {} if norm is None else {"weight_decay.norm": norm, "weight_decay.strength": 0.3}
    training = training_of({"activation": activation, "batch_normalization": normalized, "dropout": dropout, **decay})
    rows, rng = training.data.train[:9], np.random.default_rng(13)
    gradient = fill(training, rows)
    for _ in range(3):
        direction = rng.normal(size=gradient.size)
        assert along(training, rows, direction, 1e-6) == pytest.approx(float(gradient @ direction), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("normalized", [False, True])
def test_the_gradient_of_a_regression_is_right(normalized: bool) -> None:
    training = training_of({"activation": "tanh", "batch_normalization": normalized}, "regression")
    rows, rng = training.data.train[:9], np.random.default_rng(13)
    gradient = fill(training, rows)
    direction = rng.normal(size=gradient.size)
    assert along(training, rows, direction, 1e-6) == pytest.approx(float(gradient @ direction), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 12),
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    activation=st.sampled_from(("sigmoid", "tanh", "gelu")),  # no kinks to hit by chance
    dropout=st.sampled_from((0.0, 0.3)),
    normalized=st.booleans(),
)
def test_any_shape_and_batches_of_one(
    rows: int, hidden: list[int], activation: str, dropout: float, normalized: bool
) -> None:
    # ε = 0.1: with two rows and a tiny ε batch normalization is a step function, which numeric slopes cannot follow
    normalization = {"batch_normalization": normalized, "batch_normalization.epsilon": 0.1}
    training = training_of({"hidden": hidden, "activation": activation, "dropout": dropout, **normalization})
    gradient = fill(training, training.data.train[:rows])
    assert np.isfinite(gradient).all()
    direction = np.random.default_rng(rows).normal(size=gradient.size)
    numeric = along(training, training.data.train[:rows], direction, 1e-5)
    assert numeric == pytest.approx(float(gradient @ direction), rel=1e-5, abs=1e-7)


def torch_twin(torch: Any, training: Training) -> tuple[Any, list[Any], list[Any]]:
    """The same network in PyTorch: a function of the inputs, its weight matrices, its other parameters."""
    functional = torch.nn.functional
    functions: dict[str, Any] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": lambda z: functional.leaky_relu(z, 0.01),
        "gelu": lambda z: functional.gelu(z, approximate="tanh"),
    }
    weights: list[Any] = []
    others: list[Any] = []
    moves: list[Any] = []

    def parameter(array: Array, kind: list[Any]) -> Any:
        kind.append(torch.nn.Parameter(torch.from_numpy(array.copy())))
        return kind[-1]

    def affine(layer: Affine) -> Any:
        w, b = parameter(layer.w, weights), 0.0 if layer.b is None else parameter(layer.b, others)
        return lambda x: x @ w + b

    def normalize(layer: BatchNormalization) -> Any:
        gamma, beta, units = parameter(layer.gamma, others), parameter(layer.beta, others), len(layer.gamma)
        running = torch.zeros(units).double(), torch.ones(units).double()
        return lambda x: functional.batch_norm(x, *running, gamma, beta, True, 0.1, 1e-7)

    def drop(layer: Dropout) -> Any:
        return lambda x: x if layer.mask is None else x * torch.from_numpy(layer.mask.copy())

    for layer in training.network.layers:
        if isinstance(layer, Affine):
            moves.append(affine(layer))
        elif isinstance(layer, BatchNormalization):
            moves.append(normalize(layer))
        elif isinstance(layer, Dropout):
            moves.append(drop(layer))
        else:
            moves.append(functions[training.specification.hyperparameters["activation"]])

    def forward(x: Any) -> Any:
        for move in moves:
            x = move(x)
        return x

    return forward, weights, others


def flat_of(training: Training, weights: list[Any], others: list[Any], what: str) -> Array:
    """PyTorch's parameters or gradients in our order: weight matrices, then the others as the layers come."""
    return np.concatenate([getattr(p, what).numpy().ravel() for p in (*weights, *others)])


@pytest.mark.parametrize("activation", ACTIVATIONS.names())
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_pytorch_finds_the_same_gradient(activation: str, normalized: bool, dropout: float) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch, the oracle of this test, is not installed")
    training = training_of({"activation": activation, "batch_normalization": normalized, "dropout": dropout})
    rows = training.data.train[:20]
    ours = fill(training, rows)
    forward, weights, others = torch_twin(torch, training)
    x, y = torch.from_numpy(training.data.x[rows]).double(), torch.from_numpy(training.data.y[rows])
    loss: Any = torch.nn.functional.cross_entropy(forward(x), y)
    loss.backward()
    np.testing.assert_allclose(ours, flat_of(training, weights, others, "grad"), rtol=1e-10, atol=1e-12)
    assert total_loss(training, rows) == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "theirs", "arguments"),
    [
        ("sgd", "SGD", {}),
        ("momentum", "SGD", {"momentum": 0.9}),
        ("nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("adagrad", "Adagrad", {"eps": 1e-7}),
        ("rmsprop", "RMSprop", {"eps": 1e-7}),
        ("adam", "Adam", {}),
        ("adamw", "AdamW", {}),
    ],
)
def test_pytorch_arrives_at_the_same_network(optimizer: str, theirs: str, arguments: dict[str, Any]) -> None:
    """Twenty steps with batch normalization and weight decay on the weight matrices alone."""
    torch: Any = pytest.importorskip("torch", reason="PyTorch, the oracle of this test, is not installed")
    own: dict[str, Any] = {"decoupled_decay": 0.2} if optimizer == "adamw" else {"weight_decay.strength": 0.2}
    values = {"optimizer": optimizer, "learning_rate": 0.01, "batch_normalization": True, "activation": "tanh"}
    training = training_of(values | own)
    forward, weights, others = torch_twin(torch, training)
    groups = [{"params": weights, "weight_decay": 0.2}, {"params": others, "weight_decay": 0.0}]
    update = getattr(torch.optim, theirs)(groups, lr=0.01, **arguments)
    for step in range(20):
        rows = training.data.train[step : step + 15]
        training.stepper.step(training.data.x[rows], training._targets(training.data.y[rows]))
        update.zero_grad()
        x, y = torch.from_numpy(training.data.x[rows]).double(), torch.from_numpy(training.data.y[rows])
        loss: Any = torch.nn.functional.cross_entropy(forward(x), y)
        loss.backward()
        update.step()
    reached = flat_of(training, weights, others, "data")
    np.testing.assert_allclose(training.network.parameters, reached, rtol=1e-8, atol=1e-8)
