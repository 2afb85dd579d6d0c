"""What is wrong with a user's input, all of it at once.

DefinitionError                 a definition that is refused; carries every Mistake found
    .mistakes                   one Mistake a fault: file, line, key, what is wrong and allowed

The text of a mistake is ``file:line: key: what is wrong, what is allowed, did you mean …`` (parts that are unknown are
left out), the form that editors and terminals turn into a link.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 60


@dataclass(frozen=True)
class Mistake:
    """One fault of an input. `line` counts from 1; it is None where no line can be named, `key` is empty where it is
    the file itself."""

    file: str
    line: int | None
    key: str
    message: str
    possibilities: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = self.key if len(self.key) <= 2 * SHOWN else self.key[: 2 * SHOWN] + "…"
        text = f"{place}: {key}: {self.message}" if key else f"{place}: {self.message}"
        return printable(text)


class DefinitionError(Exception):
    """A definition that is refused. `str()` gives one line a mistake, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def did_you_mean(word: object, possibilities: Iterable[str]) -> str:
    """``, did you mean `adam`?`` for the possibility nearest to `word`, or nothing if none is near."""
    if not isinstance(word, str) or len(word) > SHOWN:
        return ""
    known = {possibility.lower(): possibility for possibility in possibilities}
    last = [possibility for possibility in known if possibility.rpartition("/")[2] == word.lower()]
    near = last or difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f", did you mean `{known[near[0]]}`?" if near else ""


def listed(names: Iterable[object], limit: int = 20) -> str:
    """Names in a row, for "allowed: …"; a long row is cut."""
    every = [str(name) for name in names]
    return ", ".join(every[:limit]) + (f", … ({len(every)} in all)" if len(every) > limit else "")


def shown(value: object) -> str:
    """A value as the user may have written it, short enough for one line, without characters that could drive a
    terminal."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int) and value.bit_length() > 200:
        text = "a number of more than 60 digits"
    elif isinstance(value, str):
        text = '"' + value[: SHOWN + 1] + '"'
    elif isinstance(value, dict):
        text = "a table" if value else "an empty table"
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}" if len(value) > 8 else "[" + ", ".join(shown(item) for item in value) + "]"
    else:
        text = str(value)
    return printable(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def printable(text: str) -> str:
    """The text with whatever a terminal would not show as it is (controls, direction marks, line ends) escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def kind_of(value: object) -> str:
    """The TOML name of a value's type, for "expected a number, got text"."""
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return f"a {type(value).__name__}"
