"""What a reader sees as one figure, and its forms: panels for a page, one SVG file, one PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from sweeps.figures.canvas import FAMILY, Sheet, clean, png, themed
from sweeps.figures.key import Mark, key_sheet
from sweeps.figures.palette import LIGHT

__all__ = ["Mark", "Panel", "Picture"]

GAP = 14  # pixels between panels in the files
WIDEST = 1080  # pixels after which panels begin a new line in the files


@dataclass(frozen=True)
class Panel:
    """One small drawing. `heading`: where it differs from the panel's before, a new row begins under it."""

    sheet: Sheet
    heading: str = ""

    @property
    def width(self) -> int:
        """CSS pixels."""
        return self.sheet.width

    @property
    def height(self) -> int:
        """CSS pixels."""
        return self.sheet.height

    @cached_property
    def source(self) -> str:
        """The `<svg>` element in the light colours."""
        return self.sheet.source()

    @property
    def inline(self) -> str:
        """The `<svg>` element for the page, its colours CSS variables."""
        return themed(self.source)


@dataclass(frozen=True)
class Picture:
    """One figure: `sentence` says what to see, `alternative` says it to who cannot see. `narrow`: panels for small
    screens.
    """

    name: str
    title: str
    sentence: str
    alternative: str
    panels: tuple[Panel, ...]
    narrow: tuple[Panel, ...] = ()
    marks: tuple[Mark, ...] = ()
    reading: str = ""  # how to read axes and bands, for who wants to know exactly

    def rows(self) -> list[tuple[str, list[Panel]]]:
        """The panels under their headings, in order."""
        return group(self.panels)

    def svg(self) -> str:
        """A file of its own: title, panels and key on white paper, in plain colours any program can read."""
        places, words, width, height = self._layout()
        pieces = [
            f'<text x="10" y="{y}" font-family="{FAMILY}" font-size="{size}" font-weight="700" '
            f'fill="{LIGHT["ink"]}">{escape(text)}</text>'
            for text, y, size in words
        ]
        pieces += [panel.source.replace("<svg ", f'<svg x="{x}" y="{y}" ', 1) for panel, x, y in places]
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img">'
            f"<title>{escape(clean(self.title, 200))}</title><desc>{escape(clean(self.alternative, 2000))}</desc>"
            f'<rect width="{width}" height="{height}" fill="{LIGHT["paper"]}"/>{"".join(pieces)}</svg>\n'
        )

    def png(self, scale: float = 2.0) -> bytes:
        """The same as a picture of points, `scale` times the CSS pixels."""
        places, words, width, height = self._layout()
        return png([(panel.sheet, x, y) for panel, x, y in places], words, width, height, scale)

    def _layout(self) -> tuple[list[tuple[Panel, int, int]], list[tuple[str, int, int]], int, int]:
        """Where panels (left, top) and words (baseline, size) stand in a file, and its width and height."""
        places: list[tuple[Panel, int, int]] = []
        words = [(clean(self.title, 120), 22, 15)]
        top, right = 36, 8 * len(self.title)
        key = [("", [Panel(key_sheet(self.marks, WIDEST))])] if self.marks else []
        for heading, panels in [*key, *self.rows()]:
            if heading:
                words.append((clean(heading), top + 14, 13))
                top += 24
            left, tallest = 0, 0
            for panel in panels:
                if left and left + panel.width > WIDEST:
                    left, top, tallest = 0, top + tallest + GAP, 0
                places.append((panel, left, top))
                left, tallest = left + panel.width + GAP, max(tallest, panel.height)
                right = max(right, left - GAP)
            top += tallest + GAP
        return places, words, right, top


def group(panels: Sequence[Panel]) -> list[tuple[str, list[Panel]]]:
    """Neighbouring panels of one heading together."""
    rows: list[tuple[str, list[Panel]]] = []
    for panel in panels:
        if not rows or rows[-1][0] != panel.heading:
            rows.append((panel.heading, []))
        rows[-1][1].append(panel)
    return rows
