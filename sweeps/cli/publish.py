"""Commands that show a sweep to people: `sweep report`, `sync`, `ui`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.connect import limit_threads
from sweeps.cli import BEHIND, CHANGED, OK
from sweeps.storage import StorageError, executions, find, open_storage

if TYPE_CHECKING:
    from sweeps.tracking import ExecutionRecord

FAILS_ON = {
    "regression": ("regression",),
    "failure": ("failures",),
    "change": ("regression", "improvement", "new best", "flipped", "failures", "levels", "incomparable"),
}


def report(options: argparse.Namespace) -> int:
    """Write the comparison report of the named executions, from MLflow alone."""
    limit_threads()  # before anything imports NumPy: small matrices wait for each other's threads
    elsewhere = "MLFLOW_TRACKING_URI" in os.environ  # then whoever has the address can make a report, in a new folder
    storage = open_storage(options.storage, create=elsewhere)
    records = _read(storage, options.names)
    print(f"report:  {_keep(storage, records)}")
    if options.fail_on is None and options.against is None:
        return OK
    return _say_changes(storage, records, options)


def _say_changes(storage: Path, records: Sequence[ExecutionRecord], options: argparse.Namespace) -> int:
    """What each execution says that the one before it (or `--against`) did not; CHANGED if that is what was named."""
    from sweeps.report.changed import compare
    from sweeps.tracking import tracking_uri

    uri, kinds = tracking_uri(storage), FAILS_ON.get(options.fail_on, ())
    code, blind = OK, []
    for record in records:
        found = compare(uri, record, options.against or "")
        print(f"{found.after}, compared with {found.before}:" if found.before else f"{found.after}: {found.reason}")
        for kind, text in found.told:
            print(f"  {kind}: {text}")
        for note in found.notes:
            print(f"  {note}")
        if found.before and not (found.told or found.notes):
            print("  nothing changed")
        if any(kind in kinds for kind in found.kinds):
            code = CHANGED
        if options.fail_on == "regression" and not found.judged:
            blind.append(f"{found.after}: --fail-on regression cannot be answered: {found.reason}")
    if blind and code == OK:
        raise StorageError("\n".join(blind))
    return code


def make_report(storage: Path, names: list[str]) -> Path:
    """Read the executions from MLflow and write their report below the storage folder; returns the page's path."""
    return _keep(storage, _read(storage, names))


def _read(storage: Path, names: list[str]) -> tuple[ExecutionRecord, ...]:
    from sweeps.tracking import read_execution, tracking_uri

    return read_execution(tracking_uri(storage), names)


def _keep(storage: Path, records: Sequence[ExecutionRecord]) -> Path:
    from sweeps.report import write_report
    from sweeps.tracking import keep_report, tracking_uri

    page = write_report(records, storage / records[0].name / "report")
    keep_report(tracking_uri(storage), records[0], page.parent)
    return page


def sync(options: argparse.Namespace) -> int:
    """Bring MLflow up to date from the journal, and count what was written."""
    limit_threads()  # before anything imports NumPy: a network may have to be trained again
    from sweeps.cli.again import mend_network
    from sweeps.cli.summary import model_line
    from sweeps.tracking import project, tracking_uri

    storage = open_storage(options.storage, create=False)
    folder = find(storage, options.name)
    mend_network(folder)
    counts = project(folder.journal, tracking_uri(storage), storage)
    print(f"{folder.execution}: {counts}")
    if (line := model_line(folder)) is not None:
        print(line)
    return OK if counts.complete else BEHIND


def ui(options: argparse.Namespace) -> int:
    """Serve the MLflow UI on loopback until Ctrl-C, opened where the execution's trials stand side by side."""
    from cluster.tracking_server import serve

    storage = open_storage(options.storage, create=False)
    stored = [each for each in executions(storage) if each.journal.exists()]
    if not stored:
        raise StorageError(f"{storage}: no stored executions yet; `sweep run` makes the first")
    folder = find(storage, options.name) if options.name else max(stored, key=lambda each: each.journal.stat().st_mtime)
    return serve(storage, folder.execution, port=options.port, browser=not options.no_browser)
