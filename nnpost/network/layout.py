"""What every entry of a flat vector is, from the widths of the layers alone.

``inputs`` and ``hidden`` describe a network ``inputs → hidden[0] → … → 1``; the order is torch's,
layer after layer, weights (row-major) before biases. Without ``bias`` no layer has any; with
``skip`` the output layer is fed the inputs, too, after the units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["kinds", "labels", "ndim", "shapes", "sizes", "words"]


def sizes(inputs: int, hidden: Sequence[int]) -> tuple[int, ...]:
    """Widths of all layers, the inputs first and the one output last."""
    return (inputs, *hidden, 1)


def shapes(inputs: int, hidden: Sequence[int], skip: bool = False) -> list[tuple[int, int]]:
    """What goes in and what comes out of every layer."""
    *front, (i, o) = pairwise(sizes(inputs, hidden))
    return [*front, (i + inputs * skip, o)]


def ndim(inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False) -> int:
    """P, the number of weights and biases."""
    return sum(o * (i + bias) for i, o in shapes(inputs, hidden, skip))


def labels(inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False) -> list[str]:
    """LaTeX labels of the P entries, units counted from 1."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1]), 1):
        up = "" if len(hidden) == 1 else f"^{{({layer})}}"
        pairs = [(u, v) for u in range(1, o + 1) for v in range(1, i + 1)]
        names += [_label("w", up, u, v if i > 1 else None) for u, v in pairs]
        names += [_label("b", up, u) for u in range(1, o * bias + 1)]
    width = widths[-2]
    single = width == 1 and not hidden
    names += ["$a$"] if single else [_label("a", "", u) for u in range(1, width + 1)]
    names += [_label("v", "", k) for k in range(1, inputs * skip + 1)]
    return [*names, *["$c$"] * bias]


def kinds(
    inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False
) -> tuple[str, ...]:
    """What each of the P entries is; "hidden_weights" are those between two hidden layers."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1])):
        names += ["hidden_weights" if layer else "input_weights"] * (i * o)
        names += ["biases"] * (o * bias)
    names += ["output_weights"] * widths[-2] + ["skip_weights"] * (inputs * skip)
    return (*names, *["output_bias"] * bias)


def words(
    inputs: int, hidden: Sequence[int], activation: str, bias: bool = True, skip: bool = False
) -> str:
    """A network in a few words: its sizes, its activation, and what is not usual."""
    shown = "-".join(map(str, sizes(inputs, hidden))) + (f", {activation}" if hidden else "")
    return shown + ", without biases" * (not bias) + ", with a skip" * skip


def _label(letter: str, up: str, unit: int, source: int | None = None) -> str:
    index = str(unit) if source is None else f"{unit},{source}"
    return f"${letter}_{{{index}}}{up}$"
