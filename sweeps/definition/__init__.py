"""Definition files: what to compare, read from TOML, checked to the last key."""

from sweeps.definition.batches import require_batches_within, require_objective_of
from sweeps.definition.loading import load_definition, parse_definition
from sweeps.definition.parts import (
    BudgetSection,
    ComparisonSection,
    DataSection,
    Definition,
    Level,
    Plateau,
    differences,
)
from sweeps.definition.reading import shipped
from sweeps.mistakes import DefinitionError, Mistake
from sweeps.strategies.base import SearchSection

__all__ = [
    "BudgetSection",
    "ComparisonSection",
    "DataSection",
    "Definition",
    "DefinitionError",
    "Level",
    "Mistake",
    "Plateau",
    "SearchSection",
    "differences",
    "load_definition",
    "parse_definition",
    "require_batches_within",
    "require_objective_of",
    "shipped",
]
