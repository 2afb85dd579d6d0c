"""A training loop in the style of introductory books, as a yardstick for speed.

Layers are objects in a dictionary, parameters and gradients are dictionaries of float64 arrays, an optimizer goes
through them one by one, and loss and gradient contain the weight decay at every step, whatever its strength, as in
the multilayer network of the book's chapter on training. Straightforward and correct; written for this benchmark.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Array = Any  # arrays of float64
Arrays = dict[str, Array]


class Affine:
    def __init__(self, w: Array, b: Array) -> None:
        self.w, self.b = w, b

    def forward(self, x: Array, train: bool) -> Array:
        self.x = x
        return np.dot(x, self.w) + self.b

    def backward(self, d: Array) -> Array:
        self.dw = np.dot(self.x.T, d)
        self.db = np.sum(d, axis=0)
        return np.dot(d, self.w.T)


class Relu:
    def forward(self, x: Array, train: bool) -> Array:
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, d: Array) -> Array:
        d[self.mask] = 0
        return d


class Dropout:
    def __init__(self, ratio: float, rng: np.random.Generator) -> None:
        self.ratio, self.rng = ratio, rng

    def forward(self, x: Array, train: bool) -> Array:
        if not train:
            return x * (1.0 - self.ratio)
        self.mask = self.rng.random(x.shape) > self.ratio
        return x * self.mask

    def backward(self, d: Array) -> Array:
        return d * self.mask


class BatchNormalization:
    def __init__(self, gamma: Array, beta: Array) -> None:
        self.gamma, self.beta = gamma, beta
        self.mean, self.var = np.zeros_like(beta), np.ones_like(beta)

    def forward(self, x: Array, train: bool) -> Array:
        if not train:
            return self.gamma * (x - self.mean) / np.sqrt(self.var + 1e-7) + self.beta
        mu = x.mean(axis=0)
        self.xc = x - mu
        var = np.mean(self.xc**2, axis=0)
        self.std = np.sqrt(var + 1e-7)
        self.xn = self.xc / self.std
        self.mean = 0.9 * self.mean + 0.1 * mu
        self.var = 0.9 * self.var + 0.1 * var
        return self.gamma * self.xn + self.beta

    def backward(self, d: Array) -> Array:
        n = len(d)
        self.dbeta = d.sum(axis=0)
        self.dgamma = np.sum(self.xn * d, axis=0)
        dxn = self.gamma * d
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dxc += (2.0 / n) * self.xc * (0.5 * dstd / self.std)
        return dxc - np.sum(dxc, axis=0) / n


class SoftmaxWithLoss:
    def forward(self, x: Array, t: Array) -> float:
        x = x - x.max(axis=1, keepdims=True)
        self.y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        self.t = t
        return float(-np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t))

    def backward(self) -> Array:
        d = self.y.copy()
        d[np.arange(len(self.t)), self.t] -= 1
        return d / len(self.t)


class Book:
    """A network with its training step: `step(x, t)` for inputs (rows, inputs) and class numbers (rows,)."""

    def __init__(
        self, sizes: tuple[int, ...], optimizer: str, *, normalize: bool = False, dropout: float = 0.0
    ) -> None:
        rng, self.weight_decay = np.random.default_rng(0), 0.0
        self.params: Arrays = {}
        self.layers: dict[str, Any] = {}
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), 1):
            w = self.params[f"W{i}"] = rng.normal(size=(fan_in, fan_out)) * np.sqrt(2.0 / fan_in)
            b = self.params[f"b{i}"] = np.zeros(fan_out)
            self.layers[f"Affine{i}"] = Affine(w, b)
            if i == len(sizes) - 1:
                break
            if normalize:
                gamma, beta = self.params[f"gamma{i}"], self.params[f"beta{i}"] = np.ones(fan_out), np.zeros(fan_out)
                self.layers[f"BatchNorm{i}"] = BatchNormalization(gamma, beta)
            self.layers[f"Relu{i}"] = Relu()
            if dropout:
                self.layers[f"Dropout{i}"] = Dropout(dropout, rng)
        self.last = SoftmaxWithLoss()
        self.optimizer = OPTIMIZERS[optimizer]()

    def gradient(self, x: Array, t: Array) -> Arrays:
        for layer in self.layers.values():
            x = layer.forward(x, True)
        penalty = 0.0
        for name, values in self.params.items():
            if name.startswith("W"):
                penalty += 0.5 * self.weight_decay * np.sum(values**2)
        self.loss = self.last.forward(x, t) + penalty
        d = self.last.backward()
        for layer in reversed(list(self.layers.values())):
            d = layer.backward(d)
        grads: Arrays = {}
        for name, layer in self.layers.items():
            if name.startswith("Affine"):
                grads["W" + name[6:]], grads["b" + name[6:]] = layer.dw + self.weight_decay * layer.w, layer.db
            elif name.startswith("BatchNorm"):
                grads["gamma" + name[9:]], grads["beta" + name[9:]] = layer.dgamma, layer.dbeta
        return grads

    def step(self, x: Array, t: Array) -> None:
        self.optimizer.update(self.params, self.gradient(x, t))


class SGD:
    def update(self, params: Arrays, grads: Arrays) -> None:
        for key in params:
            params[key] -= 0.01 * grads[key]


class Momentum:
    def __init__(self) -> None:
        self.v: Arrays = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        for key in params:
            self.v[key] = 0.9 * self.v.get(key, 0.0) - 0.01 * grads[key]
            params[key] += self.v[key]


class AdaGrad:
    def __init__(self) -> None:
        self.h: Arrays = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        for key in params:
            self.h[key] = self.h.get(key, 0.0) + grads[key] * grads[key]
            params[key] -= 0.01 * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class RMSprop:
    def __init__(self) -> None:
        self.h: Arrays = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        for key in params:
            self.h[key] = 0.99 * self.h.get(key, 0.0) + 0.01 * grads[key] * grads[key]
            params[key] -= 0.001 * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class Adam:
    def __init__(self) -> None:
        self.m: Arrays = {}
        self.v: Arrays = {}
        self.t = 0

    def update(self, params: Arrays, grads: Arrays) -> None:
        self.t += 1
        rate = 0.001 * np.sqrt(1.0 - 0.999**self.t) / (1.0 - 0.9**self.t)
        for key in params:
            m, v = self.m.get(key, 0.0), self.v.get(key, 0.0)
            self.m[key] = m + 0.1 * (grads[key] - m)
            self.v[key] = v + 0.001 * (grads[key] ** 2 - v)
            params[key] -= rate * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


OPTIMIZERS: dict[str, Any] = {"sgd": SGD, "momentum": Momentum, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}
