"""What numbers of repeated trainings say, and how surely: pure statistics, no files, no drawings.

`estimates`: mean, spread and interval over replicates, and a rate with its interval. `points`: which point is best,
and what each level of a factor reached. `paired`: differences between alternatives that were trained on the same
replicates. `chances`: how likely one is better than another.

Of a comparison whose levels were tuned and confirmed: `units` (what is one observation), `verdict` (which levels are
separated), `groups`, `sentences` (the verdict in words), `optimism` (value found against value confirmed), `anytime`
(best value against the budget), `targets` (time to a score), `changes` (this verdict against the last one).
"""

from sweeps.comparison.anytime import Curve, Search, Turn, anytime, turns
from sweeps.comparison.chances import Chance, chance, first_reaching, probability_better
from sweeps.comparison.changes import Changes, FailureChange, LevelChange, changes
from sweeps.comparison.estimates import Estimate, Rate, clustered_rate, estimate, rate
from sweeps.comparison.optimism import Found, Optimism, optimism
from sweeps.comparison.paired import Difference, all_pairs, difference, holm, replicates_needed
from sweeps.comparison.points import LevelSummary, PointResult, best_so_far, edge, explained, rank, summarize
from sweeps.comparison.sentences import advice, claims, covers, failed_trainings, sentence
from sweeps.comparison.targets import Middle, TimeToTarget, Training, time_to_target
from sweeps.comparison.units import Confirmed
from sweeps.comparison.verdict import JudgedLevel, JudgedPair, Verdict, judge

__all__ = [
    "Chance",
    "Changes",
    "Confirmed",
    "Curve",
    "Difference",
    "Estimate",
    "FailureChange",
    "Found",
    "JudgedLevel",
    "JudgedPair",
    "LevelChange",
    "LevelSummary",
    "Middle",
    "Optimism",
    "PointResult",
    "Rate",
    "Search",
    "TimeToTarget",
    "Training",
    "Turn",
    "Verdict",
    "advice",
    "all_pairs",
    "anytime",
    "best_so_far",
    "chance",
    "changes",
    "claims",
    "clustered_rate",
    "covers",
    "difference",
    "edge",
    "estimate",
    "explained",
    "failed_trainings",
    "first_reaching",
    "holm",
    "judge",
    "optimism",
    "probability_better",
    "rank",
    "rate",
    "replicates_needed",
    "sentence",
    "summarize",
    "time_to_target",
    "turns",
]
