"""`sweep schedule`: reports at the times of a cron expression."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.connect import limit_threads
from sweeps.cli import BEHIND, INTERRUPTED, OK, TRIALS_FAILED
from sweeps.storage import open_storage

if TYPE_CHECKING:
    from sweeps.schedule import Schedule


def schedule(options: argparse.Namespace) -> int:
    """Keep a schedule until a signal comes, do once what is due, or print it for somebody else to keep."""
    limit_threads()  # before anything imports NumPy
    from sweeps.schedule import DONE, FAILED, STOPPED, WAITING, Keeper, addresses, printed

    wanted = _wanted(options)
    if options.print:
        sys.stdout.write(printed(options.print, wanted, options.notify and options.notify.expanduser().absolute()))
        return OK
    open_storage(options.storage)
    keeper = Keeper(wanted, addresses(file=options.notify and options.notify.expanduser()), _say, renew=_begin_afresh)
    codes = {DONE: OK, FAILED: TRIALS_FAILED, WAITING: BEHIND, STOPPED: INTERRUPTED}
    return codes[keeper.keep(once=options.once)]


def _wanted(options: argparse.Namespace) -> Schedule:
    """The schedule that the options describe, with every mistake in it refused before anything starts."""
    from sweeps.cli.run import overrides
    from sweeps.schedule import NAME, Schedule, ScheduleError, Times, local_zone

    times = Times(options.cron, options.timezone or local_zone())
    running = [("--workers", options.workers), ("--cluster", options.cluster)]
    given = tuple(word for name, value in running if value is not None for word in (name, str(value)))
    changes = tuple(overrides(options))
    if not options.run and (given or changes):
        raise ScheduleError("--workers, --cluster, --trials and --set are for sweeps: they need --run")
    given_names = tuple(dict.fromkeys(options.names))
    names = _definitions(given_names, changes) if options.run else list(given_names)
    subjects = tuple(map(_absolute, given_names)) if options.run else given_names
    for each in names:
        if not NAME.fullmatch(each):
            hint = "; with --run it may also be the path of a definition" if not options.run else ""
            raise ScheduleError(f"{each!r}: expected the name of an execution or of a definition{hint}")
    name = options.name or "-".join(names)[:80]
    if not NAME.fullmatch(name):
        raise ScheduleError(f"--name: {name!r}: expected letters, digits, - and _, at most 80, a letter or digit first")
    storage = Path(options.storage).expanduser().absolute()
    return Schedule(name, times, subjects, storage, options.run, changes, given)


def _definitions(subjects: tuple[str, ...], changes: tuple[tuple[str, str], ...]) -> list[str]:
    """The names of the definitions, each accepted and all with one objective, as one report compares them."""
    from sweeps.definition import load_definition
    from sweeps.schedule import ScheduleError

    found = [load_definition(each, list(changes)) for each in subjects]
    objectives = {(each.search.objective, each.search.direction) for each in found}
    if len(objectives) > 1:
        told = ", ".join(f"{each.name}: {each.search.direction} {each.search.objective}" for each in found)
        raise ScheduleError(f"expected definitions with one objective, got {told}; make a schedule for each")
    if len({each.name for each in found}) < len(found):
        raise ScheduleError("expected definitions of different names; two of these have the same one")
    return [each.name for each in found]


def _absolute(name_or_path: str) -> str:
    """A definition that can be found from any folder."""
    from sweeps.definition import shipped

    return name_or_path if name_or_path in shipped() else str(Path(name_or_path).expanduser().absolute())


def _begin_afresh() -> None:
    """Become a new process of the same command: one that lives for months keeps neither what a report has left in
    memory nor connections to an MLflow that was moved meanwhile. All that matters is on disk.
    """
    from sweeps.schedule.children import console_script

    script = str(console_script())
    sys.stdout.flush()
    os.execv(script, [script, *sys.argv[1:]])  # noqa: S606  # no shell is wanted


def _say(line: str) -> None:
    print(line, flush=True)
