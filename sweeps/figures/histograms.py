"""Activation histograms as small multiples: rows are layers, columns are levels; before the first step and after the
last.

All cells share bins and both axes. Heights are cube roots of shares, as in the pictures of single runs: a bell of
many bins and a spike that holds everything are both legible on one scale. What a histogram over a fixed range would
hide is drawn apart from its bins: exact zeros, and what lies below and above the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import number, plain

Box = tuple[float, float, float, float]  # left, top, width, height
ROW, TOP, BOTTOM, LEFT, CELL, GAP = 42, 46, 24, 18, 78, 9
BAR = 4  # pixels of a bar that stands apart from the bins


@dataclass(frozen=True)
class LayerHistogram:
    """Activations of layer `number` (from 1): `counts` (bins,) within [low, high], the rest apart; `std` of all of
    them.
    """

    number: int
    counts: Array
    low: float
    high: float
    zeros: float
    underflow: float
    overflow: float
    std: float

    @property
    def total(self) -> float:
        """How many activations there were."""
        return float(self.counts.sum()) + self.zeros + self.underflow + self.overflow


@dataclass(frozen=True)
class LevelHistograms:
    """One level: for each shown epoch (its name and the layers from first to last)."""

    level: str
    colour: int
    note: str
    epochs: tuple[tuple[str, tuple[LayerHistogram, ...]], ...]
    heading: str = ""


def activation_histograms(levels: Sequence[LevelHistograms]) -> tuple[Panel, ...]:
    """One panel a level. Levels of one heading must share their bins' range; cells of one heading share what stands
    apart.
    """
    panels = []
    for level in levels:
        peers = [peer for peer in levels if peer.heading == level.heading]
        cells = [cell for peer in peers for _, layers in peer.epochs for cell in layers]
        deepest = max((layers for peer in peers for _, layers in peer.epochs), key=len, default=())
        rows = tuple(cell.number for cell in deepest)
        apart = tuple(any(getattr(cell, name) > 0 for cell in cells) for name in ("zeros", "underflow", "overflow"))
        columns = max(len(peer.epochs) for peer in levels)
        panels.append(Panel(_column(level, rows, columns, apart), level.heading))
    return tuple(panels)


def _column(level: LevelHistograms, rows: tuple[int, ...], columns: int, apart: tuple[bool, ...]) -> Sheet:
    sheet = Sheet(LEFT + columns * (CELL + GAP), TOP + len(rows) * ROW + BOTTOM)
    colour = palette.level(level.colour)
    title(sheet, level.level, level.colour, level.note)
    for index, layer in enumerate(rows):
        sheet.text(LEFT - 7, TOP + (index + 0.6) * ROW, str(layer), across="right", size=SMALL)
    for place, (epoch, layers) in enumerate(level.epochs):
        left = LEFT + place * (CELL + GAP)
        sheet.text(left, 32, epoch, size=SMALL)
        bars: list[Array] = []
        zeros: list[Box] = []
        outside: list[Box] = []
        for cell in layers:
            index = rows.index(cell.number)
            base = TOP + (index + 1) * ROW - 4.0
            first, last = _bins(left, apart)
            bars.append(_outline(cell, first, last, base))
            for x, count, kind in (
                (left, cell.underflow, outside), (first - BAR - 3, cell.zeros, zeros),
                (last + 3, cell.overflow, outside),
            ):  # fmt: skip
                if count > 0:
                    tall = max(1.0, _height(count / cell.total))
                    kind.append((x, base - tall, float(BAR), tall))
            sheet.text(left + CELL, base - ROW + 11, f"σ {number(cell.std, 2)}", across="right", size=SMALL - 1)
        sheet.areas([bar for bar in bars if len(bar)], colour, alpha=1.0 if place else 0.55)
        sheet.boxes(zeros, LIGHT["ink"])
        sheet.boxes(outside, LIGHT["alarm"])
        first, last = _bins(left, apart)
        lines = [TOP + (index + 1) * ROW - 4.0 for index in range(len(rows))]
        sheet.rules([(first, y, last, y) for y in lines], LIGHT["ghost"])
        if layers and lines:
            for x, value, across in ((first, layers[0].low, "left"), (last, layers[0].high, "right")):
                sheet.text(x, lines[-1] + 10, plain(value), across=across, size=SMALL - 1)
    return sheet


def _bins(left: float, apart: tuple[bool, ...]) -> tuple[float, float]:
    """Where the bins begin and end, in pixels, when bars for (zeros, underflow, overflow) stand apart."""
    zeros, below, above = apart
    return left + (BAR + 3) * (zeros + below), left + CELL - (BAR + 3) * above


def _height(share: float) -> float:
    return float(np.cbrt(share)) * (ROW - 8)


def _outline(cell: LayerHistogram, first: float, last: float, base: float) -> Array:
    if not cell.total or not cell.counts.any():
        return np.zeros((0, 2))
    heights = np.cbrt(cell.counts / cell.total) * (ROW - 8)
    edges = np.linspace(first, last, len(cell.counts) + 1)
    x = np.repeat(edges, 2)
    y = np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
    return np.column_stack([x, base - y])
