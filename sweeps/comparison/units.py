"""What a comparison's confirmation gives, and what counts as one observation in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = tuple[int, int]  # repeat, replicate; the replicate is −1 where the repeat as a whole is the unit
Scope = Literal["levels", "points", "settings"]
WHOLE = -1


@dataclass(frozen=True)
class Confirmed:
    """The winner of one search (or a level with nothing to tune), trained on fresh replicates and judged once.

    `scores`: by replicate index. `failed`: the replicates that diverged or failed, which have no score; a score that is
    not finite counts as failed too. What was never trained stands in neither. `point` in a reader's words, for
    sentences about this point alone. A search that found no point at all has every replicate in `failed`.
    """

    level: str
    repeat: int
    scores: Mapping[int, float]
    failed: Sequence[int] = ()
    point: str = ""

    @property
    def lost(self) -> frozenset[int]:
        """The replicates that give no score."""
        return frozenset(self.failed) | {key for key, value in self.scores.items() if not math.isfinite(value)}

    @property
    def trained(self) -> int:
        """How many trainings there were, failed ones included."""
        return len(self.lost | set(self.scores))

    def counted(self, worst: float, higher_is_better: bool) -> dict[int, float]:
        """A score for each replicate: `worst`, that of guessing, for one that failed, and for one that ended below it:
        a training that breaks off is never better off than one that ended badly, and a loss of 1e30 is as bad as a
        guess, so that it does not decide alone.
        """
        best = max if higher_is_better else min
        replicates = sorted(self.lost | set(self.scores))
        return {key: worst if key in self.lost else best(self.scores[key], worst) for key in replicates}


def scope_of(confirmed: Iterable[Confirmed], *, tuned: bool) -> Scope:
    """What the sentence may be about: the levels, if each was tuned in two independent searches or more; the points
    that one search found; or, with nothing to tune, the levels at the settings they were given.
    """
    if not tuned:
        return "settings"
    return "levels" if len({each.repeat for each in confirmed}) > 1 else "points"


def units_of(
    confirmed: Iterable[Confirmed], scope: Scope, *, worst: float, higher_is_better: bool
) -> dict[str, dict[Unit, float]]:
    """For each level its observations. For the scope "levels" one a repeat, the mean over its replicates: trainings of
    one point are not independent evidence about the level, only searches are. Otherwise one a training.
    """
    found: dict[str, dict[Unit, float]] = {}
    for each in confirmed:
        units = found.setdefault(each.level, {})
        scores = each.counted(worst, higher_is_better)
        if scope == "levels":
            if scores:
                units[each.repeat, WHOLE] = math.fsum(score / len(scores) for score in scores.values())
        else:
            units.update({(each.repeat, replicate): score for replicate, score in scores.items()})
    return found
