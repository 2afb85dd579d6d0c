"""What README.md tells people to type exists, and what exists is told."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sweeps.cli import build_parser
from sweeps.definition import shipped
from tests.contracts.commandline import commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
LINES = [shlex.split(line, comments=True) for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, flags=re.MULTILINE))
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL))


def test_each_block_is_of_a_kind_that_is_tested_here() -> None:
    assert {kind for kind, _ in BLOCKS} <= {
        "sh",
        "toml",
        "text",
        "python",
    }  # python: tests/sweeps/test_tracking_reading.py
    assert LINES
    assert {line[0] for line in LINES if line} <= {"make", "sweep", "bash", "git", "cd", "export", "mlflow", "curl"}


@pytest.mark.parametrize("line", [line for line in LINES if line[:1] == ["make"]], ids=" ".join)
def test_a_make_line_names_a_target_and_its_variables(line: list[str]) -> None:
    for word in line[1:]:
        name, equals, _ = word.partition("=")
        assert f"$({name})" in MAKEFILE if equals else name in TARGETS


@pytest.mark.parametrize("line", [line for line in LINES if line[:1] == ["sweep"]], ids=" ".join)
def test_a_sweep_line_is_understood(line: list[str]) -> None:
    assert hasattr(build_parser().parse_args(line[1:]), "call")


@pytest.mark.parametrize("line", [line for line in LINES if line[:1] == ["mlflow"]], ids=" ".join)
def test_an_mlflow_line_is_understood(line: list[str]) -> None:
    from mlflow.models.cli import commands as models

    assert line[1] == "models"
    command = models.commands[line[2]]
    assert command.make_context(line[2], line[3:], resilient_parsing=False).params["model_uri"]


def test_each_command_and_target_is_in_the_readme_and_no_other() -> None:
    told = [code.split() for code in INLINE]
    assert {words[1] for words in told if words[0] == "sweep" and len(words) > 1} == set(commands())
    assert {words[1] for words in told if words[0] == "make" and len(words) > 1} == TARGETS


def test_each_option_named_in_the_readme_exists() -> None:
    known = {option for parser in commands().values() for option in parser._option_string_actions}
    others = (".venv/bin/pip ", "python ")  # pip's options are its own, a script's are looked for below
    ours = [code for code in INLINE if not code.startswith(others)]
    assert {word for code in ours for word in code.split() if word.startswith("--")} <= known
    assert {name for code in INLINE for name in re.findall(r"^([A-Z]+)=", code)} <= set(
        re.findall(r"\$\((\w+)\)", MAKEFILE)
    )


def test_each_option_of_a_script_named_in_the_readme_exists() -> None:
    for script, options in re.findall(r"`python (tests/[\w/]+\.py)([^`\n]*)`", README):
        for option in re.findall(r"--[a-z-]+", options):
            assert f'"{option}"' in (ROOT / script).read_text(), f"{script} knows no {option}"


def test_the_definition_shown_is_the_shipped_one() -> None:
    shown, compared = (text for kind, text in BLOCKS if kind == "toml")
    assert shown == shipped()["digits"].read_text()
    assert shipped()["optimizers"].read_text().endswith("\n" + compared)


def test_each_file_and_test_that_is_named_exists() -> None:
    assert all((ROOT / path).exists() for path in re.findall(r"\]\((?!\w+:)([^)#]+)\)", README))
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", README):
        assert f"def {name}" in (ROOT / path).read_text()


def test_each_line_of_the_crash_table_names_the_test_that_shows_it() -> None:
    section = README.split("## What is lost when something breaks", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 15
    for what, lost, shown in rows:
        assert what.strip()
        assert lost.strip()
        named = re.findall(r"`(tests/(?:faults|service|sweeps)/test_\w+\.py)::(test_\w+)`", shown)
        assert named, f"no test shows: {what.strip()}"
        for path, name in named:
            assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"
