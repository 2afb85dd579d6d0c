"""The fold of a journal into a status, and how the status is shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.cli.summary import print_counts
from sweeps.journal import Journal
from sweeps.live import describe_point, duration, one_line, render
from sweeps.status import Status, read_status

OPENED: dict[str, Any] = {
    "execution": "demo-1",
    "definition": {"search": {"strategy": "random"}, "fixed": {"epochs": 20}},
    "objective": "validation/loss",
    "direction": "minimize",
    "planned": 4,
    "slots": 2,
    "data": {},
}
FINDING = {
    "name": "divergence",
    "epoch": 3,
    "summary": "loss was 9e+10 at epoch 3",
    "advice": "a smaller learning rate",
}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """Each append is ten seconds after the last; three trials: one finished, one diverged, one runs."""
    now = iter(range(1000, 100_000, 10))
    monkeypatch.setattr("time.time", lambda: float(next(now)))
    made = Journal.create(tmp_path / "journal.sqlite")
    made.append("opened", OPENED)
    for number, optimizer in enumerate(("adam", "sgd", "[red]x[/red]"), 1):
        trials = [{"key": f"k{number}", "replicate": 0, "specification": {}}]
        made.append(
            "proposed", {"number": number, "point": {"optimizer": optimizer}, "reason": {}, "seen": 0, "trials": trials}
        )
    made.append("started", {}, trial="k1", attempt=1)
    made.append("epoch", {"epoch": 1, "metrics": {"validation/loss": 0.5}}, trial="k1", attempt=1, epoch=1)
    _end(made, "k1", "finished", 0.5)
    made.append("started", {}, trial="k2", attempt=1)
    _end(made, "k2", "diverged", None, findings=[FINDING])
    made.append("started", {}, trial="k3", attempt=1)
    for epoch in range(8):
        made.append(
            "epoch",
            {"epoch": epoch, "metrics": {"validation/loss": 2.0 - epoch / 8}},
            trial="k3",
            attempt=1,
            epoch=epoch,
        )
    return made


def _end(
    journal: Journal, key: str, status: str, value: float | None, findings: list[dict[str, Any]] | None = None
) -> None:
    body = {"status": status, "value": value, "epochs": 20, "seconds": 1.5, "findings": findings or [], "error": None}
    journal.append("ended", body, trial=key, attempt=1)


def test_counts_best_failures_and_running_epochs(journal: Journal) -> None:
    status = read_status(journal)
    assert status.counts() == {"finished": 1, "diverged": 1, "running": 1}
    assert [t.key for t in status.best(5)] == ["k1"]
    assert [t.key for t in status.failures()] == ["k2"]
    assert (status.trials["k3"].epoch, status.trials["k3"].value) == (7, 1.125)
    assert (status.trials["k1"].epoch, status.trials["k1"].seconds) == (20, 1.5)
    assert status.state == "running"


def test_catching_up_step_by_step_is_the_same_as_reading_at_once(journal: Journal) -> None:
    status = read_status(journal)
    _end(journal, "k3", "finished", 0.4)
    status.catch_up(journal)
    journal.append("closed", {"why": "trials", "seconds": 9.0})
    status.catch_up(journal)
    assert status == read_status(journal)
    assert status.state == "finished"
    assert [t.key for t in status.best(5)] == ["k3", "k1"]


def test_the_best_follows_the_direction(journal: Journal) -> None:
    _end(journal, "k3", "finished", 0.9)
    status = read_status(journal)
    status.direction = "maximize"
    assert [t.value for t in status.best(5)] == [0.9, 0.5]


def test_time_left_goes_by_the_pace_so_far_and_is_never_negative(journal: Journal) -> None:
    status = read_status(journal)
    assert status.first_start == 1040.0
    assert status.left(1140.0) == pytest.approx(100.0)  # two of four trials in 100 s
    assert status.left(900.0) == 0.0  # the clock was set back


def test_a_pause_between_two_processes_does_not_count_as_work(journal: Journal) -> None:
    before = read_status(journal)
    journal.append("resumed", {"slots": 2})
    pausing = read_status(journal)
    assert pausing.left(pausing.last_at + 1000.0) is None  # nothing runs yet: there is no pace
    assert pausing.trials["k3"].status == "waiting"
    journal.append("started", {}, trial="k3", attempt=2)
    after = read_status(journal)
    assert after.last_at > before.last_at
    assert after.left(after.last_at) == before.left(before.last_at)


@pytest.mark.parametrize(
    ("budget", "left"), [({"seconds": 130.0}, 30.0), ({"epochs": 50}, pytest.approx(100 * 3 / 47))]
)
def test_time_left_ends_with_the_budget_that_is_reached_first(
    journal: Journal, budget: dict[str, Any], left: float
) -> None:
    status = read_status(journal)
    status.definition = {**OPENED["definition"], "budget": budget}
    assert status.left(1140.0) == left  # in 100 s two trials of 20 epochs, and 7 of the third


def test_the_number_of_trials_is_that_of_the_sweep_at_its_end_and_after_a_budget(journal: Journal) -> None:
    assert read_status(journal).total == 4
    journal.append("spent", {"why": "seconds"})
    assert read_status(journal).total == 3
    journal.append("resumed", {"slots": 2, "planned": 2, "extend": 1})
    assert read_status(journal).total == 3  # more were confirmed than was planned
    journal.append("closed", {"why": "trials"})
    status = read_status(journal)
    assert (status.total, status.state) == (3, "finished")


def test_what_is_not_closed_and_that_nobody_holds_was_killed(journal: Journal) -> None:
    status = read_status(journal)
    status.held = False
    assert status.state == "killed"
    assert "killed" in _printed(status)


def _printed(status: Status) -> str:
    console = Console(record=True, width=120, file=io.StringIO())
    print_counts(console, status)
    return console.export_text()


def _drawn(journal: Journal, draw: Callable[..., Any]) -> str:
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(draw(read_status(journal), "starting", 1140.0))
    return console.export_text()


def test_the_picture_shows_progress_running_best_last_and_failures_with_their_diagnosis(journal: Journal) -> None:
    text = _drawn(journal, render)
    for expected in (
        "2 of 4 trials",
        "1 min 40 s left",
        "epoch 7 of 20",
        "best so far",
        "0.5",
        "diverged",
        "loss was 9e+10 at epoch 3",
    ):
        assert expected in text
    assert "[red]x[/red]" in text  # a value is text, never markup


def test_the_picture_before_the_first_trial_says_what_is_being_done(tmp_path: Path) -> None:
    made = Journal.create(tmp_path / "fresh.sqlite")
    made.append("opened", OPENED)
    assert "starting" in _drawn(made, render)
    assert one_line(read_status(made), "starting Ray", 0.0) == "demo-1: starting Ray"


def test_a_line_for_a_log(journal: Journal) -> None:
    line = one_line(read_status(journal), "", 1140.0)
    assert line == "demo-1: 2 of 4 trials, best validation/loss 0.5, 1 without a value, 1 min 40 s left"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (8.4, "8 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_point_in_words() -> None:
    point = {"optimizer": "adam", "learning_rate": 0.0031622, "batch_normalization": False, "hidden": [100, 50]}
    assert describe_point(point) == "adam, learning_rate 0.00316, no batch_normalization, hidden [100, 50]"
