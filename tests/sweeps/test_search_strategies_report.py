"""What a report draws of ways to search: each way's points, and the Gaussian process step by step."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sweeps.report import write_report
from sweeps.report.confirmation import verdict_of
from sweeps.report.evidence import Evidence, trained
from sweeps.report.factors import Factor, compared_factor
from sweeps.report.gathering import gather
from sweeps.report.page import make_page
from sweeps.report.strategy_pictures import strategies_picture
from sweeps.report.surrogate_pictures import Searched, measured, searches, steps_picture
from sweeps.tracking import ExecutionRecord, TrialRecord
from tests.sweeps.strategy_records import bowl, carried_out
from tests.sweeps.test_report import damaged

BUDGET = [("comparison.trials_per_level", "10"), ("comparison.repeats", "3"), ("comparison.confirm", "2")]
ALONE = "rate alone gaussian"
NAMES = ("learning_rate", "weight_decay.strength")


@pytest.fixture(scope="module")
def record() -> ExecutionRecord:
    return carried_out("search-strategies", BUDGET, bowl)


@pytest.fixture(scope="module")
def evidence(record: ExecutionRecord) -> Evidence:
    return gather([record])


@pytest.fixture(scope="module")
def alone(evidence: Evidence) -> Searched:
    return next(each for each in searches(evidence) if each.level == ALONE)


def factor_of(evidence: Evidence) -> Factor:
    factor = compared_factor(evidence)
    assert factor is not None
    return factor


def test_what_levels_share_is_trained_once_and_counts_for_each(record: ExecutionRecord, evidence: Evidence) -> None:
    assert record.document["skipped"], "random search and what begins at random propose the same"
    searched = Counter((run.level, run.repeat) for run in evidence.searched.runs)
    assert set(searched.values()) == {10}
    assert len(searched) == 6 * 3
    assert trained(evidence.runs) == len(record.trials) == len(evidence.own.runs)
    verdict = verdict_of(evidence)
    assert verdict is not None
    assert {level.level: level.failures.total for level in verdict.levels} == dict.fromkeys(
        factor_of(evidence).levels, 3 * 2
    )


def test_shared_trainings_are_listed_by_their_run_in_mlflow(record: ExecutionRecord, tmp_path: Path) -> None:
    page = write_report([record], tmp_path)
    known = {trial.run_id for trial in record.trials}
    table = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert len(table) == len(record.trials) + sum(
        2 if each["stage"] == "confirmation" else 1 for each in record.document["skipped"]
    )
    assert {row["run"] for row in table} == known
    assert f"{len(record.trials):,} trainings" in page.read_text()


def test_the_model_is_the_one_that_the_search_asked(evidence: Evidence, alone: Searched) -> None:
    """Told again what it was told, it expects of each next point what the search wrote down, and is best there."""
    assert alone.first == 2
    for count in range(alone.first, len(alone.steps)):
        (run,) = alone.steps[count]
        strategy = alone.told(count, evidence.minimize)
        course = strategy.along("learning_rate", alone.inner(run), "EI", count=2001)
        assert course is not None
        place = np.log(run.point["learning_rate"])
        expected = np.interp(place, np.log(course.values), course.mean)
        assert expected == pytest.approx(run.reason["expected"], rel=1e-3)
        assert np.interp(place, np.log(course.values), course.deviation) == pytest.approx(run.reason["std"], rel=1e-2)
        assert run.reason["acquisition"] == pytest.approx(course.acquisition.max(), rel=0.02)
        assert (course.low < course.mean).all()
        assert (course.mean < course.high).all()


def test_a_maximized_objective_is_drawn_the_right_way_up(alone: Searched) -> None:
    strategy = alone.told(6, minimize=False)
    course = strategy.along("learning_rate", alone.inner(alone.steps[6][0]), "EI")
    assert course is not None
    assert (course.low < course.mean).all()
    known = {alone.inner(runs[0])["learning_rate"]: runs[0].value for runs in alone.steps[:6]}
    best = max(known, key=lambda rate: known[rate])
    assert np.interp(np.log(best), np.log(course.values), course.mean) == pytest.approx(known[best], rel=0.1)


def test_the_model_along_an_axis_that_is_none_or_a_point_outside_is_none(alone: Searched) -> None:
    strategy = alone.told(4, minimize=True)
    inside = alone.inner(alone.steps[0][0])
    assert strategy.along("momentum", inside, "EI") is None
    assert strategy.along("learning_rate", type(inside)({"learning_rate": 7.0}), "EI") is None
    assert alone.told(1, minimize=True).along("learning_rate", inside, "EI") is None


def test_the_measured_curve_is_the_loss_that_was_searched(evidence: Evidence, alone: Searched) -> None:
    curve = measured(evidence, alone, "learning_rate")
    assert curve is not None
    rates, values = curve
    from sweeps.space import Point

    true = [bowl(Point({"learning_rate": float(rate), "weight_decay.strength": 1e-5}), 0) for rate in rates]
    assert len(rates) > 15
    assert np.median(np.abs(values / true - 1)) < 0.05
    both = next(each for each in searches(evidence) if each.level == "gaussian process")
    assert measured(evidence, both, "learning_rate") is None, "there trainings differ in the weight decay, too"


def test_the_steps_begin_with_two_points_and_come_near_the_curve(evidence: Evidence) -> None:
    picture = steps_picture(evidence, NAMES)
    assert picture is not None
    assert len(picture.panels) == 6
    assert ["2 known" in picture.panels[0].source, "7 known" in picture.panels[5].source] == [True, True]
    found = re.search(r"by (\d+) %.* by (\d+) %.* (\d) explores?, .* (\d) exploits?,", picture.sentence)
    assert found is not None
    before, after, explore, exploit = map(int, found.groups())
    assert after < before / 3
    assert explore + exploit == 6
    assert explore >= 1
    assert sum("next: explores" in panel.source for panel in picture.panels) == explore


def test_each_way_to_search_has_its_panel_on_the_same_axes(record: ExecutionRecord, evidence: Evidence) -> None:
    picture = strategies_picture(evidence.searched, factor_of(evidence), NAMES)
    assert picture is not None
    assert len(picture.panels) == 4, "levels that fix one of both numbers have no place in the plane"
    grid = {
        trial.document["point"]["learning_rate"]
        for trial in record.trials
        if (trial.document["level"], trial.document["repeat"], trial.document["stage"]) == ("grid", 0, "search")
    }
    assert f"grid tries {len(grid)} values of learning_rate" in picture.sentence
    assert "random 10" in picture.sentence
    assert picture.sentence.startswith("With 10 trainings each")


def test_the_page_of_a_comparison_of_strategies_shows_them(evidence: Evidence) -> None:
    names = [picture.name for picture in make_page(evidence).pictures]
    assert {"plane", "steps", "anytime"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("seed", range(16))
def test_damaged_documents_make_a_page_all_the_same(seed: int, record: ExecutionRecord, tmp_path: Path) -> None:
    rng = random.Random(seed)
    trials = tuple(
        TrialRecord(each.run_id, damaged(dict(each.document), rng), {})
        for each in record.trials
        if each.document["repeat"] == 0
    )
    whole = ExecutionRecord(record.name, record.run_id, "1", damaged(dict(record.document), rng), trials)
    assert write_report([whole], tmp_path).read_text(encoding="utf-8").endswith("</html>")
