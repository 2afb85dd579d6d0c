"""From a name or path to the values of a TOML file, each with the place where it stands.

Everything that is wrong with the file as a file is refused here: missing, too large, not text, not TOML, nested without
end.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.definition import positions
from sweeps.mistakes import DefinitionError, Mistake, did_you_mean, listed

FOLDER = Path(__file__).resolve().parent.parent / "definitions"
LARGEST = 64 * 1024  # bytes; a definition is a page of text
DEEPEST = 16  # tables and lists within each other
LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){{{DEEPEST}}}[\w-]")
STRINGS = re.compile(positions.TEXT.pattern + r"|#[^\n]*", re.DOTALL)
PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Source:
    """A TOML file that could be read. `origin` is the file as it was named, `folder` where its relative paths begin."""

    origin: str
    folder: Path
    text: str
    values: Mapping[str, object]
    lines: Mapping[positions.Path, int]


def shipped() -> dict[str, Path]:
    """The definitions that come with this package: name -> file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def read(name_or_path: str) -> Source:
    """The file that a shipped name or a path stands for. Raises DefinitionError."""
    path = shipped().get(name_or_path)
    origin = name_or_path if path is None else f"{name_or_path}.toml"
    path = path or Path(name_or_path)
    return parse(_text(path, origin), origin, path.resolve().parent)


def parse(text: str, origin: str, folder: Path) -> Source:
    """The values of a definition's text; its relative paths begin at `folder`. Raises DefinitionError."""
    too_deep = f"keys, lists or tables are nested more than {DEEPEST} deep"
    endless = LONG_KEY.search(STRINGS.sub(lambda match: "q" + "\n" * match.group().count("\n"), text))
    if endless is not None:  # before tomllib, whose time and memory grow with the square of a key's parts
        raise _refused(origin, too_deep, endless.string.count("\n", 0, endless.start()) + 1)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError([_syntax(str(error), text, origin)]) from None
    except RecursionError:
        raise _refused(origin, too_deep) from None
    except ValueError as error:  # a date that is none, or a number of more digits than Python converts
        raise _refused(origin, f"not valid TOML: {error}") from None
    lines = positions.positions(text)
    deep = next((place for place in lines if len(place) > DEEPEST), None)
    if deep is not None:
        raise _refused(origin, too_deep, lines[deep])
    return Source(origin, folder, text, values, lines)


def _text(path: Path, origin: str) -> str:
    """The file's text, or a DefinitionError that says what the file is instead."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refused(
                origin, "not a file; expected a TOML file, or one of the shipped names: " + listed(shipped())
            )
        if status.st_size > LARGEST:
            raise _refused(origin, f"{status.st_size:,} bytes; a definition has at most {LARGEST:,}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise _missing(origin) from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refused(origin, f"cannot be read: {reason}") from None
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _refused(origin, "begins with a byte-order mark; save it as UTF-8 without one", 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(origin, f"not UTF-8 text (byte {error.start})", data.count(b"\n", 0, error.start) + 1) from None
    if "\0" in text:
        raise _refused(origin, "holds a NUL character; a definition is text", text.count("\n", 0, text.index("\0")) + 1)
    return text


def _refused(origin: str, message: str, line: int | None = None) -> DefinitionError:
    return DefinitionError([Mistake(origin, line, "", message)])


def _missing(origin: str) -> DefinitionError:
    names = tuple(shipped())
    near = did_you_mean(Path(origin).stem, names)
    return _refused(origin, f"no such file; shipped definitions: {listed(names)}{near}")


def _syntax(message: str, text: str, origin: str) -> Mistake:
    """The complaint of tomllib with its line in front, and what people from YAML or Python most often meant."""
    place = PLACE.search(message)
    lines = text.split("\n")
    line = int(place[1]) if place and place[1] else max(1, len(lines) - (not lines[-1].strip()))
    what = PLACE.sub("", message)
    written = lines[min(line, len(lines)) - 1].strip()
    if what == "Cannot overwrite a value":
        what = "the key is given twice"
    elif what.startswith("Cannot declare"):
        what = "the table is given twice"
    elif re.match(r"[\w.\"'-]+\s*:", written):
        what = "TOML writes `key = value`, not `key: value`"
    elif re.search(r"=\s*(True|False|None)\b", written):
        what = "TOML writes true and false in small letters, and leaves out what has no value"
    elif re.search(r"=\s*\[?\s*[A-Za-z_/.]", written) and what == "Invalid value":
        what = 'text stands in quotes: key = "text"'
    return Mistake(origin, line, "", f"not valid TOML: {what}")


@dataclass(frozen=True)
class Entry:
    """One value with its place: the file as named (or `--set`), the line, and the key as a person would write it."""

    value: object
    path: tuple[str | int, ...]
    source: Source | None

    @property
    def key(self) -> str:
        return ".".join(str(part) for part in self.path)

    def mistake(self, message: str, *inside: str | int, possibilities: Sequence[str] = ()) -> Mistake:
        """A mistake in this value, or at the key or item `inside` it."""
        path = (*self.path, *inside)
        key = ".".join(part for part in path if isinstance(part, str))
        if self.source is None:
            return Mistake("--set", None, key, message, tuple(possibilities))
        while path and path not in self.source.lines:
            path = path[:-1]
        return Mistake(self.source.origin, self.source.lines.get(path), key, message, tuple(possibilities))


def parse_override(key: str, text: str) -> Entry:
    """`--set key=value`: the value as TOML; a bare word is text. Raises DefinitionError."""
    path = tuple(part for part in key.split("."))
    try:
        values = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        values = {"value": text} if re.fullmatch(r"[A-Za-z_./~][\w./~+-]*", text) else {}
    if set(values) != {"value"} or not all(path):
        example = "expected key=value, as in search.trials=20 or space.learning_rate={low=1e-4,high=1.0}"
        raise DefinitionError([Mistake("--set", None, f"{key}={text}", example)])
    return Entry(values["value"], path, None)
