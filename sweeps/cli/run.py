"""`sweep run` and `sweep resume`: from a definition to trained trials, MLflow and a report."""

from __future__ import annotations

import argparse
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.connect import limit_threads
from sweeps.cli import OK
from sweeps.cli.extension import extended, extension, resumptions, spent
from sweeps.cli.train import Prepared, train
from sweeps.cli.warm_start import read_warm_start, warm
from sweeps.journal import Journal
from sweeps.storage import ExecutionFolder, StorageError, executions, find, hold, next_execution, open_storage

if TYPE_CHECKING:
    from model.datasets import Dataset, Split
    from sweeps.definition import Definition


def run(options: argparse.Namespace) -> int:
    """Run a definition: continue its last execution if that is unfinished and unchanged, else begin the next."""
    begun = time.monotonic()
    limit_threads()  # before anything imports NumPy
    from sweeps.definition import load_definition

    definition = load_definition(options.definition, overrides(options))
    loaded = load_data(definition)
    storage = open_storage(options.storage)
    with hold(storage, definition.name):
        last = executions(storage, definition.name)[-1:]
        unfinished = _unfinished(last[0]) if last else None
        if unfinished is not None and unfinished["definition"] == definition.canonical():
            print(f"{last[0].execution} is unfinished and its definition unchanged: continuing it")
            home = _home(options.definition)
            with closing(Journal.open(last[0].journal, read_only=True)) as journal:
                definition = extended(definition, resumptions(journal))
            return _continue(options, _prepare(last[0], definition, unfinished, loaded, home), begun)
        if unfinished is not None:
            print(f"{last[0].execution} is unfinished, but its definition has changed: beginning the next")
        folder = next_execution(storage, definition.name)
        seed = definition.search.seed if definition.search.seed is not None else secrets.randbelow(2**31)
        warm_start = read_warm_start(definition, storage, loaded[0].digest)
        start = {"seed": seed, "first_replicate": options.first_replicate, "warm": warm_start}
        prepared = _prepare(folder, definition, start, loaded, _home(options.definition))
        folder.path.mkdir()
        journal = Journal.create(folder.journal)
        journal.append("opened", {**_opening(options, prepared), "warm": warm_start}, durable=True)
        return train(options, prepared, journal, begun)


def resume(options: argparse.Namespace) -> int:
    """Continue an execution from its journal alone; a finished one is left as it is, unless its budget is extended."""
    begun = time.monotonic()
    limit_threads()
    storage = open_storage(options.storage, create=False)
    folder = find(storage, options.name)
    with hold(storage, folder.name):
        journal = Journal.open(folder.journal)
        opened = next(iter(journal.events(kinds=("opened",)))).body
        closed, before, used = _closed(journal), resumptions(journal), spent(journal)
        journal.close()
        if closed not in (None, "interrupted") and not options.extend:
            print(
                f"{folder.execution} is finished ({closed}); `sweep resume {folder.execution} --extend N` adds to that"
            )
            return OK
        definition = stored_definition(opened)
        more = extension(folder.execution, extended(definition, before), closed, used, options.extend or 0)
        definition = extended(definition, [*before, more])
        loaded = stored_data(opened, definition)
        prepared = _prepare(folder, definition, opened, loaded, Path(opened["folder"]))
        return _continue(options, prepared, begun, more)


def _continue(
    options: argparse.Namespace, prepared: Prepared, begun: float, more: Mapping[str, Any] | None = None
) -> int:
    from sweeps.environment import describe_environment

    journal = Journal.open(prepared.folder.journal)
    body = {
        "environment": describe_environment(),
        "slots": options.workers or os.cpu_count(),
        "planned": _planned(prepared),
        **(more or {"extend": 0}),
    }
    journal.append("resumed", body, durable=True)
    return train(options, prepared, journal, begun)


def _prepare(
    folder: ExecutionFolder,
    definition: Definition,
    opened: Mapping[str, Any],
    loaded: tuple[Dataset, Split],
    home: Path,
) -> Prepared:
    from sweeps.procedure import Procedure

    seed, first_replicate = int(opened["seed"]), int(opened.get("first_replicate", 0))
    procedure = Procedure(definition, seed, first_replicate=first_replicate, warm=warm(opened))
    return Prepared(folder, definition, *loaded, procedure, home, seed, first_replicate)


def load_data(definition: Definition) -> tuple[Dataset, Split]:
    """The data of a definition; raises DataError or DefinitionError before anything is created."""
    from model.datasets import load, split
    from sweeps.definition import require_batches_within, require_objective_of

    data = definition.data
    dataset = load(data.name, path=data.path, target=data.target, task=data.task)
    parts = split(
        dataset,
        seed=data.split_seed,
        validation=data.validation,
        test=data.test,
        scaling=data.scaling,
        limit=data.limit,
    )
    require_objective_of(definition, dataset.task)
    require_batches_within(definition, len(parts.train))
    return dataset, parts


def stored_definition(opened: Mapping[str, Any]) -> Definition:
    """The definition that an execution was begun with, from the first event of its journal."""
    from sweeps.definition import parse_definition

    overridden = [(key, value) for key, value in opened.get("overrides", ())]
    return parse_definition(opened["text"], opened["origin"], Path(opened.get("folder", ".")), overridden)


def stored_data(opened: Mapping[str, Any], definition: Definition) -> tuple[Dataset, Split]:
    """The data that an execution was begun with.

    Raises:
        StorageError: they are others now.
    """
    loaded = load_data(definition)
    if loaded[0].digest != opened["data"]["digest"]:
        now, then = loaded[0].digest[:12], opened["data"]["digest"][:12]
        raise StorageError(f"{opened['execution']}: the data have changed since (digest {now}, was {then})")
    return loaded


def _opening(options: argparse.Namespace, prepared: Prepared) -> dict[str, Any]:
    from sweeps.environment import describe_environment
    from sweeps.procedure import measure_of

    definition, parts = prepared.definition, prepared.split
    return {
        "execution": prepared.folder.execution,
        "definition": definition.canonical(),
        "text": definition.text,
        "origin": definition.origin,
        "folder": str(prepared.home),
        "overrides": [list(pair) for pair in overrides(options)],
        "given": {"definition": options.definition, "storage": options.storage},  # as typed, to be typed again
        "objective": definition.search.objective,
        "direction": definition.search.direction,
        "seed": prepared.seed,
        "first_replicate": prepared.first_replicate,
        "measure": measure_of(definition.comparison, prepared.dataset.task),
        "slots": options.workers or os.cpu_count(),
        "planned": _planned(prepared),
        "data": {
            "name": prepared.dataset.name,
            "digest": prepared.dataset.digest,
            "task": prepared.dataset.task,
            "classes": list(prepared.dataset.classes),
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        "environment": describe_environment(),
    }


def _home(name_or_path: str) -> Path:
    """The folder where a definition's relative paths begin."""
    from sweeps.definition import shipped

    return (shipped().get(name_or_path) or Path(name_or_path)).resolve().parent


def _planned(prepared: Prepared) -> int | None:
    """How many trials the execution will train in all, where that is known."""
    return prepared.procedure.planned


def overrides(options: argparse.Namespace) -> list[tuple[str, str]]:
    """`--set` first, then the options that have a name of their own."""
    named = [("search.trials", options.trials), ("search.seed", options.seed)]
    return [*options.set, *((key, str(value)) for key, value in named if value is not None)]


def _unfinished(folder: ExecutionFolder) -> dict[str, Any] | None:
    """The `opened` event of an execution that has not come to its end, else None."""
    if not folder.journal.exists():
        return None  # killed between making the folder and the journal's first event
    journal = Journal.open(folder.journal, read_only=True)
    try:
        opened = next(iter(journal.events(kinds=("opened",)))).body
        return opened if _closed(journal) in (None, "interrupted") else None
    finally:
        journal.close()


def _closed(journal: Journal) -> str | None:
    """Why the last process ended the execution; None when it did not get that far."""
    last = list(journal.events(kinds=("opened", "resumed", "closed")))[-1]
    return str(last.body["why"]) if last.kind == "closed" else None
