"""What tracking costs: milliseconds of one core a trial, and the same trials through Ray's MLflowLoggerCallback.

    python tests/benchmarks/tracking_cost.py [--trials 100] [--epochs 30] [--rounds 3] [--no-ray] [--scale 5000]

A trial has `--epochs` epochs × 16 metrics and pictures of 5 layers at epochs 0, the middle and the last. Journals are
written first; then a fresh process projects each into a fresh sqlite store, and the processor time of that process is
counted after three trials have warmed it up. The same numbers through MLflow's three bare calls (a run, one batch, its
end; no parameters, tags, data or files) in turn with them say what of that is MLflow's own.

With --scale, so many trials of one execution go into one store. It prints what writing cost for the first and the last
tenth (linear means: the same), then the seconds of `sweep status`, of `sweep results`, and of the request behind the
list of runs in the UI that `sweep ui` serves: as the UI asks for it by itself, and with the filter and the order of our
saved view. Each is asked three times on one server; the median and the first count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from cluster.tracking_server import running_server
from sweeps.tracking.view import comparison_view
from tests.sweeps.tracking_journals import Sweep

METRICS = (
    *("train/loss", "train/accuracy", "validation/loss", "validation/accuracy", "gradient_norm/all", "seconds/epoch"),
    *(f"{kind}/layer{layer}" for kind in ("gradient_norm", "weight_norm") for layer in range(1, 6)),
)
BARE_NAME = "MLflow's bare calls"
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
BARE = """
import json, sys, time
from sweeps.tracking.following import spare_collector
from sweeps.tracking.settings import set_defaults

set_defaults()
from mlflow import MlflowClient
from mlflow.entities import Metric

uri, trials, epochs, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
client = MlflowClient(uri)
experiment = client.create_experiment("bare")
spare_collector()

def one():
    run = client.create_run(experiment).info.run_id
    steps = [(name, epoch) for name in names for epoch in reversed(range(epochs))]
    client.log_batch(run, [Metric(name, 0.5 / (epoch + 1), 1000 * epoch, epoch) for name, epoch in steps])
    client.set_terminated(run)

for _ in range(3):
    one()
processor, wall = time.process_time(), time.perf_counter()
for _ in range(trials):
    one()
print(json.dumps([time.process_time() - processor, time.perf_counter() - wall, []]))
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
    parser.add_argument(
        "--scale", type=int, default=0, help="instead: so many trials into one store, then ask for them"
    )
    parser.add_argument("--no-ray", action="store_true", help="leave Ray's callback out")
    options = parser.parse_args()
    if options.scale:
        show_scale(options.scale, options.epochs)
        return
    print(f"{options.trials} trials of {options.epochs} epochs x {len(METRICS)} metrics; ms a trial: core, wall")
    ways: dict[str, Callable[[], tuple[float, float, list[float]]]] = {
        "with pictures": lambda: measure(options.trials, options.epochs, pictures=True),
        "without pictures": lambda: measure(options.trials, options.epochs, pictures=False),
        BARE_NAME: lambda: measure_bare(options.trials, options.epochs),
    }
    rounds = [{name: way() for name, way in ways.items()} for _ in range(options.rounds)]
    ours: dict[str, float] = {}
    for name in ways:
        core, wall, _ = min(each[name] for each in rounds)
        ours[name] = core
        print(f"{name:24s}{core * 1e3 / options.trials:8.1f}{wall * 1e3 / options.trials:8.1f}")
    bare = ours.pop(BARE_NAME)
    for name, spent in ours.items():
        print(f"{name}: {spent / bare:.2f} x the bare calls")
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
        return fill(Path(folder), trials, epochs, pictures=pictures)


def measure_bare(trials: int, epochs: int) -> tuple[float, float, list[float]]:
    """The same of the least that MLflow's client is called for: a run, its numbers in one batch, its end."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"sqlite:///{folder}/mlflow.sqlite", str(trials), str(epochs), json.dumps(sorted(METRICS))]
        return run(BARE, *arguments)


def fill(storage: Path, trials: int, epochs: int, *, pictures: bool) -> tuple[float, float, list[float]]:
    write(storage, "warm-1", 3, epochs, pictures)
    write(storage, "cost-1", trials, epochs, pictures)
    return run(WORKER, str(storage))


def write(storage: Path, execution: str, trials: int, epochs: int, pictures: bool) -> None:
    sweep = Sweep.begin(storage, execution, planned=trials)
    for _ in range(trials):
        sweep.train(sweep.propose()[0], epochs=epochs, metrics=METRICS, layers=5 if pictures else 0)
    sweep.close()
    sweep.journal.close()


def run(code: str, *arguments: str) -> tuple[float, float, list[float]]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, check=True)
    core, wall, marks = json.loads(done.stdout.splitlines()[-1])
    return core, wall, marks


# --- many trials in one store ---------------------------------------------------------------------------------------


def show_scale(trials: int, epochs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as folder:
        storage, begun = Path(folder), time.perf_counter()
        core, wall, marks = fill(storage, trials, epochs, pictures=True)
        print(f"{trials} trials of {epochs} epochs in one store, written in {wall:.0f} s; ", end="")
        print(f"with their journal {time.perf_counter() - begun:.0f} s", flush=True)
        tenth = max(trials // 10, 2)
        first, last = (marks[tenth - 1] - marks[0]) / (tenth - 1), (marks[-1] - marks[-tenth]) / (tenth - 1)
        print(f"ms of a core a trial: all {core * 1e3 / trials:.1f}, first {tenth} {first * 1e3:.1f}, ", end="")
        print(f"last {tenth} {last * 1e3:.1f}, last / first {last / first:.2f}", flush=True)
        sweep = str(Path(sys.executable).with_name("sweep"))
        for arguments in (("status", "cost"), ("results", "cost"), ("results", "cost", "--format", "csv")):
            command = [sweep, *arguments, "--storage", folder]
            show_seconds(f"sweep {' '.join(arguments)}", 2.0, lambda command=command: ask(command))  # type: ignore[misc]  # a default binds it
        with running_server(storage) as address:
            found = post(address, "experiments/search", {"max_results": 10, "filter": "name = 'cost'"})
            view = comparison_view("cost-1", "validation/loss", "minimize")
            ours = {"filter": view["searchFilter"], "order_by": [f"{view['orderByKey']} ASC"]}
            plain = {"filter": "", "order_by": ["attributes.start_time DESC"]}
            for name, query in (("as the UI has it by itself", plain), ("with the saved view", ours)):
                body = {"experiment_ids": [found["experiments"][0]["experiment_id"]], "max_results": 100}
                body |= {"run_view_type": "ACTIVE_ONLY", **query}
                show_seconds(
                    f"the UI's list of runs, {name}",
                    3.0,
                    lambda body=body: check_page(post(address, "runs/search", body), min(100, trials)),  # type: ignore[misc]  # a default binds it
                )


def show_seconds(name: str, most: float, call: Callable[[], object]) -> None:
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    verdict = "ok" if max(taken[0], statistics.median(taken)) < most else "missed"
    print(f"{name:52s}{statistics.median(taken):6.2f} s, first {taken[0]:5.2f} s, target < {most:.0f} s {verdict}")


def ask(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def post(address: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """A request of the UI's own kind."""
    request = urllib.request.Request(  # noqa: S310  # a server of our own
        f"{address}/ajax-api/2.0/mlflow/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind a proxy
    with opener.open(request, timeout=120) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def check_page(found: dict[str, Any], expected: int) -> None:
    if len(found.get("runs", ())) != expected:
        raise RuntimeError(f"the list has {len(found.get('runs', ()))} runs, expected {expected}")


if __name__ == "__main__":
    main()
