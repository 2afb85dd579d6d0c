"""Levels against a number that each of them tried at the same values: what was reached, and small courses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.figures import palette
from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, Frame, title
from sweeps.figures.lines import apart
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale


@dataclass(frozen=True)
class Reached:
    """One level: means `y` (n,) at the values `x` (n,), and the single trainings behind them (`dots_x`, `dots_y`)."""

    name: str
    colour: int
    x: Array
    y: Array
    dots_x: Array
    dots_y: Array


@dataclass(frozen=True)
class SmallLine:
    """One level's line in a small panel: values `y` (n,) over epochs `x` (n,)."""

    colour: int
    x: Array
    y: Array


def reached_by_level(
    levels: Sequence[Reached], across: Scale, up: Scale, label: str, least: float, width: int
) -> Panel:
    """A line through each level's means, its trainings as dots, levels named at the right; a dashed rule at `least`."""
    sheet = Sheet(width, 290)
    room = 24 + 6.4 * max(len(level.name) for level in levels)
    frame = Frame(sheet, 48, 16, width - 48 - room, 230, across, up)
    frame.vertical()
    frame.horizontal(label=label)
    rule = float(frame.y(least))
    sheet.line([frame.left, frame.right], [rule, rule], LIGHT["muted"], width=1.0, dashed=True)
    for level in levels:
        shade, marker = palette.level(level.colour), palette.marker(level.colour)
        sheet.dots(frame.x(level.dots_x), frame.y(level.dots_y), shade, marker=marker, size=4.5, alpha=0.5)
        frame.line(level.x, level.y, shade, width=2.2)
    ends = sorted((float(frame.y(level.y[-1])), level.name, level.colour) for level in levels)
    for shown, (_, name, colour) in zip(apart([end[0] for end in ends]), ends, strict=True):
        sheet.dots([frame.right + 10], [shown], palette.level(colour), marker=palette.marker(colour), size=7.0)
        sheet.text(frame.right + 18, shown, name, colour="ink", size=SMALL)
    return Panel(sheet)


def small_curves(name: str, lines: Sequence[SmallLine], across: Scale, up: Scale) -> Panel:
    """One of many small panels: a line a level, ticks as few as make sense."""
    sheet = Sheet(206, 130)
    frame = Frame(sheet, 40, 24, 156, 84, across, up)
    frame.vertical(count=2)
    frame.horizontal(count=2)
    for line in lines:
        frame.line(line.x, np.where(np.isfinite(line.y), line.y, np.nan), palette.level(line.colour), width=1.8)
    title(sheet, name)
    return Panel(sheet)
