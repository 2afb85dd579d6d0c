"""Commands that plan: `sweep check` and `sweep choices`. They train nothing that is kept."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import TYPE_CHECKING, Any

from cluster.connect import limit_threads
from sweeps.cli import OK

if TYPE_CHECKING:
    from model.specification import Specification
    from model.splitting import Split

SHOWN_POINTS = 5
TIMED_POINTS = 6
TIMED_SECONDS = 0.5  # of training for each timed point
DISK_PER_TRIAL = 60_000  # bytes besides the epochs: pictures, rows of MLflow's tables
DISK_PER_EPOCH = 3_500


def check(options: argparse.Namespace) -> int:
    """Validate a definition and print its plan: space, number of trials, first points, forecast of time and disk."""
    limit_threads()
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sweeps.cli.run import load_data, overrides
    from sweeps.definition import load_definition
    from sweeps.live import describe_point, duration
    from sweeps.procedure import Assignment, Procedure
    from sweeps.trial import form_trials

    definition = load_definition(options.definition, overrides(options))
    dataset, parts = load_data(definition)
    console = Console()
    console.print(Text.assemble((definition.name, "bold"), f"  {definition.description}"))
    sizes = f"{len(parts.train)} train, {len(parts.validation)} validation, {len(parts.test)} test"
    console.print(
        f"data      {dataset.name}: {sizes}, {dataset.x.shape[1]} features, digest {dataset.digest[:12]}",
        highlight=False,
    )
    console.print(f"fixed     {describe_point(dict(definition.fixed), 400)}", highlight=False, markup=False)
    table = Table(box=None, title="space", title_justify="left")
    for heading in ("hyper-parameter", "values", "active when"):
        table.add_column(heading)
    for axis in definition.space.canonical():
        table.add_row(Text(str(axis["name"])), Text(_axis(axis)), Text(_conditions(axis)))
    console.print(table)

    seed = definition.search.seed or 0
    procedure = Procedure(definition, seed)
    answers = [procedure.ask() for _ in range(max(SHOWN_POINTS, TIMED_POINTS))]
    asked = [answer for answer in answers if isinstance(answer, Assignment)]
    drawn = (
        "" if definition.search.seed is not None else " (as they would be with seed 0; each execution draws its own)"
    )
    console.print(f"\nfirst points by {definition.search.strategy}{drawn}", highlight=False)
    for number, each in enumerate(asked[:SHOWN_POINTS], 1):
        console.print(f"  #{number}  {describe_point(each.point.plain(), 200)}", highlight=False, markup=False)

    slots = options.workers or os.cpu_count() or 1
    trials = [form_trials(definition, each.point, data_digest=dataset.digest)[0] for each in asked]
    timed = [_seconds_per_trial(trial.specification, parts) for trial in trials[:TIMED_POINTS]]
    epochs = [int(trial.specification.hyperparameters["epochs"]) for trial in trials]
    console.print()
    for line in procedure.plan():
        console.print(f"plan      {line}", highlight=False, markup=False, soft_wrap=True)
    count = procedure.planned
    if count is None or not timed:
        console.print("the number of trials is not known beforehand")
        return OK
    mean_epochs = statistics.fmean(epochs)
    disk = count * (DISK_PER_TRIAL + mean_epochs * DISK_PER_EPOCH)
    search = definition.search
    most = "at most " if definition.budget or search.racing or search.stop != "none" else ""
    console.print(f"          {most}{count} trials, {count * mean_epochs:.0f} epochs in all", highlight=False)
    console.print(
        f"forecast  {duration(count * statistics.fmean(timed) / slots)} of training on {slots} slots "
        f"(a trial takes {min(timed):.2f} to {max(timed):.2f} s here), about {disk / 1e6:.0f} MB",
        highlight=False,
    )
    return OK


def choices(options: argparse.Namespace) -> int:
    """Every registered name with its source, and every hyper-parameter with its bounds."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from model.hyperparameters import hyperparameters

    console = Console()
    for title, registry in registries():
        table = Table(box=None, title=title, title_justify="left", show_header=False)
        for entry in registry:
            table.add_row(Text(entry.name, style="bold"), Text(entry.doc), Text(entry.source, style="dim"))
        console.print(table, "")
    table = Table(box=None, title="hyper-parameters", title_justify="left")
    for heading in ("name", "default", "allowed", "active when", "meaning"):
        table.add_column(heading)
    for name, each in hyperparameters().items():
        allowed = ", ".join(map(str, each.choices)) if each.choices else _bounds(each)
        when = "; ".join(f"{key} = {' or '.join(map(str, values)) or 'on'}" for key, values in each.active_when)
        table.add_row(Text(name, style="bold"), Text(str(each.default)), Text(allowed), Text(when), Text(each.doc))
    console.print(table)
    return OK


def registries() -> list[tuple[str, Any]]:
    """Everything a definition can name, by heading."""
    from model.activations import ACTIVATIONS
    from model.diagnosis import DIAGNOSES
    from model.initializers import INITIALIZERS
    from model.optimizers import OPTIMIZERS
    from model.schedules import SCHEDULES
    from sweeps.strategies import STRATEGIES

    return [
        ("optimizers", OPTIMIZERS),
        ("schedules", SCHEDULES),
        ("initializers", INITIALIZERS),
        ("activations", ACTIVATIONS),
        ("strategies", STRATEGIES),
        ("diagnoses", DIAGNOSES),
    ]


def _bounds(each: Any) -> str:
    if each.low is None and each.high is None:
        return str(each.kind)
    left, right = "(" if each.low_open else "[", ")" if each.high_open else "]"
    return f"{each.kind} in {left}{each.low}, {each.high}{right}" + (", log" if each.scale == "log" else "")


def _axis(axis: dict[str, Any]) -> str:
    if "choices" in axis:
        return ", ".join(map(str, axis["choices"]))
    extra = "".join(f", {name} {axis[name]}" for name in ("step", "points") if name in axis)
    return f"{axis['low']:g} to {axis['high']:g}, {axis['scale']}{', whole numbers' if axis['integer'] else ''}{extra}"


def _conditions(axis: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} = {' or '.join(map(str, values)) or 'on'}" for name, values in axis.get("when", {}).items()
    )


def _seconds_per_trial(specification: Specification, parts: Split) -> float:
    """Time a few epochs and extend them to a whole trial. The first epoch, which also warms caches, counts as one like
    the others."""
    from model.training import Training

    epochs = int(specification.hyperparameters["epochs"])
    start = time.perf_counter()
    done = 0
    for record in Training(specification, parts):
        done = record.epoch
        if time.perf_counter() - start > TIMED_SECONDS and done > 0:
            break
    elapsed = time.perf_counter() - start
    return elapsed * (epochs / done if done else 1.0)
