"""For every test: an environment of its own, and a summary in which a skipped test cannot be overlooked."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import threadpoolctl

pytest_plugins = ["tests.workshop"]

ROOMS_OF_SERVICES = ("service", "faults")
_OTHERS = ("MLFLOW_", "KURABE_", "RAY_", "_MLFLOW_", "AWS_", "PG")
_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def pytest_configure() -> None:
    """Forget the caller's servers, Ray cluster and data folder, and compute on one thread as trials do."""
    for name in [name for name in os.environ if name.startswith(_OTHERS)]:
        del os.environ[name]
    os.environ.update(dict.fromkeys(_BLAS, "1"))  # for processes begun by tests, and libraries loaded from here on
    threadpoolctl.threadpool_limits(limits=1)  # for those that plugins have loaded already


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts sweeps and servers comes first, for it takes longest."""
    items.sort(key=lambda item: item.path.parent.name not in ROOMS_OF_SERVICES)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With two processes (`-n 2`): sweeps and servers are started one after the other by one of them, and the tests of
    any other module stay together, for they share what they have set up."""
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "services" if Path(file).parent.name in ROOMS_OF_SERVICES else file

    return Rooms(config, log)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, and why, where the reader ends up: just above the closing line."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        where, _, why = report.longrepr
        reasons[f"{os.path.relpath(where)}: {why.removeprefix('Skipped: ')}"] += 1
    if reasons:
        terminalreporter.section("NOT TESTED HERE", sep="!", yellow=True, bold=True)
        for reason, times in sorted(reasons.items()):
            terminalreporter.write_line(f"{times:4d} skipped  {reason}", yellow=True)
