"""The verdict of a comparison: which levels are separated, by how much, and how sure that is.

The observations are repeats: independent searches, each judged by the mean over the fresh replicates on which its
best point was trained. Levels share a repeat's search seed and random streams, so differences are paired. For each pair
the t-test over paired differences, Holm's correction over all pairs. If two levels do the same, their paired
differences are symmetric, whatever the scores' distribution, and the t-test keeps its level or stays below it
(Benjamini 1983); tests/benchmarks/false_verdicts.py shows it with the tuning included. Where two levels differ, the
interval covers the mean difference as often as it says unless one of them has rare disasters: what did not happen in
few repeats no interval can cover (Bahadur & Savage 1956). Johnson's correction of t for skewness and the studentized
bootstrap miss it about as often, and miss more elsewhere (tests/benchmarks/other_intervals.py). Such an interval
understates how bad the unsteady level is, and two levels of equal mean, one steady and one rarely lost, are called
different that much more often than one comparison in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sweeps.comparison.chances import Chance, chance
from sweeps.comparison.estimates import Estimate, Rate, clustered_rate, estimate
from sweeps.comparison.groups import together, unbeaten
from sweeps.comparison.paired import difference, holm, replicates_needed
from sweeps.comparison.units import Confirmed, Scope, Unit, scope_of, units_of


@dataclass(frozen=True)
class JudgedLevel:
    """A level's mean, spread and interval over its units, in the metric's own direction.

    `failures`: how many of its confirmed trainings gave no score; its interval allows for trainings of one point being
    alike. `points`: the confirmed point of each repeat.
    """

    level: str
    estimate: Estimate
    units: Mapping[Unit, float]
    failures: Rate
    points: tuple[str, ...]


@dataclass(frozen=True)
class JudgedPair:
    """How much better `better` is than `worse` over the n units both have; `advantage` ≥ 0 in either direction of the
    metric, None without a shared unit.

    `low`, `high`: this pair's interval. `joint_low`, `joint_high`: wider, so that the intervals of all pairs hold
    together (Bonferroni). `p` of the paired t-test, `adjusted` by Holm's correction. `chance`: that a unit of `better`
    beats one of `worse`. `worth`: the difference that is looked for, and `more` units beyond n that would find it with
    80 % power in this number of pairs, if the spread is as seen (None: over 10,000, or nothing to go by).
    """

    better: str
    worse: str
    n: int
    advantage: float | None
    low: float | None
    high: float | None
    joint_low: float | None
    joint_high: float | None
    std: float | None
    p: float | None
    adjusted: float | None
    separated: bool
    chance: Chance | None
    worth: float | None
    more: int | None

    @property
    def judged(self) -> bool:
        """Whether there was enough to test."""
        return self.adjusted is not None

    @property
    def equal(self) -> bool:
        """Whether the difference, if there is one, is below what is worth having: the whole joint interval is, which
        is stricter than two one-sided tests at the same level (Schuirmann 1987). Only for a `worth` that was named.
        """
        if self.worth is None or self.joint_low is None or self.joint_high is None or self.separated:
            return False
        return max(-self.joint_low, self.joint_high) < self.worth


@dataclass(frozen=True)
class Verdict:
    """`levels`: best mean first. `pairs`: all of them. `groups`: of levels no two of which are separated. `best`: the
    levels that no other beats; none if every training failed. `repeats`, `replicates`: the most that a level has.
    """

    scope: Scope
    levels: tuple[JudgedLevel, ...]
    pairs: tuple[JudgedPair, ...]
    groups: tuple[tuple[str, ...], ...]
    best: tuple[str, ...]
    higher_is_better: bool
    worst: float
    worth: float | None
    confidence: float
    repeats: int
    replicates: int

    @property
    def unit(self) -> str:
        """What one observation is: "repeat" or "replicate"."""
        return "repeat" if self.scope == "levels" else "replicate"

    def level(self, name: str) -> JudgedLevel:
        """The level of this name; KeyError if there is none."""
        return {each.level: each for each in self.levels}[name]

    def pair(self, one: str, other: str) -> JudgedPair:
        """The pair of these two, whichever is the better; KeyError if there is none."""
        return {frozenset((each.better, each.worse)): each for each in self.pairs}[frozenset((one, other))]

    def beats(self, one: str, other: str) -> bool:
        """Whether the tests show that one is better than the other."""
        return any(pair.separated and (pair.better, pair.worse) == (one, other) for pair in self.pairs)

    @property
    def all_failed(self) -> bool:
        """Whether there were trainings, and none of them gave a score."""
        total = sum(each.failures.total for each in self.levels)
        return total > 0 and sum(each.failures.count for each in self.levels) == total


def judge(
    confirmed: Sequence[Confirmed],
    *,
    higher_is_better: bool,
    worst: float,
    tuned: bool = True,
    worth: float | None = None,
    possible: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = 0.95,
) -> Verdict:
    """Judge confirmed trainings, one `Confirmed` for each level and repeat.

    `worst`: the score of guessing, which a failed training gets. `tuned`: whether the levels' points were searched for.
    `worth`: a difference worth having, in the metric's units; without it each pair is measured by the difference seen.
    `possible`: where scores can lie at all (0 to 1 for shares); no interval reaches beyond. ValueError if two are of
    one level and repeat, or a number is not usable.
    """
    _refuse(confirmed, worst, worth, confidence)
    scope = scope_of(confirmed, tuned=tuned)
    units = units_of(confirmed, scope, worst=worst, higher_is_better=higher_is_better)
    sign = 1.0 if higher_is_better else -1.0
    gains = {level: {unit: sign * value for unit, value in found.items()} for level, found in units.items()}
    names = sorted(
        gains, key=lambda name: -(estimate(list(gains[name].values())).mean or 0.0) if gains[name] else math.inf
    )
    pairs = _pairs({name: gains[name] for name in names}, worth, possible[1] - possible[0], confidence)
    beats = [(pair.better, pair.worse) for pair in pairs if pair.separated]
    levels = tuple(_level(name, units[name], confirmed, possible, confidence) for name in names)
    failed_only = bool(confirmed) and all(each.failures.count == each.failures.total for each in levels)
    return Verdict(
        scope,
        levels,
        pairs,
        together(names, beats),
        () if failed_only else unbeaten(names, beats),
        higher_is_better,
        worst,
        worth,
        confidence,
        len({each.repeat for each in confirmed}),
        max((each.trained for each in confirmed), default=0),
    )


def _refuse(confirmed: Sequence[Confirmed], worst: float, worth: float | None, confidence: float) -> None:
    seen = [(each.level, each.repeat) for each in confirmed]
    twice = [name for name in dict.fromkeys(seen) if seen.count(name) > 1]
    if twice:
        raise ValueError(f"expected one result for each level and repeat, got several of {twice[0]}")
    if not math.isfinite(worst):
        raise ValueError(f"expected the score of guessing as a finite number, got {worst}")
    if worth is not None and not (0 < worth < math.inf):
        raise ValueError(f"expected a difference worth having above 0, got {worth}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")


def _level(
    name: str,
    units: Mapping[Unit, float],
    confirmed: Sequence[Confirmed],
    possible: tuple[float, float],
    confidence: float,
) -> JudgedLevel:
    mine = sorted((each for each in confirmed if each.level == name), key=lambda each: each.repeat)
    failures = clustered_rate([(len(each.lost), each.trained) for each in mine], confidence)
    mean = estimate(list(units.values()), confidence).within(*possible)
    return JudgedLevel(name, mean, units, failures, tuple(each.point for each in mine))


def _pairs(
    gains: Mapping[str, Mapping[Unit, float]], worth: float | None, widest: float, confidence: float
) -> tuple[JudgedPair, ...]:
    found = []
    for one, other in combinations(gains, 2):
        each = difference(one, gains[one], other, gains[other], confidence)
        backwards = each.mean is not None and each.mean < 0  # units that one of them lacks may do it
        found.append(difference(other, gains[other], one, gains[one], confidence) if backwards else each)
    adjusted = iter(holm([each.p for each in found if each.p is not None]))
    tested = sum(each.p is not None for each in found)
    level = (1 - confidence) / max(tested, 1)
    pairs = []
    for each in found:
        a, b = gains[each.first], gains[each.second]
        corrected = None if each.p is None else next(adjusted)
        joint = difference(each.first, a, each.second, b, 1 - level)
        looked_for = worth if worth is not None else (each.mean or None)
        pairs.append(
            JudgedPair(
                each.first,
                each.second,
                each.n,
                each.mean,
                _cut(each.low, widest),
                _cut(each.high, widest),
                _cut(joint.low, widest),
                _cut(joint.high, widest),
                each.std,
                each.p,
                corrected,
                corrected is not None and corrected < 1 - confidence,
                chance(list(a.values()), list(b.values()), confidence=confidence),
                worth,
                _more(each.std, each.n, looked_for, level),
            )
        )
    return tuple(pairs)


def _cut(end: float | None, widest: float) -> float | None:
    return None if end is None else max(-widest, min(end, widest))


def _more(std: float | None, n: int, size: float | None, level: float) -> int | None:
    if std is None or n < 2 or not size or not math.isfinite(std) or not math.isfinite(size):
        return None
    needed = replicates_needed(std, size, level=level)
    return None if needed is None else max(0, needed - n)
