"""Connect to where trials run: this machine's cores, or a Ray cluster that is already up.

Ray puts the driver's current folder on its workers' path, where a stray `model.py` of the user would shadow ours; so
the driver stands in an empty folder while it connects. Workers inherit one BLAS thread each through the environment:
numerical libraries read it once, when they are first imported, and more threads than cores make trials tens of times
slower.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
# Where runs are kept is no trial's business: none of it may come to other processes, or into Ray's logs.
CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN", "PGPASSWORD"),
    *(f"MLFLOW_TRACKING_{what}" for what in ("URI", "USERNAME", "PASSWORD", "TOKEN")),
)
SHIPPED_ROOMS = ("model", "cluster", "sweeps")
_CONNECT_SECONDS = 15


class ConnectionRefused(Exception):
    """The cluster cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Connection:
    """A live connection: `address` of the cluster's head and the `cpus` it offers in all."""

    address: str
    cpus: int
    local: bool


def limit_threads(threads: int = 1) -> None:
    """Set the number of BLAS threads for this process and all it starts; effective before NumPy is first imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)


@contextlib.contextmanager
def connect(address: str | None = None, *, slots: int | None = None, threads: int = 1) -> Iterator[Connection]:
    """Connect to Ray and disconnect at the end; a local instance started here ends here.

    As long as the connection lasts this process's environment holds none of CREDENTIALS: Ray Tune passes some on to its
    workers on their command lines, for everyone to read, and writes them into its logs.

    Args:
        address: `None` starts Ray on this machine; `host:port` joins the cluster whose head listens there.
        slots: trials at a time; by default one for each core. Local instances only: a cluster has what its nodes offer.
        threads: BLAS threads of each worker.

    Raises:
        ConnectionRefused: no cluster answers at `address`, it wants another token, or it runs another version of Ray.
    """
    limit_threads(threads)
    _settle_environment(local=address is None)
    import ray  # reads the environment at its import: everything above must stand before

    common: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    # The empty folder stays as long as the connection: workers of a local instance stand in it, too.
    with _without_credentials(), tempfile.TemporaryDirectory(prefix="kurabe-") as empty:
        try:
            with contextlib.chdir(empty):
                if address is None:
                    ray.init(address="local", num_cpus=slots or os.cpu_count() or 1, **common)
                else:
                    _require_answer(address)
                    ray.init(address=address, runtime_env=_runtime_environment(threads), **common)
        except ConnectionRefused:
            raise
        except Exception as error:  # Ray raises many unrelated types here; each becomes one sentence with its fix
            raise ConnectionRefused(_explain(address, error)) from error
        try:
            offered = int(ray.cluster_resources().get("CPU", 0))
            yield Connection(ray.get_runtime_context().gcs_address, offered, local=address is None)
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _without_credentials() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in CREDENTIALS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _settle_environment(*, local: bool) -> None:
    """No usage report leaves the machine; tokens are wanted or not, said aloud, since Ray's own default differs by
    command.

    A local instance gets a secret of its own, which no file holds: other users of the machine cannot join it. On a
    cluster we do as `ray start` did there: tokens only where there is a token.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if local:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    elif "RAY_AUTH_MODE" not in os.environ:
        has_token = "RAY_AUTH_TOKEN" in os.environ or _token_file().is_file()
        os.environ["RAY_AUTH_MODE"] = "token" if has_token else "disabled"


def _token_file() -> Path:
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else Path("~/.ray/auth_token").expanduser()


def _require_answer(address: str) -> None:
    """Fail within seconds where nothing listens; Ray itself would try for a minute."""
    import socket

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConnectionRefused(f"--cluster {address}: expected host:port of a Ray head, for example 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS / 3).close()
    except OSError as error:
        raise ConnectionRefused(
            f"--cluster {address}: nothing answers there ({error}); start a head with `ray start --head` "
            "and use the address it prints"
        ) from error


def _runtime_environment(threads: int) -> dict[str, Any]:
    """Our three rooms travel with the job and come before anything of the same name on a worker's path."""
    folders = [str(next(iter(spec.submodule_search_locations or ()))) for spec in map(find_spec, SHIPPED_ROOMS) if spec]
    return {
        "py_modules": folders,
        "env_vars": dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "excludes": ["__pycache__", "*.md", "pictures"],
    }


def _explain(address: str | None, error: Exception) -> str:
    where = f"--cluster {address}" if address else "Ray on this machine"
    text = " ".join(str(error).split())
    if address and ("oken" in text or "uthentic" in text):
        advice = "the cluster refused our token; set RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the head's token"
    elif "ersion mismatch" in text:
        advice = "other versions of Ray or Python there; install the same on each node"
    else:
        advice = "could not be used"
    return f"{where}: {advice}. Ray said: {text[:400]}"
