"""The names of the activations, for settings that must not import torch."""

__all__ = ["ACTIVATION_NAMES"]

ACTIVATION_NAMES = (
    "sigmoid", "tanh", "softsign", "relu", "identity", "leaky_relu", "elu", "softplus", "silu",
    "gelu",
)  # fmt: skip
