"""Other ways to judge a comparison, which were not taken, in the toy world of tests/benchmarks/toy_trainings.py.

    python tests/benchmarks/other_intervals.py [--experiments 4000]

How often the interval of a difference misses: Student's t, Johnson's correction of it for skewness (1978), and the
studentized bootstrap. How often the interval of the chance that one level beats another holds it: ours, and the
percentile bootstrap over units. How often a level that did not change is called so from one execution to the next:
Welch's test over repeats, and over the replicates of one search's winner. Half a minute.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # whatever way this file is started

import numpy as np
from scipy import stats

from sweeps.comparison import chance, probability_better
from tests.benchmarks.false_verdicts import UNSTEADY
from tests.benchmarks.toy_trainings import Array, Level, Split, confirmed

SPLITS = 10


def units(levels: Sequence[Level], repeats: int, experiments: int, seed: int) -> tuple[Array, Array]:
    """Means over replicates (experiments, levels, repeats), and those of 8,000 searches a level (1, levels, 8000)."""
    rng = np.random.default_rng(seed)
    parts = (Split.draw(rng), Split.draw(rng))
    many = confirmed(list(levels), parts, rng, shape=(1, 8000)).mean(axis=-1)
    return confirmed(list(levels), parts, rng, shape=(experiments, repeats)).mean(axis=-1), many


def student(deltas: Array, truth: float) -> Array:
    """Whether Student's interval misses the truth, for each row of deltas (experiments, n)."""
    missed: Array = stats.ttest_1samp(deltas, truth, axis=-1).pvalue < 0.05
    return missed


def johnson(deltas: Array, truth: float) -> Array:
    """t₁ = (d̄ − μ + m₃/(6 s² n) + m₃/(3 s⁴)·(d̄ − μ)²) / (s/√n)."""
    n = deltas.shape[-1]
    off, std = deltas.mean(axis=-1) - truth, deltas.std(axis=-1, ddof=1)
    third = ((deltas - deltas.mean(axis=-1, keepdims=True)) ** 3).mean(axis=-1)
    t = (off + third / (6 * std**2 * n) + third / (3 * std**4) * off**2) * np.sqrt(n) / std
    missed: Array = 2 * stats.t.sf(np.abs(t), n - 1) < 0.05
    return missed


def studentized(deltas: Array, truth: float) -> Array:
    """Quantiles of t over 499 resamples instead of Student's."""
    n = deltas.shape[-1]
    drawn = deltas[:, np.random.default_rng(1).integers(n, size=(499, n))]
    errors = np.maximum(drawn.std(axis=-1, ddof=1), 1e-9)
    low, high = np.quantile((drawn.mean(axis=-1) - deltas.mean(axis=-1)[:, None]) / errors, (0.025, 0.975), axis=-1)
    t = (deltas.mean(axis=-1) - truth) / deltas.std(axis=-1, ddof=1)
    missed: Array = (t < low) | (t > high)
    return missed


def bootstrapped(a: Array, b: Array) -> tuple[float, float]:
    """The percentile bootstrap's interval of P(a > b), over paired units."""

    def wins(first: Array, second: Array, axis: int = -1) -> Array:
        share: Array = 0.5 + np.sign(first[..., :, None] - second[..., None, :]).mean(axis=(-2, -1)) / 2
        return share

    found = stats.bootstrap((a, b), wins, paired=True, vectorized=True, n_resamples=400, method="percentile", rng=0)
    return found.confidence_interval.low, found.confidence_interval.high


def differences(experiments: int) -> None:
    cases = {"identical": [Level(), Level()], "tops differ by 0.01": [Level(), Level(top=0.96)]}
    cases |= {title: [Level(), level] for title, level in UNSTEADY.items()}
    for title, levels in cases.items():
        for repeats in (3, 5, 10):
            rows = []
            for split in range(SPLITS):
                found, many = units(levels, repeats, experiments // SPLITS, split)
                deltas, truth = found[:, 0] - found[:, 1], float((many[:, 0] - many[:, 1]).mean())
                rows.append([method(deltas, truth).mean() for method in (student, johnson, studentized)])
            t, corrected, boot = 100 * np.mean(rows, axis=0)
            print(
                f"{title:28} R={repeats:2}: misses: Student {t:4.1f} %, Johnson {corrected:4.1f} %, "
                f"bootstrap {boot:4.1f} %"
            )


def chances(experiments: int) -> None:
    for top in (0.97, 0.965, 0.96):
        for repeats in (3, 5, 10):
            held = []
            for split in range(SPLITS):
                found, many = units([Level(), Level(top=top)], repeats, experiments // SPLITS // 4, split)
                truth = (
                    probability_better(many[0, 0, :3000].tolist(), many[0, 1, :3000].tolist(), minimize=False) or 0.0
                )
                for a, b in found:
                    ours = chance(a.tolist(), b.tolist())
                    low, high = bootstrapped(a, b)
                    inside = ours is not None and (ours.low or 0.0) <= truth <= (ours.high or 0.0)
                    held.append([inside, low <= truth <= high])
            ours_held, boot_held = 100 * np.mean(held, axis=0)
            print(f"chance, tops {top} R={repeats:2}: holds it: ours {ours_held:.0f} %, bootstrap {boot_held:.0f} %")


def alarms(experiments: int) -> None:
    rates = []
    for split in range(SPLITS):
        rng = np.random.default_rng(split)
        scores = confirmed([Level()], (Split.draw(rng), Split.draw(rng)), rng, shape=(2 * experiments // SPLITS, 5))
        means, winners = scores[:, 0].mean(axis=-1), scores[:, 0, 0]
        rates.append(
            [
                (stats.ttest_ind(v[::2], v[1::2], axis=-1, equal_var=False).pvalue < 0.05).mean()
                for v in (means, winners)
            ]
        )
    over_repeats, over_replicates = 100 * np.mean(rates, axis=0)
    print(f"no change, yet called one: over 5 repeats {over_repeats:.1f} %, over 10 replicates {over_replicates:.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=4000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scipy warns of samples without spread
    alarms(options.experiments)
    differences(options.experiments)
    chances(options.experiments)


if __name__ == "__main__":
    main()
