"""Strategies by name. Importing this registers the shipped ones."""

from sweeps.space import Space
from sweeps.strategies.base import (
    STRATEGIES,
    Direction,
    Done,
    History,
    Option,
    Outcome,
    Proposal,
    SearchSection,
    Status,
    Strategy,
    Wait,
)
from sweeps.strategies.gaussian_process import GaussianProcess
from sweeps.strategies.grid import GridSearch
from sweeps.strategies.random import Random
from sweeps.strategies.random_then_grid import RandomThenGrid

__all__ = [
    "STRATEGIES",
    "Direction",
    "Done",
    "GaussianProcess",
    "GridSearch",
    "History",
    "Option",
    "Outcome",
    "Proposal",
    "Random",
    "RandomThenGrid",
    "SearchSection",
    "Status",
    "Strategy",
    "Wait",
    "make_strategy",
]


def make_strategy(search: SearchSection, space: Space, seed: int) -> History:
    """The strategy that [search] asks for, over that space."""
    return STRATEGIES[search.strategy](
        space, seed=seed, trials=search.trials, direction=search.direction, options=search.options
    )
