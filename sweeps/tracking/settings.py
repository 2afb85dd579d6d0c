"""MLflow's own environment variables, as this project wants them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def set_defaults(*, retries: int = 0) -> None:
    """MLflow's documented variables as this project wants them, before MLflow is imported; what is set already stands.

    The HTTP client's own retries could send a thing twice when a reply is lost: the tracker tries again itself.
    """
    wanted = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        RETRIES: str(retries),
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # to print it, the run is fetched once more
        "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what it logs as errors it also raises
        "MLFLOW_UV_AUTO_DETECT": "false",  # a model needs nothing of the current folder's project
        "GIT_PYTHON_REFRESH": "quiet",  # MLflow's git library warns where there is no git
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


@contextmanager
def sent_once() -> Iterator[None]:
    """No retry by the HTTP client in this block, whatever the variable says: where the reply to a creation is lost, a
    second request makes a second run."""
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before
