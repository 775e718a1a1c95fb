"""What noise and priors may be, for settings that must not import torch as well."""

from __future__ import annotations

from dataclasses import replace

from ..common.rules import either, number, one_of, whole

__all__ = [
    "CLASSES",
    "LIKELIHOOD_KINDS",
    "NOISE",
    "PRIOR_KINDS",
    "SCALE",
    "SCALED_PRIOR_STD",
    "SHARED",
]

LIKELIHOOD_KINDS = (
    "mse", "gaussian", "student", "heteroscedastic", "bernoulli", "categorical", "poisson",
    "gaussians",
)  # fmt: skip
PRIOR_KINDS = ("gaussian", "student", "laplace")
SCALED_PRIOR_STD = 2.0  # of weights, on data of unit spread: benchmarks/prior_scale.py

# A standard deviation: its square is a number too, and so is one over that.
SCALE = replace(
    number(above=1e-100, below=1e100), words="a positive number between 1e-100 and 1e100"
)
NOISE = either(SCALE, one_of("infer"))
CLASSES = whole(2)
SHARED = one_of("none", "kind", "input")  # what has a scale of its own that is inferred
