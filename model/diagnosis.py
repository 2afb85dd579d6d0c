"""Diagnoses: named training failures, found in the epoch records, with the numbers that show them and the usual remedy.

Each is a function from records and specification to a `Finding` or None. The thresholds are ours, stated at each;
they are rules of thumb that separate the textbook cases from healthy trainings, not tests of significance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from model.records import EpochRecord, LayerActivations
from model.registry import Registry
from model.specification import Specification


@dataclass(frozen=True)
class Finding:
    """A diagnosis: `summary` is one sentence with numbers, `advice` what the field does about it."""

    name: str
    epoch: int
    summary: str
    advice: str


Records = Sequence[EpochRecord]
Diagnosis = Callable[[Records, Specification], Finding | None]
DIAGNOSES: Registry[Diagnosis] = Registry("diagnosis")


def diagnose(records: Records, specification: Specification) -> tuple[Finding, ...]:
    """All findings in the records of one training, in the order of registration."""
    if not records:
        return ()
    found = (entry.value(records, specification) for entry in DIAGNOSES)
    return tuple(finding for finding in found if finding is not None)


@DIAGNOSES.register("divergence", source="Goodfellow, Bengio & Courville 2016, section 11.4.1")
def divergence(records: Records, specification: Specification) -> Finding | None:
    """A loss that is NaN or infinite, or a training loss that ends above 10 times its start"""
    start, last = records[0].metrics["train/loss"], records[-1]
    lost = next((record for record in records if not all(map(math.isfinite, _losses(record)))), None)
    where = lost or last
    loss = where.metrics["train/loss"]
    if lost is None and loss <= 10.0 * start:
        return None
    return Finding(
        "divergence",
        where.epoch,
        f"The training loss went from {start:.3g} to {loss:.3g} by epoch {where.epoch}"
        f" (validation {where.metrics['validation/loss']:.3g}).",
        "Lower the learning rate, begin with a warm-up, clip the gradient, or use smaller initial weights.",
    )


@DIAGNOSES.register("symmetry", source="Deep Learning from Scratch, section 6.2.1")
def symmetry(records: Records, specification: Specification) -> Finding | None:
    """Units of a layer that do the same at the start and still at the end (spread below 0.0001)"""
    pictures = _pictures(records)
    if not pictures:
        return None
    (_, first), (epoch, last) = pictures[0], pictures[-1]
    for before, after in zip(first, last, strict=True):
        if before.spread < 1e-4 and after.spread < 1e-4:
            return Finding(
                "symmetry",
                epoch,
                f"All units of {after.layer} do the same: they differ by {after.spread:.1g} of the largest value "
                f"at epoch {epoch}.",
                "Draw the initial weights at random (xavier for sigmoid and tanh, he for relu).",
            )
    return None


@DIAGNOSES.register("vanishing_gradient", source="Hochreiter 1991; Glorot & Bengio 2010, section 4.2")
def vanishing_gradient(records: Records, specification: Specification) -> Finding | None:
    """A first layer whose gradient is below 1/1000 of the whole gradient, in half of the epochs or more"""
    lengths = ((record, first, record.metrics["gradient_norm/all"]) for record, first, _ in _end_gradients(records))
    ratios = [(first / whole, record.epoch) for record, first, whole in lengths if whole > 0.0]
    low = [(ratio, epoch) for ratio, epoch in ratios if ratio < 1e-3]
    if not low or 2 * len(low) < len(ratios):
        return None
    ratio, epoch = min(low)
    return Finding(
        "vanishing_gradient",
        epoch,
        f"The gradient of the first layer is {ratio:.1g} times the whole gradient (epoch {epoch}).",
        "Use initial weights that suit the activation (he for relu, xavier for tanh), relu, batch normalization or "
        "fewer layers.",
    )


@DIAGNOSES.register("exploding_gradient", source="Pascanu, Mikolov & Bengio 2013, section 2")
def exploding_gradient(records: Records, specification: Specification) -> Finding | None:
    """A gradient longer than 1000, or a first layer's more than 1000 times the last's"""
    for record, first, last in _end_gradients(records):
        length = record.metrics["gradient_norm/all"]
        if length > 1e3 or first > 1e3 * last > 0.0:
            return Finding(
                "exploding_gradient",
                record.epoch,
                f"At epoch {record.epoch} the gradient is {length:.3g} (first layer {first:.3g}, last {last:.3g}).",
                "Use smaller initial weights, clip the gradient, lower the learning rate or use batch normalization.",
            )
    return None


@DIAGNOSES.register("saturation", source="Glorot & Bengio 2010, section 3")
def saturation(records: Records, specification: Specification) -> Finding | None:
    """A layer of a bounded activation with 30 % or more of its values at an end"""
    for epoch, layers in _pictures(records):
        worst = max(layers, key=lambda layer: layer.saturated)
        if worst.saturated >= 0.3:
            return Finding(
                "saturation",
                epoch,
                f"At epoch {epoch} {worst.saturated:.0%} of the activations of {worst.layer} lie at an end of "
                f"{specification.hyperparameters['activation']}.",
                "Use smaller initial weights (xavier), batch normalization, a lower learning rate, or relu.",
            )
    return None


@DIAGNOSES.register("dead_units", source="Maas, Hannun & Ng 2013, section 2")
def dead_units(records: Records, specification: Specification) -> Finding | None:
    """A layer with 40 % or more of its units passing no gradient for any sample, when last recorded"""
    pictures = _pictures(records)
    if not pictures:
        return None
    epoch, layers = pictures[-1]
    worst = max(layers, key=lambda layer: layer.dead)
    if not worst.dead >= 0.4:
        return None
    return Finding(
        "dead_units",
        epoch,
        f"At epoch {epoch} {worst.dead:.0%} of the units of {worst.layer} pass no gradient for any probe sample.",
        "Lower the learning rate, use he's initial weights, batch normalization, or leaky_relu.",
    )


@DIAGNOSES.register("overfitting", source="Deep Learning from Scratch, section 6.4; Prechelt 1998")
def overfitting(records: Records, specification: Specification) -> Finding | None:
    """Accuracy in training 0.1 above validation, or a validation loss 1.25 times its lowest though training went on"""
    last, losses = records[-1].metrics, [record.metrics["validation/loss"] for record in records]
    if not math.isfinite(losses[-1]) or not math.isfinite(last["train/loss"]) or len(records) < 2:
        return None
    best = min(range(len(losses)), key=losses.__getitem__)
    gap = last.get("train/accuracy", 0.0) - last.get("validation/accuracy", 0.0)
    rose = losses[-1] > 1.25 * losses[best] and last["train/loss"] < records[best].metrics["train/loss"]
    if gap < 0.1 and not rose:
        return None
    numbers = f"Validation loss {losses[-1]:.3g}, lowest {losses[best]:.3g} at epoch {records[best].epoch}"
    accuracies = f"; accuracy {last['train/accuracy']:.1%} in training, {gap:.1%} less in validation" if gap else ""
    return Finding(
        "overfitting",
        records[-1].epoch,
        f"{numbers}{accuracies}.",
        "Use weight decay, dropout, fewer units, fewer epochs or more data.",
    )


@DIAGNOSES.register("plateau", source="Goodfellow, Bengio & Courville 2016, section 5.2")
def plateau(records: Records, specification: Specification) -> Finding | None:
    """A training loss that fell by less than a tenth over the whole training"""
    start, last = records[0].metrics["train/loss"], records[-1].metrics["train/loss"]
    if len(records) < 2 or not math.isfinite(last) or not 0.9 * start < last <= 10.0 * start:
        return None
    return Finding(
        "plateau",
        records[-1].epoch,
        f"The training loss was {start:.3g} before the first step and is {last:.3g} after epoch {records[-1].epoch}.",
        "Raise the learning rate, train longer, use more units, and look at the initial weights and the gradients.",
    )


def _losses(record: EpochRecord) -> tuple[float, float]:
    return record.metrics["train/loss"], record.metrics["validation/loss"]


def _pictures(records: Records) -> list[tuple[int, tuple[LayerActivations, ...]]]:
    """(epoch, activations) of the records that hold finite activations."""
    pictures = [(record.epoch, record.activations) for record in records if record.activations]
    return [(epoch, layers) for epoch, layers in pictures if all(math.isfinite(layer.std) for layer in layers)]


def _end_gradients(records: Records) -> Iterator[tuple[EpochRecord, float, float]]:
    """Records with the gradient norms of the first and of the last layer, as far as they are finite."""
    for record in records:
        names = [name for name in record.metrics if name.startswith("gradient_norm/layer")]
        first, last = record.metrics[names[0]], record.metrics[names[-1]]
        if math.isfinite(first) and math.isfinite(last):
            yield record, first, last
