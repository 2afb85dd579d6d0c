"""The live view of a running sweep: what a person sees while it works, redrawn each second from the journal alone.

On a terminal it is one picture that stays in place; elsewhere (a log, CI) a line each few seconds.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sweeps.journal import Journal
from sweeps.status import GOOD, Status, TrialStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REDRAW_SECONDS = 1.0
LINE_SECONDS = 5.0
_MARKS = {
    "finished": "ok",
    "stopped": "stopped",
    "diverged": "diverged",
    "failed": "failed",
    "out_of_memory": "no memory",
    "lost": "lost",
}


@contextlib.contextmanager
def live_view(journal: Journal, phase: list[str], console: Console, *, quiet: bool = False) -> Iterator[None]:
    """Show the sweep of `journal` until the block ends; `phase[-1]` says what is being done before the first trial."""
    if quiet:
        yield
        return
    status, over = Status(), threading.Event()
    show = _on_terminal if console.is_terminal else _as_lines
    thread = threading.Thread(target=show, args=(journal, status, phase, console, over), name="live view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _on_terminal(journal: Journal, status: Status, phase: list[str], console: Console, over: threading.Event) -> None:
    from rich.live import Live

    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            last = over.is_set()
            status.catch_up(journal)
            live.update(render(status, phase[-1], time.time()), refresh=True)
            if last:
                return
            over.wait(REDRAW_SECONDS)


def _as_lines(journal: Journal, status: Status, phase: list[str], console: Console, over: threading.Event) -> None:
    said = ""
    while True:
        last = over.is_set()
        status.catch_up(journal)
        line = one_line(status, phase[-1], time.time())
        if line != said:
            console.print(line, markup=False, highlight=False)
            said = line
        if last:
            return
        over.wait(LINE_SECONDS)


def one_line(status: Status, phase: str, now: float) -> str:
    """The state in one line, for a log."""
    if not status.first_start:
        return f"{status.execution}: {phase}"
    best = status.best()
    parts = [f"{len(status.ended)} of {status.total or '?'} trials"]
    if best:
        parts.append(f"best {status.objective} {best[0].value:.4g}")
    if status.failures():
        parts.append(f"{len(status.failures())} without a value")
    left = status.left(now)
    if left is not None:
        parts.append(f"{duration(left)} left")
    return f"{status.execution}: " + ", ".join(parts)


def render(status: Status, phase: str, now: float) -> RenderableType:
    """The whole picture: progress, running trials, best so far, last results, failures with their diagnosis."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    strategy = status.definition.get("search", {}).get("strategy", "")
    title = Text.assemble(
        (status.execution, "bold"), f"  {strategy.replace('_', ' ')}, {status.objective} ({status.direction})"
    )
    parts: list[Any] = [title, _progress(status, phase, now)]
    running = [t for t in status.trials.values() if t.status == "running"]
    epochs = status.definition.get("fixed", {}).get("epochs")
    if running:
        parts.append(
            _table(
                "running",
                running[: max(4, status.slots)],
                lambda t: f"epoch {t.epoch}" + (f" of {epochs}" if epochs else ""),
            )
        )
    if status.best():
        parts.append(_table("best so far", status.best(3), lambda t: ""))
    if status.ended:
        latest = [status.trials[key] for key in reversed(status.ended[-4:])]
        parts.append(_table("last results", latest, lambda t: _MARKS[t.status]))
    if status.failures():
        parts.append(_table(f"without a value ({len(status.failures())})", status.failures()[:4], _cause))
    return Padding(Group(*parts), (0, 1))


def _progress(status: Status, phase: str, now: float) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    total = status.total or max(1, len(status.trials))
    bar = ProgressBar(total=total, completed=len(status.ended), width=40)
    left = status.left(now)
    if left is not None:
        so_far = duration(now - (status.first_start or now))
        after = f"{len(status.ended)} of {status.total or '?'} trials, {so_far}, {duration(left)} left"
    else:
        after = phase
    row.add_row(bar, Text(after))
    return row


def _table(title: str, trials: list[TrialStatus], note: Any) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_row(Text(title, style="bold cyan"))
    for trial in trials:
        value = "" if trial.value is None or trial.status not in (*GOOD, "running") else f"{trial.value:.4g}"
        style = "" if trial.status in (*GOOD, "running", "waiting") else "yellow"
        table.add_row(
            Text(f"  #{trial.order}"), Text(value), Text(describe_point(trial.point)), Text(note(trial), style=style)
        )
    return table


def _cause(trial: TrialStatus) -> str:
    if trial.findings:
        return str(trial.findings[0]["summary"])
    if trial.error:
        return trial.error.strip().splitlines()[-1]
    return _MARKS[trial.status]


def describe_point(point: dict[str, Any], limit: int = 72) -> str:
    """A point in a short line: choices by value, numbers by name and value."""
    words = []
    for name, value in point.items():
        if isinstance(value, bool):
            words.append(name if value else f"no {name}")
        elif isinstance(value, str):
            words.append(value)
        elif isinstance(value, float):
            words.append(f"{name} {value:.3g}")
        else:
            words.append(f"{name} {value}")
    line = ", ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
