"""Initial weights: the distribution that a weight matrix is drawn from before the first step. Biases start at zero.

Each takes the number n of inputs (`fan_in`) and of outputs (`fan_out`) of a layer and a generator, and gives a float64
matrix of shape (fan_in, fan_out). The numbers given to `normal` are standard deviations, not variances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from model.registry import Hyper, Registry

Matrix = NDArray[np.float64]
Initializer = Callable[..., Matrix]
INITIALIZERS: Registry[Initializer] = Registry("initializer")


@INITIALIZERS.register(
    "zero", source="Deep Learning from Scratch, section 6.2.1: a warning, not advice", symmetric=True
)
def zero(fan_in: int, fan_out: int, rng: Generator) -> Matrix:
    """0 everywhere: all units of a layer stay equal for ever"""
    return np.zeros((fan_in, fan_out))


@INITIALIZERS.register(
    "constant", source="Deep Learning from Scratch, section 6.2.1: a warning, not advice", symmetric=True
)
def constant(
    fan_in: int,
    fan_out: int,
    rng: Generator,
    *,
    initial_value: Annotated[float, Hyper(-100.0, 100.0, doc="the value of every weight")] = 0.1,
) -> Matrix:
    """One value everywhere: all units of a layer stay equal for ever"""
    return np.full((fan_in, fan_out), initial_value)


@INITIALIZERS.register("normal", source="Deep Learning from Scratch, section 6.2.2")
def normal(
    fan_in: int,
    fan_out: int,
    rng: Generator,
    *,
    initial_std: Annotated[float, Hyper(1e-10, 100.0, scale="log", doc="standard deviation of the weights")] = 0.01,
) -> Matrix:
    """N(0, std²) with the same std in every layer"""
    return initial_std * rng.standard_normal((fan_in, fan_out))


@INITIALIZERS.register("xavier", source="Deep Learning from Scratch, section 6.2.2, after Glorot & Bengio 2010, eq. 1")
def xavier(fan_in: int, fan_out: int, rng: Generator) -> Matrix:
    """N(0, 1/n): std = √(1 / fan_in)"""
    return math.sqrt(1.0 / fan_in) * rng.standard_normal((fan_in, fan_out))


@INITIALIZERS.register("he", source="He et al. 2015, eq. 10: std = √(2 / fan_in)")
def he(fan_in: int, fan_out: int, rng: Generator) -> Matrix:
    """N(0, 2/n): std = √(2 / fan_in)"""
    return math.sqrt(2.0 / fan_in) * rng.standard_normal((fan_in, fan_out))


@INITIALIZERS.register("glorot", source="Glorot & Bengio 2010, eqs. 12 and 16")
def glorot(
    fan_in: int,
    fan_out: int,
    rng: Generator,
    *,
    initial_distribution: Annotated[Literal["uniform", "normal"], Hyper(doc="distribution of the weights")] = "uniform",
) -> Matrix:
    """Variance 2/(fan_in + fan_out): U(−√(6/(fan_in + fan_out)), +…) or the normal distribution of that variance"""
    if initial_distribution == "uniform":
        bound = math.sqrt(6.0 / (fan_in + fan_out))  # eq. 16
        return rng.uniform(-bound, bound, (fan_in, fan_out))
    return math.sqrt(2.0 / (fan_in + fan_out)) * rng.standard_normal((fan_in, fan_out))  # eq. 12


@INITIALIZERS.register("orthogonal", source="Saxe, McClelland & Ganguli 2014, section 3; Mezzadri 2007 for the signs")
def orthogonal(
    fan_in: int,
    fan_out: int,
    rng: Generator,
    *,
    initial_gain: Annotated[
        float, Hyper(1e-6, 100.0, scale="log", doc="length of the orthogonal rows or columns")
    ] = 1.0,
) -> Matrix:
    """A random matrix whose rows (or columns, whichever are fewer) are orthogonal and of one length"""
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))  # makes the distribution uniform over the orthogonal matrices
    matrix: NDArray[Any] = q if fan_in >= fan_out else q.T
    return initial_gain * matrix
