"""How far the curves in MLflow are behind a running sweep that keeps every core busy.

    python tests/benchmarks/curve_lag.py [--seconds 20]

A real sweep of long trials, one a core, is started with its tracker. Ten times a second the journal is compared with
MLflow's store: the lag is the age of the oldest epoch that the journal holds and MLflow does not. Counting begins when
each running trial has a run.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from sweeps.journal import Journal

DEFINITION = """
name = "lag"
[data]
name = "digits"
[training]
epochs = 100000
[search]
strategy = "random"
trials = 64
[space]
learning_rate = { low = 1e-4, high = 1e-2, scale = "log" }
"""
STEPS = """
select t.value, max(m.step) from metrics m join tags t on t.run_uuid = m.run_uuid and t.key = 'kurabe.trial'
group by t.value
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it is watched")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lag.toml").write_text(DEFINITION, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("sweep")), "run", "lag.toml", "--no-report", "--quiet"]
        silent = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, stdout=silent, stderr=silent, start_new_session=True)
        try:
            lags = watch(Path(folder) / "kurabe-data", options.seconds)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    lags.sort()
    print(f"{os.cpu_count()} trials on {os.cpu_count()} cores, watched {len(lags)} times in {options.seconds:.0f} s")
    print(f"behind the journal: median {lags[len(lags) // 2]:.1f} s, at most {lags[-1]:.1f} s")


def watch(storage: Path, seconds: float) -> list[float]:
    """The lag in seconds, again and again."""
    lags: list[float] = []
    deadline, begun = time.monotonic() + 90.0, None
    while begun is None or time.monotonic() - begun < seconds:
        if begun is None and time.monotonic() > deadline:
            sys.exit("no trial's curves came to MLflow in 90 s")
        time.sleep(0.1)  # two other processes are watched
        behind = lag(storage)
        if behind is not None:
            begun = begun or time.monotonic()
            lags.append(behind)
    return lags


def lag(storage: Path) -> float | None:
    """The age of the oldest epoch that only the journal holds; None while a trial has no run yet."""
    journal, store = storage / "lag-1" / "journal.sqlite", storage / "mlflow.sqlite"
    if not (journal.is_file() and store.is_file()):
        return None
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            steps = dict(connection.execute(STEPS).fetchall())
        except sqlite3.OperationalError:
            return None  # its tables are still being made
    now = time.time()
    with closing(Journal.open(journal, read_only=True)) as opened:
        epochs = [event for event in opened.events(kinds=("epoch",)) if event.at <= now]
    if not epochs or {event.trial for event in epochs} - set(steps):
        return None
    return max((now - event.at for event in epochs if (event.epoch or 0) > steps[event.trial]), default=0.0)


if __name__ == "__main__":
    main()
