"""What a new execution's verdict says that the last one's did not: for reports that arrive by themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from sweeps.comparison.paired import holm
from sweeps.comparison.verdict import JudgedLevel, Verdict


@dataclass(frozen=True)
class LevelChange:
    """A level's score after − before, how much `worse` that is (negative: better), and its interval in that direction.

    `p` of Welch's test, two-sided; `adjusted` by Holm's correction over the levels; `beyond_noise` if that is below
    1 − confidence. All None where two executions cannot be compared (fewer than two units, or see `Changes.judged`).
    """

    level: str
    change: float | None
    worse: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    beyond_noise: bool


@dataclass(frozen=True)
class FailureChange:
    """Confirmed trainings that failed, before and after. `p`: Fisher's exact test that the rate rose, uncorrected."""

    level: str
    before: int
    before_total: int
    after: int
    after_total: int
    p: float


@dataclass(frozen=True)
class Changes:
    """`new_best`: the best levels where none of them was among the best before. `joined_best`, `left_best`: levels
    (still there) that came to stand among the best, or no longer do. `flipped`: pairs (better now, worse now) whose
    order was shown to be the other way round before; `settled`, `unsettled`: pairs newly, and no longer, separated.
    `levels`: all that both have. `new_failures`: levels of which trainings failed now and none did before. `appeared`,
    `vanished`: levels.

    `judged`: whether levels' scores can be compared at all. With one search a level they cannot: each execution tunes
    anew, and replicates of one tuned point do not show how far the next search's point may lie from it.
    """

    new_best: tuple[str, ...]
    joined_best: tuple[str, ...]
    left_best: tuple[str, ...]
    flipped: tuple[tuple[str, str], ...]
    settled: tuple[tuple[str, str], ...]
    unsettled: tuple[tuple[str, str], ...]
    levels: tuple[LevelChange, ...]
    new_failures: tuple[FailureChange, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    judged: bool

    @property
    def regressions(self) -> tuple[LevelChange, ...]:
        """Levels that got worse by more than noise."""
        return tuple(each for each in self.levels if each.beyond_noise and (each.worse or 0.0) > 0)

    @property
    def improvements(self) -> tuple[LevelChange, ...]:
        """Levels that got better by more than noise."""
        return tuple(each for each in self.levels if each.beyond_noise and (each.worse or 0.0) < 0)

    def __bool__(self) -> bool:
        """Whether anything is worth a message. A pair that is newly or no longer separated, or a level that joined or
        left the best ones for it, is not: with the power usual here that happens by chance from one execution to the
        next.
        """
        told = (self.new_best, self.flipped, self.regressions, self.improvements, self.new_failures)
        return any((*told, self.appeared, self.vanished))


def changes(before: Verdict, after: Verdict) -> Changes:
    """Compare two executions of one comparison, independent of each other: other search seeds, other replicates.

    ValueError if they are not of one kind (what the sentence is about, the metric's direction, the score of guessing).
    """
    kinds = [(each.scope, each.higher_is_better, each.worst) for each in (before, after)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"expected two verdicts of one comparison, got (scope, direction, guessing) {kinds[0]} and {kinds[1]}"
        )
    old, new = ([level.level for level in each.levels] for each in (before, after))
    common = [name for name in new if name in old]
    shown = [{(pair.better, pair.worse) for pair in each.pairs if pair.separated} for each in (before, after)]
    comparable = {(one, other) for one in common for other in common if one != other}
    was, now = (each & comparable for each in shown)
    return Changes(
        after.best if before.best and not set(before.best) & set(after.best) else (),
        tuple(name for name in after.best if name not in before.best),
        tuple(name for name in before.best if name in new and name not in after.best),
        tuple(sorted(pair for pair in now if pair[::-1] in was)),
        tuple(sorted(pair for pair in now if pair not in was and pair[::-1] not in was)),
        tuple(sorted(pair for pair in was if pair not in now and pair[::-1] not in now)),
        _levels(before, after, common),
        tuple(_failures(before.level(name), after.level(name)) for name in common if _newly(before, after, name)),
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        after.scope != "points",
    )


def _levels(before: Verdict, after: Verdict, common: Sequence[str]) -> tuple[LevelChange, ...]:
    sign = -1.0 if after.higher_is_better else 1.0
    found = [
        _welch(name, before.level(name), after.level(name), sign, after.confidence, after.scope != "points")
        for name in common
    ]
    adjusted = iter(holm([each.p for each in found if each.p is not None]))
    corrected = []
    for each in found:
        p = None if each.p is None else next(adjusted)
        beyond = p is not None and p < 1 - after.confidence
        corrected.append(LevelChange(**{**each.__dict__, "adjusted": p, "beyond_noise": beyond}))
    return tuple(corrected)


def _welch(
    name: str, before: JudgedLevel, after: JudgedLevel, sign: float, confidence: float, judged: bool
) -> LevelChange:
    """Welch 1947: t = (ā − b̄)/√(s²_a/n + s²_b/m), its degrees of freedom after Satterthwaite. Where neither execution
    varies at all, the exact permutation test: p = 2/C(n + m, n).
    """
    a, b = (np.asarray(list(each.units.values()), dtype=np.float64) for each in (after, before))
    change = float(a.mean() - b.mean()) if a.size and b.size else None
    if change is None or not judged or min(a.size, b.size) < 2:
        return LevelChange(name, change, None if change is None else sign * change, None, None, None, None, False)
    parts = [float(each.var(ddof=1)) / each.size for each in (a, b)]
    error, scale = math.sqrt(sum(parts)), float(np.abs(np.concatenate([a, b])).max())
    if error <= 1e-12 * scale:
        p = 1.0 if abs(change) <= 1e-12 * scale else 2 / math.comb(a.size + b.size, a.size)
        return LevelChange(name, change, sign * change, None, None, p, None, False)
    freedom = sum(parts) ** 2 / sum(part**2 / (each.size - 1) for part, each in zip(parts, (a, b), strict=True))
    p = float(2 * stdtr(freedom, -abs(change) / error))
    reach = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    return LevelChange(name, change, sign * change, sign * change - reach, sign * change + reach, p, None, False)


def _newly(before: Verdict, after: Verdict, name: str) -> bool:
    return after.level(name).failures.count > 0 and before.level(name).failures.count == 0


def _failures(before: JudgedLevel, after: JudgedLevel) -> FailureChange:
    from scipy import stats

    old, new = before.failures, after.failures
    table = [[new.count, new.total - new.count], [old.count, old.total - old.count]]
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return FailureChange(before.level, old.count, old.total, new.count, new.total, p)
