"""Learning-rate schedules: the factor that multiplies the learning rate at each step.

t is the step, counted from 1; s the number of steps in an epoch; E that of epochs. Step t comes after (t − 1)/s epochs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from model.registry import Hyper, Registry

WarmUpEpochs = Annotated[
    float, Hyper(0.0, 1e5, low_open=True, name="schedule.warm_up_epochs", doc="epochs over which the rate rises from 0")
]
FinalFactor = Annotated[float, Hyper(0.0, 1.0, name="schedule.final_factor", doc="factor f that is reached at the end")]


class Schedule:
    """Base of all schedules: frozen dataclasses that hold hyper-parameters only."""

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """What multiplies the learning rate at `step` (from 1) of a training of `epochs` epochs."""
        raise NotImplementedError


SCHEDULES: Registry[type[Schedule]] = Registry("schedule")


@SCHEDULES.register("constant", source="Deep Learning from Scratch, section 6.1")
@dataclass(frozen=True)
class Constant(Schedule):
    """1 at every step"""

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        return 1.0


@SCHEDULES.register("step", source="He et al. 2016, section 3.4")
@dataclass(frozen=True)
class Step(Schedule):
    """γ^k, where k counts the runs of `step_epochs` epochs that are over"""

    step_epochs: Annotated[int, Hyper(1, 100_000, name="schedule.step_epochs", doc="epochs between two steps")] = 10
    step_factor: Annotated[
        float, Hyper(0.0, 1.0, low_open=True, name="schedule.step_factor", doc="factor γ of each step")
    ] = 0.1

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        return self.step_factor ** ((step - 1) // (self.step_epochs * steps_per_epoch))


@SCHEDULES.register("cosine", source="Loshchilov & Hutter 2017, eq. 5, one period")
@dataclass(frozen=True)
class Cosine(Schedule):
    """f + (1 − f)(1 + cos πp)/2, where p = (t − 1)/(sE) is the share of the training that is over"""

    final_factor: FinalFactor = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        return _cosine((step - 1) / (steps_per_epoch * epochs), self.final_factor)


@SCHEDULES.register("warm_up", source="Goyal et al. 2017, section 2.2")
@dataclass(frozen=True)
class WarmUp(Schedule):
    """t/(sw) over the first w = `warm_up_epochs` epochs, then 1"""

    warm_up_epochs: WarmUpEpochs = 1.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        return min(1.0, step / (steps_per_epoch * self.warm_up_epochs))


@SCHEDULES.register("warm_up_cosine", source="Goyal et al. 2017, section 2.2; Loshchilov & Hutter 2017, eq. 5")
@dataclass(frozen=True)
class WarmUpCosine(Schedule):
    """t/(sw) over the first w = `warm_up_epochs` epochs, then the cosine over the sE − sw steps that are left"""

    warm_up_epochs: WarmUpEpochs = 1.0
    final_factor: FinalFactor = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        warm = steps_per_epoch * self.warm_up_epochs
        if step <= warm:
            return step / warm
        return _cosine((step - 1 - warm) / (steps_per_epoch * epochs - warm), self.final_factor)


def _cosine(share: float, final: float) -> float:
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * max(share, 0.0)))
