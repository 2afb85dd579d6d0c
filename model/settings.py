"""The hyper-parameters that belong to no registered name: the network's shape, its regularization, the course of
training.

Beside each default stands its `Hyper`: bounds, scale, meaning, and when it matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from model.registry import Hyper

_NORMALIZED = (("batch_normalization", (True,)),)


@dataclass(frozen=True)
class Settings:
    """Every field is one hyper-parameter; flat names with a dot are given in the annotation."""

    hidden: Annotated[
        tuple[int, ...], Hyper(1, 65_536, section="model", doc="numbers of units of the hidden layers, first to last")
    ] = (100,)
    batch_normalization: Annotated[
        bool, Hyper(section="model", doc="normalize the inputs of each activation over the batch")
    ] = False
    batch_normalization_epsilon: Annotated[
        float,
        Hyper(
            1e-12,
            1.0,
            scale="log",
            section="model",
            name="batch_normalization.epsilon",
            when=_NORMALIZED,
            doc="ε, added to the variance of the batch",
        ),
    ] = 1e-7
    batch_normalization_momentum: Annotated[
        float,
        Hyper(
            0.0,
            1.0,
            high_open=True,
            section="model",
            name="batch_normalization.momentum",
            when=_NORMALIZED,
            doc="share of the running mean and variance that is kept at each step",
        ),
    ] = 0.9
    dropout: Annotated[
        float, Hyper(0.0, 1.0, high_open=True, section="model", doc="share of hidden units left out at each step")
    ] = 0.0
    weight_decay_strength: Annotated[
        float,
        Hyper(
            0.0,
            1e3,
            section="training",
            name="weight_decay.strength",
            doc="λ, how much of the norm of the weights is added to the loss; 0: none",
        ),
    ] = 0.0
    batch_size: Annotated[int, Hyper(1, 1_000_000, section="training", doc="samples in a step")] = 32
    epochs: Annotated[int, Hyper(1, 100_000, section="training", doc="passes over the training part")] = 30
    gradient_clip: Annotated[
        float,
        Hyper(0.0, 1e6, section="training", doc="largest norm of the gradient, longer ones are shortened; 0: none"),
    ] = 0.0
    dtype: Annotated[
        Literal["float32", "float64"], Hyper(section="training", doc="precision of parameters and arithmetic")
    ] = "float32"
