"""What tracking costs: milliseconds of one core a trial, and the same trials through Ray's MLflowLoggerCallback.

    python tests/benchmarks/tracking_cost.py [--trials 100] [--epochs 30] [--rounds 3] [--no-ray] [--scale 5000]

A trial has `--epochs` epochs × 16 metrics and pictures of 5 layers at epochs 0, the middle and the last. Journals are
written first; then a fresh process projects each into a fresh sqlite store, and the processor time of that process is
counted after three trials have warmed it up. With --scale, so many trials go into one store, and each fifth is timed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from tests.sweeps.tracking_journals import Sweep

METRICS = (
    *("train/loss", "train/accuracy", "validation/loss", "validation/accuracy", "gradient_norm/all", "seconds/epoch"),
    *(f"{kind}/layer{layer}" for kind in ("gradient_norm", "weight_norm") for layer in range(1, 6)),
)
WORKER = """
import json, sys, time
from pathlib import Path
from cluster.tracking_server import artifact_root, tracking_uri
from sweeps.journal import Journal
from sweeps.tracking import following
from sweeps.tracking.projection import Projector
from sweeps.tracking.store import Store

storage = Path(sys.argv[1])
uri, artifacts = tracking_uri(storage), artifact_root(storage)
following.project(storage / "warm-1" / "journal.sqlite", uri, storage)
following.spare_collector()
projector = Projector(Journal.open(storage / "cost-1" / "journal.sqlite", read_only=True), Store(uri, artifacts))
processor, wall, marks = time.process_time(), time.perf_counter(), []
projector.on_written = lambda: marks.append(time.process_time())
projector.catch_up()
spent = (time.process_time() - processor, time.perf_counter() - wall)
print(json.dumps([*spent, marks]))
"""
CALLBACK = """
import json, sys, time
from ray.air.integrations.mlflow import MLflowLoggerCallback

uri, trials, epochs, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
callback = MLflowLoggerCallback(tracking_uri=uri, experiment_name="callback")
callback.setup()

class Trial:
    def __init__(self, number):
        self.trial_id = str(number)
        self.config = {f"p{i}": i for i in range(12)}

    def __str__(self):
        return "trial_" + self.trial_id

def one(number):
    trial = Trial(number)
    callback.log_trial_start(trial)
    for epoch in range(epochs):
        result = {name: 0.5 / (epoch + 1) for name in names}
        callback.log_trial_result(epoch, trial, {**result, "training_iteration": epoch})
    callback.log_trial_end(trial)

one(0)
processor, wall = time.process_time(), time.perf_counter()
for number in range(1, trials + 1):
    one(number)
print(json.dumps([time.process_time() - processor, time.perf_counter() - wall, []]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3, help="the quickest counts: others may use the machine")
    parser.add_argument("--scale", type=int, default=0, help="instead: so many trials into one store")
    parser.add_argument("--no-ray", action="store_true", help="leave Ray's callback out")
    options = parser.parse_args()
    if options.scale:
        show_scale(options.scale, options.epochs)
        return
    print(f"{options.trials} trials of {options.epochs} epochs x {len(METRICS)} metrics; ms a trial: core, wall")
    ours: dict[str, float] = {}
    for name, pictures in (("with pictures", True), ("without pictures", False)):
        rounds = [measure(options.trials, options.epochs, pictures=pictures) for _ in range(options.rounds)]
        core, wall, _ = min(rounds)
        ours[name] = core
        print(f"{name:24s}{core * 1e3 / options.trials:8.1f}{wall * 1e3 / options.trials:8.1f}")
    if not options.no_ray:
        few = max(options.trials // 10, 3)
        with tempfile.TemporaryDirectory() as folder:
            arguments = [f"sqlite:///{folder}/mlflow.sqlite", str(few), str(options.epochs), json.dumps(METRICS)]
            core, wall, _ = run(CALLBACK, *arguments)
        print(f"{'MLflowLoggerCallback':24s}{core * 1e3 / few:8.1f}{wall * 1e3 / few:8.1f}")
        for name, spent in ours.items():
            print(f"the callback, metrics alone, costs {core / few / (spent / options.trials):.1f} x ours {name}")


def measure(trials: int, epochs: int, *, pictures: bool) -> tuple[float, float, list[float]]:
    """(core seconds, wall seconds, core seconds at each trial's end) of projecting so many trials."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "warm-1", 3, epochs, pictures)
        write(Path(folder), "cost-1", trials, epochs, pictures)
        return run(WORKER, folder)


def write(storage: Path, execution: str, trials: int, epochs: int, pictures: bool) -> None:
    sweep = Sweep.begin(storage, execution)
    for _ in range(trials):
        sweep.train(sweep.propose()[0], epochs=epochs, metrics=METRICS, layers=5 if pictures else 0)
    sweep.close()
    sweep.journal.close()


def run(code: str, *arguments: str) -> tuple[float, float, list[float]]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, check=True)
    core, wall, marks = json.loads(done.stdout.splitlines()[-1])
    return core, wall, marks


def show_scale(trials: int, epochs: int) -> None:
    start = time.perf_counter()
    core, wall, marks = measure(trials, epochs, pictures=True)
    print(f"{trials} trials in one store: {core * 1e3 / trials:.1f} ms of a core each, {wall:.0f} s in all")
    step = max(trials // 5, 1)
    for begin in range(0, trials - step + 1, step):
        spent = marks[begin + step - 1] - (marks[begin - 1] if begin else marks[0])
        print(f"trials {begin + 1} to {begin + step}: {spent * 1e3 / step:.1f} ms each")
    print(f"with the writing of the journal: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
