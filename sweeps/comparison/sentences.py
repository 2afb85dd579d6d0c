"""The verdict in plain English: only what the corrected tests support, pair by pair, and what the intervals cover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sweeps.comparison.verdict import JudgedLevel, JudgedPair, Verdict

AT = {"levels": "at this budget", "points": "by these trainings", "settings": "at these settings"}


def sentence(verdict: Verdict, metric: str) -> str:
    """The one sentence of a verdict about a `metric` in a reader's words ("test accuracy"). It speaks of the best
    levels and of whom each of them beats; "not separated" is never carried over from one pair to another.
    """
    if not verdict.levels or all(not level.units for level in verdict.levels):
        return "Nothing was confirmed, so there is no verdict."
    if verdict.all_failed:
        total = sum(level.failures.total for level in verdict.levels)
        return f"Every one of {_count(total, 'confirmed training')} failed: no level can be recommended."
    if len(verdict.levels) == 1:
        (only,) = verdict.levels
        return f"{_name(verdict, only.level)} reaches {_mean(verdict, only)} ({_evidence(verdict, metric, [])})."
    clauses, used = _clauses(verdict)
    told = "; ".join(clauses) or "each level is beaten by another, as they were not tried in the same repeats"
    if verdict.scope == "settings" and AT["settings"] not in told:
        told = f"{AT['settings']} {told}"
    return f"{told} ({_evidence(verdict, metric, used)})."


def claims(verdict: Verdict, metric: str) -> tuple[str, ...]:
    """Every pair in words, the separated ones first: what the sentence leaves out."""
    ordered = sorted(verdict.pairs, key=lambda pair: (not pair.separated, not pair.judged))
    return tuple(f"{_pair(verdict, pair)} ({_evidence(verdict, metric, [pair])})." for pair in ordered)


def advice(verdict: Verdict) -> str:
    """What would settle the ties among the best levels, or "" where there is nothing to settle."""
    ties = [pair for pair in verdict.pairs if pair.judged and not pair.separated and _among(verdict, pair)]
    equal = [pair for pair in ties if pair.equal]
    told = [
        f"{_join([pair.better, pair.worse])} differ by less than {_plain(verdict.worth or 0.0)}, "
        "which was named as the difference worth having: either will do."
        for pair in equal
    ]
    open_ties = [pair for pair in ties if not pair.equal and math.isfinite(pair.worth or pair.advantage or math.inf)]
    if not open_ties:
        return " ".join(told)
    closest = open_ties if verdict.worth is not None else [max(open_ties, key=lambda pair: pair.advantage or 0.0)]
    needed = [pair.more for pair in closest]
    size = verdict.worth if verdict.worth is not None else closest[0].advantage or 0.0
    which = "" if verdict.worth is not None else f", the largest seen between them ({_join(_names(closest))})"
    if any(each is None for each in needed):
        told.append(f"No affordable number of {verdict.unit}s would settle a difference of {_plain(size)}{which}.")
    else:
        most = max(each for each in needed if each is not None)
        if most:
            told.append(
                f"About {_count(most, f'more {verdict.unit}')} a level would settle a difference of {_plain(size)}"
                f"{which}, with 80 % power if the spread is as seen here."
            )
        else:
            told.append(
                f"A true difference of {_plain(size)}{which} would have been found in four cases of five, if the "
                "spread is as seen here."
            )
    return " ".join(told)


def failed_trainings(verdict: Verdict) -> str:
    """Which levels' confirmed trainings failed, and what that did to their scores; "" if none failed."""
    told = [
        f"{level.level}: {level.failures.count} of {level.failures.total} "
        f"({100 * level.failures.low:.0f}–{100 * level.failures.high:.0f} %)"
        for level in verdict.levels
        if level.failures.count
    ]
    if not told:
        return ""
    return (
        f"Confirmed trainings that diverged or failed: {'; '.join(told)}. "
        f"Each counts with the score of guessing, {_plain(verdict.worst)}."
    )


def covers(verdict: Verdict) -> str:
    """What the verdict's intervals are about, and what they are not about."""
    varied = {
        "levels": "tuning and of training (search seeds, initial weights, batches)",
        "points": "training (initial weights, batches) of the points that one search found, not that of tuning",
        "settings": "training (initial weights, batches) at the settings given",
    }[verdict.scope]
    return (
        f"The {_percent(verdict.confidence)} intervals cover the randomness of {varied} on this split of these data. "
        "They do not cover the choice of the split nor the sampling of the data. Disasters too rare to have happened "
        f"in {_count(_most(verdict), verdict.unit)} are not covered either."
    )


def _clauses(verdict: Verdict) -> tuple[list[str], list[JudgedPair]]:
    """What is to be said of the best levels against each other, then of each set of them against those they beat."""
    best = verdict.best
    rest = [level.level for level in verdict.levels if level.level not in best]
    clauses, used = [], []
    tied = [pair for pair in verdict.pairs if pair.judged and not pair.separated and _among(verdict, pair)]
    names = [_name(verdict, name) for name in best]
    all_tied = len(best) > 1 and len(tied) == len(best) * (len(best) - 1) // 2
    if all_tied:
        many = "no two of " if len(best) > 2 else ""
        clauses.append(f"{many}{_join(names)} are {'' if many else 'not '}separated {AT[verdict.scope]}")
        used += [] if rest else tied
    else:
        clauses += [f"{_two(verdict, pair)} are not separated {AT[verdict.scope]}" for pair in tied]
    by_winners: dict[tuple[str, ...], list[str]] = {}
    for loser in rest:
        winners = tuple(name for name in best if verdict.beats(name, loser))
        by_winners.setdefault(winners, []).append(loser)
    for winners, losers in by_winners.items():
        if winners:
            pairs = [verdict.pair(winner, loser) for winner in winners for loser in losers]
            who = _winners(verdict, winners, said=all_tied and winners == best)
            verb = "beats" if len(winners) == 1 else "beat"
            clauses.append(f"{who} {verb} {_join([_name(verdict, name) for name in losers])}{_by(pairs)}")
            used += pairs
    clauses += _open(verdict, best, rest)
    clauses += [f"{_two(verdict, pair)} cannot be compared yet" for pair in verdict.pairs if not pair.judged]
    return clauses, used


def _open(verdict: Verdict, best: Sequence[str], rest: Iterable[str]) -> list[str]:
    """A beaten level that one of the best is yet not separated from: said, or the sentence would suggest otherwise."""
    told = []
    for loser in rest:
        tied = [name for name in best if verdict.pair(name, loser).judged and not verdict.beats(name, loser)]
        if tied:
            others = [level.level for level in verdict.levels if verdict.beats(level.level, loser)]
            inner = "" if set(others) & set(best) else f", which {_join(others)} beat{'s' * (len(others) == 1)}"
            told.append(
                f"{_name(verdict, loser)}{inner}{',' * bool(inner)} is not separated from "
                f"{_join([_name(verdict, name) for name in tied])}"
            )
    return told


def _winners(verdict: Verdict, winners: Sequence[str], *, said: bool) -> str:
    if said:
        return "both" if len(winners) == 2 else "all of them" if len(winners) > 2 else _name(verdict, winners[0])
    return _join([_name(verdict, name) for name in winners])


def _by(pairs: Sequence[JudgedPair]) -> str:
    """By how much: from the lowest to the highest end of the pairs' joint intervals."""
    lows = [pair.joint_low for pair in pairs if pair.joint_low is not None]
    highs = [pair.joint_high for pair in pairs if pair.joint_high is not None]
    if len(lows) < len(pairs):
        return ""
    low, high = min(lows), max(highs)
    return f" by {_range(low, high)}" if low > 0 else f" by up to {_plain(high)}"


def _pair(verdict: Verdict, pair: JudgedPair) -> str:
    if not pair.judged:
        return f"{_two(verdict, pair)} cannot be compared: fewer than two {verdict.unit}s in common"
    if pair.separated:
        return f"{_name(verdict, pair.better)} beats {_name(verdict, pair.worse)}{_by([pair])}"
    return f"{_two(verdict, pair)} are not separated {AT[verdict.scope]}"


def _evidence(verdict: Verdict, metric: str, pairs: Sequence[JudgedPair]) -> str:
    """The metric, the number of units, and the largest corrected p of the claims made (or the smallest of ties)."""
    ps = [pair.adjusted for pair in pairs if pair.adjusted is not None]
    told = [metric, _count(_most(verdict), verdict.unit)]
    if ps:
        claimed = [pair.adjusted for pair in pairs if pair.separated and pair.adjusted is not None]
        if claimed:
            told.append(
                f"p {'≤ ' if len(claimed) > 1 else '= '}{_p(max(claimed))}".replace("≤ <", "<").replace("= <", "<")
            )
        else:
            told.append(f"p {'≥ ' if len(ps) > 1 else '= '}{_p(min(ps))}".replace("≥ <", "<").replace("= <", "<"))
    return ", ".join(told)


def _most(verdict: Verdict) -> int:
    return max((len(level.units) for level in verdict.levels), default=0)


def _among(verdict: Verdict, pair: JudgedPair) -> bool:
    return pair.better in verdict.best and pair.worse in verdict.best


def _names(pairs: Sequence[JudgedPair]) -> list[str]:
    return [name for pair in pairs for name in (pair.better, pair.worse)]


def _name(verdict: Verdict, name: str) -> str:
    """A level, or the one point of it that the sentence may be about."""
    if verdict.scope != "points":
        return name
    point = next((point for point in verdict.level(name).points if point), "")
    return f"{name} as tuned here" + (f" ({point})" if point else "")


def _two(verdict: Verdict, pair: JudgedPair) -> str:
    return _join([_name(verdict, pair.better), _name(verdict, pair.worse)])


def _mean(verdict: Verdict, level: JudgedLevel) -> str:
    found = level.estimate
    if found.mean is None:
        return "no score"
    if found.low is None or found.high is None:
        return _plain(found.mean)
    width = found.high - found.low
    return f"{_fixed(found.mean, width)}, {_percent(verdict.confidence)} interval {_range(found.low, found.high)}"


def _join(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.1 else f"{p:.2f}".lstrip("0")


def _plain(number: float) -> str:
    return f"{number:.2g}" if abs(number) < 100 else f"{number:.6g}"


def _range(low: float, high: float) -> str:
    if low == high:
        return _plain(low)
    return f"{_fixed(low, high - low)}–{_fixed(high, high - low)}"


def _fixed(number: float, width: float) -> str:
    """With as many decimals as give the width two digits; very large or very small numbers with an exponent."""
    if not (math.isfinite(width) and math.isfinite(number)) or max(abs(number), width) >= 1e6:
        return f"{number:.3g}"
    if width == 0:
        return f"{number:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(width)))
    if number and abs(number) < 0.5 * 10**-decimals:
        return f"{number:.1g}"  # a bound near 0 is not 0
    return f"{number:.{decimals}f}" if decimals <= 6 else f"{number:.3g}"
