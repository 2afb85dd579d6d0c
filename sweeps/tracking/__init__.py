"""MLflow: the record for people, projected from the journal. Nothing else in sweeps/ imports mlflow.

tracking_uri(storage)               where runs are kept
project(journal, uri, storage)      bring MLflow up to a journal once
follow(journal, storage)            the tracker process beside a running sweep
read_execution(uri, names)          executions with their trials, for reports
read_trial(uri, run_id)             one trial's run, whole, to be trained again
executions_before(uri, name)        the finished executions of the same definition that came before it
keep_report(uri, record, folder)    a report's files as artifacts of the execution's own run
log_report(uri, storage, report, folder)    a scheduled report as a run of its own
TrackingError                       what went wrong, in words for people
Away                                of its kinds the one that may pass: MLflow does not answer
"""

from cluster.tracking_server import TrackingError, tracking_uri
from sweeps.tracking.counts import Counts
from sweeps.tracking.following import follow, project
from sweeps.tracking.names import Away
from sweeps.tracking.reading import (
    ExecutionRecord,
    LoggedTrial,
    TrialRecord,
    executions_before,
    keep_report,
    read_execution,
    read_trial,
)
from sweeps.tracking.reports import ScheduledReport, log_report

__all__ = [
    "Away",
    "Counts",
    "ExecutionRecord",
    "LoggedTrial",
    "ScheduledReport",
    "TrackingError",
    "TrialRecord",
    "executions_before",
    "follow",
    "keep_report",
    "log_report",
    "project",
    "read_execution",
    "read_trial",
    "tracking_uri",
]
