"""One network on one block of points, from the inputs to the output.

``units`` (all hidden units, m) takes the values of all hidden layers, one below the other.
"""

from __future__ import annotations

import math

from .compiling import loop
from .vectors import activate, combine

__all__ = ["finite", "hidden", "output"]


@loop
def finite(t, count):
    """Whether the first entries of a vector all are numbers."""
    known = True
    for j in range(count):
        known = known and math.isfinite(t[j])
    return known


@loop
def hidden(t, sizes, code, x, units, work):
    """Fill ``units``; ``work`` (≥1, m) is for the moment. Returns where the output layer begins."""
    rows, first = x, 0
    at, start = 0, 0
    for layer in range(sizes.size - 2):
        inputs, width = sizes[layer], sizes[layer + 1]
        bias = at + inputs * width
        for u in range(width):
            w = at + u * inputs
            if inputs == 1:
                activate(code, t[w], t[bias + u], rows, first, units, start + u)
            else:
                combine(t[bias + u], t, w, 1, rows, first, inputs, work, 0)
                activate(code, 1.0, 0.0, work, 0, units, start + u)
        rows, first = units, start
        at = bias + width
        start += width
    return at


@loop
def output(t, at, sizes, x, units, out, o):
    """out[o] = f, from the values of the units and the output layer at t[at:]."""
    width = sizes[-2]
    if sizes.size == 2:
        combine(t[at + width], t, at, 1, x, 0, width, out, o)
    else:
        combine(t[at + width], t, at, 1, units, units.shape[0] - width, width, out, o)
