"""What every entry of a flat vector is, from the widths of the layers alone.

``inputs``, ``hidden`` and ``outputs`` describe a network ``inputs → hidden[0] → … → outputs``; the
order is torch's, layer after layer, weights (row-major) before biases. Without ``bias`` no layer
has any; with ``skip`` the output layer is fed the inputs, too, after the units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["kinds", "labels", "ndim", "shapes", "sizes", "words"]


def sizes(inputs: int, hidden: Sequence[int], outputs: int = 1) -> tuple[int, ...]:
    """Widths of all layers, the inputs first and the outputs last."""
    return (inputs, *hidden, outputs)


def shapes(
    inputs: int, hidden: Sequence[int], skip: bool = False, outputs: int = 1
) -> list[tuple[int, int]]:
    """What goes in and what comes out of every layer."""
    *front, (i, o) = pairwise(sizes(inputs, hidden, outputs))
    return [*front, (i + inputs * skip, o)]


def ndim(
    inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False, outputs: int = 1
) -> int:
    """P, the number of weights and biases."""
    return sum(o * (i + bias) for i, o in shapes(inputs, hidden, skip, outputs))


def labels(
    inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False, outputs: int = 1
) -> list[str]:
    """LaTeX labels of the P entries, units and outputs counted from 1."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1]), 1):
        up = "" if len(hidden) == 1 else f"^{{({layer})}}"
        pairs = [(u, v) for u in range(1, o + 1) for v in range(1, i + 1)]
        names += [_label("w", up, u, v if i > 1 else None) for u, v in pairs]
        names += [_label("b", up, u) for u in range(1, o * bias + 1)]
    width = widths[-2]
    if outputs > 1:
        for o in range(1, outputs + 1):
            names += [_label("a", "", o, u) for u in range(1, width + 1)]
            names += [_label("v", "", o, k) for k in range(1, inputs * skip + 1)]
        return names + [_label("c", "", o) for o in range(1, outputs * bias + 1)]
    single = width == 1 and not hidden
    names += ["$a$"] if single else [_label("a", "", u) for u in range(1, width + 1)]
    names += [_label("v", "", k) for k in range(1, inputs * skip + 1)]
    return [*names, *["$c$"] * bias]


def kinds(
    inputs: int, hidden: Sequence[int], bias: bool = True, skip: bool = False, outputs: int = 1
) -> tuple[str, ...]:
    """What each of the P entries is; "hidden_weights" are those between two hidden layers."""
    widths, names = sizes(inputs, hidden), []
    for layer, (i, o) in enumerate(pairwise(widths[:-1])):
        names += ["hidden_weights" if layer else "input_weights"] * (i * o)
        names += ["biases"] * (o * bias)
    names += (["output_weights"] * widths[-2] + ["skip_weights"] * (inputs * skip)) * outputs
    return (*names, *["output_bias"] * (outputs * bias))


def words(
    inputs: int,
    hidden: Sequence[int],
    activation: str,
    bias: bool = True,
    skip: bool = False,
    outputs: int = 1,
) -> str:
    """A network in a few words: its sizes, its activation, and what is not usual."""
    shown = "-".join(map(str, sizes(inputs, hidden, outputs)))
    shown += f", {activation}" * bool(hidden)
    return shown + ", without biases" * (not bias) + ", with a skip" * skip


def _label(letter: str, up: str, unit: int, source: int | None = None) -> str:
    index = str(unit) if source is None else f"{unit},{source}"
    return f"${letter}_{{{index}}}{up}$"
