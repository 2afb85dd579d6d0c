"""When a schedule is due: cron's five fields in a time zone, and its occurrences as instants.

An occurrence is an instant (UTC), so it happens once, whatever the clocks on the wall do. Where an hour is named, a
local time that the change to summer time leaves out fires at the next minute there is, and one that comes twice fires
the first time, as in Debian's cron. Where every hour is meant (`*`), real hours count.

The arithmetic is cronsim's. APScheduler, the better known library, was not taken: its five fields count weekdays from
Monday = 0 where cron has Sunday = 0, it joins day of month and day of week by "and" where cron has "or", and it keeps
its jobs as pickles.
"""

from __future__ import annotations

import os
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.mistakes import did_you_mean, shown
from sweeps.schedule.mistakes import ScheduleError

if TYPE_CHECKING:
    from cronsim import CronSim

FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7, where 0 and 7 are Sunday, or SUN-SAT"),
)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
MOST_MISSED = 10_000  # occurrences that are counted; beyond it is "so many or more"
_TERM = r"(\*|[0-9]{1,4}(-[0-9]{1,4})?|[A-Z]{3}(-[A-Z]{3})?)(/[0-9]{1,4})?"
_FIELD = re.compile(rf"{_TERM}(,{_TERM})*")
_WINDOWS = (timedelta(days=1), timedelta(days=32), timedelta(days=367), timedelta(days=367 * 8))


@dataclass(frozen=True)
class Due:
    """The latest occurrence that is due, and how many earlier ones it stands for: `missed` of them, since `first`."""

    time: datetime
    missed: int = 0
    first: datetime | None = None


@dataclass(frozen=True)
class Times:
    """A cron expression of five fields (or one of `NICKNAMES`) in a time zone of the IANA's list.

    Raises:
        ScheduleError: the expression or the zone is none; the message names the field.
    """

    expression: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        _ = self.timezone
        _check(self.fields)
        from cronsim import CronSimError

        try:
            self.next(datetime(2024, 1, 1, tzinfo=UTC))
        except (CronSimError, StopIteration):  # the 30th of February
            raise ScheduleError(f"{shown(self.expression)}: there is no such day in any year") from None

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Minute, hour, day of month, month, day of week, in capitals."""
        text = NICKNAMES.get(self.expression.strip().lower(), self.expression)
        parts = text.upper().split()
        if len(parts) != len(FIELDS):
            names = ", ".join(name for name, _ in FIELDS)
            near = did_you_mean(self.expression.strip(), NICKNAMES) if len(parts) == 1 else ""
            hint = near or '; in a shell it wants quotation marks: "0 7 * * 1" is Mondays at 7:00'
            raise ScheduleError(f"{shown(self.expression)}: expected five fields ({names}), got {len(parts)}{hint}")
        return tuple(parts)

    @cached_property
    def timezone(self) -> zoneinfo.ZoneInfo:
        """The time zone's rules."""
        try:
            return zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = zoneinfo.available_timezones()
            if not known:
                raise ScheduleError("this machine has no list of time zones: pip install tzdata") from None
            near = did_you_mean(self.zone, known)
            raise ScheduleError(
                f"{shown(self.zone)}: no such time zone; expected a name such as Europe/Berlin or UTC{near}"
            ) from None

    @cached_property
    def parsed(self) -> CronSim:
        """The fields as sets of numbers: `minutes`, `hours`, `days`, `months`, `weekdays`; `day_and` says whether both
        kinds of days must match."""
        return self._from(datetime(2024, 1, 1, tzinfo=UTC))

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The occurrences after an instant, in UTC, in order."""
        last = instant
        for found in self._from(instant.astimezone(self.timezone)):
            each = found.astimezone(UTC)
            if each > last:  # an hour that comes twice may lead back behind the instant it is asked from
                last = each
                yield each

    def next(self, instant: datetime) -> datetime:
        """The first occurrence after an instant."""
        return next(self.after(instant))

    def latest(self, now: datetime) -> datetime:
        """The last occurrence up to now."""
        for window in _WINDOWS:
            found = list(self.between(now - window, now))
            if found:
                return found[-1]
        raise ScheduleError(f'"{self.expression}" has not been due for years')

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The occurrences after `start` up to `end`."""
        for each in self.after(start):
            if each > end:
                return
            yield each

    def due(self, since: datetime, now: datetime, handled: Sequence[datetime] = ()) -> Due | None:
        """What is to be done now: one occurrence, the latest after `since` (and after the last one handled), which
        stands for all that were missed before it; None if there is none.

        A clock that was wrong does no harm: what was handled is not due again when the clock goes back, and what was
        handled in a future that was none is not counted as the past.
        """
        start = max([since, *(each for each in handled if each <= now)])
        known = set(handled)
        missed = [each for each in islice(self.between(start, now), MOST_MISSED) if each not in known]
        if not missed:
            return None
        last = missed[-1] if len(missed) < MOST_MISSED else self.latest(now)
        return Due(last, len(missed) - 1, missed[0] if len(missed) > 1 else None)

    def local(self, instant: datetime) -> str:
        """An instant as people of that zone read it: Mon 2026-03-30 07:00 CEST."""
        return instant.astimezone(self.timezone).strftime("%a %Y-%m-%d %H:%M %Z")

    def _from(self, start: datetime) -> CronSim:
        from cronsim import CronSim

        minute, hour, *days = self.fields
        named = hour if hour in ("*", "*/1") else hour.replace("*", "0-23")
        # cronsim, as cron does, counts real time where minute or hour begin with a star: only where every hour is meant
        fixed = minute if named == hour and hour.startswith("*") else minute.replace("*", "0-59")
        return CronSim(" ".join((fixed, named, *days)), start)


def local_zone() -> str:
    """The name of this machine's time zone: TZ, or what /etc/localtime stands for; UTC where neither tells."""
    given = os.environ.get("TZ", "").strip().removeprefix(":")
    place = given or str(Path("/etc/localtime").resolve())
    name = place.rpartition("zoneinfo/")[2].removeprefix("posix/")
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def _check(fields: Sequence[str]) -> None:
    """Each field by itself, so that the wrong one is named. The forms are those that cron, systemd and Kubernetes
    share."""
    from cronsim import CronSim, CronSimError

    for place, ((name, allowed), text) in enumerate(zip(FIELDS, fields, strict=True)):
        whole = ["*"] * len(FIELDS)
        whole[place] = text
        try:
            if not _FIELD.fullmatch(text):
                raise CronSimError
            CronSim(" ".join(whole), datetime(2024, 1, 1, tzinfo=UTC))
        except CronSimError:
            forms = "a number, *, a range (1-5), steps (*/15), or several with commas"
            raise ScheduleError(f"{name}: {shown(text)}: expected {allowed}; as {forms}") from None
