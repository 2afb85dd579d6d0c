"""When a schedule is due: cron's expressions, clocks that are changed, machines that were off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from sweeps.schedule.mistakes import ScheduleError
from sweeps.schedule.service import Finish, Wait, next_step
from sweeps.schedule.state import Occurrence, State
from sweeps.schedule.times import MOST_MISSED, Due, Times, local_zone

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(expression: str, start: str, count: int, zone: str = BERLIN) -> list[str]:
    times = Times(expression, zone)
    return [times.local(each) for each in islice(times.after(utc(start)), count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 7 * * 1", ["Mon 2026-03-02 07:00 CET", "Mon 2026-03-09 07:00 CET"]),
        ("0 7 * * mon", ["Mon 2026-03-02 07:00 CET", "Mon 2026-03-09 07:00 CET"]),
        ("0 7 * * 0", ["Sun 2026-03-01 07:00 CET", "Sun 2026-03-08 07:00 CET"]),
        ("0 7 * * 7", ["Sun 2026-03-01 07:00 CET", "Sun 2026-03-08 07:00 CET"]),
        ("*/20 9-10 * * *", ["Sat 2026-02-28 09:00 CET", "Sat 2026-02-28 09:20 CET", "Sat 2026-02-28 09:40 CET"]),
        ("0 0 1,15 jan-mar *", ["Sun 2026-03-01 00:00 CET", "Sun 2026-03-15 00:00 CET", "Fri 2027-01-01 00:00 CET"]),
        (
            "0 12 13 * FRI",
            ["Fri 2026-03-06 12:00 CET", "Fri 2026-03-13 12:00 CET"],
        ),  # either kind of day, as cron has it
        ("5-59/25 23 * * *", ["Sat 2026-02-28 23:05 CET", "Sat 2026-02-28 23:30 CET", "Sat 2026-02-28 23:55 CET"]),
        ("@weekly", ["Sun 2026-03-01 00:00 CET"]),
        ("0 0 29 2 *", ["Tue 2028-02-29 00:00 CET", "Sun 2032-02-29 00:00 CET"]),
    ],
)
def test_times_are_those_of_cron(expression: str, expected: list[str]) -> None:
    assert local(expression, "2026-02-28T00:00", len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "spring", "autumn"),
    [
        # 02:00–03:00 does not exist on 29 March 2026 in Berlin, and comes twice on 25 October
        ("30 2 * * *", ["29 03:00 CEST", "30 02:30 CEST"], ["25 02:30 CEST", "26 02:30 CET"]),
        ("0 2,3 * * *", ["29 03:00 CEST", "30 02:00 CEST"], ["25 02:00 CEST", "25 03:00 CET", "26 02:00 CET"]),
        ("*/30 2 * * *", ["29 03:00 CEST", "30 02:00 CEST"], ["25 02:00 CEST", "25 02:30 CEST", "26 02:00 CET"]),
        (
            "0 */2 * * *",
            ["29 00:00 CET", "29 03:00 CEST", "29 04:00 CEST"],
            ["25 00:00 CEST", "25 02:00 CEST", "25 04:00 CET"],
        ),
        (
            "0 * * * *",
            ["29 00:00 CET", "29 01:00 CET", "29 03:00 CEST"],
            ["25 00:00 CEST", "25 01:00 CEST", "25 02:00 CEST", "25 02:00 CET"],
        ),
        ("0 7 * * 0", ["29 07:00 CEST"], ["25 07:00 CET"]),
    ],
)
def test_a_change_of_the_clocks_neither_loses_nor_doubles_a_time(
    expression: str, spring: list[str], autumn: list[str]
) -> None:
    assert [each[12:] for each in local(expression, "2026-03-28T22:59", len(spring))] == spring
    assert [each[12:] for each in local(expression, "2026-10-24T21:59", len(autumn))] == autumn


def test_asked_from_within_the_hour_that_comes_twice_a_time_does_not_come_again() -> None:
    times = Times("30 2 * * *", BERLIN)
    first = next(times.after(utc("2026-10-24T22:00")))
    assert first == utc("2026-10-25T00:30")
    for minutes in range(0, 120, 7):
        assert next(times.after(first + timedelta(minutes=minutes))) == utc("2026-10-26T01:30")


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("61 7 * * 1", 'minute: "61"'),
        ("0 24 * * *", 'hour: "24"'),
        ("0 7 0 * *", 'day of month: "0"'),
        ("0 7 * 13 *", 'month: "13"'),
        ("0 7 * * MUN", 'day of week: "MUN"'),
        ("0 7 * * 8", 'day of week: "8"'),
        ("*/0 * * * *", 'minute: "*/0"'),
        ("9-5 * * * *", 'minute: "9-5"'),
        ("1,,2 * * * *", 'minute: "1,,2"'),
        ("٣ * * * *", "minute"),
        ("* * L * *", 'day of month: "L"'),  # means nothing to cron and Kubernetes
        ("* * * * 5#2", "day of week"),
        ("0 0 30 2 *", "no such day in any year"),
        ("0 7 * *", "expected five fields"),
        ("0 0 7 * * 1", "expected five fields"),
        ("", "expected five fields"),
        ("@wekly", "did you mean `@weekly`"),
        ("9" * 5000 + " * * * *", "minute"),
    ],
)
def test_a_bad_expression_is_refused_with_its_field_named(expression: str, named: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Times(expression)
    assert named in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="no such time zone"):
        Times("0 7 * * 1", zone)


def test_the_machines_zone_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert local_zone() == "America/New_York"
    monkeypatch.setenv("TZ", "nowhere")
    assert local_zone() == "UTC"
    monkeypatch.delenv("TZ")
    assert Times("0 7 * * 1", local_zone()).zone == local_zone()


# --- what is to be done now -------------------------------------------------------------------------------------------

HOURLY = Times("0 * * * *")
NOON = utc("2026-03-01T12:00")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_what_was_missed_is_made_up_for_by_the_latest_alone() -> None:
    assert HOURLY.due(NOON, NOON + hours(0.9)) is None
    assert HOURLY.due(NOON, NOON + hours(1)) == Due(NOON + hours(1))
    assert HOURLY.due(NOON, NOON + hours(5.5)) == Due(NOON + hours(5), 4, NOON + hours(1))
    handled = [NOON + hours(2), NOON + hours(3)]
    assert HOURLY.due(NOON, NOON + hours(3.5), handled) is None
    assert HOURLY.due(NOON, NOON + hours(5), handled) == Due(NOON + hours(5), 1, NOON + hours(4))


def test_years_of_missed_minutes_are_counted_up_to_a_bound() -> None:
    due = Times("* * * * *", BERLIN).due(NOON, NOON + timedelta(days=2000, seconds=30))
    assert due == Due(NOON + timedelta(days=2000), MOST_MISSED - 1, NOON + timedelta(minutes=1))


def test_a_clock_that_goes_back_makes_nothing_due_twice_and_one_that_ran_ahead_bars_nothing() -> None:
    handled = [NOON + hours(1), NOON + hours(2)]
    for late in (0, 0.5, 1, 1.5, 2, 2.9):
        assert HOURLY.due(NOON, NOON + hours(late), handled) is None
    assert HOURLY.due(NOON, NOON + hours(3), handled) == Due(NOON + hours(3))
    ahead = [NOON + timedelta(days=9999)]
    assert HOURLY.due(NOON, NOON + hours(3), ahead) == Due(NOON + hours(3), 2, NOON + hours(1))


def test_what_is_under_way_comes_first_then_what_is_due_then_sleep() -> None:
    begun, done = Occurrence(NOON + hours(1)), Occurrence(NOON + hours(2), "done")
    assert next_step(HOURLY, State(NOON, (begun, done)), NOON + hours(5)) == Finish(begun)
    assert next_step(HOURLY, State(NOON, (done,)), NOON + hours(3)) == Due(NOON + hours(3))
    assert next_step(HOURLY, State(NOON, (done,)), NOON + hours(2.5)) == Wait(NOON + hours(3))
    failed = State(NOON, (done,)).with_(begun.but(status="failed"))
    assert [each.status for each in failed.occurrences] == ["failed", "done"]
    assert next_step(HOURLY, failed, NOON + hours(2.5)) == Wait(NOON + hours(3))
