"""Which hyper-parameters matter, and how: scikit-learn's random forest, permutation importance and partial
dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.comparison.points import Array, ranks

FEWEST = 20  # points: with fewer, a forest has too little to say


@dataclass(frozen=True)
class Importance:
    """`score`: R² of the forest on points it has not seen (out of bag). For each feature the loss of R² when it is
    shuffled, with its spread; for some features the mean prediction over their values.
    """

    score: float
    names: tuple[str, ...]
    mean: Array
    std: Array
    dependence: dict[str, tuple[Array, Array]]


def importance(features: Array, values: Array, names: Sequence[str], *, shown: int = 4) -> Importance | None:
    """Fit a forest to the ranks (0 best … 1 worst) of values over features (n, m); nan features are filled with −1.

    Not finite values count as the worst. None with fewer than FEWEST points, without variation, or where the forest
    predicts no better than the mean, as what it would say is noise then. Breiman 2001 for both; Friedman 2001 for
    partial dependence.
    """
    if len(values) < FEWEST or features.shape[1] < 2 or len(np.unique(values)) < 3:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import partial_dependence, permutation_importance

    filled = np.where(np.isfinite(features), features, -1.0)
    target = (ranks(values) - 0.5) / len(values)
    forest = RandomForestRegressor(n_estimators=60, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(filled, target)
    if forest.oob_score_ <= 0:
        return None
    found = permutation_importance(forest, filled, target, n_repeats=5, random_state=0, n_jobs=1)
    dependence = {}
    for feature in np.argsort(-found.importances_mean, kind="stable")[:shown]:
        if len(np.unique(filled[:, feature])) > 1:
            grid = partial_dependence(forest, filled, [int(feature)], grid_resolution=25, kind="average")
            dependence[names[feature]] = (np.asarray(grid["grid_values"][0]), np.asarray(grid["average"][0]))
    return Importance(float(forest.oob_score_), tuple(names), found.importances_mean, found.importances_std, dependence)
