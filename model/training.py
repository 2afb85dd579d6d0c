"""Training: an iterator of epoch records, which the caller logs, stops, saves and continues as it likes.

    for record in train(Specification({"optimizer": "adam", "epochs": 10}), split(load("digits"))):
        print(record.epoch, record.metrics["validation/accuracy"])

An epoch is one pass over the training part in a new random order, in mini-batches without replacement; the last,
partial batch is kept. The same specification and data give the same records to the last bit (all but
`seconds/epoch`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model import evaluation
from model.data import DataError
from model.hyperparameters import make, make_settings
from model.losses import LOSSES, Loss
from model.network import Network
from model.records import EpochRecord, LayerActivations
from model.saving import SavedTrainingError, pack, unpack
from model.specification import Specification
from model.splitting import Split
from model.step import Stepper
from model.streams import raw_stream, set_state, state_of, stream

__all__ = ["EpochRecord", "LayerActivations", "Training", "train"]

Array = NDArray[Any]
DIVERGENCE = 100.0  # a training loss of this many times its start (or that of guessing) is called divergence
EVALUATED_ROWS = 1000  # rows of the training part, always the same, that train/loss and train/accuracy are taken from
GRADIENT_ROWS = 256  # the first of them are the batch whose gradient norms are recorded
PROBE_ROWS = 1000  # rows of the validation part whose activations are recorded
GATHERED_BYTES = 1 << 18  # the rows of several small batches are gathered at once, up to this size


def train(specification: Specification, data: Split) -> Iterator[EpochRecord]:
    """The epoch records of one training, from epoch 0 (before the first step) to the last."""
    return Training(specification, data)


class Training(Iterator[EpochRecord]):
    """One training in progress. `epoch` is that of the last record (-1 before the first); `diverged` ends it early.

    Raises DataError if a batch is larger than the training part, or a test is wanted where no test part is.
    """

    def __init__(self, specification: Specification, data: Split) -> None:
        values = specification.hyperparameters
        settings = make_settings(values)
        rows = len(data.train)
        if settings.batch_size > rows:
            where = f"data set {data.name}"
            raise DataError(where, f"batch_size up to {rows}, all samples that train", str(settings.batch_size))
        if specification.test and not len(data.test):
            raise DataError(f"data set {data.name}", "samples in the test part, to judge by", "none")
        self.specification, self.data, self.settings = specification, data, settings
        self.epoch, self.diverged = -1, False
        seed, replicate = specification.seed, specification.replicate
        self._batches = stream("batches", seed=seed, replicate=replicate)
        self._dropout = raw_stream("dropout", seed=seed, replicate=replicate)
        self.network = Network(
            data.x.shape[1],
            data.outputs,
            settings,
            make("activation", values),
            make("initializer", values),
            weights_rng=stream("weights", seed=seed, replicate=replicate),
            dropout_bits=self._dropout,
        )
        self.loss: Loss = LOSSES[data.task]()
        self.stepper = Stepper(
            self.network,
            self.loss,
            make("optimizer", values),
            settings,
            schedule=make("schedule", values),
            penalty=make("weight_decay.norm", values) if settings.weight_decay_strength else None,
            steps_per_epoch=math.ceil(rows / settings.batch_size),
        )
        dtype = self.network.parameters.dtype
        self._one_hot = np.eye(data.outputs, dtype=dtype) if data.task == "classification" else None
        self._evaluated = self._part(data.train[:EVALUATED_ROWS])
        self._validation = self._part(data.validation)
        self._first_loss = math.log(data.outputs) if data.task == "classification" else 0.5  # that of guessing
        self._recorded = specification.recorded_epochs()

    def __iter__(self) -> Training:
        return self

    def __next__(self) -> EpochRecord:
        """Train one epoch (none at first) and tell about it."""
        if self.diverged or self.epoch >= self.settings.epochs:
            raise StopIteration
        start = time.perf_counter()
        with np.errstate(all="ignore"):  # overflow and NaN are results here: the record shows them
            if self.epoch >= 0:
                self.train_epoch()
            self.epoch += 1
            metrics = self._metrics()
            if self.specification.test and self.epoch == self.settings.epochs:
                metrics |= self._scores("test", self._part(self.data.test))
            activations = None
            if self.epoch in self._recorded:
                x = self._validation[0][:PROBE_ROWS]
                activations = evaluation.activation_statistics(self.network, x)
                metrics |= {f"dead/{layer.layer}": layer.dead for layer in activations}
                metrics |= {f"saturated/{layer.layer}": layer.saturated for layer in activations}
        loss = metrics["train/loss"]
        if self.epoch == 0 and loss > self._first_loss:
            self._first_loss = loss
        finite = math.isfinite(loss) and math.isfinite(metrics["validation/loss"])
        self.diverged = not finite or loss > DIVERGENCE * self._first_loss
        metrics["seconds/epoch"] = time.perf_counter() - start
        return EpochRecord(self.epoch, metrics, activations)

    def evaluate(self, part: str) -> dict[str, float]:
        """Loss and accuracy of a whole part, "train", "validation" or "test", as `test/loss`, `test/accuracy`."""
        rows = {"train": self.data.train, "validation": self.data.validation, "test": self.data.test}[part]
        if not len(rows):
            raise DataError(f"data set {self.data.name}", f"samples in the {part} part", "none")
        with np.errstate(all="ignore"):
            return self._scores(part, self._part(rows))

    def save(self) -> bytes:
        """All that is needed to continue to the same last bit, after any epoch."""
        memory = {f"memory_{name}": self.stepper.memory[name] for name in self.stepper.optimizer.remembers}
        arrays = {"parameters": self.network.parameters, "averages": self.network.averages, **memory}
        body = {
            "specification": self.specification.to_json(),
            "data": self.data.key,
            "epoch": self.epoch,
            "diverged": self.diverged,
            "steps": self.stepper.steps,
            "first_loss": repr(self._first_loss),
            "batches": state_of(self._batches.bit_generator),
            "dropout": state_of(self._dropout),
        }
        return pack(arrays, body)

    def trained(self) -> bytes:
        """The network as it is now with all it takes to predict for samples before scaling, for `model.inference`.

        With it comes an `example` (1, features): a row of the validation part, scaled back.
        """
        data, network = self.data, self.network
        arrays = {"parameters": network.parameters, "averages": network.averages}
        body = {
            "task": data.task,
            "classes": list(data.classes),
            "inputs": int(data.x.shape[1]),
            "hidden": list(self.settings.hidden),
            "activation": {
                "name": self.specification.hyperparameters["activation"],
                "arguments": asdict(make("activation", self.specification.hyperparameters)),
            },
            "batch_normalization": self.settings.batch_normalization,
            "batch_normalization_epsilon": self.settings.batch_normalization_epsilon,
            "dtype": self.settings.dtype,
            "image_shape": data.image_shape,
            "scaling": data.scaling,
            "target_mean": data.target_mean,
            "target_std": data.target_std,
            "epoch": self.epoch,
        }
        example = data.x[data.validation[:1]] * data.size + data.shift
        return pack({**arrays, "shift": data.shift, "size": data.size, "example": example}, body)

    @classmethod
    def restore(cls, saved: bytes, specification: Specification, data: Split) -> Training:
        """The training that `save` was called on. Raises SavedTrainingError if it was another one."""
        arrays, body = unpack(saved)
        for name, expected in (("specification", specification.to_json()), ("data", data.key)):
            if body.get(name) != expected:
                raise SavedTrainingError(f"saved training: expected {name} {expected}, got {body.get(name)}")
        training = cls(specification, data)
        stepper, network = training.stepper, training.network
        places = {"parameters": network.parameters, "averages": network.averages}
        places |= {f"memory_{name}": stepper.memory[name] for name in stepper.optimizer.remembers}
        for name, place in places.items():
            found = arrays.get(name)
            if found is None or found.shape != place.shape or found.dtype != place.dtype:
                got = "nothing" if found is None else f"{found.dtype} {found.shape}"
                raise SavedTrainingError(f"saved training: expected {name} of {place.dtype} {place.shape}, got {got}")
            place[...] = found
        try:
            training.epoch, training.diverged = int(body["epoch"]), bool(body["diverged"])
            stepper.steps, training._first_loss = int(body["steps"]), float(body["first_loss"])
            set_state(training._batches.bit_generator, body["batches"])
            set_state(training._dropout, body["dropout"])
        except (KeyError, TypeError, ValueError) as error:
            raise SavedTrainingError(f"saved training: {type(error).__name__}: {error}") from error
        return training

    def train_epoch(self) -> None:
        """Take the steps of one epoch and nothing else: no record, and `epoch` stays."""
        data, size, step = self.data, self.settings.batch_size, self.stepper.step
        order = data.train[self._batches.permutation(len(data.train))]
        gathered = size * max(1, GATHERED_BYTES // (size * data.x.shape[1] * data.x.itemsize))
        for start in range(0, len(order), gathered):
            x, targets = self._gather(order[start : start + gathered])
            for row in range(0, len(x), size):
                step(x[row : row + size], targets[row : row + size])

    def _gather(self, rows: Array) -> tuple[Array, Array]:
        """Inputs and targets of these rows, copied."""
        return self.data.x.take(rows, axis=0), self._targets(self.data.y.take(rows))

    def _part(self, rows: Array) -> tuple[Array, Array]:
        """Inputs x and labels or values y of these rows, without copying if they lie in one piece."""
        first, count = int(rows[0]) if len(rows) else 0, len(rows)
        piece = slice(first, first + count)
        if count and rows[-1] == piece.stop - 1 and (np.diff(rows) == 1).all():
            return self.data.x[piece], self.data.y[piece]
        return self.data.x[rows], self.data.y[rows]

    def _targets(self, y: Array) -> Array:
        if self._one_hot is not None:
            return self._one_hot.take(y, axis=0)
        return y.astype(self.network.parameters.dtype)[:, None]

    def _scores(self, part: str, rows: tuple[Array, Array]) -> dict[str, float]:
        loss, accuracy = evaluation.evaluate(self.network, self.loss, *rows)
        return {f"{part}/loss": loss} | ({f"{part}/accuracy": accuracy} if self.data.task == "classification" else {})

    def _metrics(self) -> dict[str, float]:
        x, y = self._evaluated
        metrics = self._scores("train", self._evaluated) | self._scores("validation", self._validation)
        metrics |= evaluation.gradient_norms(
            self.network, self.loss, x[:GRADIENT_ROWS], self._targets(y[:GRADIENT_ROWS])
        )
        return metrics | evaluation.weight_norms(self.network)
