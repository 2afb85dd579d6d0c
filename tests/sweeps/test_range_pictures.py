"""What a report draws of the range in which training works, level by level."""

from __future__ import annotations

from itertools import product
from typing import Any

from sweeps.report.factors import compared_factor
from sweeps.report.gathering import gather
from sweeps.report.page import make_page
from sweeps.report.range_pictures import range_pictures
from sweeps.tracking import ExecutionRecord
from tests.sweeps.report_records import execution, told

SCALES = [10.0**power for power in range(-4, 4)]
LEVELS = [
    {"name": "plain", "values": {"batch_normalization": False}, "strategy": ""},
    {"name": "normalized", "values": {"batch_normalization": True}, "strategy": ""},
]


def reached(level: str, scale: float) -> float:
    """Only the middle two scales learn without normalization; one of the others is far from guessing, not enough."""
    if level == "normalized":
        return 0.9
    return {1.0: 0.8, 0.1: 0.7, 10.0: 0.29}.get(scale, 0.1)


def record(*, kind: str = "grid", lost: float | None = None) -> ExecutionRecord:
    trials: list[dict[str, Any]] = []
    for repeat, scale, level in product(range(2), SCALES, LEVELS):
        name = str(level["name"])
        status = "diverged" if name == "plain" and scale == lost else "finished"
        point = {"initial_std": scale, "batch_normalization": name == "normalized"}
        trial = told(point, None if status == "diverged" else 0.5, replicate=repeat, status=status)
        for each in trial["records"]:
            end = reached(name, scale)
            each["metrics"]["validation/accuracy"] = 0.1 + (end - 0.1) * each["epoch"] / 4
        trials.append(trial | {"level": name, "repeat": repeat, "reason": {"kind": kind}})
    space = [{"name": "initial_std", "low": 1e-4, "high": 1e3, "integer": False, "scale": "log", "points": 8}]
    made = execution("scales-1", trials, space, search={"strategy": kind})
    comparison = {"factor": "normalization", "levels": LEVELS, "repeats": 2, "trials_per_level": 8, "confirm": 2}
    made.document["definition"]["comparison"] = comparison
    return made


def pictures(**given: Any) -> list[Any]:
    evidence = gather([record(**given)])
    factor = compared_factor(evidence)
    assert factor is not None
    return range_pictures(evidence, factor)


def test_it_is_told_at_how_many_scales_each_level_learns() -> None:
    ends, courses = pictures()
    assert "under plain at 2 of 8 values" in ends.sentence
    assert "under normalized at all of 8 values (90 % at the least)" in ends.sentence
    assert len(courses.panels) == 8
    assert "plain ends ahead at 0 and normalized ends ahead at 8" in courses.sentence
    assert [panel.source.count("1000") > 0 for panel in courses.panels] == [True, *[False] * 7], "the largest first"


def test_a_training_that_failed_counts_as_guessing() -> None:
    ends, _ = pictures(lost=1.0)
    assert "under plain at 1 of 8 values" in ends.sentence


def test_points_of_a_search_are_no_grid() -> None:
    assert pictures(kind="random") == []


def test_the_page_shows_both_before_the_learning_curves() -> None:
    made = record()
    confirmed = [dict(trial.document) | {"stage": "confirmation", "replicate": 9} for trial in made.trials[:4]]
    for each in confirmed:
        each["records"][-1]["metrics"]["test/accuracy"] = 0.9
    more = execution("scales-1", [*(dict(trial.document) for trial in made.trials), *confirmed], [])
    whole = ExecutionRecord(made.name, made.run_id, "1", made.document, more.trials)
    names = [picture.name for picture in make_page(gather([whole])).pictures]
    assert names.index("range") < names.index("courses") < next(n for n, name in enumerate(names) if "loss" in name)
