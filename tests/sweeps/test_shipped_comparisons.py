"""The shipped comparisons: what each one compares, at what price."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.definition import load_definition, shipped
from sweeps.procedure import Assignment, Procedure
from sweeps.space import Space
from sweeps.strategies import Outcome

TRIALS = {
    "optimizers": (5, 850),
    "initializers": (5, 300),
    "batch-normalization": (2, 210),
    "weight-decay": (4, 350),
    "dropout": (4, 360),
    "search-strategies": (6, 1008),
}


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize("data", ["digits", "fashion_mnist"])
def test_its_levels_and_its_price_on_either_data(name: str, data: str) -> None:
    definition = load_definition(name, [("data.name", data)])
    assert definition.comparison is not None
    levels, trials = TRIALS[name]
    assert len(definition.comparison.levels) == levels
    assert definition.comparison.repeats >= 5, "fewer searches tell no levels apart"
    assert Procedure(definition, 0).planned == trials


def test_only_what_every_level_fixes_is_not_tuned() -> None:
    """Without weight decay there is no strength to tune; the three norms tune theirs all the same."""
    definition = load_definition("weight-decay", [("search.strategy", "random"), ("comparison.repeats", "2")])
    procedure, asked = Procedure(definition, 0), list[Assignment]()
    while isinstance(answer := procedure.ask(), Assignment):
        asked.append(answer)
        procedure.tell(len(asked), Outcome("finished", tuple(1.0 for _ in answer.replicates), 1))
    searched = [each.level for each in asked if each.stage == "search"]
    assert {level: searched.count(level) for level in searched} == dict.fromkeys(("l1", "l2", "linf"), 2 * 10)
    confirmed = [each.level for each in asked if each.stage == "confirmation"]
    assert {level: confirmed.count(level) for level in confirmed} == dict.fromkeys(("none", "l1", "l2", "linf"), 2)


def test_the_sixteen_scales_run_from_one_to_a_ten_thousandth() -> None:
    procedure = Procedure(load_definition("batch-normalization"), 0)
    asked = [answer for _ in range(160) if isinstance(answer := procedure.ask(), Assignment)]
    for level in ("plain", "batch normalization"):
        scales = sorted(
            float(str(each.point["initial_std"])) for each in asked if (each.level, each.repeat) == (level, 0)
        )
        assert scales == pytest.approx(np.logspace(-4, 0, 16).tolist(), rel=1e-5)


@pytest.mark.parametrize("name", shipped())
def test_a_space_is_read_back_from_its_description(name: str) -> None:
    space = load_definition(name).space
    again = Space.of(space.canonical(), space.constants)
    assert again.canonical() == space.canonical()
    rng = np.random.default_rng(0)
    for _ in range(5):
        units = rng.random(len(space.axes)).tolist()
        assert again.at(units) == space.at(units)


@pytest.mark.parametrize("row", [{}, {"name": "a"}, {"name": "a", "choices": 3}, {"name": "a", "low": None, "high": 1}])
def test_a_description_that_is_none_is_refused(row: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Space.of([row], {})
