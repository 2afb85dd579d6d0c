"""Racing: a point that is clearly worse than the best gets no more replicates.

    d_i = v_i(point) − v_i(best)            on the n replicates that both have; larger is worse
    t   = mean(d) / (s_d / √n)              one-sided paired t test, n − 1 degrees of freedom
    out   if   P(T ≥ t) < α / looks         looks = k − 2: after replicates 2, 3, …, k − 1 of k

Replicates share their random streams, so differences between points are paired (as in F-Race, Birattari et al. 2002,
where trainings on the same instance are). A point that is as good as the best it is held against is thrown out with
probability at most α, whatever the number of looks (Bonferroni). While all differences are equal nothing is decided.
`tests/sweeps/test_racing.py` simulates it, with the best chosen from many as it is in a sweep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, stdev

ALPHA = 0.05
FIRST = 2  # replicates that every point gets
SAME = 1e-9  # of their mean: a smaller spread of differences is rounding


def worse(point: Mapping[int, float], best: Mapping[int, float], *, replicates: int, alpha: float = ALPHA) -> float:
    """How unlikely the point's values were if it was as good as the best, as a p value corrected for all looks: it is
    out where that is below alpha.

    Args:
        point: values by replicate, smaller is better.
        best: those of the point with the best mean so far.
        replicates: how many a point gets at most.
    """
    common = sorted(point.keys() & best.keys())
    differences = [point[each] - best[each] for each in common]
    if len(differences) < FIRST:
        return 1.0
    from scipy.special import stdtr  # Student's distribution function; imported here, for scipy takes its time

    mean, spread = fmean(differences), stdev(differences)
    if spread <= SAME * abs(mean):  # equal but for rounding, as accuracies often are: they tell nothing of the noise
        return 1.0
    t = mean / (spread / math.sqrt(len(differences)))
    return min(1.0, float(stdtr(len(differences) - 1, -t)) * max(1, replicates - FIRST))
