"""The fixed keys of [data], [search] and [budget]: kind, default and bounds of each, and the check of a
value against them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from model.datasets import SCALINGS
from model.losses import LOSSES
from sweeps.definition.reading import Entry
from sweeps.mistakes import Mistake, did_you_mean, kind_of, listed, shown
from sweeps.strategies.base import Option

OBJECTIVES = {
    "validation/loss": "minimize",
    "validation/accuracy": "maximize",
    "train/loss": "minimize",
    "train/accuracy": "maximize",
}
DATA = (
    Option("path", "text", ""),
    Option("target", "text", ""),
    Option("task", "choice", "", choices=tuple(LOSSES)),
    Option("split_seed", "integer", 0, low=0, high=2**32 - 1),
    Option("validation", "real", 0.2, low=0.01, high=0.9),
    Option("test", "real", 0.2, low=0.0, high=0.9),
    Option("scaling", "choice", "auto", choices=SCALINGS),
    Option("limit", "integer", 0, low=10, high=10**9),
)
SEARCH = (
    Option("trials", "integer", 0, low=1, high=1_000_000),
    Option("objective", "choice", "validation/loss", choices=tuple(OBJECTIVES)),
    Option("objective_at", "choice", "last", choices=("last", "best")),
    Option("replicates", "integer", 1, low=1, high=1000),
    Option("confirm", "integer", 5, low=0, high=1000),
    Option("seed", "integer", 0, low=0, high=2**32 - 1),
    Option("stop", "choice", "none", choices=("none", "asha", "median")),
    Option("grace", "integer", 0, low=1, high=100_000),
    Option("reduction", "integer", 3, low=2, high=10),
    Option("racing", "flag", False),
)
BUDGET = (
    Option("trials", "integer", 0, low=1, high=1_000_000),
    Option("seconds", "real", 0.0, low=1.0, high=1e9),
    Option("epochs", "integer", 0, low=1, high=10**12),
    Option("target", "real", 0.0, low=-1e300, high=1e300),
)
PLATEAU = (
    Option("trials", "integer", 0, low=1, high=1_000_000),
    Option("improvement", "real", 0.0, low=0.0, high=1e300),
)
KINDS = {"integer": "a whole number", "real": "a number", "choice": "text", "flag": "true or false", "text": "text"}


def wrong(option: Option, value: object) -> str | None:
    """What is wrong with a value for an option, and what is allowed; None if nothing is."""
    if option.kind == "choice":
        fits = isinstance(value, str) and value in option.choices
        return (
            None
            if fits
            else f"expected one of {listed(option.choices)}, got {shown(value)}{did_you_mean(value, option.choices)}"
        )
    if option.kind in ("flag", "text"):
        fits = isinstance(value, bool if option.kind == "flag" else str)
        return None if fits else f"expected {KINDS[option.kind]}, got {kind_of(value)}"
    if isinstance(value, bool) or not isinstance(value, int if option.kind == "integer" else int | float):
        return f"expected {KINDS[option.kind]}, got {shown(value)} ({kind_of(value)})"
    low, high = option.low, option.high
    if not is_finite(value) or (low is not None and value < low) or (high is not None and value > high):
        return f"expected {KINDS[option.kind]} from {_number(low)} to {_number(high)}, got {shown(value)}"
    return None


def _number(bound: float | None) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def is_finite(value: object) -> bool:
    """Whether a number is neither NaN nor infinite nor larger than any float."""
    if isinstance(value, int):
        return value.bit_length() <= 1000
    return isinstance(value, float) and math.isfinite(value)


def checked(entries: Mapping[str, Entry], options: tuple[Option, ...], mistakes: list[Mistake]) -> dict[str, object]:
    """The values that are given and right; what is wrong goes to `mistakes`. Reals come back as floats."""
    values: dict[str, object] = {}
    for option in options:
        if option.name in entries:
            value = entries[option.name].value
            message = wrong(option, value)
            if message:
                mistakes.append(entries[option.name].mistake(message))
            else:
                values[option.name] = float(value) if option.kind == "real" and isinstance(value, int) else value
    return values
