"""Several processes open one fresh sqlite store at once: `python tests/benchmarks/fresh_store.py [--rounds 20]`.

MLflow by itself damages the file for good when two processes make its tables at once. Here all of them have imported
its client already and begin at the same moment, each round on a new file; each then writes a run of its own. A round
is whole when nobody met an error, there is one experiment, every run is there with its metric, and sqlite finds no
damage.
Exit code 1 if one is not.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

PROCESSES = 6
# One process that imports the client once; for each folder it is told of, it forks as many that open a store there.
OPENERS = """
import os, sys
from pathlib import Path
from cluster.tracking_server import artifact_root
from sweeps.tracking import TrackingError
from sweeps.tracking.store import Store, load_client

def open_one(storage, number):
    store = Store(f"sqlite:///{storage / 'mlflow.sqlite'}", artifact_root(storage))
    run, _ = store.create_run(store.open("digits"), f"run {number}", {}, 0)
    store.log(run, [("train/loss", 0.5, 0, 0)])
    store.set_status(run, "FINISHED", 1)

load_client()
for line in sys.stdin:
    begun = []
    for number in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            try:
                open_one(Path(line.strip()), number)
            except TrackingError as error:
                os.write(1, f"{error}\\n".encode())
                os._exit(1)
            os._exit(0)
        begun.append(child)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in begun)
    os.write(1, f"failed {failed}\\n".encode())
"""


@contextmanager
def openers(processes: int = PROCESSES) -> Iterator[subprocess.Popen[str]]:
    """What `play` plays with: so many processes that open a store together."""
    command = [sys.executable, "-P", "-W", "ignore", "-c", OPENERS, str(processes)]
    silent = subprocess.DEVNULL  # MLflow tells there of each table that it makes
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=silent, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def play(opening: subprocess.Popen[str], storage: Path, processes: int = PROCESSES) -> list[str]:
    """One round in a fresh folder; returns what went wrong."""
    assert opening.stdin is not None
    assert opening.stdout is not None
    opening.stdin.write(f"{storage}\n")
    opening.stdin.flush()
    wrong = []
    while not (said := opening.stdout.readline().strip() or "failed at all").startswith("failed"):
        wrong.append(said)
    if said != "failed 0":
        wrong.append(said)
    with closing(sqlite3.connect(storage / "mlflow.sqlite")) as connection:
        for query, expected in (
            ("select count(*) from experiments where name = 'digits'", 1),
            ("select count(*) from runs where status = 'FINISHED'", processes),
            ("select count(*) from metrics", processes),
            ("pragma integrity_check", "ok"),
        ):
            (found,) = connection.execute(query).fetchone()
            if found != expected:
                wrong.append(f"{query}: {found}, expected {expected}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args()
    begun, damaged = time.perf_counter(), 0
    with openers(options.processes) as opening:
        for number in range(1, options.rounds + 1):
            with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as folder:
                wrong = play(opening, Path(folder), options.processes)
            damaged += bool(wrong)
            for line in wrong:
                print(f"round {number}: {line}")
    seconds = time.perf_counter() - begun
    print(f"{options.rounds} rounds of {options.processes} processes, {damaged} with an error, {seconds:.0f} s")
    return 1 if damaged else 0


if __name__ == "__main__":
    sys.exit(main())
