"""How far MLflow is behind a journal, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """`started` and `ended` trials are the journal's, `whole` ones MLflow's; the rest is what this process did."""

    execution: str
    started: int
    ended: int
    whole: int
    written: int = 0
    metrics: int = 0
    pictures: int = 0
    doubles: int = 0  # second runs of one trial that were removed
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether MLflow holds every trial that ended."""
        return self.whole == self.ended and not self.problems

    def __str__(self) -> str:
        parts = [f"MLflow holds {self.whole} of {self.ended} ended trials ({self.written} written now)"]
        if self.ended < self.started:
            parts.append(f"{self.started - self.ended} not ended")
        if self.doubles:
            parts.append(f"{self.doubles} double runs removed")
        return "; ".join([*parts, *self.problems])
