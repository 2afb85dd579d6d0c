"""A multilayer perceptron on one flat parameter vector.

For hidden widths u1 ... uk: affine → [batch normalization] → activation → [dropout], k times, then affine to the
outputs. The vector holds all weight matrices first, then biases, γ and β, so that weight decay works on one slice; an
optimizer on the whole. `averages` holds the running means and variances of batch normalization, which are no
parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator
from numpy.typing import NDArray

from model.activations import Activation
from model.arrays import aligned_zeros
from model.layers import Activate, Affine, BatchNormalization, Dropout, Layer, Mode
from model.settings import Settings

Array = NDArray[Any]


class Parameters:
    """Two flat vectors, of parameters and of their gradient, handed out in views, one after the other.

    Matrices come from the first `matrix_size` entries, vectors from those behind.
    """

    def __init__(self, matrix_size: int, vector_size: int, dtype: Any) -> None:
        self.values, self.gradient = (aligned_zeros(matrix_size + vector_size, dtype) for _ in range(2))
        self._matrices, self._vectors = 0, matrix_size

    def matrix(self, rows: int, columns: int) -> tuple[Array, Array]:
        """The next matrix and its gradient, each (rows, columns)."""
        part = slice(self._matrices, self._matrices + rows * columns)
        self._matrices = part.stop
        return self.values[part].reshape(rows, columns), self.gradient[part].reshape(rows, columns)

    def vector(self, size: int) -> tuple[Array, Array]:
        """The next vector and its gradient, each (size,)."""
        part = slice(self._vectors, self._vectors + size)
        self._vectors = part.stop
        return self.values[part], self.gradient[part]


class Network:
    """The network that `settings` describe, between `inputs` features and `outputs` values.

    `weights_rng` draws the initial weights, layer by layer; `dropout_bits` the masks of dropout.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        settings: Settings,
        activation: Activation,
        initializer: Callable[[int, int, Generator], Array],
        *,
        weights_rng: Generator,
        dropout_bits: SFC64,
    ) -> None:
        dtype, hidden, normalized = np.dtype(settings.dtype), settings.hidden, settings.batch_normalization
        shapes = list(itertools.pairwise((inputs, *hidden, outputs)))
        self.weight_size = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        vectors = (2 if normalized else 1) * sum(hidden) + outputs
        parts = Parameters(self.weight_size, vectors, dtype)
        self.parameters, self.gradient = parts.values, parts.gradient
        self.averages = np.zeros(2 * sum(hidden) if normalized else 0, dtype)
        self.layers: list[Layer] = []

        def affine(fan_in: int, fan_out: int, *, bias: bool) -> Affine:
            w, dw = parts.matrix(fan_in, fan_out)
            w[...] = initializer(fan_in, fan_out, weights_rng)
            b, db = parts.vector(fan_out) if bias else (None, None)
            return Affine(w, dw, b, db, first=not self.layers)

        for number, (fan_in, units) in enumerate(shapes[:-1]):
            self.layers.append(affine(fan_in, units, bias=not normalized))
            if normalized:
                start = 2 * sum(hidden[:number])
                running = self.averages[start : start + 2 * units].reshape(2, units)
                self.layers.append(BatchNormalization(*parts.vector(units), *parts.vector(units), running, settings))
            self.layers.append(Activate(activation, units, dtype))
            if settings.dropout > 0.0:
                self.layers.append(Dropout(settings.dropout, dropout_bits, units, dtype))
        self.layers.append(affine(*shapes[-1], bias=True))
        self.affine = [layer for layer in self.layers if isinstance(layer, Affine)]
        self.activations = [layer for layer in self.layers if isinstance(layer, Activate)]
        self._backwards = self.layers[::-1]

    def forward(self, x: Array, mode: Mode) -> Array:
        """Outputs (rows, outputs) for the inputs x (rows, inputs), in a buffer that the next call may overwrite."""
        for layer in self.layers:
            x = layer.forward(x, mode)
        return x

    def backward(self, d: Array) -> None:
        """Fill `gradient`, given dL/d(outputs) of the last `forward` in mode TRAIN or PROBE. Overwrites `d`."""
        for layer in self._backwards:
            d = layer.backward(d)
