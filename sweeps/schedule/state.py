"""What a schedule remembers on disk, so that no report is lost or made twice.

<storage>/schedules/weekly/schedule.json            what is kept, and since when times count
<storage>/schedules/weekly/2026-03-30T0500Z.json    one occurrence, by its instant: done, failed or under way
<storage>/schedules/weekly/2026-03-30T0500Z.log     what its sweeps said
<storage>/schedules/.weekly.lock                    held by the process that keeps the schedule
<storage>/reports/weekly/2026-03-30T0500Z/          its report
<storage>/reports/weekly/latest.html, index.html    the newest report, and a list of all

An occurrence's file is replaced after each of its steps. Whoever finds it under way goes on after the last one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sweeps.schedule.mistakes import ScheduleError
from sweeps.schedule.times import Times
from sweeps.storage import write_whole

SCHEDULES, REPORTS = "schedules", "reports"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_STAMP = "%Y-%m-%dT%H%MZ"
_FILE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}Z\.json")

Status = Literal["under way", "done", "failed"]


@dataclass(frozen=True)
class Schedule:
    """What is asked for: at these `times`, reports of the `subjects` (executions, or definitions' names or paths).

    `run`: first run each definition again, with these `overrides` of it and these `options` of `sweep run`.
    """

    name: str
    times: Times
    subjects: tuple[str, ...]
    storage: Path
    run: bool = False
    overrides: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.storage / SCHEDULES / self.name

    @property
    def reports(self) -> Path:
        return self.storage / REPORTS / self.name

    def described(self) -> dict[str, Any]:
        """As JSON."""
        told = {"expression": self.times.expression, "zone": self.times.zone, "subjects": list(self.subjects)}
        overrides = [list(pair) for pair in self.overrides]
        return {**told, "run": self.run, "overrides": overrides, "options": list(self.options)}


@dataclass(frozen=True)
class Occurrence:
    """One time of a schedule and what became of it.

    `missed`: how many earlier times it stands for, from `first_missed` on. `runs`: of each definition that is run again
    its `seed` and `first_replicate`, by which its execution is known, and how far it is. `executions`: what the report
    is about, and `against`: which earlier execution each is compared with. `changed`: (kind, sentence) worth a message.
    `problems`: what went wrong on the way. `report_run`: the run that keeps the report in MLflow. `told`: the places
    in the list of addresses that have had their message, and `tries` how often one was not taken.
    """

    time: datetime
    status: Status = "under way"
    missed: int = 0
    first_missed: str = ""
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    executions: tuple[str, ...] = ()
    against: Mapping[str, str] = field(default_factory=dict)
    headlines: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    made: bool = False
    report_run: str = ""
    told: tuple[int, ...] = ()
    tries: int = 0

    @property
    def stamp(self) -> str:
        """Its name in files: the instant in UTC."""
        return self.time.astimezone(UTC).strftime(_STAMP)

    def but(self, **new: Any) -> Occurrence:
        """The same with some fields replaced."""
        return replace(self, **new)

    def to_json(self) -> str:
        """As a JSON object."""
        return json.dumps({**asdict(self), "time": self.time.isoformat()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Occurrence:
        """What `to_json` gave. Raises ValueError, KeyError or TypeError for anything else."""
        body = json.loads(text)
        known: dict[str, Any] = {each.name: body[each.name] for each in fields(cls) if each.name in body}
        known |= {name: tuple(known[name]) for name in ("executions", "headlines", "notes", "problems", "told")}
        known["changed"] = tuple((str(kind), str(text)) for kind, text in known["changed"])
        return cls(**{**known, "time": datetime.fromisoformat(known["time"])})


@dataclass(frozen=True)
class State:
    """What a schedule remembers: times count after `since`; `occurrences` in order of time."""

    since: datetime
    occurrences: tuple[Occurrence, ...]

    @property
    def under_way(self) -> Occurrence | None:
        """The occurrence that was begun and is not over; the earliest, if there are several."""
        return next((each for each in self.occurrences if each.status == "under way"), None)

    def with_(self, occurrence: Occurrence) -> State:
        """The same with an occurrence that is new, or stands otherwise."""
        others = (each for each in self.occurrences if each.time != occurrence.time)
        return State(self.since, tuple(sorted((*others, occurrence), key=lambda each: each.time)))

    @property
    def handled(self) -> tuple[datetime, ...]:
        """The times that are not due again."""
        return tuple(each.time for each in self.occurrences)


def save(schedule: Schedule, occurrence: Occurrence) -> Occurrence:
    """Write an occurrence down, and give it back."""
    write_whole(schedule.folder / f"{occurrence.stamp}.json", occurrence.to_json().encode())
    return occurrence


def load(schedule: Schedule, since: datetime) -> tuple[State, str]:
    """What the schedule remembers, and a word about what is new; `since` counts if it is new or its times are others.

    Raises:
        ScheduleError: a file is damaged; the message names it.
    """
    path, wanted = schedule.folder / "schedule.json", schedule.described()
    told, known = "", _read(path) if path.exists() else None
    if known is not None and all(known[name] == wanted[name] for name in ("expression", "zone")):
        since = datetime.fromisoformat(known["since"])
    elif known is not None:
        told = f'times were "{known["expression"]}" ({known["zone"]}) so far'
    if known is None or {**known, **wanted} != known or told:
        write_whole(path, json.dumps({**wanted, "since": since.isoformat()}, indent=1).encode())
    return State(since, occurrences(schedule)), told


def occurrences(schedule: Schedule) -> tuple[Occurrence, ...]:
    """All that were begun, in order of time."""
    found = sorted(each for each in schedule.folder.glob("*.json") if _FILE.fullmatch(each.name))
    return tuple(_occurrence(path) for path in found)


def _occurrence(path: Path) -> Occurrence:
    try:
        return Occurrence.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise ScheduleError(f"{path}: damaged ({error}); if you delete it, that time may be done again") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {**found, "since": datetime.fromisoformat(found["since"]).isoformat(), "expression": found["expression"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ScheduleError(f"{path}: damaged ({error}); delete it, and times count from now on") from None
