"""What an epoch record tells about a network: losses, accuracies, norms, and the activations of the hidden layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.activations import Activation
from model.layers import Mode
from model.losses import Loss
from model.network import Network
from model.records import LayerActivations

Array = NDArray[Any]
BLOCK_ROWS = 1000  # rows that go through the network at once: few enough for the cache, enough for BLAS
BINS = 50


def evaluate(network: Network, loss: Loss, x: Array, y: Array) -> tuple[float, float]:
    """Mean loss and accuracy over the rows x (n, inputs), y (n,), in inference mode and without penalty."""
    total, right = 0.0, 0
    for start in range(0, len(x), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        sums = loss.sums(network.forward(x[part], Mode.INFER), y[part])
        total, right = total + sums[0], right + sums[1]
    return total / len(x), right / len(x)


def gradient_norms(network: Network, loss: Loss, x: Array, targets: Array) -> dict[str, float]:
    """Length of the loss's gradient by the weights of each layer, and by all parameters.

    Of the loss without penalty, for the rows of x as one batch, without dropout; nothing but `network.gradient`
    changes.
    """
    network.backward(loss.gradient(network.forward(x, Mode.PROBE), targets))
    norms = {f"gradient_norm/layer{i}": norm(layer.dw) for i, layer in enumerate(network.affine, 1)}
    return norms | {"gradient_norm/all": norm(network.gradient)}


def weight_norms(network: Network) -> dict[str, float]:
    """Length of each layer's weight matrix, taken as one vector."""
    return {f"weight_norm/layer{i}": norm(layer.w) for i, layer in enumerate(network.affine, 1)}


def norm(array: Array) -> float:
    """√Σa² over all entries of a contiguous array."""
    flat = array.reshape(-1)
    return math.sqrt(float(np.dot(flat, flat)))


def activation_statistics(network: Network, x: Array) -> tuple[LayerActivations, ...]:
    """Statistics of every hidden layer for the probe rows x, in inference mode."""
    network.forward(x, Mode.INFER)
    return tuple(describe(f"layer{i}", layer.function, layer.h) for i, layer in enumerate(network.activations, 1))


def describe(layer: str, function: Activation, h: Array) -> LayerActivations:
    """Statistics of the activations h (samples, units) of one layer."""
    low, high = function.histogram_range
    edges = np.linspace(low, high, BINS + 1).astype(h.dtype)
    values = np.sort(h, axis=None)
    places = np.searchsorted(values, edges)  # numbers of values below each edge
    places[-1] = inside = int(np.searchsorted(values, edges[-1], side="right"))  # the last bin holds its upper edge
    counts, zeros = np.diff(places), 0
    if not function.bounded:
        zeros = int(np.searchsorted(values, 0.0, side="right") - np.searchsorted(values, 0.0))
        counts[min(int(np.searchsorted(edges, 0.0, side="right")) - 1, BINS - 1)] -= zeros
    flat = function.flat(h)
    largest = float(np.abs(h).max())
    widest = float((h.max(axis=1) - h.min(axis=1)).max())
    return LayerActivations(
        layer=layer,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        zeros=zeros,
        underflow=int(places[0]),
        overflow=len(values) - inside,
        mean=float(h.mean(dtype=np.float64)),
        std=float(h.std(dtype=np.float64)),
        dead=float(flat.all(axis=0).mean()),
        saturated=float(flat.mean()) if function.bounded else 0.0,
        spread=1.0 if h.shape[1] == 1 else widest / largest if largest else 0.0,
    )
