"""Trials that are stopped early: when they are judged, by whom, and the same after a resume; Ray's schedulers alone."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeps.execution import Execution, Judged, StoppingRule, stopping_rule
from sweeps.journal import Journal
from sweeps.runner.judges import Judges
from sweeps.status import Status
from sweeps.strategies import Outcome, Proposal, make_strategy
from sweeps.strategies.base import comparable
from tests.sweeps.fake_trainings import begin, bodies, carry_out, definition, execution

ASHA = 'trials = 12\nstop = "asha"\ngrace = 2\nreduction = 2'
COMPARED = """
[comparison]
factor = "optimizer"
trials_per_level = 8
repeats = 2
confirm = 2
"""


def loss(values: Mapping[str, Any], replicate: int, epoch: int) -> float:
    """Towards the learning rate, which is as good as a final value; sgd begins slowly and ends best."""
    final = float(values["learning_rate"])
    return final + 2.0**-epoch * (50.0 if values["optimizer"] == "sgd" else 1.0) + 1e-6 * replicate


def judges_of(running: Execution) -> Judges:
    made = Judges(running.stopping_rule, "minimize")
    made.remember(running.judged())
    return made


def values_at(judges: Judges, epoch: int, values: list[float], first: int = 0) -> list[bool]:
    group = ("", 0, 0)
    return [judges.stops(Judged(group, f"k{first + n}", epoch, value)) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        (StoppingRule("asha", 3, 3, 30), (3, 9, 27)),
        (StoppingRule("asha", 1, 2, 8), (1, 2, 4)),
        (StoppingRule("asha", 1, 4, 64), (1, 4, 16)),
        (StoppingRule("median", 3, 3, 10), (3, 6, 9)),
        (StoppingRule("none", 3, 3, 10), ()),
    ],
)
def test_decision_points_lie_before_the_end(rule: StoppingRule, points: tuple[int, ...]) -> None:
    assert rule.points(rule.longest) == points
    assert rule.points(1) == ()


def test_grace_that_is_not_given_is_a_seventh_of_the_longest_training(tmp_path: Path) -> None:
    made = definition(tmp_path, 'trials = 3\nstop = "asha"', "epochs = [10, 60]", epochs=0)
    assert stopping_rule(made) == StoppingRule("asha", 8, 3, 60)


def test_asha_lets_the_best_of_each_rung_go_on() -> None:
    judges = Judges(StoppingRule("asha", 2, 2, 16), "minimize")
    assert values_at(judges, 2, [0.5, 0.6, 0.4, 0.45, 0.9]) == [False, True, False, False, True]
    assert values_at(judges, 4, [0.3], first=9) == [False]
    upwards = Judges(StoppingRule("asha", 2, 2, 16), "maximize")
    assert values_at(upwards, 2, [0.5, 0.6, 0.4]) == [False, False, True]


def test_the_median_rule_needs_three_others_and_never_pauses() -> None:
    judges = Judges(StoppingRule("median", 1, 3, 16), "minimize")
    assert values_at(judges, 1, [0.5, 0.9, 0.7]) == [False] * 3
    assert values_at(judges, 1, [0.8, 0.6], first=3) == [True, False]


def test_a_point_is_judged_once_and_what_an_earlier_process_judged_counts() -> None:
    rule = StoppingRule("asha", 2, 2, 16)
    first, again = Judges(rule, "minimize"), Judges(rule, "minimize")
    values = [0.5, 0.6, 0.4, 0.45, 0.9]
    values_at(first, 2, values)
    again.remember(Judged(("", 0, 0), f"k{n}", 2, value) for n, value in enumerate(values))
    assert values_at(again, 2, values) == [False] * 5
    for value in (0.41, 0.46):
        assert first.stops(Judged(("", 0, 0), f"x{value}", 2, value)) == again.stops(
            Judged(("", 0, 0), f"x{value}", 2, value)
        )
    median = Judges(StoppingRule("median", 1, 3, 16), "minimize")
    median.remember(Judged(("", 0, 0), f"k{n}", 1, value) for n, value in enumerate([0.5, 0.9, 0.7, 0.8]))
    assert values_at(median, 2, [0.95], first=1) == [False]  # the others have not come so far
    assert values_at(median, 1, [0.95, 0.1], first=8) == [True, False]


def test_levels_repeats_and_replicates_are_not_held_against_each_other(tmp_path: Path) -> None:
    made = definition(tmp_path, 'stop = "asha"\ngrace = 1\nreplicates = 2', COMPARED, epochs=9)
    journal = begin(tmp_path)
    running = execution(journal, made)
    carry_out(running, loss, judge=judges_of(running).stops)
    trials = [(body, trial) for body in bodies(journal, "proposed") for trial in body["trials"]]
    ends = {event.trial: event.body["status"] for event in journal.events(kinds=["ended"])}
    searched = Counter((b["level"], ends[t["key"]]) for b, t in trials if b["stage"] == "search")
    assert {ends[t["key"]] for b, t in trials if b["stage"] == "confirmation"} == {"finished"}
    # One scheduler for all would stop nearly every trial of the level that begins slowly: here levels fare alike.
    assert len({searched[level, "stopped"] for level in ("sgd", "momentum", "adam")}) == 1
    assert searched["sgd", "stopped"] > 8
    assert {body["stopped_by"] for body in bodies(journal, "ended") if body["status"] == "stopped"} == {"asha"}


def test_a_stopped_trial_is_told_with_its_value_and_epochs_and_is_never_best(tmp_path: Path) -> None:
    """Values rise here, so that whoever is stopped has the lower one."""

    def rising(values: Mapping[str, Any], replicate: int, epoch: int) -> float:
        return float(values["learning_rate"]) + epoch

    made = definition(tmp_path, ASHA + "\nconfirm = 2", epochs=8)
    journal = begin(tmp_path)
    running = execution(journal, made)
    carry_out(running, rising, judge=judges_of(running).stops)
    ends = {str(event.trial): event.body for event in journal.events(kinds=["ended"])}
    stopped = {key: end for key, end in ends.items() if end["status"] == "stopped"}
    assert {end["epochs"] for end in stopped.values()} <= {2, 4}
    told = {body["number"]: body["outcome"] for body in bodies(journal, "told")}
    for body in bodies(journal, "proposed"):
        (trial,) = {t["key"] for t in body["trials"][:1]}
        if trial in stopped and body["stage"] == "search":
            end = stopped[trial]
            outcome = {"status": "stopped", "values": [end["value"]], "epochs": end["epochs"]}
            assert outcome.items() <= told[body["number"]].items()
            assert told[body["number"]]["course"][-1] == [end["epochs"], end["value"]]
    status = folded(journal)
    finished = [end["value"] for end in ends.values() if end["status"] == "finished"]
    assert min(end["value"] for end in stopped.values()) < min(finished)
    assert running.to_beat(next(iter(ends))) == status.best()[0].value == min(finished)
    points = {str(body["point"]) for body in bodies(journal, "proposed") if body["stage"] == "confirmation"}
    assert len(points) == 3
    assert not points & {
        str(body["point"])
        for body in bodies(journal, "proposed")
        if body["stage"] == "search" and body["trials"][0]["key"] in stopped
    }


def folded(journal: Journal) -> Status:
    """Status wants the whole first event, which these journals do not have."""
    status = Status(objective="validation/loss")
    status.update(journal.events(kinds=("proposed", "started", "ended", "raced")))
    return status


@pytest.mark.parametrize("rule", ['stop = "asha"\ngrace = 1\nreduction = 2', 'stop = "median"\ngrace = 2'])
@pytest.mark.parametrize("strategy", ["random", "gaussian_process"])
@pytest.mark.parametrize("dies", ["between trials", "before the judgement", "after the judgement"])
def test_after_a_death_the_same_trials_are_stopped_as_without(
    tmp_path: Path, rule: str, strategy: str, dies: str
) -> None:
    made = definition(tmp_path, f"trials = 14\nconfirm = 0\n{rule}", epochs=9, strategy=strategy)
    calm, killed = begin(tmp_path, "calm"), begin(tmp_path, "killed")
    running = execution(calm, made)
    carry_out(running, loss, judge=judges_of(running).stops)
    fate, running = Fate(dies), execution(killed, made)
    while not running.finished:
        running = execution(killed, made)
        with suppress(Death):
            carry_out(running, loss, judge=fate.mortal(judges_of(running).stops), trainings=fate.trainings)
    assert fate.deaths >= (0 if dies == "between trials" else 3)
    assert [body["point"] for body in bodies(calm, "proposed")] == [b["point"] for b in bodies(killed, "proposed")]
    ends = [[(e.trial, e.body["status"], e.body["epochs"]) for e in j.events(kinds=["ended"])] for j in (calm, killed)]
    assert ends[0] == ends[1]
    assert {status for _, status, _ in ends[0]} == {"finished", "stopped"}


class Death(Exception):
    """SIGKILL."""


class Fate:
    """When processes die: after three trainings, or at each seventh judgement, before or after the answer."""

    def __init__(self, dies: str) -> None:
        self.dies, self.calls, self.deaths = dies, 0, 0
        self.trainings = 3 if dies == "between trials" else 1000

    def mortal(self, judge: Callable[[Judged], bool]) -> Callable[[Judged], bool]:
        def asked(point: Judged) -> bool:
            self.calls += 1
            doomed = self.dies != "between trials" and self.calls % 7 == 0
            answer = not doomed or self.dies == "after the judgement"
            answer = answer and judge(point)
            if doomed:
                self.deaths += 1
                raise Death
            return answer

        return asked


def test_a_stopped_value_counts_with_what_the_finished_gained_but_never_as_the_best() -> None:
    outcomes = [
        Outcome("finished", (0.5,), 9, ((1, 0.9), (3, 0.7))),
        Outcome("finished", (0.25,), 9, ((1, 0.75), (3, 0.5))),
        Outcome("diverged", (None,), 4, ((1, 0.1),)),
        Outcome("finished", (0.4,), 9, ((1, 0.8),)),
        Outcome("stopped", (1.0,), 1, ((1, 1.0),)),
        Outcome("stopped", (0.5,), 3, ((1, 0.8), (3, 0.5))),
        Outcome("stopped", (0.6,), 1, ((1, 0.6),)),
        Outcome("stopped", (0.3,), 2),
    ]
    values = [each.values[0] for each in outcomes]
    scores = np.array([math.inf if value is None else value for value in values])
    expected = [0.5, 0.25, math.inf, 0.4, 0.6, 0.275, 0.25, 0.3]  # 0.4 gained from epoch 1 on, 0.225 from epoch 3
    assert comparable(scores, outcomes, 1.0).tolist() == pytest.approx(expected)
    mirrored = [
        replace(
            each,
            values=tuple(None if value is None else -value for value in each.values),
            course=tuple((epoch, -value) for epoch, value in each.course),
        )
        for each in outcomes
    ]
    assert comparable(scores, mirrored, -1.0).tolist() == pytest.approx(expected)
    assert comparable(scores[4:], outcomes[4:], 1.0).tolist() == scores[4:].tolist()
    assert [Outcome.of(json.loads(json.dumps(each.described()))) for each in outcomes] == outcomes


def test_the_model_does_not_believe_that_a_stopped_trial_was_the_best(tmp_path: Path) -> None:
    made = definition(tmp_path, "trials = 40", strategy="gaussian_process")
    strategy = make_strategy(made.search, made.space, 3)
    for _ in range(12):
        answer = strategy.ask()
        assert isinstance(answer, Proposal)
        rate = answer.point["learning_rate"]
        assert isinstance(rate, float)
        outcome = Outcome("stopped", (0.01,), 2) if rate > 0.02 else Outcome("finished", (1.0 + rate,), 9)
        strategy.tell(answer.point, outcome)  # the largest rates look best when they are stopped
    answer = strategy.ask()
    assert isinstance(answer, Proposal)
    expected = answer.reason["expected"]
    assert isinstance(expected, float)
    assert expected > 0.9
    assert min(score for _, score in strategy.scored()) > 1.0
