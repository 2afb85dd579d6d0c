"""A picture's key: what a line, marker or bar stands for, as small drawings for the page and as a sheet for the
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.figures.canvas import Sheet, clean
from sweeps.figures.frame import SMALL
from sweeps.figures.palette import LIGHT

# Each sign in a box of 22 × 12 pixels: SVG for the page ({c} is the colour).
SIGNS = {
    "line": '<path d="M1 6H21" stroke="{c}" stroke-width="2.4"/>',
    "dashed": '<path d="M1 6H21" stroke="{c}" stroke-width="2" stroke-dasharray="5 3"/>',
    "bar": '<path d="M1 6H21" stroke="{c}" stroke-width="4"/>',
    "band": '<path d="M1 1H21V11H1Z" fill="{c}" fill-opacity=".25"/>',
    "box": '<path d="M6 1H17V11H6Z" fill="{c}"/>',
    "o": '<circle cx="11" cy="6" r="4.2" fill="{c}"/>',
    "ring": '<circle cx="11" cy="6" r="4" fill="none" stroke="{c}" stroke-width="1.8"/>',
    "x": '<path d="M7 2L15 10M15 2L7 10" stroke="{c}" stroke-width="1.8"/>',
    "s": '<path d="M7 2H15V10H7Z" fill="{c}"/>',
    "^": '<path d="M11 1L16 10H6Z" fill="{c}"/>',
    "v": '<path d="M11 11L16 2H6Z" fill="{c}"/>',
    "D": '<path d="M11 .5L16.5 6L11 11.5L5.5 6Z" fill="{c}"/>',
    "P": '<path d="M9 1H13V4H16V8H13V11H9V8H6V4H9Z" fill="{c}"/>',
    "X": '<path d="M6 3L8 1L11 4L14 1L16 3L13 6L16 9L14 11L11 8L8 11L6 9L9 6Z" fill="{c}"/>',
    "p": '<path d="M11 1L16 5L14 10.5H8L6 5Z" fill="{c}"/>',
}


@dataclass(frozen=True)
class Mark:
    """One entry of a key. `colour` is a name of the palette, `sign` one of SIGNS."""

    label: str
    colour: str
    sign: str = "line"

    @property
    def icon(self) -> str:
        """The sign as a small `<svg>` for the page, in the colour's CSS variable."""
        drawing = SIGNS[self.sign].format(c=f"var(--{self.colour})")
        return f'<svg viewBox="0 0 22 12" width="22" height="12" aria-hidden="true" fill="none">{drawing}</svg>'


def key_sheet(marks: Sequence[Mark], width: int) -> Sheet:
    """The key as a sheet of at most `width` pixels, entries beside each other while they fit."""
    places, left, top, widest = [], 6.0, 10.0, 0.0
    for mark in marks:
        wide = 34 + 6.4 * len(clean(mark.label))
        if left + wide > width and left > 6:
            left, top = 6.0, top + 18
        places.append((mark, left, top))
        left += wide
        widest = max(widest, left)
    sheet = Sheet(round(max(widest, 20)), round(top + 12))
    for mark, x, y in places:
        _draw(sheet, mark.sign, x, y, LIGHT[mark.colour])
        sheet.text(x + 26, y, clean(mark.label), size=SMALL)
    return sheet


def _draw(sheet: Sheet, sign: str, x: float, y: float, colour: str) -> None:
    if sign in ("line", "dashed", "bar"):
        sheet.line([x + 1, x + 21], [y, y], colour, width=4.0 if sign == "bar" else 2.0, dashed=sign == "dashed")
    elif sign == "band":
        sheet.boxes([(x + 1, y - 5, 20, 10)], colour, alpha=0.25)
    elif sign == "box":
        sheet.boxes([(x + 6, y - 5, 11, 10)], colour)
    else:
        sheet.dots([x + 11], [y], colour, marker="o" if sign == "ring" else sign, size=8.0, hollow=sign == "ring")
