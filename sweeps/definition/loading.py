"""From a name or path and `--set` overrides to a Definition, or to every mistake at once.

The file's tables become one dictionary of entries a section, overrides replace or add entries, and then each section is
read; nothing is created, and no data are loaded. Plugins are imported first, for what they register may be named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from model.datasets import DATASETS
from model.hyperparameters import HyperParameter, hyperparameters
from model.plugins import PluginError, load_plugins
from sweeps.definition.comparisons import ComparisonReader
from sweeps.definition.effects import refused_combinations, without_effect
from sweeps.definition.fields import DATA, SEARCH, checked, wrong
from sweeps.definition.parts import ComparisonSection, DataSection, Definition, Level
from sweeps.definition.reading import Entry, Source, parse, parse_override, read
from sweeps.definition.searches import SearchReader
from sweeps.definition.spaces import SpaceReader, canonical, fault, flattened
from sweeps.mistakes import DefinitionError, Mistake, did_you_mean, kind_of, listed, shown
from sweeps.space import Axis, Space, SpaceError, Value
from sweeps.space.point import frozen
from sweeps.strategies import Option, SearchSection
from sweeps.strategies.grid import POINTS

SECTIONS = ("data", "model", "training", "search", "budget", "space", "comparison")
TOP = ("name", "description", "plugins")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SECTION_KEYS = {option.name: "data" for option in DATA} | {option.name: "search" for option in SEARCH}


def load_definition(name_or_path: str, overrides: Sequence[tuple[str, str]] = ()) -> Definition:
    """The definition of that shipped name or path, with `--set` overrides. Raises DefinitionError with every
    mistake."""
    return _accepted(read(name_or_path), overrides)


def parse_definition(text: str, origin: str, folder: Path, overrides: Sequence[tuple[str, str]] = ()) -> Definition:
    """The definition that a text holds, as a journal has kept it; `folder` is where its relative paths begin. Raises
    DefinitionError."""
    return _accepted(parse(text, origin, folder), overrides)


def _accepted(source: Source, overrides: Sequence[tuple[str, str]]) -> Definition:
    reader = _Reader(source, [parse_override(key, text) for key, text in overrides])
    definition = reader.definition()
    if reader.mistakes or definition is None:
        order = sorted(reader.mistakes, key=lambda mistake: (mistake.line is None, mistake.line or 0))
        raise DefinitionError(dict.fromkeys(order))
    return definition


class _Reader:
    def __init__(self, source: Source, overrides: Sequence[Entry]) -> None:
        self.source = source
        self.mistakes: list[Mistake] = []
        self.top = {name: Entry(value, (name,), source) for name, value in source.values.items()}
        for entry in overrides:
            if len(entry.path) == 1:
                self.top[entry.key] = entry
        self.plugins, self.plugins_digest = self._plugins()
        self.known = self._known()
        self.entries = {section: self._section(section) for section in SECTIONS}
        self.comparing = ComparisonReader(self.entries["comparison"], self.known, self.mistakes)
        for entry in overrides:
            self._override(entry)

    def _known(self) -> dict[str, HyperParameter]:
        try:
            return hyperparameters()
        except Exception as error:  # a plugin is foreign code: whatever its declarations raise is told by its name
            if not self.plugins:
                raise
            place = self.top["plugins"]
            raise DefinitionError([place.mistake(f"a plugin declares what cannot be used: {error}")]) from error

    def definition(self) -> Definition | None:
        """The definition; None, or one that must not be used, if there are mistakes."""
        self._unknown_keys()
        name, description = self._name(), self._description()
        levels_given = self.entries["comparison"].get("levels")
        searching = SearchReader(
            self.source, self.entries["search"], self.entries["budget"], self.mistakes, levels_given
        )
        self._budget_of_comparison()
        budget = searching.budget(comparing=bool(self.entries["comparison"]))
        data, fixed, search = self._data(), self._fixed(), searching.section(comparing=bool(self.entries["comparison"]))
        space = self._space(fixed, search)
        if space is None or search is None or data is None:
            return None
        comparison = self.comparing.section(space, fixed, self.entries["space"]) if self.entries["comparison"] else None
        if self.mistakes:
            return None
        searching.check_size(space, search, comparison)
        levels = comparison.levels if comparison is not None else ()
        searching.check_levels(search, [level.strategy for level in levels if level.strategy], budget)
        for level in comparison.levels if comparison is not None else (Level("", {}),):
            for key, message in refused_combinations(space.given(level.values), {**fixed, **level.values}).items():
                self.mistakes.append(self._place(key).mistake(message))
        self._confirmation(data, search, comparison)
        definition = Definition(
            name,
            description,
            data,
            fixed,
            search,
            space,
            comparison,
            budget,
            self.plugins,
            self.plugins_digest,
            self.source.text,
            self.source.origin,
        )
        searching.check_grace(search, definition.longest)
        return definition

    def _place(self, name: str) -> Entry:
        """Where a hyper-parameter stands, whatever section that is."""
        places = (entries[name] for entries in self.entries.values() if name in entries)
        return next(places, Entry(None, ("space",), self.source))

    def _budget_of_comparison(self) -> None:
        """A comparison's budget stands in its section: hand it to [search], which names the strategy alone then."""
        section, search = self.entries["comparison"], self.entries["search"]
        if not section:
            return
        trials = search.pop("trials", None)
        if trials is not None and trials.source is None:  # --trials, --set search.trials
            section["trials_per_level"] = trials
        elif trials is not None:
            self.mistakes.append(trials.mistake("a comparison's budget is comparison.trials_per_level"))
        if "confirm" in search:
            self.mistakes.append(search["confirm"].mistake("a comparison is confirmed by comparison.confirm"))
        tuned = set(self.entries["space"]) - {self.comparing.factor} - self.comparing.given_always()
        if tuned and "trials_per_level" in section:
            search["trials"] = section["trials_per_level"]
        elif tuned and self._needs_points(search):
            self._missing(
                "comparison", "trials_per_level", f"the number of points each level may try ({listed(tuned)})"
            )
            search["trials"] = Entry(1, ("search", "trials"), self.source)
        elif not tuned:
            for key in ("trials_per_level", "repeats"):
                if key in section:
                    message = "nothing is tuned: [space] holds no more than the factor, so there is no budget to share"
                    self.mistakes.append(section[key].mistake(message))
            search.setdefault("strategy", Entry("grid", ("search", "strategy"), self.source))

    def _needs_points(self, search: Mapping[str, Entry]) -> bool:
        """Whether nothing else says where the searches of a comparison end."""
        ended = any(key in self.entries["budget"] for key in ("seconds", "epochs"))
        return "strategy" in search and search["strategy"].value != "grid" and not ended

    def _confirmation(self, data: DataSection, search: SearchSection, comparison: ComparisonSection | None) -> None:
        """Refuse to confirm where there is no test part to judge by."""
        if data.test > 0 or (comparison is None and "confirm" not in self.entries["search"]) or not search.confirm:
            return
        place = self.entries["data"].get("test") or self.entries["data"]["name"]
        self.mistakes.append(place.mistake("a confirmation is judged on the test part; expected data.test above 0"))

    def _section(self, section: str) -> dict[str, Entry]:
        """The entries of a table by key, in [model], [training] and [space] by flat name."""
        table = self.top.get(section)
        if table is None:
            return {}
        if not isinstance(table.value, dict):
            self.mistakes.append(table.mistake(f"expected a table, [{section}], got {kind_of(table.value)}"))
            return {}
        if section in ("data", "search", "budget", "comparison"):
            return {key: Entry(value, (section, key), self.source) for key, value in table.value.items()}
        entries: dict[str, Entry] = {}
        for name, path, value in flattened(table.value, self.known):
            entry = Entry(value, (section, *path), self.source)
            if name in entries:
                self.mistakes.append(entry.mistake(f"{name} is given twice"))
            entries[name] = entry
        return entries

    def _override(self, entry: Entry) -> None:
        section, *rest = (str(part) for part in entry.path)
        if len(entry.path) == 1:
            if section not in TOP:
                expected = (
                    "expected section.key, as in search.trials"
                    if section in SECTIONS
                    else f"unknown key, allowed: {listed(TOP)}"
                )
                self.mistakes.append(entry.mistake(expected + did_you_mean(section, (*TOP, *SECTIONS))))
        elif section in SECTIONS:
            self.entries[section][".".join(rest)] = entry
        else:
            self.mistakes.append(
                entry.mistake(
                    f"unknown section {shown(section)}, allowed: {listed(SECTIONS)}{did_you_mean(section, SECTIONS)}"
                )
            )

    def _unknown_keys(self) -> None:
        for key, entry in self.top.items():
            if key not in SECTIONS and key not in TOP and entry.source is not None:
                owner = self.known.get(key)
                hint = f"; it belongs into [{owner.section}] or [space]" if owner else ""
                hint = hint or did_you_mean(key, (*SECTIONS, *TOP)) or did_you_mean(key, self.known)
                what = "section" if isinstance(entry.value, dict) else "key"
                self.mistakes.append(entry.mistake(f"unknown {what}, allowed: {listed((*TOP, *SECTIONS))}{hint}"))

    def _plugins(self) -> tuple[tuple[str, ...], str]:
        entry = self.top.get("plugins")
        if entry is None:
            return (), ""
        value = entry.value
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self.mistakes.append(
                entry.mistake(f'expected a list of module names, as in ["mylab.lion"], got {shown(value)}')
            )
            return (), ""
        try:
            return tuple(value), load_plugins(value, self.source.folder)
        except PluginError as error:
            self.mistakes.append(entry.mistake(str(error)))
            return (), ""

    def _name(self) -> str:
        entry = self.top.get("name")
        value = Path(self.source.origin).stem if entry is None else entry.value
        entry = entry or Entry(value, ("name",), self.source)
        allowed = "1 to 64 letters, digits, - and _, a letter or digit first"
        if not isinstance(value, str):
            self.mistakes.append(entry.mistake(f"expected text, got {kind_of(value)}"))
        elif not NAME.fullmatch(value):
            self.mistakes.append(entry.mistake(f"{shown(value)} names files and folders; allowed: {allowed}"))
        elif re.search(r"-\d+$", value):
            self.mistakes.append(
                entry.mistake(
                    f"{shown(value)} ends like an execution (-1, -2, …); choose a name without a number after -"
                )
            )
        return str(value)

    def _description(self) -> str:
        entry = self.top.get("description")
        if entry is not None and not (isinstance(entry.value, str) and len(entry.value) <= 2000):
            self.mistakes.append(entry.mistake(f"expected text of at most 2000 characters, got {kind_of(entry.value)}"))
        return str(entry.value) if entry is not None else ""

    def _data(self) -> DataSection | None:
        entries = self.entries["data"]
        before = len(self.mistakes)
        self._keys("data", entries, ("name", *(option.name for option in DATA)))
        values = checked(entries, DATA, self.mistakes)
        name = entries.get("name")
        if name is None:
            self._missing("data", "name", f"allowed: {listed(DATASETS.names())}")
            return None
        if message := wrong(Option("name", "choice", "", choices=DATASETS.names()), name.value):
            self.mistakes.append(name.mistake(message))
        validation, test = values.get("validation", 0.2), values.get("test", 0.2)
        if isinstance(validation, float) and isinstance(test, float) and validation + test >= 0.95:
            place = entries.get("validation", entries.get("test", name))
            self.mistakes.append(
                place.mistake(f"validation and test leave {1 - validation - test:.2f} of the data for training")
            )
        if name.value in ("npz", "csv") and "path" not in entries:
            self.mistakes.append(name.mistake(f'data of your own need a path, as in path = "data.{name.value}"'))
        if name.value == "csv" and "target" not in entries:
            self.mistakes.append(
                name.mistake('a csv file needs the name of the column to learn, as in target = "species"')
            )
        if "path" in values:
            values["path"] = self._path(entries["path"], str(values["path"]))
        return DataSection(str(name.value), **values) if len(self.mistakes) == before else None  # type: ignore[arg-type]  # checked by DATA

    def _path(self, entry: Entry, text: str) -> str:
        """A path as an absolute one: relative to the definition's file, or on the command line to the current
        folder."""
        try:
            path = (self.source.folder if entry.source else Path.cwd()) / Path(text).expanduser()
            if not text or not path.exists():
                self.mistakes.append(entry.mistake(f"no such file: {shown(str(path))}"))
            return str(path.resolve())
        except (OSError, RuntimeError, ValueError) as error:  # a path too long, no home folder, NUL
            self.mistakes.append(entry.mistake(f"not a usable path: {error}"))
            return ""

    def _fixed(self) -> dict[str, Value]:
        fixed: dict[str, Value] = {}
        for section in ("model", "training"):
            for name, entry in self.entries[section].items():
                parameter = self.known.get(name)
                if parameter is None:
                    self._unknown(entry, name, section)
                elif parameter.section != section:
                    self.mistakes.append(entry.mistake(f"{name} belongs into [{parameter.section}]"))
                elif name in self.entries["space"]:
                    twice = "is given here and searched in [space]; keep one of them"
                    self.mistakes.append(entry.mistake(twice))
                elif message := fault(parameter, entry.value):
                    self.mistakes.append(entry.mistake(message))
                else:
                    fixed[name] = canonical(parameter, entry.value)
        return fixed

    def _space(self, fixed: Mapping[str, Value], search: SearchSection | None) -> Space | None:
        before, reader = len(self.mistakes), SpaceReader(self.known, self.mistakes)
        axes: list[Axis] = []
        for name, entry in self.entries["space"].items():
            if name in self.known:
                axes += reader.axes(name, entry)
            else:
                self._unknown(entry, name, "space")
        if not self.entries["space"] and not self.entries["comparison"]:
            self._missing("space", "", "at least one hyper-parameter to search")
        if len(self.mistakes) > before:
            return None
        constants = {**{name: frozen(parameter.default) for name, parameter in self.known.items()}, **fixed}
        try:
            space = Space(tuple(axes), constants)
        except SpaceError as error:
            self.mistakes.append(Entry(None, ("space",), self.source).mistake(str(error)))
            return None
        grids: list[object] = [POINTS.default] if search is None or self.comparing.has_grid() else []
        if search is not None and search.strategy == "grid":
            grids = [search.options["points"]]
        resolutions = [points for points in grids if isinstance(points, int)]
        for name, why in without_effect(space, fixed, self.known, self.comparing.given(), resolutions).items():
            self.mistakes.append(self._place(name).mistake(why))
        return space

    def _keys(self, section: str, entries: Mapping[str, Entry], known: Sequence[str]) -> None:
        for key, entry in entries.items():
            if key not in known:
                self.mistakes.append(entry.mistake(f"unknown key, allowed: {listed(known)}{did_you_mean(key, known)}"))

    def _missing(self, section: str, key: str, expected: str) -> None:
        path = (section, key) if key else (section,)
        self.mistakes.append(Entry(None, path, self.source).mistake(f"is missing: {expected}"))

    def _unknown(self, entry: Entry, name: str, section: str) -> None:
        if inside := [other for other in self.known if other.startswith(name + ".")]:
            self.mistakes.append(entry.mistake(f"stands for several; expected one of {listed(inside)}"))
            return
        names = [other for other, parameter in self.known.items() if section in ("space", parameter.section)]
        elsewhere = name in SECTION_KEYS and f"; it belongs into [{SECTION_KEYS[name]}]"
        hint = elsewhere or did_you_mean(name, names) or did_you_mean(name, self.known)
        self.mistakes.append(entry.mistake(f"unknown hyper-parameter, allowed: {listed(names, 40)}{hint}"))
