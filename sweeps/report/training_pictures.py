"""Pictures of what happened inside: learning curves, activations and gradients, with the sentence that says what to see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweeps.comparison.points import Array
from sweeps.figures.curves import Band, LayerLines, LevelCurves, layer_lines, learning_curves, thin
from sweeps.figures.histograms import LayerHistogram, LevelHistograms, activation_histograms
from sweeps.figures.picture import Mark, Picture
from sweeps.figures.scales import number
from sweeps.report.evidence import Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.select import band, best_runs, typical
from sweeps.report.words import count_text, is_share, listed, metric_text, metric_words, point_text, value_text

MOST_LAYERS = 8  # rows or lines; of a deeper network, evenly chosen layers
MOST_GROUPS = 4
MOST_PANELS = 24


def curves_picture(
    evidence: Evidence, factor: Factor, kind: str = "loss", second: Factor | None = None
) -> Picture | None:
    """Training and validation curves by level; a row of panels for each level of a second, crossed factor.

    Over the replicates of each level's best point where there are several, else over all of the level's trials.
    """
    replicated = max((len(runs) for runs in evidence.points.values()), default=0) > 1
    minimize = not is_share(kind)
    levels: list[LevelCurves] = []
    sentences = []
    for row in second.levels if second is not None else ("",):
        ends: dict[str, tuple[float, float]] = {}
        heading = f"{second.name} {row}" if second is not None else ""
        for level in factor.levels:
            runs = [
                run
                for run in factor.runs(evidence, level)
                if len(run.epochs) and (second is None or second.of(run) == row)
            ]
            shown = best_runs(evidence, runs) if replicated else runs
            found = _level_curves(shown, kind, (level, factor.colours[level], heading), replicates=replicated)
            if found is not None:
                levels.append(found)
                ends[level] = (_final(found.train), _final(found.validation))
        if ends:
            words = _curves_sentence(ends, kind, minimize)
            sentences.append(f"Under {heading}, {words}" if heading else words)
    if not levels:
        return None
    single = all(level.note == "1 trial" for level in levels)
    who = "the replicates of each level's best point" if replicated else "all trials of the level"
    sentence = " ".join(sentences)
    marks = [Mark(f"validation {kind}", "muted", "line"), Mark(f"training {kind}", "muted", "dashed")]
    if not single:
        marks.append(Mark("range over replicates" if replicated else "middle half of the trials", "muted", "band"))
    marks.append(Mark("the other levels", "ghost", "line"))
    return Picture(
        f"{kind}-{factor.name}", f"{kind.capitalize()} by {factor.name.replace('_', ' ')}", sentence,
        f"Curves of training and validation {kind} over the epochs, a panel for each of {listed(factor.levels)}. {sentence}",
        learning_curves(levels, kind, share=is_share(kind)), (), tuple(marks),
        "" if single else f"Median over {who}; trials that diverged count as infinitely bad from then on.",
    )  # fmt: skip


def _level_curves(
    runs: Sequence[Run], kind: str, level: tuple[str, int, str], *, replicates: bool
) -> LevelCurves | None:
    bands = [
        band(runs, f"{part}/{kind}", minimize=not is_share(kind), replicates=replicates)
        for part in ("train", "validation")
    ]
    known = next((found for found in bands[::-1] if found is not None), None)
    if known is None:
        return None
    keep = thin(len(known[0]))
    train, validation = (None if found is None else found[1].at(keep) for found in bands)
    name, colour, heading = level
    note = count_text(len(runs), "replicate" if replicates else "trial")
    return LevelCurves(name, colour, note, known[0][keep], train, validation, heading)


def _final(found: Band | None) -> float:
    """The last known middle value; nan if there is none."""
    known = np.zeros(0) if found is None else found.middle[~np.isnan(found.middle)]
    return float(known[-1]) if known.size else math.nan


def _curves_sentence(ends: Mapping[str, tuple[float, float]], kind: str, minimize: bool) -> str:
    validated = {level: end[1] for level, end in ends.items() if math.isfinite(end[1])}
    if not validated:
        return f"No level has a finite {kind} at the end."
    ordered = sorted(validated, key=lambda level: validated[level] if minimize else -validated[level])
    first, last = ordered[0], ordered[-1]
    words = f"{first} ends best, at a validation {kind} of {metric_text(kind, validated[first])}"
    if last != first:
        words += f"; {last} worst, at {metric_text(kind, validated[last])}"
    sign = 1 if minimize else -1
    gaps = {
        level: sign * (end[1] - end[0])
        for level, end in ends.items()
        if math.isfinite(end[0]) and math.isfinite(end[1])
    }
    widest = max(gaps, key=lambda level: gaps[level], default=None)
    if widest is not None and gaps[widest] > 0:
        share = f"{100 * gaps[widest]:.1f} points" if is_share(kind) else number(gaps[widest], 2)
        words += f". The widest gap between training and validation: {widest}, {share}"
    return words + "."


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
        "activations", "Activations by layer", sentence,
        f"Histograms of activations, rows are layers, columns are {factor.name} levels. {sentence}",
        activation_histograms(levels), (), tuple(marks),
        "Rows are hidden layers, from the input (1) on; each pair of columns is a level before the first step and after the last. All cells "
        "of a group share bins and axes; heights are square roots of shares, so that a spike and a wide bell are legible on one scale. "
        "σ is the standard deviation. Shown is the best trial of each level, on the same samples of the validation part.",
    )  # fmt: skip


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
                int(index) + 1, np.asarray(layer["counts"], dtype=float), float(edges[0]), float(edges[-1]),
                float(layer["zeros"]), float(layer["underflow"]), float(layer["overflow"]), float(layer["std"]),
            )
        )  # fmt: skip
    return tuple(cells)


def _spread_sentence(activation: str, levels: Sequence[LevelHistograms]) -> str:
    """Before the first step: where the spread survives all layers, where it dies, where it sits at the ends."""
    if not levels:
        return ""
    first = {level.level: level.epochs[0][1] for level in levels}
    deep = {
        level: cells[-1].std / cells[0].std for level, cells in first.items() if len(cells) > 1 and cells[0].std > 0
    }
    ends = {level: _ends(cells[-1]) for level, cells in first.items()}
    parts = []
    saturated = [f"{level} ({100 * share:.0f} %)" for level, share in ends.items() if share > 0.5]
    if saturated:
        parts.append(
            f"{listed(saturated)} drive{'s' if len(saturated) == 1 else ''} most of the last layer's activations to the ends of the range"
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
            f"{best} keeps its spread best (σ {number(first[best][0].std, 2)} in the first layer, {number(first[best][-1].std, 2)} in the last)"
        )
    if not parts:
        return ""
    return f"Before the first step under {activation or 'this activation'}: {'; '.join(parts)}."


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
        evidence, factor, "gradient_norm", "gradients", "Gradient norm by layer",
        "Norm of the loss's gradient by a layer's weights, on a logarithmic axis. Lines that fan out are a gradient that vanishes or "
        "explodes on its way to the first layer.",
    )  # fmt: skip


def shares_picture(evidence: Evidence, factor: Factor, prefix: str) -> Picture | None:
    """Share of dead units, or of saturated activations, by layer over the epochs; None where there never are any."""
    picture = _layers_picture(
        evidence, factor, prefix, prefix, {"dead": "Dead units", "saturated": "Saturated activations"}[prefix] + " by layer",
        {"dead": "Share of a layer's units that let no gradient through for any sample.",
         "saturated": "Share of a layer's activations at the flat ends of the activation function."}[prefix],
    )  # fmt: skip
    largest = max(
        (run.last(name) for run in evidence.runs for name in run.layers(prefix) if not math.isnan(run.last(name))),
        default=0.0,
    )
    return picture if largest > 0.005 else None


def _layers_picture(
    evidence: Evidence, factor: Factor, prefix: str, name: str, title: str, reading: str
) -> Picture | None:
    groups = _by_activation(evidence)
    grouped = len(groups) > 1 and factor.name != "activation" and len(groups) * len(factor.levels) <= MOST_PANELS
    levels: list[LayerLines] = []
    shown: dict[str, Run] = {}
    for activation, runs in list(groups.items())[:MOST_GROUPS] if grouped else [("", list(evidence.runs))]:
        for level in factor.levels:
            run = typical(evidence, [run for run in runs if factor.of(run) == level and run.layers(prefix)])
            if run is not None:
                levels.append(_lines(run, prefix, level, factor.colours[level], activation))
                shown[f"{level} under {activation}" if activation else level] = run
    if not levels:
        return None
    sentence = _fan_sentence(shown) if prefix == "gradient_norm" else _share_sentence(shown, prefix)
    deepest = max(len(level.layers) for level in levels)
    marks = (Mark("first layer", "layer0", "line"), Mark(f"last of {deepest}", "layer7", "line"))
    who = "; ".join(f"{level}: {point_text(run.point, (factor.name,))}" for level, run in list(shown.items())[:12])
    return Picture(
        name, title, sentence, f"{metric_words(prefix)} by layer and epoch, a panel for each of {listed(shown)}. {sentence}",
        layer_lines(levels, share=prefix != "gradient_norm"), (), marks, f"{reading} Shown is the best trial of each level ({who}).",
    )  # fmt: skip


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


def _fan_sentence(shown: Mapping[str, Run]) -> str:
    ratios = {}
    for level, run in shown.items():
        first, last = _first_to_last(run, "gradient_norm")
        if last > 0 and math.isfinite(first):
            ratios[level] = first / last
    if not ratios:
        return "No level has a gradient to show."
    smallest, largest = min(ratios, key=lambda level: ratios[level]), max(ratios, key=lambda level: ratios[level])
    gone = [level for level, ratio in ratios.items() if ratio < 1e-3]
    words = f"At the start the first layer's gradient is {number(ratios[smallest], 2)} times the last layer's under {smallest}"
    if largest != smallest:
        words += f" and {number(ratios[largest], 2)} times under {largest}"
    return words + (f"; it vanishes (below a thousandth) under {listed(gone)}." if gone else "; it vanishes nowhere.")


def _share_sentence(shown: Mapping[str, Run], prefix: str) -> str:
    worst, share, layer = "", 0.0, ""
    for level, run in shown.items():
        for name in run.layers(prefix):
            value = run.last(name)
            if value > share:
                worst, share, layer = level, value, name.rsplit("layer", 1)[1]
    if not worst:
        return "None at the end of any of these trainings."
    return f"Largest at the end: {100 * share:.0f} % of layer {layer} under {worst}."
