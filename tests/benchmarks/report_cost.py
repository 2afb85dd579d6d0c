"""What a report costs: seconds and memory from MLflow's sqlite store to the files of a comparison's report.

    python tests/benchmarks/report_cost.py [--runs 1000] [--epochs 30] [--storage FOLDER] [--profile] [--server]

A comparison of four levels in five repeats, a fifth of its runs confirmations; a run has `--epochs` epochs × 17 metrics
and the activations of 5 layers at epochs 0, the middle and the last. Its journal is written and projected first, which
takes far longer than the report; with --storage both are kept there for the next time. Then a fresh process reads the
execution and writes the report; the seconds of a core tell what that costs where others use the machine, too. Targets:
1,000 runs in 15 s, 10,000 in 90 s and 1.5 GB, a page of at most 5 MB; through a server at most three times the seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from cluster.tracking_server import running_server, tracking_uri
from sweeps.tracking import project
from tests.benchmarks.tracking_cost import METRICS
from tests.sweeps.tracking_journals import Sweep

LEVELS = ("sgd", "momentum", "adam", "rmsprop")
REPEATS = 5
TARGETS = {1000: (15.0, 1.5), 10_000: (90.0, 1.5)}  # seconds, GB
WORKER = """
import json, resource, sys, time
begun = time.perf_counter()
from pathlib import Path
from sweeps.report import write_report
from sweeps.tracking import read_execution

storage = Path(sys.argv[1])
records = read_execution(sys.argv[2], ["cost-1"])
read = time.perf_counter()
page = write_report(records, storage / "report")
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
size = page.stat().st_size / 1e6
print(json.dumps([len(records[0].trials), read - begun, done - read, time.process_time(), peak, size]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--storage", type=Path, help="where the store is kept, or was kept the last time")
    parser.add_argument("--profile", action="store_true", help="print where the time went")
    parser.add_argument("--server", action="store_true", help="read through an MLflow server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as folder:
        storage = (options.storage or Path(folder)).resolve()
        if not (storage / "cost-1").exists():
            begun = time.perf_counter()
            write(storage, options.runs, options.epochs)
            project(storage / "cost-1" / "journal.sqlite", tracking_uri(storage), storage)
            print(f"journal and MLflow made in {time.perf_counter() - begun:.0f} s", flush=True)
        how = ["-m", "cProfile", "-s", "cumulative"] if options.profile else []
        if options.profile:
            script = storage / "worker.py"
            script.write_text(WORKER, encoding="utf-8")
            subprocess.run([sys.executable, *how, str(script), str(storage), tracking_uri(storage)], check=True)
            return
        with running_server(storage) if options.server else nullcontext(tracking_uri(storage)) as uri:
            command = [sys.executable, "-c", WORKER, str(storage), uri]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        runs, read, made, core, peak, size = json.loads(done.stdout.splitlines()[-1])
        print(f"{runs} runs: read {read:.1f} s, report {made:.1f} s, of one core {core:.1f} s,", end=" ")
        print(f"peak {peak:.2f} GB, page {size:.2f} MB")
        for least, (seconds, memory) in TARGETS.items():
            if runs <= least:
                most = seconds * (3 if options.server else 1)
                fine = read + made <= most and peak <= memory and size <= 5
                print(f"target: {most:.0f} s, {memory} GB, 5 MB: {'ok' if fine else 'missed'}")
                break


def write(storage: Path, runs: int, epochs: int) -> None:
    """A journal of a comparison with at least so many runs."""
    confirmed = max(runs // 5 // (len(LEVELS) * REPEATS), 1)
    searched = max(runs // (len(LEVELS) * REPEATS) - confirmed, 1)
    levels = [{"name": level, "values": {"optimizer": level}} for level in LEVELS]
    definition: dict[str, Any] = {
        "name": "cost",
        "description": "What does a report cost?",
        "search": {"strategy": "random", "objective": "validation/loss", "direction": "minimize"},
        "space": [
            {"name": "optimizer", "choices": list(LEVELS)},
            {"name": "learning_rate", "low": 1e-4, "high": 1.0, "scale": "log"},
            {"name": "dropout", "low": 0.0, "high": 0.5, "scale": "linear"},
        ],
        "comparison": {"factor": "optimizer", "levels": levels, "repeats": REPEATS, "confirm": confirmed},
    }
    sweep = Sweep.begin(storage, "cost-1", definition=definition, planned=runs, measure="test/accuracy")
    train: dict[str, Any] = {"epochs": epochs, "metrics": METRICS, "layers": 5}
    point: dict[str, Any] = {}
    for repeat in range(REPEATS):
        for place, level in enumerate(LEVELS):
            role: dict[str, Any] = {"stage": "search", "level": level, "repeat": repeat}
            for number in range(searched):
                rate = 10 ** -(4 * ((number * 0.618 + 0.1 * repeat) % 1.0))
                point = {"optimizer": level, "learning_rate": rate, "dropout": 0.5 * ((number * 0.414) % 1.0)}
                value = 0.1 + abs(rate - 0.01) + 0.02 * place + 0.001 * (number % 7)
                sweep.train(sweep.propose(role=role, **point)[0], value=value, **train)
            judged = sweep.propose(role={**role, "stage": "confirmation"}, replicates=max(confirmed, 2), **point)
            for number, key in enumerate(judged[:confirmed]):
                score = 0.97 - 0.005 * place + 0.002 * ((number * 0.618 + repeat * 0.3) % 1.0)
                sweep.train(key, value=0.2, test={"test/accuracy": score}, test__accuracy=score, **train)
    sweep.close()
    sweep.journal.close()


if __name__ == "__main__":
    main()
