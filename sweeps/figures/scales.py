"""Axes without surprises: where a value is drawn, which ticks, which words. Numbers only; nothing here draws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LOG_SPAN = 8.0  # largest / smallest value beyond which a logarithmic axis tells more than a linear one
HUGE = 1e150  # beyond this (and below its inverse) values are drawn on the edge: margins must not overflow
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number as people write it: `digits` significant digits, 0.0032 rather than 3.2e-03, 4.1×10⁻⁷ below 0.0001."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    text = f"{value:.{digits - 1}e}"
    mantissa, exponent = text.split("e")
    power = int(exponent)
    if -5 < power < 6:
        plain = f"{float(text):.{max(digits - 1 - power, 0)}f}"
        return plain.replace("-", "−")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    lead = "" if mantissa == "1" else f"{mantissa}×"
    return (lead + "10").replace("-", "−") + str(power).translate(SUPERSCRIPTS)


def plain(value: float) -> str:
    """A tick's label: the shortest exact form, with powers of ten for what would need many zeros."""
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    if not -4 < power < 5:
        lead = f"{value / 10.0**power:.3g}"
        sign = "−" if lead.startswith("-") else ""
        lead = "" if lead.lstrip("-") == "1" else lead.lstrip("-") + "×"
        return f"{sign}{lead}10{str(power).translate(SUPERSCRIPTS)}"
    return (f"{value:.{6 - power}f}".rstrip("0").rstrip(".") if power < 6 else f"{value:.0f}").replace("-", "−")


@dataclass(frozen=True)
class Scale:
    """A mapping from values to drawing coordinates; values outside [low, high] are clamped to its ends.

    linear: the value. `log`: its base-10 logarithm. `share` (an accuracy): labels in per cent, and with `log` the
    coordinate is −log₁₀(1 − value), so that 90 %, 99 % and 99.9 % are as far apart as they are in errors.
    """

    low: float
    high: float
    log: bool = False
    share: bool = False

    def place(self, values: ArrayLike) -> Array:
        """Drawing coordinates (same shape) of values; what lies outside (inf too) lands on the edge, nan stays nan."""
        inside = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        if not self.log:
            return inside
        return np.asarray(-np.log10(1.0 - inside) if self.share else np.log10(inside))

    @property
    def ends(self) -> tuple[float, float]:
        """The drawing coordinates of both ends."""
        return float(self.place(self.low)), float(self.place(self.high))

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """About `count` ticks as (drawing coordinate, label), round numbers inside the scale."""
        if self.share:
            values = error_ticks(self.low, self.high, count) if self.log else linear_ticks(self.low, self.high, count)
            return [(float(self.place(value)), f"{100 * value:.6g} %") for value in values]
        values = log_ticks(self.low, self.high, count) if self.log else linear_ticks(self.low, self.high, count)
        return [(float(self.place(value)), plain(value)) for value in values]


def fit(values: Iterable[float], *, log: bool | None = None, margin: float = 0.05) -> Scale:
    """The scale that shows all finite values with a margin; logarithmic if asked, or by itself where they span
    decades.
    """
    finite = np.asarray([value for value in values if math.isfinite(value)], dtype=np.float64)
    if finite.size == 0:
        return Scale(0.0, 1.0)
    finite = np.clip(finite, -HUGE, HUGE)
    finite[(finite > 0) & (finite < 1 / HUGE)] = 1 / HUGE
    low, high = float(finite.min()), float(finite.max())
    if log is None:
        log = low > 0 and high / low > LOG_SPAN
    if log and high > 0:
        low = float(finite[finite > 0].min())
        step = max(math.log10(high / low), 0.02) * margin
        return Scale(low / 10**step, high * 10**step, log=True)
    step = (high - low) * margin or abs(high) * margin or 0.5
    return Scale(low - step, high + step)


def fit_share(values: Iterable[float], margin: float = 0.05) -> Scale:
    """The scale that shows shares between 0 and 1: by their errors, on a log axis, where the best are above four
    fifths.
    """
    finite = np.asarray([value for value in values if 0.0 <= value <= 1.0], dtype=np.float64)
    if finite.size == 0 or finite.max() < 0.8:
        return Scale(0.0, 1.0, share=True)
    errors = 1.0 - finite
    least = float(errors[errors > 0].min()) if (errors > 0).any() else 0.001
    best = least / 2 if (errors == 0).any() else least
    worst = max(float(errors.max()), best * 1.5)
    step = math.log10(worst / best) * margin
    return Scale(1.0 - min(worst * 10**step, 1.0), 1.0 - best / 10**step, log=True, share=True)


def error_ticks(low: float, high: float, count: int) -> list[float]:
    """Shares whose errors are 1, 2 or 5 times a power of ten (90 %, 95 %, 98 %, 99 % …), about `count` of those
    within [low, high].
    """
    errors = [1.0, *(lead * 10.0**power for power in range(-1, -7, -1) for lead in (5, 2, 1))]
    inside = [round(1.0 - error, 8) for error in errors if low - 1e-12 <= 1.0 - error <= high + 1e-12]
    if len(inside) > count + 1:
        tens = [
            value
            for value in inside
            if math.isclose(math.log10(1.0 - value), round(math.log10(1.0 - value)), abs_tol=1e-6)
        ]
        inside = tens if len(tens) >= count - 1 else inside[:: math.ceil(len(inside) / count)]
    return inside or [low]


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], about `count` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Powers of ten within [low, high], thinned to `count`; with 2s and 5s, or linear ticks, where the range is
    short.
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = list(range(first, last + 1))
    if len(decades) >= 3:
        stride = max(1, math.ceil(len(decades) / count))
        return [float(f"1e{power}") for power in decades[::-1][::stride][::-1]]
    fine = [float(f"{lead}e{power}") for power in range(first - 1, last + 1) for lead in (1, 2, 5)]
    inside = [value for value in fine if low * 0.999 <= value <= high * 1.001]
    return inside if len(inside) >= 2 else [value for value in linear_ticks(low, high, count) if value > 0] or [low]
