"""Activation functions: value and derivative, in place on arrays of any shape.

z is what enters (weighted sums), h = f(z) what leaves. Most derivatives are cheapest from h, so a layer keeps z only
for the functions that say `needs_input`. For the histograms each function declares a range of h: `bounded` ones never
leave it; for the others what falls outside is counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from model.registry import Hyper, Registry

Array = NDArray[Any]


class Activation:
    """Base of all activations: frozen dataclasses that hold hyper-parameters only."""

    needs_input: ClassVar[bool] = False
    bounded: ClassVar[bool] = False
    histogram_range: ClassVar[tuple[float, float]] = (-5.0, 10.0)

    def value(self, z: Array, out: Array) -> None:
        """Write h = f(z) to `out`, which may be `z` itself unless `needs_input`."""
        raise NotImplementedError

    def chain(self, d: Array, z: Array, h: Array) -> None:
        """D ← d ⊙ f'(z) in place. `z` is meaningless unless `needs_input`."""
        raise NotImplementedError

    def flat(self, h: Array) -> NDArray[np.bool_]:
        """Where the function is so flat that (almost) no gradient passes."""
        return np.zeros(h.shape, bool)


ACTIVATIONS: Registry[type[Activation]] = Registry("activation")


@ACTIVATIONS.register("sigmoid", source="Deep Learning from Scratch, eq. 3.6")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """1/(1 + e^−z), computed as (1 + tanh(z/2))/2, which overflows nowhere ; derivative h(1 − h)"""

    bounded: ClassVar[bool] = True
    histogram_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, z: Array, out: Array) -> None:
        np.multiply(z, 0.5, out=out)
        np.tanh(out, out=out)
        out *= 0.5
        out += 0.5

    def chain(self, d: Array, z: Array, h: Array) -> None:
        d *= h
        d *= 1.0 - h

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return (h < 0.01) | (h > 0.99)


@ACTIVATIONS.register("tanh", source="LeCun et al. 1998, section 4.4")
@dataclass(frozen=True)
class Tanh(Activation):
    """tanh z ; derivative 1 − h²"""

    bounded: ClassVar[bool] = True
    histogram_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, z: Array, out: Array) -> None:
        np.tanh(z, out=out)

    def chain(self, d: Array, z: Array, h: Array) -> None:
        slope = h * h
        np.subtract(1.0, slope, out=slope)
        d *= slope

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return (h < -0.98) | (h > 0.98)


@ACTIVATIONS.register("relu", source="Nair & Hinton 2010; Deep Learning from Scratch, eq. 3.7")
@dataclass(frozen=True)
class Relu(Activation):
    """max(z, 0) ; derivative 1 where z > 0, else 0"""

    histogram_range: ClassVar[tuple[float, float]] = (0.0, 5.0)

    def value(self, z: Array, out: Array) -> None:
        np.maximum(z, 0.0, out=out)

    def chain(self, d: Array, z: Array, h: Array) -> None:
        d *= h > 0.0

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return np.equal(h, 0.0)


@ACTIVATIONS.register("leaky_relu", source="Maas, Hannun & Ng 2013, section 2")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """z where z > 0, else az ; derivative 1 or a"""

    histogram_range: ClassVar[tuple[float, float]] = (-1.0, 5.0)
    leak: Annotated[float, Hyper(0.0, 1.0, high_open=True, doc="slope a for negative inputs")] = 0.01

    def value(self, z: Array, out: Array) -> None:
        np.maximum(z, self.leak * z, out=out)

    def chain(self, d: Array, z: Array, h: Array) -> None:
        slope = (h > 0.0) * d.dtype.type(1.0 - self.leak)
        slope += self.leak
        d *= slope


@ACTIVATIONS.register("gelu", source="Hendrycks & Gimpel 2016, section 2, the approximation with tanh")
@dataclass(frozen=True)
class Gelu(Activation):
    """½z(1 + t), t = tanh u, u = √(2/π)(z + 0.044715z³) ; derivative ½(1 + t) + ½z(1 − t²)u'"""

    needs_input: ClassVar[bool] = True
    histogram_range: ClassVar[tuple[float, float]] = (-0.2, 5.0)

    def value(self, z: Array, out: Array) -> None:
        np.multiply(z, 0.5, out=out)
        out *= 1.0 + self._tanh(z)

    def chain(self, d: Array, z: Array, h: Array) -> None:
        clipped = np.clip(z, -10.0, 10.0)
        t = self._tanh(z)
        inner = math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * clipped * clipped)
        d *= 0.5 * (1.0 + t) + 0.5 * clipped * (1.0 - t * t) * inner

    @staticmethod
    def _tanh(z: Array) -> Array:
        # beyond 10 the value is z or 0 to the last bit of a float64; clipping keeps z³ from overflowing
        clipped = np.clip(z, -10.0, 10.0)
        t: Array = np.tanh(math.sqrt(2.0 / math.pi) * (clipped + 0.044715 * clipped * clipped * clipped))
        return t
