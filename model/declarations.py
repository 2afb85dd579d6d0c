"""What one hyper-parameter is, how a class or function declares it, and which values it allows."""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Literal

import numpy as np

from model.registry import Hyper

Section = Literal["model", "training"]
Kind = Literal["real", "integer", "choice", "flag", "widths", "text"]
Condition = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class HyperParameter:
    """One hyper-parameter of the flat namespace.

    `active_when` holds (name, values) pairs that must all be met: the hyper-parameter `name` has one of `values`; no
    values mean that it is switched on (not 0, not false). Where one name is shared by owners whose defaults differ,
    `defaults` gives them as (owner, default) pairs and `family` says what hyper-parameter names the owner.
    """

    name: str
    section: Section
    kind: Kind
    default: Any
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"
    low_open: bool = False
    high_open: bool = False
    choices: tuple[Any, ...] | None = None
    doc: str = ""
    source: str = ""
    active_when: tuple[Condition, ...] = ()
    family: str | None = None
    defaults: tuple[tuple[str, Any], ...] = ()

    def active(self, values: Mapping[str, Any]) -> bool:
        """Whether this hyper-parameter matters beside the other `values`."""
        return all(
            (values.get(name) in allowed) if allowed else bool(values.get(name)) for name, allowed in self.active_when
        )

    def default_beside(self, values: Mapping[str, Any]) -> Any:
        """The default, which may depend on the owner that `values` name."""
        return dict(self.defaults).get(str(values.get(str(self.family))), self.default)

    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(map(str, self.choices or ()))
        if self.kind == "flag":
            return "true or false"
        if self.kind == "text":
            return "a text"
        noun = {"real": "a number", "integer": "an integer", "widths": "a list of integers"}[self.kind]
        low = "" if self.low is None else f" {'above' if self.low_open else 'from'} {self.low:g}"
        high = "" if self.high is None else f" {'to below' if self.high_open else 'to'} {self.high:g}"
        return noun + low + high


@functools.lru_cache(maxsize=256)
def declared(owner: Callable[..., Any], section: Section | None, source: str = "") -> dict[str, HyperParameter]:
    """The hyper-parameters that a class or function declares, by the name of the argument."""
    # A dataclass's own hints are resolved each where it was written, also those inherited from another module.
    told = owner.__init__ if inspect.isclass(owner) and not is_dataclass(owner) else owner
    hints = typing.get_type_hints(told, include_extras=True)
    found = {}
    for argument, parameter in inspect.signature(owner).parameters.items():
        hint = hints.get(argument)
        hyper = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Hyper)), None)
        if hyper is None:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{owner.__qualname__}: hyper-parameter {argument!r} needs a default")
        kind, choices = _kind(typing.get_args(hint)[0])
        found[argument] = HyperParameter(
            name=hyper.name or argument,
            section=hyper.section or section or "training",
            kind=kind,
            default=parameter.default,
            low=hyper.low,
            high=hyper.high,
            scale=hyper.scale,
            low_open=hyper.low_open,
            high_open=hyper.high_open,
            choices=choices,
            doc=hyper.doc,
            source=source,
            active_when=hyper.when,
        )
    return found


def _kind(annotation: Any) -> tuple[Kind, tuple[Any, ...] | None]:
    if typing.get_origin(annotation) is Literal:
        return "choice", typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple:
        return "widths", None
    kinds: dict[Any, Kind] = {float: "real", int: "integer", bool: "flag", str: "text"}
    return kinds[annotation], None


def mistake(parameter: HyperParameter, value: Any) -> str | None:
    """What is wrong with a plain value, or None."""
    kind = parameter.kind
    if kind == "choice":
        right = any(value == choice and type(value) is type(choice) for choice in parameter.choices or ())
    elif kind == "flag":
        right = isinstance(value, bool)
    elif kind == "text":
        right = isinstance(value, str)
    elif kind == "widths":
        right = isinstance(value, tuple) and bool(value) and all(_within(parameter, width, int) for width in value)
    else:
        right = _within(parameter, value, int if kind == "integer" else (int, float))
    return None if right else f"expected {parameter.allowed()}, got {_shown(value)}"


def _within(parameter: HyperParameter, value: Any, types: Any) -> bool:
    if (
        isinstance(value, bool)
        or not isinstance(value, types)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        return False
    low, high = parameter.low, parameter.high
    above = low is None or value > low or (value == low and not parameter.low_open)
    below = high is None or value < high or (value == high and not parameter.high_open)
    return above and below


def canonical(parameter: HyperParameter, value: Any) -> Any:
    """The one form of equal values."""
    return float(value) + 0.0 if parameter.kind == "real" else value  # + 0.0: there is one zero, not two


def _shown(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def shared(family: str, names: tuple[str, ...], owners: dict[str, HyperParameter]) -> HyperParameter:
    """One hyper-parameter for all owners of a name: the widest bounds, active under any of them."""
    first, every = next(iter(owners.values())), owners.values()
    if len({parameter.kind for parameter in every}) > 1:
        raise ValueError(
            f"hyper-parameter {first.name!r} has several kinds: {', '.join(sorted({p.kind for p in every}))}"
        )
    lows, highs = [p.low for p in every], [p.high for p in every]
    low = None if None in lows else min(low for low in lows if low is not None)
    high = None if None in highs else max(high for high in highs if high is not None)
    return replace(
        first,
        low=low,
        high=high,
        low_open=all(p.low_open for p in every if p.low == low),
        high_open=all(p.high_open for p in every if p.high == high),
        family=family,
        active_when=first.active_when if set(owners) == set(names) else ((family, tuple(owners)), *first.active_when),
        defaults=tuple((owner, p.default) for owner, p in owners.items())
        if len({p.default for p in every}) > 1
        else (),
    )


def plain(value: Any) -> Any:
    """`value` with NumPy's scalars and arrays replaced by Python's, and lists by tuples."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(plain(item) for item in value) if isinstance(value, list | tuple) else value
