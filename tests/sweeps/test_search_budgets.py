"""Budgets: which end is reached first, what is promised, levels that stay equal, resuming and extending."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweeps.cli.extension import extended, extension, resumptions, spent
from sweeps.definition import BudgetSection, Definition, Plateau
from sweeps.execution.budgets import GO, WAIT, Spent, standing
from sweeps.journal import Journal
from sweeps.storage import StorageError
from tests.sweeps.fake_trainings import begin, bodies, carry_out, definition, execution, train

ENDLESS = "confirm = 2"
COMPARED = '[comparison]\nfactor = "optimizer"\nrepeats = 2\nconfirm = 2\n'


def loss(values: Mapping[str, Any], replicate: int, epoch: int) -> float:
    return float(values["learning_rate"]) + 1 / (epoch + 1)


@pytest.mark.parametrize(
    ("budget", "spent", "answer"),
    [
        (BudgetSection(seconds=60), Spent(seconds=59.0), GO),
        (BudgetSection(seconds=60), Spent(seconds=50.0, waiting=10.0), WAIT),
        (BudgetSection(seconds=60), Spent(seconds=60.0), "seconds"),
        (BudgetSection(epochs=100), Spent(epochs=90, promised=9), GO),
        (BudgetSection(epochs=100), Spent(epochs=90, promised=10), WAIT),
        (BudgetSection(epochs=100), Spent(epochs=100, promised=10), "epochs"),
        (BudgetSection(target=0.5), Spent(scores=[0.51, math.inf]), GO),
        (BudgetSection(target=0.5), Spent(scores=[0.9, 0.5]), "target"),
        (BudgetSection(plateau=Plateau(2, 0.1)), Spent(scores=[0.9, 0.8, 0.79]), GO),
        (BudgetSection(plateau=Plateau(2, 0.1)), Spent(scores=[0.9, 0.875, 0.8125]), "plateau"),
        (BudgetSection(plateau=Plateau(2, 0.0)), Spent(scores=[0.9, math.inf, math.inf]), "plateau"),
        (BudgetSection(plateau=Plateau(2, 0.0)), Spent(scores=[math.inf] * 5), GO),
        (BudgetSection(plateau=Plateau(2, 0.0)), Spent(scores=[0.5, 0.4]), GO),
        (BudgetSection(), Spent(seconds=1e9, epochs=10**9, scores=[0.0] * 99), GO),
    ],
)
def test_the_first_budget_that_is_reached_is_named(budget: BudgetSection, spent: Spent, answer: str) -> None:
    assert standing(budget, spent, sign=1.0) == answer


def test_a_target_is_reached_from_below_where_more_is_better() -> None:
    budget = BudgetSection(target=0.9)
    assert standing(budget, Spent(scores=[-0.89]), sign=-1.0) == GO
    assert standing(budget, Spent(scores=[-0.89, -0.9]), sign=-1.0) == "target"


class Clock:
    """Ten seconds go by with each training."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += 10.0


def first_word(text: str) -> str:
    return text.partition(" ")[0]


def ended(journal: Journal) -> tuple[str, dict[str, int]]:
    (spent,) = bodies(journal, "spent")
    return spent["why"], dict(Counter(body["stage"] for body in bodies(journal, "proposed")))


@pytest.mark.parametrize(
    ("budget", "points"),
    [
        ("epochs = 40", 10),  # of four epochs each
        ("epochs = 41", 11),
        ("seconds = 60.0", 6),
        ("target = 0.205", 0),
        ("plateau = { trials = 5 }", 0),
        ("trials = 30\nepochs = 20", 5),
    ],
)
def test_a_budget_ends_the_search_and_the_confirmation_follows(tmp_path: Path, budget: str, points: int) -> None:
    clock, journal = Clock(), begin(tmp_path)
    made = definition(tmp_path, ENDLESS, f"[budget]\n{budget}")
    running = execution(journal, made, clock=clock)
    carry_out(running, loss, meanwhile=clock.tick)
    name = first_word(budget.rsplit("\n", maxsplit=1)[-1])
    assert running.why == name
    why, asked = ended(journal)
    assert (why, asked["confirmation"]) == (name, 3)
    assert asked["search"] == points or not points
    values = [body["outcome"]["values"][0] for body in bodies(journal, "told")][: asked["search"]]
    if name == "target":
        assert values[-1] <= 0.205 < min(values[:-1])
    if name == "plateau":
        assert min(values) == values[-6]


def test_points_alone_are_the_same_as_search_trials(tmp_path: Path) -> None:
    made = definition(tmp_path, "confirm = 0", "[budget]\ntrials = 3")
    assert (made.search.trials, bool(made.budget)) == (3, False)
    running = execution(begin(tmp_path), made)
    assert (carry_out(running, loss), running.why) == (3, "trials")


def test_epochs_that_are_promised_are_not_given_twice(tmp_path: Path) -> None:
    made = definition(tmp_path, "confirm = 0", "[budget]\nepochs = 20")
    running = execution(begin(tmp_path), made, slots=4)
    running.prepare()
    jobs = [job for _ in range(9) if (job := running.take()) is not None]
    running.prepare()
    jobs += [job for _ in range(9) if (job := running.take()) is not None]
    assert len(jobs) == 5
    for job in jobs:
        assert not running.finished
        train(running, job, loss)
        running.prepare()
    assert (running.finished, running.why) == (True, "epochs")


def test_what_waits_counts_for_the_seconds_that_it_will_take(tmp_path: Path) -> None:
    clock = Clock()
    running = execution(
        begin(tmp_path), definition(tmp_path, "confirm = 0", "[budget]\nseconds = 12.0"), clock=clock, slots=2
    )
    running.prepare()
    first, second = running.take(), running.take()
    assert first is not None
    assert second is not None
    train(running, first, loss)  # one second, says its record
    clock.tick()
    waiting = []
    for _ in range(3):
        running.prepare()
        waiting += [job for _ in range(9) if (job := running.take()) is not None]
    assert len(waiting) + 1 == 4  # two slots, two seconds left, one second each; the second has not begun


@pytest.mark.parametrize("budget", ["epochs = 50", "seconds = 130.0"])
@pytest.mark.parametrize("at_once", [1, 4])
def test_levels_get_the_same_number_of_points(tmp_path: Path, budget: str, at_once: int) -> None:
    clock, journal = Clock(), begin(tmp_path)
    running = execution(journal, definition(tmp_path, "", f"{COMPARED}[budget]\n{budget}"), clock=clock, slots=at_once)
    carry_out(running, loss, meanwhile=clock.tick)
    searched = Counter(
        (body["level"], body["repeat"]) for body in bodies(journal, "proposed") if body["stage"] == "search"
    )
    assert len(searched) == 6
    assert len(set(searched.values())) == 1
    assert ended(journal)[1]["confirmation"] == 6


@pytest.mark.parametrize("budget", ["epochs = 40", "seconds = 55.0", "target = 0.22", "plateau = { trials = 4 }"])
@pytest.mark.parametrize("trainings", [1, 4])
def test_processes_that_die_come_to_the_same_end(tmp_path: Path, budget: str, trainings: int) -> None:
    made, journals = definition(tmp_path, ENDLESS, f"[budget]\n{budget}"), []
    for name, most in (("calm", 1000), ("killed", trainings)):
        clock, journal = Clock(), begin(tmp_path, name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time", clock)  # what events are dated by
            running = execution(journal, made, clock=clock)
            while not running.finished:
                journal.append("resumed", {"extend": 0})
                running = execution(journal, made, clock=clock)
                carry_out(running, loss, meanwhile=clock.tick, trainings=most)
        journals.append(journal)
    calm, killed = ([body["point"] for body in bodies(journal, "proposed")] for journal in journals)
    assert calm == killed
    assert ended(journals[1])[0] == first_word(budget)


@pytest.mark.parametrize(
    ("budget", "more"),
    [
        ("epochs = 12", 8),
        ("seconds = 30.0", 20),
        ("target = 0.3", 2),
        ("plateau = { trials = 2 }", 2),
        ("trials = 3", 2),
    ],
)
def test_what_was_reached_is_extended_again_and_again(tmp_path: Path, budget: str, more: int) -> None:
    made, clock, journal = definition(tmp_path, ENDLESS, f"[budget]\n{budget}"), Clock(), begin(tmp_path)
    running, why = execution(journal, made, clock=clock), first_word(budget)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", clock)
        carry_out(running, loss, meanwhile=clock.tick)
        for _ in range(3):
            assert running.why == why
            before = spent(journal)
            body = extension("demo-1", extended(made, resumptions(journal)), running.why, before, more)
            journal.append("resumed", {"environment": {}, **body})
            running = execution(journal, extended(made, resumptions(journal)), clock=clock)
            assert not running.finished
            carry_out(running, loss, meanwhile=clock.tick)
            assert spent(journal)["points"] == before["points"] + 2
            why = "trials" if why in ("target", "plateau") else why


def test_epochs_are_added_to_those_that_went_beyond_the_budget(tmp_path: Path) -> None:
    made, journal = definition(tmp_path, "replicates = 10\nconfirm = 0", "[budget]\nepochs = 30"), begin(tmp_path)
    carry_out(execution(journal, made), loss)
    assert spent(journal)["epochs"] == 40
    body = extension("demo-1", made, "epochs", spent(journal), 8)
    journal.append("resumed", body)
    carry_out(execution(journal, extended(made, resumptions(journal))), loss)
    assert spent(journal)["epochs"] == 80


def test_what_cannot_be_extended_is_told(tmp_path: Path) -> None:
    made = definition(tmp_path, ENDLESS, "[budget]\nepochs = 12")
    with pytest.raises(StorageError, match="its budget is not reached"):
        extension("demo-1", made, None, {"points": 2}, 5)
    compared = definition(tmp_path, "", f"{COMPARED}[budget]\nepochs = 50")
    with pytest.raises(StorageError, match="a comparison is not extended"):
        extension("demo-1", compared, "epochs", {"points": 2}, 5)
    assert extension("demo-1", compared, "epochs", {"points": 2}, 0) == {"extend": 0}


def test_a_definition_says_its_budget_in_words_and_in_its_digest(tmp_path: Path) -> None:
    made = definition(tmp_path, ENDLESS, "[budget]\nepochs = 12\nplateau = { trials = 3, improvement = 0.5 }")
    assert made.canonical()["budget"] == {
        "seconds": None,
        "epochs": 12,
        "target": None,
        "plateau": {"trials": 3, "improvement": 0.5},
    }
    plain: Definition = definition(tmp_path, "trials = 3")
    assert "budget" not in plain.canonical()
    assert not {"stop", "racing", "warm_start"} & set(plain.canonical()["search"])  # type: ignore[call-overload]  # a dict
