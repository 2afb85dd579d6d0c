"""MLflow: the record for people, projected from the journal. Nothing else in sweeps/ imports mlflow.

project(journal, uri, artifacts)   bring MLflow up to a journal once
follow(journal, storage)           the tracker process beside a running sweep
TrackingError                      what went wrong, in words for people
"""

from cluster.tracking_server import TrackingError
from sweeps.tracking.counts import Counts
from sweeps.tracking.following import follow, project

__all__ = ["Counts", "TrackingError", "follow", "project"]
