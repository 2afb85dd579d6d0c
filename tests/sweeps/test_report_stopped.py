"""A report of a search that stopped trials early: what these are compared with, and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sweeps.report.answer import answer
from sweeps.report.curve_pictures import curves_picture
from sweeps.report.evidence import Evidence
from sweeps.report.factors import find_factors
from sweeps.report.gathering import gather
from sweeps.report.level_pictures import levels_picture, other_factors_picture
from sweeps.report.level_tables import levels_table
from sweeps.report.page import make_page
from sweeps.report.search_pictures import progress_picture, slices_picture
from tests.sweeps.comparison_records import plain
from tests.sweeps.report_records import OPTIMIZER, RATES, execution, told


def early(point: dict[str, Any], value: float, epochs: int = 1) -> dict[str, Any]:
    """A trial that was stopped after its first epochs, with the loss it had then."""
    return told(point, value, status="stopped", epochs=epochs)


def stopping(sgd: list[dict[str, Any]], adam: list[dict[str, Any]]) -> Evidence:
    return gather([execution("asha-1", [*sgd, *adam], [OPTIMIZER, RATES])])


def rates(optimizer: str, count: int, first: float = 0.01) -> list[dict[str, Any]]:
    return [{"optimizer": optimizer, "learning_rate": first * (place + 1)} for place in range(count)]


@pytest.fixture
def median() -> Evidence:
    """Of adam the three best trainings, and six that were stopped while their loss was still high."""
    sgd = [told(point, 0.4 + place / 100) for place, point in enumerate(rates("sgd", 4))]
    adam = [told(point, 0.1 + place / 100) for place, point in enumerate(rates("adam", 3))]
    return stopping(sgd, [*adam, *(early(point, 1.5) for point in rates("adam", 6, 0.2))])


@pytest.fixture
def halving() -> Evidence:
    """Of sgd no training came to its end."""
    sgd = [early(point, 1.9, 2) for point in rates("sgd", 5)]
    return stopping(sgd, [told(point, 0.2 + place / 100) for place, point in enumerate(rates("adam", 3))])


def test_the_early_epochs_of_stopped_trainings_are_not_compared_with_ends(median: Evidence) -> None:
    factor = find_factors(median)[0]
    picture = curves_picture(median, factor)
    assert picture is not None
    assert picture.sentence.startswith("adam ends best, at a validation loss of 0.110; sgd worst, at 0.415")
    assert any("3 trials, 6 more stopped" in panel.source for panel in picture.panels)
    assert "those that were stopped early left out" in picture.reading


def test_a_level_that_rests_on_one_training_is_named_as_such() -> None:
    adam = [told(point, 0.1 + place / 100) for place, point in enumerate(rates("adam", 3))]
    sgd = [told(rates("sgd", 1)[0], 0.05), *(early(point, 1.5) for point in rates("sgd", 4, 0.2))]
    found = stopping(sgd, adam)
    picture = curves_picture(found, find_factors(found)[0])
    assert picture is not None
    assert picture.sentence.startswith("sgd ends best, at a validation loss of 0.0500; adam worst")
    assert picture.sentence.endswith(" sgd rests on one training alone.")


def test_curves_of_single_trainings_claim_no_middle_half() -> None:
    levels = [
        [told(point, 0.1), *(early(point, 1.5) for point in rates(name, 4, 0.2))]
        for name in ("sgd", "adam")
        for point in rates(name, 1)
    ]
    found = stopping(*levels)
    picture = curves_picture(found, find_factors(found)[0])
    assert picture is not None
    assert not [mark for mark in picture.marks if mark.sign == "band"]
    assert picture.reading == ""
    assert "alone" not in picture.sentence


def test_a_level_of_stopped_trainings_alone_is_shown_and_not_compared(halving: Evidence) -> None:
    factor = find_factors(halving)[0]
    picture = curves_picture(halving, factor)
    assert picture is not None
    assert len(picture.panels) == 2
    assert "sgd ends" not in picture.sentence
    assert "No training of sgd came to its end." in picture.sentence
    assert any("5 trials, all stopped" in panel.source for panel in picture.panels)
    alone = stopping(*([early(point, 1.9) for point in rates(name, 3)] for name in ("sgd", "adam")))
    nothing = curves_picture(alone, find_factors(alone)[0])
    assert nothing is not None
    assert nothing.sentence == "No training has come to its end yet, so no level is compared."


def test_tables_and_pictures_count_finished_stopped_and_lost_apart(halving: Evidence) -> None:
    factor = find_factors(halving)[0]
    table = levels_table(halving, factor)
    places = [[text for text, _ in table.head].index(name) for name in ("finished", "stopped", "lost")]
    assert {row[0]: [row[place] for place in places] for row in table.rows} == {
        "adam": ["3", "0", "0"],
        "sgd": ["0", "5", "0"],
    }
    picture = levels_picture(halving, factor, None)
    assert "no value · 5 stopped" in picture.panels[0].source
    assert "Stopped early: sgd 5." in picture.alternative


def test_a_sentence_tells_how_many_were_stopped_and_the_epochs_saved(halving: Evidence) -> None:
    cautions = answer(halving, None).cautions
    said = "5 of 8 trials were stopped early, which saved 10 of the 32 epochs that all of them would have trained"
    assert any(caution.startswith(said) for caution in cautions)
    assert dict(make_page(halving).facts)["Trained"] == "8 trainings, 5 stopped early"


def test_a_confirmed_search_tells_it_too() -> None:
    record = plain()
    last = next(each for each in reversed(record.trials) if each.document.get("stage") != "confirmation")
    stopped = replace(last, document={**last.document, "status": "stopped"})
    trials = tuple(stopped if each is last else each for each in record.trials)
    told_of = make_page(gather([replace(record, trials=trials)])).answer.cautions
    assert any(each.startswith("1 of 10 trials was stopped early") for each in told_of)


def test_what_explains_nothing_is_not_named(halving: Evidence) -> None:
    picture = slices_picture(halving, find_factors(halving)[0])
    assert picture is not None
    assert "orders the trials most" not in picture.sentence
    assert "too few to say which number orders them" in picture.sentence
    choices = other_factors_picture(halving, find_factors(halving)[:1])
    assert choices is not None
    assert "0 %" not in choices.sentence


def test_a_cross_in_the_progress_says_that_it_may_be_a_stopped_trial(halving: Evidence, median: Evidence) -> None:
    for evidence in (halving, median):
        picture = progress_picture(evidence)
        assert picture is not None
        assert any("stopped early" in mark.label for mark in picture.marks)
