"""MLflow: the record for people, projected from the journal. Nothing else in sweeps/ imports mlflow.

tracking_uri(storage)               where runs are kept
project(journal, uri, storage)      bring MLflow up to a journal once
follow(journal, storage)            the tracker process beside a running sweep
read_execution(uri, names)          executions with their trials, for reports
read_trial(uri, run_id)             one trial's run, whole, to be trained again
keep_report(uri, record, folder)    a report's files as artifacts of the execution's own run
TrackingError                       what went wrong, in words for people
"""

from cluster.tracking_server import TrackingError, tracking_uri
from sweeps.tracking.counts import Counts
from sweeps.tracking.following import follow, project
from sweeps.tracking.reading import ExecutionRecord, LoggedTrial, TrialRecord, keep_report, read_execution, read_trial

__all__ = [
    "Counts",
    "ExecutionRecord",
    "LoggedTrial",
    "TrackingError",
    "TrialRecord",
    "follow",
    "keep_report",
    "project",
    "read_execution",
    "read_trial",
    "tracking_uri",
]
