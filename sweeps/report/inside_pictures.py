"""Pictures of what happened inside the networks: activations and gradients, with the sentence that says what to see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures.curves import LayerLines, layer_lines, thin
from sweeps.figures.histograms import LayerHistogram, LevelHistograms, activation_histograms
from sweeps.figures.picture import Mark, Picture
from sweeps.figures.scales import number
from sweeps.report.evidence import Evidence, Run, as_number
from sweeps.report.factors import Factor
from sweeps.report.select import typical
from sweeps.report.words import listed, metric_words, point_text, value_text

MOST_LAYERS = 8  # rows or lines; of a deeper network, evenly chosen layers
MOST_GROUPS = 4
MOST_PANELS = 24
NOTHING = 0.005  # a share below this is none
VANISHED = 1e-3  # a first layer whose gradient is below so much of the last layer's gets next to none
SHARES = {
    "dead": ("Dead units by layer", "Share of a layer's units that let no gradient through for any sample."),
    "saturated": (
        "Saturated activations by layer",
        "Share of a layer's activations at the flat ends of the activation function.",
    ),
}


def histograms_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """Activation histograms of each level's typical run, a group of panels for each activation function."""
    groups = _by_activation(evidence)
    levels, sentences = [], []
    for activation, runs in list(groups.items())[:MOST_GROUPS]:
        heading = activation if len(groups) > 1 else ""
        mine = []
        for level in factor.levels:
            run = typical(evidence, [run for run in runs if factor.of(run) == level], pictured=True)
            if run is not None:
                mine.append(_level_histograms(run, level, factor.colours[level], heading))
        levels += mine
        sentences.append(_spread_sentence(activation, mine))
    if not levels:
        return None
    sentence = " ".join(filter(None, sentences))
    cells = [cell for level in levels for _, layers in level.epochs for cell in layers]
    marks = [Mark("share of the activations in each bin", "muted", "box")]
    if any(cell.zeros for cell in cells):
        marks.append(Mark("exactly 0", "ink", "box"))
    if any(cell.underflow or cell.overflow for cell in cells):
        marks.append(Mark("outside the range", "alarm", "box"))
    return Picture(
        "activations",
        "Activations by layer",
        sentence,
        f"Histograms of activations, rows are layers, columns are {factor.name} levels. {sentence}",
        activation_histograms(levels),
        (),
        tuple(marks),
        "Rows are hidden layers, from the input (1) on; each pair of columns is a level before the first step and "
        "after the last. All cells of a group share bins and axes; heights are cube roots of shares, so that a spike "
        "and a wide bell are legible on one scale. σ is the standard deviation. Shown is the best trial of each level, "
        "on the same samples of the validation part.",
    )


def _by_activation(evidence: Evidence) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    names = [value_text(run.parameters.get("activation", "")) for run in evidence.runs]
    order = list(evidence.orders.get("activation", ()))
    for name in sorted(set(names), key=lambda each: (order.index(each) if each in order else len(order), each)):
        found[name] = [run for run, other in zip(evidence.runs, names, strict=True) if other == name]
    return found


def _level_histograms(run: Run, level: str, colour: int, heading: str) -> LevelHistograms:
    known = sorted(run.activations)
    ends = dict.fromkeys((known[0], known[-1]))
    epochs = tuple((f"epoch {epoch}", _cells(run.activations[epoch])) for epoch in ends)
    return LevelHistograms(level, colour, f"#{run.order}", epochs, heading)


def _cells(layers: Sequence[Mapping[str, Any]]) -> tuple[LayerHistogram, ...]:
    cells = []
    for index in thin(len(layers), MOST_LAYERS).astype(int):
        layer = layers[index]
        edges = layer["edges"]
        cells.append(
            LayerHistogram(
                int(index) + 1,
                np.asarray(layer["counts"], dtype=float),
                float(edges[0]),
                float(edges[-1]),
                float(layer["zeros"]),
                float(layer["underflow"]),
                float(layer["overflow"]),
                as_number(layer.get("std")),
            )
        )
    return tuple(cells)


def _spread_sentence(activation: str, levels: Sequence[LevelHistograms]) -> str:
    """Before the first step: where the spread survives all layers, where it dies, where it sits at the ends."""
    if not levels:
        return ""
    if len(levels) == 1 and len(levels[0].epochs[0][1]) > 1:
        cells = levels[0].epochs[0][1]
        return (
            f"Before the first step the spread goes from σ {number(cells[0].std, 2)} in the first layer "
            f"to {number(cells[-1].std, 2)} in the last."
        )
    first = {level.level: level.epochs[0][1] for level in levels}
    deep = {
        level: cells[-1].std / cells[0].std for level, cells in first.items() if len(cells) > 1 and cells[0].std > 0
    }
    ends = {level: _ends(cells[-1]) for level, cells in first.items()}
    parts = []
    saturated = [f"{level} ({100 * share:.0f} %)" for level, share in ends.items() if share > 0.5]
    if saturated:
        parts.append(
            f"{listed(saturated)} drive{'s' if len(saturated) == 1 else ''} most of the last layer's activations "
            "to the ends of the range"
        )
    crowded = [
        level
        for level, cells in first.items()
        if level not in ends or ends[level] <= 0.5
        if cells[-1].std < 0.02 * _width(cells[-1])
    ]
    if crowded:
        parts.append(f"{listed(crowded)} crowd{'s' if len(crowded) == 1 else ''} the last layer at one value")
    kept = [level for level in deep if level not in crowded and ends[level] <= 0.5]
    if kept:
        best = min(kept, key=lambda level: abs(math.log(deep[level])) if deep[level] > 0 else math.inf)
        parts.append(
            f"{best} keeps its spread best (σ {number(first[best][0].std, 2)} in the first layer, "
            f"{number(first[best][-1].std, 2)} in the last)"
        )
    if not parts:
        return _growth_sentence(levels)
    return f"Before the first step under {activation or 'this activation'}: {'; '.join(parts)}."


def _growth_sentence(levels: Sequence[LevelHistograms]) -> str:
    """Where training changed the last layer's spread most."""
    growth = {
        level.level: (level.epochs[0][1][-1].std, level.epochs[-1][1][-1].std)
        for level in levels
        if len(level.epochs) > 1
    }
    if not growth:
        return "Training did not go far enough to change them."
    most = max(growth, key=lambda level: abs(growth[level][1] - growth[level][0]))
    before, after = growth[most]
    return (
        f"Training changes the spread of the last hidden layer most under {most}: "
        f"σ {number(before, 2)} at the start, {number(after, 2)} at the end."
    )


def _ends(cell: LayerHistogram) -> float:
    """Share of a bounded activation in the outermost twentieth at both ends; 0 for an unbounded one."""
    if not cell.total or (cell.low, cell.high) not in ((0.0, 1.0), (-1.0, 1.0)):
        return 0.0
    outer = max(1, len(cell.counts) // 20)
    return float(cell.counts[:outer].sum() + cell.counts[-outer:].sum()) / cell.total


def _width(cell: LayerHistogram) -> float:
    return cell.high - cell.low


def gradients_picture(evidence: Evidence, factor: Factor) -> Picture | None:
    """Gradient norm by layer over the epochs, of each level's typical run; a vanishing gradient shows as a fan."""
    return _layers_picture(
        evidence,
        factor,
        "gradient_norm",
        "gradients",
        "Gradient norm by layer",
        "Norm of the loss's gradient by a layer's weights, on a logarithmic axis. Lines that fan out are a gradient "
        "that vanishes or explodes on its way to the first layer.",
    )


def shares_picture(evidence: Evidence, factor: Factor, prefix: str) -> Picture | None:
    """Share of dead units, or of saturated activations, by layer over the epochs; levels without any are left out."""
    title, reading = SHARES[prefix]
    return _layers_picture(evidence, factor, prefix, prefix, title, reading)


def _layers_picture(
    evidence: Evidence, factor: Factor, prefix: str, name: str, title: str, reading: str
) -> Picture | None:
    groups = _by_activation(evidence)
    grouped = len(groups) > 1 and factor.name != "activation" and len(groups) * len(factor.levels) <= MOST_PANELS
    levels: list[LayerLines] = []
    shown: dict[tuple[str, str], Run] = {}
    for activation, runs in list(groups.items())[:MOST_GROUPS] if grouped else [("", list(evidence.runs))]:
        for level in factor.levels:
            run = typical(evidence, [run for run in runs if factor.of(run) == level and run.layers(prefix)])
            if run is not None and (prefix == "gradient_norm" or _any(run, prefix)):
                levels.append(_lines(run, prefix, level, factor.colours[level], activation))
                shown[factor.say(level), activation] = run
    if not levels:
        return None
    sentence = _fan_sentence(shown) if prefix == "gradient_norm" else _share_sentence(shown, prefix)
    deepest = max(len(level.layers) for level in levels)
    marks = (Mark("first layer", "layer0", "line"), Mark(f"last of {deepest}", "layer7", "line"))
    who = "; ".join(
        f"{_places([place])}: {point_text(run.point, (factor.name,))}" for place, run in list(shown.items())[:12]
    )
    return Picture(
        name,
        title,
        sentence,
        f"{metric_words(prefix)} by layer and epoch, a panel for each of {_places(list(shown))}. {sentence}",
        layer_lines(levels, share=prefix != "gradient_norm"),
        (),
        marks,
        f"{reading} Shown is the best trial of each level ({who}).",
    )


def _any(run: Run, prefix: str) -> bool:
    """Whether any layer's share is ever worth drawing."""
    return any(bool((run.metrics[name][np.isfinite(run.metrics[name])] > NOTHING).any()) for name in run.layers(prefix))


def _lines(run: Run, prefix: str, level: str, colour: int, heading: str) -> LayerLines:
    names = run.layers(prefix)
    chosen = [names[index] for index in thin(len(names), MOST_LAYERS).astype(int)]
    table = np.vstack([run.metrics[name] for name in chosen])
    known = np.isfinite(table).any(axis=0)
    keep = np.flatnonzero(known)[thin(int(known.sum()))]
    layers = tuple(name.rsplit("layer", 1)[1] for name in chosen)
    return LayerLines(level, colour, f"#{run.order}", run.epochs[keep], table[:, keep], layers, heading)


def _first_to_last(run: Run, prefix: str) -> tuple[float, float]:
    """The first known values of the first and the last layer."""
    ends = []
    for name in (run.layers(prefix)[0], run.layers(prefix)[-1]):
        values: Array = run.metrics[name]
        known = values[np.isfinite(values)]
        ends.append(float(known[0]) if known.size else math.nan)
    return ends[0], ends[1]


def _fan_sentence(shown: Mapping[tuple[str, str], Run]) -> str:
    """Where the gradient vanishes or explodes before the first step, and where it arrives most evenly."""
    ratios = {}
    for place, run in shown.items():
        first, last = _first_to_last(run, "gradient_norm")
        if last > 0 and math.isfinite(first):
            ratios[place] = first / last
    if not ratios:
        return "No level has a gradient to show."
    gone = [place for place, ratio in ratios.items() if ratio < VANISHED]
    grown = [place for place, ratio in ratios.items() if ratio > 1 / VANISHED]
    words = [
        f"Before the first step the gradient {verb} on its way back to the first layer under {_places(places)}"
        for verb, places in (("vanishes", gone), ("explodes", grown))
        if places
    ]
    fine = {place: abs(math.log(ratio)) for place, ratio in ratios.items() if ratio > 0 and not shown[place].lost}
    if fine:
        even = min(fine, key=lambda place: fine[place])
        where = f"It arrives most evenly under {_places([even])}" if len(ratios) > 1 else "It arrives"
        words.append(f"{where}: the first layer's is {number(ratios[even], 2)} times the last's")
    if not words:
        return "The gradient reaches every layer, in trainings that came to nothing."
    text = ". ".join(words)
    return (text if words[0].startswith("Before") else text.replace("It", "The gradient", 1)) + "."


def _places(places: Sequence[tuple[str, str]]) -> str:
    """Levels by their activation: `zero and xavier with sigmoid, he with relu`."""
    groups: dict[str, list[str]] = {}
    for level, activation in places:
        groups.setdefault(activation, []).append(level)
    return ", ".join(listed(levels) + (f" with {name}" if name else "") for name, levels in groups.items())


def _share_sentence(shown: Mapping[tuple[str, str], Run], prefix: str) -> str:
    worst, share, layer = None, 0.0, ""
    for place, run in shown.items():
        for name in run.layers(prefix):
            value = run.last(name)
            if value > share:
                worst, share, layer = place, value, name.rsplit("layer", 1)[1]
    if worst is None:
        return "None at the end of any of these trainings."
    return f"Largest at the end: {100 * share:.0f} % of layer {layer} under {_places([worst])}."
