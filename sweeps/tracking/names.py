"""The names under which MLflow holds an execution: tags, files, and which status a trial's end becomes.

Runs of one definition share one experiment. A run is either a trial (`kurabe.kind` = trial) or the summary of one
execution (`kurabe.kind` = execution). A trial's identity (`kurabe.execution`, `kurabe.trial`) has exactly one run.
Scheduled reports (`kurabe.kind` = report) have an experiment of their own.
"""

from __future__ import annotations

from cluster import tracking_server
from cluster.tracking_server import TrackingError

KIND = tracking_server.KIND  # trial | execution
EXECUTION = tracking_server.EXECUTION  # digits-1
DEFINITION = "kurabe.definition"  # digits
TRIAL = "kurabe.trial"  # the trial's key
REPLICATE = "kurabe.replicate"
ORDER = "kurabe.order"  # the number of the proposal that the trial belongs to
STAGE = "kurabe.stage"  # search | confirmation
LEVEL = "kurabe.level"  # of a comparison; absent where nothing is compared
REPEAT = "kurabe.repeat"  # which independent search of its level, from 0
POINT = "kurabe.point"  # canonical JSON
REASON = "kurabe.reason"  # JSON: why the strategy proposed the point
SPECIFICATION = "kurabe.specification"  # JSON: hyper-parameters, replicate, seed: all that fixes the training
CONFIRMED = "kurabe.confirmed"  # of a summary: how many trainings were judged on the test part; of a model: their mean
CONFIRMED_REPLICATES = "kurabe.confirmed_replicates"  # how many they were
MEASURE = "kurabe.measure"  # the metric of that score
STATUS = "kurabe.status"  # running, interrupted, or as the journal has it: finished stopped diverged failed …
VALUE = "kurabe.value"  # the objective; absent where the trial has none
FINDINGS = "kurabe.findings"  # names of the diagnoses, with commas; absent where there are none
NON_FINITE = "kurabe.non_finite"  # metric@epoch where a number was NaN or infinite (such numbers are no metrics)
ATTEMPTS = "kurabe.attempts"
NODE = "kurabe.node"
DATA_DIGEST = "kurabe.data_digest"
GIT_COMMIT = "kurabe.git_commit"
GIT_DIRTY = "kurabe.git_dirty"
CLOSED = "kurabe.closed"  # of a summary: why the execution ended
COUNTS = "kurabe.counts"  # of a summary: JSON, trials by status
BEST = "kurabe.best"  # of a summary: JSON, the trial with the best value
SECONDS = "kurabe.seconds"  # of a summary: how long the command took
SCHEDULE = "kurabe.schedule"  # of a scheduled report: whose it is
OCCURRENCE = "kurabe.occurrence"  # of a scheduled report: the time it was due, ISO 8601 in UTC
EXECUTIONS = "kurabe.executions"  # of a scheduled report: what it is about, with blanks
AGAINST = "kurabe.against"  # of a scheduled report: JSON, what each execution was compared with
CHANGED = "kurabe.changed"  # of a scheduled report: kinds of what changed, with blanks; absent where nothing did
SPLIT = "kurabe.split"  # of a summary, a run's dataset input and a model: JSON, how the data were split

LEVEL_PARAMETER = "comparison.level"  # the same as a parameter, by which the UI groups runs

# of a registered model and its versions, besides those above
OBJECTIVE = "kurabe.objective"
DIRECTION = "kurabe.direction"
JUDGED = "kurabe.judged"  # what was decided about the alias when the version was new
CHAMPION = "champion"  # the alias

# MLflow's own
GIT_COMMIT_MLFLOW = "mlflow.source.git.commit"
USER = "mlflow.user"
NOTE = "mlflow.note.content"
RUN_NAME = "mlflow.runName"
HAS_IMAGES = "mlflow.loggedImages"
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}

# artifacts
DEFINITION_FILE = "definition.toml"
RECORDS_FILE = "records.json"
TRACEBACK_FILE = "traceback.txt"
EXECUTION_FILE = "execution.json"
PICTURE_KEY = "activations/layers"

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
# A training that diverged or was stopped early has a result and is no fault: FINISHED; kurabe.status has its own word.
_RESULTS = ("finished", "stopped", "diverged")
# Status is the last thing that is written of a trial, so a run with one of these is whole: metrics, files and all.
WHOLE = (FINISHED, FAILED)

MOST_METRICS = 1000  # that MLflow takes in one log_batch
LONGEST_TAG = 8000  # characters that MLflow takes
LONGEST_PARAMETER = 6000
LONGEST_INPUT_TAG = 500
LONGEST_DIGEST = 36  # of a data set, in characters


def mlflow_status(status: str) -> str:
    """MLflow's word for how a trial ended."""
    return FINISHED if status in _RESULTS else FAILED


class Away(TrackingError):
    """The store does not answer, or not now: trying again later may help."""


class Refused(TrackingError):
    """MLflow will not take this one thing, however often it is sent."""


class Vanished(Away):
    """A run or experiment that was there is not any more: look again, and write what is missing."""
