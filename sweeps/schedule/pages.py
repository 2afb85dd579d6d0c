"""The pages beside a schedule's reports: `latest.html`, the newest one, and `index.html`, a list of all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from sweeps.figures.palette import DARK, LIGHT, variables
from sweeps.schedule.state import Occurrence, Schedule
from sweeps.storage import write_whole

ALARMING = ("regression", "failures", "incomparable")
_LINK = b'href="trials.csv"'  # the one link of a report to a file beside it


def write_pages(schedule: Schedule, occurrences: Sequence[Occurrence], now: datetime) -> None:
    """Write both, each renamed into place whole."""
    made = [each for each in occurrences if each.made]
    if made:
        page = (schedule.reports / made[-1].stamp / "report.html").read_bytes()
        _put(schedule, "latest.html", page.replace(_LINK, f'href="{made[-1].stamp}/trials.csv"'.encode()))
    _put(schedule, "index.html", index(schedule, occurrences, now).encode("utf-8", "replace"))


def index(schedule: Schedule, occurrences: Sequence[Occurrence], now: datetime) -> str:
    """The list as one self-contained page, newest first."""
    from jinja2 import Environment, StrictUndefined

    source = files("sweeps.schedule").joinpath("index.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    times = schedule.times
    return environment.from_string(source).render(
        name=schedule.name,
        style=_style(),
        expression=times.expression,
        zone=times.zone,
        subjects=", ".join(schedule.subjects),
        run=schedule.run,
        next=times.local(times.next(now)),
        written=times.local(now),
        has_latest=any(each.made for each in occurrences),
        rows=[_row(schedule, each) for each in reversed(occurrences)],
        alarming=ALARMING,
    )


def _row(schedule: Schedule, occurrence: Occurrence) -> dict[str, Any]:
    about = [f"about {', '.join(occurrence.executions)}"] if occurrence.executions else []
    if occurrence.against:
        about.append(f"compared with {', '.join(dict.fromkeys(occurrence.against.values()))}")
    if occurrence.missed:
        since = schedule.times.local(datetime.fromisoformat(occurrence.first_missed))
        about.append(f"stands for {occurrence.missed} missed before it, since {since}")
    if occurrence.report_run:
        about.append(f"MLflow run {occurrence.report_run}")
    return {
        "stamp": occurrence.stamp,
        "time": schedule.times.local(occurrence.time),
        "made": occurrence.made,
        "status": occurrence.status,
        "kinds": list(dict.fromkeys(kind for kind, _ in occurrence.changed)),
        "headlines": occurrence.headlines,
        "changed": [text for _, text in occurrence.changed] + list(occurrence.notes),
        "problems": occurrence.problems,
        "about": "; ".join(about),
    }


def _style() -> str:
    light = variables(LIGHT) + "--wash:#f5f7f9;--link:#2450c8;"
    dark = variables(DARK) + "--wash:#1c2026;--link:#93b1ff;"
    sheet = files("sweeps.report").joinpath("page.css").read_text(encoding="utf-8")
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{sheet}"


def _put(schedule: Schedule, name: str, content: bytes) -> None:
    path = schedule.reports / name
    write_whole(path, content, durable=False)
    path.chmod(0o644)
