"""Weight decay: a penalty on large weights, added to the loss as its gradient is to the gradient.

On weight matrices only, never on biases or on γ and β of batch normalization. λ is `weight_decay.strength`. The
penalty of a network is the sum over its layers. (Dropout and batch normalization, which regularize too, are layers.)
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from model.registry import Registry

Array = NDArray[Any]


class Penalty:
    """Base of all norms: the penalty at strength 1 and its (sub-)gradient.

    `separable`: a sum over single weights, which may be computed for all matrices at once.
    """

    separable: ClassVar[bool] = True

    def value(self, weights: Array) -> float:
        """The penalty of one weight matrix, for λ = 1."""
        raise NotImplementedError

    def add_gradient(self, strength: float, weights: Array, gradient: Array, scratch: Array) -> None:
        """Gradient ← gradient + λ·dPenalty/dW in place. All arrays have one shape."""
        raise NotImplementedError


PENALTIES: Registry[type[Penalty]] = Registry("weight_decay.norm")


@PENALTIES.register("l2", source="Krogh & Hertz 1991; Deep Learning from Scratch, section 6.4.2")
class L2(Penalty):
    """½λ‖W‖² = ½λΣw² ; gradient λW"""

    def value(self, weights: Array) -> float:
        return 0.5 * float(np.vdot(weights, weights))

    def add_gradient(self, strength: float, weights: Array, gradient: Array, scratch: Array) -> None:
        np.multiply(weights, strength, out=scratch)
        gradient += scratch


@PENALTIES.register("l1", source="Tibshirani 1996; the norm is Σ|w|")
class L1(Penalty):
    """λΣ|w| ; sub-gradient λ·sign W, with sign 0 = 0"""

    def value(self, weights: Array) -> float:
        return float(np.abs(weights).sum())

    def add_gradient(self, strength: float, weights: Array, gradient: Array, scratch: Array) -> None:
        np.sign(weights, out=scratch)
        scratch *= strength
        gradient += scratch


@PENALTIES.register("linf", source="the dual norm of L1; sub-gradient as in Boyd, Subgradients, section 3.4")
class LInfinity(Penalty):
    """λ·max|w| ; sub-gradient λ·sign w at the (first) largest entry, else 0"""

    separable: ClassVar[bool] = False

    def value(self, weights: Array) -> float:
        return float(np.abs(weights).max())

    def add_gradient(self, strength: float, weights: Array, gradient: Array, scratch: Array) -> None:
        np.abs(weights, out=scratch)
        largest = scratch.argmax()
        gradient.flat[largest] += strength * np.sign(weights.flat[largest])
