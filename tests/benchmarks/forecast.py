"""How far `sweep check`'s forecast is from what a sweep then takes: `python tests/benchmarks/forecast.py [NAMES]`.

Each shipped definition (or those named) is forecast as `sweep check` does it, in a process of its own, and then run as
a user would, in an empty folder. Printed: seconds and bytes, forecast and taken, with their ratio (asked: a factor of
1.5 either way), and what the constants in `sweeps/cli/forecast.py` are fitted to: core-milliseconds a trial beside its
training, and how many numbers it records.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

from sweeps.definition.reading import shipped
from sweeps.journal import Journal

WITHIN = 1.5
FORECAST = """
import json, sys
from cluster.connect import limit_threads
limit_threads()
from sweeps.cli.forecast import first_points, forecast, measure, pace, timed_points
from sweeps.cli.run import load_data
from sweeps.definition import load_definition
from sweeps.procedure import Procedure
from sweeps.trial import form_trials

definition = load_definition(sys.argv[1])
dataset, parts = load_data(definition)
procedure = Procedure(definition, 0)
points = timed_points(definition, first_points(procedure))
trials = [form_trials(definition, each.point, data_digest=dataset.digest)[0] for each in points]
measured = measure([trial.specification for trial in trials], parts)
seen = forecast(measured, procedure.planned, int(sys.argv[2]))
alone = sum(each.seconds for each in measured) / len(measured)
told = {"seconds": seen.seconds, "training": seen.training, "megabytes": seen.disk / 1e6, "alone": alone}
print(json.dumps({**told, "pace": pace()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", help="definitions; all that are shipped unless given")
    options = parser.parse_args()
    slots, worst = os.cpu_count() or 1, 1.0
    print(f"{slots} cores, load {os.getloadavg()[0]:.1f} at the start; forecast -> taken (ratio)")
    print(f"{'':<22}{'the command, s':>26}{'its trials, s':>26}{'disk, MB':>26}{'beside, ms':>12}{'values':>8}")
    for name in options.names or sorted(shipped()):
        seen, taken = foresee(name, slots), run(name, slots)
        print(f"{name:<22}", end="")
        for what in ("seconds", "training", "megabytes"):
            ratio = seen[what] / taken[what]
            print(f"{f'{seen[what]:.1f} -> {taken[what]:.1f} ({ratio:.2f})':>26}", end="")
            if what != "training":
                worst = max(worst, ratio, 1 / ratio)
        beside = slots * taken["training"] / taken["trials"] - seen["alone"]
        print(f"{beside * 1e3:>12.0f}{taken['values']:>8.0f}", flush=True)
    print(f"at most a factor of {worst:.2f}, target {WITHIN} {'ok' if worst <= WITHIN else 'missed'}; ", end="")
    print(f"the pace of this machine is {seen['pace']:.2f}")


def foresee(name: str, slots: int) -> dict[str, float]:
    """What is forecast."""
    done = subprocess.run([sys.executable, "-c", FORECAST, name, str(slots)], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(name: str, slots: int) -> dict[str, float]:
    """What a sweep takes."""
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as folder:
        command = [str(Path(sys.executable).with_name("sweep")), "run", name, "--storage", folder, "--quiet"]
        begun = time.perf_counter()
        subprocess.run([*command, "--workers", str(slots)], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - begun
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        with contextlib.closing(Journal.open(Path(folder) / f"{name}-1" / "journal.sqlite", read_only=True)) as journal:
            events = list(journal.events(kinds=("started", "epoch", "ended")))
    ended = [event for event in events if event.kind == "ended"]
    values = sum(len(event.body["metrics"]) for event in events if event.kind == "epoch")
    return {
        "seconds": seconds,
        "training": ended[-1].at - events[0].at,
        "megabytes": size / 1e6,
        "trials": len(ended),
        "values": values / len(ended),
    }


if __name__ == "__main__":
    main()
