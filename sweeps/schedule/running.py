"""Running a definition again for one occurrence: a new execution, with a search seed and replicates of its own.

Seed and first replicate are written down before the sweep starts. By them its execution is found again whatever was
killed, and is then resumed, not begun a second time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sweeps.journal import Journal
from sweeps.schedule.children import Children
from sweeps.schedule.mistakes import Later, ScheduleError
from sweeps.schedule.state import Schedule
from sweeps.storage import ExecutionFolder, executions, is_held

_REFUSED = 2
_MOST_STARTS = 3  # of one execution at one occurrence; whatever ends it more often is no accident
_LOOK = 1.0  # seconds between two looks at a sweep of somebody else's


def plan_run(schedule: Schedule, subject: str) -> dict[str, Any]:
    """What fixes a new execution of a definition: its `name`, a fresh `seed`, and the first replicate that no execution
    of it in this storage can have used.

    Raises:
        DefinitionError: the definition is not accepted (any more).
    """
    from sweeps.definition import load_definition

    definition = load_definition(subject, list(schedule.overrides))
    first = max((_end_of_replicates(opened) for _, opened in _opened(schedule.storage, definition.name)), default=0)
    return {"name": definition.name, "seed": secrets.randbelow(2**31), "first_replicate": first}


def run_again(
    schedule: Schedule, subject: str, run: Mapping[str, Any], log: Path, children: Children, say: Callable[[str], None]
) -> str:
    """See to it that the planned execution is finished and in MLflow; returns its name.

    A sweep of the same definition that somebody else runs, or that a killed schedule has left, is waited for.

    Raises:
        ScheduleError: it was refused, or did not come to its end.
        Later: MLflow does not hold all of it yet.
    """
    name, starts, code = str(run["name"]), 0, None
    while True:
        folder, finished = find_run(schedule.storage, run)
        if folder is not None and finished:
            break
        if is_held(schedule.storage, name):
            say(f"{name} is being run already; waiting for its end")
            while is_held(schedule.storage, name):
                children.sleep(_LOOK)
            continue
        if starts == _MOST_STARTS:
            raise ScheduleError(f"{name} did not come to its end in {starts} starts; exit code {code}: {_tail(log)}")
        starts += 1
        code = children.run(_command(schedule, subject, run, folder), log, schedule.storage)
        if code == _REFUSED and not is_held(schedule.storage, name):
            raise ScheduleError(f"{name} was refused: {_tail(log)}")
    if code not in (0, 1):  # nobody said that MLflow holds all
        _complete(schedule, folder)
    return folder.execution


def find_run(storage: Path, run: Mapping[str, Any]) -> tuple[ExecutionFolder | None, bool]:
    """The execution that was begun with this seed and first replicate, and whether it is finished."""
    for folder, opened in _opened(storage, str(run["name"])):
        if (opened["seed"], opened["first_replicate"]) == (run["seed"], run["first_replicate"]):
            return folder, _finished(folder)
    return None, False


def _command(schedule: Schedule, subject: str, run: Mapping[str, Any], folder: ExecutionFolder | None) -> list[str]:
    common = ["--storage", str(schedule.storage), "--quiet", "--no-report", *schedule.options]
    if folder is not None:
        return ["resume", folder.execution, *common]
    changed = [word for key, value in schedule.overrides for word in ("--set", f"{key}={value}")]
    fresh = ["--seed", str(run["seed"]), "--first-replicate", str(run["first_replicate"])]
    return ["run", subject, *fresh, *changed, *common]


def _opened(storage: Path, name: str) -> Iterator[tuple[ExecutionFolder, dict[str, Any]]]:
    """Each execution of a definition with the first event of its journal."""
    for folder in executions(storage, name):
        if folder.journal.exists():
            journal = Journal.open(folder.journal, read_only=True)
            opened = next(iter(journal.events(kinds=("opened",))), None)
            journal.close()
            if opened is not None:
                yield folder, opened.body


def _finished(folder: ExecutionFolder) -> bool:
    journal = Journal.open(folder.journal, read_only=True)
    last = list(journal.events(kinds=("opened", "resumed", "closed")))[-1]
    journal.close()
    return last.kind == "closed" and last.body["why"] != "interrupted"


def _end_of_replicates(opened: Mapping[str, Any]) -> int:
    """The replicate after the last that an execution may use: each repeat has its search's and its confirmation's."""
    definition = opened["definition"]
    search, comparison = definition["search"], definition.get("comparison") or {}
    of_repeat = int(search.get("replicates", 1)) + int(comparison.get("confirm", search.get("confirm", 0)))
    return int(opened.get("first_replicate", 0)) + int(comparison.get("repeats", 1)) * of_repeat


def _complete(schedule: Schedule, folder: ExecutionFolder) -> None:
    from sweeps.tracking import project, tracking_uri

    counts = project(folder.journal, tracking_uri(schedule.storage), schedule.storage)
    if not counts.complete:
        raise Later(f"{folder.execution}: MLflow is behind the journal: {counts}")


def _tail(log: Path, most: int = 400) -> str:
    """The last words of a log."""
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " / ".join(line.strip() for line in said[-4:] if line.strip() and not line.startswith("$ "))[-most:]
