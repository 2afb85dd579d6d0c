"""A trained network taken out of its training predicts the same for samples as the data set gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.activations import ACTIVATIONS
from model.datasets import load, split
from model.inference import TrainedNetwork
from model.layers import Mode
from model.saving import unpack
from model.specification import Specification
from model.training import Training


def trained(data: str, scaling: str = "auto", **hyperparameters: Any) -> Training:
    training = Training(Specification({"epochs": 2, **hyperparameters}), split(load(data), scaling=scaling))
    for _ in training:
        pass
    return training


VARIANTS = [
    *(("iris", "standard", {"activation": name, "hidden": [6, 5]}) for name in ACTIVATIONS.names()),
    ("digits", "unit", {"batch_normalization": True, "batch_normalization.epsilon": 1e-3, "dropout": 0.4}),
    ("digits", "standard", {"dtype": "float64"}),
    ("wine", "none", {"hidden": [4]}),
    ("diabetes", "standard", {"hidden": [4]}),
]


@pytest.mark.parametrize(("data", "scaling", "hyperparameters"), VARIANTS)
def test_it_gives_the_outputs_of_its_training_to_the_last_bit(
    data: str, scaling: str, hyperparameters: dict[str, Any]
) -> None:
    training = trained(data, scaling, **hyperparameters)
    parts, raw = training.data, load(data).x.astype(np.float64)
    taken_out = TrainedNetwork(*unpack(training.trained()))
    rows = raw[_order(raw, parts.x, parts)]
    inside = training.network.forward(parts.x[parts.validation][:1000], Mode.INFER).copy()
    assert np.array_equal(taken_out.outputs(rows[parts.validation][:1000]), inside)


def _order(raw: Any, scaled: Any, parts: Any) -> list[int]:
    """Row of the data set that each row of the split was, found by its scaled features."""
    places = {row.tobytes(): place for place, row in enumerate((raw.astype(np.float32) - parts.shift) / parts.size)}
    return [places[row.tobytes()] for row in scaled]


def test_labels_are_class_names_and_probabilities_sum_to_one() -> None:
    training = trained("wine", hidden=[8], epochs=30, learning_rate=0.01)
    x, names = load("wine").x, np.array(load("wine").classes)
    given = TrainedNetwork(*unpack(training.trained())).predict(x)
    assert isinstance(given, dict)
    assert given["probabilities"].shape == (len(x), 3)
    assert np.allclose(given["probabilities"].sum(axis=1), 1.0)
    assert np.array_equal(given["label"], names[given["probabilities"].argmax(axis=1)])
    right = (given["label"] == names[load("wine").y]).mean()
    assert right > 0.8  # of three classes


def test_a_regression_gives_values_in_the_unit_of_the_targets() -> None:
    training = trained("diabetes", hidden=[50], epochs=30)
    data = load("diabetes")
    given = TrainedNetwork(*unpack(training.trained())).predict(data.x)
    assert isinstance(given, np.ndarray)
    assert given.shape == data.y.shape
    assert np.corrcoef(given, data.y)[0, 1] > 0.6
    assert abs(given.mean() - data.y.mean()) < 15.0  # their deviation is 77


def test_what_does_not_fit_is_named() -> None:
    arrays, specification = unpack(trained("iris", hidden=[4]).trained())
    network = TrainedNetwork(arrays, specification)
    with pytest.raises(ValueError, match=r"expected x of shape \(samples, 4\), got \(2, 3\)"):
        network.predict(np.zeros((2, 3)))
    assert network.outputs(np.zeros((0, 4))).shape == (0, 3)
    with pytest.raises(ValueError, match="expected parameters of float32"):
        TrainedNetwork({**arrays, "parameters": arrays["parameters"][1:]}, specification)


def test_many_rows_at_once_are_the_same_rows() -> None:
    network = TrainedNetwork(*unpack(trained("digits").trained()))
    x = load("digits").x
    assert len(x) > 1000
    assert np.allclose(network.outputs(x)[1500:1510], network.outputs(x[1500:1510]), rtol=0, atol=1e-5)


def test_the_example_is_a_sample_of_the_data() -> None:
    arrays, _ = unpack(trained("iris", hidden=[4]).trained())
    assert np.isclose(load("iris").x, arrays["example"], atol=1e-4).all(axis=1).any()
