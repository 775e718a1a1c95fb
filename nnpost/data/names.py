"""The names of the made-up data and of scalings, for settings that must not import numpy."""

__all__ = ["DATASET_NAMES", "SCALES"]

SCALES = ("standard", "robust", "none")

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
