"""Whole trainings against scikit-learn: the same initial weights, no shuffling, plain gradient descent, float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from model.data import make_dataset
from model.datasets import Split, load, split
from model.layers import Mode
from model.specification import Specification
from model.training import Training

EPOCHS = 12
NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


def values(activation: str, batch: int, decay: float = 0.0, **others: Any) -> dict[str, Any]:
    return {
        "hidden": [12, 9],
        "activation": activation,
        "optimizer": "sgd",
        "learning_rate": 0.2,
        "batch_size": batch,
        "epochs": EPOCHS,
        "dtype": "float64",
        "weight_decay.strength": decay,
        **others,
    }


def twin(training: Training, theirs: Any, alpha: float) -> Any:
    """scikit-learn's network with the weights of ours, trained on the same rows in the same order."""
    data, settings = training.data, training.settings
    x, y = data.x[data.train].astype(np.float64), data.y[data.train].astype(np.float64)
    shared = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "alpha": alpha, "tol": 0.0, "n_iter_no_change": 10**6}
    names = {
        "hidden_layer_sizes": settings.hidden,
        "activation": NAMES[training.specification.hyperparameters["activation"]],
    }
    network = theirs(
        **shared, **names, learning_rate_init=0.2, batch_size=settings.batch_size, max_iter=1, warm_start=True
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(x, y)
    network.coefs_ = [layer.w.copy() for layer in training.network.affine]
    network.intercepts_ = [np.zeros(layer.w.shape[1]) for layer in training.network.affine]
    network.max_iter, network.loss_curve_, network.n_iter_, network.t_ = EPOCHS, [], 0, 0
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(x, y)
    return network


class InOrder:
    """Stands in for the stream of batches: no shuffling."""

    @staticmethod
    def permutation(n: int) -> Any:
        return np.arange(n)


@pytest.mark.parametrize("activation", NAMES)
def test_full_batches_give_scikit_learns_loss_curve(activation: str) -> None:
    data = split(load("wine"), limit=170)
    training = Training(Specification(values(activation, len(data.train))), data)
    theirs = twin(training, MLPClassifier, 0.0)
    training._batches = InOrder()  # type: ignore[assignment]  # a stand-in
    losses = [record.metrics["train/loss"] for record in training]
    np.testing.assert_allclose(losses[:EPOCHS], theirs.loss_curve_, rtol=1e-10)
    for layer, coefs, intercepts in zip(training.network.affine, theirs.coefs_, theirs.intercepts_, strict=True):
        np.testing.assert_allclose(layer.w, coefs, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(np.asarray(layer.b), intercepts, rtol=1e-9, atol=1e-11)


def test_mini_batches_give_scikit_learns_losses_and_weights() -> None:
    data = split(load("digits"), limit=500)
    rows, batch = len(data.train), 32
    assert rows % batch  # a last, partial batch is part of it
    training = Training(Specification(values("relu", batch)), data)
    theirs = twin(training, MLPClassifier, 0.0)
    training._batches = InOrder()  # type: ignore[assignment]  # a stand-in
    losses: list[float] = []
    step = training.stepper.step

    def spy(x: Any, targets: Any) -> None:
        z = training.network.forward(x, Mode.INFER)
        losses.append(training.loss.sums(z, targets.argmax(axis=1))[0] / rows)
        step(x, targets)

    training.stepper.step = spy  # type: ignore[method-assign]  # a spy
    list(training)
    np.testing.assert_allclose(np.array(losses).reshape(EPOCHS, -1).sum(axis=1), theirs.loss_curve_, rtol=1e-9)
    for layer, coefs in zip(training.network.affine, theirs.coefs_, strict=True):
        np.testing.assert_allclose(layer.w, coefs, rtol=1e-8, atol=1e-10)


def test_weight_decay_gives_scikit_learns_weights() -> None:
    """Its penalty is divided by the number of samples in a batch, ours is not."""
    data = split(load("wine"))
    rows = len(data.train)
    training = Training(Specification(values("tanh", rows, 0.01)), data)
    theirs = twin(training, MLPClassifier, 0.01 * rows)
    training._batches = InOrder()  # type: ignore[assignment]  # a stand-in
    losses = [record.metrics["train/loss"] for record in training]
    assert (np.array(theirs.loss_curve_) > losses[:EPOCHS]).all()  # theirs holds the penalty, our records do not
    for layer, coefs in zip(training.network.affine, theirs.coefs_, strict=True):
        np.testing.assert_allclose(layer.w, coefs, rtol=1e-8, atol=1e-10)


def test_a_regression_gives_scikit_learns_loss_curve() -> None:
    data = split(load("diabetes"))
    training = Training(Specification(values("tanh", len(data.train))), data)
    theirs = twin(training, MLPRegressor, 0.0)
    losses = [record.metrics["train/loss"] for record in training]
    np.testing.assert_allclose(losses[:EPOCHS], theirs.loss_curve_, rtol=1e-9)


def test_regression_records_hold_losses_alone_and_get_better_than_the_mean() -> None:
    data: Split = split(load("diabetes"))
    records = list(Training(Specification({"hidden": [20], "epochs": 30}), data))
    assert "train/accuracy" not in records[0].metrics
    assert "validation/accuracy" not in records[0].metrics
    assert records[-1].metrics["validation/loss"] < 0.4  # the mean alone reaches about 0.5


def test_batches_in_which_classes_are_missing_and_odd_features_do() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack(
        (rng.normal(size=120), np.full(120, 3.0), rng.normal(size=120) * 1e20, rng.normal(size=120) * 1e-20)
    )
    data = split(make_dataset("odd", x, np.sort(np.arange(120) % 6)))
    for normalized in (False, True):
        odd = {"batch_size": 2, "epochs": 3, "batch_normalization": normalized, "hidden": [7]}
        records = list(Training(Specification(odd), data))
        assert all(np.isfinite(record.metrics["train/loss"]) for record in records)
