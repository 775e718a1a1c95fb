"""One network on one block of points, from the output back to the inputs.

``delta`` (all hidden units, m) is what ∂/∂z of each unit's argument is, point by point. That of the
last hidden layer is given; the layers in front of it follow from it by the chain rule.
"""

from __future__ import annotations

from .compiling import loop
from .vectors import combine, dots, slopes

__all__ = ["accumulate", "earlier"]


@loop
def earlier(t, at, sizes, code, units, delta, work):
    """Fill ``delta`` of all layers before the last hidden one; ``at`` is where that one begins."""
    start = units.shape[0] - sizes[-2]
    for layer in range(sizes.size - 3, 0, -1):
        inputs, width = sizes[layer], sizes[layer + 1]
        for u in range(inputs):
            combine(0.0, t, at + u, inputs, delta, start, width, work, 0)
            slopes(code, 1.0, work, 0, units, start - inputs + u, delta)
        at -= inputs * (sizes[layer - 1] + 1)
        start -= inputs


@loop
def accumulate(sizes, x, units, delta, grad):
    """Add to ``grad`` the sums over the points of delta, and of delta times what goes in."""
    rows, first = x, 0
    at, start = 0, 0
    for layer in range(sizes.size - 2):
        inputs, width = sizes[layer], sizes[layer + 1]
        bias = at + inputs * width
        for u in range(width):
            grad[bias + u] += dots(delta, start + u, rows, first, inputs, grad, at + u * inputs)
        rows, first = units, start
        at = bias + width
        start += width
