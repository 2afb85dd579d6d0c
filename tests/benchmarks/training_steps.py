"""How long a training step takes: `python tests/benchmarks/training_steps.py [--quick]`.

One process, one BLAS thread. Per workload and optimizer: microseconds of CPU time a step of this project's training,
and how that compares to the step's matrix products alone (the floor), to a book-style float64 loop, to PyTorch eager
(the best of its default, foreach and fused optimizers) and to scikit-learn's partial_fit, as far as those are there.
Everybody gathers batches from the same array by index. Contestants take turns, round by round; times are medians over
the rounds, ratios medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

import numpy as np
from numpy.typing import NDArray

from model.data import make_dataset
from model.datasets import Split, split
from model.specification import Specification
from model.training import Training
from tests.benchmarks.book import Book

Array = NDArray[Any]
Steps = Callable[[int], None]  # takes that many steps
WORKLOADS = {
    "W1": ((784, 100, 100, 100, 100, 10), 100),
    "W2": ((64, 50, 50, 10), 32),
    "W3": ((784, 512, 512, 10), 256),
}
OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    " + batch normalization": {"batch_normalization": True},
    " + dropout": {"dropout": 0.5},
    " + both": {"batch_normalization": True, "dropout": 0.5},
}
ROWS = 8192


def made_up(features: int, batch: int) -> Split:
    """Random data of the right shape, with a number of training rows that the batch size divides."""
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, features), dtype=np.float32), np.arange(ROWS) % 10
    data = split(make_dataset("made up", x, y), validation=0.1, test=0.0, scaling="none")
    object.__setattr__(data, "train", data.train[: len(data.train) // batch * batch])
    return data


def floor(sizes: tuple[int, ...], batch: int) -> Steps:
    """All matrix products of a step in float32 into arrays that exist: forward, dW, and dX but the first."""
    rng = np.random.default_rng(0)
    h = [rng.random((batch, size), dtype=np.float32) for size in sizes]
    w = [rng.random(shape, dtype=np.float32) for shape in itertools.pairwise(sizes)]
    z, dx, dw = [np.empty_like(a) for a in h], [np.empty_like(a) for a in h], [np.empty_like(a) for a in w]

    def run(steps: int) -> None:
        for _ in range(steps):
            for i in range(len(w)):
                np.dot(h[i], w[i], out=z[i + 1])
            for i in reversed(range(len(w))):
                np.dot(h[i].T, h[i + 1], out=dw[i])
                if i:
                    np.dot(h[i + 1], w[i].T, out=dx[i])

    return run


def ours(sizes: tuple[int, ...], batch: int, optimizer: str, variant: dict[str, Any], data: Split) -> Steps:
    values = {"hidden": sizes[1:-1], "batch_size": batch, "optimizer": optimizer, **variant}
    training = Training(Specification(values), data)
    next(training)
    epoch = len(data.train) // batch

    def run(steps: int) -> None:
        for _ in range(max(1, round(steps / epoch))):
            training.train_epoch()

    return run


def batches(data: Split, batch: int) -> Callable[[int], Iterator[Array]]:
    """A function that yields the rows of so many batches: passes over the training part in random order."""
    rng = np.random.default_rng(1)

    def endless() -> Iterator[Array]:
        while True:
            order = rng.permutation(data.train)
            for start in range(0, len(order), batch):
                yield order[start : start + batch]

    source = endless()
    return lambda steps: itertools.islice(source, steps)


def book(sizes: tuple[int, ...], batch: int, optimizer: str, variant: dict[str, Any], data: Split) -> Steps:
    network = Book(
        sizes, optimizer, normalize=variant.get("batch_normalization", False), dropout=variant.get("dropout", 0.0)
    )
    x, y, draw = data.x.astype(np.float64), data.y, batches(data, batch)

    def run(steps: int) -> None:
        for rows in draw(steps):
            network.step(x[rows], y[rows])

    return run


def pytorch(
    sizes: tuple[int, ...], batch: int, optimizer: str, variant: dict[str, Any], data: Split
) -> dict[str, Steps]:
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    classes = {"sgd": "SGD", "momentum": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam"}
    x, y, draw = torch.from_numpy(data.x.copy()), torch.from_numpy(data.y.copy()), batches(data, batch)

    def contestant(**how: bool) -> Steps:
        layers: list[Any] = []
        for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
            layers += [torch.nn.Linear(fan_in, fan_out)]
            layers += [torch.nn.BatchNorm1d(fan_out)] if variant.get("batch_normalization") else []
            layers += [torch.nn.ReLU()]
            layers += [torch.nn.Dropout(variant["dropout"])] if variant.get("dropout") else []
        net = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-2], sizes[-1]))
        momentum = {"momentum": 0.9} if optimizer == "momentum" else {}
        update = getattr(torch.optim, classes[optimizer])(net.parameters(), lr=0.001, **momentum, **how)

        def run(steps: int) -> None:
            for rows in draw(steps):
                chosen = torch.from_numpy(rows)
                update.zero_grad(set_to_none=True)
                loss: Any = torch.nn.functional.cross_entropy(net(x[chosen]), y[chosen])
                loss.backward()
                update.step()

        run(1)
        return run

    found = {}
    for name, how in (("torch default", {}), ("torch foreach", {"foreach": True}), ("torch fused", {"fused": True})):
        try:
            found[name] = contestant(**how)
        except (RuntimeError, TypeError):  # fused is not there for every optimizer
            continue
    return found


def sklearn(sizes: tuple[int, ...], batch: int, optimizer: str, variant: dict[str, Any], data: Split) -> Steps | None:
    if variant or optimizer not in ("sgd", "momentum", "adam"):
        return None
    try:
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return None
    momentum = 0.9 if optimizer == "momentum" else 0.0
    solver = "adam" if optimizer == "adam" else "sgd"
    network = MLPClassifier(
        sizes[1:-1], solver=solver, alpha=0.0, momentum=momentum, nesterovs_momentum=False, batch_size=batch
    )
    draw, classes = batches(data, batch), np.arange(10)
    network.partial_fit(data.x[:batch], data.y[:batch], classes=classes)

    def run(steps: int) -> None:
        for rows in draw(steps):
            network.partial_fit(data.x[rows], data.y[rows])

    return run


def measure(contestants: dict[str, Steps], *, seconds: float, rounds: int, epoch: int) -> dict[str, list[float]]:
    """Microseconds a step, round by round; each turn lasts about seconds / rounds."""
    steps = {}
    for name, run in contestants.items():
        run(2 if name != "ours" else epoch)
        start = time.process_time()
        run(epoch if name == "ours" else 10)
        each = (time.process_time() - start) / (epoch if name == "ours" else 10)
        wanted = max(1, round(seconds / rounds / each))
        steps[name] = max(1, round(wanted / epoch)) * epoch if name == "ours" else wanted
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run(steps[name])
            taken[name].append((time.process_time() - start) / steps[name] * 1e6)
    return taken


def row(workload: str, optimizer: str, variant: str, *, seconds: float, rounds: int) -> str:
    sizes, batch = WORKLOADS[workload]
    data, options = made_up(sizes[0], batch), VARIANTS[variant]
    contestants: dict[str, Steps] = {
        "floor": floor(sizes, batch),
        "ours": ours(sizes, batch, optimizer, options, data),
        "book": book(sizes, batch, optimizer, options, data),
        **pytorch(sizes, batch, optimizer, options, data),
    }
    if other := sklearn(sizes, batch, optimizer, options, data):
        contestants["sklearn"] = other
    times = measure(contestants, seconds=seconds, rounds=rounds, epoch=len(data.train) // batch)
    median = {name: statistics.median(each) for name, each in times.items()}
    torch_name = min((name for name in times if name.startswith("torch")), key=lambda name: median[name], default="")

    def ratio(name: str, below: str) -> str:
        if name not in times or below not in times:
            return f"{'–':>10}"
        return f"{statistics.median(a / b for a, b in zip(times[name], times[below], strict=True)):>10.2f}"

    title = f"{workload} {optimizer}{variant}"
    ratios = [ratio("ours", "floor"), *(ratio(name, "ours") for name in ("book", torch_name, "sklearn"))]
    return f"{title:<34}{median['ours']:>9.1f}{median['floor']:>9.1f}{''.join(ratios)}"


def bookkeeping() -> list[str]:
    """Share of an epoch that goes into its record: losses, accuracies, norms; and the activations at their epochs."""
    rng, lines = np.random.default_rng(0), []
    shapes = {
        "digits-like, 64-50-50-10, batch 32": (1797, 64, (50, 50), 32),
        "digits-like, 64-100-100-10, batch 32": (1797, 64, (100, 100), 32),
        "Fashion-MNIST-like, 784-100-100-10, batch 100": (60_000, 784, (100, 100), 100),
    }
    for name, (rows, features, hidden, batch) in shapes.items():
        x = rng.random((rows, features), dtype=np.float32)
        data = split(
            make_dataset("made up", x, np.arange(rows) % 10), test=0.2 if rows < 10_000 else 0.0, scaling="none"
        )
        values = {"hidden": hidden, "batch_size": batch, "epochs": 1000}
        training = Training(Specification(values, histogram_epochs=()), data)
        drawing = Training(Specification(values, histogram_epochs=tuple(range(1001))), data)
        next(training), next(drawing)
        times: dict[str, list[float]] = {"steps": [], "epoch": [], "with activations": []}
        for _ in range(15 if rows < 10_000 else 3):
            for key, action in (
                ("steps", training.train_epoch),
                ("epoch", training.__next__),
                ("with activations", drawing.__next__),
            ):
                start = time.process_time()
                action()
                times[key].append(time.process_time() - start)
        steps, epoch, drawn = (statistics.median(times[key]) for key in times)
        lines.append(
            f"{name:<48}{epoch * 1e3:>9.2f} ms an epoch, record {(epoch - steps) / epoch:>6.1%}, "
            f"activations {(drawn - epoch) * 1e3:.2f} ms"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows and shorter rounds")
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = [(workload, optimizer, "") for workload in WORKLOADS for optimizer in OPTIMIZERS]
    rows += [(workload, "adam", variant) for workload in ("W1", "W2") for variant in VARIANTS if variant]
    if arguments.quick:
        rows = [(workload, optimizer, "") for workload in ("W1", "W2") for optimizer in ("sgd", "adam")]
    print(f"NumPy {np.__version__}, one thread, OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '(unset)')}")
    print(f"{'':<34}{'µs/step':>9}{'floor':>9}{'× floor':>10}{'book ÷':>10}{'torch ÷':>10}{'sklearn ÷':>10}")
    for workload, optimizer, variant in rows:
        if arguments.only in workload + " " + optimizer + variant:
            short = arguments.quick
            print(
                row(workload, optimizer, variant, seconds=0.7 if short else 1.2, rounds=7 if short else 12), flush=True
            )
    if not arguments.only:
        print("\n".join(["", *bookkeeping()]))


if __name__ == "__main__":
    main()
