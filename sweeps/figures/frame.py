"""A plotting frame on a sheet: two scales, a box, ticks and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.palette import LIGHT
from sweeps.figures.scales import Scale

SMALL = 10.0  # CSS pixels of tick labels
Tick = tuple[float, str]  # drawing coordinate, label


@dataclass(frozen=True)
class Frame:
    """The box (left, top, width, height in pixels) that shows `across` from left to right and `up` from bottom to
    top.
    """

    sheet: Sheet
    left: float
    top: float
    width: float
    height: float
    across: Scale
    up: Scale

    @property
    def right(self) -> float:
        """The right edge in pixels."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The bottom edge in pixels."""
        return self.top + self.height

    def x(self, values: ArrayLike) -> Array:
        """Pixels from the left edge of the sheet."""
        low, high = self.across.ends
        return self.left + (self.across.place(values) - low) / (high - low) * self.width

    def y(self, values: ArrayLike) -> Array:
        """Pixels from the top edge of the sheet."""
        low, high = self.up.ends
        return self.bottom - (self.up.place(values) - low) / (high - low) * self.height

    def line(self, x: ArrayLike, y: ArrayLike, colour: str, *, width: float = 1.8, dashed: bool = False) -> None:
        """A line of values; nan breaks it."""
        self.sheet.line(self.x(x), self.y(y), colour, width=width, dashed=dashed)

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, *, alpha: float = 0.18) -> None:
        """The area between two lines of values, interrupted where either is nan."""
        across, below, above = self.x(x), self.y(low), self.y(high)
        fine = np.isfinite(below) & np.isfinite(above)
        outlines = []
        for run in np.split(np.arange(len(across)), np.flatnonzero(np.diff(fine.astype(int))) + 1):
            if fine[run[0]] and len(run) > 1:
                there = np.column_stack([across[run], above[run]])
                outlines.append(np.vstack([there, np.column_stack([across[run], below[run]])[::-1]]))
        self.sheet.areas(outlines, colour, alpha=alpha)

    def horizontal(
        self, *, label: str = "", ticks: Sequence[Tick] | None = None, count: int = 5, grid: bool = False
    ) -> None:
        """The bottom axis: a rule, ticks and the name of what it shows."""
        low, high = self.across.ends
        marks = [
            (self.left + (at - low) / (high - low) * self.width, text)
            for at, text in (self.across.ticks(count) if ticks is None else ticks)
        ]
        if grid:
            self.sheet.rules([(x, self.top, x, self.bottom) for x, _ in marks], LIGHT["faint"])
        self.sheet.rules([(self.left, self.bottom, self.right, self.bottom)], LIGHT["ghost"])
        self.sheet.rules([(x, self.bottom, x, self.bottom + 3) for x, _ in marks], LIGHT["ghost"])
        crowded = any(
            right - left < 3.2 * (len(one) + len(other)) + 4 for (left, one), (right, other) in pairwise(marks)
        )
        for place, (x, text) in enumerate(marks):
            self.tick(x, self.bottom + (22 if crowded and place % 2 else 11), text)
        if label:
            self.sheet.text(self.right, self.bottom + 25, label, across="right", size=SMALL)

    def tick(self, x: float, y: float, text: str) -> None:
        """A label centred on x, or as near to it as the sheet's edges allow."""
        half = 3.1 * len(text)
        self.sheet.text(min(max(x, half), self.sheet.width - half), y, text, across="center", size=SMALL)

    def vertical(self, *, ticks: Sequence[Tick] | None = None, count: int = 4, label: str = "") -> None:
        """The left axis: faint lines across the box, labels left of it, the name of what it shows above them."""
        low, high = self.up.ends
        marks = [
            (self.bottom - (at - low) / (high - low) * self.height, text)
            for at, text in (self.up.ticks(count) if ticks is None else ticks)
        ]
        self.sheet.rules([(self.left, y, self.right, y) for y, _ in marks], LIGHT["faint"])
        for y, text in marks:
            self.sheet.text(self.left - 5, y, text, across="right", size=SMALL)
        if label:
            self.sheet.text(4, self.top - 10, label, size=SMALL)


def title(sheet: Sheet, text: str, number: int | None = None, note: str = "", left: float = 4.0) -> None:
    """A panel's name at its top after its level's marker (colour `number`), with a quiet note at the right end."""
    if number is not None:
        sheet.dots([left + 5], [12], palette.level(number), marker=palette.marker(number), size=9.0)
        left += 15
    sheet.text(left, 12, text, colour="ink", size=12, bold=True)
    if note:
        sheet.text(sheet.width - 6, 12, note, across="right", size=SMALL)
