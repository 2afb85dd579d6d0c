"""An objective that a Gaussian process can believe in: no heavy tail, no failure, mean 0 and deviation 1.

Losses of trainings have a long bad tail (a learning rate too high costs any amount), which would take all of the
model's attention away from the good region. Failures have no value at all, yet the model must learn to stay away from
where they happen.

    losses -> power transform, whose exponent makes them most normal -> failures a little worse than the worst -> scaled

The power transform is that of Box & Cox 1964, eq. 1, for positive losses, else that of Yeo & Johnson 2000, eq. 2.1;
both keep the order. The exponent maximises the likelihood of a normal distribution (their eqs. 8 and 3.1) over a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
EXPONENTS = np.linspace(-2.0, 2.0, 41)
FARTHEST = 1e9  # in units of the median or of the spread: what lies beyond is as bad
LARGEST = 1e300  # losses beyond are as bad
WORSE = 0.5  # a failure is by so many deviations worse than the worst value


@dataclass(frozen=True)
class Objective:
    """What turns losses (smaller is better, inf is a failure) into targets, and back."""

    positive: bool
    middle: float
    spread: float
    exponent: float
    mean: float
    deviation: float
    failure: float

    @classmethod
    def of(cls, losses: Array) -> Objective:
        """The transform that suits these losses, shape (n,)."""
        values = _bounded(losses[np.isfinite(losses)])
        if not len(values):
            return cls(False, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0)
        low, middle, high = (float(quantile) for quantile in np.quantile(values, (0.25, 0.5, 0.75)))
        positive = bool(values.min() > 1 / LARGEST)
        spread = middle if positive else min(high - low, 1e300) or min(float(np.ptp(values)), 1e300) or 1.0
        logs = _logs(values, positive, middle, spread)
        every = np.stack([_powered(logs, positive, exponent) for exponent in EXPONENTS])
        with np.errstate(divide="ignore"):  # all values equal: any exponent will do
            likelihood = -0.5 * len(values) * np.log(every.var(axis=1)) + (EXPONENTS - 1) * logs.sum()
        best = int(np.argmax(likelihood))
        powered = every[best]
        failure = float(powered.max() + WORSE * (powered.std() or 1.0))
        whole = np.concatenate([powered, np.full(len(losses) - len(values), failure)])
        deviation = float(whole.std()) or 1.0
        return cls(positive, middle, spread, float(EXPONENTS[best]), float(whole.mean()), deviation, failure)

    def targets(self, losses: Array) -> Array:
        """Targets of losses of any shape, in the same order."""
        finite = np.isfinite(losses)
        logs = _logs(_bounded(np.where(finite, losses, self.middle)), self.positive, self.middle, self.spread)
        powered = np.where(finite, _powered(logs, self.positive, self.exponent), self.failure)
        return np.asarray((powered - self.mean) / self.deviation)

    def loss(self, target: float) -> float:
        """The loss that has this target, as far as the transform reaches."""
        powered = target * self.deviation + self.mean
        if self.positive:
            log = _inverse(powered, self.exponent)
        else:
            log = _inverse(powered, self.exponent) if powered >= 0 else -_inverse(-powered, 2 - self.exponent)
        log = float(np.clip(log, -np.log(FARTHEST), np.log(FARTHEST)))
        if self.positive:
            return min(self.middle * float(np.exp(log)), LARGEST)
        away = self.spread * float(np.copysign(np.expm1(abs(log)), log))
        return max(-LARGEST, min(self.middle + away, LARGEST))


def _bounded(losses: Array) -> Array:
    """So that differences and ratios of the largest numbers there are stay numbers."""
    return np.clip(losses, -LARGEST, LARGEST)


def _logs(values: Array, positive: bool, middle: float, spread: float) -> Array:
    """The logarithm that the transforms are powers of: log(y / median), or sign(z) log(1 + |z|) of z = (y −
    median)/spread."""
    if positive:
        with np.errstate(over="ignore"):  # what overflows is beyond the farthest
            return np.asarray(np.log(np.clip(values / middle, 1 / FARTHEST, FARTHEST)))
    with np.errstate(over="ignore", invalid="ignore"):
        centred = np.clip(np.nan_to_num(values / spread - middle / spread), -FARTHEST, FARTHEST)
    return np.asarray(np.sign(centred) * np.log1p(np.abs(centred)))


def _powered(logs: Array, positive: bool, exponent: float) -> Array:
    """Box-Cox; or Yeo-Johnson: Box-Cox of 1 + z for z ≥ 0, and − Box-Cox of 1 − z with exponent 2 − λ below."""
    if positive:
        return _box_cox(logs, exponent)
    return np.where(logs >= 0, _box_cox(np.maximum(logs, 0), exponent), -_box_cox(np.maximum(-logs, 0), 2 - exponent))


def _box_cox(logs: Array, exponent: float) -> Array:
    """(y^λ − 1)/λ, or log y for λ = 0, of y given as its logarithm."""
    return logs if abs(exponent) < 1e-9 else np.asarray(np.expm1(exponent * logs) / exponent)


def _inverse(powered: float, exponent: float) -> float:
    """The logarithm of y whose Box-Cox transform is given; the last one there is where the transform does not reach."""
    if abs(exponent) < 1e-9:
        return powered
    return float(np.log(max(1 + exponent * powered, 1e-300)) / exponent)
