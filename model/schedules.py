"""Learning-rate schedules: the factor by which the learning rate is multiplied at a step.

A schedule is asked with the number of epochs that are over, as a fraction (`progress` = steps done / steps in an epoch), and
the number of epochs in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from model.registry import Hyper, Registry

WarmUpEpochs = Annotated[
    float, Hyper(0.0, 1e5, low_open=True, name="schedule.warm_up_epochs", doc="epochs over which the rate rises from 0")
]
FinalFactor = Annotated[float, Hyper(0.0, 1.0, name="schedule.final_factor", doc="factor that is reached at the end")]


class Schedule:
    """Base of all schedules: frozen dataclasses that hold hyper-parameters only."""

    def factor(self, progress: float, epochs: int) -> float:
        """What multiplies the learning rate; 0 ≤ `progress` < `epochs`."""
        raise NotImplementedError


SCHEDULES: Registry[type[Schedule]] = Registry("schedule")


@SCHEDULES.register("constant", source="Deep Learning from Scratch, section 6.1")
@dataclass(frozen=True)
class Constant(Schedule):
    """1 at every step"""

    def factor(self, progress: float, epochs: int) -> float:
        return 1.0


@SCHEDULES.register("step", source="He et al. 2016, section 3.4")
@dataclass(frozen=True)
class Step(Schedule):
    """γ^k after every k-th run of `step_epochs` epochs"""

    step_epochs: Annotated[int, Hyper(1, 100_000, name="schedule.step_epochs", doc="epochs between two steps")] = 10
    step_factor: Annotated[
        float, Hyper(0.0, 1.0, low_open=True, name="schedule.step_factor", doc="factor γ of each step")
    ] = 0.1

    def factor(self, progress: float, epochs: int) -> float:
        return self.step_factor ** int(progress // self.step_epochs)


@SCHEDULES.register("cosine", source="Loshchilov & Hutter 2017, eq. 5, one period")
@dataclass(frozen=True)
class Cosine(Schedule):
    """f + (1 − f)(1 + cos πp)/2, where p is the share of the training that is over and f the final factor"""

    final_factor: FinalFactor = 0.0

    def factor(self, progress: float, epochs: int) -> float:
        return self.final_factor + (1.0 - self.final_factor) * 0.5 * (1.0 + math.cos(math.pi * progress / epochs))


@SCHEDULES.register("warm_up", source="Goyal et al. 2017, section 2.2")
@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight line from 0 to 1 over the first epochs, then 1; the first step has one step's share of the line"""

    warm_up_epochs: WarmUpEpochs = 1.0

    def factor(self, progress: float, epochs: int) -> float:
        return min(1.0, progress / self.warm_up_epochs)


@SCHEDULES.register("warm_up_cosine", source="Goyal et al. 2017, section 2.2; Loshchilov & Hutter 2017, eq. 5")
@dataclass(frozen=True)
class WarmUpCosine(Schedule):
    """The warm-up's line, then the cosine over what is left"""

    warm_up_epochs: WarmUpEpochs = 1.0
    final_factor: FinalFactor = 0.0

    def factor(self, progress: float, epochs: int) -> float:
        if progress < self.warm_up_epochs:
            return progress / self.warm_up_epochs
        share = (progress - self.warm_up_epochs) / max(epochs - self.warm_up_epochs, 1e-9)
        return self.final_factor + (1.0 - self.final_factor) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))
