"""Copies: the versions of one network that compute the same function.

In a hidden layer, unit j with input weights w, bias b and output weights a (a vector where the
next layer has several units) can be

- exchanged with any other unit of its layer;
- flipped where φ is odd (tanh, softsign, identity): (w, b, a) → −(w, b, a);
- flipped where φ is the sigmoid: (w, b, a) → −(w, b, a) and the next biases c → c + a, because
  σ(−z) = 1 − σ(z), where there are biases;
- rescaled where φ is the ReLU: (w, b, a) → (αw, αb, a/α), α > 0.

Exchanges and odd flips leave the likelihood and a Gaussian prior as they are. A sigmoid flip and
a rescaling leave only the likelihood as it is. Exchanges and flips of either kind are linear with
determinant ±1, so they preserve volume; a rescaling does not. They make a finite group, which
:func:`jump` and :func:`copies` use, and :func:`fold` picks one member of it. The continuous
symmetries that remain (rescaling for ReLU, every invertible map between the layers for the
identity) are left alone by these three: no point of such an orbit is special to the likelihood,
and the posterior density changes along it, so that normalising would move samples in a way that
their weights do not know. With a skip connection units for which φ(z) − φ(−z) is linear in z (ReLU,
leaky ReLU, softplus, SiLU, GELU) can be mirrored at the price of other skip weights and another
output bias, which the likelihood alone does not notice; that is left alone, too.

What people are shown of parameters, in tables, files and figures, is in one copy:
draws and restarts by :func:`fold`, networks side by side by :func:`one_copy`.

Everything takes ``theta`` of shape (..., ≥P) and returns a new float64 array. Entries after P, such
as ``log_sigma``, are handed through untouched.
"""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import Any

import numpy as np

from ..common.errors import RequestError
from .align import align
from .layout import Layout
from .neurons import (
    Layers,
    editable,
    flip_units,
    flippable,
    inward,
    order_units,
    outward,
    places,
    symmetry_of,
)

__all__ = ["align", "copies", "fold", "fold_like", "group_size", "jump", "one_copy"]

MOST_COPIES = 50_000  # more than this is no longer something to list


def group_size(net: Layout) -> int | float:
    """Number of copies of a network in general position.

    The product over hidden layers of U! 2^U; ``math.inf`` where a continuous symmetry remains
    (ReLU and identity); 1 without a hidden layer.
    """
    if net.hidden and symmetry_of(net) in ("relu", "linear"):
        return math.inf
    return _finite_size(net)


def fold(net: Layout, theta: Any) -> np.ndarray:
    """Map every vector to one agreed copy: (..., ≥P) -> (..., ≥P).

    Layer by layer from the inputs on: flip every unit so that its first input weight is positive,
    then sort the units by −b/w, where w is that weight: the place along the first input, others
    at zero, at which the unit switches, or by w itself where there are no biases. Units that cannot
    be flipped are only sorted, and ReLU units keep their scale.

    Degenerate units are still mapped the same way every time: where the first input weight is
    zero the sign of the next of (w, b, a) that is not decides, a unit with w = 0 has its place at
    +∞, and units at equal places are ordered by (w, b, a). With one hidden layer all copies of a
    degenerate network therefore fold to one vector as well.
    """
    folded, layers = editable(net, theta)
    _fold_layers(net, layers)
    return _without_minus_zero(net, folded)


def fold_like(net: Layout, theta: Any, leader: Any) -> np.ndarray:
    """What :func:`fold` does to ``leader`` done to theta: (..., ≥P), (≥P,) -> (..., ≥P).

    Linear in theta: what is known of parameters in the copy of the leader, such as differences
    from it and their covariance, goes with it to the copy that it is folded to.
    """
    folded, layers = editable(net, theta)
    _, leading = editable(net, np.broadcast_to(leader, (*folded.shape[:-1], np.shape(leader)[-1])))
    _fold_layers(net, leading, layers)
    return _without_minus_zero(net, folded)


def one_copy(net: Layout, theta: Any, reference: Any) -> np.ndarray:
    """Networks that are shown side by side, in one copy: (..., ≥P), (≥P,) -> (..., ≥P).

    The reference (the MAP, where there is one) is folded, the others are taken to the copy nearest
    to that (:func:`align`), so that they differ from it by no more than they have to.
    """
    return align(net, fold(net, theta), fold(net, reference))


def jump(net: Layout, theta: Any, rng: np.random.Generator | np.random.RandomState) -> np.ndarray:
    """Map each vector to a copy drawn uniformly from the finite group: (..., ≥P) -> (..., ≥P).

    Each vector draws its own exchange of units and its own flips. The map preserves volume and is
    as likely forwards as backwards, so in a Metropolis step the log factor is zero and the prior
    ratio alone decides (it is one but for the sigmoid).
    """
    moved, layers = editable(net, theta)
    for layer, units in enumerate(net.hidden):
        shape = (*moved.shape[:-1], units)
        if flippable(net):
            flip_units(net, layers, layer, rng.random(shape) < 0.5)
        order_units(layers, layer, np.argsort(rng.random(shape), axis=-1))
    return moved


def copies(net: Layout, theta: Any) -> np.ndarray:
    """All members of the finite group applied to theta: (..., ≥P) -> (G, ..., ≥P), theta first.

    Raises RequestError where G is above 50,000.
    """
    size = _finite_size(net)
    if size > MOST_COPIES:
        raise RequestError(
            f"copies: {net} has {size} of them, expected at most {MOST_COPIES}; draw some with jump"
        )
    start, _ = editable(net, theta)
    found, layers = editable(net, np.broadcast_to(start, (size, *start.shape)))
    choices = [_layer_group(net, units) for units in net.hidden]
    for layer, units in enumerate(net.hidden):
        picks = [pick[layer] for pick in product(*choices)]
        shape = (size, *[1] * (start.ndim - 1), units)
        orders = np.array([order for order, _ in picks]).reshape(shape)
        flips = np.array([flip for _, flip in picks]).reshape(shape)
        whole = (size, *start.shape[:-1], units)
        if flippable(net):
            flip_units(net, layers, layer, np.broadcast_to(flips, whole))
        order_units(layers, layer, np.broadcast_to(orders, whole))
    return found


def _fold_layers(net: Layout, leading: Layers, *following: Layers) -> None:
    """Fold ``leading`` in place, and do the same to what follows."""
    with np.errstate(invalid="ignore", over="ignore"):  # of restarts that diverged
        for layer in range(len(net.hidden)):
            if flippable(net):
                turned = _first_sign(_entries(leading, layer)) < 0
                for layers in (leading, *following):
                    flip_units(net, layers, layer, turned)
            order = _sorted_order(leading, layer)
            for layers in (leading, *following):
                order_units(layers, layer, order)


def _without_minus_zero(net: Layout, vectors: np.ndarray) -> np.ndarray:
    """A flipped zero is −0.0, equal but not the same bits."""
    vectors[..., : net.ndim] += 0.0
    return vectors


def _entries(layers: Layers, layer: int) -> np.ndarray:
    """(w, b, a) of every unit of a hidden layer, (..., U, in + 1 + out)."""
    return np.concatenate([inward(layers, layer), outward(layers, layer)], axis=-1)


def _first_sign(units: np.ndarray) -> np.ndarray:
    """Sign of the first entry of each unit that is not zero: (..., U, K) -> (..., U)."""
    first = np.argmax(units != 0, axis=-1)
    return np.sign(np.take_along_axis(units, first[..., None], axis=-1)[..., 0])


def _sorted_order(layers: Layers, layer: int) -> np.ndarray:
    """Order of the units by −b/w, equal ones by their entries: (..., U) indices."""
    w, b = layers[layer][0][..., 0], layers[layer][1]
    place = places(w, b if b.shape[-1] else None)
    place = np.where(w != 0, place, np.inf)
    order = np.argsort(place, axis=-1)
    ranked = np.take_along_axis(place, order, axis=-1)
    tied = (ranked[..., 1:] == ranked[..., :-1]).any(axis=-1)
    if tied.any():  # rare, and many times slower than one sort
        entries = np.moveaxis(_entries(layers, layer)[tied], -1, 0)
        order[tied] = np.lexsort([*entries[::-1], place[tied]], axis=-1)
    return order


def _layer_group(net: Layout, units: int) -> list[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """Every (order, flips) of one hidden layer, the identity first."""
    signs = (False, True) if flippable(net) else (False,)
    return list(product(permutations(range(units)), product(signs, repeat=units)))


def _finite_size(net: Layout) -> int:
    flips = 2 if flippable(net) else 1
    return math.prod(math.factorial(u) * flips**u for u in net.hidden)
