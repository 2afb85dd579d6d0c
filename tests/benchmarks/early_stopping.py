"""What stopping early saves, and what it costs: `python tests/benchmarks/early_stopping.py [--quick]`.

On 10,000 pictures of Fashion-MNIST, ten paired sweeps each by random search and by the Gaussian process: TRIALS
trainings of at most EPOCHS epochs, without stopping and with `stop = "asha"` at its defaults, the same seed in both. A
training counts with the best of its epochs, for many overfit in the later ones. Printed are the epochs trained, and how
much worse the best validation loss of a finished training is (mean of the ratios − 1, with the 95 % interval over
sweeps). What is promised: at most 2 % worse, at less than half of the epochs; exit code 1 where it is not. Of shorter
trainings (`--epochs 30`) nothing is promised: at their first judgement less is known of how they end.

The product's own execution, procedure, journal and judges (Ray Tune's ASHAScheduler) run here, one training at a time
and without Ray's processes, which change nothing of what is decided. A training that both sweeps of a pair ask for is
done once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.connect import limit_threads
from model.datasets import load, split
from model.splitting import Split
from model.training import Training
from sweeps.definition import Definition, parse_definition
from sweeps.execution import Execution, Job, Judged
from sweeps.journal import Journal
from sweeps.objective import START, Objective
from sweeps.procedure import Procedure
from sweeps.runner.judges import Judges

TRIALS, EPOCHS, SWEEPS, LIMIT = 30, 60, 10, 10_000
FIRST = 100  # seeds from 0 on were looked at when the defaults of the stopping rule were chosen
STRATEGIES = ("random", "gaussian_process")
WORSE, SHARE = 0.02, 0.5  # what is promised
TEXT = """
name = "early"
[data]
name = "fashion_mnist"
limit = {limit}
[model]
hidden = [50]
[training]
epochs = {epochs}
batch_size = 128
[search]
strategy = "{strategy}"
trials = {trials}
stop = "{stop}"
objective_at = "best"
confirm = 0
[space]
optimizer = ["sgd", "momentum", "adagrad", "rmsprop", "adam"]
learning_rate = {{ low = 1e-4, high = 1.0, scale = "log" }}
initializer = ["xavier", "he"]
batch_normalization = [false, true]
dropout = [0.0, 0.2, 0.5]
"weight_decay.strength" = {{ low = 1e-8, high = 1e-3, scale = "log" }}
"""


@dataclass(frozen=True)
class Size:
    trials: int = TRIALS
    epochs: int = EPOCHS
    limit: int = LIMIT


@dataclass(frozen=True)
class Result:
    best: float
    epochs: int
    stopped: int


class Course:
    """One training, done as far as anybody has asked for, and its records so far."""

    def __init__(self, job: Job, data: Split) -> None:
        self.records: list[dict[str, object]] = []
        self._training = Training(job.specification, data)

    def __iter__(self) -> Iterator[dict[str, object]]:
        place = 0
        while True:
            if place == len(self.records):
                record = next(self._training, None)
                if record is None:
                    return
                self.records.append(record.to_dict())
            yield self.records[place]
            place += 1

    @property
    def diverged(self) -> bool:
        """Whether the training has diverged."""
        return self._training.diverged


def sweep(definition: Definition, data: Split, seed: int, courses: dict[str, Course], folder: Path) -> Result:
    """A whole sweep, one training at a time."""
    journal = Journal.create(folder / f"{definition.search.stop}.sqlite")
    journal.append("opened", {})
    execution = Execution(journal, definition, Procedure(definition, seed), slots=1, data_digest="")
    judges = Judges(execution.stopping_rule, execution.objective.direction)
    while not execution.finished:
        job = execution.take()
        if job is not None:
            course = courses.setdefault(job.key, Course(job, data))
            execution.started(job.key, job.attempt)
            status, records = trained(job, course, execution, judges)
            end = {"status": status, "epochs": len(records) - 1, "seconds": 0.0}
            execution.reported(job.key, job.attempt, records, end=end)
    ends = [event.body for event in journal.events(kinds=("ended",))]
    journal.close()
    finished = [end["value"] for end in ends if end["status"] == "finished"]
    return Result(min(finished), sum(end["epochs"] for end in ends), sum(end["status"] == "stopped" for end in ends))


def trained(job: Job, course: Course, execution: Execution, judges: Judges) -> tuple[str, list[dict[str, object]]]:
    """How a training ended, and its records until then."""
    objective: Objective = execution.objective
    followed, records = START, []
    for record in course:
        records.append(record)
        followed = objective.follow(followed, record)
        value, epoch = objective.value(followed), record["epoch"]
        if epoch not in job.decisions or value is None or not isinstance(epoch, int):
            continue
        if judges.stops(Judged(execution.group(job.key), job.key, epoch, value)):
            return "stopped", records
    return ("diverged" if course.diverged else "finished"), records


def pair(task: tuple[str, int, Size]) -> tuple[str, int, Result, Result]:
    """The sweep without and with stopping, of one strategy and seed."""
    strategy, seed, size = task
    fields = {"strategy": strategy, "trials": size.trials, "epochs": size.epochs, "limit": size.limit}
    data, courses, results = None, dict[str, Course](), []
    with tempfile.TemporaryDirectory(prefix="kurabe-early-") as folder:
        for stop in ("none", "asha"):
            definition = parse_definition(TEXT.format(stop=stop, **fields), "early", Path.cwd())
            if data is None:
                given = definition.data
                data = split(
                    load(given.name),
                    seed=given.split_seed,
                    validation=given.validation,
                    test=given.test,
                    scaling=given.scaling,
                    limit=given.limit,
                )
            results.append(sweep(definition, data, seed, courses, Path(folder)))
    return strategy, seed, results[0], results[1]


def interval(values: list[float]) -> str:
    """Mean and Student's 95 % interval."""
    from scipy.stats import t

    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.1%}"
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.1%} [{mean - half:+.1%}, {mean + half:+.1%}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="two small sweeps: shows that it runs, promises nothing")
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the longest trainings (default: %(default)s)")
    parser.add_argument("--first", type=int, default=FIRST, help="seed of the first pair (default: %(default)s)")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append", help="default: both")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: one for each core")
    options = parser.parse_args()
    limit_threads()  # for the processes begun from here on: one BLAS thread, as trials have
    size = Size(8, 9, 2000) if options.quick else Size(epochs=options.epochs)
    seeds = range(options.first, options.first + (2 if options.quick else options.sweeps))
    tasks = [(strategy, seed, size) for seed in seeds for strategy in options.strategy or STRATEGIES]
    print(f"{len(seeds)} pairs of sweeps, {size.trials} trials of at most {size.epochs} epochs, {size.limit} pictures")
    begun, found = time.monotonic(), dict[str, list[tuple[float, float]]]()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for strategy, seed, without, stopping in pool.imap(pair, tasks):
            worse, share = stopping.best / without.best - 1, stopping.epochs / without.epochs
            found.setdefault(strategy, []).append((worse, share))
            print(
                f"  {strategy} {seed}: best {without.best:.4f}, with asha {stopping.best:.4f} ({worse:+.1%}); epochs "
                f"{without.epochs}, {stopping.epochs} ({share:.0%}); {stopping.stopped} of {size.trials} stopped",
                flush=True,
            )
    kept = True
    for strategy, rows in found.items():
        worse, share = statistics.fmean(row[0] for row in rows), statistics.fmean(row[1] for row in rows)
        told = interval([row[0] for row in rows])
        print(f"{strategy}: best validation loss {told} worse, at {share:.0%} of the epochs")
        kept = kept and worse <= WORSE and share < SHARE
    promised = f"promised at {EPOCHS} epochs: at most {WORSE:.0%} worse at less than {SHARE:.0%}"
    print(f"{time.monotonic() - begun:.0f} s; {promised}")
    return 0 if kept or size != Size() else 1


if __name__ == "__main__":
    sys.exit(main())
