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
        dtype = np.dtype(settings.dtype)
        widths = (inputs, *settings.hidden, outputs)
        shapes = list(itertools.pairwise(widths))
        normalized = settings.batch_normalization
        self.weight_size = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        others = sum((2 if normalized else 1) * width for width in settings.hidden) + outputs
        self.parameters, self.gradient = (aligned_zeros(self.weight_size + others, dtype) for _ in range(2))
        self.averages = np.zeros(2 * sum(settings.hidden) if normalized else 0, dtype)
        self.layers: list[Layer] = []
        self.affine: list[Affine] = []
        self.activations: list[Activate] = []
        weights, vectors, averages = 0, self.weight_size, 0

        def vector(units: int) -> tuple[Array, Array]:
            nonlocal vectors
            vectors += units
            return self.parameters[vectors - units : vectors], self.gradient[vectors - units : vectors]

        for number, (fan_in, fan_out) in enumerate(shapes):
            last = number == len(shapes) - 1
            part = slice(weights, weights + fan_in * fan_out)
            weights = part.stop
            w, dw = (flat[part].reshape(fan_in, fan_out) for flat in (self.parameters, self.gradient))
            w[...] = initializer(fan_in, fan_out, weights_rng)
            b, db = (None, None) if normalized and not last else vector(fan_out)
            self._add(Affine(w, dw, b, db, first=number == 0))
            if last:
                break
            if normalized:
                running = self.averages[averages : averages + 2 * fan_out].reshape(2, fan_out)
                averages += 2 * fan_out
                running[1] = 1.0  # variance
                (gamma, dgamma), (beta, dbeta) = vector(fan_out), vector(fan_out)
                gamma[...] = 1.0
                epsilon, momentum = settings.batch_normalization_epsilon, settings.batch_normalization_momentum
                self._add(BatchNormalization(gamma, dgamma, beta, dbeta, running, epsilon=epsilon, momentum=momentum))
            self._add(Activate(activation, fan_out, dtype))
            if settings.dropout > 0.0:
                self._add(Dropout(settings.dropout, dropout_bits, fan_out, dtype))
        self._backwards = self.layers[::-1]

    def _add(self, layer: Layer) -> None:
        self.layers.append(layer)
        if isinstance(layer, Affine):
            self.affine.append(layer)
        elif isinstance(layer, Activate):
            self.activations.append(layer)

    def forward(self, x: Array, mode: Mode) -> Array:
        """Outputs (rows, outputs) for the inputs x (rows, inputs), in a buffer that the next call may overwrite."""
        for layer in self.layers:
            x = layer.forward(x, mode)
        return x

    def backward(self, d: Array) -> None:
        """Fill `gradient`, given dL/d(outputs) of the last `forward` in mode TRAIN or PROBE. Overwrites `d`."""
        for layer in self._backwards:
            d = layer.backward(d)
