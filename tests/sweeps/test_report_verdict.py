"""The verdict in the report: what was confirmed, what it is judged by, and that it stays apart from the search."""

from __future__ import annotations

import csv
import json
import math
import re
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sweeps.comparison import Training
from sweeps.report import write_report
from sweeps.report.comparison_pictures import target_of
from sweeps.report.confirmation import confirmed_of, guess, optimism_of, verdict_of
from sweeps.report.factors import find_factors
from sweeps.report.gathering import gather
from sweeps.report.page import Page, make_page
from sweeps.tracking import ExecutionRecord
from tests.sweeps.comparison_records import TESTED, compared, plain, settings, with_comparison
from tests.sweeps.report_records import HOSTILE

LEAST_SEARCHED = 0.3  # every searched trial has a higher validation loss, every confirmation a lower one


@pytest.fixture(scope="module")
def page() -> Page:
    return make_page(gather([compared(worth=0.002)]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([compared(worth=0.002)], tmp_path_factory.mktemp("compared")).parent


def units(record: ExecutionRecord, level: str) -> list[float]:
    """The mean test accuracy of each repeat, straight from the documents."""
    found: dict[int, list[float]] = {}
    for each in record.trials:
        document = each.document
        if document.get("stage") == "confirmation" and document["level"] == level:
            score = document["records"][-1]["metrics"].get("test/accuracy", 0.1)
            found.setdefault(document["repeat"], []).append(score)
    return [float(np.mean(scores)) for scores in found.values()]


def test_the_unit_is_the_search_and_the_figures_are_scipys() -> None:
    record = compared()
    verdict = verdict_of(gather([record]))
    assert verdict is not None
    assert (verdict.scope, verdict.repeats, verdict.replicates) == ("levels", 6, 3)
    for level in TESTED:
        scores = units(record, level)
        low, high = stats.t.interval(0.95, 5, np.mean(scores), stats.sem(scores))
        found = verdict.level(level).estimate
        assert (found.n, found.mean, found.low, found.high) == pytest.approx((6, np.mean(scores), low, high))
    p = stats.ttest_rel(units(record, "adam"), units(record, "sgd")).pvalue
    assert verdict.pair("adam", "sgd").p == pytest.approx(p)


def test_the_first_screen_is_the_sentence_and_the_picture_that_shows_it(page: Page) -> None:
    assert re.match(r"(momentum and adam|adam and momentum) are not separated at this budget; both beat sgd by 0\.0\d",
                    page.answer.headline)  # fmt: skip
    assert "6 repeats" in page.answer.headline
    assert page.lead is not None
    assert page.lead.name == "verdict"
    assert "2 of 3 pairs separated" in page.lead.sentence
    assert "sgd: mean 93." in page.lead.alternative
    assert len(page.lead.panels) == len(page.lead.narrow) == 2
    assert page.sure is not None
    told = " ".join(page.sure.sentences)
    assert "randomness of tuning and of training" in told
    assert "judged 81 trainings of 2 executions (optimizers-1 and other-3)" in told
    assert "0.002" in told
    assert page.sure.pairs is not None
    assert [row[6] for row in page.sure.pairs.rows] == ["yes", "yes", "no"] or page.sure.pairs.rows[2][6].startswith(
        "less"
    )


def test_confirmations_are_never_taken_for_searched_trials(page: Page) -> None:
    assert page.best.rows
    assert min(float(row[2]) for row in page.best.rows) > LEAST_SEARCHED
    assert len(page.trials.rows) == 72
    assert page.confirmed is not None
    assert len(page.confirmed.rows) == 54
    searched = {picture.name: picture.sentence for section in page.sections for picture in section.pictures}
    assert {"anytime", "targets", "gap", "slices"} <= set(searched)
    numbers = [float(each) for each in re.findall(r"validation loss ([\d.]+)", searched["anytime"])]
    assert all(number > LEAST_SEARCHED for number in numbers)
    evidence = gather([compared()])
    factor = find_factors(evidence)[0]
    assert (factor.name, factor.levels) == ("optimizer", ("sgd", "momentum", "adam"))
    assert len(factor.runs(evidence.confirmed, "adam")) == 18
    assert len(factor.runs(evidence.searched, "adam")) == 24


def test_with_one_repeat_it_speaks_of_the_points_as_tuned_here() -> None:
    page = make_page(gather([compared(repeats=1)]))
    assert "as tuned here (learning_rate 0." in page.answer.headline
    assert any("repeats = 1" in caution for caution in page.answer.cautions)


def test_with_nothing_to_tune_it_speaks_of_the_settings() -> None:
    page = make_page(gather([settings()]))
    assert "at these settings" in page.answer.headline
    assert "both beat half" in page.answer.headline
    assert page.sure is not None
    assert {row[0]: row[-1] for row in page.sure.levels.rows} == {
        "none": "dropout 0", "l2": "l2", "half": "dropout 0.5",
    }  # fmt: skip
    assert not page.best.rows
    assert "best" not in dict(page.contents)
    assert [section.name for section in page.sections] == ["curves"]
    names = [picture.name for section in page.sections for picture in section.pictures]
    assert names == ["loss-regularization", "accuracy-regularization", "targets", "gap"]


def test_a_plain_search_tells_its_best_point_and_how_much_it_promised_too_much() -> None:
    record = plain()
    page, evidence = make_page(gather([record])), gather([record])
    scores = [
        each.document["records"][-1]["metrics"]["test/accuracy"]
        for each in record.trials
        if each.document.get("stage") == "confirmation" and each.document["reason"]["rank"] == 1
    ]
    assert f"reaches test accuracy {100 * np.mean(scores):.1f}\u00a0% on 5 fresh replicates" in page.answer.headline
    assert page.answer.headline.startswith("sgd, learning_rate 0.01, the best of 10 points by validation loss")
    found = optimism_of(evidence)
    assert found is not None
    assert found.worse == pytest.approx(0.053)  # 0.153 on fresh replicates, where the search had seen 0.1
    assert "0.053 worse in validation loss" in page.answer.detail
    assert "best found beats third found" in page.answer.detail
    assert page.lead is not None
    assert page.lead.name == "verdict"
    assert "levels" in {picture.name for section in page.sections for picture in section.pictures}


def test_equal_scores_are_no_certainty_and_have_no_interval() -> None:
    page = make_page(gather([plain({1: (0.95, 0.95), 2: (0.94, 0.96), 3: (0.93, 0.93)})]))
    told = "reaches test accuracy 95.0\u00a0% on 2 fresh replicates (both came to 95.0\u00a0%, which is too little for"
    assert told in page.answer.headline
    assert page.sure is not None
    intervals = {row[0]: row[2] for row in page.sure.levels.rows}
    assert (intervals["best found"], intervals["third found"]) == ("–", "–")
    assert "%" in intervals["second found"]
    assert page.sure.pairs is not None
    (constant,) = [row for row in page.sure.pairs.rows if row[0] == "best found over third found"]
    assert constant[1:4] == ("2.0 points", "–", "–")
    three = make_page(gather([plain(dict.fromkeys((1, 2, 3), (0.95, 0.95, 0.95)))]))
    assert "all 3 came to 95.0\u00a0%" in three.answer.headline


def test_lost_trainings_count_as_guesses_and_a_search_without_a_point_as_all_lost() -> None:
    evidence = gather([compared(lost={("adam", 0): 2, ("adam", 1): 4})])
    confirmed = {(each.level, each.repeat): each for each in confirmed_of(evidence)}
    assert len(confirmed["adam", 0].failed) == 2
    assert (len(confirmed["adam", 1].failed), dict(confirmed["adam", 1].scores)) == (3, {})
    assert confirmed["adam", 1].failed == tuple(confirmed["sgd", 1].scores)
    verdict = verdict_of(evidence)
    assert verdict is not None
    assert min(verdict.level("adam").units.values()) == pytest.approx(0.1)
    assert (verdict.level("adam").failures.count, verdict.level("adam").failures.total) == (5, 18)
    page = make_page(evidence)
    assert "adam: 5 of 18" in page.answer.detail
    assert page.sure is not None
    lost = {row[0]: row[6] for row in page.sure.levels.rows}
    assert lost == {"adam": "4 of 24", "momentum": "0 of 24", "sgd": "0 of 24"}


def test_a_training_that_two_levels_asked_for_counts_for_both() -> None:
    record = compared()
    gone = {"stage": "confirmation", "level": "adam", "repeat": 2}
    as_sgd = {**gone, "level": "sgd"}
    kept = [trial for trial in record.trials if {**trial.document, **gone} != trial.document]
    first = next(trial for trial in kept if {**trial.document, **as_sgd} == trial.document)
    skipped = {**gone, "number": 999, "twin": first.order, "point": {}, "why": "the same", "reason": {"rank": 1}}
    document = {**record.document, "skipped": [skipped]}
    evidence = gather([ExecutionRecord(record.name, record.run_id, "1", document, tuple(kept))])
    confirmed = {(each.level, each.repeat): each for each in confirmed_of(evidence)}
    assert confirmed["adam", 2].scores == confirmed["sgd", 2].scores
    assert len(confirmed["adam", 2].scores) == 3
    page = make_page(evidence)
    assert page.subject.endswith("123 trainings")
    assert all(re.fullmatch("sweep reproduce [0-9a-f]{32}", text) for _, text in page.commands if "reproduce" in text)
    lacking = gather([ExecutionRecord(record.name, record.run_id, "1", record.document, tuple(kept))])
    assert ("adam", 2) not in {(each.level, each.repeat) for each in confirmed_of(lacking)}  # not known is not failed


def test_what_is_under_way_stands_in_no_score() -> None:
    record = compared()
    trials = list(record.trials)
    body = {**trials[-1].document, "status": "running", "records": [], "value": None}
    trials[-1] = type(trials[-1])(trials[-1].run_id, body, {})
    half = ExecutionRecord(record.name, record.run_id, "1", {**record.document, "closed": None}, tuple(trials))
    evidence = gather([half])
    assert confirmed_of(evidence)[-1].trained == 2
    assert any("had not ended" in caution for caution in make_page(evidence).answer.cautions)


@pytest.mark.parametrize(
    ("metric", "data", "score"),
    [
        ("test/accuracy", {"task": "classification", "classes": list("abcd")}, 0.25),
        ("test/loss", {"task": "classification", "classes": list("abcd")}, math.log(4)),
        ("test/loss", {"task": "regression"}, 0.5),
    ],
)
def test_the_score_of_guessing(metric: str, data: dict[str, object], score: float) -> None:
    assert guess(metric, data) == pytest.approx(score)


def test_the_target_is_one_that_every_learning_level_reaches() -> None:
    losses = {"quick": [2.3, 0.5, 0.1], "slow": [2.3, 1.5, 0.8], "stuck": [2.3, 2.3, 2.29]}
    trainings = [Training(level, 0, values) for level, values in losses.items()]
    assert target_of(trainings, minimize=True, worst=2.3) == 0.8
    assert target_of(trainings[2:], minimize=True, worst=2.2) is None


def test_the_numbers_stand_beside_the_page_for_programs(files: Path) -> None:
    body = json.loads((files / "verdict.json").read_text(encoding="utf-8"))
    (only,) = body["executions"]
    verdict = verdict_of(gather([compared(worth=0.002)]))
    assert verdict is not None
    assert (only["measure"], only["factor"], only["ended"]) == ("test/accuracy", "optimizer", True)
    assert only["test_part"]["trainings"] == 81
    told = {(pair["better"], pair["worse"]): pair["adjusted"] for pair in only["verdict"]["pairs"]}
    assert told == pytest.approx({(pair.better, pair.worse): pair.adjusted for pair in verdict.pairs})
    level = only["verdict"]["levels"][-1]
    assert (level["level"], len(level["units"]), len(level["runs"])) == ("sgd", 6, 18)
    assert {unit["replicate"] for unit in level["units"]} == {None}


def test_tables_keep_stage_level_and_repeat(files: Path) -> None:
    with (files / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stages = [(row["stage"], row["level"], row["repeat"]) for row in rows]
    assert len(stages) == 126
    assert stages.count(("confirmation", "adam", "2")) == 3
    assert all(bool(row["test/accuracy"]) == (row["stage"] == "confirmation") for row in rows)
    summary = (files / "report.md").read_text(encoding="utf-8")
    assert "not separated at this budget" in summary
    assert re.search(r"\| momentum \|.*%", summary)
    html = (files / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<code>sweep reproduce \w+</code>", html)) == 4


def test_several_executions_have_a_verdict_each() -> None:
    page = make_page(gather([compared(), compared("optimizers-2")]))
    assert "optimizers-2: " in page.answer.detail
    (loss,) = [picture for section in page.sections for picture in section.pictures if picture.name == "loss-optimizer"]
    assert "18 replicates" in loss.panels[0].source
    assert page.sure is not None
    assert page.sure.levels.rows[0][4] == "6"


def test_hostile_levels_stay_words_and_damaged_sections_make_a_page(tmp_path: Path) -> None:
    record = compared(repeats=2)
    text = json.dumps([record.document, [trial.document for trial in record.trials]])
    document, trials = json.loads(text.replace('"momentum"', json.dumps(HOSTILE)))
    document["test_part"]["executions"][1] = HOSTILE
    rows = tuple(type(old)(old.run_id, body, {}) for old, body in zip(record.trials, trials, strict=True))
    html = write_report([ExecutionRecord("evil-1", "r", "1", document, rows)], tmp_path).read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<img" not in html
    assert escape(HOSTILE[:20]) in html or HOSTILE[:20] in unescape(html)
    for damaged in ({"levels": "x"}, {"factor": 3, "levels": [{"name": None, "values": []}, 5]}, "comparison"):
        make_page(gather([with_comparison(record, damaged)]))  # type: ignore[arg-type]  # damaged on purpose
