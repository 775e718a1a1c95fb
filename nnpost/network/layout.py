"""What every entry of a flat vector is, from the widths of the layers alone.

``inputs`` and ``hidden`` describe a network ``inputs → hidden[0] → … → 1``; the order is torch's,
layer after layer, weights (row-major) before biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["kinds", "labels", "ndim", "sizes"]


def sizes(inputs: int, hidden: Sequence[int]) -> tuple[int, ...]:
    """Widths of all layers, the inputs first and the one output last."""
    return (inputs, *hidden, 1)


def ndim(inputs: int, hidden: Sequence[int]) -> int:
    """P, the number of weights and biases."""
    widths = sizes(inputs, hidden)
    return sum(o * (i + 1) for i, o in pairwise(widths))


def labels(inputs: int, hidden: Sequence[int]) -> list[str]:
    """LaTeX labels of the P entries, units counted from 1."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1]), 1):
        up = "" if len(hidden) == 1 else f"^{{({layer})}}"
        pairs = [(u, v) for u in range(1, o + 1) for v in range(1, i + 1)]
        names += [_label("w", up, u, v if i > 1 else None) for u, v in pairs]
        names += [_label("b", up, u) for u in range(1, o + 1)]
    width = widths[-2]
    single = width == 1 and not hidden
    names += ["$a$"] if single else [_label("a", "", u) for u in range(1, width + 1)]
    return [*names, "$c$"]


def kinds(inputs: int, hidden: Sequence[int]) -> tuple[str, ...]:
    """What each of the P entries is; "hidden_weights" are those between two hidden layers."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1])):
        names += ["hidden_weights" if layer else "input_weights"] * (i * o) + ["biases"] * o
    return (*names, *["output_weights"] * widths[-2], "output_bias")


def _label(letter: str, up: str, unit: int, source: int | None = None) -> str:
    index = str(unit) if source is None else f"{unit},{source}"
    return f"${letter}_{{{index}}}{up}$"
