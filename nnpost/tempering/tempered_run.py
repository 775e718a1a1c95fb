"""One tempered run at its end, and which of its two answers is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..common.errors import RequestError
from .importance import Refined

__all__ = ["NoBasins", "Preference", "TemperedRun"]


class NoBasins(RequestError):
    """The search for basins has left nothing to temper from; the message says what it left."""


class TemperedRun(NamedTuple):
    """One run: its particles at the end of the ladder, and what importance sampling made of it."""

    h: np.ndarray  # (N, H), equally weighted
    log_z: float
    betas: list[float]
    acceptance: list[float]
    refined: Refined | None = None


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
