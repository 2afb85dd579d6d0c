"""Bayesian optimization: features of points, a well-behaved objective, a Gaussian process, candidates for its
acquisition function."""

from sweeps.strategies.gaussian_process.strategy import GaussianProcess

__all__ = ["GaussianProcess"]
