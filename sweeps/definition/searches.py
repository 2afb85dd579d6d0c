"""From the entries of [search] and [budget] to their sections: how points are proposed, and when there are enough.

    [search]                        [budget]                    the first that is reached ends the search
    strategy = "random"             trials = 40                 points, the same as search.trials
    stop = "asha"                   seconds = 3600              of wall-clock while trials run
    racing = true                   epochs = 2000               trained by all trials
    warm_start = "digits-1"         target = 0.05               a finished point is as good
                                    plateau = { trials = 10, improvement = 0.001 }

Levels of a comparison stay equal: what ends a search by its own results is refused there, and so is a warm start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sweeps.definition.fields import BUDGET, OBJECTIVES, PLATEAU, SEARCH, checked, wrong
from sweeps.definition.parts import BudgetSection, ComparisonSection, Plateau
from sweeps.definition.reading import Entry, Source
from sweeps.mistakes import Mistake, did_you_mean, kind_of, listed, shown
from sweeps.space import Grid, GridTooLarge, Space
from sweeps.strategies import STRATEGIES, Option, SearchSection

BUDGET_KEYS = (*(option.name for option in BUDGET), "plateau")
BY_RESULTS = ("target", "plateau")
FEWEST_RACING = 3  # replicates: two are always trained
GRID = STRATEGIES.entry("grid").traits["options"]
EXECUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")


class SearchReader:
    """Reads [search] and [budget]; mistakes are collected in `mistakes`."""

    def __init__(
        self,
        source: Source,
        entries: dict[str, Entry],
        budgets: Mapping[str, Entry],
        mistakes: list[Mistake],
        levels: Entry | None = None,
    ) -> None:
        self.source, self.entries, self.budgets, self.mistakes = source, entries, budgets, mistakes
        self.levels = levels or Entry(None, ("comparison", "levels"), source)  # where a comparison lists them

    def section(self, *, comparing: bool) -> SearchSection | None:
        """[search]; None, or one that must not be used, if there are mistakes."""
        entries, before = self.entries, len(self.mistakes)
        strategy = entries.get("strategy")
        if strategy is None:
            self._missing("strategy", f"allowed: {listed(STRATEGIES.names())}")
        elif strategy.value not in STRATEGIES:
            choice = Option("strategy", "choice", "", choices=STRATEGIES.names())
            self._wrong(strategy, (wrong(choice, strategy.value) or "") + _as_option(strategy.value))
        name = str(strategy.value) if strategy is not None and strategy.value in STRATEGIES else None
        options: tuple[Option, ...] = STRATEGIES.entry(name).traits["options"] if name else ()
        self._keys(options, name)
        values = checked(entries, SEARCH, self.mistakes)
        given = checked(entries, options, self.mistakes)
        if name is not None and name != "grid" and "trials" not in entries:
            self._endless(name)
        self._stopping(values)
        if values.get("racing") and int(str(values.get("replicates", 1))) < FEWEST_RACING:
            self._wrong(entries["racing"], f"nothing to save: it needs search.replicates of at least {FEWEST_RACING}")
        warm_start = self._warm_start(comparing=comparing)
        if name is None or len(self.mistakes) > before:
            return None
        direction = OBJECTIVES[str(values.get("objective", "validation/loss"))]
        every = {option.name: given.get(option.name, option.default) for option in options}
        return SearchSection(
            name,
            **values,  # type: ignore[arg-type]  # checked by SEARCH
            direction=direction,  # type: ignore[arg-type]  # a value of OBJECTIVES
            warm_start=warm_start,
            options=MappingProxyType(every),
        )

    def budget(self, *, comparing: bool) -> BudgetSection:
        """[budget]; its number of trials goes to [search], which has it already if both are given."""
        entries = self.budgets
        for key, entry in entries.items():
            if key not in BUDGET_KEYS:
                self._wrong(entry, f"unknown key, allowed: {listed(BUDGET_KEYS)}{did_you_mean(key, BUDGET_KEYS)}")
            elif comparing and key in BY_RESULTS:
                self._wrong(
                    entry,
                    "in a comparison it would end the search of whichever level is lucky early; "
                    "allowed there: seconds, epochs, and comparison.trials_per_level",
                )
        values = checked(entries, BUDGET, self.mistakes)
        if isinstance(target := values.get("target"), float) and (fault := self._unreachable(target)):
            self._wrong(entries["target"], fault)
        trials = entries.get("trials")
        if values.pop("trials", None) is not None and trials is not None:
            if comparing:
                self._wrong(trials, "a comparison's number of points is comparison.trials_per_level")
            elif trials.source is None:  # --set budget.trials
                self.entries["trials"] = trials
            elif "trials" in self.entries and self.entries["trials"].source is not None:
                self._wrong(trials, "search.trials says the same; keep one of them")
            else:
                self.entries.setdefault("trials", trials)
        plateau = entries.get("plateau")
        return BudgetSection(**values, plateau=self._plateau(plateau) if plateau else None)  # type: ignore[arg-type]  # checked by BUDGET

    def check_levels(self, search: SearchSection, strategies: Sequence[str], budget: BudgetSection) -> None:
        """Refuse ways to search, as levels of a comparison, that would go on for ever."""
        for name in strategies:
            shares = STRATEGIES.entry(name).traits.get("shares_trials", False)
            if search.trials is None and name != "grid" and (shares or not budget):
                message = f"is missing: the number of points each level may try, which {name} has to know"
                self.mistakes.append(Entry(None, ("comparison", "trials_per_level"), self.source).mistake(message))

    def check_size(self, space: Space, search: SearchSection, comparison: ComparisonSection | None) -> None:
        """Refuse grids above their cap, with their number of points: a product, nothing is listed. Each level of a
        comparison has a grid of its own."""
        place = self.entries.get("cap") or self.entries.get("points") or self.entries["strategy"]
        if comparison is None:
            if search.strategy == "grid" and (fault := _grid_fault(space, search, "the grid", "search.trials")):
                self._wrong(place, fault)
            return
        for number, level in enumerate(comparison.levels):
            if (level.strategy or search.strategy) != "grid":
                continue
            left, grid = space.given(level.values), f"the grid of level {level.name}"
            if fault := _grid_fault(left, search, grid, "comparison.trials_per_level"):
                if level.strategy and isinstance(levels := self.levels.value, list | dict):
                    inside = number if isinstance(levels, list) else level.name
                    self.mistakes.append(self.levels.mistake(fault, inside))
                else:
                    self._wrong(place, fault)

    def check_grace(self, search: SearchSection, longest: int) -> None:
        """Refuse a rule that could never stop anything."""
        if search.stop != "none" and search.grace >= longest:
            self._wrong(
                self.entries["grace"],
                f"nothing could be stopped: expected fewer than the {longest} epochs of a training, got {search.grace}",
            )
        elif search.stop != "none" and longest < 2:
            self._wrong(self.entries["stop"], "nothing can be stopped in trainings of one epoch")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _unreachable(self, target: float) -> str | None:
        """What is wrong with a target that no value of the objective can have: the search would never end by it."""
        entry = self.entries.get("objective")
        objective = SearchSection("").objective if entry is None else entry.value
        if not isinstance(objective, str) or objective not in OBJECTIVES:
            return None
        if not objective.endswith("accuracy"):
            return None if target >= 0 else f"expected a number from 0, for {objective} is never less, got {target:g}"
        if 0 <= target <= 1:
            return None
        percent = f": {target / 100:g}?" if 1 < target <= 100 else ""
        return f"expected a number from 0 to 1, for {objective} is a share, got {target:g}{percent}"

    def _endless(self, name: str) -> None:
        """Without a number of points something else must end the search."""
        if STRATEGIES.entry(name).traits.get("shares_trials"):
            self._missing("trials", f"the number of points to try, which {name} shares out between its stages")
        elif not any(key in self.budgets for key in BUDGET_KEYS):
            self._missing("trials", "the number of points to try; or another end in [budget]")

    def _stopping(self, values: Mapping[str, object]) -> None:
        stop = values.get("stop", "none")
        owners = {"grace": ("asha", "median"), "reduction": ("asha",)}
        for key, rules in owners.items():
            if key in self.entries and stop not in rules and "stop" not in {m.key for m in self.mistakes}:
                self._wrong(self.entries[key], f"has no effect: it belongs to stop = {listed(map(shown, rules))}")

    def _warm_start(self, *, comparing: bool) -> tuple[str, ...]:
        entry = self.entries.get("warm_start")
        if entry is None:
            return ()
        if comparing:
            self._wrong(entry, "the levels of a comparison begin alike, knowing nothing")
            return ()
        names = [entry.value] if isinstance(entry.value, str) else entry.value
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self._wrong(entry, f'expected an execution, or a list of them, as in "digits-1", got {shown(entry.value)}')
            return ()
        for number, name in enumerate(names):
            if not EXECUTION.fullmatch(name):
                place = (number,) if isinstance(entry.value, list) else ()
                self.mistakes.append(
                    entry.mistake(f'{shown(name)} is no name of an execution; expected one as in "digits-1"', *place)
                )
        return tuple(dict.fromkeys(names))

    def _plateau(self, entry: Entry) -> Plateau | None:
        if not isinstance(entry.value, dict):
            example = "plateau = { trials = 10, improvement = 0.001 }"
            self._wrong(entry, f"expected a table, as in {example}, got {kind_of(entry.value)}")
            return None
        known = tuple(option.name for option in PLATEAU)
        inside = {key: Entry(value, (*entry.path, key), entry.source) for key, value in entry.value.items()}
        for key, each in inside.items():
            if key not in known:
                self._wrong(each, f"unknown key, allowed: {listed(known)}{did_you_mean(key, known)}")
        values = checked(inside, PLATEAU, self.mistakes)
        if "trials" not in inside:
            self._wrong(entry, "trials is missing: after how many points without improvement the search ends")
        return Plateau(**values) if "trials" in values else None  # type: ignore[arg-type]  # checked by PLATEAU

    def _keys(self, options: Sequence[Option], name: str | None) -> None:
        fixed = ("strategy", *(option.name for option in SEARCH), "warm_start")
        known = (*fixed, *(option.name for option in options))
        for key, entry in self.entries.items():
            owners = [other.name for other in STRATEGIES if key in {option.name for option in other.traits["options"]}]
            if key not in known and owners:
                if name is not None:
                    self._wrong(entry, f"is an option of {listed(owners)}, not of {name}")
            elif key not in known:
                self._wrong(entry, f"unknown key, allowed: {listed(known)}{did_you_mean(key, known)}")

    def _missing(self, key: str, expected: str) -> None:
        self.mistakes.append(Entry(None, ("search", key), self.source).mistake(f"is missing: {expected}"))

    def _wrong(self, entry: Entry, message: str) -> None:
        self.mistakes.append(entry.mistake(message))


def _as_option(value: object) -> str:
    """Where what was given as a strategy is a value of a strategy's option, that option."""
    for strategy in STRATEGIES:
        for option in strategy.traits["options"]:
            if value in option.choices:
                return f"; it is search.{option.name} = {shown(value)} of {strategy.name}"
    return ""


def _grid_fault(space: Space, search: SearchSection, grid: str, part: str) -> str | None:
    """What is wrong with the size of a grid over a space; `part` names the number of points that takes part of it."""
    given = search.options if search.strategy == "grid" else {}  # else a level's grid, whose options are the defaults
    points, cap = (int(str(given.get(option.name, option.default))) for option in GRID)
    try:
        count = Grid(space, points).count
    except GridTooLarge as error:
        return f"{grid} is too large: {error}"
    if min(count, search.trials or count) <= cap:
        return None
    advice = f"search fewer or coarser axes, or take part of it with {part}"
    advice += "; or raise search.cap" if given else ""
    return f"{grid} has {count:,} points, allowed are {cap:,} (search.cap); {advice}"
