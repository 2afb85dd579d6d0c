"""What earlier executions have found, for a search that begins with it: `search.warm_start`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.hyperparameters import HyperParameterError
from model.specification import Specification
from sweeps.journal import Journal
from sweeps.mistakes import DefinitionError, Mistake, shown
from sweeps.space import Point
from sweeps.storage import StorageError, find
from sweeps.strategies import Outcome

if TYPE_CHECKING:
    from sweeps.definition import Definition

COUNTING = ("finished", "diverged")


def read_warm_start(definition: Definition, storage: Path, digest: str) -> list[dict[str, Any]]:
    """The finished and diverged points of the named executions that are of this definition's space, as the journal
    keeps them: point, outcome, and which execution they are from. `digest` is that of the data.

    Raises:
        DefinitionError: an execution is not there, its values cannot be compared with those to come (the difference is
            named), or none of its points is of this space.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in definition.search.warm_start:
        try:
            folder = find(storage, name)
        except StorageError as error:
            raise _refused(definition, str(error)) from None
        with closing(Journal.open(folder.journal, read_only=True)) as journal:
            opened = next(iter(journal.events(kinds=("opened",)))).body
            differences = list(_differences(definition, digest, opened))
            if differences:
                raise _refused(definition, f"{folder.execution} cannot be compared: {'; '.join(differences)}")
            points = list(_points(definition, journal))
        if all(outcome["status"] != "finished" for _, outcome in points):
            raise _refused(definition, f"no finished point of {folder.execution} is of this space")
        for point, outcome in points:
            found[point.canonical] = {"point": point.plain(), "outcome": outcome, "from": folder.execution}
    return list(found.values())


def warm(opened: Mapping[str, Any]) -> list[tuple[Point, Outcome]]:
    """What `read_warm_start` gave, from the first event of a journal."""
    return [(Point(each["point"]), Outcome.of(each["outcome"])) for each in opened.get("warm", ())]


def _differences(definition: Definition, digest: str, opened: Mapping[str, Any]) -> Iterator[str]:
    """Why values there are no measure of points here."""
    then, now = opened["definition"], definition.canonical()
    if opened["data"]["digest"] != digest:
        yield f"its data are others (digest {opened['data']['digest'][:12]}, here {digest[:12]})"
    for section, names in (
        ("search", ("objective", "objective_at")),
        ("data", ("split_seed", "validation", "test", "scaling", "limit")),
    ):
        old, new = then.get(section, {}), now[section]
        for name in names:
            if isinstance(new, Mapping) and old.get(name) != new.get(name):
                yield f"{section}.{name} is {shown(old.get(name))} there, {shown(new.get(name))} here"
    if then.get("plugins_digest", "") != definition.plugins_digest:
        yield "its plugins are others"


def _points(definition: Definition, journal: Journal) -> Iterator[tuple[Point, dict[str, Any]]]:
    """Points of the search whose whole specification could be one of this definition's, in the order of telling.
    Those that diverged tell where not to go; what failed may have done so through no fault of its point."""
    proposed: dict[int, Mapping[str, Any]] = {}
    for event in journal.events(kinds=("proposed", "told")):
        body = event.body
        if event.kind == "proposed" and body.get("stage", "search") == "search":
            proposed[body["number"]] = body["trials"][0]["specification"]
        elif event.kind == "told" and body["number"] in proposed and body["outcome"]["status"] in COUNTING:
            point = _of_this_space(definition, proposed[body["number"]])
            if point is not None:
                yield point, body["outcome"]


def _of_this_space(definition: Definition, specification: Mapping[str, Any]) -> Point | None:
    """The point of this definition that means the same training; None if there is none."""
    try:
        then = Specification.from_json(json.dumps(specification)).hyperparameters
        point = Point({name: then[name] for name in definition.space.names if name in then})
        now = Specification({**definition.fixed, **point}).hyperparameters
    except HyperParameterError:  # its plugin is not here, or these values do not go together
        return None
    return point if now == then and definition.space.units(point) is not None else None


def _refused(definition: Definition, message: str) -> DefinitionError:
    from sweeps.definition import positions

    line = positions.positions(definition.text).get(("search", "warm_start"))
    return DefinitionError([Mistake(definition.origin, line, "search.warm_start", message)])
