"""The words and tables that commands print about an execution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.tracking_server import hide_secrets, tracking_uri
from sweeps.live import describe_point, duration
from sweeps.status import Status
from sweeps.storage import DEFAULT, ExecutionFolder, executions

if TYPE_CHECKING:
    from rich.console import Console

    from sweeps.cli.train import Clock

SHOWN = 5
BUDGETS = ("seconds", "epochs", "target", "plateau")  # reached before the number of points was
MOST_CONFIRMED = 12


def print_end(
    console: Console, status: Status, folder: ExecutionFolder, *, report: Path | None, behind: bool, clock: Clock
) -> None:
    """What a sweep came to: best points, failures, where the report is, and the one command that comes next."""
    option, name = storage_option(folder), folder.execution
    print_counts(console, status)
    print_best(console, status)
    print_confirmed(console, status)
    console.print(f"\ntime:    {clock}", highlight=False)
    if status.closed == "interrupted":
        console.print(f"resume:  sweep resume {name}{option}", highlight=False, soft_wrap=True)
        return
    if report is not None:
        console.print(f"report:  {_relative(report)}", highlight=False, soft_wrap=True)
    if (line := model_line(folder)) is not None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if behind:
        console.print(
            f"MLflow is behind the journal; when it answers again: sweep sync {name}{option}",
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(f"compare: sweep ui {name}{option}", highlight=False, soft_wrap=True)


def storage_option(folder: ExecutionFolder) -> str:
    """What a command that is to find an execution needs besides its name."""
    return "" if folder.storage == Path(DEFAULT).absolute() else f" --storage {_relative(folder.storage)}"


def model_line(folder: ExecutionFolder) -> str | None:
    """Which MLflow model the best network became and how to load it, as of the last time that MLflow was written."""
    told = _model(folder)
    if told is None:
        return None
    if "missing" in told:
        return f"model:   none: {told['missing']}"
    name, version = told["name"], int(told["version"])
    others = filter(None, map(_model, executions(folder.storage, folder.name)))
    champion = max((int(each["version"]) for each in others if each.get("champion")), default=0)
    if champion == version:
        what, load = f"{name} version {version}, the champion", told["load"]
    else:
        why = f"version {champion} is the champion now" if champion > version else told["why"]
        what, load = f"{name} version {version} ({why})", f"models:/{name}/{version}"
    address = hide_secrets(tracking_uri(folder.storage))
    return f'model:   {what}: mlflow.pyfunc.load_model("{load}") with MLFLOW_TRACKING_URI={address}'


def _model(folder: ExecutionFolder) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(folder.model.read_bytes())
    except FileNotFoundError:
        return None
    return found


def print_counts(console: Console, status: Status) -> None:
    """How many trials ended, and how; which budget ended the search, where one did."""
    counts = status.counts()
    parts = [f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items())]
    if status.skipped:
        parts.append(f"{status.skipped} skipped as the same training")
    console.print(
        f"{status.execution}: {status.state}; trials: {', '.join(parts) or 'none yet'}", highlight=False, soft_wrap=True
    )
    reached = [name for name in (status.closed or "").split(", ") if name in BUDGETS]
    if reached:
        console.print(f"the search ended by budget.{reached[0]}", highlight=False)


def print_best(console: Console, status: Status, n: int = SHOWN) -> None:
    """The best trials in a table, with the diagnoses of those that ended without a value."""
    from rich.table import Table
    from rich.text import Text

    best = status.best(n)
    if best:
        table = Table(
            title=f"best by {status.objective} (one training each; the best of many is a lucky one)",
            title_justify="left",
            box=None,
        )
        for heading in ("trial", status.objective, "epochs", "time"):
            table.add_column(heading, justify="right")
        table.add_column("point")
        for trial in best:
            row = (f"#{trial.order}", f"{trial.value:.5g}", str(trial.epoch), f"{trial.seconds:.2f} s")
            table.add_row(*row, Text(describe_point(trial.point, 200)))
        console.print(table)
    failures = status.failures()
    for trial in failures[:n]:
        what = trial.findings[0]["summary"] if trial.findings else (trial.error or "").strip().splitlines()[-1:] or ""
        console.print(Text(f"#{trial.order} {trial.status}: {what}  ({describe_point(trial.point)})"), soft_wrap=True)
    if len(failures) > n:
        console.print(f"… and {len(failures) - n} more without a value")


def print_confirmed(console: Console, status: Status, n: int = MOST_CONFIRMED) -> None:
    """The points that were trained again on fresh replicates, with their mean on the test part."""
    from rich.table import Table
    from rich.text import Text

    rows = status.confirmed()
    if not rows:
        return
    table = Table(title=f"confirmed: {status.measure} of fresh replicates", title_justify="left", box=None)
    for heading in ("mean", "lowest", "highest", "replicates"):
        table.add_column(heading, justify="right")
    table.add_column("point")
    for row in rows[:n]:
        numbers = (row.mean, min(row.scores, default=row.mean), max(row.scores, default=row.mean))
        count = str(len(row.scores)) + (f", {row.without} without" if row.without else "")
        words = (f"{row.level}: " if row.level and row.level not in row.point.values() else "") + describe_point(
            row.point, 200
        )
        table.add_row(*(f"{number:.4f}" for number in numbers), count, Text(words))
    console.print(table)
    if len(rows) > n:
        console.print(f"… and {len(rows) - n} more")


def time_left(seconds: float | None) -> str:
    """The forecast in words."""
    return "unknown" if seconds is None else duration(seconds)


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
