"""Values and points in words, the same in every table, figure and sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sweeps.comparison import Estimate
from sweeps.figures.scales import number

NAMED = (
    "optimizer",
    "initializer",
    "activation",
    "schedule",
    "weight_decay.norm",
)  # their values need no name beside them


def value_text(value: Any) -> str:
    """A hyper-parameter's value: 0.0032, on, 100-100, adam."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = number(value)
        return text.rstrip("0").rstrip(".") if "." in text and "×" not in text else text
    if isinstance(value, list | tuple):
        return "-".join(value_text(each) for each in value) or "none"
    return str(value)


def point_text(point: Mapping[str, Any], leave_out: Iterable[str] = ()) -> str:
    """A point in one line: `adam, learning_rate 0.0032, he, batch_normalization on`."""
    skipped = set(leave_out)
    words = []
    for name, value in point.items():
        if name not in skipped:
            words.append(value_text(value) if name in NAMED else f"{name} {value_text(value)}")
    return ", ".join(words) or "the fixed settings"


def slug(text: str) -> str:
    """A name fit for a file and for an HTML id: letters, digits and hyphens, whatever came in."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(filter(None, kept.split("-")))[:60] or "figure"


def metric_words(metric: str) -> str:
    """`validation/loss` as people say it: validation loss."""
    return metric.replace("/", " ").replace("_", " ")


def metric_text(metric: str, value: float, digits: int = 3) -> str:
    """A metric's value: accuracies in per cent, all else in significant digits; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f}\u00a0%" if is_share(metric) and math.isfinite(value) else number(value, digits)


def number_of(difference: float, metric: str) -> str:
    """A difference between two values of a metric: points of per cent for accuracies."""
    return f"{100 * difference:.1f} points" if is_share(metric) else number(difference, 2)


def spread_text(metric: str, found: Estimate) -> str:
    """`0.0812 ± 0.0040`: mean ± standard deviation, or the single value."""
    if found.mean is None:
        return "–"
    if found.std is None:
        return metric_text(metric, found.mean)
    if is_share(metric):
        return f"{100 * found.mean:.1f}\u00a0±\u00a0{100 * found.std:.1f}\u00a0%"
    return f"{number(found.mean)}\u00a0±\u00a0{number(found.std, 2)}"


def range_text(metric: str, low: float | None, high: float | None) -> str:
    """`0.077 – 0.085`; a dash where it is not known."""
    if low is None or high is None:
        return "–"
    if is_share(metric):  # an interval of few values may reach beyond what a share can be
        low, high = max(low, 0.0), min(high, 1.0)
    return f"{metric_text(metric, low)} – {metric_text(metric, high)}"


def interval_text(metric: str, found: Estimate) -> str:
    """`95 % interval 0.077 – 0.085`; why there is none where all values are the same; empty with fewer than two."""
    if found.low is not None:
        return f"95 % interval {range_text(metric, found.low, found.high)}"
    if found.n < 2 or found.mean is None:
        return ""
    who = "both" if found.n == 2 else f"all {found.n}"
    return f"{who} came to {metric_text(metric, found.mean)}, which is too little for an interval"


def is_share(metric: str) -> bool:
    """Whether a metric lies between 0 and 1 and reads best in per cent."""
    return metric.endswith("accuracy")


def count_text(count: int, one: str, many: str = "") -> str:
    """`1 trial`, `3 trials`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    everything = list(words)
    if len(everything) < 2:
        return "".join(everything)
    return f"{', '.join(everything[:-1])} {last} {everything[-1]}"


def seconds_text(seconds: float) -> str:
    """`31 ms`, `24 s`, `3 min 20 s`, `2 h 5 min`."""
    if not math.isfinite(seconds):
        return "–"
    if 0 < seconds < 0.095:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else f"{1000 * seconds:.1g} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def p_text(p: float | None) -> str:
    """`p = .004`, `p < .001`, `p = .27`; a dash where nothing was tested."""
    if p is None:
        return "–"
    text = "< .001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
    return "p " + text.replace("= 0.", "= .")
