"""The Gaussian process of scikit-optimize with a kernel for mixed features, fitted by maximum a posteriori.

The marginal likelihood alone, on ten points in nine dimensions, likes length scales that mean nothing; weak priors keep
them sensible:

    log l ~ N(log(√axes / 2), 1)     log noise ~ N(log 1e-3, 2²)     log amplitude ~ N(0, 1)

Where replicates tell the noise, its prior is N(log of what they tell, 0.3²).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from skopt.acquisition import gaussian_ei, gaussian_lcb, gaussian_pi
from skopt.learning.gaussian_process import GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import ConstantKernel, WhiteKernel

from sweeps.strategies.gaussian_process.kernel import GroupedMatern

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.intp]
NOISE, AMPLITUDE = (1e-6, 1.0), (1e-2, 1e2)  # bounds
USUAL_NOISE = 1e-3
LARGEST_FIT = 250  # observations that the numbers are fitted to: the cost grows with the cube


@dataclass(frozen=True)
class Fitted:
    """The numbers fitted to a history: a length scale for each axis, the variance of the prior and that of the noise.
    The targets have variance 1."""

    length_scale: tuple[float, ...]
    amplitude: float
    noise: float


class Surrogate(GaussianProcessRegressor):  # type: ignore[misc]  # scikit-optimize has no types
    """scikit-optimize's regressor, whose standard deviations come from the Cholesky factor by one triangular solve."""

    def predict(self, X: Array, return_std: bool = False, **_: Any) -> Any:  # noqa: N803  # scikit-learn's name
        """Mean, shape (n,), and with `return_std` the standard deviation of the noiseless function."""
        across = self.kernel_(X, self.X_train_)
        mean = across @ self.alpha_
        if not return_std:
            return mean
        part = solve_triangular(self.L_, across.T, lower=True, check_finite=False)
        return mean, np.sqrt(np.maximum(self.kernel_.diag(X) - np.einsum("ij,ij->j", part, part), 1e-12))


def fit(rows: Array, targets: Array, groups: Groups, known_noise: float | None) -> Fitted:
    """Numbers that fit the targets best, given the priors; a function of its arguments alone, whatever was fitted
    before."""
    dims = int(groups.max()) + 1
    rows, targets = _thinned(rows, targets)
    usual = USUAL_NOISE if known_noise is None else float(np.clip(known_noise, *NOISE))
    kernel = ConstantKernel(1.0, AMPLITUDE) * GroupedMatern(groups, np.full(dims, _usual_length(dims)))
    optimizer = _posterior(dims, usual, 2.0 if known_noise is None else 0.3)
    model = GaussianProcessRegressor(kernel + WhiteKernel(usual, NOISE), optimizer=optimizer, noise="gaussian")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a number at its bound is what the bound is for
        model.fit(rows, targets)
    product = model.kernel_.k1
    lengths = tuple(float(length) for length in product.k2.scales)
    return Fitted(lengths, float(product.k1.constant_value), float(model.noise_))


def surrogate(rows: Array, targets: Array, groups: Groups, fitted: Fitted) -> Surrogate:
    """The process through the targets with numbers already fitted."""
    kernel = ConstantKernel(fitted.amplitude) * GroupedMatern(groups, np.array(fitted.length_scale))
    model = Surrogate(kernel, alpha=fitted.noise + 1e-10, optimizer=None)
    model.fit(rows, targets)
    return model


def promise(kind: str, rows: Array, model: Surrogate, best: float) -> Array:
    """The acquisition function, larger is better: expected improvement, lower confidence bound (negated), probability
    of improvement."""
    if kind == "LCB":
        return -np.asarray(gaussian_lcb(rows, model))
    return np.asarray((gaussian_pi if kind == "PI" else gaussian_ei)(rows, model, best, xi=0.0))


def _thinned(rows: Array, targets: Array) -> tuple[Array, Array]:
    """At most LARGEST_FIT observations: the better half of them the best there are, the rest evenly from all others."""
    if len(targets) <= LARGEST_FIT:
        return rows, targets
    order = np.argsort(targets, kind="stable")
    half = LARGEST_FIT // 2
    spread = np.linspace(half, len(order) - 1, LARGEST_FIT - half).astype(np.intp)
    kept = np.sort(np.concatenate([order[:half], order[spread]]))
    return rows[kept], targets[kept]


def _usual_length(dims: int) -> float:
    return 0.5 * float(np.sqrt(dims))


def _posterior(dims: int, noise: float, width_of_noise: float) -> Callable[..., tuple[Array, float]]:
    """An optimizer for scikit-learn's fit that adds the priors to the likelihood. Its theta holds the logarithms of
    amplitude, length scales and noise, in this order."""
    centre = np.concatenate([[0.0], np.full(dims, np.log(_usual_length(dims))), [np.log(noise)]])
    width = np.concatenate([[1.0], np.full(dims, 1.0), [width_of_noise]])

    def maximise(negative: Callable[[Array], tuple[float, Array]], theta: Array, bounds: Array) -> tuple[Array, float]:
        def objective(theta: Array) -> tuple[float, Array]:
            value, gradient = negative(theta)
            away = (theta - centre) / width
            return float(value + 0.5 * away @ away), gradient + away / width

        limits = {"maxiter": 40, "ftol": 1e-5}
        found = minimize(objective, theta, jac=True, bounds=bounds, method="L-BFGS-B", options=limits)
        return found.x, float(found.fun)

    return maximise
