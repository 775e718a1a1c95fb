"""The names of the made-up data, for settings that must not import numpy."""

__all__ = ["DATASET_NAMES"]

DATASET_NAMES = (
    "parabola",
    "sine",
    "addition",
    "line",
    "shifted_sine",
    "pair_sum",
    "linear_target",
    "product_target",
    "square",
)
