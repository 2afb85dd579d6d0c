"""From the entries of [comparison] to its section: a factor, its levels, and what each level may spend.

    factor = "optimizer"                    levels: the choices that [space] lists for it
    factor = "optimizer"
    levels = ["sgd", "adam"]                levels: these values; [space] does not have it then
    factor = "strategy"
    levels = ["random", "grid"]             levels: ways to search
    factor = "regularization"               levels: partial points with names of their own
    [comparison.levels.l2]
    weight_decay.norm = "l2"

Each level searches what is left of the space once its own values are given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from model.hyperparameters import HyperParameter
from sweeps.definition.fields import checked, wrong
from sweeps.definition.parts import ComparisonSection, Level
from sweeps.definition.reading import Entry
from sweeps.definition.spaces import canonical, fault, flattened
from sweeps.mistakes import Mistake, did_you_mean, kind_of, listed, shown
from sweeps.space import Choice, Space, Value
from sweeps.space.point import thawed
from sweeps.strategies import STRATEGIES, Option

STRATEGY = "strategy"  # a factor, or a key of a level, that is no hyper-parameter
COMPARISON = (
    Option("factor", "text", ""),
    Option("trials_per_level", "integer", 0, low=1, high=1_000_000),
    Option("repeats", "integer", 1, low=1, high=1000),
    Option("confirm", "integer", 10, low=2, high=1000),
    Option("measure", "choice", "", choices=("test/accuracy", "test/loss")),
    Option("worth", "real", 0.0, low=1e-9, high=1e9),
)
KEYS = (*(option.name for option in COMPARISON), "levels", "tune")
NAME = re.compile(r"[A-Za-z0-9][\w .+=-]{0,39}")


class ComparisonReader:
    """Reads [comparison]; `known` are the declared hyper-parameters, mistakes are collected in `mistakes`."""

    def __init__(
        self, entries: Mapping[str, Entry], known: Mapping[str, HyperParameter], mistakes: list[Mistake]
    ) -> None:
        self.entries, self.known, self.mistakes = entries, known, mistakes

    @property
    def factor(self) -> str:
        """The factor as it was given, right or wrong; empty if it was not."""
        entry = self.entries.get("factor")
        return entry.value if entry is not None and isinstance(entry.value, str) else ""

    def given(self) -> set[str]:
        """The hyper-parameters that some level fixes, so far as they can be told without the space."""
        return set().union(*self._given())

    def given_always(self) -> set[str]:
        """The hyper-parameters that every level fixes: no level is left to tune them."""
        return set.intersection(*self._given())

    def has_grid(self) -> bool:
        """Whether a level seems to be searched by a grid, so far as that can be told without the space."""
        entry = self.entries.get("levels")
        levels = entry.value if entry is not None else ()
        if isinstance(levels, dict):
            return any(isinstance(table, dict) and table.get(STRATEGY) == "grid" for table in levels.values())
        return self.factor == STRATEGY and isinstance(levels, list) and "grid" in levels

    def _given(self) -> list[set[str]]:
        """The hyper-parameters of each level, at least of one."""
        levels = self.entries.get("levels")
        if levels is not None and isinstance(levels.value, dict):
            tables = [table for table in levels.value.values() if isinstance(table, dict)]
            return [{name for name, _, _ in flattened(table, self.known)} for table in tables] or [set()]
        return [{self.factor} if levels is not None else set()]

    def section(self, space: Space, fixed: Mapping[str, Value], searched: Mapping[str, Entry]) -> ComparisonSection:
        """The section; it must not be used if there are mistakes."""
        for key, entry in self.entries.items():
            if key not in KEYS:
                self._wrong(entry, f"unknown key, allowed: {listed(KEYS)}{did_you_mean(key, KEYS)}")
        values = checked(self.entries, COMPARISON, self.mistakes)
        levels = self._levels(space)
        for number, level in enumerate(levels):
            for name in level.values:
                if name in fixed:
                    self._wrong(self.entries["levels"], f"sets {name}, which is fixed elsewhere, too", level.name)
            twin = next((each for each in levels[:number] if each.same_as(level)), None)
            if twin is not None:
                self._wrong(self.entries["levels"], f"is the same as level {twin.name}", level.name)
        self._tune(space, searched)
        return ComparisonSection(levels=levels, **{"factor": "", **values})  # type: ignore[arg-type]  # checked by COMPARISON

    def _levels(self, space: Space) -> tuple[Level, ...]:
        entry, place = self.entries.get("levels"), self.entries.get("factor")
        if place is None or not self.factor:
            if place is None:
                place = next(iter(self.entries.values()))
                self._wrong(place, 'factor is missing: what is compared, as in factor = "optimizer"')
            return ()
        if entry is not None and isinstance(entry.value, dict):
            levels = [self._table(entry, name, table) for name, table in entry.value.items()]
        elif entry is not None:
            levels = self._listed(entry, place, space)
        else:
            levels = self._axis(place, space)
        found = tuple(level for level in levels if level is not None)
        if len(levels) < 2:
            self._wrong(entry or place, f"a comparison needs at least two levels, got {len(levels)}")
        return found

    def _axis(self, place: Entry, space: Space) -> list[Level | None]:
        """The levels that [space] lists for the factor."""
        axis = next((axis for axis in space.axes if axis.name == self.factor), None)
        if isinstance(axis, Choice):
            return [Level(_said(value), {self.factor: value}) for value in axis.values]
        names = [each.name for each in space.axes if isinstance(each, Choice)]
        if axis is not None:
            self._wrong(place, f"{self.factor} is searched over a range; list its levels in comparison.levels")
        else:
            hint = did_you_mean(self.factor, (*names, *self.known))
            self._wrong(place, f"{shown(self.factor)} is no choice of [space] ({listed(names)}){hint}; or give levels")
        return [None, None]

    def _listed(self, entry: Entry, place: Entry, space: Space) -> list[Level | None]:
        """Levels that are values of one hyper-parameter, or strategies."""
        if not isinstance(entry.value, list):
            self._wrong(
                entry, f"expected a list of values, or tables [comparison.levels.NAME], got {kind_of(entry.value)}"
            )
            return [None, None]
        if self.factor != STRATEGY and self.factor not in self.known:
            hint = did_you_mean(self.factor, self.known)
            self._wrong(
                place,
                f"{shown(self.factor)} is no hyper-parameter{hint}; name levels by tables [comparison.levels.NAME]",
            )
            return [None, None]
        if self.factor in {axis.name for axis in space.axes}:
            self._wrong(entry, f"{self.factor} is searched in [space], too; keep one of them")
        return [
            self._level(entry, (number,), _said(value), [(self.factor, (number,), value)])
            for number, value in enumerate(entry.value)
        ]

    def _table(self, entry: Entry, name: str, table: object) -> Level | None:
        if not NAME.fullmatch(name):
            self._wrong(
                entry, f"{shown(name)} names a level; allowed: 1 to 40 letters, digits, spaces and _ . + = -", name
            )
            return None
        if not isinstance(table, dict):
            self._wrong(entry, f"expected a table of hyper-parameters, got {kind_of(table)}", name)
            return None
        return self._level(
            entry, (name,), name, [(key, (name, *path), value) for key, path, value in flattened(table, self.known)]
        )

    def _level(
        self,
        entry: Entry,
        place: tuple[str | int, ...],
        name: str,
        given: list[tuple[str, tuple[str | int, ...], object]],
    ) -> Level | None:
        before, values, strategy = len(self.mistakes), dict[str, Value](), ""
        for key, path, value in given:
            parameter = self.known.get(key)
            if key == STRATEGY:
                strategy = str(value)
                message = wrong(Option(STRATEGY, "choice", "", choices=STRATEGIES.names()), value)
            elif parameter is None:
                message = f"unknown hyper-parameter {shown(key)}{did_you_mean(key, self.known)}"
            else:
                message = fault(parameter, value)
            if message:
                self._wrong(entry, message, *path)
            elif parameter is not None:
                values[key] = canonical(parameter, value)
        if not given:
            self._wrong(entry, "a level sets at least one hyper-parameter", *place)
        return Level(name, values, strategy) if len(self.mistakes) == before else None

    def _tune(self, space: Space, searched: Mapping[str, Entry]) -> None:
        """`tune` says once more what [space] searches besides the factor, so that nothing is tuned unseen."""
        entry = self.entries.get("tune")
        if entry is None:
            return
        names = tuple(name for name in space.names if name != self.factor)
        if not isinstance(entry.value, list) or not all(isinstance(name, str) for name in entry.value):
            self._wrong(entry, f'expected a list of names, as in ["learning_rate"], got {shown(entry.value)}')
            return
        for number, name in enumerate(entry.value):
            if name not in names:
                self._wrong(
                    entry,
                    f"{shown(name)} is not searched in [space] ({listed(names)}){did_you_mean(name, names)}",
                    number,
                )
        for name in names:
            if name not in entry.value and name in searched:
                self.mistakes.append(
                    searched[name].mistake(
                        f"is searched, but neither the factor nor in comparison.tune ({listed(entry.value)}); "
                        "fix it in [model] or [training], or tune it"
                    )
                )

    def _wrong(self, entry: Entry, message: str, *inside: str | int) -> None:
        self.mistakes.append(entry.mistake(message, *inside))


def _said(value: object) -> str:
    """A value as the name of its level: `adam`, `on`, `100 100`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    plain = thawed(value) if isinstance(value, tuple) else value
    return " ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
