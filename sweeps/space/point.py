"""A point: one value for every active hyper-parameter of a space, frozen, hashable, and the same wherever it comes
from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | tuple["Value", ...]
Plain: TypeAlias = bool | int | float | str | list["Plain"]


class Point(Mapping[str, Value]):
    """Values by name, in the order given; equality and hash are those of the canonical JSON, in which the order does
    not count.

    Lists are kept as tuples so that nobody can change a point; `plain()` gives them back as lists, for JSON and the
    model.
    """

    __slots__ = ("_canonical", "_values")

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values: dict[str, Value] = {name: frozen(value) for name, value in values.items()}
        self._canonical = json.dumps(self._values, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def canonical(self) -> str:
        """The point's JSON with sorted names and no blanks: its identity."""
        return self._canonical

    def plain(self) -> dict[str, Plain]:
        """The point as JSON-able Python values."""
        return {name: thawed(value) for name, value in self._values.items()}

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self._canonical)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self._canonical == other._canonical

    def __repr__(self) -> str:
        return f"Point({self._canonical})"


def frozen(value: object) -> Value:
    """A plain Python value: NumPy's scalars become bool, int, float or str, lists become tuples, -0.0 becomes 0.0.

    Raises TypeError for anything else, and ValueError for NaN and infinities, which no hyper-parameter can have.
    """
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    if isinstance(value, str):
        return str(value)
    item = getattr(value, "item", None)  # NumPy's scalars, without importing NumPy
    plain = item() if callable(item) else value
    if isinstance(plain, bool | int):
        return plain
    if isinstance(plain, float):
        if not math.isfinite(plain):
            raise ValueError(f"a hyper-parameter cannot be {plain}")
        return plain + 0.0
    raise TypeError(f"a hyper-parameter is true/false, a number, text or a list of those, not {type(value).__name__}")


def thawed(value: Value) -> Plain:
    """The value with tuples as lists, as JSON has them."""
    return [thawed(item) for item in value] if isinstance(value, tuple) else value
