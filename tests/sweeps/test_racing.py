"""Racing: the rule's false eliminations by simulation, and what becomes of a point's replicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sweeps.execution.racing import ALPHA, FIRST, worse
from sweeps.journal import Journal
from sweeps.status import Status
from sweeps.tracking.history import STORY, History
from tests.sweeps.fake_trainings import begin, bodies, carry_out, definition, execution

SEARCH = "trials = 6\nreplicates = 6\nracing = true\nconfirm = 0"


def test_the_p_value_is_that_of_a_paired_one_sided_test_times_the_looks() -> None:
    point, best = {0: 0.5, 1: 0.7, 2: 0.65, 3: 0.8}, {0: 0.4, 1: 0.5, 2: 0.5, 7: 0.1}
    oracle = stats.ttest_rel([0.5, 0.7, 0.65], [0.4, 0.5, 0.5], alternative="greater").pvalue
    assert worse(point, best, replicates=5) == pytest.approx(3 * oracle)
    assert worse(best, point, replicates=5) == 1.0
    assert worse({0: 1.0}, best, replicates=5) == 1.0
    assert worse({0: 1.0, 1: 1.5}, {0: 0.5, 1: 1.0}, replicates=5) == 1.0  # no spread tells nothing of the noise
    assert worse({0: 0.3, 1: 0.4}, {0: 0.2, 1: 0.3}, replicates=5) == 1.0  # nor does rounding
    assert worse(best, best, replicates=5) == 1.0


def raced_out(point: np.ndarray[Any, Any], best: np.ndarray[Any, Any]) -> bool:
    """Whether a point is thrown out at any look, its replicates coming one by one."""
    count, held = len(point), dict(enumerate(best.tolist()))
    values = dict(enumerate(point.tolist()))
    return any(
        worse({each: values[each] for each in range(seen)}, held, replicates=count) < ALPHA
        for seen in range(FIRST, count)
    )


@pytest.mark.parametrize("replicates", [3, 5, 10])
def test_a_point_as_good_as_the_best_is_thrown_out_no_more_often_than_promised(replicates: int) -> None:
    rng, worlds = np.random.default_rng(0), 1500
    common = rng.normal(size=(worlds, replicates))  # what a replicate's random streams do to all points
    both = 0.6 * common[:, None, :] + rng.normal(size=(worlds, 2, replicates))
    rate = sum(raced_out(point, best) for point, best in both) / worlds
    assert rate <= ALPHA + 2 * (ALPHA / worlds) ** 0.5


def test_a_point_as_good_as_the_best_stays_where_values_are_counts() -> None:
    worlds = -np.random.default_rng(0).binomial(2, 0.5, size=(4000, 2, 10)) / 359  # two samples in doubt, of 359
    assert sum(raced_out(point, best) for point, best in worlds) / len(worlds) <= ALPHA


def test_the_best_of_equals_throws_out_some_and_clearly_worse_ones_nearly_all() -> None:
    """The best was chosen by its values, so luck is on its side: with twenty equal points before, more are lost."""
    rng, worlds = np.random.default_rng(1), 600
    equal = rng.normal(size=(worlds, 21, 10))
    leaders = np.take_along_axis(equal[:, 1:], equal[:, 1:].mean(axis=2).argmin(axis=1)[:, None, None], 1)[:, 0]
    lost = sum(raced_out(equal[world, 0], leaders[world]) for world in range(worlds)) / worlds
    assert 0.05 < lost < 0.25
    far = sum(raced_out(equal[world, 0] + 4.0, leaders[world]) for world in range(worlds)) / worlds
    assert far > 0.97


def loss(values: Mapping[str, Any], replicate: int, epoch: int) -> float | str:
    """adam is best, sgd clearly worse; momentum diverges on the second replicate."""
    if values["optimizer"] == "momentum" and replicate == 1:
        return "inf"
    wobble = (0.0, 0.01, -0.02, 0.015, -0.01, 0.005)[replicate]
    return (0.3 if values["optimizer"] == "adam" else 2.0) + wobble * (1 + 3 * float(values["learning_rate"]))


def replicates_of(journal: Journal) -> dict[int, tuple[str, int]]:
    """By proposal: its optimizer, and how many replicates were trained."""
    ended = {event.trial for event in journal.events(kinds=["ended"])}
    return {
        body["number"]: (body["point"]["optimizer"], sum(t["key"] in ended for t in body["trials"]))
        for body in bodies(journal, "proposed")
    }


@pytest.mark.parametrize("trainings", [1000, 1, 4])
def test_a_clearly_worse_point_gets_no_more_replicates_also_after_a_death(tmp_path: Path, trainings: int) -> None:
    journal = begin(tmp_path)
    made = definition(tmp_path, SEARCH, strategy="grid")
    running = execution(journal, made)
    while not running.finished:
        running = execution(journal, made)
        carry_out(running, loss, trainings=trainings)
    found = list(replicates_of(journal).values())
    assert {count for optimizer, count in found if optimizer == "adam"} == {6}
    assert {count for optimizer, count in found if optimizer == "momentum"} == {2}
    assert found[0] == ("sgd", 6)  # the first has nobody to be held against
    assert {count for optimizer, count in found[1:] if optimizer == "sgd"} <= {2, 3, 4}
    told = {body["number"]: body["outcome"] for body in bodies(journal, "told")}
    raced = {body["number"]: body for body in bodies(journal, "raced")}
    for number, (optimizer, count) in replicates_of(journal).items():
        assert len(told[number]["values"]) == count
        assert told[number]["status"] == ("diverged" if optimizer == "momentum" else "finished")
        assert (number in raced) == (count < 6)
    assert {body["why"] for body in raced.values()} <= {"diverged", "clearly worse"}
    status, history = Status(), History()
    status.update(journal.events(kinds=("proposed", "started", "ended", "raced")))
    for event in journal.events(kinds=STORY):
        history.add(event)
    total = sum(count for _, count in found)
    assert len(status.trials) == len(history.trials) == total
    assert set(history.counts()) == {"finished", "diverged"}
    assert sum(len(proposal.keys) for proposal in history.proposals) == total
