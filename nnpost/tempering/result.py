"""What tempered runs leave, as the run file keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from ..common.tables import TabledPairs
from ..numerics.student_mixture import StudentMixture

__all__ = ["Tempering"]


@dataclass(frozen=True, eq=False, repr=False)
class Tempering(TabledPairs):
    """E tempered runs of N particles, independent of each other, or from basins with a mixture in
    common.

    ``theta`` (E, N, P) equally weighted draws from (nearly) the posterior, ``log_z`` (E,) one
    estimate of the log evidence each, ``betas`` (E, L) the ladders and ``acceptance`` (E, L) the
    share of accepted moves on every rung, padded with NaN. ``start`` says from where, "prior",
    "both" or "basins". ``parts`` (E, S) has log Z of each of the S populations that make a run;
    it is empty where a run is one population.

    ``tempered_log_z`` (E,) is another estimate: that of the first pilots, which started from the
    prior and the basins of the search alone; from basins, by tempering where ``log_z`` is by
    importance sampling. ``efficiency`` (E,) is the effective share of draws from the density that
    particles started from (from basins, of draws from the last mixture). ``mixtures`` were fitted
    to particles on the domain D of folded.py, for chains to draw from; empty where they are worth
    too little.
    """

    group: ClassVar[str] = "tempering"

    theta: np.ndarray
    log_z: np.ndarray
    tempered_log_z: np.ndarray
    efficiency: np.ndarray
    betas: np.ndarray
    acceptance: np.ndarray
    mixtures: tuple[StudentMixture, ...]
    seconds: float
    start: str = "prior"
    parts: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def log_evidence(self) -> float:
        """log of the mean of the E estimates of Z."""
        return float(np.logaddexp.reduce(self.log_z) - math.log(len(self.log_z)))

    @property
    def error(self) -> float:
        """Standard error of ``log_evidence`` from the spread of all populations, or of the runs
        where each is one; NaN for a single one.

        It knows nothing of what all of them have missed.
        """
        found = self.parts if self.parts.size else self.log_z
        z = np.exp(found.ravel() - self.log_evidence)
        return float(np.std(z, ddof=1) / math.sqrt(len(z))) if len(z) > 1 else math.nan

    def rows(self) -> list[tuple[str, str]]:
        runs = "  ".join(f"{z:.2f}" for z in self.log_z)
        rungs = np.isfinite(self.betas).sum(axis=1) - 1
        size = f"{len(self.log_z)} of {self.theta.shape[1]} particles from {self.start}"
        steps = f"{rungs.min()} to {rungs.max()} steps"
        return [
            ("tempered runs", f"{size}, {steps}, {self.seconds:.1f} s"),
            ("log evidence", f"{self.log_evidence:.3f} ± {self.error:.3f}   ({runs})"),
        ]

    def to_tree(self) -> dict[str, Any]:
        tree = {f.name: getattr(self, f.name) for f in fields(self)}
        return tree | {"mixtures": {str(e): asdict(m) for e, m in enumerate(self.mixtures)}}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Tempering:
        stored = tree.get("mixtures", {})
        mixtures = tuple(StudentMixture(**stored[str(e)]) for e in range(len(stored)))
        return cls(**{**tree, "mixtures": mixtures})
