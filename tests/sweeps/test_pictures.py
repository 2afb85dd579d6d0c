"""The activation picture: what is drawn where, alike axes, and its price."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sweeps.tracking import pictures
from sweeps.tracking.pictures import SIZE, draw, draw_activations

BAR, ZERO, BEYOND = pictures._BAR, pictures._ZERO, pictures._BEYOND


def layer(counts: list[int], low: float = 0.0, high: float = 1.0, **given: Any) -> dict[str, Any]:
    edges = np.linspace(low, high, len(counts) + 1).tolist()
    rest = {
        "zeros": 0,
        "underflow": 0,
        "overflow": 0,
        "mean": 0.5,
        "std": 0.1,
        "dead": 0.0,
        "saturated": 0.0,
        "spread": 1.0,
    }
    return {"layer": "layer1", "edges": edges, "counts": counts, **rest, **given}


def columns(pixels: pictures.Pixels, colour: int) -> list[int]:
    return sorted(set(np.nonzero(pixels == colour)[1].tolist()))


def height(pixels: pictures.Pixels, colour: int) -> int:
    return int((pixels == colour).any(axis=1).sum())


def test_it_is_a_small_square_png() -> None:
    content = draw_activations([layer([1, 2, 3])], 5)
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.size) == ("PNG", (SIZE, SIZE))
    assert len(content) < 20_000
    colours = {pixel for _, pixel in image.convert("RGB").getcolors(maxcolors=1000) or []}
    assert (59, 117, 175) in colours
    assert (255, 255, 255) in colours


def test_bars_stand_where_their_bins_are() -> None:
    counts = [0] * 50
    counts[0] = 10
    left = columns(draw([layer(counts)], 0), BAR)
    right = columns(draw([layer(counts[::-1])], 0), BAR)
    assert max(left) < SIZE / 4
    assert min(right) > 3 * SIZE / 4
    assert len(left) == pytest.approx(len(right), abs=1)


def test_a_higher_share_gives_a_higher_bar_and_all_in_one_bin_the_highest() -> None:
    heights = [height(draw([layer([share, 100 - share])], 0)[:, : SIZE // 2], BAR) for share in (1, 10, 50, 100)]
    assert heights == sorted(heights)
    assert len(set(heights)) == 4
    assert heights[-1] > 0.75 * SIZE


def test_the_height_is_the_share_and_not_the_number_of_samples() -> None:
    assert np.array_equal(draw([layer([1, 3])], 0), draw([layer([1000, 3000])], 0))


def test_exact_zeros_and_what_lies_beyond_the_range_are_drawn_apart() -> None:
    plain = draw([layer([5, 5], -1, 1)], 0)
    assert not (plain == ZERO).any()
    assert not (plain == BEYOND).any()
    pixels = draw([layer([5, 5], -1, 1, zeros=5, overflow=5)], 0)
    middle = (min(columns(plain, BAR)) + max(columns(plain, BAR))) / 2
    assert np.mean(columns(pixels, ZERO)) == pytest.approx(middle, abs=2)
    assert min(columns(pixels, BEYOND)) > max(columns(pixels, BAR))
    assert max(columns(draw([layer([5, 5], -1, 1, underflow=5)], 0), BEYOND)) < min(columns(plain, BAR))
    assert height(pixels, BAR) < height(plain, BAR)  # its share is a quarter now, no longer a half


def test_axes_are_alike_whatever_the_values() -> None:
    """Where nothing is drawn but axes and grid, two runs' pictures are the same."""
    one, two = draw([layer([9, 1])], 0), draw([layer([1, 9], mean=0.1)], 0)
    grid = {pictures._GRID, pictures._AXIS}
    drawn = np.isin(one, [BAR]) | np.isin(two, [BAR]) | (one <= pictures._INK) | (two <= pictures._INK)
    assert np.array_equal(np.isin(one, list(grid)) & ~drawn, np.isin(two, list(grid)) & ~drawn)


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 13, 40])
def test_every_layer_has_a_panel_inside_the_square(count: int) -> None:
    boxes = pictures._boxes(count)
    assert len({(right - left, bottom - top) for left, top, right, bottom in boxes}) == 1
    assert all(0 < left < right < SIZE and 0 < top < bottom < SIZE for left, top, right, bottom in boxes)
    assert len(set(boxes)) == count
    pixels = draw([layer([1, 2], layer=f"layer{index + 1}") for index in range(count)], 3)
    for left, top, right, bottom in boxes:
        assert (pixels[top:bottom, left:right] == BAR).any()


def test_different_epochs_and_numbers_are_told_apart() -> None:
    pictured = [
        draw([layer([1])], 0),
        draw([layer([1])], 7),
        draw([layer([1], dead=0.25)], 7),
        draw([layer([1], mean=0.1)], 7),
    ]
    for index, one in enumerate(pictured):
        assert not any(np.array_equal(one, other) for other in pictured[index + 1 :])


@pytest.mark.parametrize("broken", ["nan", "inf", "-inf"])
def test_a_network_that_diverged_is_drawn_too(broken: str) -> None:
    pixels = draw([layer([0, 0], overflow=100, mean=broken, std="nan")], 3)
    assert (pixels == BEYOND).any()
    assert not (pixels == BAR).any()
    assert not (draw([layer([0, 0], mean=broken, std="nan")], 3) >= BAR).any()


def test_markup_in_a_layers_name_is_text() -> None:
    assert draw_activations([layer([1], layer="<script>alert(1)</script>\n\x00")], 1)


def test_it_costs_a_few_milliseconds() -> None:
    layers = [layer(list(range(50)), layer=f"layer{index}", zeros=10) for index in range(5)]
    draw_activations(layers, 0)
    spent = []
    for epoch in range(20):
        start = time.process_time()
        draw_activations(layers, epoch)
        spent.append(time.process_time() - start)
    assert sorted(spent)[10] < 0.02  # 2 ms on an idle machine
