"""Commands that only look: `sweep list`, `status`, `results`, `doctor`."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.cli import OK, TRIALS_FAILED
from sweeps.journal import Journal
from sweeps.status import Status, read_status
from sweeps.storage import ExecutionFolder, StorageError, executions, find, is_held, open_storage


def list_all(options: argparse.Namespace) -> int:
    """Shipped definitions with their descriptions, then stored executions with their state."""
    import tomllib

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sweeps.definition import shipped

    console = Console()
    table = Table(title="shipped definitions: sweep run NAME", title_justify="left", box=None, show_header=False)
    for name, path in shipped().items():
        table.add_row(
            Text(name, style="bold"), Text(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))
        )
    console.print(table)
    stored = executions(Path(options.storage).absolute())
    if not stored:
        console.print(f"\nno stored executions in {options.storage}")
        return OK
    table = Table(title="\nstored executions", title_justify="left", box=None)
    for heading in ("execution", "state", "trials", "best"):
        table.add_column(heading)
    for folder in stored:
        if not folder.journal.exists():
            continue
        status = _read(folder)
        best = status.best()
        told = f"{status.objective} {best[0].value:.5g}" if best else ""
        table.add_row(folder.execution, status.state, f"{len(status.ended)} of {status.total or '?'}", told)
    console.print(table)
    return OK


def status(options: argparse.Namespace) -> int:
    """Progress, best so far, failures, time left."""
    from rich.console import Console

    from sweeps.cli.summary import model_line, print_best, print_counts, storage_option
    from sweeps.live import duration

    folder = find(open_storage(options.storage, create=False), options.name)
    state = _read(folder)
    now = time.time()
    if options.json:
        json.dump(state.to_dict(now), sys.stdout, indent=2)
        print()
        return OK
    console = Console()
    print_counts(console, state)
    left = state.left(now)
    if left is not None and state.held:
        console.print(f"{duration(left)} left", highlight=False)
    print_best(console, state)
    if (line := model_line(folder)) is not None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if state.state in ("interrupted", "killed"):
        console.print(
            f"resume:  sweep resume {folder.execution}{storage_option(folder)}", highlight=False, soft_wrap=True
        )
    return OK


def results(options: argparse.Namespace) -> int:
    """One row a trial, as a table or for other programs."""
    folder = find(open_storage(options.storage, create=False), options.name)
    rows = list(_rows(_read(folder)))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if options.format == "json":
        json.dump(rows, sys.stdout, indent=2)
        print()
    elif options.format == "csv":
        writer = csv.DictWriter(sys.stdout, columns, restval="")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    elif options.format == "parquet":
        _write_parquet(rows, columns)
    else:
        _print_table(rows, columns)
    return OK


def doctor(options: argparse.Namespace) -> int:
    """Check this machine and name each fix; exit code 1 when something needs one."""
    from cluster.connect import ConnectionRefused, connect
    from sweeps.environment import describe_blas, describe_environment

    environment = describe_environment()
    print(f"python   {environment['python']} at {sys.executable}")
    print("packages " + ", ".join(f"{name} {version}" for name, version in environment["packages"].items()))
    print(f"machine  {environment['machine']['cpus']} cores, {environment['machine']['system']}")
    for library in describe_blas():
        described = ", ".join(f"{key} {value}" for key, value in library.items() if value is not None)
        print(f"blas     {described}")
    print(
        "         (library, kernel and threads decide the last bits of a training; a sweep gives each trial 1 thread)"
    )
    storage = Path(options.storage).absolute()
    problems = [*_problems(storage), *_killed(storage)]
    if options.cluster:
        try:
            with connect(options.cluster) as connection:
                print(f"cluster  {connection.address} offers {connection.cpus} CPUs")
        except ConnectionRefused as error:
            problems.append(str(error))
    for problem in problems:
        print(f"fix      {problem}")
    if not problems:
        print("all well")
    return TRIALS_FAILED if problems else OK


def _problems(storage: Path) -> Iterator[str]:
    from importlib.metadata import packages_distributions

    for name in ("model", "sweeps", "cluster"):
        others = set(packages_distributions().get(name, ())) - {"kurabe"}
        if others:
            owners = ", ".join(sorted(others))
            yield f"the import name {name!r} is also {owners}'s: pip uninstall that, or use a fresh environment"
    existing = next(folder for folder in (storage, *storage.parents) if folder.is_dir())
    if not os.access(existing, os.W_OK):
        yield f"{existing} cannot be written to: choose another folder with --storage"
    free = shutil.disk_usage(existing).free
    if free < 2**30:
        yield f"{existing} has {free / 2**20:.0f} MB free: make room, or choose another folder with --storage"
    yield from _tracking_problems(storage)
    kind = _file_system(existing)
    if kind in ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"):
        yield f"{existing} is on a network file system ({kind}), where SQLite's locks fail: choose a local --storage"


def _tracking_problems(storage: Path) -> Iterator[str]:
    from cluster.tracking_server import TrackingError, artifact_root, missing_packages, tracking_uri

    try:
        yield from missing_packages(tracking_uri(storage), artifact_root(storage))
    except TrackingError as error:
        yield str(error)


def _killed(storage: Path) -> Iterator[str]:
    """Executions whose process died; what MLflow still calls running of them is ended."""
    from sweeps.tracking import TrackingError, project, tracking_uri

    for folder in executions(storage):
        if folder.journal.exists() and _read(folder).state == "killed":
            yield f"{folder.execution} was killed: sweep resume {folder.execution}"
            with contextlib.suppress(TrackingError):  # an MLflow that is away now is no fault of the sweep's
                project(folder.journal, tracking_uri(storage), storage, stopped=True)


def _file_system(folder: Path) -> str:
    """The type of the file system that holds a folder, from /proc/mounts; empty where there is none."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ""
    holding = [(len(place), kind) for place, kind in mounts if folder.is_relative_to(place)]
    return max(holding, default=(0, ""))[1]


def _read(folder: ExecutionFolder) -> Status:
    journal = Journal.open(folder.journal, read_only=True)
    try:
        status = read_status(journal)
    finally:
        journal.close()
    status.held = is_held(folder.storage, folder.name)
    return status


def _rows(status: Status) -> Iterator[dict[str, Any]]:
    for trial in sorted(status.trials.values(), key=lambda each: (each.order, each.replicate)):
        yield {
            "trial": trial.key,
            "order": trial.order,
            "replicate": trial.replicate,
            "status": trial.status,
            status.objective: trial.value,
            "epochs": trial.epoch,
            "seconds": round(trial.seconds, 4),
            "findings": " ".join(finding["name"] for finding in trial.findings),
            **trial.point,
            "stage": trial.stage,
            **({status.measure: trial.score} if trial.score is not None else {}),
        }


def _cell(value: Any) -> Any:
    """A value for a spreadsheet: text that a spreadsheet would run as a formula gets a quote before it."""
    if isinstance(value, list | dict | bool):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _write_parquet(rows: list[dict[str, Any]], columns: list[str]) -> None:
    import pyarrow
    import pyarrow.parquet

    if sys.stdout.isatty():
        raise StorageError(
            "parquet is not text: send it to a file, for example: sweep results NAME --format parquet > results.parquet"
        )
    cells = {name: [json.dumps(v) if isinstance(v := row.get(name), list) else v for row in rows] for name in columns}
    pyarrow.parquet.write_table(pyarrow.table(cells), pyarrow.PythonFile(sys.stdout.buffer, mode="w"))


def _print_table(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Columns side by side, folded where they are wider than the terminal. (rich takes 0.5 ms a row for it.)"""
    cells = [columns, *([_shown(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if sys.stdout.isatty():  # a table for a file or another program is not folded
        spare = shutil.get_terminal_size().columns - 2 * len(columns)
        while sum(widths) > spare and max(widths) > 1:
            widths[widths.index(max(widths))] -= 1
    for line in cells:
        folds = max([1, *(-(-len(cell) // width) for cell, width in zip(line, widths, strict=True))])
        for fold in range(folds):
            parts = (
                cell[fold * width : (fold + 1) * width].ljust(width) for cell, width in zip(line, widths, strict=True)
            )
            print("  ".join(parts).rstrip())


def _shown(value: Any) -> str:
    """A cell: short numbers, nothing for nothing, and no control characters."""
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else repr(text)[1:-1]
