"""A definition that is right, and how tests see what is wrong with changed ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sweeps.definition import DefinitionError, load_definition

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
