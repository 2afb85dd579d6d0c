"""The covariance of a Gaussian process over mixed features.

    k(x, x') = (1 + √5 r + 5 r²/3) exp(−√5 r),   r² = Σ_axes d_a² / l_a²    (Matérn 5/2; GPML eq. 4.17)

d_a is the distance on axis a: the difference of a number, 0 or 1 for a choice (`features` scales its columns so). One
length scale an axis, where scikit-learn's own would have one a column: fewer numbers to fit, and a choice among seven
is no more than one axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Hyperparameter, NormalizedKernelMixin, StationaryKernelMixin
from skopt.learning.gaussian_process.kernels import Kernel

Array = npt.NDArray[np.float64]


class GroupedMatern(StationaryKernelMixin, NormalizedKernelMixin, Kernel):  # type: ignore[misc]  # neither library has types
    """Matérn 5/2 with one length scale for each group of columns. `groups[c]` is the group of column c, counted from
    0."""

    def __init__(self, groups: Any, length_scale: Any, length_scale_bounds: Any = (1e-2, 1e2)) -> None:
        self.groups = groups
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    @property
    def scales(self) -> Array:
        """The length scales (groups,): scikit-learn makes a single one a bare number."""
        return np.atleast_1d(np.asarray(self.length_scale, dtype=float))

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """The one fitted quantity, known to scikit-learn by this property's name."""
        return Hyperparameter("length_scale", "numeric", self.length_scale_bounds, len(self.scales))

    def __call__(self, X: Array, Y: Array | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803  # their names
        """k(X, Y), shape (n, m); with `eval_gradient` also dk(X, X)/d log l, shape (n, n, groups)."""
        columns = self.scales[self.groups]
        scaled = X / columns
        root = np.sqrt(5.0) * cdist(scaled, scaled if Y is None else Y / columns)
        decay = np.exp(-root)
        kernel = (1.0 + root + root**2 / 3.0) * decay
        if not eval_gradient:
            return kernel
        # dk/d log l_a = (5/3) (d_a²/l_a²) (1 + √5 r) exp(−√5 r)
        slope = (5.0 / 3.0) * (1.0 + root) * decay
        gradient = np.empty((*kernel.shape, len(self.scales)))
        for group in range(len(self.scales)):
            part = scaled[:, self.groups == group]
            gradient[:, :, group] = slope * cdist(part, part, "sqeuclidean")
        return kernel, gradient
