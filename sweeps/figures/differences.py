"""Differences between pairs of alternatives: a row a pair, how much the one is better than the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.figures.canvas import Array, Sheet
from sweeps.figures.frame import SMALL, Frame, title
from sweeps.figures.palette import LIGHT
from sweeps.figures.picture import Panel
from sweeps.figures.scales import Scale
from sweeps.figures.values import DOTS, jitter, some


@dataclass(frozen=True)
class PairRow:
    """One pair: differences of its units (n,), their mean, its interval and the wider one that all pairs hold together,
    and whether it is separated.
    """

    name: str
    values: Array
    mean: float
    low: float | None
    high: float | None
    joint_low: float | None
    joint_high: float | None
    separated: bool
    note: str = ""


def differences(
    rows: Sequence[PairRow], scale: Scale, label: str, width: int, name: str = "", *, worth: float | None = None
) -> Panel:
    """A row a pair around the line at 0: pale dots for units, a diamond for the mean, a thick bar for its interval, a
    thin one for the wider interval. Pairs that are separated are in ink, others muted. `worth`: differences within ±
    it are shaded.
    """
    wide = width >= 600
    names = min(260, max(100, 20 + max((len(row.name) for row in rows), default=0) * 6.6)) if wide else 6
    step = 34 if wide else 52
    top = (8 if wide else 10) + (22 if name else 0)
    sheet = Sheet(width, round(top + step * len(rows) + 40))
    frame = Frame(sheet, names, top, width - names - (170 if wide else 10), step * len(rows), scale, Scale(0, 1))
    if name:
        title(sheet, name, left=6)
    if worth is not None:
        left, right = (float(frame.x(end)) for end in (-worth, worth))
        sheet.boxes([(left, top, right - left, step * len(rows))], LIGHT["faint"])
    zero = float(frame.x(0.0))
    sheet.rules([(zero, top, zero, frame.bottom)], LIGHT["muted"], width=1.2)
    for index, row in enumerate(rows):
        y = top + step * (index + (0.5 if wide else 0.76))
        colour = LIGHT["ink" if row.separated else "muted"]
        sheet.rules([(frame.left, y, frame.right, y)], LIGHT["faint"])
        if wide:
            sheet.text(names - 12, y, row.name, across="right", colour="ink")
        else:
            sheet.text(names, y - 25, row.name, colour="ink", bold=True)
        shown = some(row.values, DOTS)
        sheet.dots(frame.x(shown), y - 9 + jitter(len(shown), 1.5), colour, size=6.0, alpha=0.7)
        for low, high, thick in ((row.joint_low, row.joint_high, 1.2), (row.low, row.high, 3.0)):
            if low is not None and high is not None:
                sheet.line(frame.x([low, high]), [y, y], colour, width=thick)
        sheet.dots(frame.x([row.mean]), [y], colour, marker="D", size=9.0, hollow=not row.separated)
        if row.note:
            sheet.text(width - 6, y if wide else y - 25, row.note, across="right", colour="ink")
    frame.horizontal(ticks=scale.ticks(6 if wide else 4))
    sheet.text(frame.left, frame.bottom + 28, label, size=SMALL)
    return Panel(sheet)
