"""What a run says: from the folded journal to names, tags, parameters, metrics and files. Pure; knows no MLflow client.

Everything is a function of the journal alone (times too), so that writing it again changes nothing.
"""

from __future__ import annotations

import getpass
import html
import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from sweeps.tracking import names
from sweeps.tracking.history import History, Record, Trial
from sweeps.tracking.pictures import draw_activations

_NAMED_FIRST = ("optimizer", "learning_rate", "initializer", "activation")  # in a run's name, where they are searched
_LONGEST_NAME = 60


def milliseconds(at: float) -> int:
    """MLflow's unit of time, from seconds since 1970."""
    return round(at * 1000)


def canonical(value: Any) -> str:
    """One text for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def run_name(trial: Trial) -> str:
    """Short and readable, for example `adam 0.0032 he #12`: what was searched, then the proposal's number."""
    point = trial.proposal.point
    chosen = [name for name in _NAMED_FIRST if name in point] or list(point)[:3]
    words = [_short(point[name]) for name in chosen]
    replicate = f".{trial.replicate}" if trial.replicates > 1 else ""
    stage = " confirmed" if trial.proposal.stage == "confirmation" else ""
    return " ".join(words)[:_LONGEST_NAME].strip() + f"{stage} #{trial.proposal.number}{replicate}"


def parameters(history: History, trial: Trial) -> dict[str, str]:
    """Completed hyper-parameters and the data's name: text as it is, anything else as JSON."""
    given = {**trial.hyperparameters, "data.name": history.opening["data"]["name"]}
    if trial.proposal.level:
        given[names.LEVEL_PARAMETER] = trial.proposal.level
    return {name: _text(value)[: names.LONGEST_PARAMETER] for name, value in given.items()}


def first_tags(history: History, trial: Trial) -> dict[str, str]:
    """What is known when a trial begins."""
    proposal = trial.proposal
    return _fitting(
        {
            **_origin_tags(history),
            names.KIND: "trial",
            names.TRIAL: trial.key,
            names.REPLICATE: str(trial.replicate),
            names.ORDER: str(proposal.number),
            names.STAGE: proposal.stage,
            **({names.LEVEL: proposal.level, names.REPEAT: str(proposal.repeat)} if proposal.level else {}),
            names.POINT: canonical(proposal.point),
            names.REASON: canonical(proposal.reason),
            names.SPECIFICATION: canonical(trial.specification),
        }
    )


def last_tags(trial: Trial, *, status: str | None = None) -> dict[str, str]:
    """What is known now: of a trial that ended, how it went. `status` replaces the trial's own (interrupted)."""
    tags = {names.STATUS: status or trial.status, names.ATTEMPTS: str(trial.attempts)}
    if trial.node:
        tags[names.NODE] = trial.node
    if any(record.has_picture for record in trial.records):
        tags[names.HAS_IMAGES] = "True"
    if trial.end is not None:
        body = trial.end.body
        if isinstance(body.get("value"), int | float):
            tags[names.VALUE] = repr(float(body["value"]))
        if body.get("findings"):
            tags[names.FINDINGS] = ",".join(each["name"] for each in body["findings"])
            lines = (f"{each['summary']} {each.get('advice') or ''}" for each in body["findings"])
            tags[names.NOTE] = "\n".join("- " + _markdown(line) for line in lines)
        broken = {name: record.epoch for record in reversed(trial.records) for name in _non_finite(record)}
        if broken:
            tags[names.NON_FINITE] = ",".join(f"{name}@{epoch}" for name, epoch in sorted(broken.items()))
    return _fitting(tags)


def summary_tags(history: History, *, status: str) -> dict[str, str]:
    """Tags of the run that stands for the whole execution."""
    closed = history.closed
    why = {names.CLOSED: str(closed.body.get("why", ""))} if closed is not None else {}
    told = {names.COUNTS: canonical(history.counts()), names.SPLIT: canonical(data_input(history)[2])}
    judged = sum(trial.end is not None and bool(trial.end.body.get("test")) for trial in history.trials.values())
    if judged:
        told[names.CONFIRMED] = str(judged)
    if closed is not None and closed.body.get("seconds") is not None:
        told[names.SECONDS] = f"{float(closed.body['seconds']):.3f}"
    best = best_trial(history)
    if best is not None:
        told |= {names.BEST: canonical(best), names.VALUE: repr(best["value"])}
    return _fitting({**_origin_tags(history), names.KIND: "execution", names.STATUS: status, **told, **why})


def metric_values(records: Iterable[Record]) -> list[tuple[str, float, int, int]]:
    """(name, value, timestamp in ms, step) of every finite number, by name and from the last step to the first.

    MLflow keeps a run's latest value apart and compares each value that comes with it; with the last step first it is
    replaced once and not at every step.
    """
    found = [
        (name, float(value), milliseconds(record.at), record.epoch)
        for record in records
        for name, value in record.body["metrics"].items()
        if not isinstance(value, str) and math.isfinite(value)
    ]
    return sorted(found, key=lambda each: (each[0], -each[3]))


def picture_files(trial: Trial, records: Iterable[Record]) -> Iterator[tuple[str, bytes]]:
    """Path within the run and content of every picture, named as `MlflowClient.log_image(key=…, step=…)` names them.

    log_image gives each call a random name, so writing again would double it; here the name is a function of trial and
    epoch. The UI wants a small copy of each picture under "+compressed": ours is small already.
    """
    key = names.PICTURE_KEY.replace("/", "~")
    for record in records:
        if record.has_picture:
            content = draw_activations(record.body["activations"], record.epoch)
            unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{trial.key} {names.PICTURE_KEY} {record.epoch}")
            path = f"images/{key}+step+{record.epoch}+timestamp+{milliseconds(record.at)}+{unique}"
            yield f"{path}.png", content
            yield f"{path}+compressed.png", content


def trial_files(history: History, trial: Trial) -> Iterator[tuple[str, bytes]]:
    """Path and content of a trial's other files."""
    yield names.DEFINITION_FILE, str(history.opening.get("text", "")).encode()
    yield names.RECORDS_FILE, _json(trial_document(history, trial))
    error = trial.end.body.get("error") if trial.end is not None else None
    if error:
        yield names.TRACEBACK_FILE, str(error).encode("utf-8", "replace")


def trial_document(history: History, trial: Trial) -> dict[str, Any]:
    """All that is known of a trial, its records as they were emitted: what a report reads."""
    end = trial.end.body if trial.end is not None else {}
    return {
        "execution": history.execution,
        "key": trial.key,
        "replicate": trial.replicate,
        "order": trial.proposal.number,
        "stage": trial.proposal.stage,
        "level": trial.proposal.level,
        "repeat": trial.proposal.repeat,
        "point": dict(trial.proposal.point),
        "reason": dict(trial.proposal.reason),
        "seen": trial.proposal.seen,
        "specification": dict(trial.specification),
        "data": {**history.opening["data"], "section": history.opening["definition"].get("data")},
        "plugins": _plugins(history),
        "environment": {**history.environment, **(end.get("environment") or {})},  # of the process that trained it
        "status": trial.status,
        "value": end.get("value"),
        "seconds": end.get("seconds"),
        "attempts": trial.attempts,
        "lost": trial.lost,
        "node": trial.node,
        "findings": end.get("findings") or [],
        "error": end.get("error"),
        "records": [record.body for record in trial.records],
    }


def summary_files(history: History) -> Iterator[tuple[str, bytes]]:
    """Path and content of the execution's files."""
    yield names.DEFINITION_FILE, str(history.opening.get("text", "")).encode()
    yield names.EXECUTION_FILE, _json(execution_document(history))


def execution_document(history: History) -> dict[str, Any]:
    """All that is known of an execution but its trials' records."""
    opening = dict(history.opening)
    search = opening["definition"].get("search", {})
    closed = history.closed
    return {
        **opening,
        "objective": opening.get("objective") or search.get("objective"),
        "direction": opening.get("direction") or search.get("direction"),
        "opened_at": history.opened.at if history.opened is not None else None,
        "resumed": [{"at": event.at, **event.body} for event in history.resumed],
        "counts": history.counts(),
        "best": best_trial(history),
        "skipped": history.skipped,
        "proposals": [
            {
                "number": p.number,
                "point": dict(p.point),
                "reason": dict(p.reason),
                "seen": p.seen,
                "stage": p.stage,
                "level": p.level,
                "repeat": p.repeat,
                "trials": list(p.keys),
            }
            for p in history.proposals
        ],
        "closed": closed.body.get("why") if closed is not None else None,
        "closed_at": closed.at if closed is not None else None,
        "seconds": closed.body.get("seconds") if closed is not None else None,
        "trial_seconds": math.fsum(
            trial.end.body.get("seconds") or 0.0 for trial in history.trials.values() if trial.end
        ),
        "through": history.through,
    }


def best_trial(history: History) -> dict[str, Any] | None:
    """The finished trial of the search with the best value so far, the earlier one of equals; None where there is
    none."""
    sign = -1.0 if history.opening.get("direction") == "maximize" else 1.0
    valued = [
        (sign * float(trial.end.body["value"]), trial.proposal.number, trial.replicate, trial)
        for trial in history.trials.values()
        if trial.end is not None
        and trial.proposal.stage == "search"
        and trial.status == "finished"
        and isinstance(trial.end.body.get("value"), int | float)
    ]
    if not valued:
        return None
    value, order, replicate, trial = min(valued, key=lambda each: each[:3])
    point = dict(trial.proposal.point)
    return {"value": sign * value, "order": order, "replicate": replicate, "trial": trial.key, "point": point}


def data_input(history: History) -> tuple[str, str, dict[str, Any], dict[str, int]]:
    """(name, digest, how split, sizes of the parts) of the data that all trials of an execution share."""
    data = history.opening["data"]
    section = history.opening["definition"].get("data") or {}
    split = {name: value for name, value in section.items() if name not in ("name", "path") and value is not None}
    sizes = {name: int(data[name]) for name in ("train", "validation", "test") if name in data}
    return str(data["name"]), str(data["digest"]), split, sizes


def _plugins(history: History) -> dict[str, Any]:
    definition = history.opening["definition"]
    named = {"names": definition.get("plugins") or [], "digest": definition.get("plugins_digest") or ""}
    return {**named, "folder": history.opening.get("folder")}


def _origin_tags(history: History) -> dict[str, str]:
    environment = history.environment
    tags = {
        names.EXECUTION: history.execution,
        names.DEFINITION: history.definition,
        names.DATA_DIGEST: str(history.opening["data"]["digest"]),
        names.USER: _user(),
    }
    if environment.get("git_commit"):
        tags |= {names.GIT_COMMIT: environment["git_commit"], names.GIT_COMMIT_MLFLOW: environment["git_commit"]}
        tags[names.GIT_DIRTY] = str(bool(environment.get("git_dirty"))).lower()
    return tags


def _fitting(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that MLflow takes; JSON that is too long is left out (it stands in the files), other text is cut."""
    kept = {name: value for name, value in tags.items() if len(value) <= names.LONGEST_TAG or not value.startswith("{")}
    return {name: value[: names.LONGEST_TAG] for name, value in kept.items()}


def _non_finite(record: Record) -> Iterator[str]:
    metrics = record.body["metrics"].items()
    return (name for name, value in metrics if isinstance(value, str) or not math.isfinite(value))


def _markdown(text: str) -> str:
    """The text as Markdown shows it in letters: no markup, no pictures fetched from elsewhere."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", html.escape(" ".join(text.split())))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else _text(value)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in a container
        return "unknown"
