"""Where MLflow keeps the runs of a storage folder, and the MLflow UI served on loopback.

By default that is a sqlite store and a folder of artifacts inside the storage folder. The ecosystem's own variable
MLFLOW_TRACKING_URI names another: a server (http, https), a database, or a sqlite file.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

LOOPBACK = "127.0.0.1"
VARIABLE = "MLFLOW_TRACKING_URI"
START_SECONDS = 60.0  # a server that does not answer by then is given up; on a busy machine it needs ten
KIND, EXECUTION = "kurabe.kind", "kurabe.execution"  # tags of every run: trial or execution; digits-1
VIEW = "mlflow.sharedViewState."  # and the execution: the experiment's tag with the view that the UI opens
_SECRET = re.compile(r"(?<=://)[^\s'\"<>]*@|(?<=password=)[^&\s'\"]+")  # a password may hold an @ of its own
_DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}  # names on the package index that differ


class TrackingError(Exception):
    """MLflow could not be reached, or holds not what was asked for. The message is for people and holds no password."""


def tracking_uri(storage: Path) -> str:
    """Where runs are kept, with an absolute path where it is a file: processes change their current folder.

    Raises:
        TrackingError: MLFLOW_TRACKING_URI names a folder, which MLflow 3 does not write to.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return f"sqlite:///{storage.absolute() / 'mlflow.sqlite'}"
    if given.startswith("sqlite:///"):
        return f"sqlite:///{Path(given.removeprefix('sqlite:///')).absolute()}"
    if "://" not in given or given.startswith("file:"):
        raise TrackingError(
            f"{VARIABLE}={hide_secrets(given)}: expected a server (http://…) or a database (sqlite:///…), "
            "got a folder, which MLflow 3 no longer writes to"
        )
    return given


def artifact_root(storage: Path) -> str:
    """The folder of artifacts (or the URI in MLflow's own variable), for stores that have no server to decide it."""
    return os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT", "").strip() or str(storage.absolute() / "mlflow-artifacts")


def store_file(uri: str) -> Path | None:
    """The file of a sqlite store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file; the operating system lets go of it when its holder dies.

    Raises:
        BlockingIOError: another process holds it, and `wait` is false.
    """
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def opening_lock(store: Path) -> Path:
    """Held while a store is opened: several processes that open a fresh sqlite store at once damage it for good."""
    return store.with_name(f".{store.name}.lock")


def is_server(uri: str) -> bool:
    """Whether the URI is that of an MLflow server, which has a UI of its own."""
    return uri.startswith(("http://", "https://"))


def hide_secrets(text: str) -> str:
    """The text without the user names and passwords of the URIs in it."""
    return _SECRET.sub(lambda found: "***@" if found[0].endswith("@") else "***", text)


def missing_packages(uri: str, artifacts: str) -> list[str]:
    """What a store needs that is not installed: its database's driver, boto3 for artifacts in S3; each with its fix.

    Which artifacts a server hands out is the server's affair and not looked at here.

    Raises:
        TrackingError: SQLAlchemy knows no such kind of database.
    """
    needed: dict[str, str] = {}
    if not is_server(uri) and store_file(uri) is None:
        needed[_driver(uri)] = f"{VARIABLE} names a database"
    if artifacts.startswith("s3://"):
        needed["boto3"] = "artifacts are kept in S3"
    return [how_to_install(name, why) for name, why in needed.items() if importlib.util.find_spec(name) is None]


def how_to_install(module: str, why: str) -> str:
    """The words for a package that is not there."""
    return f"{why}, and the package for it is not installed: pip install '{_DRIVERS.get(module, module)}'"


def _driver(uri: str) -> str:
    """The module that SQLAlchemy will ask for: `+psycopg` names it, else it is the default of the installed version."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return make_url(uri).get_dialect().driver
    except (ArgumentError, NoSuchModuleError) as error:
        raise TrackingError(f"{VARIABLE}={hide_secrets(uri)}: {hide_secrets(str(error))}") from error


def serve(storage: Path, execution: str, *, port: int = 0, browser: bool = True) -> int:
    """Serve the MLflow UI until Ctrl-C, and show the link to the comparison of an execution's trials.

    Raises:
        TrackingError: the server does not come up, or MLflow does not hold the execution.
    """
    with suppress(KeyboardInterrupt), running_server(storage, port=port) as address:
        link = comparison_link(address, execution)
        sys.stdout.write(f"{execution}: trials side by side, curves and activations:\n{link}\nCtrl-C ends the server\n")
        sys.stdout.flush()
        if browser:
            webbrowser.open(link)
        signal.pause()
    return 0


def comparison_link(address: str, execution: str) -> str:
    """Where the MLflow UI at this address shows curves and activation pictures of an execution's trials side by side.

    Raises:
        TrackingError: MLflow does not hold the execution's definition.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    definition = execution.rpartition("-")[0]
    experiment = MlflowClient(address).get_experiment_by_name(definition)
    if experiment is None:
        raise TrackingError(f"{execution}: not in MLflow yet; `sweep sync {execution}` writes it from the journal")
    view = (
        f"viewStateShareKey={execution}"
        if VIEW + execution in experiment.tags
        else f"searchFilter={quote(trials_filter(execution))}"
    )
    return f"{address}/#/experiments/{experiment.experiment_id}/runs?{view}&compareRunsMode=CHART"


def trials_filter(execution: str) -> str:
    """An execution's trials, without its own run, in MLflow's filter language."""
    return f"tags.`{KIND}` = 'trial' and tags.`{EXECUTION}` = '{execution}'"


@contextmanager
def running_server(storage: Path, *, port: int = 0) -> Iterator[str]:
    """Serve the MLflow UI of a storage folder on loopback while the context lasts; on a free port unless one is given.

    Yields:
        The server's address, `http://127.0.0.1:PORT`; that of MLFLOW_TRACKING_URI where it is a server already.

    Raises:
        TrackingError: there is no store yet, or the server does not come up; the message then ends with its last words.
    """
    uri = tracking_uri(storage)
    if is_server(uri):
        yield uri.rstrip("/")
        return
    store = store_file(uri)
    if store is not None:
        if not store.is_file():
            raise TrackingError(f"{store}: no MLflow store here yet; `sweep run` and `sweep sync` make one")
        with exclusive(opening_lock(store)):
            pass  # nobody is making its tables any more
    chosen = port or free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            server_command(chosen),
            env=server_environment(uri, artifact_root(storage)),
            cwd=storage,  # the web server puts its current folder on the import path: not a folder with a model.py
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process, which then ends that one
        )
        try:
            address = f"http://{LOOPBACK}:{chosen}"
            _wait_until_up(address, process)
            yield address
        except _NotUp as error:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-5:]
            raise TrackingError(
                "\n".join([f"the MLflow server {error} on port {chosen}", *map(hide_secrets, last)])
            ) from None
        finally:
            if process.stdin is not None:
                process.stdin.close()  # the guard's sign to end the server
            process.wait()


def server_command(port: int) -> list[str]:
    """`mlflow server` on loopback, under a guard that ends it when this process does."""
    server = [sys.executable, "-P", "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    return [sys.executable, "-P", "-c", "from cluster.tracking_server import guard; guard()", *server]


def server_environment(uri: str, artifacts: str) -> dict[str, str]:
    """The environment of the server: by way of variables no password shows in the list of processes."""
    return {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_ARTIFACTS_DESTINATION": artifacts,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its workers poll, and nothing here is a job
        "PYTHONSAFEPATH": "1",
    }


def guard() -> None:
    """Run the command given as arguments until it ends or standard input closes, as it does when the parent dies."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        sys.stdin.buffer.read()
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(child.pid, number)
                child.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    sys.exit(code)


def free_port() -> int:
    """A port of loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class _NotUp(Exception):
    pass


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind a proxy
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _NotUp("ended at once")
        try:
            with opener.open(f"{address}/health", timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # not up yet: there is no event to wait for
    raise _NotUp(f"does not answer after {START_SECONDS:.0f} s")
