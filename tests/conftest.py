"""For every test: an environment of its own, and a summary in which a skipped test cannot be overlooked."""

from __future__ import annotations

import os
from collections import Counter

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `--dist loadgroup`: what starts sweeps and servers goes one after the other, and first, for it takes longest;
    the tests of any other module stay together, for they share what they have set up."""
    for item in items:
        serial = item.path.parent.name in ROOMS_OF_SERVICES
        item.add_marker(pytest.mark.xdist_group("services" if serial else item.path.stem))
    items.sort(key=lambda item: item.path.parent.name not in ROOMS_OF_SERVICES)


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
