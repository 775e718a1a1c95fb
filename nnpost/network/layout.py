"""What every entry of a flat vector is, from the widths of the layers alone, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from .names import SYMMETRIES, Symmetry

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """A network ``inputs → hidden[0] → … → outputs`` as it is laid out in a flat vector.

    The order is torch's, layer after layer, weights (row-major) before biases. Without ``bias`` no
    layer has any; with ``skip`` the output layer is fed the inputs, too, after the units.
    """

    inputs: int = 1
    hidden: tuple[int, ...] = ()
    activation: str = "sigmoid"
    bias: bool = True
    skip: bool = False
    outputs: int = 1

    @property
    def symmetry(self) -> Symmetry:
        """What the activation brings, as :class:`~.mlp.Activation` says; "none" if not known."""
        return SYMMETRIES.get(self.activation, "none")

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Widths of all layers, the inputs first and the outputs last."""
        return (self.inputs, *self.hidden, self.outputs)

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """What goes in and what comes out of every layer."""
        *front, (i, o) = pairwise((self.inputs, *self.hidden, self.outputs))
        return [*front, (i + self.inputs * self.skip, o)]

    @cached_property
    def ndim(self) -> int:
        """P, the number of weights and biases."""
        return sum(o * (i + self.bias) for i, o in self.shapes)

    @cached_property
    def labels(self) -> list[str]:
        """LaTeX labels in the order of theta, units and outputs counted from 1."""
        widths, names = (self.inputs, *self.hidden), []
        for layer, (i, o) in enumerate(pairwise(widths), 1):
            up = "" if len(self.hidden) == 1 else f"^{{({layer})}}"
            pairs = [(u, v) for u in range(1, o + 1) for v in range(1, i + 1)]
            names += [_label("w", up, u, v if i > 1 else None) for u, v in pairs]
            names += [_label("b", up, u) for u in range(1, o * self.bias + 1)]
        width, skips = widths[-1], range(1, self.inputs * self.skip + 1)
        if self.outputs > 1:
            for o in range(1, self.outputs + 1):
                names += [_label("a", "", o, u) for u in range(1, width + 1)]
                names += [_label("v", "", o, k) for k in skips]
            return names + [_label("c", "", o) for o in range(1, self.outputs * self.bias + 1)]
        single = width == 1 and not self.hidden
        names += ["$a$"] if single else [_label("a", "", u) for u in range(1, width + 1)]
        names += [_label("v", "", k) for k in skips]
        return [*names, *["$c$"] * self.bias]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """What each parameter is; "hidden_weights" are those between two hidden layers."""
        widths, names = (self.inputs, *self.hidden), []
        for layer, (i, o) in enumerate(pairwise(widths)):
            names += ["hidden_weights" if layer else "input_weights"] * (i * o)
            names += ["biases"] * (o * self.bias)
        output = ["output_weights"] * widths[-1] + ["skip_weights"] * (self.inputs * self.skip)
        return (*names, *output * self.outputs, *["output_bias"] * (self.outputs * self.bias))

    @property
    def words(self) -> str:
        """Its sizes, its activation, and what is not usual."""
        shown = "-".join(map(str, (self.inputs, *self.hidden, self.outputs)))
        shown += f", {self.activation}" * bool(self.hidden)
        return shown + ", without biases" * (not self.bias) + ", with a skip" * self.skip

    def layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """Views of ``theta`` (..., ≥P) as [(W (..., out, in), b (..., out)), …], layer by layer.

        W is what units are multiplied with, or inputs where there are none in front; not a skip's
        weights. b is (..., 0) without biases.
        """
        views, at = [], 0
        for (i, o), units in zip(self.shapes, self.sizes, strict=False):
            w = theta[..., at : at + i * o].reshape(*theta.shape[:-1], o, i)[..., :units]
            at += i * o
            views.append((w, theta[..., at : at + o * self.bias]))
            at += o * self.bias
        return views


def _label(letter: str, up: str, unit: int, source: int | None = None) -> str:
    index = str(unit) if source is None else f"{unit},{source}"
    return f"${letter}_{{{index}}}{up}$"
