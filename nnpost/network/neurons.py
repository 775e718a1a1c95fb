"""The units of a hidden layer, and what can be done to them without changing the function.

Everything here acts in place on ``layers``, the views that :func:`editable` returns with a copy of
theta. ``layer`` counts hidden layers from 0; U is its number of units. symmetry.py explains the
mathematics and builds the public functions from these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.errors import RequestError
from .layout import Layout
from .names import Symmetry

__all__ = [
    "Layers",
    "editable",
    "exchangeable",
    "flip_units",
    "flippable",
    "inward",
    "neuron_blocks",
    "order_units",
    "outward",
    "places",
    "scale_units",
    "symmetry_of",
]


Layers = list[tuple[np.ndarray, np.ndarray]]


def symmetry_of(net: Layout) -> Symmetry:
    """The kind of symmetry of a network's units, as mlp.py names it.

    A sigmoid's flip needs the biases behind it: without them its units have none.
    """
    return "none" if net.symmetry == "sigmoid" and not net.bias else net.symmetry


def flippable(net: Layout) -> bool:
    """Whether (w, b, a) → −(w, b, a) leaves the function as it is, but for the bias behind it."""
    return symmetry_of(net) in ("odd", "sigmoid", "linear")


def editable(net: Layout, theta: Any) -> tuple[np.ndarray, Layers]:
    """A contiguous float64 copy of theta (..., ≥P) and its layers as views to write to.

    Raises RequestError for vectors that are too short.
    """
    vectors = np.array(theta, dtype=np.float64, order="C")
    if vectors.ndim == 0 or vectors.shape[-1] < net.ndim:
        raise RequestError(
            f"theta has shape {vectors.shape}, expected (..., {net.ndim}) or longer for {net}"
        )
    return vectors, net.layers(vectors)


def inward(layers: Layers, layer: int) -> np.ndarray:
    """Input weights and bias, if any, of every unit, (..., U, in + 1)."""
    w, b = layers[layer]
    return np.concatenate([w, b[..., None]], axis=-1) if b.shape[-1] else w.copy()


def places(w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    """By what units are put in order, from first weights w and biases b of any shape: −b/w, where
    along the first input they switch, or w itself where there are no biases."""
    if b is None:
        return w
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        place: np.ndarray = -b / w
    return place


def outward(layers: Layers, layer: int) -> np.ndarray:
    """Output weights of every unit, (..., U, out)."""
    return np.swapaxes(layers[layer + 1][0], -1, -2)


def flip_units(net: Layout, layers: Layers, layer: int, flip: np.ndarray) -> None:
    """(w, b, a) → −(w, b, a) where ``flip`` (..., U) is true; for the sigmoid also c → c + a."""
    a, c = layers[layer + 1]
    if symmetry_of(net) == "sigmoid":
        c += np.where(flip[..., None, :], a, 0.0).sum(axis=-1)
    scale_units(layers, layer, np.where(flip, -1.0, 1.0))


def scale_units(layers: Layers, layer: int, scale: np.ndarray) -> None:
    """(w, b, a) → (αw, αb, a/α) with α = ``scale`` (..., U)."""
    (w, b), (a, _) = layers[layer], layers[layer + 1]
    w *= scale[..., None]
    if b.shape[-1]:
        b *= scale
    a /= scale[..., None, :]


def order_units(layers: Layers, layer: int, order: np.ndarray) -> None:
    """Put unit ``order[..., k]`` at place k."""
    (w, b), (a, _) = layers[layer], layers[layer + 1]
    w[...] = np.take_along_axis(w, order[..., None], axis=-2)
    if b.shape[-1]:
        b[...] = np.take_along_axis(b, order, axis=-1)
    a[...] = np.take_along_axis(a, order[..., None, :], axis=-1)


def neuron_blocks(net: Layout) -> tuple[tuple[int, ...], ...]:
    """Coordinates in h of every neuron of the last hidden layer: its weights and its bias, if
    any."""
    w, b = net.layers(np.arange(net.ndim))[-2]
    return tuple(map(tuple, np.concatenate([w, _rows(b, len(w))], axis=1).tolist()))


def exchangeable(net: Layout, ndim: int) -> list[np.ndarray]:
    """Coordinates of theta (ndim,) by what a permutation of neurons exchanges, as (n, k) arrays.

    Neurons of the first hidden layer share one covariance of their weights and bias. In later
    layers the weights are exchanged by both layers' neurons, so all of them share one variance, and
    so do the biases, and the weights of each output. Entries after those of the network are alone.
    """
    index = np.arange(ndim)
    (w, b), *rest = net.layers(index)
    first = np.concatenate([w, _rows(b, len(w))], axis=1)
    found = [first] if net.hidden else [*first[:, None]]
    found += [part.reshape(-1, 1) for layer in rest[:-1] for part in layer if part.size]
    for a, c in rest[-1:]:  # what belongs to one output is not exchanged with that of another
        found += [part.reshape(-1, 1) for o in range(len(a)) for part in (a[o], c[o : o + 1])]
    found = [group for group in found if group.size]
    skipped = [k for k, kind in enumerate(net.kinds) if kind == "skip_weights"]
    return [*found, *(index[k : k + 1, None] for k in (*skipped, *range(net.ndim, ndim)))]


def _rows(b: np.ndarray, units: int) -> np.ndarray:
    """A row for every unit, (units, 1), or (units, 0) where there are no biases."""
    return b.reshape(units, -1) if b.size else np.empty((units, 0), dtype=int)
