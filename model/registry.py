"""Registries: one name for each thing that a definition can choose, with its source and its hyper-parameters.

An optimizer, an initializer, an activation and so on becomes available everywhere by one registration in one file:

    @OPTIMIZERS.register("lion", source="Chen et al. 2023, Algorithm 2")
    @dataclass(frozen=True)
    class Lion(Optimizer):
        learning_rate: Annotated[float, Hyper(1e-10, 1e6, scale="log", doc="step size")] = 1e-4

The hyper-parameters of a registered class (or function) are those of its parameters whose annotation carries a `Hyper`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True)
class Hyper:
    """What values a hyper-parameter may take; written beside its default as `Annotated[float, Hyper(...)]`.

    `low` and `high` belong to the allowed range unless `low_open` or `high_open` says otherwise. `name` is the flat
    name where it differs from the parameter's (`weight_decay.strength`). `when` names a hyper-parameter that must be
    switched on, or have one of the given values, for this one to matter.
    """

    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"
    low_open: bool = False
    high_open: bool = False
    doc: str = ""
    name: str | None = None
    section: Literal["model", "training"] | None = None
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()


class UnknownName(LookupError):
    """A name that no registry of this kind holds; `possibilities` are the closest names, best first."""

    def __init__(self, kind: str, name: object, names: tuple[str, ...]) -> None:
        self.kind, self.name, self.names = kind, name, names
        self.possibilities = did_you_mean(name, names)
        hint = f"; did you mean {' or '.join(map(repr, self.possibilities))}?" if self.possibilities else ""
        super().__init__(f"unknown {kind} {name!r}: expected one of {', '.join(names)}{hint}")


def did_you_mean(name: object, names: tuple[str, ...]) -> tuple[str, ...]:
    """The at most three `names` that resemble `name`, best first."""
    return tuple(difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.6))


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered thing: `value` is the class or function, `source` the publication or page that defines it."""

    name: str
    value: T
    source: str
    doc: str
    traits: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """Named implementations of one kind, in the order of registration."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = 0  # grows with every registration, so that what is derived from registries can be kept
        self._entries: dict[str, Entry[T]] = {}

    def register(self, name: str, *, source: str, **traits: Any) -> Callable[[E], E]:
        """Decorator that gives `name` to a class or function; another owner of the same name is refused."""

        def add(value: E) -> E:
            held = self._entries.get(name)
            if held is not None and _identity(held.value) != _identity(value):
                raise ValueError(f"{self.name} {name!r} is already registered by {_identity(held.value)}")
            doc = " ".join((value.__doc__ or "").split("\n\n")[0].split())
            self._entries[name] = Entry(name, value, source, doc, traits)  # type: ignore[arg-type]  # E is T by use
            self.version += 1
            return value

        return add

    def entry(self, name: str) -> Entry[T]:
        """The registered name with its source, or `UnknownName`."""
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownName(self.name, name, self.names()) from None

    def __getitem__(self, name: str) -> T:
        return self.entry(name).value

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)


def _identity(value: object) -> str:
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', repr(value))}"
