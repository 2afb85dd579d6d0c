"""Splits: stratified, seeded, scaled on the training part alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data import DataError, make_dataset
from model.datasets import Dataset, load, split


def made(counts: list[int], features: int = 3, **others: Any) -> Dataset:
    rng = np.random.default_rng(sum(counts))
    y = np.repeat(np.arange(len(counts)), counts)
    return make_dataset("made", rng.normal(size=(len(y), features)), rng.permutation(y), **others)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=5),
    st.floats(0.05, 0.45),
    st.floats(0.0, 0.45),
    st.integers(0, 2**40),
)
def test_parts_are_disjoint_complete_and_stratified(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    data = made(counts)
    parts = split(data, seed=seed, validation=validation, test=test, scaling="none")
    rows = np.concatenate((parts.train, parts.validation, parts.test))
    assert sorted(rows) == list(range(len(data.y)))
    original = {row.tobytes(): label for row, label in zip(data.x, data.y, strict=True)}
    assert {row.tobytes(): label for row, label in zip(parts.x, parts.y, strict=True)} == original
    for share, part in ((validation, parts.validation), (test, parts.test)):
        for label, count in enumerate(counts):
            got = int((parts.y[part] == label).sum())
            assert abs(got - share * count) <= 1.0
            assert got >= 1 or share == 0.0
    assert np.bincount(parts.y[parts.train], minlength=len(counts)).min() >= 1


def test_the_seed_alone_decides() -> None:
    data = load("iris")
    one, again, other = split(data, seed=3), split(data, seed=3), split(data, seed=4)
    np.testing.assert_array_equal(one.x, again.x)
    assert one.key == again.key
    assert one.key != other.key
    assert not np.array_equal(one.x, other.x)
    keys = {split(data, **arguments).key for arguments in ({}, {"test": 0.1}, {"scaling": "unit"}, {"limit": 60})}
    assert len(keys) == 4
    assert one.digest == other.digest == data.digest


def test_parts_are_mixed_within() -> None:
    parts = split(load("digits"))
    for part in (parts.train, parts.validation, parts.test):
        assert len(set(parts.y[part][:30].tolist())) >= 8


def test_scaling_is_fitted_on_the_training_part_alone() -> None:
    data = load("wine")
    plain, standard, unit = (split(data, scaling=scaling) for scaling in ("none", "standard", "unit"))
    train, rest = plain.train, np.concatenate((plain.validation, plain.test))
    np.testing.assert_allclose(standard.x[train].mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(standard.x[train].std(axis=0), 1.0, rtol=1e-4)
    assert np.abs(standard.x[rest].mean(axis=0)).max() > 0.01
    np.testing.assert_allclose((unit.x[train].min(), unit.x[train].max()), (0.0, 1.0), atol=1e-6)
    assert unit.x[rest].min() < 0.0 or unit.x[rest].max() > 1.0
    changed = data.x.copy()
    places = {row.tobytes(): place for place, row in enumerate(data.x)}
    for row in plain.x[rest]:
        changed[places[row.tobytes()]] += 1000.0  # whatever the other parts hold, training looks the same
    again = split(make_dataset("wine", changed, data.y, classes=data.classes), scaling="standard")
    np.testing.assert_array_equal(again.x[again.train], standard.x[train])


def test_images_default_to_unit_as_a_whole_and_tables_to_standard() -> None:
    digits, wine = split(load("digits")), split(load("wine"))
    assert (digits.scaling, wine.scaling) == ("unit", "standard")
    np.testing.assert_array_equal(np.unique(digits.x * 16), np.arange(17))  # one scale for all pixels
    assert digits.x.dtype == wine.x.dtype == np.float32


def test_constant_features_stay_finite() -> None:
    x = np.column_stack((np.full(60, 7.0), np.full(60, 1e-3), np.arange(60.0)))
    data = make_dataset("odd", x, np.arange(60) % 2)
    for scaling in ("unit", "standard"):
        parts = split(data, scaling=scaling)
        np.testing.assert_allclose(parts.x[:, :2], 0.0, atol=1e-6)


def test_the_authors_test_part_is_the_test_part() -> None:
    data = made([50, 50], test_from=80)
    parts = split(data, test=0.5, validation=0.25, scaling="none", limit=40)
    np.testing.assert_array_equal(parts.x[parts.test], data.x[80:])
    assert len(parts.train) + len(parts.validation) == 40
    assert len(parts.validation) == pytest.approx(10, abs=1)


def test_targets_of_a_regression_are_scaled_and_lead_back() -> None:
    data = load("diabetes")
    parts = split(data)
    assert parts.outputs == 1
    assert parts.y[parts.train].mean() == pytest.approx(0.0, abs=1e-6)
    assert parts.y[parts.train].std() == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(np.sort(parts.y * parts.target_std + parts.target_mean), np.sort(data.y), rtol=1e-4)


def test_a_limit_keeps_the_classes() -> None:
    parts = split(load("digits"), limit=200)
    assert len(parts.y) == pytest.approx(200, abs=10)
    assert np.bincount(parts.y).min() >= 15


def test_a_split_travels_without_its_arrays() -> None:
    parts = split(load("digits"))
    buffers: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(parts, protocol=5, buffer_callback=buffers.append)
    assert len(stream) < 5000
    again = pickle.loads(stream, buffers=[bytes(buffer.raw()) for buffer in buffers])  # noqa: S301  # our own, just made
    np.testing.assert_array_equal(again.x, parts.x)
    assert not again.x.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": 0.0}, "validation share"),
        ({"validation": float("nan")}, "validation share"),
        ({"validation": 0.6, "test": 0.4}, "test share"),
        ({"test": -0.1}, "test share"),
        ({"seed": -1}, "split seed"),
        ({"seed": 1.5}, "split seed"),
        ({"scaling": "max"}, "scaling to be one of auto, none, unit, standard"),
        ({"limit": 3}, "limit"),
        ({"limit": True}, "limit"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"data set iris: expected {message}"):
        split(load("iris"), **arguments)


def test_classes_too_small_to_split_are_named() -> None:
    with pytest.raises(DataError, match="at least 3 samples of class '1', got 2"):
        split(made([20, 2]))
    split(made([20, 2]), test=0.0)
    with pytest.raises(DataError, match="at least 3 samples"):
        split(made([2, 2]))
    with pytest.raises(DataError, match="at least 2 samples in the validation part"):
        split(make_dataset("few", np.eye(4), np.array([0.5, 1.5, 2.5, 3.0])), validation=0.3)
