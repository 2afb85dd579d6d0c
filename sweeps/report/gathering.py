"""From what MLflow holds to evidence: the documents of executions and of their trials, turned into plain values and
arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from sweeps.comparison.points import Array
from sweeps.report.evidence import Asked, Axis, Evidence, Finding, Run, as_number
from sweeps.report.shared import with_shared
from sweeps.storage import DEFAULT

if TYPE_CHECKING:
    from sweeps.tracking import ExecutionRecord

SHIPPED = ("sweeps", "definitions")  # the end of the folder that shipped definitions lie in


def gather(records: Sequence[ExecutionRecord]) -> Evidence:
    """The evidence that these executions hold. Raises ValueError without records, or where their objectives differ."""
    if not records:
        raise ValueError("expected at least one execution to report on, got none")
    asked = tuple(read_execution_document(record.document, record.run_id) for record in records)
    runs = tuple(
        read_trial_document(trial.document, trial.run_id, dict(trial.params))
        for record in records
        for trial in record.trials
    )
    return evidence_of(asked, with_shared(asked, runs))


def evidence_of(asked: Sequence[Asked], runs: Sequence[Run]) -> Evidence:
    """Executions and runs as evidence; they must have one objective to be compared by."""
    objectives = {(str(each.search.get("objective", "")), str(each.search.get("direction", ""))) for each in asked}
    if len(objectives) > 1:
        words = ", ".join(
            f"{each.execution}: {each.search.get('direction')} {each.search.get('objective')}" for each in asked
        )
        raise ValueError(f"expected executions with one objective, got {words}; make a report of each")
    objective, direction = objectives.pop()
    return Evidence(tuple(asked), tuple(runs), objective, direction != "maximize", registry_orders())


def registry_orders() -> dict[str, tuple[str, ...]]:
    """The registered names of each family in their registry's order, which fixes their colours."""
    from model.hyperparameters import hyperparameters

    return {
        name: tuple(map(str, each.choices))
        for name, each in hyperparameters().items()
        if each.kind == "choice" and each.choices
    }


def read_execution_document(document: Mapping[str, Any], run: str) -> Asked:
    """What was asked, from the document of an execution's summary run."""
    definition = document.get("definition") or {}
    search = dict(definition.get("search") or {})
    for name in ("objective", "direction"):
        search[name] = document.get(name) or search.get(name)
    if search.get("seed") is None and document.get("seed") is not None:
        search["seed"] = document["seed"]
    return Asked(
        execution=str(document.get("execution", "")),
        name=str(definition.get("name", "")),
        description=str(definition.get("description") or ""),
        text=str(document.get("text") or ""),
        definition=definition,
        axes=tuple(_axis(row) for row in definition.get("space") or () if isinstance(row, Mapping) and "name" in row),
        fixed=dict(definition.get("fixed") or {}),
        search=search,
        data=dict(document.get("data") or {}),
        environment=dict(document.get("environment") or {}),
        counts=dict(document.get("counts") or {}),
        skipped=list(document.get("skipped") or ()),
        closed=str(document.get("closed") or ""),
        seconds=as_number(document.get("seconds")),
        run=run,
        measure=str(document.get("measure") or ""),
        given=_given(document),
        storage=_storage(document),
        overrides=_overrides(document.get("overrides")),
        extended=_extended(document.get("resumed")),
        first_replicate=_whole(document.get("first_replicate")),
        test_part=dict(document.get("test_part") or {}),
    )


def read_trial_document(document: Mapping[str, Any], run: str, parameters: Mapping[str, Any] | None = None) -> Run:
    """One run, from the document of a trial's run."""
    records = [record for record in document.get("records") or () if _is_record(record)]
    epochs = np.asarray([float(record["epoch"]) for record in records], dtype=np.float64)
    specification = document.get("specification") or {}
    return Run(
        id=run,
        execution=str(document.get("execution", "")),
        key=str(document.get("key", "")),
        order=int(document.get("order") or 0),
        replicate=int(document.get("replicate") or 0),
        point={str(name): value for name, value in (document.get("point") or {}).items() if value is not None},
        parameters=dict(specification.get("hyperparameters") or parameters or {}),
        reason=dict(document.get("reason") or {}),
        status=str(document.get("status") or "running"),
        value=as_number(document.get("value")),
        epochs=epochs,
        metrics=_columns(records),
        activations={int(record["epoch"]): layers for record in records if (layers := _layers(record))},
        findings=tuple(_findings(document.get("findings") or ())),
        error=str(document.get("error") or ""),
        attempts=int(document.get("attempts") or 1),
        node=str(document.get("node") or ""),
        seconds=as_number(document.get("seconds")),
        stage=str(document.get("stage") or "search"),
        level=str(document.get("level") or ""),
        repeat=int(document.get("repeat") or 0),
    )


def _given(document: Mapping[str, Any]) -> str:
    """How the command line named the definition. Executions from before that was recorded tell it by the file's name
    and folder, which of a shipped definition are those of this package.
    """
    given = document.get("given")
    if isinstance(given, Mapping) and given.get("definition"):
        return str(given["definition"])
    origin = PurePath(str(document.get("origin") or ""))
    if origin.suffix != ".toml":
        return ""
    shipped = PurePath(str(document.get("folder") or "")).parts[-2:] == SHIPPED and len(origin.parts) == 1
    return origin.stem if shipped else str(origin)


def _storage(document: Mapping[str, Any]) -> str:
    given = document.get("given")
    storage = str(given.get("storage") or "") if isinstance(given, Mapping) else ""
    return "" if storage == DEFAULT else storage


def _overrides(pairs: Any) -> tuple[tuple[str, str], ...] | None:
    """(key, text) of each override, in the order given; None where they were not recorded."""
    if not isinstance(pairs, list | tuple):
        return None
    return tuple((str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2)


def _extended(resumed: Any) -> tuple[str, ...]:
    """`5 trials` for each time that a budget was extended."""
    events = resumed if isinstance(resumed, list | tuple) else ()
    return tuple(
        f"{event['extend']} {event.get('extended') or ''}".strip()
        for event in events
        if isinstance(event, Mapping) and event.get("extend")
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _axis(row: Mapping[str, Any]) -> Axis:
    if row.get("choices"):
        return Axis(str(row["name"]), tuple(tuple(each) if isinstance(each, list) else each for each in row["choices"]))
    return Axis(str(row["name"]), (), as_number(row.get("low")), as_number(row.get("high")), row.get("scale") == "log")


def _is_record(record: Any) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("epoch"), int | float)


def _layers(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layers' activations of a record, if all of them are whole."""
    layers = record.get("activations") or []
    whole = all(
        isinstance(layer, Mapping)
        and layer.get("counts")
        and len(layer.get("edges") or ()) > 1
        and not any(math.isnan(as_number(layer.get(name))) for name in ("zeros", "underflow", "overflow"))
        for layer in layers
    )
    return list(layers) if whole else []


def _columns(records: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    rows = [record.get("metrics") or {} for record in records]
    return {
        name: _column([row.get(name) for row in rows]) for name in dict.fromkeys(name for row in rows for name in row)
    }


def _column(values: list[Any]) -> Array:
    if all(type(value) is float for value in values):  # the usual case, and ten times quicker than value by value
        return np.asarray(values, dtype=np.float64)
    return np.asarray([as_number(value) for value in values], dtype=np.float64)


def _findings(found: Iterable[Any]) -> Iterable[Finding]:
    for each in found:
        if isinstance(each, Mapping):
            epoch = each.get("epoch")
            yield Finding(
                str(each.get("name", "")), int(epoch) if isinstance(epoch, int | float) else 0,
                str(each.get("summary") or ""), str(each.get("advice") or ""),
            )  # fmt: skip
