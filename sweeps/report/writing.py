"""A page, its figures and its table as files, each renamed into place whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sweeps.report.evidence import Evidence
from sweeps.report.markdown import summary
from sweeps.report.page import make_page, render
from sweeps.report.tables import trials_csv
from sweeps.report.verdict_tables import verdict_json

MOST_BYTES = 5_000_000  # of the page, whatever the number of runs


def write(evidence: Evidence, folder: Path, *, png: bool = False) -> Path:
    """Write all files of the report into `folder`, the page last; returns its path."""
    page = make_page(evidence)
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for picture in page.pictures:
        wanted.add(f"{picture.name}.svg")
        put(figures / f"{picture.name}.svg", picture.svg().encode("utf-8"))
        if png:
            wanted.add(f"{picture.name}.png")
            put(figures / f"{picture.name}.png", picture.png())
    for stale in [
        *figures.glob("*.svg"),
        *figures.glob("*.png"),
    ]:  # of a report made here before, whose figures may have had other names
        if stale.name not in wanted:
            stale.unlink(missing_ok=True)
    put(folder / "trials.csv", trials_csv(evidence).encode("utf-8"))
    put(folder / "verdict.json", verdict_json(evidence).encode("utf-8", "replace"))
    put(folder / "report.md", summary(page).encode("utf-8", "replace"))
    html = render(page).encode("utf-8", "replace")
    return put(folder / "report.html", html)


def put(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name beside `path` and rename it; a reader sees the old file or the new one,
    never a part.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
