"""Learning curves beside each other, one panel a level; and what happens layer by layer over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, Frame, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale, fit, fit_share, linear_ticks

WIDTH, HEIGHT = 300, 200
POINTS = 160  # at most so many points a line: more cannot be told apart at this size


@dataclass(frozen=True)
class Band:
    """A middle line and the band around it, by epoch (three arrays of one length; nan where nothing is known)."""

    middle: Array
    low: Array
    high: Array

    def at(self, indices: NDArray[np.intp]) -> Band:
        """The band at some of its epochs."""
        return Band(self.middle[indices], self.low[indices], self.high[indices])


@dataclass(frozen=True)
class LevelCurves:
    """One level's curves: `epochs` (n,), training and validation bands of the same length."""

    level: str
    colour: int
    note: str
    epochs: Array
    train: Band | None
    validation: Band | None
    heading: str = ""


@dataclass(frozen=True)
class LayerLines:
    """One level's numbers by layer: `values` (layers, n) over `epochs` (n,), and the layers' names."""

    level: str
    colour: int
    note: str
    epochs: Array
    values: Array
    layers: tuple[str, ...]
    heading: str = ""


def thin(count: int, most: int = POINTS) -> NDArray[np.intp]:
    """At most `most` indices out of 0 … count − 1, evenly, the first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(int))


def learning_curves(levels: Sequence[LevelCurves], metric: str, *, share: bool = False) -> tuple[Panel, ...]:
    """One panel a level on shared axes, the other levels' validation medians as ghosts behind it.

    `share`: the metric lies between 0 and 1 (an accuracy), and its axis shows errors. A loss gets a logarithmic axis
    where it spans decades; what rises far above every level's start (divergence) leaves the frame at its top.
    """
    up = _vertical(levels, share)
    across = _epochs([level.epochs for level in levels])
    panels = []
    for level in levels:
        sheet = Sheet(WIDTH, HEIGHT)
        frame = Frame(sheet, 46, 30, WIDTH - 58, HEIGHT - 64, across, up)
        frame.vertical()
        frame.horizontal(label="epoch", ticks=_whole(across))
        for other in levels:
            if other is not level and other.heading == level.heading and other.validation is not None:
                frame.line(other.epochs, other.validation.middle, LIGHT["ghost"], width=1.0)
        colour = palette.level(level.colour)
        for band, dashed in ((level.train, True), (level.validation, False)):
            if band is not None:
                frame.band(level.epochs, band.low, band.high, colour, alpha=0.10 if dashed else 0.22)
        for band, dashed in ((level.train, True), (level.validation, False)):
            if band is not None:
                frame.line(level.epochs, band.middle, colour, width=1.3 if dashed else 2.2, dashed=dashed)
        title(sheet, level.level, level.colour, level.note)
        panels.append(Panel(sheet, level.heading))
    return tuple(panels)


def layer_lines(levels: Sequence[LayerLines], *, share: bool = False) -> tuple[Panel, ...]:
    """One panel a level on shared axes, one line a layer, from the pale first to the deep last, numbered at their
    ends.
    """
    everything = np.concatenate([level.values[np.isfinite(level.values)].ravel() for level in levels] or [np.zeros(0)])
    if share:
        up = Scale(0.0, min(1.0, 1.1 * max(0.05, float(everything.max(initial=0.0)))), share=True)
    else:
        positive = everything[everything > 0]
        floor = float(positive.max()) * 1e-12 if positive.size else 0.0
        up = fit(positive[positive >= floor], log=True) if positive.size else Scale(0.0, 1.0)
    across = _epochs([level.epochs for level in levels])
    panels = []
    for level in levels:
        sheet = Sheet(WIDTH, HEIGHT)
        frame = Frame(sheet, 46, 30, WIDTH - 82, HEIGHT - 64, across, up)
        frame.vertical()
        frame.horizontal(label="epoch", ticks=_whole(across))
        ends: list[End] = []
        for index, values in enumerate(level.values):
            colour = palette.layer(index, len(level.values))
            shown = np.where(np.isfinite(values), values, np.nan)
            frame.line(level.epochs, shown, colour)
            known = np.flatnonzero(np.isfinite(shown))
            if known.size == 1:
                sheet.dots(frame.x(level.epochs[known]), frame.y(shown[known]), colour)
            if known.size:
                end = known[-1]
                ends.append(
                    End(float(frame.x(level.epochs[end])), float(frame.y(shown[end])), level.layers[index], colour)
                )
        for end in _merged(ends, SMALL):
            sheet.text(end.x + 6, end.y, end.text, colour="ink", size=SMALL)
        title(sheet, level.level, level.colour, level.note)
        panels.append(Panel(sheet, level.heading))
    return tuple(panels)


@dataclass(frozen=True)
class End:
    """A line's end in pixels, and what stands beside it."""

    x: float
    y: float
    text: str
    colour: str


def _merged(ends: Sequence[End], least: float) -> list[End]:
    """One label for lines that end within `least` pixels of each other: `2–4`, or `1,3`; from top to bottom."""
    groups: list[list[tuple[int, End]]] = []
    for index, end in sorted(enumerate(ends), key=lambda pair: pair[1].y):
        if groups and end.y - groups[-1][-1][1].y < least * (0.9 if len(groups[-1]) == 1 else 0.6):
            groups[-1].append((index, end))
        else:
            groups.append([(index, end)])
    labels = []
    for group in groups:
        places = sorted(index for index, _ in group)
        text = _runs(places, [end.text for end in ends])
        middle = sum(end.y for _, end in group) / len(group)
        labels.append(End(group[0][1].x, middle, text, ends[places[-1]].colour))
    return labels


def _runs(places: Sequence[int], names: Sequence[str]) -> str:
    """The names at some places, neighbours as a run: `1,3–5`."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    words = [
        f"{names[run[0]]}–{names[run[-1]]}" if len(run) > 2 else ",".join(names[place] for place in run) for run in runs
    ]
    return ",".join(words) if len(words) < 3 else f"{words[0]},…,{words[-1]}"


def _vertical(levels: Sequence[LevelCurves], share: bool) -> Scale:
    bands = [band for level in levels for band in (level.train, level.validation) if band is not None]
    middles = np.concatenate([band.middle for band in bands] or [np.zeros(0)])
    finite = middles[np.isfinite(middles)]
    if share:
        return fit_share(finite)
    starts = [value for band in bands for value in band.middle[:1] if np.isfinite(value)]
    if starts and finite.size:
        finite = finite[finite <= 3.0 * float(np.median(starts))]
    return fit(finite)


def _epochs(all_epochs: Sequence[Array]) -> Scale:
    last = max((float(epochs[-1]) for epochs in all_epochs if len(epochs)), default=1.0)
    return Scale(0.0, max(last, 1.0))


def _whole(across: Scale) -> list[tuple[float, str]]:
    ticks = [value for value in linear_ticks(across.low, across.high, 5) if value == int(value)]
    return [(value, str(int(value))) for value in ticks]
