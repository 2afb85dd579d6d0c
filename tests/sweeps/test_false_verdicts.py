"""The whole procedure of a comparison, tuning included, in a toy world; the figures at full length are those of
tests/benchmarks/false_verdicts.py.
"""

from __future__ import annotations

import math

import pytest

from tests.benchmarks.false_verdicts import UNSTEADY, simulate
from tests.benchmarks.toy_trainings import Level

EXPERIMENTS = 600
SLACK = 3 * math.sqrt(0.05 * 0.95 / EXPERIMENTS)  # three standard errors of a rate of 5 %


@pytest.mark.parametrize(("levels", "repeats", "same_points"), [(2, 3, True), (2, 5, False), (5, 5, True)])
def test_identical_levels_are_called_different_in_at_most_a_twentieth(
    levels: int, repeats: int, same_points: bool
) -> None:
    found = simulate([Level()] * levels, repeats, experiments=EXPERIMENTS, splits=3, same=True, same_points=same_points)
    assert found.false <= 0.05 + SLACK
    assert found.missed_jointly <= 0.05 + SLACK
    assert found.one_search > 0.15  # what one search a level, its winners compared over replicates, would give
    assert found.disagreements == 0  # between the simulation's arithmetic and judge


def test_intervals_cover_and_differences_are_found() -> None:
    found = simulate([Level(), Level(top=0.96)], 5, experiments=EXPERIMENTS, splits=2, searches=1500)
    assert found.missed <= 0.05 + SLACK
    assert 0.7 < found.called < 0.95  # 0.86 over many splits
    assert found.false == 0.0
    assert found.disagreements == 0


def test_rare_disasters_make_intervals_miss_but_no_level_win_wrongly() -> None:
    found = simulate(
        [Level(), UNSTEADY["much narrower, rarely lost"]], 5, experiments=EXPERIMENTS, splits=2, searches=1500
    )
    assert found.false <= 0.05
    assert found.missed > 0.06
