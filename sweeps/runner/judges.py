"""Ray Tune's schedulers as judges of which trials are stopped early: one for each group of trials.

Tune has one scheduler a run. A single ASHA would hold a level of a comparison that starts slowly against one that
starts fast, and a replicate against another of its own point; so each group (level, repeat, replicate) has its own.

What they are shown depends on epochs alone, never on the machine: each decision point of a trial once, by the trial's
key, whichever attempt came there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule, TrialScheduler

from sweeps.execution import Group, Judged, StoppingRule

FEWEST = 3  # trials whose median is something to go by


@dataclass(frozen=True)
class _Named:
    """What schedulers need of a trial, which outlives Tune's own."""

    trial_id: str


class Judges:
    """One scheduler for each group, made when its first trial comes."""

    def __init__(self, rule: StoppingRule, direction: str) -> None:
        self._rule, self._mode = rule, "min" if direction == "minimize" else "max"
        self._schedulers: dict[Group, Any] = {}  # Ray annotates its own Trial where any with a trial_id will do
        self._seen: set[tuple[str, int]] = set()

    def remember(self, points: Iterable[Judged]) -> None:
        """Decision points that an earlier process has judged: they count, and are not judged again."""
        for point in points:
            self._seen.add((point.key, point.epoch))
            scheduler, trial, result = self._shown(point)
            scheduler.on_trial_complete(None, trial, result)  # takes the value down without an answer

    def stops(self, point: Judged) -> bool:
        """Whether the trial is to be stopped here. A point that was judged before is not judged again."""
        if self._rule.kind == "none" or (point.key, point.epoch) in self._seen:
            return False
        self._seen.add((point.key, point.epoch))
        scheduler, trial, result = self._shown(point)
        return bool(scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP)

    def _shown(self, point: Judged) -> tuple[Any, Any, dict[str, Any]]:
        """The group's scheduler, the trial and the result as it wants them."""
        if point.group not in self._schedulers:
            self._schedulers[point.group] = self._scheduler()
        scheduler = self._schedulers[point.group]
        trial = _Named(point.key)
        scheduler.on_trial_add(None, trial)
        return scheduler, trial, {"epoch": point.epoch, "value": point.value}

    def _scheduler(self) -> Any:
        shown: dict[str, Any] = {
            "time_attr": "epoch",
            "metric": "value",
            "mode": self._mode,
            "grace_period": self._rule.grace,
        }
        if self._rule.kind == "median":
            # Never yield to other trials: pausing would need a checkpoint, and gains nothing with slots that are full.
            shown["min_time_slice"] = math.inf
            return MedianStoppingRule(**shown, min_samples_required=FEWEST)
        return ASHAScheduler(**shown, max_t=self._rule.longest, reduction_factor=self._rule.reduction)
