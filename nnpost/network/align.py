"""The copy of a network nearest to a reference: what two vectors are compared by.

For one hidden layer, with u = (w, b) of a unit and r marking the reference, the squared distance
of a copy is a sum over the places k of what stands there,

    Σ_k |± u_j(k) − u_rk|² + |± a_j(k) − a_rk|²   +   |c + Σ_flipped a_j − c_r|²,

where the last term moves for the sigmoid only. Without it each pair of unit and place has a best
sign (or, for ReLU, a best scale), and what remains is an assignment (the Hungarian method; Crouse
2016 as in scipy). With it the sets of flipped units are searched, cheapest bound first. In deeper
networks a layer's problem is this one while the others stand still, and the layers take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

from ..common.errors import RequestError
from .layout import Layout
from .neurons import (
    Layers,
    editable,
    flip_units,
    flippable,
    inward,
    order_units,
    outward,
    scale_units,
    symmetry_of,
)

__all__ = ["Alignment", "align"]


@dataclass(frozen=True)
class Alignment:
    """How much is searched for the nearest copy. The first two and ``block`` change no result."""

    listed: int = 4  # units up to which all orders are compared at once for a block of vectors
    block: int = 4_000_000  # about how many numbers the largest temporary array holds
    searched: int = 10  # sigmoid units up to which the search over flips is exhaustive
    sweeps: int = 20  # at most so many turns over the layers of a deeper network


ALIGNMENT = Alignment()


def align(net: Layout, theta: Any, reference: Any, how: Alignment = ALIGNMENT) -> np.ndarray:
    """The copy of each vector nearest to ``reference``: (..., ≥P), (≥P,) -> (..., ≥P).

    Near means the Euclidean distance of the P network parameters, over exchanges of units and,
    where they are symmetries, flips and scales (ReLU; this changes the prior density). Of the
    identity's continuous symmetry nothing but exchanges and flips is searched.

    The result is the nearest copy for one hidden layer, but for many sigmoid units (``how``), where
    flips are improved one at a time from the best ones without regard to c. For deeper networks it
    is a local minimum, found by two descents over the layers; never farther than theta itself, and
    the reference itself where theta is a copy of it in general position.

    Raises RequestError for vectors that are too short, not finite, or a batch as reference.
    """
    moved, _ = editable(net, theta)
    target, goal = editable(net, reference)
    if target.ndim != 1:
        raise RequestError(f"reference has shape {target.shape}, expected one vector ({net.ndim},)")
    if not (np.isfinite(moved).all() and np.isfinite(target).all()):
        raise RequestError("align: found NaN or infinity in the vectors, expected finite numbers")
    flat = moved.reshape(-1, moved.shape[-1])
    largest = max((u * u * 4 * (i + 1 + o) for i, u, o in _widths(net)), default=1)
    rows = max(1, how.block // (largest + 100))
    for start in range(0, len(flat) if net.hidden else 0, rows):
        part = flat[start : start + rows]
        part[...] = _align_block(net, part, target[: net.ndim], goal, how)
    return moved


def _widths(net: Layout) -> list[tuple[int, int, int]]:
    return list(zip(net.sizes, net.sizes[1:], net.sizes[2:], strict=False))


def _align_block(
    net: Layout, block: np.ndarray, target: np.ndarray, goal: Layers, how: Alignment
) -> np.ndarray:
    """Align (N, ≥P); deeper networks descend from theta and from a match of the inputs alone."""
    given, layers = editable(net, block)
    if len(net.hidden) == 1:
        _match(net, layers, 0, goal, how)
        return given
    ahead, layers = editable(net, block)
    for layer in range(len(net.hidden)):  # exact for a copy: layer after layer falls into place
        _match(net, layers, layer, goal, how, inputs_only=True)
    _descend(net, given, target, goal, how)
    _descend(net, ahead, target, goal, how)
    nearer = _distance(net, ahead, target) < _distance(net, given, target)
    return np.where(nearer[:, None], ahead, given)


def _descend(
    net: Layout, vectors: np.ndarray, target: np.ndarray, goal: Layers, how: Alignment
) -> None:
    """Match layer after layer, in place, until no vector comes nearer."""
    layers, reached = net.layers(vectors), _distance(net, vectors, target)
    for _ in range(how.sweeps):
        for layer in range(len(net.hidden)):
            _match(net, layers, layer, goal, how)
        before, reached = reached, _distance(net, vectors, target)
        if not (reached < before * (1 - 1e-12)).any():
            break


def _distance(net: Layout, vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared distance: (N, ≥P) -> (N,)."""
    return _square(vectors[:, : net.ndim] - target)


def _square(difference: np.ndarray) -> np.ndarray:
    return (difference**2).sum(axis=-1)


def _match(
    net: Layout, layers: Layers, layer: int, goal: Layers, how: Alignment, inputs_only: bool = False
) -> None:
    """Bring the units of one hidden layer nearest to the goal's, in place, the rest held still."""
    u, a = inward(layers, layer), outward(layers, layer)  # (N, U, in + 1), (N, U, out)
    u_r, a_r = inward(goal, layer), outward(goal, layer)
    if inputs_only:
        a, a_r = a[..., :0], a_r[..., :0]
    if symmetry_of(net) == "relu":
        scales, cost = _best_scales(u, a, u_r, a_r)
        order = _assign(cost, how.listed)
        order_units(layers, layer, order)
        scale_units(layers, layer, _chosen(scales, order))
        return
    u, a = u[:, :, None], a[:, :, None]
    keep, turn = _square(u - u_r) + _square(a - a_r), _square(u + u_r) + _square(a + a_r)
    if not flippable(net):
        turn = np.full_like(turn, np.inf)
    if symmetry_of(net) == "sigmoid" and not inputs_only:
        gap = layers[layer + 1][1] - goal[layer + 1][1]
        order, flip = _assign_with_bias(keep, turn, gap, outward(layers, layer), how)
    else:
        order = _assign(np.minimum(keep, turn), how.listed)
        flip = _chosen(turn < keep, order)
    order_units(layers, layer, order)
    flip_units(net, layers, layer, flip)


def _chosen(table: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Entries of the unit that comes to each place: (N, unit, place), (N, place) -> (N, place)."""
    return np.take_along_axis(table, order[:, None, :], axis=1)[:, 0]


def _assign(cost: np.ndarray, listed: int) -> np.ndarray:
    """The cheapest unit for each place, (N, unit, place) -> (N, place)."""
    units = cost.shape[-1]
    if units > listed:
        return np.array([_cheapest_pairs(table.T)[1] for table in cost]).reshape(-1, units)
    orders = np.array(list(permutations(range(units))))
    totals = cost[:, orders, np.arange(units)].sum(axis=-1)
    return orders[totals.argmin(axis=-1)]


def _cheapest_pairs(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the cheapest assignment (R, C)."""
    from scipy.optimize import linear_sum_assignment  # which networks of few units do without

    rows, columns = linear_sum_assignment(cost)
    return rows, columns


def _assign_with_bias(
    keep: np.ndarray, turn: np.ndarray, gap: np.ndarray, a: np.ndarray, how: Alignment
) -> tuple[np.ndarray, np.ndarray]:
    """Order and flips (N, place) where flipping unit j also moves the next biases by a_j.

    ``keep`` and ``turn`` (N, unit, place) are the costs without and with a flip, ``gap`` (N, out)
    is c − c_r, ``a`` (N, unit, out).
    """
    units = keep.shape[-1]
    if units > how.listed:
        found = [_search(*parts, how.searched) for parts in zip(keep, turn, gap, a, strict=True)]
        order = np.array([o for o, _ in found]).reshape(-1, units)
        return order, np.array([f for _, f in found], dtype=bool).reshape(-1, units)
    least = np.full(len(keep), np.inf)
    order = np.zeros((len(keep), units), dtype=int)
    flip = np.zeros((len(keep), units), dtype=bool)
    for turned in _subsets(units):
        table = np.where(turned[:, None], turn, keep)
        picked = _assign(table, how.listed)
        total = _chosen(table, picked).sum(axis=-1) + _square(gap + a[:, turned].sum(axis=1))
        better = total < least
        least[better], order[better] = total[better], picked[better]
        flip[better] = turned[picked[better]]
    return order, flip


def _subsets(units: int) -> np.ndarray:
    """All sets of flipped units as rows, (2^U, U)."""
    return np.array(list(product((False, True), repeat=units)))


def _search(
    keep: np.ndarray, turn: np.ndarray, gap: np.ndarray, a: np.ndarray, searched: int
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`_assign_with_bias` for one vector."""

    def cost(turned: np.ndarray) -> tuple[float, np.ndarray]:
        table = np.where(turned[:, None], turn, keep)
        order = _cheapest_pairs(table.T)[1]
        total = table[order, np.arange(len(order))].sum() + _square(gap + a[turned].sum(axis=0))
        return float(total), order

    free = np.minimum(keep, turn)
    units, places = _cheapest_pairs(free)
    turned = turn[units, places] < keep[units, places]
    least, order = cost(turned)
    if len(keep) > searched:
        return _improve(cost, turned, least, order)
    sets = _subsets(len(keep))
    apart = np.where(sets, turn.min(axis=1), keep.min(axis=1)).sum(axis=-1)
    bound = np.maximum(apart, free[units, places].sum()) + _square(gap + sets @ a)
    for index in np.argsort(bound):
        if bound[index] >= least:
            break
        total, picked = cost(sets[index])
        if total < least:
            least, turned, order = total, sets[index], picked
    return order, turned[order]


def _improve(
    cost: Any, turned: np.ndarray, least: float, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Change single flips while that brings the copy nearer."""
    while True:
        trials = [turned ^ one for one in np.eye(len(turned), dtype=bool)]
        best = min(range(len(trials)), key=lambda i: cost(trials[i])[0])
        total, picked = cost(trials[best])
        if not total < least:
            return order, turned[order]
        turned, least, order = trials[best], total, picked


def _best_scales(
    u: np.ndarray, a: np.ndarray, u_r: np.ndarray, a_r: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """α > 0 that minimises |αu − u_r|² + |a/α − a_r|² for each pair, and that minimum, (N, U, U).

    With s² = |a|/|u| and α = st the derivative's zeros are the positive roots of
    t⁴ − p t³ + q t − 1, p = s³ u·u_r/|a|², q = s a·a_r/|a|². Where u or a is zero the least of
    what remains is taken if there is one at α > 0, and α = 1 otherwise.
    """
    uu, aa = (np.broadcast_to(_square(v)[:, :, None], (*v.shape[:2], len(u_r))) for v in (u, a))
    ur, ar = u @ u_r.T, a @ a_r.T
    tries = [np.ones_like(ur)]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        tries += [np.where(aa == 0, ur / uu, 1.0), np.where(uu == 0, aa / ar, 1.0)]
        s = np.sqrt(np.sqrt(aa / uu))
        p, q = s**3 * ur / aa, s * ar / aa
    fair = np.isfinite(p) & np.isfinite(q) & (s > 0)
    companion = np.zeros((*p.shape, 4, 4))
    companion[..., 0, 0] = np.where(fair, p, 0.0)
    companion[..., 0, 2] = np.where(fair, -q, 0.0)
    companion[..., 0, 3] = 1.0
    companion[..., [1, 2, 3], [0, 1, 2]] = 1.0
    # The real part of a complex root is no root, but trying it does no harm: costs decide.
    roots = np.linalg.eigvals(companion).real
    tries += [np.where(fair, s, 1.0) * np.where(fair, roots[..., i], 1.0) for i in range(4)]
    return _cheapest(tries, u, a, u_r, a_r)


def _cheapest(
    tries: list[np.ndarray], u: np.ndarray, a: np.ndarray, u_r: np.ndarray, a_r: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    u, a = u[:, :, None], a[:, :, None]
    scale, least = tries[0], np.full(tries[0].shape, np.inf)
    for trial in tries:
        alpha = np.where(np.isfinite(trial) & (trial > 0), trial, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            cost = _square(alpha[..., None] * u - u_r) + _square(a / alpha[..., None] - a_r)
        scale = np.where(cost < least, alpha, scale)
        least = np.fmin(cost, least)
    return scale, least
