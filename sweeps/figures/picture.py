"""What a reader sees as one figure, and its forms: panels for a page, one SVG file, one PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from sweeps.figures.canvas import FAMILY, Sheet, clean, png, themed
from sweeps.figures.palette import LIGHT

GAP = 14  # pixels between panels in the files
WIDEST = 1080  # pixels after which panels begin a new line in the files


@dataclass(frozen=True)
class Mark:
    """One entry of a picture's key: what a line, marker or bar stands for. `colour` is a name of the palette."""

    label: str
    colour: str
    kind: str = "line"  # line | dashed | dot | ring | cross | bar | pale


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
    """One figure: `sentence` says what to see, `alternative` says it to who cannot see. `narrow`: panels for small screens."""

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

    @property
    def key(self) -> str:
        """What the marks stand for, in one line of text."""
        return "     ".join(f"{_SIGNS[mark.kind]} {clean(mark.label)}" for mark in self.marks)

    def svg(self) -> str:
        """A file of its own: title, panels and key on white paper, in plain colours any program can read."""
        pieces = [_words(clean(self.title, 120), 22, 15, bold=True)]
        top, right = 34, 0
        for heading, panels in self.rows():
            if heading:
                pieces.append(_words(clean(heading), top + 14, 13, bold=True))
                top += 24
            left, tallest = 0, 0
            for panel in panels:
                if left and left + panel.width > WIDEST:
                    left, top, tallest = 0, top + tallest + GAP, 0
                pieces.append(panel.source.replace("<svg ", f'<svg x="{left}" y="{top}" ', 1))
                left, tallest = left + panel.width + GAP, max(tallest, panel.height)
                right = max(right, left - GAP)
            top += tallest + GAP
        if self.key:
            pieces.append(_words(self.key, top + 8, 11))
            top += 24
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {top}" width="{right}" height="{top}" role="img">'
            f"<title>{escape(clean(self.title, 200))}</title><desc>{escape(clean(self.alternative, 2000))}</desc>"
            f'<rect width="{right}" height="{top}" fill="{LIGHT["paper"]}"/>{"".join(pieces)}</svg>\n'
        )

    def png(self, scale: float = 2.0) -> bytes:
        """The same as a picture of points, `scale` times the CSS pixels."""
        rows = [(heading, [panel.sheet for panel in panels]) for heading, panels in self.rows()]
        return png(rows, self.title, self.key, scale, WIDEST, GAP)


_SIGNS = {"line": "—", "dashed": "- -", "dot": "●", "ring": "○", "cross": "×", "bar": "■", "pale": "□"}


def group(panels: Sequence[Panel]) -> list[tuple[str, list[Panel]]]:
    """Neighbouring panels of one heading together."""
    rows: list[tuple[str, list[Panel]]] = []
    for panel in panels:
        if not rows or rows[-1][0] != panel.heading:
            rows.append((panel.heading, []))
        rows[-1][1].append(panel)
    return rows


def _words(text: str, y: float, size: float, *, bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="12" y="{y}" font-family="{FAMILY}" font-size="{size}"{weight} fill="{LIGHT["ink"]}">{escape(text)}</text>'
