"""Commands that plan: `sweep check` and `sweep choices`. They train nothing that is kept."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.connect import limit_threads
from sweeps.cli import OK

if TYPE_CHECKING:
    from sweeps.cli.forecast import Measured
    from sweeps.definition import Definition

SHOWN_POINTS = 5


def check(options: argparse.Namespace) -> int:
    """Validate a definition and print its plan: space, number of trials, first points, forecast of time and disk."""
    limit_threads()
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sweeps.cli.forecast import epochs_of_a_trial, first_points, measure, timed_points
    from sweeps.cli.run import load_data, overrides
    from sweeps.cli.warm_start import read_warm_start, warm
    from sweeps.definition import load_definition
    from sweeps.live import describe_point
    from sweeps.procedure import Procedure
    from sweeps.trial import form_trials

    definition = load_definition(options.definition, overrides(options))
    dataset, parts = load_data(definition)
    # As an execution would begin: it is refused here, too, where what it is to begin with is not there.
    told = warm({"warm": read_warm_start(definition, Path(options.storage).expanduser().absolute(), dataset.digest)})
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
    procedure = Procedure(definition, seed, warm=told)
    asked = first_points(procedure)
    fixed = definition.search.seed is not None or definition.search.strategy == "grid"  # a grid draws nothing
    drawn = "" if fixed else " (as they would be with seed 0; each execution draws its own)"
    console.print(f"\nfirst points by {definition.search.strategy}{drawn}", highlight=False)
    for number, each in enumerate(asked[:SHOWN_POINTS], 1):
        console.print(f"  #{number}  {describe_point(each.point.plain(), 200)}", highlight=False, markup=False)

    console.print()
    for line in (*procedure.plan(), *_remarks(definition, procedure.planned)):
        console.print(f"plan      {line}", highlight=False, markup=False, soft_wrap=True)
    timed = timed_points(definition, asked, seed, told)
    trials = [form_trials(definition, each.point, data_digest=dataset.digest)[0] for each in timed]
    if trials:  # none, where a warm start has told all points there are
        measured = measure([trial.specification for trial in trials], parts)
        epochs, exact = epochs_of_a_trial(definition, procedure.planned, timed, told)
        slots = options.workers or os.cpu_count() or 1
        for line in _forecast(definition, procedure.planned, measured, epochs, exact=exact, slots=slots):
            console.print(line, highlight=False, soft_wrap=True)
    return OK


def _forecast(
    definition: Definition, planned: int | None, measured: Sequence[Measured], epochs: float, *, exact: bool, slots: int
) -> Iterator[str]:
    """How many trials and epochs there will be, and what they take; `epochs` are those of a trial."""
    from sweeps.cli.forecast import forecast
    from sweeps.live import duration

    search, compared = definition.search, definition.comparison
    shared = compared is not None and any(level.strategy for level in compared.levels)  # two may ask for one training
    most = "at most " if definition.budget or search.racing or search.stop != "none" or shared else ""
    shortest, longest = (choose(each.seconds for each in measured) for choose in (min, max))
    alone = f"one takes {shortest:.2f} to {longest:.2f} s alone"
    count, about = planned, "" if exact else "about "
    if count is None:
        count, most, about = _within_budget(definition, measured, epochs, slots), "about ", ""
    if count is None:
        yield f"          the number of trials is not known beforehand; {alone}"
        return
    yield f"          {most}{count} trials, {about}{count * epochs:.0f} epochs in all"
    seen = forecast(measured, count, slots)
    yield (
        f"forecast  {most}{duration(seen.seconds)}, of which {duration(seen.training)} are trials on {slots} slots "
        f"({alone}); about {seen.disk / 1e6:.0f} MB"
    )


def _remarks(definition: Definition, planned: int | None) -> Iterator[str]:
    """What is otherwise than the definition may seem to say, a line each."""
    from sweeps.strategies import make_strategy

    search, budget = definition.search, definition.budget
    if planned is None and budget.seconds is None and budget.epochs is None:
        yield "nothing else ends the search: if that is never reached it goes on until it is interrupted"
    if definition.comparison is not None:
        return  # each level has a space of its own
    strategy = make_strategy(search, definition.space, 0)
    if search.trials is not None and strategy.planned is not None and strategy.planned < search.trials:
        yield f"there are no more points than {strategy.planned}: search.trials = {search.trials} is not reached"
    initial, wanted = getattr(strategy, "initial", None), search.options.get("initial")
    if initial != wanted:
        yield f"the model is asked after {initial} points, a third of search.trials, not after initial = {wanted}"


def _within_budget(definition: Definition, measured: Sequence[Measured], epochs: float, slots: int) -> int | None:
    """About how many trials there will be, of the confirmation too, where seconds or epochs end the search; None where
    neither does."""
    from sweeps.cli.forecast import trials_within
    from sweeps.procedure import Procedure

    budget, search, compared = definition.budget, definition.search, definition.comparison
    limits = []
    if budget.seconds is not None:
        limits.append(trials_within(measured, budget.seconds, slots))
    if budget.epochs is not None:
        limits.append(max(1, round(budget.epochs / epochs)))
    if not limits:
        return None
    searches = len(compared.levels) * compared.repeats if compared is not None else 1
    points = max(1, round(min(limits) / (searches * search.replicates)))
    return Procedure(replace(definition, search=replace(search, trials=points)), 0).planned


def choices(options: argparse.Namespace) -> int:
    """Every registered name with its source, and the keys that go with it: options of strategies, hyper-parameters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from model.hyperparameters import hyperparameters
    from sweeps.strategies import STRATEGIES

    console = Console()
    for title, registry in registries():
        table = Table(box=None, title=title, title_justify="left", show_header=False)
        for entry in registry:
            table.add_row(Text(entry.name, style="bold"), Text(entry.doc), Text(entry.source, style="dim"))
        console.print(table, "")
    table = Table(box=None, title="options of strategies", title_justify="left")
    for heading in ("strategy", "key", "default", "allowed", "meaning"):
        table.add_column(heading)
    for entry in STRATEGIES:
        for option in entry.traits["options"]:
            allowed = ", ".join(option.choices) or "true, false"
            if option.low is not None:
                allowed = f"{option.low:,} to {option.high:,}"
            row = (option.name, json.dumps(option.default), allowed, option.doc)
            table.add_row(Text(entry.name, style="bold"), *map(Text, row))
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
