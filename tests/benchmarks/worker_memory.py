"""Memory of trial processes on Fashion-MNIST: the data are held once a machine, whatever the number of workers.

    python tests/benchmarks/worker_memory.py

For 1, 2 and 4 workers: the private memory (unique set size, USS) of each process after an epoch, less that of a process
that has only imported `model`. Target: under 150 MB; were the data copied into each process it would be 220 MB more.
"""

from __future__ import annotations

import os
from typing import Any

import psutil

from cluster.connect import connect, limit_threads

WORKERS = (1, 2, 4)
TARGET = 150.0


class Worker:
    """A process that imports `model`, and then trains an epoch on data it reads in place."""

    def imported(self) -> float:
        """Megabytes of private memory before any data."""
        import model.training  # noqa: F401  # what importing costs is what is measured

        return _private()

    def trained(self, parts: Any) -> tuple[float, bool]:
        """Megabytes after an epoch, and whether the samples are still the shared ones."""
        from model.specification import Specification
        from model.training import Training

        training = Training(Specification({"epochs": 1, "batch_size": 100, "hidden": [100, 100]}), parts)
        for _ in training:
            pass
        return _private(), not parts.x.flags.owndata and not parts.x.flags.writeable


def _private() -> float:
    return float(psutil.Process(os.getpid()).memory_full_info().uss) / 1e6


def main() -> None:
    """Print one row for each number of workers."""
    limit_threads()
    from model.datasets import load, split

    parts = split(load("fashion_mnist"))
    print(f"Fashion-MNIST: {parts.x.nbytes / 1e6:.0f} MB of samples in the object store, once")
    print("workers  private MB after an epoch, less import (target < 150)")
    for workers in WORKERS:
        with connect(slots=workers):
            import ray

            actors: list[Any] = [ray.remote(num_cpus=1)(Worker).remote() for _ in range(workers)]
            before = ray.get([actor.imported.remote() for actor in actors])
            held = ray.put(parts)
            after = ray.get([actor.trained.remote(held) for actor in actors])
        grown = [end - start for (end, _), start in zip(after, before, strict=True)]
        verdict = "ok" if max(grown) < TARGET and all(shared for _, shared in after) else "missed"
        print(f"{workers:7d}  {', '.join(f'{each:.0f}' for each in grown)}  {verdict}")


if __name__ == "__main__":
    main()
