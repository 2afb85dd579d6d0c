"""What can only be refused once the data are there: batches larger than the part that trains, accuracy of numbers."""

from __future__ import annotations

from model.hyperparameters import hyperparameters
from sweeps.definition import positions
from sweeps.definition.parts import Definition
from sweeps.mistakes import DefinitionError, Mistake
from sweeps.space import Choice

NAME = "batch_size"


def require_batches_within(definition: Definition, samples: int) -> None:
    """Refuse a definition whose batches can be larger than the `samples` that train. Raises DefinitionError."""
    axis = next((axis for axis in definition.space.axes if axis.name == NAME), None)
    if axis is None:
        section, largest = "training", definition.fixed.get(NAME, hyperparameters()[NAME].default)
    else:
        section, largest = "space", max(axis.values) if isinstance(axis, Choice) else axis.high
    if isinstance(largest, int | float) and largest > samples:
        line = positions.positions(definition.text).get((section, NAME))
        message = f"expected at most {samples}, the samples that train, got {largest:g}"
        raise DefinitionError([Mistake(definition.origin, line, f"{section}.{NAME}", message)])


def require_objective_of(definition: Definition, task: str) -> None:
    """Refuse to judge a regression by its accuracy, which it does not have. Raises DefinitionError."""
    objective = definition.search.objective
    if task == "regression" and objective.endswith("accuracy"):
        line = positions.positions(definition.text).get(("search", "objective"))
        message = (
            f"{definition.data.name} is a regression, which has no accuracy; expected validation/loss or train/loss"
        )
        raise DefinitionError([Mistake(definition.origin, line, "search.objective", message)])
