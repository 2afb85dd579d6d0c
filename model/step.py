"""One step of training: forward, backward, weight decay, clipping, and the optimizer at the rate of the schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from model.evaluation import norm
from model.layers import Mode
from model.losses import Loss
from model.network import Network
from model.optimizers import Optimizer
from model.regularization import Penalty
from model.schedules import Constant, Schedule
from model.settings import Settings

Array = NDArray[Any]


class Stepper:
    """Takes the steps of a training and remembers what lies between them: optimizer memory and number of steps.

    What is clipped and handed to the optimizer is the gradient of the loss and the penalty together.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        settings: Settings,
        *,
        schedule: Schedule,
        penalty: Penalty | None,
        steps_per_epoch: int,
    ) -> None:
        self.network, self.loss, self.settings, self.steps_per_epoch = network, loss, settings, steps_per_epoch
        self.schedule, self._constant = schedule, isinstance(schedule, Constant)
        self.optimizer = self._scheduled = optimizer
        self.memory = optimizer.new_memory(network.parameters.size, network.parameters.dtype)
        self.steps = 0
        self._add_penalty = None if penalty is None else self._adder(penalty)
        self._decoupled = getattr(optimizer, "decoupled_decay", 0.0)
        self._weights = network.parameters[: network.weight_size]

    def fill_gradient(self, x: Array, targets: Array) -> None:
        """Fill `network.gradient` with that of the batch's mean loss plus the penalty; x (rows, inputs)."""
        network = self.network
        network.backward(self.loss.gradient(network.forward(x, Mode.TRAIN), targets))
        if self._add_penalty is not None:
            self._add_penalty()

    def step(self, x: Array, targets: Array) -> None:
        """Change the network's parameters once, for the batch x (rows, inputs) with targets (rows, outputs)."""
        self.fill_gradient(x, targets)
        gradient = self.network.gradient
        if self.settings.gradient_clip:
            length = norm(gradient)
            if length > self.settings.gradient_clip:
                gradient *= self.settings.gradient_clip / length
        self.steps += 1
        optimizer = self.optimizer if self._constant else self._at_rate()
        if self._decoupled:
            self._weights *= 1.0 - optimizer.learning_rate * self._decoupled
        optimizer.update(self.network.parameters, gradient, self.memory, self.steps)

    def _at_rate(self) -> Optimizer:
        """The optimizer with the learning rate of this step."""
        factor = self.schedule.factor(self.steps, self.steps_per_epoch, self.settings.epochs)
        rate = self.optimizer.learning_rate * factor
        if rate != self._scheduled.learning_rate:
            self._scheduled = replace(self.optimizer, learning_rate=rate)  # type: ignore[type-var]  # a dataclass by contract
        return self._scheduled

    def _adder(self, penalty: Penalty) -> Callable[[], None]:
        """A function that adds the penalty's gradient to the network's."""
        network, scratch, strength = self.network, self.memory["scratch"], self.settings.weight_decay_strength
        if penalty.separable:
            size = network.weight_size
            pieces = [(network.parameters[:size], network.gradient[:size], scratch[:size])]
        else:
            pieces = [(layer.w, layer.dw, scratch[: layer.w.size].reshape(layer.w.shape)) for layer in network.affine]

        def add() -> None:
            for weights, gradient, space in pieces:
                penalty.add_gradient(strength, weights, gradient, space)

        return add
