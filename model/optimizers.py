"""Optimizers: how a step changes the parameters, given the gradient of the loss.

Notation: W parameters, g gradient dL/dW, η `learning_rate`, t `step` counted from 1. All work in place on one flat
vector that holds every parameter of the network. The gradient is used up: an optimizer may overwrite it with
intermediate results, which saves a pass over memory. `memory` holds what an optimizer remembers between steps, one
vector for each name in `remembers` (zero at the start), and `scratch`, a vector whose content means nothing between
steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from model.arrays import aligned_zeros
from model.registry import Hyper, Registry

Vector = NDArray[Any]
Memory = dict[str, Vector]

LearningRate = Annotated[float, Hyper(1e-10, 1e6, scale="log", doc="step size η")]
Momentum_ = Annotated[float, Hyper(0.0, 1.0, high_open=True, doc="share α of the last step that is kept")]
Epsilon = Annotated[float, Hyper(0.0, 1.0, low_open=True, doc="ε, added to the root in the denominator")]
Beta = Annotated[float, Hyper(0.0, 1.0, high_open=True, doc="share of the running average that is kept at each step")]


class Optimizer:
    """Base of all optimizers: frozen dataclasses that hold hyper-parameters only."""

    learning_rate: float
    remembers: ClassVar[tuple[str, ...]] = ()

    def new_memory(self, size: int, dtype: Any = np.float32) -> Memory:
        """Zero vectors of `size` entries, one for each remembered name, and the scratch vector."""
        return {name: aligned_zeros(size, dtype) for name in (*self.remembers, "scratch")}

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        """Change `weights` in place; `gradient` and `memory` have its shape and dtype. Overwrites `gradient`."""
        raise NotImplementedError


OPTIMIZERS: Registry[type[Optimizer]] = Registry("optimizer")


@OPTIMIZERS.register("sgd", ravine_rate=0.95, source="Robbins & Monro 1951; Deep Learning from Scratch, eq. 6.1")
@dataclass(frozen=True)
class SGD(Optimizer):
    """W ← W − ηg"""

    learning_rate: LearningRate = 0.01

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        gradient *= self.learning_rate
        weights -= gradient


@OPTIMIZERS.register("momentum", ravine_rate=0.1, source="Polyak 1964; Deep Learning from Scratch, eqs. 6.3 and 6.4")
@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← αv − ηg ; W ← W + v"""

    learning_rate: LearningRate = 0.01
    momentum: Momentum_ = 0.9
    remembers: ClassVar[tuple[str, ...]] = ("v",)

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        v = memory["v"]
        v *= self.momentum
        gradient *= self.learning_rate
        v -= gradient
        weights += v


@OPTIMIZERS.register(
    "nesterov", ravine_rate=0.1, source="Nesterov 1983, in the form of Sutskever et al. 2013, eqs. 3 and 4"
)
@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v ← αv − ηg ; W ← W + αv − ηg, where W stands for the point looked ahead to"""

    learning_rate: LearningRate = 0.01
    momentum: Momentum_ = 0.9
    remembers: ClassVar[tuple[str, ...]] = ("v",)

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        v, scratch = memory["v"], memory["scratch"]
        v *= self.momentum
        gradient *= self.learning_rate
        v -= gradient
        np.multiply(v, self.momentum, out=scratch)
        scratch -= gradient
        weights += scratch


@OPTIMIZERS.register("adagrad", ravine_rate=1.5, source="Duchi, Hazan & Singer 2011, Figure 1 (diagonal), with ε added")
@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """h ← h + g⊙g ; W ← W − ηg/(√h + ε)"""

    learning_rate: LearningRate = 0.01
    epsilon: Epsilon = 1e-7
    remembers: ClassVar[tuple[str, ...]] = ("h",)

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        h, scratch = memory["h"], memory["scratch"]
        np.multiply(gradient, gradient, out=scratch)
        h += scratch
        np.sqrt(h, out=scratch)
        scratch += self.epsilon
        gradient /= scratch
        gradient *= self.learning_rate
        weights -= gradient


@OPTIMIZERS.register("rmsprop", ravine_rate=0.3, source="Tieleman & Hinton 2012, lecture 6.5, with ε added")
@dataclass(frozen=True)
class RMSProp(Optimizer):
    """h ← dh + (1−d)g⊙g ; W ← W − ηg/(√h + ε)

    Kept as h/(1−d), whose own rule h ← dh + g⊙g saves a pass over memory; √(1−d) then divides η and ε.
    """

    learning_rate: LearningRate = 0.01
    decay: Beta = 0.99
    epsilon: Epsilon = 1e-7
    remembers: ClassVar[tuple[str, ...]] = ("h",)

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        h, scratch = memory["h"], memory["scratch"]
        root = math.sqrt(1.0 - self.decay)
        np.multiply(gradient, gradient, out=scratch)
        h *= self.decay
        h += scratch
        np.sqrt(h, out=scratch)
        scratch += self.epsilon / root
        gradient /= scratch
        gradient *= self.learning_rate / root
        weights -= gradient


@OPTIMIZERS.register("adam", ravine_rate=0.3, source="Kingma & Ba 2015, Algorithm 1")
@dataclass(frozen=True)
class Adam(Optimizer):
    """m ← β1m + (1−β1)g ; v ← β2v + (1−β2)g⊙g ; W ← W − η·m̂/(√v̂ + ε), m̂ = m/(1−β1^t), v̂ = v/(1−β2^t)

    Kept as m/(1−β1) and v/(1−β2), whose own rules m ← β1m + g and v ← β2v + g⊙g save two passes over memory. With
    a = (1−β1)/(1−β1^t) and b = √((1−β2)/(1−β2^t)) the step is η·a·m/(b√v + ε) = (ηa/b)·m/(√v + ε/b).
    """

    learning_rate: LearningRate = 0.001
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    epsilon: Epsilon = 1e-8
    remembers: ClassVar[tuple[str, ...]] = ("m", "v")

    def update(self, weights: Vector, gradient: Vector, memory: Memory, step: int) -> None:
        m, v = memory["m"], memory["v"]
        a = (1.0 - self.beta1) / (1.0 - self.beta1**step)
        b = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**step))
        m *= self.beta1
        m += gradient
        gradient *= gradient
        v *= self.beta2
        v += gradient
        np.sqrt(v, out=gradient)
        gradient += self.epsilon / b
        np.divide(m, gradient, out=gradient)
        gradient *= self.learning_rate * a / b
        weights -= gradient


@OPTIMIZERS.register("adamw", ravine_rate=0.3, source="Loshchilov & Hutter 2019, Algorithm 2")
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, and apart from it W ← W − ηλW on the weights (never on biases)

    The network's training applies the decay, since only it knows which parameters are weights.
    """

    decoupled_decay: Annotated[float, Hyper(0.0, 10.0, doc="λ of the decay that bypasses the running averages")] = 0.01
