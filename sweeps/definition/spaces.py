"""From the entries of [space] to a Space.

    optimizer = ["sgd", "adam"]                                     a choice
    learning_rate = { low = 1e-4, high = 1.0, scale = "log" }       a range; also step, points, when
    momentum = { low = 0.5, high = 0.99, when = { optimizer = ["momentum"] } }
    dropout = { choices = [0.0, 0.5], when = { batch_normalization = false } }
    hidden = { depth = { low = 1, high = 4 }, width = [50, 100] }   layers of one width each
    epochs = 30                                                     a constant
    initializer = "default"                                         every choice, or the declared bounds

A bound or scale that is left out is the declared one. Hyper-parameters that matter only beside others (momentum) are
searched only there, without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from model.hyperparameters import HyperParameter, check
from sweeps.definition.fields import is_finite, wrong
from sweeps.definition.reading import Entry
from sweeps.mistakes import Mistake, did_you_mean, kind_of, listed, shown
from sweeps.space import Axis, Choice, Condition, Range, Value
from sweeps.space.point import frozen
from sweeps.strategies.base import Option

KEYS = ("low", "high", "scale", "step", "points", "choices", "when", "depth", "width")
# what other tools call them
ELSEWHERE = {"min": "low", "max": "high", "lower": "low", "upper": "high", "log": "scale", "values": "choices"}
SCALES = ("linear", "log")
MOST_STEPS = 1_000_000_000
DEEPEST = 64  # layers that a depth may ask for


class SpaceReader:
    """Reads [space]; `known` are the declared hyper-parameters, mistakes are collected in `mistakes`."""

    def __init__(self, known: Mapping[str, HyperParameter], mistakes: list[Mistake]) -> None:
        self.known = known
        self.mistakes = mistakes

    def axes(self, name: str, entry: Entry) -> Iterator[Axis]:
        """The axes of one entry: one, two for depth and width, none if the entry is wrong."""
        before, parameter, value = len(self.mistakes), self.known[name], entry.value
        if value == "default" and "default" not in (parameter.choices or ()):
            value = self._declared(parameter, entry)
        if isinstance(value, list) and value and not _holds_several(parameter, value):
            self._wrong(entry, f"expected a list of lists: [{shown(value)}] is one choice, [[50], [100, 100]] are two")
            return
        table = value if isinstance(value, dict) else {"choices": value if isinstance(value, list) else [value]}
        for key in table:
            if key not in KEYS:
                near = f", did you mean `{ELSEWHERE[key]}`?" if key in ELSEWHERE else did_you_mean(key, KEYS)
                self._wrong(entry, f"unknown key, allowed: {listed(KEYS)}{near}", key)
        when = (*parameter.active_when, *self._when(name, entry, table))
        parts = [part for part in ("depth", "width") if part in table]
        axes: list[Axis | None]
        if parts:
            axes = self._layers(parameter, entry, table, when)
        elif "choices" in table:
            extra = [key for key in table if key in ("low", "high", "scale", "step", "points")]
            if extra:
                self._wrong(entry, f"either choices or a range, not both ({listed(extra)})")
            inside = ("choices",) if isinstance(value, dict) and isinstance(entry.value, dict) else ()
            axes = [self._choice(parameter, entry, table["choices"], when, inside)]
        else:
            axes = [self._range(parameter, entry, table, when, ())]
        if len(self.mistakes) == before:
            yield from (axis for axis in axes if axis is not None)

    def _choice(
        self,
        parameter: HyperParameter,
        entry: Entry,
        values: object,
        when: tuple[Condition, ...],
        inside: tuple[str, ...],
    ) -> Choice | None:
        if not isinstance(values, list) or not values:
            self._wrong(entry, f"expected a list of at least one value, got {shown(values)}", *inside)
            return None
        kept: list[Value] = []
        for number, item in enumerate(values):
            place: tuple[str | int, ...] = (*inside, number) if isinstance(entry.value, list) or inside else inside
            message = fault(parameter, item)
            if message:
                self._wrong(entry, message, *place)
            elif (value := canonical(parameter, item)) in kept:
                self._wrong(entry, f"{shown(item)} is listed twice", *place)
            else:
                kept.append(value)
        return Choice(parameter.name, tuple(kept), when)

    def _range(
        self,
        parameter: HyperParameter,
        entry: Entry,
        table: Mapping[str, object],
        when: tuple[Condition, ...],
        inside: tuple[str, ...],
    ) -> Range | None:
        whole = parameter.kind == "integer"
        if parameter.kind not in ("real", "integer"):
            known = "a list of lists, or { depth = …, width = … }" if parameter.kind == "widths" else "a list of values"
            self._wrong(entry, f"expected {known}, not a range; allowed: {parameter.allowed()}", *inside)
            return None
        before = len(self.mistakes)
        low, high = (self._end(parameter, entry, table, end, inside) for end in ("low", "high"))
        scale = table.get("scale", parameter.scale)
        if not isinstance(scale, str) or scale not in SCALES:
            self._wrong(
                entry,
                f"expected one of {listed(SCALES)}, got {shown(scale)}{did_you_mean(scale, SCALES)}",
                *inside,
                "scale",
            )
        step, points = table.get("step"), table.get("points")
        if points is not None and (
            isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= 10_000
        ):
            self._wrong(entry, f"expected a whole number from 1 to 10000, got {shown(points)}", *inside, "points")
        elif points is not None and step is not None:
            self._wrong(entry, "either step or points: a grid takes every step", *inside, "points")
        log = scale == "log"
        if low is not None and high is not None:
            if low >= high:
                self._wrong(entry, f"low must be below high, got low {shown(low)} and high {shown(high)}", *inside)
            elif log and low <= 0:
                self._wrong(entry, f'a log scale needs a low above 0, got {shown(low)}; or scale = "linear"', *inside)
            elif step is not None and (message := _step_fault(low, high, log, whole, step)):
                self._wrong(entry, f"{message}, got {shown(step)}", *inside, "step")
        if low is None or high is None or len(self.mistakes) > before:
            return None
        kept_step = step if isinstance(step, int | float) else None
        return Range(
            parameter.name,
            low,
            high,
            whole,
            log,
            kept_step,
            points if isinstance(points, int) else None,
            when,
            limits(parameter),
        )

    def _end(
        self, parameter: HyperParameter, entry: Entry, table: Mapping[str, object], end: str, inside: tuple[str, ...]
    ) -> float | None:
        if end not in table:
            declared = limits(parameter)
            if declared is None:
                self._wrong(entry, f"{end} is missing", *inside)
                return None
            value: object = declared[end == "high"]
        else:
            value = table[end]
            message = fault(parameter, value)
            if message:
                self._wrong(entry, message, *inside, end)
                return None
        if isinstance(value, int | float):
            return int(value) if parameter.kind == "integer" else float(value)
        return None

    def _layers(
        self, parameter: HyperParameter, entry: Entry, table: Mapping[str, object], when: tuple[Condition, ...]
    ) -> list[Axis | None]:
        """Read hidden = { depth = …, width = … }: two axes, of which a point makes one list."""
        if parameter.kind != "widths":
            self._wrong(entry, f"depth and width are for lists of layers; allowed: {parameter.allowed()}")
            return []
        axes: list[Axis | None] = []
        for part in ("depth", "width"):
            spec = table.get(part)
            if isinstance(spec, dict):
                for key in spec:
                    if key not in ("low", "high", "scale", "step", "points"):
                        self._wrong(
                            entry,
                            f"unknown key, allowed: low, high, scale, step, points{did_you_mean(key, KEYS)}",
                            part,
                            key,
                        )
                axes.append(self._range(_part(parameter, part), entry, spec, when, (part,)))
            elif isinstance(spec, int | list):
                items = spec if isinstance(spec, list) else [spec]
                axes.append(self._choice(_part(parameter, part), entry, items, when, (part,)))
            else:
                got = "nothing" if spec is None else kind_of(spec)
                self._wrong(
                    entry,
                    f"expected depth and width, each a whole number, a list or {{ low, high }}; {part} is {got}",
                )
        return axes

    def _when(self, name: str, entry: Entry, table: Mapping[str, object]) -> tuple[Condition, ...]:
        when = table.get("when", {})
        if not isinstance(when, dict):
            self._wrong(entry, 'expected a table, as in when = { optimizer = ["momentum"] }', "when")
            return ()
        conditions = []
        for other, _, allowed in flattened(when, self.known):
            if other not in self.known:
                self._wrong(entry, f"unknown hyper-parameter{did_you_mean(other, self.known)}", "when", other)
            elif other == name:
                self._wrong(entry, "a hyper-parameter cannot depend on itself", "when", other)
            else:
                parameter = self.known[other]
                items = allowed if isinstance(allowed, list) and _holds_several(parameter, allowed) else [allowed]
                faults = [message for item in items if (message := fault(parameter, item))]
                for message in faults or ([] if items else ["expected at least one value"]):
                    self._wrong(entry, message, "when", other)
                if items and not faults:
                    conditions.append((other, tuple(canonical(parameter, item) for item in items)))
        return tuple(conditions)

    def _declared(self, parameter: HyperParameter, entry: Entry) -> object:
        if parameter.kind == "flag":
            return [False, True]
        if parameter.kind == "choice":
            return list(parameter.choices or ())
        if parameter.kind in ("real", "integer") and limits(parameter) is not None:
            return {}
        self._wrong(entry, 'has no declared bounds that "default" could stand for; give a list of values')
        return [parameter.default]

    def _wrong(self, entry: Entry, message: str, *inside: str | int) -> None:
        self.mistakes.append(entry.mistake(message, *inside))


def fault(parameter: HyperParameter, value: object) -> str | None:
    """What is wrong with a value for a hyper-parameter, what is allowed, and what was perhaps meant."""
    if isinstance(value, int) and not isinstance(value, bool) and not is_finite(value):
        return f"expected {parameter.allowed()}, got {shown(value)}"
    if isinstance(value, list) and any(isinstance(item, int) and not is_finite(item) for item in value):
        return f"expected {parameter.allowed()}, got a number too large"
    if isinstance(value, dict) or (isinstance(value, list) and len(value) > 1000):
        return f"expected {parameter.allowed()}, got {kind_of(value)}"
    if parameter.name.endswith((".depth", ".width")):
        return wrong(Option(parameter.name, "integer", 1, low=parameter.low, high=parameter.high), value)
    message = check(parameter.name, value)
    choices = [choice for choice in parameter.choices or () if isinstance(choice, str)]
    return f"expected {parameter.allowed()}, got {shown(value)}{did_you_mean(value, choices)}" if message else None


def canonical(parameter: HyperParameter, value: object) -> Value:
    """The value in its hyper-parameter's own type: a real is a float, however it was written."""
    kept = frozen(value)
    return float(kept) if parameter.kind == "real" and isinstance(kept, int) else kept


def limits(parameter: HyperParameter) -> tuple[float, float] | None:
    """The declared bounds as a closed range: an open end is moved inwards by a millionth; None if there are none."""
    if parameter.low is None or parameter.high is None:
        return None
    inwards = 0.0 if parameter.kind != "real" else (parameter.high - parameter.low) * 1e-6
    return parameter.low + inwards * parameter.low_open, parameter.high - inwards * parameter.high_open


def flattened(
    table: Mapping[str, object], known: Mapping[str, HyperParameter], before: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], object]]:
    """(flat name, path in the table, value) of each hyper-parameter: `weight_decay = { norm = … }` is
    weight_decay.norm."""
    for key, value in table.items():
        path = (*before, key)
        name = ".".join(path)
        inner = [other[len(name) + 1 :] for other in known if other.startswith(name + ".")]
        if isinstance(value, dict) and inner and not any(part in KEYS for part in value):
            yield from flattened(value, known, path)
        else:
            yield name, path, value


def _holds_several(parameter: HyperParameter, value: list[object]) -> bool:
    """Whether a list holds several values, rather than being one: [100, 100] is one value of `hidden`, [[50], [100]]
    are two."""
    return parameter.kind != "widths" or not value or any(isinstance(item, list) for item in value)


def _part(parameter: HyperParameter, part: str) -> HyperParameter:
    """Depth or width of a list of layers, as a hyper-parameter of its own."""
    name = f"{parameter.name}.{part}"
    if part == "depth":
        return replace(parameter, name=name, kind="integer", low=1, high=DEEPEST, scale="linear")
    return replace(parameter, name=name, kind="integer")


def _step_fault(low: float, high: float, log: bool, whole: bool, step: object) -> str | None:
    """What a range's step must be, if it is not: added on a linear scale, multiplied on a log scale."""
    if not isinstance(step, int | float) or not _is_number(step):
        return "expected a number"
    if whole and not isinstance(step, int):
        return "expected a whole number, for the range is one of whole numbers"
    least, most = (1, high / low) if log else (0, high - low)  # only a log scale has a low that can divide
    if not least < step <= most:
        note = " (on a log scale a step multiplies)" if log else ""
        return f"expected a number above {least} and at most {most:g}{note}"
    steps = (math.log(high) - math.log(low)) / math.log(step) if log else (high - low) / step
    return f"expected a step that makes at most {MOST_STEPS:,} values" if steps > MOST_STEPS else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)
