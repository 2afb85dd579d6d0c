"""Commands that show a sweep to people: `sweep report`, `sync`, `ui`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from cluster.connect import limit_threads
from sweeps.cli import BEHIND, OK
from sweeps.storage import StorageError, executions, find, open_storage


def report(options: argparse.Namespace) -> int:
    """Write the comparison report of the named executions, from MLflow alone."""
    limit_threads()  # before anything imports NumPy: small matrices wait for each other's threads
    elsewhere = "MLFLOW_TRACKING_URI" in os.environ  # then whoever has the address can make a report, in a new folder
    path = make_report(open_storage(options.storage, create=elsewhere), options.names)
    print(f"report:  {path}")
    return OK


def make_report(storage: Path, names: list[str]) -> Path:
    """Read the executions from MLflow and write their report below the storage folder; returns the page's path."""
    from sweeps.report import write_report
    from sweeps.tracking import keep_report, read_execution, tracking_uri

    uri = tracking_uri(storage)
    records = read_execution(uri, names)
    page = write_report(records, storage / records[0].name / "report")
    keep_report(uri, records[0], page.parent)
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
