"""A definition once it has been accepted: plain frozen values, every default filled in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from model.datasets import Task
from model.hyperparameters import hyperparameters
from sweeps.space import Choice, Space, Value
from sweeps.space.point import thawed
from sweeps.strategies.base import SearchSection


@dataclass(frozen=True)
class DataSection:
    """What is learnt: a data set by name, or the user's own file, and how it is split. `path` is absolute; `task` says
    what whole numbers in a file of the user's are."""

    name: str
    path: str | None = None
    target: str | None = None
    task: Task | None = None
    split_seed: int = 0
    validation: float = 0.2
    test: float = 0.2
    scaling: str = "auto"
    limit: int | None = None


@dataclass(frozen=True)
class Level:
    """One alternative of a comparison: the hyper-parameters that make it, and its strategy where that is the factor."""

    name: str
    values: Mapping[str, Value]
    strategy: str = ""

    def same_as(self, other: Level) -> bool:
        """Whether two levels are one alternative under two names."""
        return self.values == other.values and self.strategy == other.strategy


@dataclass(frozen=True)
class ComparisonSection:
    """What is compared, and at what price.

    Each level is tuned by `repeats` independent searches of `trials_per_level` points (None: nothing is tuned, or a
    whole grid); the best point of each is trained on `confirm` fresh replicates and judged by `measure` on the test
    part ("": accuracy, for a regression the loss). `worth` is the smallest difference worth having (0: not given).
    """

    factor: str
    levels: tuple[Level, ...]
    trials_per_level: int | None = None
    repeats: int = 1
    confirm: int = 10
    measure: str = ""
    worth: float = 0.0

    def canonical(self) -> dict[str, object]:
        """The section as JSON-able values."""
        levels = [
            {"name": level.name, "values": {name: thawed(value) for name, value in level.values.items()}}
            | ({"strategy": level.strategy} if level.strategy else {})
            for level in self.levels
        ]
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"levels": levels}


@dataclass(frozen=True)
class Plateau:
    """The last `trials` points have not improved the best value by more than `improvement`, in the objective's unit."""

    trials: int
    improvement: float = 0.0


@dataclass(frozen=True)
class BudgetSection:
    """What ends a search besides its number of points: the first that is reached does. None stands for no limit."""

    seconds: float | None = None
    epochs: int | None = None
    target: float | None = None
    plateau: Plateau | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class Definition:
    """What to compare. `fixed` are the hyper-parameters given in [model] and [training], `space` the searched ones."""

    name: str
    description: str
    data: DataSection
    fixed: Mapping[str, Value]
    search: SearchSection
    space: Space
    comparison: ComparisonSection | None = None
    budget: BudgetSection = BudgetSection()
    plugins: tuple[str, ...] = ()
    plugins_digest: str = ""
    text: str = field(default="", compare=False)
    origin: str = field(default="", compare=False)

    def canonical(self) -> dict[str, object]:
        """The definition as JSON-able values, the same however it was written."""
        return {
            "name": self.name,
            "description": self.description,
            "data": asdict(self.data),
            "fixed": {name: thawed(value) for name, value in sorted(self.fixed.items())},
            "search": _search(self.search),
            "space": self.space.canonical(),
            **({} if self.comparison is None else {"comparison": self.comparison.canonical()}),
            **({"budget": asdict(self.budget)} if self.budget else {}),
            "plugins": list(self.plugins),
            "plugins_digest": self.plugins_digest,
        }

    def digest(self) -> str:
        """sha256 (hex) of all that decides what is trained; the description does not."""
        body = {name: value for name, value in self.canonical().items() if name != "description"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def longest(self) -> int:
        """The most epochs that a training can have."""
        axis = next((axis for axis in self.space.axes if axis.name == "epochs"), None)
        if axis is not None:
            given: list[Value] = list(axis.values) if isinstance(axis, Choice) else [axis.high]
        else:
            levels = self.comparison.levels if self.comparison is not None else ()
            given = [level.values["epochs"] for level in levels if "epochs" in level.values]
            given = given or [self.fixed.get("epochs", hyperparameters()["epochs"].default)]
        return int(max(number for number in given if isinstance(number, int | float)))


def _search(search: SearchSection) -> dict[str, object]:
    fields = {name: getattr(search, name) for name in SearchSection.__dataclass_fields__}
    usual = {name: getattr(SearchSection(search.strategy), name) for name in _OPTIONAL}
    fields = {name: value for name, value in fields.items() if name not in usual or value != usual[name]}
    more = {"warm_start": list(search.warm_start)} if search.warm_start else {}
    return {**fields, **more, "options": dict(sorted(search.options.items()))}


_OPTIONAL = ("stop", "grace", "reduction", "racing", "warm_start")  # told only where they are not as usual


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    """What changed between two canonical definitions, a line each: `search.trials: 40 -> 80`. A changed description is
    no difference."""
    return tuple(line for line in _differences("", old, new) if not line.startswith("description:"))


def _differences(name: str, old: object, new: object) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*old, *(key for key in new if key not in old)]
        prefix = f"{name}." if name else ""
        return [line for key in keys for line in _differences(f"{prefix}{key}", old.get(key), new.get(key))]
    if name == "space" and isinstance(old, list) and isinstance(new, list):
        return _differences(name, {axis["name"]: axis for axis in old}, {axis["name"]: axis for axis in new})
    return [] if old == new else [f"{name}: {json.dumps(old)} -> {json.dumps(new)}"]
