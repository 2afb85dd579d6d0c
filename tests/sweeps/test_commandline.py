"""The commands that train nothing: their words, their exit codes, and that they leave nothing behind."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeps.cli import OK, REFUSED, main
from sweeps.journal import Journal
from sweeps.status import Status, TrialStatus

BAD = """
name = "bad"
[data]
name = "digitz"
[training]
epochs = 0
optimzer = "adam"
[search]
strategy = "gaussian_process"
trials = 40
[space]
optimizer = ["sgd", "adamm"]
learning_rate = { low = 1.0, high = 1e-4, scale = "log" }
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _stored(folder: Path, *, closed: str | None = "trials", point: dict[str, Any] | None = None) -> None:
    """An execution in the storage, as a sweep of one trial leaves it."""
    execution = folder / "kurabe-data" / "demo-1"
    execution.mkdir(parents=True)
    journal = Journal.create(execution / "journal.sqlite")
    opened = {
        "execution": "demo-1",
        "definition": {"name": "demo", "search": {"strategy": "random"}},
        "text": 'name = "demo"',
        "objective": "validation/loss",
        "direction": "minimize",
        "planned": 1,
        "slots": 2,
        "data": {"name": "digits", "digest": "d"},
        "environment": {},
    }
    journal.append("opened", opened)
    specification = {"hyperparameters": {"optimizer": "adam"}, "replicate": 0, "seed": 0}
    trials = [{"key": "abc", "replicate": 0, "specification": specification}]
    chosen = point or {"optimizer": "adam", "hidden": [50, 50]}
    journal.append("proposed", {"number": 1, "point": chosen, "reason": {}, "seen": 0, "trials": trials})
    journal.append("started", {}, trial="abc", attempt=1)
    end = {"status": "finished", "value": 0.25, "epochs": 3, "seconds": 1.0, "findings": [], "error": None}
    journal.append("ended", end, trial="abc", attempt=1)
    if closed:
        journal.append("closed", {"why": closed, "seconds": 2.0})
    journal.close()


def test_all_mistakes_are_refused_at_once_before_anything_is_made(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bad.toml").write_text(BAD, encoding="utf-8")
    assert main(["run", "bad.toml"]) == REFUSED
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["bad.toml:4", "data.name"],
        ["bad.toml:6", "training.epochs"],
        ["bad.toml:7", "training.optimzer"],
        ["bad.toml:12", "space.optimizer"],
        ["bad.toml:13", "space.learning_rate"],
    ]
    assert "did you mean `digits`" in lines[0]
    assert "did you mean `adam`" in lines[3]
    assert [each.name for each in here.iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.toml"], "no such file"),
        (["run", "digitz"], "did you mean `digits`"),
        (["run", "digits", "--set", "search.trails=3"], "did you mean `trials`"),
        (["status", "demo"], "no such storage folder"),
        (["resume", "demo"], "no such storage folder"),
        (["results", "demo", "--storage", "."], "demo: no such execution"),
        (["report", "demo"], "no such storage folder"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == REFUSED
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "required: DEFINITION"),
        (["run", "digits", "--workers", "0"], "--workers: expected a whole number from 1, got 0"),
        (["run", "digits", "--trials", "many"], "--trials: expected a whole number from 1, got many"),
        (["run", "digits", "--set", "x"], "expected key=value"),
        (["fly"], "invalid choice: 'fly'"),
    ],
)
def test_misused_options_are_refused_by_the_parser(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == REFUSED
    told = capsys.readouterr().err
    assert "usage: sweep" in told
    assert words in told


def test_a_corrupt_data_file_is_named_and_nothing_is_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "data.npz").write_bytes(b"not an archive")
    text = BAD.split("[training]", maxsplit=1)[0].replace('"digitz"', '"npz"\npath = "data.npz"')
    search = '[search]\nstrategy = "random"\ntrials = 2\n[space]\nlearning_rate = [0.1, 0.2]\n'
    (here / "mine.toml").write_text(text + search, encoding="utf-8")
    assert main(["run", "mine.toml"]) == REFUSED
    assert "data.npz" in capsys.readouterr().err
    assert not (here / "kurabe-data").exists()


@pytest.mark.parametrize(("section", "value"), [("training", "1080"), ("space", "[32, 2000]")])
def test_a_batch_larger_than_the_data_is_refused_at_its_line(
    here: Path, capsys: pytest.CaptureFixture[str], section: str, value: str
) -> None:
    other = "[space]\nlearning_rate = [0.1, 0.2]\n" if section == "training" else ""
    text = f'[data]\nname = "digits"\n[search]\nstrategy = "grid"\n{other}[{section}]\nbatch_size = {value}\n'
    (here / "big.toml").write_text(text, encoding="utf-8")
    assert main(["run", "big.toml"]) == REFUSED
    told = capsys.readouterr().err
    assert told.startswith(f"big.toml:{text.count(chr(10))}: {section}.batch_size: expected at most 1079")
    assert not (here / "kurabe-data").exists()


def test_list_names_shipped_definitions_and_stored_executions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _stored(here)
    assert main(["list"]) == OK
    told = capsys.readouterr().out
    for name in ("digits", "optimizers", "batch-normalization", "random-then-grid", "fashion", "smoke"):
        assert f" {name} " in told
    assert "demo-1" in told
    assert "finished" in told


@pytest.mark.parametrize(
    ("closed", "state"), [("trials", "finished"), ("interrupted", "interrupted"), (None, "killed")]
)
def test_status_tells_a_finished_from_an_interrupted_and_a_killed_sweep(
    here: Path, capsys: pytest.CaptureFixture[str], closed: str | None, state: str
) -> None:
    _stored(here, closed=closed)
    assert main(["status", "demo", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["counts"], told["best"][0]["value"]) == (state, {"finished": 1}, 0.25)


def test_results_in_each_format_hold_the_same_row(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _stored(here)
    main(["results", "demo", "--format", "json"])
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["optimizer"], row["hidden"], row["validation/loss"], row["epochs"]) == ("adam", [50, 50], 0.25, 3)
    assert row["stage"] == "search"
    main(["results", "demo", "--format", "csv"])
    cells = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (cells["optimizer"], json.loads(cells["hidden"]), float(cells["validation/loss"])) == (
        "adam",
        [50, 50],
        0.25,
    )
    main(["results", "demo"])
    assert "adam" in capsys.readouterr().out
    script = Path(sys.executable).with_name("sweep")
    written = subprocess.run(
        [script, "results", "demo", "--format", "parquet"], cwd=here, capture_output=True, check=True
    )
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(pyarrow.BufferReader(written.stdout)).to_pylist()
    assert (table[0]["optimizer"], table[0]["validation/loss"]) == ("adam", 0.25)


def test_results_tell_confirmations_with_their_score_from_the_search() -> None:
    from sweeps.cli.inspect import _rows

    searched = TrialStatus("k1", 1, 0, {"optimizer": "adam"}, value=0.2)
    confirmed = TrialStatus("k2", 2, 1, {"optimizer": "adam"}, "confirmation", value=0.3, score=0.97)
    found = list(_rows(Status(measure="test/accuracy", trials={"k1": searched, "k2": confirmed})))
    assert [(row["stage"], row.get("test/accuracy")) for row in found] == [("search", None), ("confirmation", 0.97)]


def test_a_table_on_a_terminal_is_folded_to_its_width(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stored(here, point={"optimizer": "a" * 200 + "\x1b[31m"})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "70")
    main(["results", "demo"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 70
    assert sum(line.count("a") for line in lines) >= 200  # all of it is there, on several lines
    assert all(line.isprintable() for line in lines)


def test_a_cell_that_a_spreadsheet_would_run_is_quoted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _stored(here, point={"optimizer": '=HYPERLINK("http://x")'})
    main(["results", "demo", "--format", "csv"])
    assert next(csv.DictReader(io.StringIO(capsys.readouterr().out)))["optimizer"].startswith("'=")


def test_check_shows_the_exact_plan_and_makes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "optimizers"]) == OK
    told = capsys.readouterr().out
    assert "learning_rate" in told
    assert "25 searches, 300 points in all, each trained on 2 replicates" in told
    assert "forecast" in told
    assert not list(here.iterdir())


def test_choices_lists_every_registered_name(capsys: pytest.CaptureFixture[str]) -> None:
    from sweeps.cli.plan import registries

    assert main(["choices"]) == OK
    told = capsys.readouterr().out
    assert all(entry.name in told for _, registry in registries() for entry in registry)
    assert re.search(r'gaussian_process +acquisition +"EI" +EI, LCB, PI, +expected', told)
    assert re.search(r"random_then_grid +widen +false +true, false", told)


def test_doctor_names_library_kernel_and_threads(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == OK
    told = capsys.readouterr().out
    for word in ("numpy", "architecture", "num_threads", "all well"):
        assert word in told


def test_doctor_names_the_fix_for_a_folder_that_cannot_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["doctor"]) == 1
    assert "cannot be written to: choose another folder with --storage" in capsys.readouterr().out


def test_doctor_names_a_killed_sweep_and_how_to_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _stored(here, closed=None)
    assert main(["doctor"]) == 1
    assert "demo-1 was killed: sweep resume demo-1" in capsys.readouterr().out


def test_doctor_names_what_a_database_and_a_bucket_need(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql+psycopg://user:S3cret@db/mlflow")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://bucket/runs")
    for module in ("psycopg", "boto3"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "pip install 'psycopg[binary]'" in told
    assert "pip install 'boto3'" in told
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "oracle9://user:S3cret@db/mlflow")
    assert main(["doctor"]) == 1
    told += capsys.readouterr().out
    assert "oracle9" in told
    assert "S3cret" not in told


def test_without_a_command_the_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == OK
    assert "run a sweep" in capsys.readouterr().out
