"""What fixes a training to the last bit, together with its data: hyper-parameters, replicate and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.hyperparameters import complete, plain


@dataclass(frozen=True)
class Specification:
    """One training: completed hyper-parameters, and the numbers that its random streams are derived from.

    `replicate` numbers repetitions that are alike in all but chance; `seed` belongs to the comparison as a whole.
    `histogram_epochs` are the epochs at which activations are recorded; None stands for 0, the middle and the last.
    With `test` the last record also judges the network on the test part, which nothing else touches: a confirmation.
    Raises `HyperParameterError` for wrong hyper-parameters, ValueError for wrong numbers.
    """

    hyperparameters: Mapping[str, Any]
    replicate: int = 0
    seed: int = 0
    histogram_epochs: tuple[int, ...] | None = None
    test: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", complete(self.hyperparameters))
        for name in ("replicate", "seed"):
            value = plain(getattr(self, name))
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name}: expected an integer from 0, got {value!r}")
            object.__setattr__(self, name, value)
        if self.histogram_epochs is not None:
            epochs = plain(self.histogram_epochs)
            if not isinstance(epochs, tuple) or not all(type(epoch) is int and epoch >= 0 for epoch in epochs):
                raise ValueError(f"histogram_epochs: expected integers from 0, got {epochs!r}")
            object.__setattr__(self, "histogram_epochs", tuple(sorted(set(epochs))))

    def __hash__(self) -> int:
        return hash((tuple(self.hyperparameters.items()), self.replicate, self.seed, self.histogram_epochs, self.test))

    def recorded_epochs(self) -> frozenset[int]:
        """The epochs at which activations are recorded; 0 is before the first step."""
        last: int = self.hyperparameters["epochs"]
        return frozenset((0, last // 2, last) if self.histogram_epochs is None else self.histogram_epochs)

    def to_json(self) -> str:
        """Canonical: equal specifications give equal texts."""
        body = {
            "hyperparameters": self.hyperparameters,
            "replicate": self.replicate,
            "seed": self.seed,
            "histogram_epochs": self.histogram_epochs,
            **({"test": True} if self.test else {}),
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Specification:
        """The specification that `to_json` wrote; ValueError for anything else."""
        body = json.loads(text)
        if not isinstance(body, dict) or not isinstance(body.get("hyperparameters"), dict):
            raise ValueError(f"expected a specification, got {text[:60]!r}")  # the text is wrong, no type is
        return cls(**body)
