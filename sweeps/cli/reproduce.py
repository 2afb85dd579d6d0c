"""`sweep reproduce`: train a run of MLflow's again, here, and compare every number to the last bit."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cluster.connect import limit_threads
from sweeps.cli import DIFFERENT, OK
from sweeps.storage import open_storage

if TYPE_CHECKING:
    from sweeps.reproduction import Comparison
    from sweeps.tracking import LoggedTrial

_ENDS = ("finished", "diverged", "failed")  # by themselves; the other ends came from outside and need not come again


def reproduce(options: argparse.Namespace) -> int:
    """Train one run again from what MLflow alone holds; exit code 4 where a number differs."""
    limit_threads()  # before anything imports NumPy
    from sweeps.reproduction import compare, environment_differences, train_again
    from sweeps.tracking import read_trial, tracking_uri

    elsewhere = "MLFLOW_TRACKING_URI" in os.environ  # whoever has the address needs no storage folder
    storage = open_storage(options.storage, create=elsewhere)
    trial = read_trial(tracking_uri(storage), options.run_id)
    document = trial.record.document
    print(f"run {trial.record.run_id}, {document['execution']}, {trial.run_name}: it {_ended(trial)}")
    training = train_again(document, path=options.data)
    begun = time.monotonic()
    found = compare(training, trial.record.records, trial.metrics, ends=trial.record.status in _ENDS)
    print(f"trained {found.epochs} epochs again in {time.monotonic() - begun:.2f} s, from epoch 0, on one BLAS thread")
    wrong = list(_differences(trial, found))
    if not wrong:
        print(
            f"equal to the last bit: {found.metrics:,} metric values, in records.json and as MLflow's metrics, "
            f"and {found.activations:,} numbers of activation histograms; the seconds were left out"
        )
        if found.error is not None:
            print(f"and it raised again: {found.error}")
        return OK
    print("\n".join(wrong))
    from sweeps.environment import describe_environment

    differing = environment_differences(document.get("environment") or {}, describe_environment())
    print("what differs between the environments, then -> now:" if differing else _NOTHING_DIFFERS)
    for line in differing:
        print(f"  {line}")
    if any(line.startswith("BLAS kernel: ") for line in differing):
        print("OPENBLAS_CORETYPE names the kernel that OpenBLAS takes: with the former one the numbers may be equal")
    return DIFFERENT


_NOTHING_DIFFERS = (
    "the two environments agree in all that was recorded of them: what was logged was altered, or the code was"
)


def _ended(trial: LoggedTrial) -> str:
    from sweeps.reproduction import last_line

    words = {"finished": "finished", "stopped": "was stopped early", "out_of_memory": "ran out of memory"}
    words |= {"failed": f"raised {last_line(trial.record.error)}", "lost": "was lost"}
    return words.get(trial.record.status, trial.record.status)


def _differences(trial: LoggedTrial, found: Comparison) -> Iterator[str]:
    """What is not as it was, in lines; none when all is."""
    from sweeps.reproduction import last_line

    if found.first is not None:
        first = found.first
        numbers = f"{found.differing:,} number{'s' if found.differing > 1 else ''}"
        yield f"different: {numbers}; the first at epoch {first.epoch}: {first.name}"
        yield f"  logged  {first.logged!r}  ({first.where})"
        yield f"  now     {first.now!r}"
    elif trial.record.status == "failed":
        then = last_line(trial.record.error)
        if found.error is None:
            yield f"different: then it raised {then}; now nothing was raised"
        elif found.error != then:
            yield f"different: then it raised {then}; now {found.error}"
    elif found.error is not None:
        yield f"different: now it raises {found.error}"
