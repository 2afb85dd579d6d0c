"""Definitions that are refused: each mistake with its line and its words, all at once, nothing created, in no time."""

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

GOOD = """name = "mine"
description = "What is best?"

[data]
name = "digits"

[model]
hidden = [50, 50]

[training]
epochs = 5

[search]
strategy = "random"
trials = 7

[space]
optimizer = ["sgd", "momentum", "adam"]
learning_rate = { low = 1e-3, high = 1.0, scale = "log" }
momentum = { low = 0.5, high = 0.9, step = 0.1, when = { optimizer = ["momentum"] } }
dropout = [
    0.0,
    0.5,
]
"""


def refused(folder: Path, text: str | bytes, overrides: list[tuple[str, str]] | None = None) -> list[str]:
    """The mistakes of a text as lines, the file's path left out."""
    path = folder / "mine.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    before = sorted(folder.rglob("*"))
    begin = time.perf_counter()
    with pytest.raises(DefinitionError) as caught:
        load_definition(str(path), overrides or [])
    assert time.perf_counter() - begin < 1.0
    assert sorted(folder.rglob("*")) == before
    lines = str(caught.value).split("\n")
    assert len(lines) == len(caught.value.mistakes) == len(set(lines))
    return [line.removeprefix(str(path)) for line in lines]


def line_of(part: str, text: str = GOOD) -> int:
    return text[: text.index(part)].count("\n") + 1


# what is replaced, by what, at which part the mistake is seen, and what it says
CASES = [
    ('"digits"', '"digit"', 'name = "digit"', "data.name: expected one of digits, wine, ", "did you mean `digits`?"),
    ('"digits"', "7", "name = 7", "data.name: expected one of digits", "got 7"),
    (
        "[data]",
        "[dta]",
        "[dta]",
        "dta: unknown section, allowed: name, description, plugins, data",
        "did you mean `data`?",
    ),
    ("hidden =", "hiden =", "hiden", "model.hiden: unknown hyper-parameter, allowed: ", "did you mean `hidden`?"),
    (
        "hidden = [50, 50]",
        "hidden = [50, 0]",
        "hidden",
        "model.hidden: expected a list of integers from 1 to 65536, got [50, 0]",
    ),
    ("hidden = [50, 50]", "hidden = [[50]]", "hidden", "model.hidden: expected a list of integers from 1 to 65536"),
    ("epochs = 5", "epochs = 5.0", "epochs", "training.epochs: expected an integer from 1 to 100000, got 5.0"),
    ("epochs = 5", "epochs = true", "epochs", "training.epochs: expected an integer from 1 to 100000, got true"),
    ("epochs = 5", 'epochs = "5"', "epochs", 'training.epochs: expected an integer from 1 to 100000, got "5"'),
    (
        "epochs = 5",
        "epochs = 99999999999999999999999",
        "epochs",
        "training.epochs: expected an integer from 1 to 100000",
    ),
    ("epochs = 5", "epochs = 5\nhidden = [5]", "hidden = [5]", "training.hidden: hidden belongs into [model]"),
    ("epochs = 5", "epochs = 5\nlearning_rate = 0.1", "learning_rate = 0.1", "is given here and searched in [space]"),
    ("epochs = 5", "epochs = 5\nbeta1 = 0.5\noptimizer = 'sgd'", "optimizer = 'sgd'", "is given here and searched"),
    (
        "epochs = 5",
        "epochs = 5\nweight_decay.norm = 'l1'",
        "weight_decay.norm",
        "training.weight_decay.norm: has no effect: it matters only where weight_decay.strength is switched on",
    ),
    ("epochs = 5", "epochs = 1979-05-27", "epochs", "training.epochs: expected an integer"),
    (
        '"random"',
        '"randm"',
        'strategy = "randm"',
        "search.strategy: expected one of random, ",
        "did you mean `random`?",
    ),
    ("trials = 7", "trials = 0", "trials = 0", "search.trials: expected a whole number from 1 to 1,000,000, got 0"),
    ("trials = 7", "trials = true", "trials", "search.trials: expected a whole number, got true (true/false)"),
    ("trials = 7", "trails = 7", "trails", "search.trails: unknown key, allowed: ", "did you mean `trials`?"),
    ("trials = 7", "", "[search]", "search.trials: is missing: the number of points to try"),
    (
        "trials = 7",
        "trials = 7\npoints = 4",
        "points",
        "search.points: is an option of grid, random_then_grid, not of random",
    ),
    (
        "trials = 7",
        'trials = 7\nobjective = "test/loss"',
        "objective",
        "search.objective: expected one of validation/loss, ",
    ),
    ("trials = 7", "trials = 7\nseed = -1", "seed", "search.seed: expected a whole number from 0 to "),
    ("trials = 7", "trials = 7\nreplicates = nan", "replicates", "search.replicates: expected a whole number, got nan"),
    (
        '"adam"]',
        '"adamm"]',
        "optimizer",
        "space.optimizer: expected one of sgd, momentum, ",
        'got "adamm", did you mean `adam`?',
    ),
    ('"adam"]', '"sgd"]', "optimizer", 'space.optimizer: "sgd" is listed twice'),
    ('"adam"]', "true]", "optimizer", "space.optimizer: expected one of", "got true"),
    (
        '["sgd", "momentum", "adam"]',
        "[]",
        "optimizer",
        "space.optimizer: expected a list of at least one value, got []",
    ),
    (
        '["sgd", "momentum", "adam"]',
        "{ low = 1, high = 2 }",
        "optimizer",
        "space.optimizer: expected a list of values, not a range",
    ),
    (
        "low = 1e-3",
        "low = 1.0",
        "learning_rate",
        "space.learning_rate: low must be below high, got low 1.0 and high 1.0",
    ),
    ("low = 1e-3", "low = 2", "learning_rate", "space.learning_rate: low must be below high, got low 2.0 and high 1.0"),
    ("low = 1e-3", "low = 0", "learning_rate", "space.learning_rate.low: expected a number from 1e-10 to 1e+06, got 0"),
    ("low = 1e-3", "low = nan", "learning_rate", "space.learning_rate.low: expected a number from", "got nan"),
    ("high = 1.0", "high = inf", "learning_rate", "space.learning_rate.high: expected a number from", "got inf"),
    ("high = 1.0", 'high = "1"', "learning_rate", "space.learning_rate.high: expected a number from", 'got "1"'),
    (
        '"log" }',
        '"lgo" }',
        "learning_rate",
        "space.learning_rate.scale: expected one of linear, log",
        "did you mean `log`?",
    ),
    (
        '"log" }',
        '"log", stp = 2 }',
        "learning_rate",
        "space.learning_rate.stp: unknown key, allowed: low, high, ",
        "did you mean `step`?",
    ),
    (
        '"log" }',
        '"log", step = 1 }',
        "learning_rate",
        "space.learning_rate.step: expected a number above 1 and at most 1000 (on a log scale a step multiplies)",
    ),
    (
        '"log" }',
        '"log", points = 0 }',
        "learning_rate",
        "space.learning_rate.points: expected a whole number from 1 to 10000, got 0",
    ),
    ('"log" }', '"log", choices = [1] }', "learning_rate", "space.learning_rate: either choices or a range, not both"),
    (
        "step = 0.1",
        "step = 0.5",
        "momentum =",
        "space.momentum.step: expected a number above 0 and at most 0.4, got 0.5",
    ),
    ("step = 0.1", "step = -1", "momentum =", "space.momentum.step: expected a number above 0"),
    (
        'optimizer = ["momentum"] }',
        'optimizer = ["rmsprop"] }',
        "momentum =",
        'space.momentum: has no effect: it matters only where optimizer is "rmsprop"',
    ),
    (
        'optimizer = ["momentum"] }',
        'optimzer = ["momentum"] }',
        "momentum =",
        "space.momentum.when.optimzer: unknown hyper-parameter, did you mean `optimizer`?",
    ),
    (
        'optimizer = ["momentum"] }',
        'optimizer = ["momentm"] }',
        "momentum =",
        "space.momentum.when.optimizer: expected one of",
        "did you mean `momentum`?",
    ),
    (
        'optimizer = ["momentum"] }',
        "momentum = 0.9 }",
        "momentum =",
        "space.momentum.when.momentum: a hyper-parameter cannot depend on itself",
    ),
    ('when = { optimizer = ["momentum"] }', 'when = "momentum"', "momentum =", "space.momentum.when: expected a table"),
    ("    0.5,", "    1.0,", "    1.0,", "space.dropout: expected a number from 0 to below 1, got 1.0"),
    ("    0.5,", "    -0.1,", "    -0.1,", "space.dropout: expected a number from 0 to below 1, got -0.1"),
    ("    0.5,", "    true,", "    true,", "space.dropout: expected a number from 0 to below 1, got true"),
    ("    0.5,", "    0,", "    0,", "space.dropout: 0 is listed twice"),
    ("dropout =", "hidden.depth =", "hidden = [50", "given here and searched"),
    ('"weird"', "", "", ""),
]


@pytest.mark.parametrize("case", CASES[:-1], ids=lambda case: case[1] or "left out")
def test_a_mistake_is_told_at_its_line(tmp_path: Path, case: tuple[str, ...]) -> None:
    old, new, seen, *words = case
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    lines = refused(tmp_path, text)
    matching = [line for line in lines if line.startswith(f":{line_of(seen, text)}: ") and words[0] in line]
    assert matching, lines
    assert all(word in matching[0] for word in words)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD
    for old, new in (
        ("mine", "../x"),
        ('"digits"', '"digit"'),
        ("epochs = 5", "epochs = 0"),
        ("trials = 7", "trials = 0"),
        ('"adam"]', '"adamm"]'),
        ("    0.5,", "    1.0,"),
    ):
        text = text.replace(old, new, 1)
    told = [line.split(":")[1:3] for line in refused(tmp_path, text)]
    keys = ["name", "data.name", "training.epochs", "search.trials", "space.optimizer", "space.dropout"]
    assert [key.strip() for _, key in told] == keys
    assert [int(line) for line, _ in told] == [1, 5, 11, 15, 18, 23]


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


def test_a_grid_above_its_cap_is_refused_with_its_number(tmp_path: Path) -> None:
    text = """
[data]
name = "digits"
[search]
strategy = "grid"
[space]
learning_rate = { low = 1e-3, high = 1.0, points = 1000 }
dropout = { low = 0.0, high = 0.5, points = 1000 }
"weight_decay.strength" = { low = 1e-3, high = 1.0, points = 1000 }
"""
    (told,) = refused(tmp_path, text)
    assert told.startswith(":5: search.strategy: the grid has 1,000,000,000 points, allowed are 10,000 (search.cap); ")
    assert "raise search.cap" in told
    (told,) = refused(tmp_path, text, [("search.cap", "100000")])
    assert "allowed are 100,000" in told
    path = tmp_path / "mine.toml"
    assert load_definition(str(path), [("search.trials", "50")]).search.trials == 50


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('["no_such_plugin_at_all"]', "cannot be imported: ModuleNotFoundError"),
        ('["../x"]', "expected the dotted name of a module"),
        ('"mylab"', "expected a list of module names"),
        ("[1]", "expected a list of module names"),
    ],
)
def test_plugins_that_cannot_be_had_are_told(tmp_path: Path, value: str, words: str) -> None:
    lines = refused(tmp_path, f"plugins = {value}\n{GOOD}")
    assert any(line.startswith(":1: plugins: ") and words in line for line in lines)


@pytest.mark.parametrize("section", ["comparison", "budget"])
def test_sections_of_later_versions_are_refused_not_ignored(tmp_path: Path, section: str) -> None:
    (told,) = refused(tmp_path, f'{GOOD}\n[{section}]\nfactor = "optimizer"\n')
    assert f": {section}: [{section}] is not run by this version" in told


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
