"""The flat namespace: what is derived from the registries, what is completed, what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.hyperparameters import (
    FAMILIES,
    HyperParameter,
    HyperParameterError,
    check,
    complete,
    hyperparameters,
    make,
    make_settings,
)
from model.registry import UnknownName
from model.specification import Specification

CONTRACTED = [
    "optimizer",
    "learning_rate",
    "momentum",
    "beta1",
    "beta2",
    "decay",
    "epsilon",
    "schedule",
    "initializer",
    "initial_std",
    "initial_value",
    "activation",
    "hidden",
    "batch_normalization",
    "batch_normalization.epsilon",
    "dropout",
    "weight_decay.norm",
    "weight_decay.strength",
    "batch_size",
    "epochs",
    "gradient_clip",
    "dtype",
]


def test_the_namespace_holds_the_contracted_names_with_all_they_need() -> None:
    known = hyperparameters()
    assert set(CONTRACTED) <= set(known)
    for name, parameter in known.items():
        assert parameter.name == name
        assert parameter.doc, name
        assert parameter.section in ("model", "training")
        assert check(name, parameter.default) is None, name
        if parameter.kind == "real":
            assert parameter.low is not None
            assert parameter.high is not None
            assert parameter.scale == "linear" or parameter.low > 0.0
        for condition, _ in parameter.active_when:
            assert condition in known


def test_a_shared_name_is_one_hyper_parameter_and_keeps_its_owners_defaults() -> None:
    epsilon = hyperparameters()["epsilon"]
    assert epsilon.active_when == (("optimizer", ("adagrad", "rmsprop", "adam", "adamw")),)
    assert complete({"optimizer": "adagrad"})["epsilon"] == 1e-7
    assert complete({"optimizer": "adam"})["epsilon"] == 1e-8
    assert hyperparameters()["learning_rate"].active_when == ()
    assert complete({"optimizer": "adam"})["learning_rate"] == 0.001
    assert complete({"optimizer": "sgd"})["learning_rate"] == 0.01


def test_inactive_names_vanish_so_that_nothing_is_trained_twice() -> None:
    plain = complete({"optimizer": "sgd", "weight_decay.strength": 0.0})
    assert plain == complete({"optimizer": "sgd", "beta1": 0.5, "weight_decay.norm": "l1", "initial_std": 1.0})
    assert not {"beta1", "momentum", "weight_decay.norm", "batch_normalization.epsilon"} & set(plain)
    assert complete({"weight_decay.strength": 1e-4})["weight_decay.norm"] == "l2"
    assert "batch_normalization.epsilon" in complete({"batch_normalization": True})


def test_completed_values_are_plain_canonical_and_stable() -> None:
    one = complete(
        {"learning_rate": np.float64(1), "hidden": [np.int64(5), 6], "batch_size": np.int32(4), "dropout": -0.0}
    )
    assert type(one["learning_rate"]) is float
    assert type(one["batch_size"]) is int
    assert one["hidden"] == (5, 6)
    assert math.copysign(1.0, one["dropout"]) == 1.0
    assert complete(one) == one
    assert list(complete(dict(reversed(one.items())))) == list(one)
    json.dumps(one, allow_nan=False)


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {
        "optimzer": "adam",
        "optimizer": "adamm",
        "dropout": 1.0,
        "hidden": [],
        "batch_size": 2.0,
        "learning_rate": "1e-3",
    }
    with pytest.raises(HyperParameterError) as caught:
        complete(wrong)
    by_name = {problem.name: problem for problem in caught.value.problems}
    assert set(by_name) == set(wrong)
    assert by_name["optimzer"].possibilities == ("optimizer",)
    assert by_name["optimizer"].possibilities[0] == "adam"
    assert "to below 1" in by_name["dropout"].message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("learning_rate", True),
        ("learning_rate", None),
        ("momentum", 1.0),
        ("hidden", 100),
        ("hidden", [100, 0]),
        ("hidden", [True]),
        ("hidden", [[1]]),
        ("batch_size", 0),
        ("batch_size", 10**400),
        ("learning_rate", 10**400),
        ("batch_normalization", 1),
        ("dtype", "float16"),
        ("weight_decay.norm", "l3"),
        ("optimizer", ["adam"]),
        ("optimizer", "x" * 10_000),
    ],
)
def test_a_wrong_value_gets_a_short_message(name: str, value: object) -> None:
    message = check(name, value)
    assert message is not None
    assert message.startswith("expected ")
    assert len(message) < 300


def test_an_unknown_name_cannot_be_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'learning_rate'"):
        check("learning_rates", 0.1)


@st.composite
def allowed(draw: st.DrawFn, parameter: HyperParameter) -> Any:
    if parameter.kind == "choice":
        return draw(st.sampled_from(parameter.choices or ()))
    if parameter.kind == "flag":
        return draw(st.booleans())
    low, high = parameter.low, parameter.high
    if parameter.kind == "real":
        return draw(st.floats(low, high, exclude_min=parameter.low_open, exclude_max=parameter.high_open))
    integers = st.integers(int(low or 0), int(high or 0))
    return draw(integers if parameter.kind == "integer" else st.lists(integers, min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_choice_of_allowed_values_makes_a_specification_that_survives_json(data: st.DataObject) -> None:
    known = hyperparameters()
    names = data.draw(st.sets(st.sampled_from(sorted(known))))
    specification = Specification({name: data.draw(allowed(known[name])) for name in names}, replicate=3, seed=2**70)
    assert Specification.from_json(specification.to_json()) == specification
    assert hash(Specification.from_json(specification.to_json())) == hash(specification)
    for family in FAMILIES:
        if family in specification.hyperparameters:
            make(family, specification.hyperparameters)
    assert make_settings(specification.hyperparameters).epochs == specification.hyperparameters["epochs"]


def test_a_specification_refuses_what_is_no_number_of_a_stream_or_epoch() -> None:
    for wrong in (
        {"replicate": -1},
        {"seed": 1.5},
        {"replicate": True},
        {"histogram_epochs": (1, -2)},
        {"histogram_epochs": 3},
    ):
        with pytest.raises(ValueError, match="expected"):
            Specification({}, **wrong)
    for text in ("[]", '{"hyperparameters": 3}', "{"):
        with pytest.raises(ValueError, match=r"expected|Expecting"):
            Specification.from_json(text)


def test_activations_are_recorded_at_the_start_the_middle_and_the_end() -> None:
    assert Specification({"epochs": 20}).recorded_epochs() == {0, 10, 20}
    assert Specification({"epochs": 1}).recorded_epochs() == {0, 1}
    assert Specification({"epochs": 9}, histogram_epochs=(5, 0, 5)).histogram_epochs == (0, 5)
