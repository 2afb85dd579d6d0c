"""`sweep resume --extend N`: more of the budget that ended a search.

closed by        N more
trials           points
seconds          seconds
epochs           epochs
target, plateau  points; what was reached ends the search no more

Where trainings that ran went beyond a budget of seconds or epochs, N are added to what was spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweeps.journal import Journal
from sweeps.storage import StorageError

if TYPE_CHECKING:
    from sweeps.definition import Definition


def extension(
    execution: str, definition: Definition, closed: str | None, spent: Mapping[str, float], extend: int
) -> dict[str, Any]:
    """What `resumed` says of an extension: what is extended, by how much, and what the search has spent until then.

    Args:
        closed: why the execution ended last; None or interrupted where it has not come to its end.
        spent: of the search, see `spent`.

    Raises:
        StorageError: there is nothing that could be extended.
    """
    if not extend:
        return {"extend": 0}
    if definition.comparison is not None:
        raise StorageError(f"{execution}: a comparison is not extended; run it anew with a larger --trials")
    what = closed if closed in ("seconds", "epochs", "target", "plateau") else "trials"
    if what == "trials" and definition.search.trials is None:
        if definition.search.strategy == "grid":
            raise StorageError(f"{execution}: a whole grid has no budget to extend")
        raise StorageError(f"{execution}: its budget is not reached; `sweep resume {execution}` goes on with it")
    return {"extend": extend, "extended": what, **spent}


def extended(definition: Definition, resumed: Iterable[Mapping[str, Any]]) -> Definition:
    """The definition with the budgets that all `resumed` events, in order, have given it."""
    search, budget = definition.search, definition.budget
    for body in resumed:
        extend, what = int(body.get("extend") or 0), body.get("extended", "trials")
        if not extend:
            continue
        if what == "trials":
            search = replace(search, trials=(search.trials or 0) + extend)
        elif what == "seconds":
            budget = replace(budget, seconds=max(budget.seconds or 0.0, body.get("seconds", 0.0)) + extend)
        elif what == "epochs":
            budget = replace(budget, epochs=max(budget.epochs or 0, body.get("epochs", 0)) + extend)
        else:
            budget = replace(budget, target=None) if what == "target" else replace(budget, plateau=None)
            search = replace(search, trials=int(body["points"]) + extend)
    return replace(definition, search=search, budget=budget)


def resumptions(journal: Journal) -> list[dict[str, Any]]:
    """The bodies of all `resumed` events."""
    return [event.body for event in journal.events(kinds=("resumed",))]


def spent(journal: Journal) -> dict[str, float]:
    """What the search has spent: `points` asked for, `epochs` trained, and `seconds` until a budget was reached."""
    seconds, points, searched, trained = 0.0, 0, set[str](), dict[str | None, int]()
    for event in journal.events(kinds=("proposed", "skipped", "ended", "spent")):
        if event.kind == "spent":
            seconds = float(event.body["seconds"])
        elif event.kind == "ended":
            trained[event.trial] = int(event.body["epochs"])
        elif event.body.get("stage", "search") == "search":
            points += 1
            searched.update(trial["key"] for trial in event.body.get("trials", ()))
    return {"points": points, "epochs": sum(trained.get(key, 0) for key in searched), "seconds": seconds}
