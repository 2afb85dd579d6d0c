"""What numbers of repeated trainings say, and how surely: pure statistics, no files, no drawings.

`estimates`: mean, spread and interval over replicates, and a rate with its interval. `points`: which point is best,
and what each level of a factor reached. `paired`: differences between alternatives that were trained on the same
replicates.
"""

from sweeps.comparison.chances import first_reaching, probability_better
from sweeps.comparison.estimates import Estimate, Rate, estimate, rate
from sweeps.comparison.paired import Difference, all_pairs, difference, holm, replicates_needed
from sweeps.comparison.points import LevelSummary, PointResult, best_so_far, edge, explained, rank, summarize

__all__ = [
    "Difference",
    "Estimate",
    "LevelSummary",
    "PointResult",
    "Rate",
    "all_pairs",
    "best_so_far",
    "difference",
    "edge",
    "estimate",
    "explained",
    "first_reaching",
    "holm",
    "probability_better",
    "rank",
    "rate",
    "replicates_needed",
    "summarize",
]
