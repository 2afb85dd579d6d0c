"""An objective that a Gaussian process can believe in: no heavy tail, no failure, mean 0 and deviation 1.

Losses of trainings have a long bad tail (a learning rate too high costs any amount), which would take all of the
model's attention away from the good region. Failures have no value at all, yet the model must learn to stay away from
where they happen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def well_behaved(losses: Array) -> Array:
    """Losses, shape (n,), smaller is better, as targets of mean 0 and deviation 1; inf stands for a failure and becomes
    a little worse than the worst.

    asinh((y − median) / spread) is a line near the median and a logarithm far from it; the order is kept.
    """
    finite = np.isfinite(losses)
    if not finite.any():
        return np.zeros_like(losses)
    low, middle, high = np.quantile(losses[finite], (0.25, 0.5, 0.75))
    spread = max(float(high - low) / 1.349, 1e-12 * max(1.0, abs(float(middle))))
    targets = np.arcsinh((np.where(finite, losses, middle) - middle) / spread)
    worst = targets[finite].max()
    targets[~finite] = worst + 0.5 * max(float(targets[finite].std()), 0.1)
    deviation = float(targets.std())
    return np.asarray((targets - targets.mean()) / deviation) if deviation > 0 else np.zeros_like(targets)
