"""The report's command that repeats an execution: what it repeats, and what it does not promise."""

from __future__ import annotations

import argparse
import shlex
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sweeps.cli import build_parser, main
from sweeps.cli import run as command
from sweeps.journal import Journal
from sweeps.report.gathering import gather
from sweeps.report.page import make_page
from sweeps.report.tables import reproduce
from tests.sweeps.report_records import OPTIMIZER, execution, told

TRIALS = [told({"optimizer": "sgd"}, 0.4), told({"optimizer": "adam"}, 0.3)]
FILE = """
name = "asha"
[data]
name = "digits"
limit = 400
[training]
epochs = 16
[search]
strategy = "random"
trials = 12
[space]
optimizer = ["sgd", "adam"]
learning_rate = { low = 1e-3, high = 0.3, scale = "log" }
"""


def commands(**given: Any) -> list[tuple[str, str]]:
    return reproduce(gather([execution("asha-1", TRIALS, [OPTIMIZER], **given)]))


def parsed(text: str) -> argparse.Namespace:
    """The printed command as the shell and the program take it."""
    words = shlex.split(text)
    assert words[0] == "sweep"
    return build_parser().parse_args(words[1:])


def journalled(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> dict[str, Any]:
    """The first event of the journal that this command line begins; nothing is trained."""
    found: list[dict[str, Any]] = []

    def keep(options: argparse.Namespace, prepared: Any, journal: Journal, begun: float) -> int:
        with closing(journal):
            found.append(next(iter(journal.events(kinds=("opened",)))).body)
        return 0

    monkeypatch.setattr(command, "train", keep)
    assert main(arguments) == 0
    return found[0]


def test_the_printed_command_begins_the_same_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my files").mkdir()
    (tmp_path / "my files" / "asha.toml").write_text(FILE, encoding="utf-8")
    line = ["run", "my files/asha.toml", "--set", "name=med", "--set", "search.stop=median"]
    line += ["--set", "space.dropout={low=0.0, high=0.5}", "--trials", "20", "--first-replicate", "3"]
    first = journalled(monkeypatch, [*line, "--storage", "else where"])
    what, again = commands(**first)[0]
    assert what == "med-1: run it again, with the same points and replicates"
    assert "--trials 20" in again
    assert parsed(again).storage == "else where"
    second = journalled(monkeypatch, [*shlex.split(again)[1:-1], "other"])
    told_of = ("seed", "first_replicate", "text")
    assert [second[name] for name in told_of] == [first[name] for name in told_of]
    given = {**first["definition"], "search": {**first["definition"]["search"], "seed": first["seed"]}}
    assert second["definition"] == given


def test_a_shipped_definition_is_run_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened = journalled(monkeypatch, ["run", "digits"])
    assert commands(**opened)[0][1] == f"sweep run digits --seed {opened['seed']}"
    older = {name: value for name, value in opened.items() if name != "given"}
    assert commands(**older)[0][1] == f"sweep run digits --seed {opened['seed']}"
    assert commands(origin="digits.toml", folder="/home/me/sweeps")[0][1] == "sweep run digits.toml --seed 7"


def test_the_other_commands_name_the_storage_too() -> None:
    given = {"definition": "asha.toml", "storage": "s"}
    assert all(parsed(text).storage == "s" for _, text in commands(given=given, overrides=[]))
    default = commands(given={**given, "storage": "kurabe-data"}, overrides=[])
    assert not any("--storage" in text for _, text in default)


def test_what_was_not_recorded_is_not_promised() -> None:
    what, again = commands(origin="defs/asha.toml")[0]
    assert again == "sweep run defs/asha.toml --seed 7"
    assert "same points" not in what
    assert "not known" in what
    what, again = commands(origin="asha.toml", overrides=[["search.stop", "median"]], resumed=[{"extend": 0}])[0]
    assert again == "sweep run asha.toml --set search.stop=median --seed 7"
    assert what.endswith("the same points and replicates")


def test_a_budget_that_was_extended_is_told() -> None:
    resumed = [{"extend": 5, "extended": "trials"}, {"extend": 0}, {"extend": 2, "extended": "seconds"}]
    what, _ = commands(overrides=[], resumed=resumed)[0]
    assert what.endswith("as it began (it was extended by 5 trials and 2 seconds afterwards)")


def test_what_replaced_parts_of_the_definition_stands_beside_its_text() -> None:
    replaced = [["search.stop", "median"], ["search.trials", "20"]]
    (asked,) = make_page(gather([execution("asha-1", TRIALS, [OPTIMIZER], overrides=replaced)])).asked
    assert ("replaced on the command line", "search.stop=median, search.trials=20") in asked.pairs
    assert "before the command line replaced search.stop and search.trials" in asked.title
    (plain,) = make_page(gather([execution("asha-1", TRIALS, [OPTIMIZER], overrides=[])])).asked
    assert plain.title == "The definition as it was given"
