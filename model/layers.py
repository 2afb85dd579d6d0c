"""Layers: affine map, batch normalization, activation, dropout, each with its forward and backward computation.

Arrays are (batch, units), one row a sample. `forward` keeps what `backward` needs; `backward` takes dL/d(output),
which it may overwrite, writes the gradients of the layer's own parameters, and returns dL/d(input). Parameters and
their gradients are views of the network's flat vectors. Outputs live in buffers, kept for each number of rows that
has occurred, so that a step allocates next to nothing; an output is valid until the same layer's next `forward` of as
many rows.

Sums over the batch are products with a row of ones: BLAS computes them several times faster than `sum(axis=0)`.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.random import SFC64
from numpy.typing import NDArray

from model.activations import Activation
from model.arrays import aligned_zeros, row_of_ones
from model.settings import Settings

Array = NDArray[Any]


class Mode(enum.Enum):
    """How a network computes.

    TRAIN: statistics of the batch, dropout, running averages follow. PROBE: statistics of the batch but nothing
    random and nothing that changes; for gradients that can be compared. INFER: running averages, no dropout.
    """

    TRAIN = enum.auto()
    PROBE = enum.auto()
    INFER = enum.auto()


class Layer:
    """Base of all layers."""

    def forward(self, x: Array, mode: Mode) -> Array:
        raise NotImplementedError

    def backward(self, d: Array) -> Array:
        raise NotImplementedError


class Buffers:
    """Arrays of (rows, width), one for each number of rows that is asked for."""

    def __init__(self, width: int, dtype: Any) -> None:
        self._width, self._dtype, self._kept = width, dtype, dict[int, Array]()

    def __call__(self, rows: int) -> Array:
        try:
            return self._kept[rows]
        except KeyError:
            return self._kept.setdefault(rows, aligned_zeros((rows, self._width), self._dtype))


class Affine(Layer):
    """z = xW + b ; dW = xᵀd, db = Σd over the batch, dx = dWᵀ

    W is (fan_in, fan_out), b (fan_out,) or None where β of batch normalization takes its place.
    The first layer of a network has no use for dx (`first`) and returns an empty array.
    """

    def __init__(self, w: Array, dw: Array, b: Array | None, db: Array | None, *, first: bool) -> None:
        self.w, self.dw, self.b, self.db, self.first = w, dw, b, db, first
        self._z, self._dx = Buffers(w.shape[1], w.dtype), Buffers(w.shape[0], w.dtype)

    def forward(self, x: Array, mode: Mode) -> Array:
        self.x = x
        z = np.dot(x, self.w, out=self._z(len(x)))
        if self.b is not None:
            z += self.b
        return z

    def backward(self, d: Array) -> Array:
        np.dot(self.x.T, d, out=self.dw)
        if self.db is not None:
            np.dot(row_of_ones(len(d), d.dtype), d, out=self.db)
        if self.first:
            return d[:0]
        return np.dot(d, self.w.T, out=self._dx(len(d)))


class BatchNormalization(Layer):
    """x̂ = (x − μ)/√(σ² + ε), y = γx̂ + β with mean μ and biased variance σ² of the batch ; source: Ioffe & Szegedy
    2015

    dβ = Σd, dγ = Σd⊙x̂, dx = γ/√(σ² + ε) · (d − dβ/n − x̂⊙dγ/n)   (Algorithm 1 and the equations after it)

    Inference uses running averages r ← mr + (1 − m)·(value of the batch), which start at mean 0 and variance 1. The
    running variance follows the biased variance, as the book's does (PyTorch's follows the unbiased one, undefined for
    one sample). `averages` is (2, units): means and variances; γ starts at 1, β at 0. x̂ is written over x.
    """

    def __init__(
        self, gamma: Array, dgamma: Array, beta: Array, dbeta: Array, averages: Array, settings: Settings
    ) -> None:
        self.gamma, self.dgamma, self.beta, self.dbeta, self.averages = gamma, dgamma, beta, dbeta, averages
        self.epsilon, self.momentum = settings.batch_normalization_epsilon, settings.batch_normalization_momentum
        gamma[...], averages[0], averages[1] = 1.0, 0.0, 1.0
        self._statistics = np.empty_like(averages)  # of the batch
        self._y, self._scratch = Buffers(len(gamma), gamma.dtype), Buffers(len(gamma), gamma.dtype)

    def forward(self, x: Array, mode: Mode) -> Array:
        if mode is Mode.INFER:
            mean, variance = self.averages
            x -= mean
        else:
            mean, variance = self._statistics
            self._center(x, mean, variance)
        if mode is Mode.TRAIN:
            self.averages *= self.momentum
            self.averages += (1.0 - self.momentum) * self._statistics
        self.inverse = 1.0 / np.sqrt(variance + self.epsilon)
        x *= self.inverse
        self.normal = x  # x̂
        y = np.multiply(x, self.gamma, out=self._y(len(x)))
        y += self.beta
        return y

    def _center(self, x: Array, mean: Array, variance: Array) -> None:
        """Write mean and variance of the batch, and subtract the mean from x."""
        rows = len(x)
        ones, scratch = row_of_ones(rows, x.dtype), self._scratch(rows)
        np.dot(ones, x, out=mean)
        mean /= rows
        x -= mean
        np.multiply(x, x, out=scratch)
        np.dot(ones, scratch, out=variance)
        variance /= rows

    def backward(self, d: Array) -> Array:
        rows, normal = len(d), self.normal
        ones = row_of_ones(rows, d.dtype)
        product = np.multiply(d, normal, out=self._scratch(rows))
        np.dot(ones, d, out=self.dbeta)
        np.dot(ones, product, out=self.dgamma)
        d -= self.dbeta / rows
        normal *= self.dgamma / rows
        d -= normal
        d *= self.gamma * self.inverse
        return d


class Activate(Layer):
    """h = f(z), written over z ; dz = d ⊙ f'(z)"""

    def __init__(self, function: Activation, units: int, dtype: Any) -> None:
        self.function = function
        self._slope = Buffers(units, dtype)

    def forward(self, x: Array, mode: Mode) -> Array:
        self.h = x
        if mode is Mode.INFER:
            self.function.value(x, x)
        else:
            self.slope = self._slope(len(x))
            self.function.value_and_slope(x, x, self.slope)
        return x

    def backward(self, d: Array) -> Array:
        d *= self.slope
        return d


class Dropout(Layer):
    """y = x ⊙ m/(1 − p), where m is 0 with probability p, else 1, drawn anew for each step ; dx = d ⊙ m/(1 − p)

    Source: Srivastava et al. 2014, section 10, scaled while training; inference changes nothing. (The book scales at
    inference.) p is taken to the next 1/65536, and the scale belongs to that p.
    """

    def __init__(self, rate: float, bits: SFC64, units: int, dtype: Any) -> None:
        self.threshold = min(round(rate * 65536), 65535)  # of 16 random bits; never all units
        self.scale = np.dtype(dtype).type(65536 / (65536 - self.threshold))
        self.bits = bits
        self._mask, self._y = Buffers(units, dtype), Buffers(units, dtype)
        self.mask: Array | None = None

    def forward(self, x: Array, mode: Mode) -> Array:
        self.mask = None
        if mode is not Mode.TRAIN:
            return x
        drawn = self.bits.random_raw((x.size + 3) // 4).view(np.uint16)[: x.size].reshape(x.shape)
        self.mask = np.multiply(drawn >= self.threshold, self.scale, out=self._mask(len(x)))
        return np.multiply(x, self.mask, out=self._y(len(x)))

    def backward(self, d: Array) -> Array:
        if self.mask is not None:
            d *= self.mask
        return d
