"""On which line each key and list item of a TOML text stands: what `tomllib` does not tell.

The text has been accepted by tomllib, so this scanner only has to find where things begin and end. A path is the tuple
of keys, with the number of the item inside a list: ("space", "optimizer", 2).
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
TEXT = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\])*"|' r"'[^']*'", re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]+)?")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def positions(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every key and list item of a valid TOML text."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", " \n")
        self.at = 0
        self.starts = [0] + [match.end() for match in re.finditer("\n", self.text)]
        self.found: dict[Path, int] = {}
        self.items: dict[Path, int] = {}  # how many [[tables]] a list of tables has so far

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                self.at += 2
                name = self._inside(self._key())
                number = self.items.get(name, -1) + 1
                self.items[name] = number
                table = (*name, number)
                self._record(table, len(name) - 1)
                self.at += 2
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._inside(self._key())
                self._record(table, len(table) - 1)
                self.at += 1
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.found

    def _inside(self, path: Path) -> Path:
        """A header's path with the number of the last item where it goes through a list of tables."""
        whole: Path = ()
        for place, part in enumerate(path):
            whole = (*whole, part)
            if whole in self.items and place < len(path) - 1:
                whole = (*whole, self.items[whole])
        return whole

    def _pair(self, table: Path) -> None:
        start = self.at
        path = (*table, *self._key())
        after, self.at = self.at, start
        self._record(path, len(table))
        self.at = after + 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            if self.text[self.at] in "\"'":
                quoted = self._take(TEXT)
                parts += tomllib.loads(f"{quoted} = 0")
            else:
                parts.append(self._take(_BARE))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first == "[":
            self.at += 1
            self._skip(_BLANK)
            number = 0
            while self.text[self.at] != "]":
                self._record((*path, number), len(path))
                self._value((*path, number))
                number += 1
                self._comma()
            self.at += 1
        elif first == "{":
            self.at += 1
            self._skip(_BLANK)
            while self.text[self.at] != "}":
                self._pair(path)
                self._comma()
            self.at += 1
        else:
            self._take(TEXT if first in "\"'" else _SCALAR)

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _record(self, path: Path, known: int) -> None:
        """Note the line for the path and those of its parents, from length `known` on, that have none yet."""
        line = bisect_right(self.starts, self.at)
        for length in range(known + 1, len(path) + 1):
            self.found.setdefault(path[:length], line)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no TOML at offset {self.at}")
        self.at = match.end()
        return match.group()
