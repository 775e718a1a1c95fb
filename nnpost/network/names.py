"""The activations by name, with their symmetries, for those who must not import torch."""

from typing import Literal

__all__ = ["ACTIVATION_NAMES", "SYMMETRIES", "Symmetry"]

Symmetry = Literal["odd", "sigmoid", "relu", "linear", "none"]

SYMMETRIES: dict[str, Symmetry] = {
    "sigmoid": "sigmoid",
    "tanh": "odd",
    "softsign": "odd",
    "relu": "relu",
    "identity": "linear",
    "leaky_relu": "relu",
    "elu": "none",
    "softplus": "none",
    "silu": "none",
    "gelu": "none",
}
ACTIVATION_NAMES = tuple(SYMMETRIES)
