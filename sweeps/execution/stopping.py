"""When a trial may be stopped early: the epochs at which Ray Tune's scheduler sees it.

    asha      grace · reductionᵏ, k = 0, 1, …     at each, go on only if among the best 1/reduction (Li et al. 2020)
    median    grace · k, k = 1, 2, …              stop if the best so far is worse than the median of the others' means
                                                  (Golovin et al. 2017, section 3.2.1)

Always before a training's own last epoch, where there is nothing left to stop. A training ends its step there, so that
what is judged depends on epochs alone and never on how fast a machine is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.definition import Definition

USUAL_SHARE = 7  # the grace that is not given: a seventh of the longest training


@dataclass(frozen=True)
class StoppingRule:
    """`kind` is asha, median or none; `grace` the first epoch that is judged, `longest` the most epochs of a trial."""

    kind: str
    grace: int
    reduction: int
    longest: int

    def points(self, epochs: int) -> tuple[int, ...]:
        """The epochs at which a training of so many is judged."""
        if self.kind == "median":
            return tuple(range(self.grace, epochs, self.grace))
        found: list[int] = []
        point = self.grace
        while self.kind == "asha" and point < epochs:
            found.append(point)
            point *= self.reduction
        return tuple(found)


def stopping_rule(definition: Definition) -> StoppingRule:
    """The rule that [search] asks for."""
    search, longest = definition.search, definition.longest
    grace = search.grace or max(1, longest // USUAL_SHARE)
    return StoppingRule(search.stop, grace, search.reduction, longest)
