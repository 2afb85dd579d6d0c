"""The comparison report: one self-contained HTML page and its figures, made from what MLflow holds alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.tracking import ExecutionRecord

__all__ = ["write_report"]


def write_report(records: Sequence[ExecutionRecord], folder: Path, *, png: bool = False) -> Path:
    """Write the report of these executions and return the path of its page.

    In `folder` (made if missing): `report.html`, which needs nothing else; `report.md`, its first screen as Markdown;
    the figures in `figures/` as SVG files (and as PNG files if `png`); `trials.csv`; `verdict.json`, the verdict's
    numbers. Each file is written under a temporary name and renamed, the page last, so that a reader always finds a
    whole page. Raises ValueError without records.
    """
    from sweeps.report.gathering import gather
    from sweeps.report.writing import write

    return write(gather(records), folder, png=png)
