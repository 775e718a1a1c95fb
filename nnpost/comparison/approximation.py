"""An approximation of the posterior as a distribution of curves, and how far it is off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ..numerics.monte_carlo import Estimate

__all__ = ["Approximation", "Curves"]


class Curves(NamedTuple):
    """What an approximation says, as draws of the network's outputs; see approximations.py.

    ``log_z`` is None for what has none; ``note`` is what its numbers have to be read with.
    """

    name: str
    draws: np.ndarray  # (S, m), of f at the m inputs of the reference
    log_z: float | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Approximation:
    """An approximation of the posterior against the MCMC draws of it.

    ``numbers`` has, for "inside" and "outside" the data's range, averages over the inputs x of the
    comparison: ``w1_*``, the Wasserstein-1 distance of f(x), in units of y, or of several
    targets each in units of its standard deviation in the fitted data; ``floor_*``, the same
    between two independent ensembles, with as many draws; ``mean_*``, the root mean square
    distance of the predictive means in posterior standard deviations of f(x); ``width_*``, the
    mean width of the 90 % band over that of the posterior. ``log_z`` is None for what has none.
    """

    name: str
    draws: int
    numbers: Mapping[str, Estimate]
    log_z: float | None
    mean: np.ndarray  # (m,) of f(x)
    q05: np.ndarray
    q95: np.ndarray
    note: str = ""

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Approximation:
        """What :meth:`to_tree` gave; what was None is absent."""
        numbers = {k: Estimate.from_tree(v) for k, v in tree["numbers"].items()}
        log_z = tree.get("log_z")
        more = {"numbers": numbers, "log_z": None if log_z is None else float(log_z)}
        return cls(**{**tree, **more})
