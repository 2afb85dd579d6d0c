"""Commands that plan: `sweep check` and `sweep choices`. They train nothing that is kept."""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

from cluster.connect import limit_threads
from sweeps.cli import OK

SHOWN_POINTS = 5


def check(options: argparse.Namespace) -> int:
    """Validate a definition and print its plan: space, number of trials, first points, forecast of time and disk."""
    limit_threads()
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sweeps.cli.forecast import first_points, forecast, measure
    from sweeps.cli.run import load_data, overrides
    from sweeps.definition import load_definition
    from sweeps.live import describe_point, duration
    from sweeps.procedure import Procedure
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
    asked = first_points(procedure)
    drawn = (
        "" if definition.search.seed is not None else " (as they would be with seed 0; each execution draws its own)"
    )
    console.print(f"\nfirst points by {definition.search.strategy}{drawn}", highlight=False)
    for number, each in enumerate(asked[:SHOWN_POINTS], 1):
        console.print(f"  #{number}  {describe_point(each.point.plain(), 200)}", highlight=False, markup=False)

    slots = options.workers or os.cpu_count() or 1
    trials = [form_trials(definition, each.point, data_digest=dataset.digest)[0] for each in asked]
    specifications = [trial.specification for trial in trials]
    epochs = [int(specification.hyperparameters["epochs"]) for specification in specifications]
    console.print()
    for line in procedure.plan():
        console.print(f"plan      {line}", highlight=False, markup=False, soft_wrap=True)
    count = procedure.planned
    if count is None or not specifications:
        console.print("the number of trials is not known beforehand")
        return OK
    search, compared = definition.search, definition.comparison
    shared = compared is not None and any(level.strategy for level in compared.levels)  # two may ask for one training
    most = "at most " if definition.budget or search.racing or search.stop != "none" or shared else ""
    in_all = f"{count} trials, {count * statistics.fmean(epochs):.0f} epochs in all"
    console.print(f"          {most}{in_all}", highlight=False)
    measured = measure(specifications, parts)
    seen = forecast(measured, count, slots)
    shortest, longest = (choose(each.seconds for each in measured) for choose in (min, max))
    console.print(
        f"forecast  {most}{duration(seen.seconds)}, of which {duration(seen.training)} are trials on {slots} slots "
        f"(one takes {shortest:.2f} to {longest:.2f} s alone); about {seen.disk / 1e6:.0f} MB",
        highlight=False,
        soft_wrap=True,
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
