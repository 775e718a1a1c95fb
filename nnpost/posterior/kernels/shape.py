"""A network as kernels take it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["ACTIVATIONS", "LANES", "LEAK", "Shape"]

# Those whose slope follows from their value. SiLU and GELU have two places of the same value.
ACTIVATIONS = (
    "sigmoid", "tanh", "softsign", "relu", "identity", "leaky_relu", "elu", "softplus",
)  # fmt: skip
LEAK = 0.01  # slope of a leaky ReLU below zero

# Numbers that are known of one network on one block, all rows together: 128 KiB.
NEAR = 2**14
LANES = 32  # a block is a multiple of it: all its points go through full vectors
SHORTEST, LONGEST = 128, 512


@dataclass(frozen=True)
class Shape:
    """Widths of all layers, inputs first and the one output last, and the activation.

    ``theta`` is in torch's order, layer by layer W (out · in) row by row and then b (out).
    """

    sizes: tuple[int, ...]
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1 or self.sizes[-1] != 1:
            raise ValueError(f"sizes {self.sizes}: expected (inputs, ..., 1), all at least 1")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation '{self.activation}': expected one of {ACTIVATIONS}")

    @cached_property
    def widths(self) -> np.ndarray:
        """The sizes as an array."""
        return np.array(self.sizes, dtype=np.int64)

    @cached_property
    def code(self) -> int:
        """The activation as a number."""
        return ACTIVATIONS.index(self.activation)

    @cached_property
    def ndim(self) -> int:
        """P, the number of weights and biases."""
        return sum(o * (i + 1) for i, o in zip(self.sizes, self.sizes[1:], strict=False))

    @cached_property
    def n_output(self) -> int:
        """K, the number of weights and biases of the output layer."""
        return self.sizes[-2] + 1

    @cached_property
    def n_hidden(self) -> int:
        """H, the number of parameters in front of the output layer."""
        return self.ndim - self.n_output

    @cached_property
    def units(self) -> int:
        """All hidden units together."""
        return sum(self.sizes[1:-1])

    def block(self, n: int) -> int:
        """Points in each of the blocks into which n points are split evenly."""
        rows = 2 * self.units + self.sizes[0] + 4
        longest = min(LONGEST, max(SHORTEST, NEAR // rows))
        blocks = max(1, math.ceil(n / longest))
        return LANES * math.ceil(n / (blocks * LANES))
