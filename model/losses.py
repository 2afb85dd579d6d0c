"""Losses: what is minimized, as a mean over the samples of a batch, and its gradient by the network's outputs.

Shapes: z (batch, outputs) are the outputs of the last layer, targets the one-hot rows of the classes, or the wanted
values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class SoftmaxCrossEntropy:
    """−log p_y with p = e^z / Σe^z, each row shifted by its largest z first, so that no exponential overflows

    Gradient by z: p − t, divided by the number of rows. (Deep Learning from Scratch, eqs. 3.10, 4.3 and appendix A.)
    """

    task = "classification"

    def gradient(self, z: Array, targets: Array) -> Array:
        """dL/dz of the batch's mean loss, written over `z`."""
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= np.add.reduce(z, axis=1, keepdims=True)
        z -= targets
        z *= 1.0 / len(z)
        return z

    def sums(self, z: Array, targets: Array) -> tuple[float, int]:
        """Sum of the losses of all rows, in float64, and the number of rows whose class is right. Overwrites `z`."""
        right = int(np.count_nonzero(z.argmax(axis=1) == targets.argmax(axis=1)))
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        own = np.add.reduce(np.where(targets > 0.0, z, 0.0), axis=1)  # where: −inf · 0 would be NaN
        np.exp(z, out=z)
        losses = np.log(np.add.reduce(z, axis=1)) - own
        return float(losses.sum(dtype=np.float64)), right


class SquaredError:
    """½(z − t)², summed over the outputs ; gradient by z: z − t, divided by the number of rows"""

    task = "regression"

    def gradient(self, z: Array, targets: Array) -> Array:
        """dL/dz of the batch's mean loss, written over `z`."""
        z -= targets
        z *= 1.0 / len(z)
        return z

    def sums(self, z: Array, targets: Array) -> tuple[float, int]:
        """Sum of the losses of all rows, in float64, and 0: no value is right or wrong. Overwrites `z`."""
        z -= targets
        z *= z
        return 0.5 * float(z.sum(dtype=np.float64)), 0


Loss = SoftmaxCrossEntropy | SquaredError
LOSSES: dict[str, type[SoftmaxCrossEntropy] | type[SquaredError]] = {
    "classification": SoftmaxCrossEntropy,
    "regression": SquaredError,
}
