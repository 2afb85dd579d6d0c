"""Files and overrides that are no definition: what is told of them, nothing created, in no time."""

from __future__ import annotations

import os
import random
import time
import tomllib
from pathlib import Path

import pytest

from sweeps.definition import DefinitionError, load_definition
from sweeps.definition.positions import positions
from sweeps.definition.reading import LARGEST
from tests.sweeps.definitions_refused import GOOD, refused


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("epochs = 5", "epochs: 5", 11, "TOML writes `key = value`"),
        ("epochs = 5", "epochs = five", 11, "text stands in quotes"),
        ("epochs = 5", "batch_normalization = True", 11, "in small letters"),
        ("trials = 7", "trials = 7\ntrials = 8", 16, "the key is given twice"),
        ("[search]", "[data]", 13, "the table is given twice"),
        ("[search]", "[search", 13, "not valid TOML"),
        ('"digits"', '"digits', 5, "not valid TOML"),
        ("    0.5,\n]\n", "    0.5,\n", 23, "not valid TOML"),
        ("epochs = 5", "epochs = 2000-13-45", 11, "not valid TOML"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    (told,) = refused(tmp_path, GOOD.replace(old, new, 1))
    assert told.startswith(f":{line}: not valid TOML") or line == 11
    assert words in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), ":1: begins with a byte-order mark"),
        (GOOD.encode("utf-16"), ":1: begins with a byte-order mark"),
        (GOOD.encode().replace(b"best", b"b\xe9st"), ":2: not UTF-8 text"),
        (GOOD.encode().replace(b"best", b"be\0st"), ":2: holds a NUL character"),
        (bytes(range(256)) * 40, "not UTF-8 text"),
        (b"x" * 10_000_000, ": 10,000,000 bytes; a definition has at most"),
        (b"", "data.name: is missing"),
        (("a = " + "[" * 5000 + "]" * 5000).encode(), "nested more than 16 deep"),
        (("a = " + "[" * 40 + "]" * 40).encode(), ":1: keys, lists or tables are nested more than 16 deep"),
        (("a = " + "{a=" * 30 + "1" + "}" * 30).encode(), "nested more than 16 deep"),
        ((".".join("a" * 100) + " = 1").encode(), "nested more than 16 deep"),
        (("a = " + "9" * 10_000).encode(), "not valid TOML"),
        (("x" * 60_000 + " = 1").encode(), "unknown key"),
        ((b'"\\u0007\\u001b[31m" = 1'), "unknown key"),
    ],
)
def test_what_is_no_definition_is_told_as_such(tmp_path: Path, content: bytes, words: str) -> None:
    lines = refused(tmp_path, content)
    assert any(words in line for line in lines), lines
    assert not any(character in "".join(lines) for character in "\x07\x1b\0")
    assert max(len(line) for line in lines) < 2000


def test_long_files_of_valid_nonsense_are_refused_quickly(tmp_path: Path) -> None:
    row = '"a b" = 1\n'
    refused(tmp_path, "".join(f'k{number} = "{"v" * 20}"\n' for number in range(LARGEST // 40)))
    refused(tmp_path, GOOD + "".join(f"x{number} = [1, 2]\n" for number in range(LARGEST // 40)))
    refused(tmp_path, GOOD.replace("    0.5,", "    0.5,\n" + "0.25,\n" * 20_000))
    refused(tmp_path, GOOD + ".".join("a" * (LARGEST // 4)) + "=1\n")
    refused(tmp_path, "[" + ".".join("a" * (LARGEST // 4)) + "]\n" + row)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "a/b",
        "a\\b",
        ".",
        "..",
        ".hidden",
        "",
        "-x",
        "a b",
        "a\nb",
        "a\0b",
        "é",
        "x" * 65,
        "con:",
        "digits-1",
        "~",
        "a\u202eb",
    ],
)
def test_names_that_would_leave_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    written = "".join(f"\\u{ord(character):04x}" for character in name)
    (told,) = refused(tmp_path, GOOD.replace('"mine"', f'"{written}"'))
    assert told.startswith(":1: name: ")
    assert told.isprintable()
    (told,) = refused(tmp_path, GOOD, [("name", f'"{written}"')])
    assert told.startswith("--set: name: ")


def test_what_is_no_file_is_told_as_such(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = [
        (str(tmp_path), "not a file"),
        ("/dev/zero", "not a file"),
        (str(tmp_path / "pipe"), "not a file"),
        (str(tmp_path / "dangling"), "no such file"),
        (str(tmp_path / "loop"), "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("a\0b", "cannot be read"),
        ("", "not a file"),
        (str(tmp_path / "none.toml"), "no such file; shipped definitions: "),
    ]
    for path, words in cases:
        with pytest.raises(DefinitionError, match=words) as caught:
            load_definition(path)
        assert str(caught.value).isprintable()


def test_a_link_to_a_definition_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    (tmp_path / "link.toml").symlink_to("mine.toml")
    assert load_definition(str(tmp_path / "link.toml")).name == "mine"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("search.trials", "0", "--set: search.trials: expected a whole number from 1"),
        ("search.trials", "many", '--set: search.trials: expected a whole number, got "many"'),
        (
            "serch.trials",
            "3",
            "--set: serch.trials: unknown section",
        ),
        ("trials", "3", "--set: trials: unknown key"),
        ("search", "3", "--set: search: expected section.key"),
        ("training.learning_rate", "0.1", "--set: training.learning_rate: is given here and searched"),
        ("space.learning_rate", "{ low = 1", "--set: space.learning_rate={ low = 1: expected key=value"),
        ("space.optimizer", '["adamm"]', "did you mean `adam`?"),
        ("search.trials", "3\nname = 4", "expected key=value"),
        ("", "3", "expected key=value"),
        ("search..trials", "3", "expected key=value"),
    ],
)
def test_overrides_are_checked_like_the_file(tmp_path: Path, key: str, value: str, words: str) -> None:
    lines = refused(tmp_path, GOOD, [(key, value)])
    assert any(words in line for line in lines), lines


VALUES = [
    "",
    "nan",
    "-inf",
    "true",
    "0",
    "-1",
    "1e400",
    "9" * 400,
    '"\\u0000"',
    "'''x\n\n'''",
    "[]",
    "[[]]",
    "{}",
    "{ low = 1 }",
    "1979-05-27",
    '""',
    "[[[1]]]",
    "{ a = { b = [1, 2] } }",
    "-0.0",
    '"<script>"',
    "{ depth = {}, width = [] }",
    "[nan]",
    '"default"',
]


def mutated(rng: random.Random) -> bytes:
    """The good definition with one to four things done to it that people, editors and disks do."""
    text = GOOD.encode()
    for _ in range(rng.randint(1, 4)):
        lines = text.split(b"\n")
        place = rng.randrange(len(lines))
        kind = rng.randrange(9)
        if kind == 0 and b"=" in lines[place]:
            lines[place] = lines[place].split(b"=")[0] + b"= " + rng.choice(VALUES).encode()
        elif kind == 1:
            lines.insert(place, rng.choice(lines))
        elif kind == 2:
            del lines[place]
        elif kind == 3:
            other = rng.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        text = b"\n".join(lines)
        at = rng.randrange(len(text) + 1)
        if kind == 4:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
        elif kind == 5:
            text = text[:at]
        elif kind == 6:
            text = (
                text[:at]
                + rng.choice([b"\0", b"\xef\xbb\xbf", b"[" * 2000, b'"', b"'''", b"=", b"\r", b"#", b"{", b"}", b"]"])
                + text[at:]
            )
        elif kind == 7:
            number = rng.choice([word for word in text.split() if word[:1].isdigit()] or [b"5"])
            text = text.replace(number, rng.choice(VALUES).encode(), 1)
        elif kind == 8:
            word = rng.choice(text.split() or [b"x"])
            text = text.replace(word, word[::-1], 1)
    return text


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_to_a_file_it_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = tmp_path / "mine.toml"
    refusals = 0
    for _ in range(40):
        path.write_bytes(content := mutated(rng))
        begin = time.perf_counter()
        try:
            load_definition(str(path))
        except DefinitionError as error:
            refusals += 1
            for mistake in error.mistakes:
                assert str(mistake).isprintable(), content
                assert str(mistake).startswith((f"{path}: ", f"{path}:"))
        assert time.perf_counter() - begin < 1.0, content
    assert refusals > 20
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


def test_positions_know_every_key_and_item() -> None:
    text = '''a = 1
"b c" = "x # not a comment"
d.e = """
two
lines"""
[f]  # comment
g = [1,
  [2, 3],  # ]
  { h = 'q', i.j = [ "]", '}' ] },
]
[[k]]
l = 1979-05-27 07:32:00
[[k]]
l = 2
[k.m]
n = {}
[f.o]
p = """a\\"""" # quote at the end
'''
    found = positions(text)
    assert found == {
        ("a",): 1,
        ("b c",): 2,
        ("d",): 3,
        ("d", "e"): 3,
        ("f",): 6,
        ("f", "g"): 7,
        ("f", "g", 0): 7,
        ("f", "g", 1): 8,
        ("f", "g", 1, 0): 8,
        ("f", "g", 1, 1): 8,
        ("f", "g", 2): 9,
        ("f", "g", 2, "h"): 9,
        ("f", "g", 2, "i"): 9,
        ("f", "g", 2, "i", "j"): 9,
        ("f", "g", 2, "i", "j", 0): 9,
        ("f", "g", 2, "i", "j", 1): 9,
        ("k",): 11,
        ("k", 0): 11,
        ("k", 0, "l"): 12,
        ("k", 1): 13,
        ("k", 1, "l"): 14,
        ("k", 1, "m"): 15,
        ("k", 1, "m", "n"): 16,
        ("f", "o"): 17,
        ("f", "o", "p"): 18,
    }
    assert set(found) == set(paths(tomllib.loads(text)))
    assert positions(text.replace("\n", "\r\n")) == found


def paths(value: object, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a parsed TOML value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in inside for path in ((*before, key), *paths(item, (*before, key)))]
