"""The journal keeps what was appended, in order, whatever is done to the processes around it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sweeps.journal import Event, Journal, JournalError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal.create(tmp_path / "journal.sqlite")
    made.append("opened", {"execution": "demo-1"})
    return made


def test_events_come_back_in_order_as_they_were(journal: Journal) -> None:
    journal.append("started", {}, trial="a", attempt=1)
    journal.append("epoch", {"epoch": 0, "metrics": {"train/loss": 2.5, "x": "nan"}}, trial="a", attempt=1, epoch=0)
    kinds = [(e.kind, e.trial, e.attempt, e.epoch) for e in journal.events()]
    assert kinds == [("opened", None, None, None), ("started", "a", 1, None), ("epoch", "a", 1, 0)]
    assert next(iter(journal.events(kinds=["epoch"]))).body["metrics"] == {"train/loss": 2.5, "x": "nan"}
    assert [e.sequence for e in journal.events(after=1)] == [2, 3]


json_values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(body=some.dictionaries(some.text(max_size=8).filter(lambda s: s.isprintable()), json_values, max_size=4))
def test_any_json_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, body: dict[str, object]) -> None:
    made = Journal.create(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    made.append("opened", body)
    assert next(iter(made.events())).body == body
    made.close()


def test_a_number_that_json_cannot_hold_is_refused_and_leaves_nothing(journal: Journal) -> None:
    with pytest.raises(ValueError, match="JSON"):
        journal.append_all([Event("started", {}, "a", 1), Event("epoch", {"loss": float("nan")}, "a", 1, 1)])
    assert journal.last() == 1


def test_an_epoch_is_recorded_once_and_stays_as_it_was_first(journal: Journal) -> None:
    journal.append("epoch", {"epoch": 3, "by": "first"}, trial="a", attempt=1, epoch=3)
    journal.append("epoch", {"epoch": 3, "by": "second"}, trial="a", attempt=2, epoch=3)
    assert [e.body["by"] for e in journal.events(kinds=["epoch"])] == ["first"]


def test_a_trial_cannot_end_twice(journal: Journal) -> None:
    journal.append("ended", {"status": "finished"}, trial="a", attempt=1, durable=True)
    with pytest.raises(sqlite3.IntegrityError):
        journal.append("ended", {"status": "failed"}, trial="a", attempt=2)
    assert [e.body["status"] for e in journal.events(kinds=["ended"])] == ["finished"]


def test_a_reader_sees_a_snapshot_while_another_process_writes(journal: Journal) -> None:
    reader = Journal.open(journal.path, read_only=True)
    before = list(reader.events())
    journal.append("started", {}, trial="a", attempt=1)
    assert len(before) == 1
    assert len(list(reader.events())) == 2
    with pytest.raises(JournalError, match="readonly"):
        reader.append("started", {}, trial="b", attempt=1)


def _append_for_ever(path: str, ready: object) -> None:
    made = Journal.open(Path(path))
    number = 0
    while True:
        number += 1
        made.append_all([Event("epoch", {"epoch": number}, "a", 1, number), Event("told", {"number": number})])
        ready.set()  # type: ignore[attr-defined]  # multiprocessing's Event has no importable type


@pytest.mark.parametrize("moment", range(5))
def test_killing_the_writer_loses_no_committed_event_and_splits_no_transaction(journal: Journal, moment: int) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_append_for_ever, args=(str(journal.path), ready), daemon=True)
    process.start()
    assert ready.wait(30)
    reader = Journal.open(journal.path, read_only=True)
    target = reader.last() + 50 * (moment + 1)
    while (seen := reader.last()) < target:
        time.sleep(0.001)  # a poll of what the other process has reached, not a guess at a duration
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    after = Journal.open(journal.path)
    numbers = [e.epoch for e in after.events(kinds=["epoch"])]
    assert after.last() >= seen
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(list(after.events(kinds=["told"]))) == len(numbers)


def _fill(journal: Journal) -> None:
    for number in range(100):
        journal.append("told", {"number": number, "text": "x" * 500})


def test_a_full_disk_is_told_with_the_bytes_left_and_the_journal_goes_on_after_it(journal: Journal) -> None:
    pages = journal._connection.execute("pragma page_count").fetchone()[0]
    journal._connection.execute(f"pragma max_page_count = {pages + 1}")  # SQLite's own way to have no more room
    with pytest.raises(
        JournalError, match=r"journal\.sqlite: cannot be written \(database or disk is full\); [\d,]+ bytes"
    ):
        _fill(journal)
    kept = len(list(journal.events(kinds=["told"])))
    journal._connection.execute("pragma max_page_count = 100000")
    journal.append("told", {"number": 999})
    assert len(list(Journal.open(journal.path).events(kinds=["told"]))) == kept + 1


def test_a_missing_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nowhere\.sqlite: no journal here"):
        Journal.open(tmp_path / "nowhere.sqlite")


def test_a_second_journal_at_the_same_place_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError, match="already holds a journal"):
        Journal.create(journal.path)


def test_truncated_flipped_and_empty_files_are_named_never_taken_for_a_fresh_start(journal: Journal) -> None:
    for number in range(200):
        journal.append("told", {"number": number, "text": "x" * 100})
    journal.close()
    whole = journal.path.read_bytes()
    damaged = [b"", whole[:100], whole[: len(whole) // 2], b"not a database at all" * 50]
    flipped = bytearray(whole)
    for place in range(4096, len(flipped), 512):
        flipped[place] ^= 0xFF
    for content in (*damaged, bytes(flipped)):
        for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
            journal.path.with_name(name).unlink(missing_ok=True)
        journal.path.write_bytes(content)
        with pytest.raises(JournalError, match=r"journal\.sqlite"):
            list(Journal.open(journal.path).events())
