"""Spaces: values at places, conditions, counting, and grids by index."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.space import Choice, Grid, GridTooLarge, Point, Range, Space, SpaceError, Value, ordered

MOMENTUM = (("optimizer", ("momentum",)),)
NESTED = Space(
    (
        Range("decay", 0.1, 0.4, step=0.1, when=(("nesterov", (True,)),)),
        Choice("nesterov", (False, True), when=MOMENTUM),
        Choice("optimizer", ("sgd", "momentum", "adam")),
        Range("momentum", 0.5, 0.9, when=MOMENTUM),
        Choice("dropout", (0.0, 0.5)),
    )
)


def test_a_log_range_is_halved_by_factors_and_a_linear_one_by_differences() -> None:
    assert Range("x", 1e-4, 1.0, log=True).value(0.5) == 0.01
    assert Range("x", 0.0, 0.5).value(0.5) == 0.25


def test_drawn_values_have_few_digits_even_in_narrow_ranges() -> None:
    assert Range("x", 1e-4, 1.0, log=True).value(1 / 3) == 0.00215443
    assert Range("x", 1.0, 1.002).value(1 / 3) == 1.00066667
    values = {Range("x", 1.0, 1.0 + 1e-9).value(place / 7) for place in range(7)}
    assert len(values) == 7


def test_steps_are_exact_decimals_and_end_at_the_last_one_within() -> None:
    tenths = Range("x", 0.1, 0.75, step=0.1)
    assert [tenths.nth(index, 1) for index in range(tenths.size(1))] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    doubles = Range("x", 16, 256, integer=True, log=True, step=2)
    assert [doubles.nth(index, 1) for index in range(doubles.size(1))] == [16, 32, 64, 128, 256]
    assert [doubles.value(unit) for unit in (0.0, 0.19, 0.21, 0.99, 1.0)] == [16, 16, 32, 256, 256]


def test_the_ends_of_a_whole_range_are_as_likely_as_the_rest() -> None:
    values = [Range("x", 1, 4, integer=True).value(unit) for unit in np.random.default_rng(0).random(4000)]
    assert all(abs(values.count(value) - 1000) < 120 for value in (1, 2, 3, 4))
    assert all(type(value) is int for value in values)


def test_ranges_over_all_orders_of_magnitude() -> None:
    axis = Range("x", 5e-324, 1e300, log=True)
    assert [axis.value(0.0), axis.value(1.0)] == [5e-324, pytest.approx(1e300)]
    assert 1e-15 < float(str(axis.value(0.5))) < 1e-9
    assert axis.unit(1.0) == pytest.approx(0.5186, abs=0.001)


@pytest.mark.parametrize(
    "axis",
    [
        Range("x", 1e-5, 10.0, log=True),
        Range("x", -3.0, 7.5),
        Range("x", 1, 4096, integer=True, log=True),
        Range("x", -5, 12, integer=True),
        Range("x", 0.0, 1.0, step=0.25),
        Range("x", 1.0, 100.0, log=True, step=10),
        Choice("x", ("a", True, 1, 0.5, (3, 4))),
    ],
)
@given(unit=st.floats(0, 1))
def test_a_value_has_its_place_and_the_place_its_value(axis: Range | Choice, unit: float) -> None:
    value = axis.value(unit)
    place = axis.unit(value)
    assert place is not None
    assert 0 <= place <= 1
    again = axis.value(place)
    assert (
        again == pytest.approx(value, rel=1e-4)
        if isinstance(value, float)
        else (again == value and type(again) is type(value))
    )
    assert axis.unit(again) == pytest.approx(place, abs=1e-5)


def test_what_is_no_value_has_no_place() -> None:
    assert Range("x", 1, 5, integer=True).unit(2.0) is None
    assert Range("x", 0.0, 1.0).unit(1.5) is None
    assert Range("x", 0.0, 1.0).unit(True) is None
    assert Choice("x", (0, 1)).unit(True) is None
    assert Choice("x", ("a",)).unit("b") is None


def test_grids_spread_points_from_end_to_end() -> None:
    rate = Range("x", 1e-3, 1.0, log=True)
    assert [rate.nth(index, 4) for index in range(rate.size(4))] == [0.001, 0.01, 0.1, 1.0]
    assert [rate.nth(index, 1) for index in range(rate.size(1))] == [0.0316228]
    few = Range("x", 1, 3, integer=True)
    assert [few.nth(index, 10) for index in range(few.size(10))] == [1, 2, 3]
    log = Range("x", 1, 8, integer=True, log=True)
    assert [log.nth(index, 7) for index in range(log.size(7))] == [1, 2, 3, 4, 6, 8]
    own = Range("x", 0.0, 1.0, points=3)
    assert own.size(100) == 3


def test_inactive_values_vanish_from_a_point_and_conditions_may_be_nested() -> None:
    every: dict[str, Value] = {"optimizer": "sgd", "momentum": 0.7, "nesterov": True, "decay": 0.2, "dropout": 0.0}
    assert NESTED.point(every) == Point({"optimizer": "sgd", "dropout": 0.0})
    assert NESTED.point({**every, "optimizer": "momentum"}) == Point({**every, "optimizer": "momentum"})
    assert NESTED.point({**every, "optimizer": "momentum", "nesterov": False}) == Point(
        {"optimizer": "momentum", "momentum": 0.7, "nesterov": False, "dropout": 0.0}
    )


def test_conditions_may_ask_whether_something_fixed_is_switched_on() -> None:
    norm = Choice("norm", ("l1", "l2"), when=(("strength", ()),))
    assert Space((norm,), {"strength": 0.1}).at([0.0]) == Point({"norm": "l1"})
    assert Space((norm,), {"strength": 0.0}).at([0.0]) == Point({})
    both = Space((norm, Choice("strength", (0.0, 0.1))))
    assert Grid(both, None).count == 3


def test_conditions_in_a_circle_and_names_twice_are_refused() -> None:
    circle = (Choice("b", (1,), when=(("c", (1,)),)), Choice("c", (1,), when=(("b", (1,)),)))
    with pytest.raises(SpaceError, match=r"circle: b, c$"):
        Space(circle)
    with pytest.raises(SpaceError, match=r"circle: b, c$"):  # who only waits for them is not to blame
        Space((Choice("a", (1,), when=(("b", (1,)),)), Choice("d", (1,), when=(("a", (1,)),)), *circle))
    with pytest.raises(SpaceError, match="same name"):
        Space((Choice("a", (1,)), Choice("a", (2,))))


def test_a_point_is_the_same_however_its_values_come() -> None:
    point = Point({"hidden": [100, np.int64(50)], "rate": np.float64(0.1), "flag": np.True_, "name": np.str_("a")})
    other = Point(json.loads(json.dumps({"name": "a", "flag": True, "rate": 0.1, "hidden": [100, 50]})))
    assert point == other
    assert hash(point) == hash(other)
    assert [type(value) for value in point.values()] == [tuple, float, bool, str]
    assert point.plain() == {"hidden": [100, 50], "rate": 0.1, "flag": True, "name": "a"}
    assert Point({"x": -0.0}) == Point({"x": 0.0})
    assert Point({"x": 1}) != Point({"x": True})
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot be"):
            Point({"x": wrong})
    with pytest.raises(TypeError, match="not NoneType"):
        Point({"x": None})


@given(units=st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_point_has_its_place_in_the_cube(units: list[float]) -> None:
    point = NESTED.at(units)
    places = NESTED.units(point)
    assert places is not None
    again = NESTED.at([0.5 if place is None else place for place in places])
    assert again.keys() == point.keys()
    assert all(again[name] == (pytest.approx(point[name]) if name == "momentum" else point[name]) for name in point)


def test_points_of_another_space_have_no_place() -> None:
    inside: dict[str, Value] = {"optimizer": "momentum", "momentum": 0.7, "nesterov": False, "dropout": 0.0}
    assert NESTED.units(inside) is not None
    others: list[dict[str, Value]] = [
        {**inside, "more": 1},
        {**inside, "momentum": 0.95},
        {"optimizer": "momentum"},
        {**inside, "optimizer": "sgd"},
    ]
    assert all(NESTED.units(other) is None for other in others)


def test_depth_and_width_make_a_list_and_come_back() -> None:
    space = Space(
        (Range("hidden.depth", 1, 3, integer=True), Choice("hidden.width", (50, 100)), Choice("dropout", (0.0, 0.5)))
    )
    assert space.names == ("dropout", "hidden")
    assert space.count == 12
    point = space.at([0.99, 0.99, 0.0])
    assert point == Point({"hidden": (100, 100, 100), "dropout": 0.0})
    assert space.values(point) == {"hidden.depth": 3, "hidden.width": 100, "dropout": 0.0}
    assert space.units(Point({"hidden": (100, 50), "dropout": 0.0})) is None
    assert space.units(Point({"hidden": (100,) * 4, "dropout": 0.0})) is None


def test_a_grid_holds_every_point_once() -> None:
    grid = Grid(NESTED, 3)
    # sgd and adam: 2; momentum: 3 values × (nesterov off, or on with 4 decays); all twice for dropout
    assert grid.count == (2 + 3 * (1 + 4)) * 2
    every = {grid.point(index) for index in range(grid.count)}
    assert len(every) == grid.count
    assert all(NESTED.units(point) is not None for point in every)
    for outside in (-1, grid.count):
        with pytest.raises(IndexError):
            grid.point(outside)


def test_a_grid_of_a_thousand_million_points_is_counted_not_listed() -> None:
    begin = time.perf_counter()
    space = Space(tuple(Range(name, 1, 10**6, integer=True) for name in ("a", "b", "c")))
    assert space.count == 10**18
    assert Grid(space, 1000).count == 10**9
    assert Grid(space, None).point(10**18 - 1) == Point({"a": 10**6, "b": 10**6, "c": 10**6})
    assert time.perf_counter() - begin < 0.5


def test_too_many_deciding_combinations_are_refused() -> None:
    wide = tuple(Range(name, 1, 10**6, integer=True) for name in ("a", "b"))
    space = Space((*wide, Choice("c", (1, 2), when=(("a", (1,)), ("b", (1,))))))
    with pytest.raises(GridTooLarge, match="a, b"):
        Grid(space, None)


def test_edges_are_named() -> None:
    space = Space(
        (Range("rate", 1e-4, 1.0, log=True), Range("epochs", 1, 3, integer=True), Choice("optimizer", ("a", "b")))
    )
    assert space.edges({"rate": 0.9, "epochs": 1, "optimizer": "a"}) == ("rate high", "epochs low")
    assert space.edges({"rate": 0.01, "epochs": 2, "optimizer": "b"}) == ()


def test_which_choices_are_lines() -> None:
    assert ordered(Choice("x", (16, 32, 64)))
    assert ordered(Choice("x", (0.5, 0.1, 0.0)))
    assert not any(ordered(Choice("x", values)) for values in ((16, 32), (1, 3, 2), (True, False, 2), ("a", "b", "c")))


def test_the_description_of_a_space_is_json_and_tells_spaces_apart() -> None:
    text = json.dumps(NESTED.canonical())
    assert json.loads(text) == NESTED.canonical()
    assert text != json.dumps(Space(NESTED.axes[1:], {"optimizer": "sgd"}).canonical())
    assert {
        "name": "decay",
        "low": 0.1,
        "high": 0.4,
        "integer": False,
        "scale": "linear",
        "step": 0.1,
        "when": {"nesterov": [True]},
    } in NESTED.canonical()
