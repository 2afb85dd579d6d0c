"""A trial trained again, and every number compared with what was logged, to the last bit.

train_again(document)           the epoch records of the training that a trial's document describes, on the same data
compare(logged, metrics, …)     epoch by epoch, until the log is at its end
environment_differences(…)      what differs between two descriptions of `sweeps.environment`

All numbers of all epochs count, metrics and activation histograms, but the seconds: two numbers are equal when their
shortest exact texts are (`repr`), so 0.0 and -0.0 differ, and NaN equals NaN.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.datasets import DataError, Split, load, split
from model.plugins import load_plugins
from model.specification import Specification
from model.training import EpochRecord, Training

SECONDS = "seconds/"  # metrics that no two trainings share
RECORDS, METRICS = "records.json", "MLflow's metric"  # where a number was logged
_BLAS = ("openblas", "mkl", "blis", "flexiblas", "accelerate")


class ReproductionError(Exception):
    """A run that cannot be trained again here; the message says why."""


@dataclass(frozen=True)
class Difference:
    """A number that is not what it was. `where` it was logged; None stands for a number that is not there."""

    epoch: int
    name: str
    logged: Any
    now: Any
    where: str = RECORDS


@dataclass(frozen=True)
class Comparison:
    """What came out: `metrics` and `activations` are how many numbers were compared, `error` what the training raised
    now, in one line; `differing` numbers, of which `first` is the first."""

    epochs: int
    metrics: int
    activations: int
    differing: int = 0
    first: Difference | None = None
    error: str | None = None


def train_again(document: Mapping[str, Any], *, path: str | None = None) -> Iterator[EpochRecord]:
    """The training of a trial's document (`records.json`), from epoch 0 on; loads the plugins and the data now, and
    trains when the records are asked for.

    Args:
        document: the trial's.
        path: replaces that of the data.

    Raises:
        DataError: the data are missing, or are others.
        PluginError: a plugin is missing.
        ReproductionError: the document is from an older version, or this version does not know what it names.
    """
    plugins = document.get("plugins") or {}
    folder = str(plugins.get("folder") or "")
    load_plugins(plugins.get("names") or (), folder if Path(folder).is_dir() else Path.cwd())
    data = load_again(document.get("data") or {}, path=path)
    try:
        specification = Specification.from_json(json.dumps(document["specification"]))
    except (KeyError, TypeError, ValueError) as error:  # what was valid then is not now: the code has changed
        raise ReproductionError(
            f"this version of the code cannot train what the run was made with ({error}); "
            f"install the commit that its tag names"
        ) from error
    return _trained(specification, data)


def _trained(specification: Specification, data: Split) -> Iterator[EpochRecord]:
    yield from Training(specification, data)  # a training may raise as early as here


def load_again(logged: Mapping[str, Any], *, path: str | None = None) -> Split:
    """The data of a trial's document, split and scaled as they were. Raises DataError, ReproductionError."""
    section = logged.get("section")
    if not isinstance(section, Mapping):
        raise ReproductionError("the run does not say how its data were split: an older version wrote it")
    place = str(Path(path).absolute()) if path is not None else section.get("path")
    if place and not Path(place).exists():
        raise DataError(
            place, "the data that the run was trained with; --data PATH names where they are", "nothing there"
        )
    data = load(section["name"], path=place, target=section.get("target"), task=section.get("task"))
    if data.digest != logged["digest"]:
        where = f"data set {section['name']}" + (f" at {place}" if place else "")
        raise DataError(where, f"the data that the run was trained with, sha256 {logged['digest']}", data.digest)
    options = ("validation", "test", "scaling", "limit")
    return split(data, seed=section["split_seed"], **{name: section[name] for name in options})


def compare(
    training: Iterator[EpochRecord],
    logged: Sequence[Mapping[str, Any]],
    metrics: Mapping[tuple[int, str], float],
    *,
    ends: bool = True,
) -> Comparison:
    """Train as far as the log goes, and compare.

    Args:
        training: from epoch 0 on.
        logged: the epoch records of `records.json`.
        metrics: MLflow's, by (step, name); numbers that are not finite are none there.
        ends: whether the training must be over, or raise, where the log is at its end.
    """
    compared = {"metrics": 0, "activations": 0}
    differences: list[Difference] = []
    epochs, error = 0, None
    for record in logged:
        epoch = int(record["epoch"])
        try:
            now = _plain(next(training))
        except StopIteration:
            differences.append(Difference(epoch, "the epoch itself", "recorded", None))
            break
        except Exception as raised:  # noqa: BLE001  # whatever a training or a plugin raises is what came out now
            error = _in_a_line(raised)
            differences.append(Difference(epoch, "the epoch itself", "recorded", error))
            break
        epochs += 1
        compared["metrics"] += len(_metrics(record))
        compared["activations"] += len(_activations(record))
        differences += _differing(epoch, {**_metrics(record), **_activations(record)}, now)
        differences += _differing_metrics(epoch, metrics, now)
    last = int(logged[-1]["epoch"]) if logged else -1
    if ends and not differences:
        try:
            more = next(training, None)
            if more is not None:
                differences.append(Difference(last + 1, "the epoch itself", None, "trained"))
        except Exception as raised:  # noqa: BLE001  # a run that failed raises again here, which the caller compares
            error = _in_a_line(raised)
    first = differences[0] if differences else None
    differing = len({(each.epoch, each.name) for each in differences})  # a metric is logged in two places
    return Comparison(epochs, **compared, differing=differing, first=first, error=error)


def environment_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two environments, a line each, what decides last bits first; what is unknown is left out."""
    before, after = _named(then), _named(now)
    return [
        f"{name}: {before[name]} -> {after[name]}"
        for name in after
        if before.get(name) is not None and after[name] is not None and before[name] != after[name]
    ]


def _named(environment: Mapping[str, Any]) -> dict[str, Any]:
    blas: Mapping[str, Any] = next(
        (each for each in environment.get("blas") or () if each.get("internal_api") in _BLAS), {}
    )
    machine = environment.get("machine") or {}
    simd = environment.get("simd")
    named = {
        "BLAS kernel": blas.get("architecture"),
        "BLAS library": " ".join(str(blas[name]) for name in ("internal_api", "version") if blas.get(name)) or None,
        "BLAS threads": blas.get("num_threads"),
        "vector instructions": " ".join(simd) if simd else None,
    }
    named |= {f"version of {name}": version for name, version in (environment.get("packages") or {}).items()}
    named |= {"version of Python": environment.get("python"), "commit of the code": environment.get("git_commit")}
    named["code changed since its commit"] = environment.get("git_dirty")
    return named | {f"machine's {name}": machine.get(name) for name in ("processor", "host", "system", "cpus")}


def _plain(record: EpochRecord) -> Mapping[str, Any]:
    """The record as a journal would give it back."""
    read: Mapping[str, Any] = json.loads(json.dumps(record.to_dict()))
    return read


def _metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record["metrics"].items() if not name.startswith(SECONDS)}


def _activations(record: Mapping[str, Any]) -> dict[str, Any]:
    """Every number of the histograms by a name: activations/layer1 counts 3."""
    found = {}
    for layer in record.get("activations") or ():
        for part, value in layer.items():
            values: Iterable[Any] = value if isinstance(value, list) else () if part == "layer" else (value,)
            numbered = isinstance(value, list)
            for index, number in enumerate(values):
                found[f"activations/{layer['layer']} {part}" + (f" {index}" if numbered else "")] = number
    return found


def _differing(epoch: int, then: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Difference]:
    now = {**_metrics(record), **_activations(record)}
    for name in dict.fromkeys((*then, *now)):
        if repr(then.get(name)) != repr(now.get(name)):
            yield Difference(epoch, name, then.get(name), now.get(name))


def _differing_metrics(
    epoch: int, metrics: Mapping[tuple[int, str], float], record: Mapping[str, Any]
) -> Iterator[Difference]:
    now = {name: float(value) for name, value in _metrics(record).items() if not isinstance(value, str)}
    held = {name for step, name in metrics if step == epoch and not name.startswith(SECONDS)}
    for name in (*now, *sorted(held - set(now))):
        if repr(metrics.get((epoch, name))) != repr(now.get(name)):
            yield Difference(epoch, name, metrics.get((epoch, name)), now.get(name), METRICS)


def _in_a_line(error: Exception) -> str:
    """As the last line of its traceback has it."""
    return last_line("".join(traceback.format_exception_only(error)))


def last_line(text: str | None) -> str:
    """The last line of a traceback, which names what was raised; empty where there is none."""
    return " ".join((text or "").strip().rpartition("\n")[2].split())
