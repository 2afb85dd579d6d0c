"""What a suggestion costs: milliseconds of tell + ask on one thread, over a whole search, every refit counted.

    python tests/benchmarks/search_cost.py [--observations 100,200,1000]

Nine dimensions of three kinds, a loss with a heavy tail, the settings of the quality benchmark. Printed for each number
of observations: the mean over the search up to there, the median and the worst single one. Random and grid over as many
points of a grid of 10^9.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

import numpy as np

from sweeps.space import Choice, Point, Range, Space
from sweeps.strategies import STRATEGIES, Outcome, Proposal

SPACE = Space(
    (
        Choice("optimizer", ("sgd", "momentum", "adagrad", "rmsprop", "adam")),
        Choice("initializer", ("xavier", "he")),
        Choice("activation", ("sigmoid", "tanh", "relu")),
        Choice("batch_normalization", (False, True)),
        Choice("batch_size", (32, 64, 128)),
        Range("learning_rate", 1e-4, 1.0, log=True),
        Range("weight_decay", 1e-8, 1e-2, log=True),
        Range("dropout", 0.0, 0.5),
        Range("epochs", 5, 50, integer=True),
    )
)
LIMITS = {"gaussian_process": {100: 40.0, 200: 80.0, 1000: 500.0}, "random": {1000: 0.2}, "grid": {1000: 0.2}}


def loss(point: Point) -> float:
    """Something like a training's: the learning rate decides, the optimizer shifts it, too high a rate costs
    anything."""
    rate, dropout = point["learning_rate"], point["dropout"]
    assert isinstance(rate, float)
    assert isinstance(dropout, float)
    away = np.log10(rate) + (3.0 if point["optimizer"] in ("adam", "rmsprop") else 1.0)
    return float(np.exp(abs(away) + 2 * max(away, 0)) + dropout + 0.3 * (point["activation"] == "sigmoid"))


def costs(name: str, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each tell + ask of a search, one point at a time: on the clock, and of processor time."""
    strategy = STRATEGIES[name](SPACE, seed=0, trials=count + 1, direction="minimize", options={"points": 100})
    answer = strategy.ask()
    clock: list[float] = []
    processor: list[float] = []
    for _ in range(count):
        if not isinstance(answer, Proposal):
            break
        outcome = Outcome("finished", (loss(answer.point),), 1)
        begin, busy = time.perf_counter(), time.process_time()
        strategy.tell(answer.point, outcome)
        answer = strategy.ask()
        clock.append(1000 * (time.perf_counter() - begin))
        processor.append(1000 * (time.process_time() - busy))
    return clock, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", default="100,200")
    options = parser.parse_args()
    lengths = sorted(int(length) for length in options.observations.split(","))
    import sweeps.strategies.gaussian_process.surrogate  # noqa: F401  # its import is no suggestion's cost

    for name in ("random", "grid", "gaussian_process"):
        clock, processor = costs(name, lengths[-1])
        for length in lengths:
            limit = min((most for at, most in LIMITS[name].items() if at >= length), default=None)
            print(
                f"{name:18} first {length:5} observations: mean {np.mean(clock[:length]):8.3f} ms (at most {limit}), "
                f"median {np.median(clock[:length]):8.3f}, worst {max(clock[:length]):8.1f}; "
                f"processor time: mean {np.mean(processor[:length]):8.3f}"
            )


if __name__ == "__main__":
    main()
