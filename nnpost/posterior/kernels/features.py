"""What the output layer is linear in, block of points by block: features, sums and residuals.

``features`` (K + 2, m) of one network on one block: the targets, the ones, the units, all times
root, and the residuals. In here the ones go first, outside they go last.

The features of one walker are kept for a second pass over the points where they fit into the
processor's caches, and computed again where they do not: there are ``slots`` for all blocks or for
one.
"""

from __future__ import annotations

import numpy as np

from .compiling import loop, summing
from .forward import hidden
from .vectors import combine, dots, multiply

__all__ = [
    "constants", "fill", "gather", "inside", "misfit", "outside", "refilled", "rooms",
]  # fmt: skip

KEPT = 2**16  # numbers of one walker that are kept between the passes: half a megabyte


@summing
def rooms(count, sizes, y, root):
    """Features (slots, K + 2, m), units (slots, all units, m), and room to work in (2, m)."""
    blocks, m = y.shape
    width = sizes[-2]
    slots = blocks if blocks * (width + 3 + count) * m <= KEPT else 1
    features = np.empty((slots, width + 3, m))
    for k in range(slots):
        constants(y[k], root[k], features[k])
    return features, np.empty((slots, count, m)), np.empty((2, m))


@loop
def constants(y, root, features):
    """What is the same for all networks."""
    for i in range(y.size):
        features[0, i] = y[i]
        features[1, i] = root[i]


@loop
def fill(t, sizes, code, x, features, units, work):
    """Units and features of one network on one block, ``units`` (all units, m)."""
    width, last = sizes[-2], units.shape[0] - sizes[-2]
    hidden(t, sizes, code, x, units, work)
    for u in range(width):
        if sizes.size == 2:
            multiply(x, u, features, 1, features, 2 + u)
        else:
            multiply(units, last + u, features, 1, features, 2 + u)


@loop
def refilled(k, t, sizes, code, x, y, root, features, units, work):
    """Slot of block k, with everything in it; for the second pass."""
    if features.shape[0] == y.shape[0]:
        return k
    constants(y[k], root[k], features[0])
    fill(t, sizes, code, x[k], features[0], units[0], work)
    return 0


@loop
def gather(t, sizes, code, x, y, root, features, units, work, sums):
    """The first pass: from j (K + 1) on, ``sums`` holds Σ F_j y, Σ F_j F_0, …, Σ F_j F_j."""
    count = features.shape[1] - 2
    sums[:] = 0.0
    for k in range(y.shape[0]):
        slot = k if features.shape[0] == y.shape[0] else 0
        f = features[slot]
        if features.shape[0] < y.shape[0]:
            constants(y[k], root[k], f)
        fill(t, sizes, code, x[k], f, units[slot], work)
        for j in range(count):
            dots(f, 1 + j, f, 0, 2 + j, sums, j * (count + 1))


@loop
def outside(j, count):
    """Where feature j of in here is outside."""
    return j - 1 if j > 0 else count - 1


@loop
def inside(layer, factor, out, o):
    """out[o] = factor · an output layer (K,), in the order of the features in here."""
    for j in range(layer.size):
        out[o, j] = factor * layer[outside(j, layer.size)]


@summing
def misfit(layer, features, work):
    """Σ r² of an output layer (in the order of in here) on one block; r into the last row."""
    last = features.shape[0] - 1
    combine(0.0, layer, 0, 1, features, 1, last - 1, work, 0)
    total = 0.0
    for i in range(features.shape[1]):
        r = features[0, i] - work[0, i]
        features[last, i] = r
        total += r * r
    return total
