"""Every hyper-parameter with its bounds, scale, default and the condition under which it matters, derived from the registries.

Nothing is declared here: the hyper-parameters of optimizers, schedules, initializers and activations stand beside their
defaults where those are registered, the others in `settings`. They share one flat namespace, which definitions, journal,
tracker and reports use: `optimizer`, `learning_rate`, `weight_decay.strength`, ...
"""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from model.activations import ACTIVATIONS
from model.initializers import INITIALIZERS
from model.optimizers import OPTIMIZERS
from model.registry import Hyper, Registry, UnknownName, did_you_mean
from model.schedules import SCHEDULES
from model.settings import Settings

__all__ = [
    "FAMILIES",
    "Hyper",
    "HyperParameter",
    "HyperParameterError",
    "Problem",
    "check",
    "complete",
    "hyperparameters",
    "make",
    "make_settings",
    "plain",
]

Section = Literal["model", "training"]
Kind = Literal["real", "integer", "choice", "flag", "widths", "text"]
Condition = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Family:
    """A hyper-parameter whose value is a registered name; the other hyper-parameters of that name come with it."""

    registry: Registry[Any]
    section: Section
    default: str
    doc: str


FAMILIES: dict[str, Family] = {
    "optimizer": Family(OPTIMIZERS, "training", "adam", "rule by which a step changes the parameters"),
    "schedule": Family(SCHEDULES, "training", "constant", "course of the learning rate"),
    "initializer": Family(INITIALIZERS, "model", "he", "distribution of the initial weights"),
    "activation": Family(ACTIVATIONS, "model", "relu", "function of the hidden units"),
}


@dataclass(frozen=True)
class HyperParameter:
    """One hyper-parameter of the flat namespace.

    `active_when` holds (name, values) pairs that must all be met: the hyper-parameter `name` has one of `values`; no values
    mean that it is switched on (not 0, not false). Where one name is shared by owners whose defaults differ, `defaults`
    gives them as (owner, default) pairs and `family` says what hyper-parameter names the owner.
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


@dataclass(frozen=True)
class Problem:
    """One mistake: `name` as it was given, what is wrong and allowed, and names or values that may have been meant."""

    name: str
    message: str
    possibilities: tuple[str, ...] = ()

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(self.possibilities)}?" if self.possibilities else ""
        return f"{self.name}: {self.message}{hint}"


class HyperParameterError(ValueError):
    """All mistakes among the values that were given."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def hyperparameters() -> dict[str, HyperParameter]:
    """Every hyper-parameter by its flat name, in canonical order."""
    return dict(_derived(tuple(family.registry.version for family in FAMILIES.values())))


def check(name: str, value: object) -> str | None:
    """What is wrong with `value` for the hyper-parameter `name`, or None. An unknown name raises `UnknownName`."""
    known = hyperparameters()
    if name not in known:
        raise UnknownName("hyper-parameter", name, tuple(known))
    return _mistake(known[name], plain(value))


def complete(values: Mapping[str, object]) -> dict[str, Any]:
    """All active hyper-parameters: `values`, and defaults for the rest; plain Python values in canonical order.

    Names that do not matter beside the others are left out (no `beta1` under sgd), so equal trainings have equal
    dictionaries. Raises `HyperParameterError` with every mistake.
    """
    known, problems = hyperparameters(), []
    given = {name: plain(value) for name, value in values.items()}
    for name, value in given.items():
        if name not in known:
            allowed = "unknown hyper-parameter, see `hyperparameters()` for all"
            problems.append(Problem(name, allowed, did_you_mean(name, tuple(known))))
        elif message := _mistake(known[name], value):
            choices = tuple(str(choice) for choice in known[name].choices or ())
            problems.append(Problem(name, message, did_you_mean(value, choices) if isinstance(value, str) else ()))
    if problems:
        raise HyperParameterError(tuple(problems))
    chosen = {name: given.get(name, parameter.default) for name, parameter in known.items()}
    completed = {
        name: _canonical(parameter, given[name] if name in given else parameter.default_beside(chosen))
        for name, parameter in known.items()
        if parameter.active(chosen)
    }
    for name, family in FAMILIES.items():  # an owner may allow less than all owners of a shared name together
        for parameter in _declared(family.registry[completed[name]], family.section).values():
            if message := _mistake(parameter, completed[parameter.name]):
                problems.append(Problem(parameter.name, f"{message} for {name} {completed[name]}"))
    if problems:
        raise HyperParameterError(tuple(problems))
    return completed


def make(family: str, values: Mapping[str, Any]) -> Any:
    """The object that completed `values` name for a family: an optimizer, say, or an initializer with its std bound."""
    owner = FAMILIES[family].registry[values[family]]
    arguments = {argument: values[p.name] for argument, p in _declared(owner, FAMILIES[family].section).items()}
    return owner(**arguments) if inspect.isclass(owner) else functools.partial(owner, **arguments)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """The `Settings` among completed `values`; those that do not matter keep their defaults."""
    declared = _declared(Settings, None).items()
    return Settings(**{argument: values[p.name] for argument, p in declared if p.name in values})


def plain(value: Any) -> Any:
    """`value` with NumPy's scalars and arrays replaced by Python's, and lists by tuples."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(plain(item) for item in value) if isinstance(value, list | tuple) else value


@functools.lru_cache(maxsize=8)
def _derived(versions: tuple[int, ...]) -> dict[str, HyperParameter]:
    found: dict[str, HyperParameter] = {}
    for name, family in FAMILIES.items():
        choices = family.registry.names()
        found[name] = HyperParameter(name, family.section, "choice", family.default, choices=choices, doc=family.doc)
        owned: dict[str, dict[str, HyperParameter]] = {}
        for entry in family.registry:
            for parameter in _declared(entry.value, family.section, entry.source).values():
                owned.setdefault(parameter.name, {})[entry.name] = parameter
        for parameter_name, owners in owned.items():
            if parameter_name in found:
                raise ValueError(f"hyper-parameter {parameter_name!r} of {name} {', '.join(owners)} is already taken")
            found[parameter_name] = _shared(name, choices, owners)
    for parameter in _declared(Settings, None).values():
        found[parameter.name] = parameter
    return found


def _shared(family: str, names: tuple[str, ...], owners: dict[str, HyperParameter]) -> HyperParameter:
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


@functools.lru_cache(maxsize=256)
def _declared(owner: Callable[..., Any], section: Section | None, source: str = "") -> dict[str, HyperParameter]:
    """The hyper-parameters that a class or function declares, by the name of the argument."""
    hints = typing.get_type_hints(owner.__init__ if inspect.isclass(owner) else owner, include_extras=True)
    found = {}
    for argument, parameter in inspect.signature(owner).parameters.items():
        hint = hints.get(argument)
        hyper = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Hyper)), None)
        if hyper is None:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{owner.__qualname__}: hyper-parameter {argument!r} needs a default")
        kind, choices = _kind(typing.get_args(hint)[0], hyper)
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


def _kind(annotation: Any, hyper: Hyper) -> tuple[Kind, tuple[Any, ...] | None]:
    if hyper.choices is not None:
        return "choice", hyper.choices()
    if typing.get_origin(annotation) is Literal:
        return "choice", typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple:
        return "widths", None
    kinds: dict[Any, Kind] = {float: "real", int: "integer", bool: "flag", str: "text"}
    return kinds[annotation], None


def _mistake(parameter: HyperParameter, value: Any) -> str | None:
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
    if isinstance(value, bool) or not isinstance(value, types) or not math.isfinite(value):
        return False
    low, high = parameter.low, parameter.high
    above = low is None or value > low or (value == low and not parameter.low_open)
    below = high is None or value < high or (value == high and not parameter.high_open)
    return above and below


def _canonical(parameter: HyperParameter, value: Any) -> Any:
    return float(value) + 0.0 if parameter.kind == "real" else value  # + 0.0: there is one zero, not two


def _shown(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
