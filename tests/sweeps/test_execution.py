"""An execution's bookkeeping, without Ray: what comes next, what became of each, and the same after a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.definition import Definition, load_definition
from sweeps.execution import MAX_ATTEMPTS, Execution, Job
from sweeps.journal import Journal
from sweeps.procedure import Procedure
from sweeps.space import Point
from sweeps.strategies import Done, History, Proposal, Wait

TEXT = """
name = "demo"
[data]
name = "digits"
[training]
epochs = 4
[search]
strategy = "{strategy}"
trials = 6
seed = 1
replicates = {replicates}
objective_at = "{at}"
confirm = {confirm}
[space]
optimizer = ["sgd", "momentum", "adam"]
learning_rate = {{ low = 1e-3, high = 1e-1, scale = "log" }}
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal.create(tmp_path / "journal.sqlite")
    made.append("opened", {"execution": "demo-1"})
    return made


def _definition(
    folder: Path, *, strategy: str = "random", replicates: int = 1, at: str = "last", confirm: int = 0
) -> Definition:
    path = folder / "demo.toml"
    path.write_text(TEXT.format(strategy=strategy, replicates=replicates, at=at, confirm=confirm), encoding="utf-8")
    return load_definition(str(path))


def _execution(
    journal: Journal, definition: Definition, *, slots: int = 1, strategy: History | None = None
) -> Execution:
    with pytest.MonkeyPatch.context() as patch:
        if strategy is not None:
            patch.setattr("sweeps.procedure.make_strategy", lambda *arguments: strategy)
        procedure = Procedure(definition, 1)
    return Execution(journal, definition, procedure, slots=slots, data_digest="d")


def _record(epoch: int, loss: float | str) -> dict[str, Any]:
    return {"epoch": epoch, "metrics": {"validation/loss": loss}, "activations": None}


def _train(execution: Execution, job: Job, *losses: float | str, status: str = "finished", begun: bool = False) -> bool:
    if not begun:
        execution.started(job.key, job.attempt)
    records = [_record(epoch, loss) for epoch, loss in enumerate((2.3, *losses))]
    return execution.reported(
        job.key, job.attempt, records, end={"status": status, "epochs": len(losses), "seconds": 0.1}
    )


def _taken(execution: Execution) -> Job:
    execution.prepare()
    job = execution.take()
    assert job is not None
    return job


def _body(journal: Journal, kind: str) -> list[dict[str, Any]]:
    return [event.body for event in journal.events(kinds=[kind])]


def test_a_search_runs_to_its_budget_and_says_why_it_ended(journal: Journal, tmp_path: Path) -> None:
    execution = _execution(journal, _definition(tmp_path))
    for number in range(6):
        assert not execution.finished
        _train(execution, _taken(execution), 1.0 / (number + 1))
    assert execution.take() is None
    assert execution.finished
    assert execution.why == "trials"
    assert [body["value"] for body in _body(journal, "ended")] == [1.0 / n for n in range(1, 7)]
    assert [body["number"] for body in _body(journal, "told")] == [1, 2, 3, 4, 5, 6]


def test_the_value_is_the_last_epochs_or_the_best_where_that_is_asked_for(journal: Journal, tmp_path: Path) -> None:
    execution = _execution(journal, _definition(tmp_path))
    _train(execution, _taken(execution), 0.2, 0.9)
    assert _body(journal, "ended")[0]["value"] == 0.9
    best = Journal.create(tmp_path / "best.sqlite")
    execution = _execution(best, _definition(tmp_path, at="best"))
    _train(execution, _taken(execution), 0.2, 0.9)
    assert _body(best, "ended")[0]["value"] == 0.2


@pytest.mark.parametrize("last", ["nan", "inf"])
def test_a_trial_whose_objective_is_not_finite_has_diverged_whatever_it_says(
    journal: Journal, tmp_path: Path, last: str
) -> None:
    execution = _execution(journal, _definition(tmp_path))
    _train(execution, _taken(execution), 0.5, last)
    assert (_body(journal, "ended")[0]["status"], _body(journal, "ended")[0]["value"]) == ("diverged", None)
    execution.prepare()
    assert _body(journal, "told")[0]["outcome"]["status"] == "diverged"


def test_one_diverged_replicate_makes_the_point_diverge_but_keeps_the_others_values(
    journal: Journal, tmp_path: Path
) -> None:
    execution = _execution(journal, _definition(tmp_path, replicates=3), slots=3)
    jobs = [_taken(execution) for _ in range(3)]
    assert [job.specification.replicate for job in jobs] == [0, 1, 2]
    _train(execution, jobs[0], 0.5)
    _train(execution, jobs[1], "inf", status="diverged")
    execution.prepare()
    assert not _body(journal, "told")
    _train(execution, jobs[2], 0.7)
    execution.prepare()
    assert _body(journal, "told")[0]["outcome"] == {"status": "diverged", "values": [0.5, None, 0.7], "epochs": 3}


def test_words_of_an_attempt_that_was_replaced_are_refused(journal: Journal, tmp_path: Path) -> None:
    execution = _execution(journal, _definition(tmp_path))
    first = _taken(execution)
    execution.started(first.key, 1)
    execution.lost(first.key, 1, "node gone")
    second = execution.take()
    assert second is not None
    assert (second.key, second.attempt, second.continues) == (first.key, 2, True)
    assert not _train(execution, first, 0.1, begun=True)
    assert not _body(journal, "ended")
    assert _train(execution, second, 0.2)
    assert _body(journal, "ended")[0]["value"] == 0.2


def test_a_trial_that_is_lost_again_and_again_is_given_up(journal: Journal, tmp_path: Path) -> None:
    execution = _execution(journal, _definition(tmp_path))
    key = ""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        job = _taken(execution)
        assert job.attempt == attempt
        key = job.key
        execution.started(key, attempt)
        assert execution.lost(key, attempt, "node gone") is (attempt == MAX_ATTEMPTS)
    assert _body(journal, "ended")[0]["status"] == "lost"
    assert _taken(execution).key != key


class _Twice(History):
    """A strategy that proposes the same training by two points: `momentum` means nothing under sgd."""

    def propose(self, number: int) -> Proposal | Wait | Done:
        if number >= 2:
            return Done("exhausted")
        return Proposal(Point({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.1 * number}), {"kind": "grid"})


def _twice(definition: Definition) -> _Twice:
    return _Twice(definition.space, seed=1, trials=None, direction="minimize")


def test_the_same_training_is_never_done_twice(journal: Journal, tmp_path: Path) -> None:
    definition = _definition(tmp_path)
    strategy = _twice(definition)
    execution = _execution(journal, definition, slots=2, strategy=strategy)
    _train(execution, _taken(execution), 0.5)
    execution.prepare()
    assert execution.take() is None
    assert execution.finished
    assert [body["why"] for body in _body(journal, "skipped")] == ["the same training as proposal 1"]
    assert [outcome.values for _, outcome in strategy.told] == [(0.5,), (0.5,)]  # both points went as the one training
    again = _execution(journal, definition, slots=2, strategy=_twice(definition))
    again.replay()
    again.prepare()
    assert again.finished


def test_after_stop_nothing_more_is_handed_out_and_it_is_over_when_what_runs_is_put_down(
    journal: Journal, tmp_path: Path
) -> None:
    execution = _execution(journal, _definition(tmp_path), slots=2)
    job = _taken(execution)
    execution.started(job.key, 1)
    handed_out = execution.take()  # taken, but no process has begun it
    assert handed_out is not None
    execution.stop("interrupted")
    assert execution.take() is None
    assert not execution.finished
    execution.interrupted(job.key, 1)
    assert execution.finished
    assert execution.why == "interrupted"


@pytest.mark.parametrize("strategy", ["random", "grid", "random_then_grid", "gaussian_process"])
@pytest.mark.parametrize("killed_after", [0, 1, 4])
def test_a_replay_goes_on_as_if_nothing_had_happened(tmp_path: Path, strategy: str, killed_after: int) -> None:
    definition = _definition(tmp_path, strategy=strategy)
    journals = [Journal.create(tmp_path / f"{name}.sqlite") for name in ("calm", "killed")]
    for journal, moment in zip(journals, (None, killed_after), strict=True):
        kill = moment
        execution = _execution(journal, definition)
        number = 0
        while not execution.finished:
            job = execution.take()
            if job is None:
                continue
            execution.started(job.key, job.attempt)
            if number == kill:
                kill = None
                execution = _execution(journal, definition)  # the process dies with the trial half done
                execution.replay()
                continue
            _train(execution, job, float(job.specification.hyperparameters["learning_rate"]) ** 2, begun=True)
            number += 1
    calm, killed = ([body["point"] for body in _body(journal, "proposed")] for journal in journals)
    assert calm == killed
    attempts = [event.attempt for event in journals[1].events(kinds=["ended"])]
    assert attempts.count(2) == 1
    assert [b["value"] for b in _body(journals[0], "ended")] == [b["value"] for b in _body(journals[1], "ended")]
