"""What a sweep costs beside its trainings: `python tests/benchmarks/sweep_overhead.py [--quick] [--only 80ms]`.

Random trials of 30 epochs on digits, made to last 80 ms and 1 s by their width, through the real command with two
workers: with tracking off, from the first trial's start to the last record in the journal; with everything on, until
the last trial's run is whole in MLflow. Each is divided by the time of the same trainings with the same epoch records
in a plain loop in one process, half of it taken before and half after, so that the machine's drift cancels. Two plain
loops side by side show what two cores of this machine can give at best.

Then a sweep of 2 s trials with tracking, until MLflow holds the last one, against the same sweep without: off and on in
turn, the ratio of the medians. Of the other sets the same figure is printed.

Core-milliseconds a trial are read from the process tree between the same two moments. `÷ 2 plain` divides their sum by
twice those of the plain loop: the ratio that so much work allows on two cores that nobody else uses, whoever uses them
now. Then the same trainings go through Ray Tune as a user would write them (tune_peers.py). One BLAS thread everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import multiprocessing
import os
import secrets
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parent))  # for process_tree.py, whatever way this file is started
sys.path.insert(1, str(Path(__file__).parents[2]))

import numpy as np
import psutil
from process_tree import Shares, Tree  # type: ignore[import-not-found]  # beside this file, not in a package

from model.datasets import Dataset, Split, load, split
from model.specification import Specification
from model.training import train
from sweeps.definition import load_definition
from sweeps.journal import Journal
from sweeps.strategies import Proposal, make_strategy
from sweeps.trial import Trial, form_trials

EPOCHS, BATCH, SEED = 30, 32, 1
SAMPLE_SECONDS, LOOK_SECONDS = 0.2, 0.05
FIRST_TRIAL_SECONDS = 8.0
PEER_TARGET = 8.0
PEERS = {
    "function": "Tune as documented: function, MLflowLoggerCallback",
    "class": "Tune's best: class, reused processes, the same callback",
}
OFF, ON = "tracking off", "everything on"
DEFINITION = """
name = "overhead"
[data]
name = "digits"
[model]
hidden = [{width}, {width}]
[training]
optimizer = "adam"
batch_size = {batch}
epochs = {epochs}
[search]
strategy = "random"
trials = {trials}
confirm = 0
seed = {seed}
[space]
learning_rate = {{ low = 1e-4, high = 1e-2, scale = "log" }}
"""


@dataclass(frozen=True)
class Set:
    """Trials of one length, and what a sweep of them may take as a share of the plain loop.

    `longer`: how much longer it may take with tracking than without. Without targets this alone is measured.
    """

    name: str
    seconds: float
    trials: int
    rounds: int
    targets: dict[str, float]
    longer: float | None = None


SETS = (
    Set("80ms", 0.08, 100, 5, {OFF: 0.65, ON: 1.0}),
    Set("1s", 1.0, 100, 1, {OFF: 0.56, ON: 0.6}),
    Set("2s", 2.0, 60, 3, {}, longer=0.03),
)
_PARTS = f"{'driver':>8}{'tracker':>9}{'workers':>9}{'Ray':>6}{'sum':>8}{'others':>8}"
QUICK = {"80ms": 24, "1s": 6, "2s": 4}  # trials


@dataclass(frozen=True)
class Loop:
    """Seconds and core-seconds a trial."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Sweep:
    """One run of the command. Seconds: those that count, those before them, and from the last trial's end until MLflow
    is whole and until the command's end; of the whole command."""

    seconds: float
    first_trial: float
    behind: float
    ending: float
    command: float
    shares: Shares


# --- the plain loop -------------------------------------------------------------------------------------------------


def train_plainly(specifications: Sequence[Specification], data: Split) -> Loop:
    """These trainings with their records, one after another."""
    begun, cpu = time.perf_counter(), time.process_time()
    for specification in specifications:
        records = [record.to_dict() for record in train(specification, data)]
        assert len(records) == EPOCHS + 1
    count = len(specifications)
    return Loop((time.perf_counter() - begun) / count, (time.process_time() - cpu) / count)


def train_side_by_side(specifications: Sequence[Specification]) -> float:
    """Seconds a trial of two plain loops in two processes, half of the trainings each."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(3), context.Barrier(3)
    halves = [[each.to_json() for each in specifications[start::2]] for start in (0, 1)]
    processes = [context.Process(target=_one_of_two, args=(half, ready, done)) for half in halves]
    try:
        for process in processes:
            process.start()
        ready.wait(60)
        begun = time.perf_counter()
        done.wait(600)
        return (time.perf_counter() - begun) / len(specifications)
    finally:
        for process in processes:
            process.join(10)
            process.kill()


def _one_of_two(specifications: Sequence[str], ready: Any, done: Any) -> None:
    data, mine = digits()[1], [Specification.from_json(each) for each in specifications]
    train_plainly(mine[:1], data)
    ready.wait()
    train_plainly(mine, data)
    done.wait()


def digits() -> tuple[Dataset, Split]:
    dataset = load("digits")
    return dataset, split(dataset)


def calibrate(seconds: float, data: Split) -> int:
    """The width of two hidden layers whose training takes about so much processor time."""

    def cost(width: int) -> float:
        values = {"hidden": [width, width], "optimizer": "adam", "batch_size": BATCH, "epochs": EPOCHS}
        times = max(2, min(5, math.ceil(0.5 / seconds)))
        return min(train_plainly([Specification(values)], data).cpu for _ in range(times))

    low, high = 4, 8
    while cost(high) < seconds:
        low, high = high, 2 * high
    while high - low > max(1, low // 32):
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < seconds else (low, middle)
    return high


# --- the command ----------------------------------------------------------------------------------------------------


def run_sweep(file: Path, keys: set[str], *, tracking: bool, patience: float) -> Sweep:
    """Run the console script on a definition in a folder of its own, and check that it trained just these trials."""
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as name:
        folder = Path(name)
        command = [str(Path(sys.executable).with_name("sweep")), "run", str(file), "--storage", str(folder / "data")]
        command += ["--workers", "2", "--quiet", "--no-report", *([] if tracking else ["--no-tracking"])]
        whole: list[float] = []  # when MLflow was first seen to hold all trials
        runs = WholeRuns(folder / "data" / "mlflow.sqlite")

        def look() -> None:
            if tracking and not whole and runs.count() >= len(keys):
                whole.append(time.time())

        begun = time.time()
        with contextlib.closing(runs):
            tree = follow(command, folder, patience, look)[0]
            look()
        if tracking and not whole:
            raise RuntimeError(f"{command}: MLflow does not hold all trials")
        return _read_sweep(folder / "data" / "overhead-1", keys, tree, (begun, time.time()), whole)


class WholeRuns:
    """How many runs MLflow's file holds that are whole: Kurabe writes a run's status last.

    One connection for all looks: to open the file anew costs 1.5 ms of a core, twenty times a second, and only the
    sweep with tracking would bear it.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._connection: sqlite3.Connection | None = None

    def count(self) -> int:
        if self._connection is None:
            if not self._store.exists():
                return 0
            self._connection = sqlite3.connect(f"{self._store.as_uri()}?mode=ro", uri=True)
        query = "select count(*) from runs where status in ('FINISHED', 'FAILED')"
        try:
            return int(self._connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # its tables are still being made
            return 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _read_sweep(execution: Path, keys: set[str], tree: Tree, command: tuple[float, float], whole: list[float]) -> Sweep:
    journal = Journal.open(execution / "journal.sqlite", read_only=True)
    with contextlib.closing(journal):
        events = list(journal.events(kinds=("started", "epoch", "ended")))
    ends = [event for event in events if event.kind == "ended"]
    if {event.trial for event in ends if event.body["status"] == "finished"} != keys:
        raise RuntimeError(f"{execution}: finished other trials than the plain loop")
    first, end = events[0].at, events[-1].at
    last = whole[0] if whole else end
    shares = tree.between(first, last, {event.body["pid"] for event in ends})
    return Sweep(last - first, first - command[0], last - end, command[1] - end, command[1] - command[0], shares)


def follow(
    command: Sequence[str], folder: Path, patience: float, look: Callable[[], None], **environment: str
) -> tuple[Tree, str]:
    """Run a command to its end in a folder, sampling it and what it starts; none of it is left when this returns.

    `look` is called every LOOK_SECONDS.

    Raises RuntimeError if it fails or takes longer than `patience` seconds.
    """
    output, deadline = folder / "output.txt", time.monotonic() + patience
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    tree, due = Tree(psutil.Process(process.pid)), 0.0
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if time.monotonic() >= due:
                tree.sample()
                due = time.monotonic() + SAMPLE_SECONDS
            look()
            time.sleep(LOOK_SECONDS)  # until the next look
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        for left in tree.end():
            print(f"had to end what {command[0]} had left running: {left}", file=sys.stderr)
    said = output.read_text()
    if process.wait() != 0:
        ending = f"ended with {process.returncode}, {time.monotonic() - deadline + patience:.0f} s after its start"
        raise RuntimeError(f"{' '.join(command)} {ending}:\n{said[-3000:]}")
    return tree, said


# --- one set --------------------------------------------------------------------------------------------------------


def form_set(each: Set, width: int, folder: Path) -> tuple[Path, list[Trial]]:
    """The definition of a set, and the trials that it will propose."""
    file = folder / f"{each.name}.toml"
    file.write_text(DEFINITION.format(width=width, batch=BATCH, epochs=EPOCHS, trials=each.trials, seed=SEED))
    definition = load_definition(str(file))
    strategy = make_strategy(definition.search, definition.space, SEED)
    answers = [strategy.ask() for _ in range(each.trials)]
    points = [answer.point for answer in answers if isinstance(answer, Proposal)]
    digest = digits()[0].digest
    return file, [trial for point in points for trial in form_trials(definition, point, data_digest=digest)]


def run_set(each: Set, folder: Path) -> tuple[list[Specification], float]:
    """Measure and print a set; returns its trainings and the seconds a trial with everything on."""
    data = digits()[1]
    width = calibrate(each.seconds, data)
    file, trials = form_set(each, width, folder)
    specifications, keys = [trial.specification for trial in trials], {trial.key for trial in trials}
    few = specifications[: max(2, round(20 / each.seconds))]
    sweeps: dict[str, list[Sweep]] = {OFF: [], ON: []}

    def sweep(name: str) -> float:
        sweeps[name].append(run_sweep(file, keys, tracking=name == ON, patience=120 + 20 * each.seconds * each.trials))
        return sweeps[name][-1].seconds / each.trials

    if not each.targets:
        for _ in range(each.rounds):
            for name in (OFF, ON):
                sweep(name)
        print(f"\n{each.name}: 64-{width}-{width}-10, batch {BATCH}, {EPOCHS} epochs, {each.trials} trials")
        show_difference(each, sweeps)
        return specifications, statistics.median(found.seconds for found in sweeps[ON]) / each.trials

    ways: dict[str, Callable[[], float]] = {
        "two plain loops": lambda: train_side_by_side(few),
        OFF: lambda: sweep(OFF),
        ON: lambda: sweep(ON),
    }
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    halves = itertools.cycle((specifications[::2], specifications[1::2]))
    loops = [train_plainly(next(halves), data)]
    for _ in range(each.rounds):
        for name, run in ways.items():
            taken = run()
            loops.append(train_plainly(next(halves), data))
            ratios[name].append(taken / statistics.mean(loop.wall for loop in loops[-2:]))
    show_set(each, width, loops, ratios, sweeps)
    return specifications, statistics.median(sweep.seconds for sweep in sweeps[ON]) / each.trials


def show_set(
    each: Set, width: int, loops: list[Loop], ratios: dict[str, list[float]], sweeps: dict[str, list[Sweep]]
) -> None:
    wall, cpu = (statistics.median(getattr(loop, name) for loop in loops) for name in ("wall", "cpu"))
    print(f"\n{each.name}: 64-{width}-{width}-10, batch {BATCH}, {EPOCHS} epochs, {each.trials} trials; ", end="")
    print(f"the plain loop takes {wall * 1e3:.0f} ms a trial, {cpu * 1e3:.0f} of them on its core")
    print(f"{'':<52}core-ms a trial of the sweep")
    print(f"{'':<16}{'× plain loop':>13}{'rounds':>12}{'target':>8}{'':<8}{_PARTS}{'÷ 2 plain':>11}")
    for name, found in ratios.items():
        value, most = statistics.median(found), each.targets.get(name)
        target = f"{f'≤ {most:.2f}':>8}{' ok' if value <= most else ' missed':<8}" if most else f"{'':<16}"
        spread = f"{min(found):.2f}–{max(found):.2f}"
        print(f"{name:<16}{value:>13.2f}{spread:>12}{target}{_cores(sweeps.get(name, []), each.trials, cpu)}")
    show_difference(each, sweeps)
    first = statistics.median(sweep.first_trial for found in sweeps.values() for sweep in found)
    verdict = "ok" if first <= FIRST_TRIAL_SECONDS else "missed"
    print(
        f"from the command to the first trial {first:.1f} s, target ≤ {FIRST_TRIAL_SECONDS:.0f} s {verdict}; ", end=""
    )
    behind, ending = (statistics.median(getattr(sweep, name) for sweep in sweeps[ON]) for name in ("behind", "ending"))
    print(f"from the last trial's end to a whole MLflow {behind:.1f} s, to the command's {ending:.1f} s", flush=True)


def show_difference(each: Set, sweeps: dict[str, list[Sweep]]) -> None:
    """How much longer the sweep takes with tracking than without."""
    off, on, trained = (
        statistics.median(found)
        for found in (
            [sweep.seconds for sweep in sweeps[OFF]],
            [sweep.seconds for sweep in sweeps[ON]],
            [sweep.seconds - sweep.behind for sweep in sweeps[ON]],
        )
    )
    cores = [statistics.median(sweep.shares.whole for sweep in sweeps[name]) for name in (OFF, ON)]
    target = ""
    if each.longer is not None:
        target = f", target ≤ {each.longer:+.0%} {'ok' if on / off - 1 <= each.longer else 'missed'}"
    print(
        f"from the first trial's start: {off:.2f} s without tracking; with it {on:.2f} s until MLflow holds all", end=""
    )
    print(
        f" ({on / off - 1:+.1%}{target}), {trained:.2f} s until the last trial's end ({trained / off - 1:+.1%});",
        end="",
    )
    print(f" processor time of all its processes {cores[1] / cores[0] - 1:+.1%};", end="")
    whole = [statistics.median(sweep.command for sweep in sweeps[name]) for name in (OFF, ON)]
    print(f" the whole command {whole[0]:.2f} s without, {whole[1]:.2f} s with ({whole[1] / whole[0] - 1:+.1%})")
    print(f"{'core-ms a trial':<16}{_PARTS}")
    for name in (OFF, ON):
        print(f"{name:<16}{_cores(sweeps[name], each.trials)}", flush=True)


def _cores(sweeps: list[Sweep], trials: int, plain: float = 0.0) -> str:
    if not sweeps:
        return ""
    parts = ("driver", "tracker", "workers", "ray", "whole", "others")
    median = {part: statistics.median(float(getattr(sweep.shares, part)) for sweep in sweeps) for part in parts}
    driver, tracker, workers, ray, whole = (median[part] / trials * 1e3 for part in parts[:5])
    return f"{driver:>8.1f}{tracker:>9.1f}{workers:>9.1f}{ray:>6.1f}{whole:>8.1f}{median['others']:>8.0%}" + (
        f"{whole / 2e3 / plain:>11.2f}" if plain else ""
    )


# --- peers ----------------------------------------------------------------------------------------------------------


def run_peers(specifications: Sequence[Specification], ours: float) -> None:
    """The same trainings through Ray Tune, one way after the other, each in a process of its own."""
    print(f"\n{len(specifications)} of these trainings through Ray Tune into MLflow on sqlite, without start-up")
    print(f"{'':<58}{'ms a trial':>11}{'× ours':>8}{'target':>8}")
    print(f"{'sweep run, everything on':<58}{ours * 1e3:>11.0f}{1:>8.1f}")
    for way, title in PEERS.items():
        taken = run_peer(way, specifications)
        verdict = "ok" if taken >= PEER_TARGET * ours else "missed"
        target = f"{f'≥ {PEER_TARGET:.0f}':>8} {verdict}" if way == "function" else ""
        print(f"{title:<58}{taken * 1e3:>11.0f}{taken / ours:>8.1f}{target}", flush=True)


def run_peer(way: str, specifications: Sequence[Specification]) -> float:
    """Seconds a trial."""
    code = "import sys, tune_peers; tune_peers.main(*sys.argv[1:])"
    here = (str(Path(__file__).parents[2]), str(Path(__file__).parent))  # Ray's workers import tune_peers by its name
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # read when Ray is imported
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as name:
        given = Path(name) / "specifications.json"
        given.write_text(json.dumps([each.to_json() for each in specifications]))
        command = [sys.executable, "-c", code, way, name, str(given)]
        said = follow(command, Path(name), 1200, lambda: None, PYTHONPATH=os.pathsep.join(here), **settings)[1]
    found = json.loads(said.splitlines()[-1])
    if found["runs"] != len(specifications):
        raise RuntimeError(f"{way}: {found['runs']} finished runs in MLflow, expected {len(specifications)}")
    return float(found["seconds"]) / len(specifications)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer trials, one round")
    parser.add_argument("--rounds", type=int, help="rounds of each set")
    parser.add_argument("--only", choices=[each.name for each in SETS], help="one set alone")
    parser.add_argument("--no-peers", action="store_true", help="leave out Ray Tune's own ways")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that what runs here is ended, too
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # nothing may end up in the user's store
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, NumPy {np.__version__}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kurabe-benchmark-") as folder:
        for each in SETS:
            if options.only not in (None, each.name):
                continue
            chosen = replace(each, trials=QUICK[each.name], rounds=1) if options.quick else each
            chosen = replace(chosen, rounds=options.rounds or chosen.rounds)
            specifications, ours = run_set(chosen, Path(folder))
            if each.name == "80ms" and not options.no_peers:
                run_peers(specifications[: 4 if options.quick else 16], ours)


if __name__ == "__main__":
    main()
