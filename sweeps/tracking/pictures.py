"""The activation picture of a run: one square, a histogram for each hidden layer, drawn by NumPy and Pillow in 2 ms.

Every picture of every run has the same axes, so that pictures side by side compare by eye:

    x   the activation, over the bins' fixed range ([0, 1] for sigmoid, [-1, 1] for tanh, a declared range otherwise)
    y   the share of a layer's activations in each bin, from 0 to 100 %, on a cube-root scale, so that a layer spread
        over fifty bins (2 % each) is seen as well as one crowded in a single bin

Blue bars are bins, the orange bar is the share that is exactly 0, red bars at the sides are beyond the range. The text
gives the mean and standard deviation, and the shares of zeros, dead and saturated units where there are any.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import ImageFont

    Pixels = NDArray[np.uint8]  # (SIZE, SIZE), indices into the palette

SIZE = 300  # pixels a side
_TOP, _BOTTOM, _LEFT, _RIGHT = 24, 20, 40, 8  # margins around the panels
_GUTTER = 9  # at each side of a panel, for what is beyond the range
_GAP = 5  # between panels
_ROWS = 6  # of panels at most before a second column begins
_MARKS = (0.01, 0.1, 0.5, 1.0)  # shares with a line across
_WIDE, _FAIR = 240, 150  # width in pixels that a panel needs for all its numbers, and for the notable ones
_TALL = 36  # height that it needs for any

_INK = 15  # palette: 0 is paper, up to here shades of ink
_GRID, _AXIS, _BAR, _ZERO, _BEYOND = range(_INK + 1, _INK + 6)
_COLOURS = {
    _GRID: (226, 226, 226),
    _AXIS: (140, 140, 140),
    _BAR: (59, 117, 175),
    _ZERO: (230, 145, 30),
    _BEYOND: (196, 57, 43),
}


def draw_activations(layers: Sequence[Mapping[str, Any]], epoch: int) -> bytes:
    """A PNG of SIZE × SIZE pixels.

    Args:
        layers: `LayerActivations` as JSON objects, from the first hidden layer to the last: layer, edges (n + 1),
            counts (n), zeros, underflow, overflow, mean, std, dead, saturated; `counts` leaves out what `zeros` counts.
        epoch: for the title; 0 is before the first step.
    """
    return encode(draw(layers, epoch))


def draw(layers: Sequence[Mapping[str, Any]], epoch: int) -> Pixels:
    """The pixels of `draw_activations`."""
    import numpy as np
    from PIL import Image, ImageDraw

    frame = _frame(tuple((str(layer["layer"]), *_ends(layer)) for layer in layers))
    pixels = frame.copy()
    words = Image.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(words)
    title = f"activations at epoch {epoch}" + (", before the first step" if epoch == 0 else "")
    pen.text((SIZE // 2, 4), title, fill=255, font=_font(14), anchor="ma")
    for layer, box in zip(layers, _boxes(len(layers)), strict=True):
        _draw_bars(pixels, layer, box)
        if box[3] - box[1] >= _TALL:
            for row, line in enumerate(_lines(layer, box[2] - box[0])):
                pen.text((box[2] - _GUTTER - 3, box[1] + 2 + 13 * row), line, fill=255, font=_font(12), anchor="ra")
    return _write(pixels, np.asarray(words))


def encode(pixels: Pixels) -> bytes:
    """PNG with a palette; on pictures this plain the quickest compression is within a few per cent of the best."""
    from PIL import Image

    image = Image.frombytes("P", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    image.putpalette(_palette())
    file = io.BytesIO()
    image.save(file, "png", compress_level=1)
    return file.getvalue()


def _draw_bars(pixels: Pixels, layer: Mapping[str, Any], box: tuple[int, int, int, int]) -> None:
    import numpy as np

    x0, y0, x1, y1 = box
    counts = np.asarray(layer["counts"], dtype=np.float64)
    edges = np.asarray(layer["edges"], dtype=np.float64)
    outside = [float(layer[name]) for name in ("zeros", "underflow", "overflow")]
    total = counts.sum() + sum(outside)
    if total <= 0:
        return
    left, right = x0 + _GUTTER, x1 - _GUTTER
    place = edges[0] + (np.arange(right - left) + 0.5) * (edges[-1] - edges[0]) / (right - left)
    heights = _height(counts / total, y1 - y0)[np.searchsorted(edges[1:-1], place, side="right")]
    panel = pixels[y0:y1, left:right]
    panel[np.arange(y1 - y0, 0, -1)[:, None] <= heights] = _BAR
    zero, under, over = (int(_height(np.float64(value / total), y1 - y0)) for value in outside)
    pixels[y1 - under : y1, x0 + 1 : left - 2] = _BEYOND
    pixels[y1 - over : y1, right + 2 : x1 - 1] = _BEYOND
    if zero and edges[0] <= 0 <= edges[-1]:
        middle = left + round((right - left - 1) * -edges[0] / (edges[-1] - edges[0]))
        pixels[y1 - zero : y1, max(middle - 2, left) : middle + 3] = _ZERO


def _height(share: Any, pixels: int) -> Any:
    """Bar height for a share: pixels · ∛share, and at least one pixel for anything at all."""
    import numpy as np

    return np.ceil(np.cbrt(share) * (pixels - 1)).astype(np.int64)


@lru_cache(maxsize=16)
def _frame(panels: tuple[tuple[str, float, float], ...]) -> Pixels:
    """All that pictures of alike networks share: grid, axes, names. `panels`: (layer's name, lowest edge, highest)."""
    import numpy as np
    from PIL import Image, ImageDraw

    pixels = np.zeros((SIZE, SIZE), dtype=np.uint8)
    words = Image.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(words)
    boxes = _boxes(len(panels))
    for (name, low, high), (x0, y0, x1, y1) in zip(panels, boxes, strict=True):
        for mark in _MARKS:
            y = y1 - int(_height(np.float64(mark), y1 - y0))
            pixels[y, x0:x1] = _GRID
            if x0 == boxes[0][0] and (mark == 0.1 or (mark < 1 and y1 - y0 > 50)):
                pen.text((x0 - 3, y), f"{mark:.0%}", fill=170, font=_font(11), anchor="rm")
        pixels[y0:y1, [x0 + _GUTTER - 1, x1 - _GUTTER]] = _GRID
        pixels[y1, x0:x1] = _AXIS
        if y1 - y0 >= _TALL // 2:
            pen.text((x0 + _GUTTER + 3, y0 + 2), name, fill=255, font=_font(13))
        if y1 == max(box[3] for box in boxes):
            for x, value in ((x0 + _GUTTER, low), ((x0 + x1) // 2, (low + high) / 2), (x1 - _GUTTER, high)):
                pen.text((x, y1 + 4), f"{value:g}", fill=170, font=_font(11), anchor="ma")
    return _write(pixels, np.asarray(words))


def _boxes(count: int) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of each panel, column after column."""
    columns = max(1, math.ceil(count / _ROWS)) if count <= 4 * _ROWS else math.ceil(math.sqrt(count))
    rows = max(1, math.ceil(count / columns))
    width, height = (SIZE - _LEFT - _RIGHT) // columns, (SIZE - _TOP - _BOTTOM) // rows  # all alike, to a pixel
    corners = [(_LEFT + width * (index // rows), _TOP + height * (index % rows)) for index in range(count)]
    return [(x, y, x + width - _GAP, y + height - _GAP) for x, y in corners]


def _lines(layer: Mapping[str, Any], width: int) -> list[str]:
    """What a panel of this width says in words: moments, and below them the shares that are worth a word."""
    mean, std, dead, saturated = (float(layer[name]) for name in ("mean", "std", "dead", "saturated"))
    total = sum(layer["counts"]) + layer["zeros"] + layer["underflow"] + layer["overflow"]
    shares = {"zero": layer["zeros"] / total if total else 0.0, "dead": dead, "saturated": saturated}
    moments = f"mean {_short(mean)}  std {_short(std)}"
    told = "  ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.005)
    return [moments if width >= _WIDE else "", told if width >= _FAIR else ""]


def _short(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000") if abs(value) < 10 else f"{value:.3g}"


def _ends(layer: Mapping[str, Any]) -> tuple[float, float]:
    return float(layer["edges"][0]), float(layer["edges"][-1])


def _write(pixels: Pixels, words: Pixels) -> Pixels:
    """Lay text of shade 0..255 over the pixels, as one of _INK shades."""
    rows, columns = words.nonzero()
    shades = (words[rows, columns].astype(int) * _INK + 254) // 255
    strong = (pixels[rows, columns] <= _INK) | (shades > _INK // 3)  # over a bar a faint edge would be a light rim
    pixels[rows[strong], columns[strong]] = shades[strong]
    return pixels


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@lru_cache(maxsize=1)
def _palette() -> bytes:
    ink = [tuple(round(255 - (255 - dark) * shade / _INK) for dark in (34, 34, 40)) for shade in range(_INK + 1)]
    return bytes(value for colour in (*ink, *_COLOURS.values()) for value in colour)
