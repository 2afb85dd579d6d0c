"""Epoch records: what a training tells after each epoch, and once before the first step (epoch 0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LayerActivations:
    """Activations of one hidden layer for the probe set (samples × units values), in inference mode.

    `counts` of the bins between `edges`; of unbounded activations `zeros` (exactly 0), `underflow` and `overflow`
    (outside the edges, or NaN) are counted apart from the bins. `dead`: share of units through which no sample passes
    a gradient. `saturated`: share of the values that lie at an end of a bounded activation. `spread`: largest
    difference between two units for one sample, relative to the largest value; next to 0 all units do the same.
    """

    layer: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    zeros: int
    underflow: int
    overflow: int
    mean: float
    std: float
    dead: float
    saturated: float
    spread: float


@dataclass(frozen=True)
class EpochRecord:
    """Metrics after `epoch` epochs, and the activations of the hidden layers at the epochs chosen for them."""

    epoch: int
    metrics: dict[str, float]
    activations: tuple[LayerActivations, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dictionaries and numbers for JSON; numbers that are not finite as "nan", "inf", "-inf"."""
        activations = None
        if self.activations is not None:
            activations = [_words(asdict(layer)) for layer in self.activations]
        return {"epoch": self.epoch, "metrics": _words(self.metrics), "activations": activations}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> EpochRecord:
        """Exactly the record that `to_dict` wrote."""
        activations = body.get("activations")
        layers = None
        if activations is not None:
            layers = tuple(LayerActivations(**{k: _number(k, v) for k, v in layer.items()}) for layer in activations)
        return cls(int(body["epoch"]), {name: _number(name, value) for name, value in body["metrics"].items()}, layers)


def _words(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value)
        if isinstance(value, float) and not math.isfinite(value)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def _number(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return float(value) if isinstance(value, str) and name != "layer" else value
