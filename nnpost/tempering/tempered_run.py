"""One tempered run at its end, and which of its two answers is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..common.errors import RequestError
from ..numerics.student_mixture import StudentMixture
from .importance import Refined

__all__ = ["NoBasins", "Preference", "TemperedRun"]


class NoBasins(RequestError):
    """The search for basins has left nothing to temper from; the message says what it left."""


class TemperedRun(NamedTuple):
    """One run: its particles at the end of the ladder, and what else it found.

    From basins that is what importance sampling made of it, ``refined``; of a run by itself
    (independent.py) a mixture fitted to its particles, the effective share of draws from where
    its particles started, log Z of the first pilot, and of each population.
    """

    h: np.ndarray  # (N, H), equally weighted
    log_z: float
    betas: list[float]
    acceptance: list[float]
    refined: Refined | None = None
    mixture: StudentMixture | None = None
    efficiency: float = math.nan
    first_log_z: float | None = None
    parts: np.ndarray | None = None  # log Z of each of the populations that make the run


@dataclass(frozen=True)
class Preference:
    """Where importance sampling is preferred to tempering."""

    effective: float = 100.0  # draws that it has to be worth, in every run
    share: float = 0.0  # of its draws that have to be effective, in the run itself

    def holds(self, runs: Sequence[TemperedRun]) -> bool:
        """Whether it is worth enough in every run."""
        return all(r.refined is not None and r.refined.effective >= self.effective for r in runs)

    def choose(self, runs: Sequence[TemperedRun]) -> list[TemperedRun | Refined]:
        """What each run is taken to have found."""
        if not self.holds(runs):
            return list(runs)
        return [
            r.refined if r.refined is not None and r.refined.efficiency >= self.share else r
            for r in runs
        ]
