"""How often a comparison's verdict is wrong, tuning included: false verdicts, coverage and power in a toy world.

    python tests/benchmarks/false_verdicts.py [--experiments 10000] [--splits 20]

An experiment gives each level R searches of 20 random points, selects each search's best point by its validation score
and trains that on 10 fresh replicates (tests/benchmarks/toy_trainings.py says what a training is). The verdict is that
of sweeps.comparison: paired t-tests over the R means, Holm's correction over all pairs; a sample of experiments goes
through `judge` itself, and the two must agree. Truth is the mean of many searches on the same split. Everything is
averaged over splits of the data. Three to ten seconds a row of 10,000 experiments, 4 minutes in all, on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

import numpy as np
from scipy.special import stdtr, stdtrit

from sweeps.comparison.units import Confirmed
from sweeps.comparison.verdict import judge
from tests.benchmarks.toy_trainings import GUESS, Array, Level, Split, confirmed

ALPHA = 0.05
UNSTEADY = {  # against Level(), a level that is worse because it is
    "narrower": Level(width=0.15),
    "much narrower, rarely lost": Level(width=0.1),
    "twice as noisy, rarely lost": Level(noise=0.008),
}


@dataclass(frozen=True)
class Outcome:
    """Shares of experiments: some pair called different; some pair called different the wrong way round (or at all, if
    there is no difference); the two-sided 95 % intervals that miss the truth, per pair, and those jointly, per
    experiment; the same false verdicts when winners of ONE search are compared over their replicates.
    """

    called: float
    false: float
    missed: float
    missed_jointly: float
    one_search: float
    disagreements: int


def pairs_of(units: Array) -> Array:
    """Paired differences (experiments, pairs, n) from units (experiments, levels, n)."""
    return np.stack([units[:, a] - units[:, b] for a, b in combinations(range(units.shape[1]), 2)], axis=1)


def p_values(deltas: Array) -> Array:
    """Of the paired t-test, over the last axis, as sweeps.comparison.paired has it."""
    n = deltas.shape[-1]
    mean, std = deltas.mean(axis=-1), deltas.std(axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(n - 1, -np.abs(mean) * np.sqrt(n) / std)
    return np.where(std > 1e-12, p, np.where(np.abs(mean) <= 1e-12, 1.0, 2.0 ** (1 - n)))


def separated(p: Array) -> Array:
    """Which of the pairs (experiments, pairs) Holm's procedure rejects."""
    order = np.argsort(p, axis=1)
    ranked = np.take_along_axis(p, order, axis=1)
    rejected = np.logical_and.accumulate(ranked * np.arange(p.shape[1], 0, -1) < ALPHA, axis=1)
    return np.take_along_axis(rejected, np.argsort(order, axis=1), axis=1)


def simulate(
    levels: Sequence[Level],
    repeats: int,
    *,
    experiments: int,
    splits: int,
    same: bool = False,
    same_points: bool = True,
    seed: int = 0,
    checked: int = 3,
    searches: int = 2000,
) -> Outcome:
    """`same`: the levels are identical, so that the truth is 0 and need not be measured. `checked`: experiments of each
    split that go through `judge` as well. `searches`: for the truth, four of each.
    """
    rng = np.random.default_rng(seed)
    rows, disagreements = [], 0
    for _ in range(splits):
        parts = (Split.draw(rng), Split.draw(rng))
        deltas_of = [(a, b) for a, b in combinations(range(len(levels)), 2)]
        truth = np.zeros(len(deltas_of))
        if not same:
            many = confirmed(list(levels), parts, rng, shape=(searches, 4), same_points=same_points).mean(
                axis=(0, 2, 3)
            )
            truth = np.array([many[a] - many[b] for a, b in deltas_of])
        scores = confirmed(list(levels), parts, rng, shape=(experiments // splits, repeats), same_points=same_points)
        deltas = pairs_of(scores.mean(axis=-1))
        said = separated(p_values(deltas))
        wrong = said & ((np.sign(deltas.mean(axis=-1)) != np.sign(truth)) | (truth == 0))
        off = np.abs(deltas.mean(axis=-1) - truth) * np.sqrt(repeats)
        std = deltas.std(axis=-1, ddof=1)
        missed, jointly = (_outside(off, std, repeats, level) for level in (ALPHA, ALPHA / len(truth)))
        naive = separated(p_values(pairs_of(scores[:, :, 0])))
        naive_wrong = naive & ((np.sign(pairs_of(scores[:, :, 0]).mean(axis=-1)) != np.sign(truth)) | (truth == 0))
        rows.append(
            [said.any(1).mean(), wrong.any(1).mean(), missed.mean(), jointly.any(1).mean(), naive_wrong.any(1).mean()]
        )
        disagreements += sum(judged(each) != mine.tolist() for each, mine in zip(scores[:checked], said, strict=False))
    called, false, missed_each, missed_jointly, one_search = np.mean(rows, axis=0).tolist()
    return Outcome(called, false, missed_each, missed_jointly, one_search, disagreements)


def _outside(off: Array, std: Array, n: int, level: float) -> Array:
    """Whether the t interval misses; where all differences are the same there is one only if 2^(1−n) ≤ level."""
    missed: Array = (off > stdtrit(n - 1, 1 - level / 2) * std + 1e-12) & ((std > 1e-12) | (2.0 ** (1 - n) <= level))
    return missed


def judged(scores: Array) -> list[bool]:
    """What `judge` calls separated, for the pairs of one experiment (levels, repeats, replicates)."""
    results = [
        Confirmed(str(level), repeat, dict(enumerate(values.tolist())))
        for level, searches in enumerate(scores)
        for repeat, values in enumerate(searches)
    ]
    verdict = judge(results, higher_is_better=True, worst=GUESS)
    return [verdict.pair(str(a), str(b)).separated for a, b in combinations(range(len(scores)), 2)]


def error(share: float, experiments: int) -> str:
    """A share in per cent with two standard errors of its own."""
    return f"{100 * share:5.2f} ± {200 * np.sqrt(share * (1 - share) / experiments):.2f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--splits", type=int, default=20)
    options = parser.parse_args()
    n, disagreements, begin = options.experiments, 0, time.perf_counter()

    def row(title: str, levels: Sequence[Level], repeats: int, *, same: bool = False, same_points: bool = True) -> None:
        nonlocal disagreements
        found = simulate(levels, repeats, experiments=n, splits=options.splits, same=same, same_points=same_points)
        disagreements += found.disagreements
        power = "" if same else f" called different {error(found.called, n)}"
        print(
            f"{title:38} R={repeats:2}: false verdicts {error(found.false, n)}, by one search "
            f"{error(found.one_search, n)}; intervals that miss: each {error(found.missed, n)}, jointly "
            f"{error(found.missed_jointly, n)};{power}",
            flush=True,
        )

    for count in (2, 3, 5):
        for repeats in (2, 3, 5, 10):
            row(f"{count} identical levels", [Level()] * count, repeats, same=True)
    for repeats in (3, 5, 10):
        row("2 identical levels, points not shared", [Level()] * 2, repeats, same=True, same_points=False)
        row("2 identical, rarely lost", [Level(noise=0.008)] * 2, repeats, same=True)
    for shift in (0.0025, 0.005, 0.01, 0.02):
        for repeats in (3, 5, 10):
            row(f"2 levels, tops differ by {shift}", [Level(), Level(top=0.97 - shift)], repeats)
    for repeats in (3, 5, 10):
        row("3 levels, one lower by 0.01", [Level(), Level(), Level(top=0.96)], repeats)
    for title, other in UNSTEADY.items():
        for repeats in (3, 5, 10):
            row(title, [Level(), other], repeats)
    print(f"{disagreements} experiments in which judge says otherwise; {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
