"""The modes of a posterior, as find_modes.py finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..numerics.monte_carlo import Estimate

__all__ = ["Mode", "Modes"]


@dataclass(frozen=True, eq=False)
class Mode:
    """One mode: its top, folded, and the shares of restarts and posterior draws that lead to it.

    ``log_prob`` is that of the top as it was found, the highest of its copies.
    ``best_mse`` is the lowest of its restarts as training left them, NaN where it has none. The
    shares' errors are those of the restarts' and of the draws' number.
    """

    theta: np.ndarray  # (P,)
    log_prob: float
    mse: float
    restarts: Estimate
    mass: Estimate
    best_mse: float

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Mode:
        """What ``asdict`` gave."""
        shares = {name: Estimate.from_tree(tree[name]) for name in ("restarts", "mass")}
        return cls(**{**tree, **shares})


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes, the highest first, and in which of them SGD and MAP lie (−1: in none of them).

    ``other_restarts`` and ``other_mass`` are the shares that lead elsewhere: to lower modes than
    the twelve highest, or nowhere.
    """

    modes: tuple[Mode, ...]
    sgd: int
    map: int
    climbed_restarts: int
    climbed_draws: int
    other_restarts: Estimate
    other_mass: Estimate

    @property
    def top(self) -> Mode:
        """The MAP's mode; the highest where the MAP's is not among them."""
        return self.modes[max(self.map, 0)]

    def name(self, k: int) -> str:
        """What tables and figures call mode k: its number, and which networks lie in it."""
        inside = {"SGD": self.sgd, "MAP": self.map}
        names = ", ".join(name for name, at in inside.items() if at == k)
        return f"{k + 1} ({names})" if names else str(k + 1)

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict; the modes by their number, under the key that they always had."""
        tree = asdict(self)
        modes = tree.pop("modes")
        return {"basins": {str(k): mode for k, mode in enumerate(modes)}} | tree

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Modes:
        """What :meth:`to_tree` gave."""
        kept = tree.get("basins", {})  # a run without modes has no such group
        found = tuple(Mode.from_tree(kept[str(k)]) for k in range(len(kept)))
        others = {k: Estimate.from_tree(tree[k]) for k in ("other_restarts", "other_mass")}
        more = {k: v for k, v in tree.items() if k != "basins"}
        return cls(found, **more | others)
