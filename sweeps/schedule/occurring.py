"""What is done at one time of a schedule, step by step, each step written down before the next.

    run every definition again (if asked) -> write the report -> say what changed -> pages -> MLflow -> messages -> done

Whoever finds an occurrence under way calls `finish` again: a sweep is resumed, a report written over, a run in MLflow
found by its tags, a message sent to those who have none yet.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sweeps.schedule.children import Children
from sweeps.schedule.mistakes import Later
from sweeps.schedule.notifying import Addresses
from sweeps.schedule.pages import write_pages
from sweeps.schedule.running import plan_run, run_again
from sweeps.schedule.state import Occurrence, Schedule, occurrences, save
from sweeps.schedule.times import Due

if TYPE_CHECKING:
    from sweeps.report.changed import Changed
    from sweeps.tracking import ExecutionRecord

_MOST_TRIES = 5  # of a message that is not taken


@dataclass(frozen=True)
class Worker:
    """Does what a schedule wants done; `say` takes a line for whoever watches, `now` tells the time."""

    schedule: Schedule
    addresses: Addresses
    children: Children
    say: Callable[[str], None]
    now: Callable[[], datetime]

    def begin(self, due: Due) -> Occurrence:
        """Write down that an occurrence is under way."""
        first = due.first.isoformat() if due.first is not None else ""
        return save(self.schedule, Occurrence(due.time, missed=due.missed, first_missed=first))

    def finish(self, occurrence: Occurrence) -> Occurrence:
        """Bring an occurrence to its end, from wherever it stands; what cannot be done is told in it.

        Raises:
            Later: a step may go well another time; the occurrence is still under way.
        """
        self.schedule.reports.mkdir(parents=True, exist_ok=True)
        try:
            occurrence = self._run(occurrence)
            if not occurrence.made:
                occurrence = self._report(occurrence)
            self._pages()
            occurrence = self._log(occurrence)
        except Exception as error:  # whatever one report raises, the schedule goes on to the next
            if _passes(error):
                raise Later(str(error)) from error
            occurrence = self._failed(occurrence, error)
        occurrence = self._tell(occurrence)
        over = "done" if occurrence.made else "failed"
        occurrence = save(self.schedule, occurrence.but(status=over))
        self._pages()
        return occurrence

    def late(self, occurrence: Occurrence, why: str) -> Occurrence:
        """Note that an occurrence has to wait, and tell it once if its report does."""
        problem = f"waited: {why}"
        occurrence = self._as_written(occurrence)
        if problem in occurrence.problems:
            return occurrence
        if not (occurrence.made or any(each.startswith("waited: ") for each in occurrence.problems)):
            self.addresses.send(f"{self.schedule.name}: a report has to wait", why)
        return save(self.schedule, occurrence.but(problems=(*occurrence.problems, problem)))

    # --- the steps ------------------------------------------------------------------------------------------------

    def _run(self, occurrence: Occurrence) -> Occurrence:
        if not self.schedule.run:
            return occurrence
        log = self.schedule.folder / f"{occurrence.stamp}.log"
        for subject in self.schedule.subjects:
            plan = occurrence.runs.get(subject, {})
            if "execution" in plan or "failed" in plan:
                continue
            try:
                if not plan:
                    plan = plan_run(self.schedule, subject)
                    occurrence = self._note_run(occurrence, subject, plan)
                self.say(f"running {plan['name']} again")
                execution = run_again(self.schedule, subject, plan, log, self.children, self.say)
                occurrence = self._note_run(occurrence, subject, {**plan, "execution": execution})
            except Exception as error:  # the other definitions of this schedule are not to blame
                if _passes(error):
                    raise
                self._write_down(occurrence, error)
                occurrence = self._note_run(occurrence, subject, {**plan, "failed": _words(error)})
        return occurrence

    def _note_run(self, occurrence: Occurrence, subject: str, plan: Mapping[str, object]) -> Occurrence:
        return save(self.schedule, occurrence.but(runs={**occurrence.runs, subject: plan}))

    def _report(self, occurrence: Occurrence) -> Occurrence:
        from sweeps.report import write_report
        from sweeps.report.changed import headline
        from sweeps.report.gathering import gather
        from sweeps.tracking import keep_report, read_execution, tracking_uri

        failures = [str(plan["failed"]) for plan in occurrence.runs.values() if "failed" in plan]
        names = [str(plan["execution"]) for plan in occurrence.runs.values() if "execution" in plan]
        names = names if self.schedule.run else list(self.schedule.subjects)
        if not names:
            return save(self.schedule, occurrence.but(problems=(*occurrence.problems, *failures)))
        uri = tracking_uri(self.schedule.storage)
        records = read_execution(uri, names)
        folder = self.schedule.reports / occurrence.stamp
        page = write_report(records, folder)
        keep_report(uri, records[0], folder)
        found = [self._changed(uri, record, occurrence) for record in records]
        occurrence = occurrence.but(
            executions=tuple(record.name for record in records),
            against={each.after: each.before for each in found if each.before},
            headlines=tuple(headline(gather([record])) for record in records),
            changed=tuple(told for each in found for told in each.told),
            notes=tuple(note for each in found for note in each.notes),
            problems=(*occurrence.problems, *failures),
            made=True,
        )
        self.say(f"report: {page}")
        return save(self.schedule, occurrence)

    def _changed(self, uri: str, record: ExecutionRecord, occurrence: Occurrence) -> Changed:
        """What an execution says that the last one reported did not; else the one before it in MLflow."""
        from sweeps.report.changed import Changed, compare
        from sweeps.tracking import TrackingError

        last = _last_reported(record.name, self._earlier(occurrence))
        if last == record.name:
            return Changed(record.name, "", (), (f"{record.name} is still the latest execution.",), judged=False)
        try:
            return compare(uri, record, last)
        except TrackingError as error:
            if not last or _passes(error):
                raise
            return compare(uri, record)  # what was reported last has been deleted in MLflow

    def _log(self, occurrence: Occurrence) -> Occurrence:
        if occurrence.report_run or not occurrence.made:
            return occurrence
        from sweeps.report.markdown import escape
        from sweeps.tracking import ScheduledReport, log_report, tracking_uri

        kinds = tuple(dict.fromkeys(kind for kind, _ in occurrence.changed))
        items = "\n".join(
            f"- {escape(text)}" for text in (*(text for _, text in occurrence.changed), *occurrence.notes)
        )
        text = "\n\n".join([*map(escape, occurrence.headlines), items])
        time = occurrence.time.isoformat()
        report = ScheduledReport(self.schedule.name, time, occurrence.executions, occurrence.against, kinds, text)
        storage = self.schedule.storage
        run = log_report(tracking_uri(storage), storage, report, self.schedule.reports / occurrence.stamp)
        return save(self.schedule, occurrence.but(report_run=run))

    def _tell(self, occurrence: Occurrence) -> Occurrence:
        first = occurrence.made and not any(each.made for each in self._earlier(occurrence))
        if not (first or occurrence.changed or occurrence.problems) or occurrence.tries >= _MOST_TRIES:
            return occurrence
        told, problems = self.addresses.send(*message(self.schedule, occurrence, first=first), told=occurrence.told)
        if not problems:
            return occurrence.but(told=told)
        tries = occurrence.tries + 1
        if tries >= _MOST_TRIES:
            return occurrence.but(told=told, tries=tries, problems=(*occurrence.problems, *problems))
        save(self.schedule, occurrence.but(told=told, tries=tries))
        raise Later("; ".join(problems))

    def _pages(self) -> None:
        write_pages(self.schedule, occurrences(self.schedule), self.now())

    def _earlier(self, occurrence: Occurrence) -> list[Occurrence]:
        return [each for each in occurrences(self.schedule) if each.time < occurrence.time]

    def _failed(self, occurrence: Occurrence, error: Exception) -> Occurrence:
        self._write_down(occurrence, error)
        occurrence = self._as_written(occurrence)
        return save(self.schedule, occurrence.but(problems=(*occurrence.problems, _words(error))))

    def _as_written(self, occurrence: Occurrence) -> Occurrence:
        return next(each for each in occurrences(self.schedule) if each.time == occurrence.time)

    def _write_down(self, occurrence: Occurrence, error: Exception) -> None:
        self.say(f"failed: {_words(error)}")
        with (self.schedule.folder / f"{occurrence.stamp}.log").open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))


def message(schedule: Schedule, occurrence: Occurrence, *, first: bool) -> tuple[str, str]:
    """Title and text of the message about an occurrence."""
    kinds = list(dict.fromkeys(kind for kind, _ in occurrence.changed))
    what = "failed" if not occurrence.made else ", ".join(kinds) or ("first report" if first else "problems")
    lines = [f"{schedule.times.local(occurrence.time)}"]
    lines += [f"- {text}" for _, text in occurrence.changed] + [f"- {text}" for text in occurrence.problems]
    if occurrence.headlines:
        lines += ["", *occurrence.headlines]
    if occurrence.made:
        lines += ["", f"Report: {schedule.reports / occurrence.stamp / 'report.html'}"]
    return f"{schedule.name}: {what}", "\n".join(lines)


def _last_reported(execution: str, earlier: Sequence[Occurrence]) -> str:
    """The execution of the same definition that the newest earlier report is about; "" if there is none."""
    definition = execution.rpartition("-")[0]
    for occurrence in reversed(earlier):
        for each in occurrence.executions:
            if each.rpartition("-")[0] == definition:
                return each
    return ""


def _passes(error: Exception) -> bool:
    """Whether trying again may help: MLflow is away, or the file system would not."""
    from sweeps.tracking import Away

    return isinstance(error, (Later, Away, OSError))


def _words(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__
