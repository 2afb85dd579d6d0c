"""Scheduled reports in MLflow: one run each, in an experiment of their own, found again by its tags."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.tracking_server import artifact_root
from sweeps.tracking import names
from sweeps.tracking.store import Store

REPORTS = "kurabe-reports"  # the experiment


@dataclass(frozen=True)
class ScheduledReport:
    """A report that a schedule made for one of its times (`occurrence`, an instant in ISO 8601).

    `executions` it is about, and what each is compared with; `kinds` of what changed; `text` for the run's page.
    """

    schedule: str
    occurrence: str
    executions: Sequence[str]
    against: Mapping[str, str]
    kinds: Sequence[str]
    text: str


def log_report(uri: str, storage: Path, report: ScheduledReport, folder: Path) -> str:
    """Keep a report and its files as a run; returns the run's identity. Done again, it is the same run.

    Raises:
        TrackingError: MLflow does not take it (`Away`: not now).
    """
    store = Store(uri, artifact_root(storage))
    experiment = store.open(REPORTS)
    identity = {names.KIND: "report", names.SCHEDULE: report.schedule, names.OCCURRENCE: report.occurrence}
    found = min(store.runs([experiment], identity), key=lambda run: (run.started, run.run_id), default=None)
    if found is not None:
        run_id = found.run_id
        if found.status == names.FINISHED:
            return run_id
    else:
        now = round(time.time() * 1000)
        run_id, _ = store.create_run(experiment, f"{report.schedule} {report.occurrence}", identity, now)
    tags = {
        names.EXECUTIONS: " ".join(report.executions),
        names.AGAINST: json.dumps(dict(report.against)),
        names.CHANGED: " ".join(kind.replace(" ", "_") for kind in report.kinds),
        names.NOTE: report.text,
    }
    store.log(run_id, tags={name: value[: names.LONGEST_TAG] for name, value in tags.items() if value})
    store.log_folder(run_id, folder, "report")
    store.set_status(run_id, names.FINISHED, round(time.time() * 1000))
    return run_id
