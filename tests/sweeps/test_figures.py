"""Figures: colours that keep their meaning and are told apart, scales, drawings that escape what they are given."""

from __future__ import annotations

import io
import math
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import image

from sweeps.figures import palette
from sweeps.figures.canvas import Sheet, clean, themed
from sweeps.figures.curves import Band, LayerLines, LevelCurves, layer_lines, learning_curves
from sweeps.figures.histograms import LayerHistogram, LevelHistograms, activation_histograms
from sweeps.figures.picture import Mark, Panel, Picture
from sweeps.figures.scales import Scale, fit, fit_share, number, plain
from sweeps.figures.values import LevelValues, Series, Tried, search_progress, slices, values_by_level

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> & $x^2$ ]]>'

# Simulated vision, linear RGB to linear RGB: Machado, Oliveira & Fernandes 2009, Table 1, severity 1.0.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Linear RGB to OKLab: Ottosson 2020.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def closest(colours: tuple[str, ...] | list[str], vision: str) -> float:
    """The smallest distance (OKLab, × 100) between any two colours as this eye sees them."""
    seen = [TO_LAB @ np.cbrt(np.clip(TO_LMS @ np.clip(VISIONS[vision] @ linear(each), 0, 1), 0, 1)) for each in colours]
    return min(float(np.linalg.norm(a - b)) * 100 for a, b in combinations(seen, 2))


def contrast(colour: str, paper: str) -> float:
    bright, dark = sorted((float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (colour, paper)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_level_colours_are_told_apart_by_every_eye(theme: dict[str, str], vision: str) -> None:
    colours = [theme[f"level{place}"] for place in range(palette.LEVELS)]
    assert closest(colours, vision) > 10.0
    assert closest(colours, vision) > min(closest(OKABE_ITO, each) for each in VISIONS)


@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_paper(theme: dict[str, str]) -> None:
    drawn = [colour for name, colour in theme.items() if name[:-1] in ("level", "layer")]
    assert all(contrast(colour, theme["paper"]) >= 3.0 for colour in drawn)
    assert contrast(theme["muted"], theme["paper"]) >= 4.5
    assert contrast(theme["ink"], theme["paper"]) >= 7.0


def test_both_themes_name_the_same_colours_and_no_colour_has_two_names() -> None:
    assert palette.LIGHT.keys() == palette.DARK.keys()
    assert len(set(palette.LIGHT.values())) == len(palette.LIGHT)


def test_a_level_keeps_its_colour_whatever_it_is_shown_with() -> None:
    order = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
    assert palette.assign(["adam", "sgd"], order) == {"adam": 5, "sgd": 0}
    assert palette.assign(["sgd", "rmsprop", "adam"], order)["adam"] == 5


def test_levels_of_one_name_get_colours_of_their_own() -> None:
    found = palette.assign(
        ["zero", "normal 0.01", "normal 1", "xavier"], ("zero", "constant", "normal", "xavier", "he")
    )
    assert len(set(found.values())) == 4
    assert found["normal 0.01"] == 2


def test_more_levels_than_colours_is_no_error() -> None:
    assert len(palette.assign([str(each) for each in range(20)])) == 20


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00321, "0.00321"),
        (1e-7, "10⁻⁷"),
        (6.29e-7, "6.29×10⁻⁷"),
        (-0.5, "−0.500"),
        (2.0, "2.00"),
        (1234567.0, "1.23×10⁶"),
        (math.nan, "nan"),
        (math.inf, "∞"),
        (0.9999, "1.00"),
    ],
)
def test_numbers_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "10⁻⁴"),
        (0.001, "0.001"),
        (2e-5, "2×10⁻⁵"),
        (10000.0, "10000"),
        (1e5, "10⁵"),
        (0.30000000000000004, "0.3"),
        (-20.0, "−20"),
    ],
)
def test_tick_labels_are_short(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    "values", [[0.1, 0.2], [1e-6, 1.0], [3.0, 3.0], [0.05, 0.4], [-5.0, 1e5], [0.0, 0.0], [2e-9, 3e-9], []]
)
def test_scales_show_everything_with_ticks_inside(values: list[float]) -> None:
    scale = fit(values)
    low, high = scale.ends
    assert low < high
    assert all(low < float(scale.place(value)) < high for value in values)
    ticks = scale.ticks()
    assert ticks
    assert all(low <= at <= high for at, _ in ticks)
    assert all(a[0] < b[0] for a, b in pairwise(ticks))
    assert len({text for _, text in ticks}) == len(ticks)


def test_what_lies_outside_a_scale_lands_on_its_edge() -> None:
    scale = Scale(0.1, 10.0, log=True)
    assert scale.place([0.0, -1.0, 1e9, math.inf]).tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert np.isnan(scale.place(math.nan))


@pytest.mark.parametrize("values", [[0.1, 0.5, 0.98], [0.9, 1.0], [0.2, 0.4], [0.999, 0.9995], [1.0], []])
def test_shares_are_shown_by_their_errors_where_they_are_good(values: list[float]) -> None:
    scale = fit_share(values)
    low, high = scale.ends
    assert low < high
    assert all(low <= float(scale.place(value)) <= high for value in values)
    assert all(text.endswith("%") and low <= at <= high for at, text in scale.ticks())
    assert scale.log == (max(values, default=0.0) >= 0.8)


def parsed(source: str) -> ElementTree.Element:
    return ElementTree.fromstring(source)  # noqa: S314  # our own drawings


def drawing(text: str) -> str:
    sheet = Sheet(200, 100)
    sheet.text(10, 20, text)
    sheet.line([0, 100], [0, 50], palette.LIGHT["level0"])
    sheet.dots([20, 40, 60], [20, 40, 60], palette.LIGHT["level1"])
    return sheet.source()


def test_a_drawing_escapes_what_it_is_given() -> None:
    source = drawing(HOSTILE)
    root = parsed(source)
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert texts == [clean(HOSTILE, 90)]
    assert not [each for each in root.iter() if "script" in each.tag or "img" in each.tag]
    assert not [name for each in root.iter() for name in each.attrib if name.lower().startswith("on")]


def test_a_drawing_is_small_and_names_nothing_outside() -> None:
    source = drawing("adam")
    assert "metadata" not in source
    assert "http" not in source
    assert "<!--" not in source
    assert not re.search(r' id="(?!m)', source)
    assert len(source) < 2000


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert drawing("adam") == drawing("adam")


def test_control_characters_and_turned_text_are_taken_out() -> None:
    assert clean("a\x00b\u202ec\nd\ud800") == "a b c d"
    assert clean("x" * 99) == "x" * 39 + "…"
    parsed(drawing("a\x00\x1b\ufffe\ud800b"))


def test_scripts_without_glyphs_are_drawn_without_a_word() -> None:
    assert "学習率" in drawing("学習率")


def test_the_page_gets_variables_in_place_of_colours_but_never_inside_words() -> None:
    source = themed(drawing("#3860e0"))
    assert "var(--level0,#3860e0)" in source
    assert ">#3860e0<" in source
    assert 'aria-hidden="true"' in source


def histogram(number: int, counts: list[float], **apart: float) -> LayerHistogram:
    rest = {"zeros": 0.0, "underflow": 0.0, "overflow": 0.0, **apart}
    return LayerHistogram(number, np.asarray(counts, dtype=float), 0.0, 5.0, std=0.5, **rest)


def fills(panel: Panel) -> set[str]:
    return set(re.findall(r"fill: (#[0-9a-f]{6})", panel.source))


def test_what_histograms_hide_is_drawn_apart() -> None:
    inside = histogram(1, [5, 5, 5, 5])
    outside = histogram(1, [5, 5, 5, 5], zeros=50, overflow=3)
    (plain_panel,) = activation_histograms([LevelHistograms("he", 1, "", (("epoch 0", (inside,)),))])
    (apart_panel,) = activation_histograms([LevelHistograms("he", 1, "", (("epoch 0", (outside,)),))])
    assert palette.LIGHT["alarm"] not in fills(plain_panel)
    assert palette.LIGHT["alarm"] in fills(apart_panel)
    assert apart_panel.source.count(f"fill: {palette.LIGHT['ink']}") > plain_panel.source.count(
        f"fill: {palette.LIGHT['ink']}"
    )


def bar_tops(panel: Panel, colour: str) -> list[float]:
    """The smallest y of each closed shape filled in a colour: how high it reaches."""
    tops = []
    for path, style in re.findall(r'<path d="([^"]*)" style="([^"]*)"', panel.source):
        if f"fill: {colour}" in style:
            tops += [
                min(map(float, re.findall(r"[-\d.]+ ([-\d.]+)", shape))) for shape in path.split("z") if shape.strip()
            ]
    return tops


def test_cells_share_their_axes() -> None:
    spike, even = histogram(1, [0, 0, 0, 80]), histogram(2, [20, 20, 20, 20])
    (panel,) = activation_histograms([LevelHistograms("he", 1, "", (("epoch 0", (spike, even)),))])
    first, second = bar_tops(panel, palette.level(1))
    row = 42.0  # one row further down
    tall, low = 46 + row - 4 - first, 46 + 2 * row - 4 - second
    assert tall == pytest.approx(row - 8, abs=0.2)  # everything in one bin fills the row
    assert low / tall == pytest.approx(0.25 ** (1 / 3), abs=0.02)


def test_every_level_and_layer_is_named() -> None:
    levels = [
        LevelHistograms(name, place, "#1", (("epoch 0", (histogram(1, [1, 2]), histogram(2, [2, 1]))),), "relu")
        for place, name in enumerate(["zero", HOSTILE])
    ]
    panels = activation_histograms(levels)
    assert [panel.heading for panel in panels] == ["relu", "relu"]
    for panel in panels:
        parsed(panel.source)
        assert {">1<", ">2<", "epoch 0"} <= {part for part in (">1<", ">2<", "epoch 0") if part in panel.source}


def ramp(count: int, start: float, end: float) -> np.ndarray:
    return np.geomspace(start, end, count)


def curves(name: str, count: int, end: float, colour: int = 0) -> LevelCurves:
    middle = ramp(count, 2.3, end)
    return LevelCurves(
        name, colour, "3 trials", np.arange(count, dtype=float), None, Band(middle, middle * 0.9, middle * 1.1)
    )


def test_learning_curves_share_their_axes() -> None:
    panels = learning_curves([curves("sgd", 10, 0.5), curves("adam", 10, 0.05, 5)], "loss")
    ticks = [re.findall(r"text-anchor: end[^>]*>([^<]+)<", panel.source) for panel in panels]
    assert ticks[0] == ticks[1]
    assert "sgd" in panels[0].source
    assert palette.LIGHT["ghost"] in panels[0].source


def test_a_level_that_explodes_does_not_flatten_the_others() -> None:
    bad = curves("sgd", 10, 1e30)
    (alone,) = learning_curves([curves("adam", 10, 0.05)], "loss")
    both = learning_curves([curves("adam", 10, 0.05), bad, curves("adagrad", 10, 0.1, 2)], "loss")
    assert re.findall(r">(\d[^<]*)<", both[0].source)[:4] == re.findall(r">(\d[^<]*)<", alone.source)[:4]


def test_curves_that_are_all_unknown_are_no_error() -> None:
    nothing = np.full(3, np.nan)
    learning_curves([LevelCurves("sgd", 0, "", np.arange(3.0), None, Band(nothing, nothing, nothing))], "loss")
    layer_lines([LayerLines("sgd", 0, "", np.arange(3.0), np.full((2, 3), np.nan), ("1", "2"))])
    layer_lines([LayerLines("zero", 0, "", np.arange(3.0), np.zeros((2, 3)), ("1", "2"))])


def test_lines_that_end_together_share_a_label() -> None:
    values = np.vstack([ramp(5, 1, level) for level in (1.0, 1.01, 1.02, 1e-4)])
    (panel,) = layer_lines([LayerLines("he", 0, "", np.arange(5.0), values, ("1", "2", "3", "4"))])
    assert ">1–3<" in panel.source
    assert ">4<" in panel.source


def test_values_by_level_mark_the_best_and_name_the_rest() -> None:
    rows = [
        LevelValues("adam", 5, np.array([0.1, 0.2, 0.3]), 0, 0.12, 0.08, 0.16, "0.12 ± 0.02"),
        LevelValues(HOSTILE, 0, np.array([]), 3, note="no value"),
    ]
    for width in (800, 360):
        panel = values_by_level(rows, Scale(0.05, 0.5, log=True), "loss", width)
        root = parsed(panel.source)
        assert panel.width == width
        texts = {each.text for each in root.iter() if each.tag.endswith("text")}
        assert {"adam", "0.12 ± 0.02", "no value", clean(HOSTILE, 90)} <= texts


def test_progress_and_slices_draw_trials_without_a_value() -> None:
    order, values = np.arange(4.0), np.array([0.5, math.nan, 0.3, 0.4])
    tried = Tried("random", "level1", "o", True, order, values)
    panel = search_progress([tried], (np.array([0.0, 2.0]), np.array([0.5, 0.3])), fit(values), "loss", 800)
    assert palette.LIGHT["alarm"] in panel.source
    slice_ = slices("learning_rate", [Series(0, order, values)], Scale(0, 4), None, fit(values))
    assert palette.LIGHT["alarm"] in slice_.source
    assert slice_.source.count("<use") == 4


def test_ten_thousand_trials_make_a_small_drawing() -> None:
    values = np.random.default_rng(0).random(10_000)
    tried = Tried("random", "level1", "o", True, np.arange(10_000.0), values)
    panel = search_progress([tried], (np.array([0.0]), np.array([0.5])), fit(values), "loss", 800)
    assert len(panel.source) < 60_000


@pytest.fixture
def picture() -> Picture:
    panels = learning_curves([curves("sgd", 10, 0.5), curves("adam", 10, 0.05, 5)], "loss")
    return Picture(
        "loss", HOSTILE, "See.", HOSTILE, panels, (), (Mark("validation", "muted"), Mark("trial", "level0", "D"))
    )


def test_a_picture_is_one_valid_svg_file_in_plain_colours(picture: Picture) -> None:
    source = picture.svg()
    root = parsed(source)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(--" not in source
    assert source.replace("http://www.w3.org/2000/svg", "").count("http") == 0
    assert {"sgd", "adam", "validation", "trial"} <= {each.text for each in root.iter() if each.tag.endswith("text")}
    assert root.find("{*}desc") is not None


def test_a_picture_is_one_png_file(picture: Picture) -> None:
    pixels = image.imread(io.BytesIO(picture.png(2.0)))
    root = parsed(picture.svg())
    assert pixels.shape[:2] == (2 * int(root.attrib["height"]), 2 * int(root.attrib["width"]))
    red, green, blue = (int(palette.level(5)[place : place + 2], 16) / 255 for place in (1, 3, 5))
    assert (np.abs(pixels[..., :3] - [red, green, blue]).max(axis=-1) < 0.02).any()  # adam's colour is there
