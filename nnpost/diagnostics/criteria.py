"""What a chain, and the evidences that go with it, have to satisfy."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STANDARD", "Criteria"]


@dataclass(frozen=True)
class Criteria:
    """The bounds of the verdict."""

    min_ensembles: int = 4
    max_rhat: float = 1.01
    min_ess: float = 400.0
    min_length: float = 50.0  # of the chain, in autocorrelation times
    max_log_z_gap: float = 1.0  # nats between one run and the mean of the others
    max_from_map: float = 5.0  # nats by which an unbiased estimate exceeds log Z in 0.7 % of cases
    max_survey_z: float = 5.0  # errors between shares or means of the chain and those around maxima
    max_evidence_z: float = 4.0  # errors between log Z by tempering and that around maxima
    min_acceptance: float = 0.01  # of the moves on a rung of a ladder
    slow: float = 100.0  # autocorrelation time of moves without gradients, in steps
    sharp: float = 1000.0  # nats that data gain on the prior where basins begin to be many
    no_noise: float = 1e-5  # of y's spread: an inferred sigma below it is none
    min_rest: int = 50  # a walker at rest for so few rows, or fewer, proves nothing


STANDARD = Criteria()
