"""Diagnoses on made-up records: each threshold, and records with holes. Trainings that show them are in claims/."""

from __future__ import annotations

import math
from typing import Any

import pytest

from model.diagnosis import DIAGNOSES, Finding, diagnose
from model.records import EpochRecord, LayerActivations
from model.specification import Specification

SPECIFICATION = Specification({"activation": "sigmoid", "hidden": [4, 4]})


def layer(number: int, **changes: Any) -> LayerActivations:
    values: dict[str, Any] = {"mean": 0.5, "std": 0.2, "dead": 0.0, "saturated": 0.0, "spread": 0.5} | changes
    return LayerActivations(f"layer{number}", (0.0, 1.0), (8,), 0, 0, 0, **values)


def records(losses: list[float], *, activations: Any = None, **changes: float) -> list[EpochRecord]:
    found = []
    for epoch, loss in enumerate(losses):
        metrics = {
            "train/loss": loss,
            "train/accuracy": 0.9,
            "validation/loss": loss,
            "validation/accuracy": 0.9,
            "gradient_norm/layer1": 0.5,
            "gradient_norm/layer2": 0.5,
            "gradient_norm/all": 0.7,
        }
        found.append(EpochRecord(epoch, metrics | changes, activations or (layer(1), layer(2))))
    return found


def names(found: tuple[Finding, ...]) -> list[str]:
    return [finding.name for finding in found]


def test_a_healthy_training_has_no_findings() -> None:
    assert diagnose(records([2.3, 1.0, 0.3, 0.1]), SPECIFICATION) == ()
    assert diagnose([], SPECIFICATION) == ()
    assert diagnose(records([2.3]), SPECIFICATION) == ()


@pytest.mark.parametrize("last", [math.nan, math.inf, 24.0])
def test_divergence(last: float) -> None:
    (finding, *_) = diagnose(records([2.3, 2.0, last]), SPECIFICATION)
    assert (finding.name, finding.epoch) == ("divergence", 2)
    assert f"{last:.3g}" in finding.summary


def test_a_validation_loss_that_is_lost_is_divergence() -> None:
    lost = records([2.3, 2.0])
    lost[1].metrics["validation/loss"] = math.inf
    assert "divergence" in names(diagnose(lost, SPECIFICATION))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"gradient_norm/layer1": 1e-5}, "vanishing_gradient"),
        ({"gradient_norm/layer1": 0.0}, "vanishing_gradient"),
        ({"gradient_norm/layer1": 2e3, "gradient_norm/layer2": 9.0, "gradient_norm/all": 2e3}, "exploding_gradient"),
        ({"gradient_norm/layer1": 900.0, "gradient_norm/layer2": 0.5}, "exploding_gradient"),
        ({"train/accuracy": 0.99, "validation/accuracy": 0.8}, "overfitting"),
    ],
)
def test_findings_from_metrics(changes: dict[str, float], name: str) -> None:
    assert names(diagnose(records([2.3, 1.0, 0.5], **changes), SPECIFICATION)) == [name]


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"dead": 0.5}, "dead_units"), ({"saturated": 0.4}, "saturation"), ({"spread": 1e-5}, "symmetry")],
)
def test_findings_from_activations(changes: dict[str, float], name: str) -> None:
    found = diagnose(records([2.3, 1.0, 0.5], activations=(layer(1), layer(2, **changes))), SPECIFICATION)
    assert names(found) == [name]
    assert "layer2" in found[0].summary


def test_overfitting_by_a_validation_loss_that_rises_while_training_goes_on() -> None:
    rising = records([2.3, 1.0, 0.5, 0.2])
    for record, loss in zip(rising, [2.3, 1.1, 1.0, 1.3], strict=True):
        record.metrics["validation/loss"] = loss
    (finding,) = diagnose(rising, SPECIFICATION)
    assert finding.name == "overfitting"
    assert "lowest 1 at epoch 2" in finding.summary


def test_a_plateau_and_its_borders() -> None:
    assert names(diagnose(records([2.3, 2.29, 2.28]), SPECIFICATION)) == ["plateau"]
    assert names(diagnose(records([2.3, 2.29, 2.0]), SPECIFICATION)) == []


def test_records_without_activations_or_accuracies_do() -> None:
    bare = [
        EpochRecord(
            0, {"train/loss": 1.0, "validation/loss": 1.0, "gradient_norm/layer1": 1.0, "gradient_norm/all": 1.0}
        ),
        EpochRecord(
            1, {"train/loss": 0.9, "validation/loss": 1.1, "gradient_norm/layer1": 1.0, "gradient_norm/all": 1.0}
        ),
    ]
    assert names(diagnose(bare, SPECIFICATION)) == []


def test_every_diagnosis_has_a_source_and_says_what_it_looks_for() -> None:
    assert len(DIAGNOSES) == 8
    for entry in DIAGNOSES:
        assert entry.source
        assert entry.doc
