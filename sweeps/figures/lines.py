"""Several named lines in one frame, each named at its end; paths over contours; parallel coordinates; points in a
plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet, clean
from sweeps.figures.frame import SMALL, Frame, Tick, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale


@dataclass(frozen=True)
class NamedLine:
    """A line of values `y` over `x` (both (n,)) in a level's colour; `steps`: each value holds until the next; `low`,
    `high`: the ends of a band around it.
    """

    name: str
    colour: int
    x: Array
    y: Array
    steps: bool = False
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True)
class Axes:
    """What stands around some lines: both scales, the horizontal one's name, its ticks where they are not its own."""

    across: Scale
    up: Scale
    label: str = ""
    ticks: Sequence[Tick] | None = None


def named_lines(name: str, lines: Sequence[NamedLine], axes: Axes, *, width: int = 480, height: int = 240) -> Panel:
    """All lines on common axes; names stand at the right ends, moved apart where they would overlap."""
    sheet = Sheet(width, height)
    longest = max((len(clean(line.name, 18)) for line in lines), default=0)
    frame = Frame(sheet, 48, 30, width - 66 - 6.4 * longest, height - 68, axes.across, axes.up)
    frame.vertical()
    frame.horizontal(label=axes.label, ticks=axes.ticks)
    ends = []
    for line in lines:
        if line.low is not None and line.high is not None:
            across, low, high = line.x, line.low, line.high
            if line.steps and len(across):
                across, low, high = np.repeat(across, 2)[1:], np.repeat(low, 2)[:-1], np.repeat(high, 2)[:-1]
            frame.band(across, low, high, palette.level(line.colour), alpha=0.12)
    for line in lines:
        x, y = frame.x(line.x), frame.y(line.y)
        if line.steps and len(x):
            x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        sheet.line(x, y, palette.level(line.colour), width=2.0)
        known = np.flatnonzero(np.isfinite(y))
        if known.size and line.name:
            ends.append((float(y[known[-1]]), float(x[known[-1]]), line))
    ends.sort(key=lambda end: end[0])
    for shown, (at, right, line) in zip(apart([end[0] for end in ends]), ends, strict=True):
        sheet.dots([right], [at], palette.level(line.colour), marker=palette.marker(line.colour), size=7.0)
        if abs(shown - at) > 2 or frame.right - right > 6:
            sheet.rules([(right + 3, at, frame.right + 8, shown)], LIGHT["faint"])
        sheet.text(frame.right + 11, shown, clean(line.name, 18), colour="ink", size=SMALL)
    title(sheet, name)
    return Panel(sheet)


def apart(places: Sequence[float], least: float = 12.0) -> list[float]:
    """Sorted places moved so that neighbours are `least` apart, as little as a pass down and one back allow."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    if moved:
        shift = float(np.mean(moved) - np.mean(places))
        moved = [place - shift for place in moved]
    return moved


def contour_path(name: str, colour: int, path: Array, rings: Sequence[Array], axes: Axes) -> Panel:
    """A path (n, 2) over rings (m, 2) of equal height: where each step leads, from the circle to the diamond."""
    sheet = Sheet(300, 210)
    frame = Frame(sheet, 34, 30, 256, 146, axes.across, axes.up)
    for ring in rings:
        inside = (np.abs(ring[:, 1]) <= axes.up.high) & (np.abs(ring[:, 0]) <= axes.across.high)
        sheet.line(np.where(inside, frame.x(ring[:, 0]), np.nan), frame.y(ring[:, 1]), LIGHT["faint"], width=1.0)
    frame.vertical(count=3)
    frame.horizontal()
    shade = palette.level(colour)
    x, y = frame.x(path[:, 0]), frame.y(path[:, 1])
    sheet.line(x, y, shade, width=1.4)
    sheet.dots(x[1:-1], y[1:-1], shade, size=4.5)
    sheet.dots(x[:1], y[:1], shade, size=8.0, hollow=True)
    sheet.dots(x[-1:], y[-1:], shade, marker="D", size=8.0)
    title(sheet, name, colour, axes.label)
    return Panel(sheet)


@dataclass(frozen=True)
class Dimension:
    """One axis of parallel coordinates: its name and its ticks, as places from 0 (bottom) to 1 (top) with labels."""

    name: str
    ticks: tuple[Tick, ...]


def parallel(dimensions: Sequence[Dimension], places: Array, good: Sequence[int], across: int) -> Panel:
    """A line a trial through `places` (trials, dimensions; 0 to 1, nan: none); those in `good` stand out."""
    sheet = Sheet(across, 300)
    top, bottom = 52.0, 270.0
    stops = np.linspace(40, across - 56, len(dimensions))
    height = bottom - places * (bottom - top)
    chosen = set(good)
    for row in range(len(places)):
        if row not in chosen:
            sheet.line(*_joined(stops, height[row]), LIGHT["ghost"], width=0.8, alpha=0.55)
    for row in list(good)[::-1]:
        best = row == good[0]
        colour, width = (LIGHT["level3"], 2.6) if best else (LIGHT["level0"], 1.5)
        sheet.line(*_joined(stops, height[row]), colour, width=width, alpha=1.0 if best else 0.75)
    sheet.rules([(x, top, x, bottom) for x in stops.tolist()], LIGHT["muted"])
    for place, (x, dimension) in enumerate(zip(stops.tolist(), dimensions, strict=True)):
        beside = {0: (4.0, "left"), len(dimensions) - 1: (across - 4.0, "right")}.get(place, (x, "center"))
        name = clean(dimension.name, 22)
        sheet.text(beside[0], 22 if place % 2 else 36, name, across=beside[1], colour="ink", size=SMALL, bold=True)
        for at, text in dimension.ticks:
            y = bottom - at * (bottom - top)
            sheet.rules([(x - 3, y, x, y)], LIGHT["muted"])
            label = clean(text, 10)
            sheet.boxes([(x + 2, y - 6, 6.2 * len(label) + 3, 12)], LIGHT["paper"], alpha=0.8)
            sheet.text(x + 4, y, label, size=SMALL)
    return Panel(sheet)


def _joined(x: Array, y: Array) -> tuple[Array, Array]:
    known = np.isfinite(y)
    return x[known], y[known]


@dataclass(frozen=True)
class Cloud:
    """Points (n,) in a plane with the place (0 best … 1 worst) of each one's value; nan: no value."""

    name: str
    x: Array
    y: Array
    place: Array


def plane(cloud: Cloud, across: Scale, up: Scale, names: tuple[str, str], *, width: int = 300) -> Panel:
    """Where trials were put: deep colours are good values, crosses have none, the diamond is the best; ticks above
    the frame are the different values of x."""
    sheet = Sheet(width, 260)
    frame = Frame(sheet, 50, 44, width - 62, 164, across, up)
    frame.vertical(label=names[1])
    frame.horizontal(label=names[0], grid=True)
    steps = np.where(np.isfinite(cloud.place), cloud.place, 1.0) * palette.LAYERS
    shades = np.clip(steps, 0, palette.LAYERS - 1).astype(int)
    for shade in range(palette.LAYERS)[::-1]:
        mine = np.isfinite(cloud.place) & (shades == shade)
        sheet.dots(
            frame.x(cloud.x[mine]), frame.y(cloud.y[mine]), LIGHT[f"layer{palette.LAYERS - 1 - shade}"], size=7.0
        )
    lost = ~np.isfinite(cloud.place)
    sheet.dots(frame.x(cloud.x[lost]), frame.y(cloud.y[lost]), LIGHT["alarm"], marker="x", size=6.0)
    tried = np.unique(np.round(frame.x(cloud.x[np.isfinite(cloud.x)]), 1)).tolist()
    sheet.rules([(x, frame.top - 6, x, frame.top) for x in tried], LIGHT["muted"])  # how many different values
    if np.isfinite(cloud.place).any():
        best = int(np.nanargmin(cloud.place))
        sheet.dots(frame.x([cloud.x[best]]), frame.y([cloud.y[best]]), LIGHT["level3"], marker="D", size=11.0)
    title(sheet, cloud.name, note=f"{len(cloud.x)} trials")
    return Panel(sheet)


def bars(rows: Sequence[tuple[str, float, float]], label: str, width: int) -> Panel:
    """A bar for each (name, length, spread), the longest first, with a whisker of ± spread."""
    names = min(240.0, 20 + 7.2 * max((len(clean(name)) for name, _, _ in rows), default=0))
    sheet = Sheet(width, round(16 + 26 * len(rows) + 36))
    longest = max((length + spread for _, length, spread in rows), default=1.0) or 1.0
    frame = Frame(sheet, names, 8, width - names - 20, 26.0 * len(rows), Scale(0.0, longest * 1.05), Scale(0.0, 1.0))
    frame.horizontal(label=label, grid=True)
    for index, (name, length, spread) in enumerate(rows):
        y = 8 + 26 * (index + 0.5)
        sheet.text(names - 8, y, name, across="right", colour="ink")
        end = max(float(frame.x(length)), names + 1)
        sheet.boxes([(names, y - 8, end - names, 16)], LIGHT["level0"], alpha=0.8)
        sheet.rules([(float(frame.x(max(length - spread, 0.0))), y, float(frame.x(length + spread)), y)], LIGHT["ink"])
    return Panel(sheet)
