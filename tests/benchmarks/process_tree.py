"""Processor time of a command and of all that it starts, by sampling; and the end of what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field

import numpy as np
import psutil


@dataclass
class Shares:
    """Core-seconds of a sweep's processes in some time, and what others took meanwhile."""

    driver: float = 0.0
    tracker: float = 0.0
    workers: float = 0.0
    ray: float = 0.0
    others: float = 0.0  # as a share of the machine

    @property
    def whole(self) -> float:
        return self.driver + self.tracker + self.workers + self.ray


@dataclass
class Tree:
    """A process and its descendants; whoever was seen once is followed to its end, also when its parent is gone."""

    root: psutil.Process
    members: dict[int, psutil.Process] = field(default_factory=dict)
    commands: dict[int, str] = field(default_factory=dict)
    samples: dict[int, list[tuple[float, float]]] = field(default_factory=dict)  # (time.time(), core-seconds so far)
    machine: list[tuple[float, float]] = field(default_factory=list)

    def sample(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [self.root, *self.root.children(recursive=True)]:
                self.members.setdefault(process.pid, process)
        now = time.time()
        for pid, process in self.members.items():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    spent = process.cpu_times()
                    self.samples.setdefault(pid, []).append((now, spent.user + spent.system))
                    if pid not in self.commands:
                        self.commands[pid] = " ".join(process.cmdline())
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        self.machine.append((now, busy - own.user - own.system))

    def between(self, begin: float, end: float, workers: set[int]) -> Shares:
        """What each part used between two moments of time.time(); `workers` are the processes that train."""
        shares = Shares()
        for pid, samples in self.samples.items():
            spent = _grown(samples, begin, end)
            if pid == self.root.pid:
                shares.driver += spent
            elif "sweeps.tracking" in self.commands.get(pid, ""):
                shares.tracker += spent
            elif pid in workers:
                shares.workers += spent
            else:
                shares.ray += spent
        others = _grown(self.machine, begin, end) - shares.whole
        shares.others = max(0.0, others) / (end - begin) / (os.cpu_count() or 1)
        return shares

    def end(self) -> list[str]:
        """Kill what has outlived the root by some seconds, and name it."""
        alive = psutil.wait_procs(list(self.members.values()), timeout=5)[1]
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return [self.commands.get(process.pid, str(process.pid)) for process in alive]


def _grown(samples: list[tuple[float, float]], begin: float, end: float) -> float:
    times, values = zip(*samples, strict=True)
    first, last = np.interp([begin, end], times, values)
    return float(last - first)
