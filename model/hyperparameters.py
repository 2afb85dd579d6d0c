"""Every hyper-parameter with its bounds, scale, default and the condition under which it matters, derived from the
registries.

Nothing is declared here: the hyper-parameters of optimizers, schedules, initializers and activations stand beside
their defaults where those are registered, the others in `settings`. They share one flat namespace, which definitions,
journal, tracker and reports use: `optimizer`, `learning_rate`, `weight_decay.strength`, ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model.activations import ACTIVATIONS
from model.declarations import Condition, HyperParameter, Section, canonical, declared, mistake, plain, shared
from model.initializers import INITIALIZERS
from model.optimizers import OPTIMIZERS
from model.registry import Hyper, Registry, UnknownName, did_you_mean
from model.regularization import PENALTIES
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


@dataclass(frozen=True)
class Family:
    """A hyper-parameter whose value is a registered name; the other hyper-parameters of that name come with it.

    `when` says under what conditions the family matters at all.
    """

    registry: Registry[Any]
    section: Section
    default: str
    doc: str
    when: tuple[Condition, ...] = ()


FAMILIES: dict[str, Family] = {
    "optimizer": Family(OPTIMIZERS, "training", "adam", "rule by which a step changes the parameters"),
    "schedule": Family(SCHEDULES, "training", "constant", "course of the learning rate"),
    "initializer": Family(INITIALIZERS, "model", "he", "distribution of the initial weights"),
    "activation": Family(ACTIVATIONS, "model", "relu", "function of the hidden units"),
    "weight_decay.norm": Family(
        PENALTIES, "training", "l2", "norm of the weights that is added to the loss", (("weight_decay.strength", ()),)
    ),
}


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
    return mistake(known[name], plain(value))


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
        elif message := mistake(known[name], value):
            choices = tuple(str(choice) for choice in known[name].choices or ())
            problems.append(Problem(name, message, did_you_mean(value, choices) if isinstance(value, str) else ()))
    if problems:
        raise HyperParameterError(tuple(problems))
    chosen = {name: given.get(name, parameter.default) for name, parameter in known.items()}
    completed = {
        name: canonical(parameter, given[name] if name in given else parameter.default_beside(chosen))
        for name, parameter in known.items()
        if parameter.active(chosen)
    }
    for name, family in FAMILIES.items():  # an owner may allow less than all owners of a shared name together
        if name not in completed:
            continue
        own = declared(family.registry[completed[name]], family.section).values()
        wrong = ((p.name, message) for p in own if (message := mistake(p, completed[p.name])))
        problems += [Problem(own_name, f"{message} for {name} {completed[name]}") for own_name, message in wrong]
    if problems:
        raise HyperParameterError(tuple(problems))
    return completed


def make(family: str, values: Mapping[str, Any]) -> Any:
    """The object that completed `values` name for a family: an optimizer, say, or an initializer with its std bound."""
    owner = FAMILIES[family].registry[values[family]]
    arguments = {argument: values[p.name] for argument, p in declared(owner, FAMILIES[family].section).items()}
    return owner(**arguments) if inspect.isclass(owner) else functools.partial(owner, **arguments)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """The `Settings` among completed `values`; those that do not matter keep their defaults."""
    found = declared(Settings, None).items()
    return Settings(**{argument: values[p.name] for argument, p in found if p.name in values})


@functools.lru_cache(maxsize=8)
def _derived(versions: tuple[int, ...]) -> dict[str, HyperParameter]:
    found: dict[str, HyperParameter] = {}
    for name, family in FAMILIES.items():
        choices = family.registry.names()
        found[name] = HyperParameter(
            name, family.section, "choice", family.default, choices=choices, doc=family.doc, active_when=family.when
        )
        owned: dict[str, dict[str, HyperParameter]] = {}
        for entry in family.registry:
            for parameter in declared(entry.value, family.section, entry.source).values():
                owned.setdefault(parameter.name, {})[entry.name] = parameter
        for parameter_name, owners in owned.items():
            if parameter_name in found:
                raise ValueError(f"hyper-parameter {parameter_name!r} of {name} {', '.join(owners)} is already taken")
            parameter = shared(name, choices, owners)
            found[parameter_name] = replace(parameter, active_when=(*family.when, *parameter.active_when))
    for parameter in declared(Settings, None).values():
        found[parameter.name] = parameter
    return found
