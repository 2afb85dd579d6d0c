"""Which training is an execution's best, how its value follows from the records, and training it again."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from model.datasets import load, split
from model.specification import Specification
from model.training import Training
from sweeps.journal import Journal
from sweeps.networks import Best, Candidate, NotTheSame, best_of, keep_network, read_network, train_again
from sweeps.objective import START, Objective

DATA = split(load("iris"))
SPECIFICATION = Specification({"hidden": [8], "epochs": 6, "learning_rate": 0.3, "optimizer": "sgd"})


def end(value: float | None, status: str = "finished") -> dict[str, Any]:
    return {"status": status, "value": value}


def chosen(ends: list[tuple[str, dict[str, Any]]], notes: dict[str, Any], direction: str) -> Best | None:
    searched = [Candidate(key, number, "search", body) for number, (key, body) in enumerate(ends, 1)]
    return best_of(searched, notes, direction=direction, measure="test/accuracy")


def test_the_best_is_the_best_value_of_a_finished_trial() -> None:
    ends = [("a", end(0.5)), ("b", end(0.2)), ("c", end(None, "diverged")), ("d", end(0.1, "failed"))]
    best = chosen(ends, {}, "minimize")
    assert best is not None
    assert (best.key, best.value, best.note) == ("b", 0.2, None)
    best = chosen(ends, {}, "maximize")
    assert best is not None
    assert (best.key, best.value) == ("a", 0.5)
    assert chosen(ends[2:], {}, "minimize") is None


def test_among_equals_the_one_whose_network_was_kept_then_the_first() -> None:
    ends = [("a", end(1.0)), ("b", end(1.0)), ("c", end(1.0))]
    best = chosen(ends, {"c": {"file": "c.npz"}}, "maximize")
    assert best is not None
    assert best.key == "c"
    best = chosen(ends, {}, "maximize")
    assert best is not None
    assert best.key == "a"


def test_the_best_of_a_confirmed_sweep_is_a_replicate_that_no_score_has_chosen() -> None:
    def ended(
        key: str, number: int, value: float, *, score: float | None = None, status: str = "finished"
    ) -> Candidate:
        end = {"status": status, "value": value} | ({} if score is None else {"test": {"test/accuracy": score}})
        return Candidate(key, number, "search" if number < 3 else "confirmation", end)

    trials = [
        ended("lucky", 1, 0.1),
        ended("other", 2, 0.2),
        ended("a1", 3, 0.5, score=0.90),
        ended("a2", 3, 0.1, score=0.99),
        ended("b1", 4, 0.4, score=0.95),
        ended("b2", 4, 0.4, score=0.96),
        ended("c1", 5, 0.3, score=0.99),
        ended("c2", 5, 0.3, status="diverged"),
    ]
    best = best_of(trials, {"b1": {"file": "b1.npz"}}, direction="minimize", measure="test/accuracy")
    assert best == Best("b1", 0.4, {"file": "b1.npz"}, (0.95, 0.96))
    assert best_of(trials[:2], {}, direction="minimize", measure="test/accuracy") == Best("lucky", 0.1, None)
    assert best_of([], {}, direction="minimize", measure="test/accuracy") is None


def test_a_kept_network_is_read_only_if_it_is_whole(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.sqlite")
    journal.append("opened", {})
    keep_network(journal, tmp_path / "networks", "k", b"bytes", value=0.5, attempt=1, epoch=3)
    (event,) = journal.events(kinds=("network",))
    assert (event.trial, event.epoch, event.body["value"]) == ("k", 3, 0.5)
    assert read_network(tmp_path / "networks", event.body) == b"bytes"
    (tmp_path / "networks" / "k.npz").write_bytes(b"byte")
    assert read_network(tmp_path / "networks", event.body) is None
    assert read_network(tmp_path / "elsewhere", event.body) is None
    assert read_network(tmp_path, None) is None


RECORDS = [{"epoch": epoch, "metrics": {"m": value}} for epoch, value in enumerate((0.0, 3.0, 1.0, "nan", 2.0))]


@pytest.mark.parametrize(
    ("direction", "at", "value", "epochs"),
    [
        ("minimize", "last", 2.0, [1, 2, 4]),
        ("maximize", "last", 2.0, [1, 2, 4]),
        ("minimize", "best", 1.0, [1, 2]),
        ("maximize", "best", 3.0, [1]),
    ],
)
def test_the_value_of_a_training_and_the_epochs_it_speaks_of(
    direction: str, at: str, value: float, epochs: list[int]
) -> None:
    objective, course, found = Objective("m", direction, at), START, []
    for record in RECORDS:
        course = objective.follow(course, record)
        if objective.is_of(course):
            found.append(record["epoch"])
    assert objective.value(course) == value
    assert found == epochs
    assert objective.value(reduce(objective.follow, RECORDS[:4], START)) == (None if at == "last" else value)


@pytest.mark.parametrize("at", ["last", "best"])
def test_a_training_is_repeated_up_to_the_epoch_of_its_value(at: str) -> None:
    objective = Objective("validation/loss", "maximize", at)
    training, values, networks = Training(SPECIFICATION, DATA), [], []
    for record in training:
        values.append(record.metrics["validation/loss"])
        networks.append(training.trained())
    value = values[-1] if at == "last" else max(values[1:])
    epoch, network = train_again(SPECIFICATION, DATA, objective, value)
    assert epoch == (6 if at == "last" else values.index(value, 1))
    assert epoch != 6 or at == "last"
    assert network == networks[epoch]


def test_other_numbers_are_not_taken_for_the_same(tmp_path: Path) -> None:
    with pytest.raises(NotTheSame, match=r"trained again, it came to validation/loss 0\.\d+, not to 0.5"):
        train_again(SPECIFICATION, DATA, Objective("validation/loss"), 0.5)
