"""Tempered runs that are finished while others are still to be made, as the run file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..numerics.student_mixture import StudentMixture
from .temper import Apart
from .tempered_run import TemperedRun

__all__ = ["KeptRuns"]

NUMBERS = ("h", "log_z", "betas", "acceptance", "efficiency", "first_log_z", "parts")


@dataclass(frozen=True, eq=False)
class KeptRuns:
    """Some of the runs of one tempering, by number, and what it was asked for in words."""

    group: ClassVar[str] = "tempered_runs"

    asked: str
    runs: Mapping[int, Apart]

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays, numbers, strings and further dicts."""
        return {"asked": self.asked} | {str(e): _tree_of(run) for e, run in self.runs.items()}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> KeptRuns:
        """What :meth:`to_tree` gave."""
        runs = {int(name): _from_tree(one) for name, one in tree.items() if name != "asked"}
        return cls(tree["asked"], runs)


def _tree_of(kept: Apart) -> dict[str, Any]:
    run = kept.run
    tree: dict[str, Any] = {name: getattr(run, name) for name in NUMBERS}
    if run.mixture is not None:
        tree["mixture"] = asdict(run.mixture)
    _, key, position, has_gauss, gauss = kept.rng.get_state(legacy=True)
    state = {"key": key, "place": np.array([position, has_gauss]), "gauss": gauss}
    return tree | {"random": state, "seconds": kept.seconds, "start": kept.start}


def _from_tree(tree: Mapping[str, Any]) -> Apart:
    found: dict[str, Any] = {name: tree.get(name) for name in NUMBERS}
    found |= {name: tree[name].tolist() for name in ("betas", "acceptance")}
    mixture = StudentMixture(**tree["mixture"]) if "mixture" in tree else None
    rng, state = np.random.RandomState(), tree["random"]
    rng.set_state(("MT19937", state["key"], *state["place"].tolist(), state["gauss"]))
    return Apart(TemperedRun(**found, mixture=mixture), rng, tree["seconds"], tree["start"])
