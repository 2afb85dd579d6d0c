"""Whether a core waits for a suggestion: busy = seconds inside training / (wall time x workers).

    python tests/benchmarks/search_busy.py [--only "gaussian_process 2 s"]

A real sweep of nine searched hyper-parameters on two workers, without MLflow, read from its journal. A trial's length
is set by its number of epochs, which one training on this machine is timed for. Counted is the time from the start of
the first trial (for the Gaussian process: from the end of the 200th, when its model holds 200 observations) to the
start of the last one: at the very end a worker is idle because nothing is left to do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from model.datasets import load, split
from model.specification import Specification
from model.training import Training
from sweeps.journal import Journal

WORKERS = 2
DEFINITION = """
name = "busy"
[data]
name = "digits"
[model]
hidden = [50, 50]
[training]
batch_size = 32
epochs = {epochs}
[search]
strategy = "{strategy}"
trials = {trials}
confirm = 0
seed = 1
[space]
optimizer = ["momentum", "adam"]
learning_rate = {{ low = 1e-5, high = 1e-2, scale = "log" }}
initializer = ["he", "xavier"]
activation = ["relu", "tanh"]
"weight_decay.strength" = {{ low = 1e-8, high = 1e-2, scale = "log" }}
momentum = {{ low = 0.5, high = 0.99 }}
beta1 = {{ low = 0.5, high = 0.99 }}
beta2 = {{ low = 0.9, high = 0.9999 }}
gradient_clip = {{ low = 1.0, high = 100.0, scale = "log" }}
"""


@dataclass(frozen=True)
class Case:
    """`after`: how many trials must have ended before counting begins. `wanted`: the share to reach, where one is."""

    strategy: str
    seconds: float
    trials: int
    after: int = 0
    wanted: float | None = None

    @property
    def name(self) -> str:
        return f"{self.strategy} {self.seconds:g} s"


CASES = (
    Case("random", 0.1, 300, wanted=0.80),
    Case("gaussian_process", 0.1, 300, after=200),
    Case("gaussian_process", 2.0, 230, after=200, wanted=0.95),
)


def epochs_of(seconds: float) -> int:
    """How many epochs a training of about so many seconds has here."""
    parts = split(load("digits"))
    training = Training(Specification({"hidden": [50, 50], "batch_size": 32, "epochs": 60}), parts)
    begun = time.perf_counter()
    epochs = sum(1 for _ in training) - 1
    return max(2, round(seconds * epochs / (time.perf_counter() - begun)))


def play(case: Case, folder: Path) -> Journal:
    """Run the sweep to its end."""
    text = DEFINITION.format(strategy=case.strategy, trials=case.trials, epochs=epochs_of(case.seconds))
    (folder / "busy.toml").write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("sweep")), "run", "busy.toml", "--workers", str(WORKERS)]
    command += ["--no-tracking", "--quiet"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return Journal.open(folder / "kurabe-data" / "busy-1" / "journal.sqlite", read_only=True)


def busy(journal: Journal, after: int) -> tuple[float, float, int]:
    """Share of the counted time spent in training, mean seconds of a trial, number of trials that began in it."""
    starts = sorted(event.at for event in journal.events(kinds=("started",)))
    ends = sorted((event.at, float(event.body["seconds"])) for event in journal.events(kinds=("ended",)))
    begin, end = (ends[after - 1][0] if after else starts[0]), starts[-1]
    inside = sum(max(0.0, min(at, end) - max(at - seconds, begin)) for at, seconds in ends)
    mean = sum(seconds for _, seconds in ends) / len(ends)
    return inside / ((end - begin) * WORKERS), mean, sum(begin <= at <= end for at in starts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    print(f"{'':<24}{'busy':>8}{'wanted':>9}{'s a trial':>12}{'trials counted':>16}")
    for case in CASES:
        if options.only in case.name:
            with tempfile.TemporaryDirectory() as folder:
                share, seconds, count = busy(play(case, Path(folder)), case.after)
            wanted = "" if case.wanted is None else f"{case.wanted:.0%}"
            print(f"{case.name:<24}{share:>8.1%}{wanted:>9}{seconds:>12.2f}{count:>16}", flush=True)


if __name__ == "__main__":
    main()
