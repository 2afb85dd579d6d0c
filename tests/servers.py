"""Servers for tests: PostgreSQL and S3 for real on loopback, and a proxy that breaks connections when it is told to."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cluster.tracking_server import LOOPBACK, free_port

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
INITDB = shutil.which("initdb", path=os.pathsep.join([str(_BINARIES[-1]) if _BINARIES else "", os.defpath]))
NO_POSTGRESQL = "no PostgreSQL (Debian: apt-get install postgresql)"
_WAIT = 60.0  # seconds; only a test that fails waits so long


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@dataclass
class Postgres:
    """A cluster of databases of its own in a temporary folder, run by an unprivileged user as it insists on."""

    folder: Path
    port: int
    user: str
    password: str

    @property
    def uri(self) -> str:
        """As MLFLOW_TRACKING_URI, with the password in it as it must be written there."""
        return f"postgresql+psycopg://{self.user}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/postgres"

    def control(self, *arguments: str) -> None:
        """`pg_ctl` with these arguments."""
        # Not synced: only the machine's own fall could lose what was committed.
        options = f"-F -h {LOOPBACK} -p {self.port} -c unix_socket_directories="
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-o", options, "-l", log, *arguments)

    def dump(self) -> str:
        """All that the database holds, as SQL."""
        return self.run("pg_dump", "-d", f"host={LOOPBACK} port={self.port} user={self.user} dbname=postgres")

    def run(self, name: str, *arguments: str) -> str:
        assert INITDB is not None
        root = os.geteuid() == 0
        user = _unprivileged() if root else None
        with (self.folder / "said").open(
            "wb"
        ) as file:  # a pipe would stay open as long as the server that pg_ctl starts
            done = subprocess.run(
                [str(Path(INITDB).with_name(name)), *arguments],
                cwd=self.folder,
                env={**os.environ, "PGPASSWORD": self.password},
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if root else None,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=False,
            )
        said = (self.folder / "said").read_text()
        assert done.returncode == 0, f"{name}: {said}"
        return said


def _unprivileged() -> str:
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def postgres(password: str) -> Iterator[Postgres]:
    """A server of a fresh cluster while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="kurabe-postgresql-") as name:
        folder = Path(name)
        made = Postgres(folder, free_port(), "kurabe", password)
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, _unprivileged())
        options = ("--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C")
        made.run("initdb", "-D", str(folder / "data"), "-U", made.user, "--no-sync", *options)
        made.control("start")
        try:
            yield made
        finally:
            made.control("stop", "-m", "immediate")


# --- S3 -------------------------------------------------------------------------------------------------------------


@dataclass
class S3:
    """moto's S3, which keeps everything in memory, with one bucket."""

    port: int
    bucket: str

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Everything in the bucket, or in this folder of it, by its path there."""
        client, found = self.client(), {}
        below = f"{prefix}/" if prefix else ""
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below):
            for each in page.get("Contents", ()):
                body = client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"]
                found[each["Key"].removeprefix(below)] = body.read()
        return found


@contextmanager
def s3(bucket: str) -> Iterator[S3]:
    """moto's server with a bucket while the context lasts."""
    made = S3(free_port(), bucket)
    command = [sys.executable, "-P", "-m", "moto.server", "-H", LOOPBACK, "-p", str(made.port)]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent)
    try:
        until(lambda: answers(made.port), "moto's server")
        made.client().create_bucket(Bucket=made.bucket)
        yield made
    finally:
        process.kill()
        process.wait()


# --- what goes wrong between two machines ---------------------------------------------------------------------------


@dataclass
class Proxy:
    """Passes connections on to a port of loopback. A request is known by a part of its head (`PUT /bucket/`).

    `lost` replies: the request arrives, its reply does not. `cut` requests: the connection ends after so many bytes,
    and from then on nobody is there until `back` is called. With `demanded`, a request that does not carry this user
    and password is refused, as by the web server that people put before MLflow's.
    """

    target: int
    demanded: tuple[str, str] | None = None
    lost: list[bytes] = field(default_factory=list)
    cut: dict[bytes, int] = field(default_factory=dict)
    away: bool = False
    port: int = 0
    happened: list[str] = field(default_factory=list)

    def back(self) -> None:
        self.cut, self.away = {}, False

    def serve(self, client: socket.socket) -> None:
        """One connection, to its end."""
        if self.away:
            self.happened.append("refused")
            client.close()
            return
        upstream = socket.create_connection((LOOPBACK, self.target))
        for each in (client, upstream):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a head waits for no body
        dropping = threading.Event()
        threading.Thread(target=self._replies, args=(upstream, client, dropping), daemon=True).start()
        left: int | None = None
        with closing(client), closing(upstream), suppress(OSError):
            while data := client.recv(65536):
                head = data[:4096]
                if head.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD"):
                    if not self._allowed(head):
                        client.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        return
                    left = next((size for known, size in self.cut.items() if known in head), None)
                    for known in [each for each in self.lost if each in head]:
                        self.lost.remove(known)
                        dropping.set()
                if left is not None:
                    data, left = data[:left], left - len(data)
                upstream.sendall(data)
                if left is not None and left <= 0:
                    self.away = True
                    self.happened.append("cut")
                    return
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)

    def _replies(self, upstream: socket.socket, client: socket.socket, dropping: threading.Event) -> None:
        with suppress(OSError):
            while data := upstream.recv(65536):
                if dropping.is_set():
                    self.happened.append("lost")
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _allowed(self, head: bytes) -> bool:
        if self.demanded is None:
            return True
        token = base64.b64encode(":".join(self.demanded).encode())
        return b"basic " + token in head.replace(b"Basic", b"basic")


@contextmanager
def proxy(target: int, demanded: tuple[str, str] | None = None) -> Iterator[Proxy]:
    """A proxy that listens while the context lasts."""
    made = Proxy(target, demanded)
    with socket.create_server((LOOPBACK, 0)) as listening:
        made.port = int(listening.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):  # the listening socket is closed at the end
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=made.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made


def answers(port: int) -> bool:
    """Whether something listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def until(condition: Callable[[], object], what: str) -> None:
    """Poll until another process has come so far."""
    deadline = time.monotonic() + _WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {_WAIT:.0f} s for: {what}"
        time.sleep(0.02)  # another process brings it about
