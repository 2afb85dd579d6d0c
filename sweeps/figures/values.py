"""The values of trials: by level, in the order they were tried, and against each hyper-parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, Frame, Tick, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale

LOST = 16.0  # pixels kept free at the bad end of an axis for trials without a value
DOTS = 600  # at most so many dots a panel


@dataclass(frozen=True)
class LevelValues:
    """One level's row: values of its trials (n,), how many trials have none, its best point's mean and interval."""

    level: str
    colour: int
    values: Array
    lost: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def values_by_level(
    rows: Sequence[LevelValues], scale: Scale, label: str, width: int, name: str = "", *, apart: bool = False
) -> Panel:
    """A row a level: pale dots for trials, a diamond with its interval for the level's best point, its number at the
    end.

    Above 600 pixels of width the levels' names stand left of their rows, below above them. `name`: what stands over
    the panel. `apart`: the dots are few and matter one by one; they stand above the interval, not under it.
    """
    wide = width >= 600
    names = min(260, max(100, 34 + max((len(row.level) for row in rows), default=0) * 8.6)) if wide else 6
    step = (34 if wide else 46) + (4 if wide else 8) * apart
    over = 17 + 8 * apart  # of a row's words above its line, where they do not stand beside it
    top = (8 if wide else 10) + (22 if name else 0)
    sheet = Sheet(width, round(top + step * len(rows) + 40))
    frame = Frame(sheet, names, top, width - names - (170 if wide else 10), step * len(rows), scale, Scale(0, 1))
    ticks = scale.ticks(6 if wide else 4)
    if name:
        title(sheet, name, left=6)
    low, high = scale.ends
    for index, row in enumerate(rows):
        y = top + step * (index + (0.5 if wide else 0.76 if apart else 0.68))
        colour = palette.level(row.colour)
        sheet.rules([(frame.left, y, frame.right, y)], LIGHT["faint"])
        place = (names - 14.0, y) if wide else (names + 6.0, y - over)
        sheet.dots([place[0]], [place[1]], colour, marker=palette.marker(row.colour), size=9.0)
        _name(sheet, row.level, place, wide)
        shown = some(row.values)
        above = y - 9 + jitter(len(shown), 1.5) if apart else y + jitter(len(shown), 4.0)
        sheet.dots(frame.x(shown), above, colour, size=6.0 if apart else 5.5, alpha=0.75 if apart else 0.45)
        if row.mean is not None:
            if row.low is not None and row.high is not None:
                sheet.line(frame.x([row.low, row.high]), [y, y], colour, width=3.0)
            sheet.dots(frame.x([row.mean]), [y], colour, marker="D", size=9.0)
        if row.note:
            sheet.text(width - 6, y if wide else y - over, row.note, across="right", colour="ink")
    sheet.rules([(frame.left, frame.bottom, frame.right, frame.bottom)], LIGHT["ghost"])
    for at, text in ticks:
        x = frame.left + (at - low) / (high - low) * frame.width
        sheet.rules([(x, frame.bottom, x, frame.bottom + 3)], LIGHT["ghost"])
        frame.tick(x, frame.bottom + 12, text)
    sheet.text(frame.left, frame.bottom + 28, label, size=SMALL)
    return Panel(sheet)


def _name(sheet: Sheet, level: str, marker: tuple[float, float], wide: bool) -> None:
    x, y = marker
    sheet.text(
        x - 12 if wide else x + 11, y, level, across="right" if wide else "left", colour="ink", size=12, bold=True
    )


@dataclass(frozen=True)
class Tried:
    """One kind of proposal in the search's progress: `order` (n,) and `values` (n,; nan = no value)."""

    label: str
    colour: str
    marker: str
    hollow: bool
    order: Array
    values: Array


def search_progress(kinds: Sequence[Tried], best: tuple[Array, Array], up: Scale, label: str, width: int) -> Panel:
    """Values in the order they were proposed, coloured by what proposed them, and the best so far as steps (order,
    value).
    """
    sheet = Sheet(width, 300 if width >= 600 else 260)
    last = max((float(kind.order.max()) for kind in kinds if kind.order.size), default=1.0)
    first = min((float(kind.order.min()) for kind in kinds if kind.order.size), default=0.0)
    frame = Frame(sheet, 52, 30, width - 66, sheet.height - 72, Scale(first - 0.5, max(last, first + 1) + 0.5), up)
    frame.vertical(label=label, count=5)
    frame.horizontal(label="trial, in the order proposed", count=8 if width >= 600 else 4)
    order, values = best
    if order.size:
        steps = np.append(np.repeat(order, 2)[1:], last + 0.5)
        frame.line(steps, np.repeat(values, 2), LIGHT["ink"], width=1.4)
    for kind in kinds:
        there = np.isfinite(kind.values)
        keep = _evenly(there, DOTS)
        sheet.dots(
            frame.x(kind.order[keep]), frame.y(kind.values[keep]), LIGHT[kind.colour], marker=kind.marker, size=7.0,
            hollow=kind.hollow,
        )  # fmt: skip
        lost = kind.order[~there]
        sheet.dots(frame.x(lost), np.full(len(lost), frame.top - 6.0), LIGHT["alarm"], marker="x", size=6.0)
    return Panel(sheet)


@dataclass(frozen=True)
class Series:
    """The trials of one level in a slice: drawing coordinates `x` (n,) and `values` (n,; nan = none); `line`: joined
    means.
    """

    colour: int
    x: Array
    values: Array
    line: tuple[Array, Array] | None = None


def slices(
    name: str, series: Sequence[Series], across: Scale, ticks: Sequence[Tick] | None, up: Scale, note: str = ""
) -> Panel:
    """Value against one hyper-parameter: a dot a trial in its level's colour and marker, crosses for trials without a
    value.
    """
    sheet = Sheet(300, 220)
    frame = Frame(sheet, 46, 34, 244, 150, across, up)
    frame.vertical()
    frame.horizontal(ticks=ticks)
    most = max(DOTS // max(len(series), 1), 40)
    for one in series:
        colour = palette.level(one.colour)
        if one.line is not None:
            frame.line(*one.line, colour, width=1.6)
        there = np.isfinite(one.values)
        keep = _evenly(there, most)
        sheet.dots(
            frame.x(one.x[keep]),
            frame.y(one.values[keep]),
            colour,
            marker=palette.marker(one.colour),
            size=6.0,
            alpha=0.8,
        )
        sheet.dots(
            frame.x(one.x[~there]), np.full((~there).sum(), frame.top - 6.0), LIGHT["alarm"], marker="x", size=5.0
        )
    title(sheet, name, note=note)
    return Panel(sheet)


def some(values: Array, most: int = DOTS) -> Array:
    """All of them, or the best-spread `most` of them (even steps through the sorted values keep both ends)."""
    if len(values) <= most:
        return values
    chosen: Array = np.sort(values)[np.linspace(0, len(values) - 1, most).round().astype(int)]
    return chosen


def _evenly(there: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Indices of what is there, at most `most` of them, evenly chosen."""
    found = np.flatnonzero(there)
    return found if len(found) <= most else found[np.linspace(0, len(found) - 1, most).round().astype(int)]


def jitter(count: int, reach: float) -> Array:
    """Offsets that keep equal values apart: the golden ratio's sequence, the same every time."""
    offsets: Array = (np.arange(count, dtype=np.float64) * 0.6180339887 % 1.0 - 0.5) * 2.0 * reach
    return offsets
