"""One step of a search by a model: what it knows, what it expects and how surely, and where it looks next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, Frame, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale

WIDTH, HEIGHT = 320, 270


@dataclass(frozen=True)
class Step:
    """A model along one axis: over `x` (n,) its `mean`, the ends of its band and the `promise` (n, ≥ 0) of each place;
    the points it knows (`known_x`, `known_y`, nan: no value, `near`: 0 … 1, how near to the axis's line they lie); the
    value that it tries `next`, and what came of it (nan: not known).
    """

    name: str
    note: str
    x: Array
    mean: Array
    low: Array
    high: Array
    promise: Array
    known_x: Array
    known_y: Array
    near: Array
    next: float | None = None
    outcome: float = np.nan


def surrogate_step(step: Step, curve: tuple[Array, Array] | None, across: Scale, up: Scale, label: str) -> Panel:
    """Mean, band and known points over the measured `curve`; below them the promise, whose top is the next point."""
    sheet = Sheet(WIDTH, HEIGHT)
    frame = Frame(sheet, 48, 30, WIDTH - 60, 150, across, up)
    lower = Frame(sheet, 48, 192, WIDTH - 60, 36, across, Scale(0.0, 1.0))
    frame.vertical()
    lower.horizontal(label=label)
    blue, deep = LIGHT["level0"], LIGHT["level3"]
    frame.band(step.x, step.low, step.high, blue)
    if curve is not None:
        frame.line(*curve, LIGHT["level1"], width=1.8)
    frame.line(step.x, step.mean, blue, width=2.0, dashed=True)
    top = float(np.nanmax(step.promise, initial=0.0))
    share = np.clip(step.promise / top, 0.0, 1.0) if top > 0 else np.zeros_like(step.promise)
    lower.band(step.x, np.zeros_like(share), share, LIGHT["level2"], alpha=0.5)
    lower.line(step.x, share, LIGHT["level2"], width=1.4)
    if step.next is not None:
        x = float(frame.x(step.next))
        sheet.line([x, x], [frame.top, lower.bottom], deep, width=1.2, dashed=True)
    there = np.isfinite(step.known_y)
    for far in (True, False):
        mine = there & ((step.near < 0.5) == far)
        sheet.dots(
            frame.x(step.known_x[mine]), frame.y(step.known_y[mine]), LIGHT["muted" if far else "ink"],
            size=7.0, hollow=far,
        )  # fmt: skip
    lost = step.known_x[~there]
    sheet.dots(frame.x(lost), np.full(len(lost), frame.top + 5.0), LIGHT["alarm"], marker="x", size=6.0)
    if step.next is not None and np.isfinite(step.outcome):
        sheet.dots(frame.x([step.next]), frame.y([step.outcome]), deep, marker="D", size=9.0, hollow=True)
    title(sheet, step.name)
    if step.note:
        sheet.text(WIDTH - 8, 12, step.note, across="right", colour="level3", size=SMALL, bold=True)
    return Panel(sheet)
