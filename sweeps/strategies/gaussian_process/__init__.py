"""Bayesian optimization: features of points, a well-behaved objective, a Gaussian process, candidates for its
acquisition function."""

from sweeps.strategies.gaussian_process.strategy import Course, GaussianProcess

__all__ = ["Course", "GaussianProcess"]
