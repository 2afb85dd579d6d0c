"""What a report knows: its runs and what was asked of them, as plain values and arrays, however they were stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from sweeps.comparison.points import Array, PointName, PointResult

SHARED = "~"  # between a run's id in MLflow and the number of the other proposal that it counts for


@dataclass(frozen=True)
class Finding:
    """A diagnosis of one run: its name, the epoch that shows it, what was seen, what the field does about it."""

    name: str
    epoch: int
    summary: str
    advice: str


@dataclass(frozen=True)
class Run:
    """One trial as MLflow holds it. `value` is nan where it has none; `metrics` are aligned with `epochs` (nan where
    missing).
    """

    id: str
    execution: str
    key: str
    order: int
    replicate: int
    point: Mapping[str, Any]
    parameters: Mapping[str, Any]
    reason: Mapping[str, Any]
    status: str
    value: float
    epochs: Array
    metrics: Mapping[str, Array]
    activations: Mapping[int, Sequence[Mapping[str, Any]]]  # epoch -> layers
    findings: tuple[Finding, ...] = ()
    error: str = ""
    attempts: int = 1
    node: str = ""
    seconds: float = math.nan
    stage: str = "search"  # or confirmation: on fresh replicates, judged on the test part
    level: str = ""  # of a comparison
    repeat: int = 0  # which independent search of its level

    @property
    def trained_as(self) -> str:
        """The id of its run in MLflow. A training that two levels share is two runs here, and one there."""
        return self.id.partition(SHARED)[0]

    @cached_property
    def point_name(self) -> PointName:
        """What it shares with its replicates alone, even where a store holds two executions of one name."""
        return self.execution, self.order, json.dumps(self.point, sort_keys=True, default=str)

    @property
    def counts(self) -> bool:
        """Whether its value may be compared: a finite value of a training that ran to its end."""
        return math.isfinite(self.value) and self.status == "finished"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in ("running", "waiting", "interrupted")

    @property
    def whole(self) -> bool:
        """Whether it came to an end of its own, be that a bad one: neither stopped early nor under way."""
        return self.ended and self.status != "stopped"

    @property
    def lost(self) -> bool:
        """Whether it ended without a value: diverged, failed, out of memory. Stopped early is not lost."""
        return self.whole and not self.counts

    def last(self, metric: str) -> float:
        """The last known value of a metric; nan if there is none."""
        values = self.metrics.get(metric)
        if values is None:
            return math.nan
        known = values[~np.isnan(values)]
        return float(known[-1]) if known.size else math.nan

    def layers(self, prefix: str) -> list[str]:
        """The metrics `<prefix>/layer<k>` it has, by k."""
        names = [name for name in self.metrics if name.startswith(f"{prefix}/layer")]
        return sorted(names, key=lambda name: (len(name), name))


@dataclass(frozen=True)
class Axis:
    """One searched hyper-parameter: `choices`, or a range."""

    name: str
    choices: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its values lie on a line: a range, or a choice among three or more numbers."""
        numbers = [each for each in self.choices if isinstance(each, int | float) and not isinstance(each, bool)]
        return not self.choices or (len(numbers) == len(self.choices) and len(numbers) >= 3)


@dataclass(frozen=True)
class Asked:
    """One execution: what was asked, on what data, by which machine, and how it ended."""

    execution: str
    name: str
    description: str
    text: str
    definition: Mapping[str, Any]
    axes: tuple[Axis, ...]
    fixed: Mapping[str, Any]
    search: Mapping[str, Any]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    counts: Mapping[str, int]
    skipped: Sequence[Mapping[str, Any]]
    closed: str
    seconds: float
    run: str
    measure: str = ""  # what confirmed trainings are judged by
    given: str = ""  # the definition as the command line named it: a shipped name or a path
    storage: str = ""  # the storage folder as typed; empty where it was the default one or is not known
    overrides: tuple[tuple[str, str], ...] | None = ()  # what the command line replaced; None where it is not known
    extended: tuple[str, ...] = ()  # by how much of which budget, each time
    first_replicate: int = 0
    test_part: Mapping[str, Any] = field(default_factory=dict)  # how often it was used: `executions`, `trainings`


@dataclass(frozen=True)
class Evidence:
    """All that a report is made from."""

    asked: tuple[Asked, ...]
    runs: tuple[Run, ...]
    objective: str
    minimize: bool
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # factor -> its levels in the registry's order

    @property
    def first(self) -> Asked:
        """The execution that the report is named after."""
        return self.asked[0]

    def of(self, execution: str) -> Evidence:
        """The runs of one execution."""
        return replace(self, runs=tuple(run for run in self.runs if run.execution == execution))

    @cached_property
    def searched(self) -> Evidence:
        """The trials of the search alone: what was chosen from, and never what was judged."""
        return replace(self, runs=tuple(run for run in self.runs if run.stage != "confirmation"))

    @cached_property
    def confirmed(self) -> Evidence:
        """The confirmed trainings alone, of all executions."""
        return replace(self, runs=tuple(run for run in self.runs if run.stage == "confirmation"))

    @cached_property
    def own(self) -> Evidence:
        """Each training once, also one that levels share."""
        return replace(self, runs=tuple(run for run in self.runs if run.trained_as == run.id))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The searched hyper-parameters of all executions; one that several searched keeps the widest range and all
        choices.
        """
        merged: dict[str, Axis] = {}
        for asked in self.asked:
            for axis in asked.axes:
                known = merged.get(axis.name)
                if known is None:
                    merged[axis.name] = axis
                elif bool(known.choices) == bool(axis.choices):
                    merged[axis.name] = Axis(
                        axis.name,
                        tuple(dict.fromkeys((*known.choices, *axis.choices))),
                        min(known.low, axis.low),
                        max(known.high, axis.high),
                        known.log and axis.log,
                    )
        return tuple(merged.values())

    @property
    def gridded(self) -> bool:
        """Whether every execution walked a grid, so that levels met the same other settings."""
        return all(asked.search.get("strategy") == "grid" for asked in self.asked)

    @cached_property
    def points(self) -> dict[PointName, list[Run]]:
        """The runs of each point, by replicate."""
        found: dict[PointName, list[Run]] = {}
        for run in sorted(self.runs, key=lambda run: (run.order, run.replicate)):
            found.setdefault(run.point_name, []).append(run)
        return found

    def tested(self, levels: Mapping[str, Mapping[str, str]] | None = None) -> list[PointResult]:
        """The points' results; `levels`: of each run's id, what level it has of which factor."""
        if levels is None:
            return self._tested
        return [
            result
            for name, runs in self.points.items()
            if (result := point_result(name, runs, levels.get(runs[0].id, {}))) is not None
        ]

    @cached_property
    def _tested(self) -> list[PointResult]:
        return self.tested({})


def point_result(name: PointName, runs: Sequence[Run], levels: Mapping[str, str] | None = None) -> PointResult | None:
    """A point's values by replicate and how many replicates were lost. Runs under way, and those stopped early, are
    left out; None if that leaves nothing.
    """
    values = {run.replicate: run.value for run in runs if run.counts}
    lost = sum(run.lost for run in runs)
    return PointResult(name, values, lost, levels or {}) if values or lost else None


def trained(runs: Iterable[Run]) -> int:
    """How many trainings these were, one that levels share counted once."""
    return len({run.trained_as for run in runs})


def as_number(value: Any) -> float:
    """A number, also as the words "nan", "inf", "-inf"; nan for what is none."""
    if isinstance(value, bool) or value is None:
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf", "Infinity", "-Infinity", "NaN") else math.nan
