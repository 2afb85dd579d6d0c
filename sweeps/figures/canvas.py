"""From a drawing to something a page can carry: small panels, drawn by matplotlib without pyplot's hidden state.

A `Sheet` is drawn on in CSS pixels, from the top left corner, as the page will show it: no axes machinery, few
artists, so that a panel takes milliseconds. Text stays text (the reader's own font), colours become CSS variables,
and every string is escaped by matplotlib's XML writer with its mathematics mode off.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from numpy.typing import ArrayLike, NDArray

from sweeps.figures.palette import LIGHT

Array = NDArray[np.float64]
FONT = 11.0  # CSS pixels of a panel's text at its natural size
FAMILY = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kurabe",  # the ids in a drawing are hashes of its content: the same drawing gives the same bytes
    "font.size": FONT,
}
_rendering = (
    threading.Lock()
)  # matplotlib's settings are global to the process; a service may draw from several threads
_names = {colour: name for name, colour in LIGHT.items()}
_colour = re.compile("(?<=: )(?:" + "|".join(_names) + ")")
_attributes = re.compile(r' (?:d|x|y|transform)="[^"]*"')
_decimals = re.compile(r"(\d\.\d)\d+")
_counted = re.compile(r' id="(?:figure|patch|line2d|text)_\d+"')
_comment = re.compile(r"<!--.*?-->", re.DOTALL)
_markers = re.compile(
    r'<use href="#\w+" x="[-\d.]+" y="[-\d.]+" style="([^"]*)"/>'
    r'(?:<use href="#\w+" x="[-\d.]+" y="[-\d.]+" style="\1"/>)*'
)
_needless = re.compile(r" font-family: 'DejaVu Sans'[^;]*;| transform=\"rotate\(-?0 [^\"]*\"")
_spaces = re.compile(r"\s+")
_control = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: object, limit: int = 40) -> str:
    """One line of text fit for a drawing: no control or direction-changing characters, at most `limit` characters."""
    line = _control.sub(" ", str(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class Sheet:
    """One small drawing of `width` × `height` CSS pixels; x grows to the right, y downwards. Colours are hex values
    of LIGHT.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._figure.patch.set_visible(False)
        self._pixels = Affine2D().scale(1 / 72, -1 / 72).translate(0, height / 72) + self._figure.dpi_scale_trans
        self._order = 0

    def _add(self, artist: Any) -> None:
        self._order += 1  # drawn in the order of the calls
        artist.set_zorder(self._order)
        artist.set_transform(self._pixels)
        self._figure.add_artist(artist, clip=False)

    def line(
        self, x: ArrayLike, y: ArrayLike, colour: str, *, width: float = 1.6, dashed: bool = False, alpha: float = 1.0
    ) -> None:
        """A line through the points; nan breaks it."""
        self._add(
            Line2D(
                np.asarray(x, dtype=float), np.asarray(y, dtype=float), color=colour, linewidth=width,
                dashes=(3.2, 2.0) if dashed else (None, None),
                alpha=alpha, solid_joinstyle="round", solid_capstyle="round",
            )
        )  # fmt: skip

    def rules(self, segments: Sequence[tuple[float, float, float, float]], colour: str, width: float = 1.0) -> None:
        """Straight segments (x0, y0, x1, y1), all as one path."""
        if segments:
            ends = np.asarray(segments, dtype=float).reshape(-1, 2)
            path = Path(ends, [Path.MOVETO, Path.LINETO] * len(segments))
            self._add(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width))

    def areas(self, outlines: Sequence[Array], colour: str, *, alpha: float = 1.0, edge: str | None = None) -> None:
        """Closed polygons, each an array (n, 2), all as one path; filled, or only outlined where `edge` is given."""
        shapes = [np.vstack([outline, outline[:1]]) for outline in outlines if len(outline) >= 3]
        if not shapes:
            return
        codes = [[Path.MOVETO, *[Path.LINETO] * (len(shape) - 2), Path.CLOSEPOLY] for shape in shapes]
        path = Path(np.vstack(shapes), [code for one in codes for code in one])
        face = "none" if edge else colour
        self._add(PathPatch(path, facecolor=face, edgecolor=edge or "none", linewidth=1.0, alpha=alpha))

    def boxes(self, boxes: Sequence[tuple[float, float, float, float]], colour: str, *, alpha: float = 1.0) -> None:
        """Filled rectangles (left, top, width, height)."""
        self.areas(
            [np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) for x, y, w, h in boxes], colour, alpha=alpha
        )

    def dots(
        self, x: ArrayLike, y: ArrayLike, colour: str, *, marker: str = "o", size: float = 5.0, alpha: float = 1.0,
        hollow: bool = False,
    ) -> None:  # fmt: skip
        """Markers of `size` pixels; hollow ones show the paper inside."""
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if x.size:
            face, edge = (LIGHT["paper"], colour) if hollow else (colour, LIGHT["paper"])
            if marker == "x":
                face = edge = colour
            self._add(
                Line2D(
                    x, y, linestyle="none", marker=marker, markersize=size, alpha=alpha, markerfacecolor=face,
                    markeredgecolor=edge, markeredgewidth=1.4 if hollow or marker == "x" else 0.6,
                )
            )  # fmt: skip

    def text(
        self, x: float, y: float, text: str, *, across: str = "left", down: str = "center", colour: str = "muted",
        size: float = FONT, bold: bool = False,
    ) -> None:  # fmt: skip
        """One line of text; `across` and `down` say which part of it lies on (x, y). `colour` is a palette name or
        hex value.
        """
        words = Text(
            x, y, clean(text, 90), ha=across, va=down, color=LIGHT.get(colour, colour), fontsize=size,
            fontweight="bold" if bold else "normal", parse_math=False,  # a dollar sign in a name is a dollar sign
        )  # fmt: skip
        self._add(words)

    def source(self) -> str:
        """The drawing as a plain `<svg>` element in the light colours, without ids that count, metadata or a file
        header.
        """
        buffer = io.StringIO()
        with _settings():
            self._figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return _trim(buffer.getvalue(), self.width, self.height)

    def pixels(self, scale: float) -> Any:
        """The drawing as an RGBA array (height × scale, width × scale, 4) of bytes, on no paper."""
        with _settings():
            self._figure.set_dpi(72 * scale)
            canvas = FigureCanvasAgg(self._figure)
            canvas.draw()
            picture = np.asarray(canvas.buffer_rgba()).copy()
            self._figure.set_dpi(72)
            return picture


@contextmanager
def _settings() -> Iterator[None]:
    with _rendering, matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The reader's browser has the fonts for any script; that DejaVu Sans lacks a glyph only matters for its width.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def themed(source: str) -> str:
    """A drawing for the page: each colour is the CSS variable of its name (the light one to fall back on)."""
    drawing = _colour.sub(lambda found: f"var(--{_names[found[0]]},{found[0]})", source)
    return drawing.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _trim(svg: str, width: int, height: int) -> str:
    body = svg[svg.index("</defs>") + len("</defs>") : svg.rindex("</svg>")]  # from after matplotlib's style element
    # matplotlib's writer escapes < and > in every text, so what these patterns match is never a user's.
    body = _comment.sub("", body)
    body = _counted.sub("", body)
    body = _needless.sub("", body)
    body = _attributes.sub(lambda found: _spaces.sub(" ", _decimals.sub(r"\1", found[0])), body)
    body = re.sub(r">\s+<", "><", body).replace("xlink:href", "href")
    body = _markers.sub(_one_style, body)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" stroke-linejoin="round" '
        f'font-family="{FAMILY}">{body.strip()}</svg>'
    )


def _one_style(found: re.Match[str]) -> str:
    """Markers that look the same, their style said once."""
    style = f' style="{found[1]}"'
    return f"<g{style}>{found[0].replace(style, '')}</g>"


def png(
    places: Sequence[tuple[Sheet, int, int]],
    words: Sequence[tuple[str, int, int]],
    width: int,
    height: int,
    scale: float,
) -> bytes:
    """Sheets at (left, top) and bold words at (baseline, size) on white paper of `width` × `height` CSS pixels, as a
    PNG file.
    """
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * scale, facecolor=LIGHT["paper"])
    for sheet, left, top in places:
        figure.figimage(sheet.pixels(scale), round(left * scale), round((height - top - sheet.height) * scale))
    with _settings():
        for text, y, size in words:
            figure.text(
                10 / width, 1 - y / height, clean(text, 120), va="baseline", color=LIGHT["ink"], fontsize=size,
                fontweight="bold", parse_math=False,
            )  # fmt: skip
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
