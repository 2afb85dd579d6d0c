"""What `sweep check` says of a definition: as much as is known before anything is trained, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sweeps.cli import OK, REFUSED, forecast, main

TEXT = """name = "mine"
[data]
name = "digits"
[model]
hidden = [8]
[search]
strategy = "random"
trials = 12
[space]
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
epochs = [1, 3]
"""
GRID = TEXT.replace('"random"\ntrials = 12', '"grid"\nconfirm = 0')


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forecast, "_MEASURED_SECONDS", 0.0)  # one epoch of each point
    return tmp_path


def told(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a definition with that text."""
    Path("mine.toml").write_text(text, encoding="utf-8")
    assert main(["check", "mine.toml"]) == OK
    assert not Path("kurabe-data").exists()
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("here")
def test_epochs_that_are_searched_are_counted_in_a_grid_and_estimated_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert "10 trials, 20 epochs in all" in told(GRID, capsys)
    assert "27 trials, about " in told(TEXT, capsys)
    fixed = TEXT.replace("epochs = [1, 3]", "") + "[training]\nepochs = 3\n"
    assert "27 trials, 81 epochs in all" in told(fixed, capsys)


@pytest.mark.usefixtures("here")
def test_a_grid_is_no_draw(capsys: pytest.CaptureFixture[str]) -> None:
    assert "each execution draws its own" in told(TEXT, capsys)
    assert "draws" not in told(GRID, capsys)


@pytest.mark.usefixtures("here")
def test_a_warm_start_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(TEXT.replace("trials = 12", 'trials = 12\nwarm_start = "nosuch-7"'))
    assert main(["check", "mine.toml"]) == REFUSED
    assert capsys.readouterr().err.startswith("mine.toml:9: search.warm_start: nosuch-7: no such execution in ")
    assert not Path("kurabe-data").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("budget", ["seconds = 60", "epochs = 200", "seconds = 60\ntarget = 0.1"])
def test_a_budget_bounds_what_is_not_known(budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(TEXT.replace("trials = 12", "") + f"[budget]\n{budget}\n", capsys)
    assert re.search(r"about \d+ trials, \d+ epochs in all forecast about .* on \d+ slots .*; about \d+ MB", said)
    assert "nothing else ends" not in said


@pytest.mark.usefixtures("here")
def test_a_budget_of_epochs_tells_how_many_trials_it_trains(capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("epochs = [1, 3]", "").replace("trials = 12", "") + "[training]\nepochs = 4\n"
    said = told(text + "[budget]\nepochs = 200\n", capsys)
    assert "about 65 trials, 260 epochs in all" in said  # 50 of the search, 5 of each of the 3 best points


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("budget", ["target = 0.01", "plateau = { trials = 5 }"])
def test_an_end_that_may_never_come_is_told(budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT + f"[budget]\n{budget}\n"
    assert "nothing else ends the search" not in told(text, capsys)
    said = told(text.replace("trials = 12", ""), capsys)
    assert "nothing else ends the search" in said
    assert "the number of trials is not known beforehand; one takes " in said


@pytest.mark.usefixtures("here")
def test_numbers_that_are_cut_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    model = TEXT.replace('"random"', '"gaussian_process"\ninitial = 9')
    assert "the model is asked after 4 points, a third of search.trials, not after initial = 9" in told(model, capsys)
    assert "the model is asked" not in told(model.replace("initial = 9", "initial = 4"), capsys)
    small = TEXT.replace('{ low = 1e-4, high = 1.0, scale = "log" }', "[0.1, 0.2]")
    assert "no more points than 4: search.trials = 12 is not reached" in told(small, capsys)
    assert "not reached" not in told(TEXT, capsys)
