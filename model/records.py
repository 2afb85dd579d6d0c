"""Epoch records: what a training tells after each epoch, and once before the first step (epoch 0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerActivations:
    """Activations of one hidden layer for the probe set (samples × units values), in inference mode.

    `counts` of the bins between `edges`; of unbounded activations `zeros` (exactly 0), `underflow` and `overflow`
    (outside the edges, or NaN) are counted apart from the bins. `dead`: share of units through which no sample passes
    a gradient. `saturated`: share of the values that lie at an end of a bounded activation. `spread`: largest
    difference between two units for one sample, relative to the largest value; next to 0 all units do the same (1 for
    a single unit).
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
        layers = None if self.activations is None else [_to_json(vars(layer)) for layer in self.activations]
        return {"epoch": self.epoch, "metrics": _to_json(self.metrics), "activations": layers}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> EpochRecord:
        """Exactly the record that `to_dict` wrote."""
        layers = body.get("activations")
        if layers is not None:
            layers = tuple(LayerActivations(layer["layer"], **_from_json(layer)) for layer in layers)
        return cls(int(body["epoch"]), _from_json(body["metrics"]), layers)


def _to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in values.items()}


def _from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    def number(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value)
        return float(value) if isinstance(value, str) else value

    return {name: number(value) for name, value in values.items() if name != "layer"}
