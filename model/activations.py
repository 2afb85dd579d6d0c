"""Activation functions: value and derivative, in place on arrays of any shape.

z is what enters (weighted sums), h = f(z) what leaves. Training needs the slope f'(z) as well, later; most functions
get it cheaply from h while that is computed. For the histograms each function declares a range of h: `bounded` ones
never leave it; for the others what falls outside is counted apart. The range holds 0.
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

    bounded: ClassVar[bool] = False
    histogram_range: ClassVar[tuple[float, float]] = (-5.0, 10.0)

    def value(self, z: Array, out: Array) -> None:
        """Write h = f(z) to `out`, which may be `z` itself."""
        raise NotImplementedError

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        """Write h = f(z) to `out`, which may be `z` itself, and f'(z) to `slope`, another array."""
        raise NotImplementedError

    def flat(self, h: Array) -> NDArray[np.bool_]:
        """Where the function is so flat that (almost) no gradient passes."""
        return np.zeros(h.shape, bool)


ACTIVATIONS: Registry[type[Activation]] = Registry("activation")


@ACTIVATIONS.register("sigmoid", source="Deep Learning from Scratch, eq. 3.6")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """1/(1 + e^−z), computed as (1 + tanh(z/2))/2, which overflows nowhere ; slope h(1 − h)"""

    bounded: ClassVar[bool] = True
    histogram_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, z: Array, out: Array) -> None:
        np.multiply(z, 0.5, out=out)
        np.tanh(out, out=out)
        out *= 0.5
        out += 0.5

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        self.value(z, out)
        np.subtract(1.0, out, out=slope)
        slope *= out

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return (h < 0.01) | (h > 0.99)


@ACTIVATIONS.register("tanh", source="LeCun et al. 1998, section 4.4")
@dataclass(frozen=True)
class Tanh(Activation):
    """tanh z ; slope 1 − h²"""

    bounded: ClassVar[bool] = True
    histogram_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, z: Array, out: Array) -> None:
        np.tanh(z, out=out)

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        np.tanh(z, out=out)
        np.multiply(out, out, out=slope)
        np.subtract(1.0, slope, out=slope)

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return (h < -0.98) | (h > 0.98)  # sigmoid's range, shifted and stretched


@ACTIVATIONS.register("relu", source="Nair & Hinton 2010; Deep Learning from Scratch, eq. 3.7")
@dataclass(frozen=True)
class Relu(Activation):
    """max(z, 0) ; slope 1 where z > 0, else 0

    For training z times the slope is the value, which takes half the time of a maximum.
    """

    histogram_range: ClassVar[tuple[float, float]] = (0.0, 5.0)

    def value(self, z: Array, out: Array) -> None:
        np.maximum(z, 0.0, out=out)

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        np.greater(z, 0.0, out=slope, casting="unsafe")
        np.multiply(z, slope, out=out)

    def flat(self, h: Array) -> NDArray[np.bool_]:
        return np.equal(h, 0.0)


@ACTIVATIONS.register("leaky_relu", source="Maas, Hannun & Ng 2013, section 2")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """z where z > 0, else az ; slope 1 or a"""

    histogram_range: ClassVar[tuple[float, float]] = (-1.0, 5.0)
    leak: Annotated[float, Hyper(0.0, 1.0, high_open=True, doc="slope a for negative inputs")] = 0.01

    def value(self, z: Array, out: Array) -> None:
        np.maximum(z, self.leak * z, out=out)

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        np.greater(z, 0.0, out=slope, casting="unsafe")
        np.maximum(slope, self.leak, out=slope)
        np.multiply(z, slope, out=out)


@ACTIVATIONS.register("gelu", source="Hendrycks & Gimpel 2016, section 2, the approximation with tanh")
@dataclass(frozen=True)
class Gelu(Activation):
    """½z(1 + t), t = tanh u, u = √(2/π)(z + 0.044715z³) ; slope ½(1 + t) + ½z(1 − t²)u'"""

    histogram_range: ClassVar[tuple[float, float]] = (-0.2, 5.0)

    def value(self, z: Array, out: Array) -> None:
        np.multiply(z, 0.5 + 0.5 * self._tanh(self._inner(z)), out=out)

    def value_and_slope(self, z: Array, out: Array, slope: Array) -> None:
        inner = self._inner(z)
        t = self._tanh(inner)
        du = math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * inner * inner)
        slope[...] = 0.5 * (1.0 + t) + 0.5 * inner * (1.0 - t * t) * du
        np.multiply(z, 0.5 + 0.5 * t, out=out)

    @staticmethod
    def _inner(z: Array) -> Array:
        """z, but never beyond ±10, where value and slope are those of 0 or z to the last bit and z³ might overflow."""
        return np.clip(z, -10.0, 10.0)

    @staticmethod
    def _tanh(inner: Array) -> Array:
        t: Array = np.tanh(math.sqrt(2.0 / math.pi) * (inner + 0.044715 * inner * inner * inner))
        return t
