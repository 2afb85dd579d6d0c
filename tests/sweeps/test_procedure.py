"""The procedure of an execution: searches that take turns, then confirmation on replicates that none of them saw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sweeps.definition import Definition, load_definition
from sweeps.procedure import Assignment, Procedure, measure_of
from sweeps.strategies import Done, Outcome, Wait

HEAD = """
[data]
name = "digits"
[search]
strategy = "{strategy}"
{search}
[space]
{space}
learning_rate = {{ low = 1e-3, high = 1e-1, scale = "log" }}
"""
OPTIMIZERS = 'optimizer = ["sgd", "momentum", "adam"]'
COMPARISON = """
[comparison]
factor = "optimizer"
trials_per_level = 4
repeats = 2
confirm = 3
"""


def definition(
    folder: Path, extra: str = "", *, search: str = "", space: str = OPTIMIZERS, strategy: str = "random"
) -> Definition:
    path = folder / "demo.toml"
    path.write_text(HEAD.format(search=search, space=space, strategy=strategy) + extra)
    return load_definition(str(path))


def value(assignment: Assignment, replicate: int) -> float:
    """A made-up training: the smaller the learning rate the better, sgd worst."""
    rate = assignment.point["learning_rate"]
    assert isinstance(rate, float)
    return rate + (10.0 if assignment.point.get("optimizer") == "sgd" else 0.0) + 1e-9 * replicate


def outcome_of(assignment: Assignment) -> Outcome:
    return Outcome("finished", tuple(value(assignment, each) for each in assignment.replicates), 1)


def carried_out(procedure: Procedure, *, at_once: int = 1) -> list[Assignment]:
    """Everything that the procedure asks for, so many pending at a time, told in the order of asking."""
    asked: list[Assignment] = []
    pending: list[int] = []
    while True:
        answer = procedure.ask()
        if isinstance(answer, Assignment):
            asked.append(answer)
            pending.append(len(asked))
        if pending and (len(pending) == at_once or not isinstance(answer, Assignment)):
            number = pending.pop(0)
            procedure.tell(number, outcome_of(asked[number - 1]))
        elif not isinstance(answer, Assignment):
            assert isinstance(answer, Done), "it waits for nothing"
            return asked


@pytest.mark.parametrize("at_once", [1, 5])
@pytest.mark.parametrize("strategy", ["random", "gaussian_process", "random_then_grid"])
def test_every_level_gets_the_same_budget_and_its_winners_are_confirmed(
    tmp_path: Path, strategy: str, at_once: int
) -> None:
    procedure = Procedure(definition(tmp_path, COMPARISON, strategy=strategy), 7)
    asked = carried_out(procedure, at_once=at_once)
    searched = [each for each in asked if each.stage == "search"]
    confirmed = [each for each in asked if each.stage == "confirmation"]
    cells = {(level, repeat) for level in ("sgd", "momentum", "adam") for repeat in (0, 1)}
    assert Counter((each.level, each.repeat) for each in searched) == dict.fromkeys(cells, 4)
    assert {each.point["optimizer"] for each in searched if each.level == "adam"} == {"adam"}
    assert asked.index(confirmed[0]) == len(searched)
    best = {
        cell: min(
            (each for each in searched if (each.level, each.repeat) == cell), key=lambda each: value(each, 0)
        ).point
        for cell in cells
    }
    assert {(each.level, each.repeat): each.point for each in confirmed} == best
    assert procedure.planned == sum(len(each.replicates) for each in asked)


def test_levels_are_paired_by_repeat_and_repeats_share_neither_points_nor_replicates(tmp_path: Path) -> None:
    asked = carried_out(Procedure(definition(tmp_path, COMPARISON, search="replicates = 2"), 7))
    rates: dict[tuple[str, int], list[object]] = {}
    for each in asked:
        if each.stage == "search":
            rates.setdefault((each.level, each.repeat), []).append(each.point["learning_rate"])
    assert rates["sgd", 0] == rates["adam", 0] != rates["adam", 1]
    used = {
        (stage, repeat): {each.replicates for each in asked if (each.stage, each.repeat) == (stage, repeat)}
        for stage in ("search", "confirmation")
        for repeat in (0, 1)
    }
    assert all(len(replicates) == 1 for replicates in used.values())  # the same for all levels
    every = [number for (replicates,) in used.values() for number in replicates]
    assert len(every) == len(set(every)) == 2 + 2 + 3 + 3


def test_another_first_replicate_is_new_evidence_throughout(tmp_path: Path) -> None:
    made = definition(tmp_path, COMPARISON)
    first, second = (carried_out(Procedure(made, 7, first_replicate=start)) for start in (0, 100))
    assert {r for each in first for r in each.replicates}.isdisjoint(r for each in second for r in each.replicates)


def test_a_plain_search_confirms_its_three_best_points_once(tmp_path: Path) -> None:
    made = definition(tmp_path, search="trials = 9\nconfirm = 4")
    asked = carried_out(Procedure(made, 3))
    searched, confirmed = asked[:9], asked[9:]
    assert [each.point for each in confirmed] == [
        each.point for each in sorted(searched, key=lambda each: value(each, 0))[:3]
    ]
    assert [each.replicates for each in confirmed] == [(1, 2, 3, 4)] * 3
    assert {each.level for each in asked} == {""}


@pytest.mark.parametrize(("trials", "words"), [(9, "the 3 best points"), (2, "the 2 best"), (1, "the best point ")])
def test_the_plan_names_no_more_points_than_there_are(tmp_path: Path, trials: int, words: str) -> None:
    procedure = Procedure(definition(tmp_path, search=f"trials = {trials}\nconfirm = 4"), 3)
    assert list(procedure.plan())[-1].startswith(f"then {words}")
    assert len(carried_out(procedure)) == trials + min(trials, 3)


def test_points_without_a_value_are_not_confirmed(tmp_path: Path) -> None:
    procedure = Procedure(definition(tmp_path, search="trials = 4\nconfirm = 4"), 3)
    for number in range(1, 5):
        assert isinstance(procedure.ask(), Assignment)
        procedure.tell(number, Outcome("diverged", (None,), 1) if number < 4 else Outcome("finished", (1.0,), 1))
    last = procedure.ask()
    assert isinstance(last, Assignment)
    assert last.stage == "confirmation"
    assert isinstance(procedure.ask(), Done)


def test_without_a_test_part_a_plain_search_confirms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    text = HEAD.format(search="trials = 2", space=OPTIMIZERS, strategy="random")
    path.write_text(text.replace('name = "digits"', 'name = "digits"\ntest = 0.0'))
    assert len(carried_out(Procedure(load_definition(str(path)), 3))) == 2


def test_what_is_not_tuned_is_confirmed_at_once(tmp_path: Path) -> None:
    text = """
[data]
name = "digits"
[space]
initializer = ["he", "xavier"]
[comparison]
factor = "initializer"
confirm = 3
"""
    path = tmp_path / "plain.toml"
    path.write_text(text)
    procedure = Procedure(load_definition(str(path)), 0)
    asked = [answer for _ in range(3) if isinstance(answer := procedure.ask(), Assignment)]
    assert [(each.stage, each.level, each.replicates) for each in asked] == [
        ("confirmation", "he", (0, 1, 2)),
        ("confirmation", "xavier", (0, 1, 2)),
    ]
    assert procedure.planned == 6


def test_levels_may_be_partial_points_or_strategies(tmp_path: Path) -> None:
    regularization = """
[comparison]
factor = "regularization"
trials_per_level = 3
confirm = 2
[comparison.levels.none]
weight_decay.strength = 0.0
[comparison.levels.l2]
weight_decay.norm = "l2"
[comparison.levels.dropout]
dropout = 0.3
weight_decay.strength = 0.0
"""
    space = '"weight_decay.strength" = { low = 1e-6, high = 1e-2, scale = "log" }'
    asked = carried_out(Procedure(definition(tmp_path, regularization, space=space), 1))
    names = {each.level: set(each.point) for each in asked if each.stage == "search"}
    assert names == {
        "none": {"weight_decay.strength", "learning_rate"},
        "l2": {"weight_decay.norm", "weight_decay.strength", "learning_rate"},
        "dropout": {"dropout", "weight_decay.strength", "learning_rate"},
    }
    assert {each.point["weight_decay.strength"] for each in asked if each.level == "none"} == {0.0}
    strategies = COMPARISON.replace('"optimizer"', '"strategy"') + 'levels = ["random", "grid"]\n'
    asked = carried_out(Procedure(definition(tmp_path, strategies), 1))
    kinds = {each.level: each.reason["kind"] for each in asked if each.stage == "search"}
    assert kinds == {"random": "random", "grid": "grid"}


@pytest.mark.parametrize("extra", [COMPARISON, ""])
@pytest.mark.parametrize("cut", [1, 5, 11, 20, 25])
def test_replayed_into_a_fresh_procedure_the_rest_is_the_same(tmp_path: Path, extra: str, cut: int) -> None:
    made = definition(tmp_path, extra, search="" if extra else "trials = 22\nconfirm = 2")
    whole = carried_out(Procedure(made, 5))
    again = Procedure(made, 5)
    for number, assignment in enumerate(whole[:cut], 1):
        again.remember(assignment)
        again.tell(number, outcome_of(assignment))
    rest = carried_out_from(again, cut)
    assert whole[:cut] + rest == whole


def carried_out_from(procedure: Procedure, number: int) -> list[Assignment]:
    asked: list[Assignment] = []
    while isinstance(answer := procedure.ask(), Assignment):
        asked.append(answer)
        procedure.tell(number + len(asked), outcome_of(answer))
    return asked


def test_confirmation_waits_for_every_search(tmp_path: Path) -> None:
    procedure = Procedure(definition(tmp_path, COMPARISON), 5)
    asked = [answer for _ in range(24) if isinstance(answer := procedure.ask(), Assignment)]
    assert len(asked) == 24
    for number in range(1, 24):
        assert isinstance(procedure.ask(), Wait)
        procedure.tell(number, outcome_of(asked[number - 1]))
    procedure.tell(24, outcome_of(asked[23]))
    answer = procedure.ask()
    assert isinstance(answer, Assignment)
    assert answer.stage == "confirmation"


def test_what_confirmed_points_are_judged_by(tmp_path: Path) -> None:
    comparison = definition(tmp_path, COMPARISON + 'measure = "test/loss"\n').comparison
    assert measure_of(comparison, "classification") == "test/loss"
    assert (measure_of(None, "classification"), measure_of(None, "regression")) == ("test/accuracy", "test/loss")
