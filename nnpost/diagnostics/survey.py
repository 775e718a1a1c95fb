"""What was found around all maxima, beside what a chain has drawn there."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Compared", "Evidence", "Region", "Survey"]


@dataclass(frozen=True)
class Evidence:
    """log Z of a run with its standard error, and that of each ensemble's own estimate."""

    log_z: float
    error: float  # NaN for a single estimate
    per_ensemble: tuple[float, ...]
    acceptance: float = 1.0  # the lowest share of accepted moves on a rung of any ladder,
    stalled_at: float = 1.0  # and the power of the likelihood there


@dataclass(frozen=True)
class Region:
    """The surroundings of one maximum of the posterior, the output layer integrated out."""

    height: float  # log density at the maximum
    log_z: float  # log of its part of Z, by importance sampling
    laplace: float  # the same by Laplace's approximation
    share: float  # its part of Z, as a share
    share_error: float
    drawn: float  # the share of the chain's draws that lie in it
    drawn_error: float
    reached: bool  # whether a climb from a draw has led to it


@dataclass(frozen=True)
class Compared:
    """The posterior mean of one quantity by importance sampling and by the chain."""

    name: str
    here: float
    here_error: float
    drawn: float
    drawn_error: float

    @property
    def z(self) -> float:
        """Their distance in standard errors; infinite where they differ and have none."""
        gap, error = self.drawn - self.here, math.hypot(self.here_error, self.drawn_error)
        return gap / error if error > 0 else math.copysign(math.inf, gap) if gap else 0.0


@dataclass(frozen=True)
class Survey:
    """Importance sampling around all maxima that training, climbs and a search have found."""

    log_z: float
    error: float
    effective: float  # draws of the posterior that the weighted ones are worth
    pareto_k: float  # of the weights' tail
    regions: tuple[Region, ...]
    means: tuple[Compared, ...]

    @property
    def reliable(self) -> bool:
        """Whether its errors can be used; if not, ``log_z`` is most often too low."""
        return self.pareto_k < 0.7 and self.effective >= 100
