"""A trained network by itself: what it predicts for samples as the data set gives them, before any scaling.

It is kept as two files without pickle: `weights.npz`, and `specification.json` with all that is no array. This module
and those it imports travel inside every MLflow model, so they need NumPy and each other alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator
from numpy.typing import NDArray

from model.activations import ACTIVATIONS
from model.layers import Mode
from model.network import Network
from model.settings import Settings

Array = NDArray[Any]
WEIGHTS_FILE, SPECIFICATION_FILE = "weights.npz", "specification.json"
BLOCK_ROWS = 1000  # rows that go through the network at once, as when it was evaluated


class TrainedNetwork:
    """The network that `Training.trained` has packed, from its arrays and its specification.

    Raises ValueError where the arrays do not fit the specification, UnknownName for an activation that is not there.
    """

    def __init__(self, arrays: Mapping[str, Array], specification: Mapping[str, Any]) -> None:
        self.specification = specification
        self.classes = np.array(specification["classes"], dtype=np.str_)
        settings = Settings(
            hidden=tuple(specification["hidden"]),
            batch_normalization=specification["batch_normalization"],
            batch_normalization_epsilon=specification["batch_normalization_epsilon"],
            dtype=specification["dtype"],
        )
        activation = specification["activation"]
        self._network = Network(
            specification["inputs"],
            len(self.classes) or 1,
            settings,
            ACTIVATIONS[activation["name"]](**activation["arguments"]),
            _nothing,
            weights_rng=np.random.default_rng(0),
            dropout_bits=SFC64(0),  # neither is drawn from
        )
        for name, place in (("parameters", self._network.parameters), ("averages", self._network.averages)):
            if arrays[name].shape != place.shape or arrays[name].dtype != place.dtype:
                got = f"{arrays[name].dtype} {arrays[name].shape}"
                raise ValueError(f"trained network: expected {name} of {place.dtype} {place.shape}, got {got}")
            place[...] = arrays[name]
        self._shift, self._size = arrays["shift"], arrays["size"]

    @classmethod
    def load(cls, folder: str) -> TrainedNetwork:
        """The network whose two files lie in `folder`."""
        with np.load(Path(folder) / WEIGHTS_FILE, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return cls(arrays, json.loads((Path(folder) / SPECIFICATION_FILE).read_text(encoding="utf-8")))

    def outputs(self, x: Array) -> Array:
        """The outputs z (rows, outputs) of the last layer, for samples x (rows, features) as the data set gives them.

        Computed as in training: float32 features, (x − shift)/size, inference mode, blocks of BLOCK_ROWS.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.specification["inputs"]:
            raise ValueError(f"expected x of shape (samples, {self.specification['inputs']}), got {x.shape}")
        scaled = x.astype(np.float32)
        scaled -= self._shift
        scaled /= self._size
        blocks = [scaled[start : start + BLOCK_ROWS] for start in range(0, len(scaled), BLOCK_ROWS)]
        found = [self._network.forward(block, Mode.INFER).copy() for block in blocks]
        return np.concatenate(found) if found else np.empty((0, len(self.classes) or 1), np.float32)

    def predict(self, x: Array) -> dict[str, Array] | Array:
        """Of a classification `label` (rows,) and `probabilities` (rows, classes); of a regression the values (rows,).

        p = e^z / Σe^z, each row shifted by its largest z first; label: the class of the largest z. float64.
        """
        z = self.outputs(x).astype(np.float64)
        if not len(self.classes):
            return z[:, 0] * float(self.specification["target_std"]) + float(self.specification["target_mean"])
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return {"label": self.classes[z.argmax(axis=1)], "probabilities": p}


def _nothing(fan_in: int, fan_out: int, rng: Generator) -> Array:
    """The weights of a network that is about to be given its own."""
    return np.zeros((fan_in, fan_out))


_load_pyfunc = TrainedNetwork.load  # the name that MLflow looks for in a model's loader module
