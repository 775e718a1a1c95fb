"""How much work goes into polishing the maxima, and when one counts as found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["POLISH", "Polish"]


@dataclass(frozen=True)
class Polish:
    """From the ends of restarts to a maximum, in its two stages, and what is asked of its top."""

    best: int = 16  # restarts that it starts from: the best by either measure,
    spread: int = 8  # and so many evenly among all
    damping: float = 1e-2  # of the first step of either stage
    patience: int = 8  # steps in a row without a gain worth another one before a stage ends
    steps: int = 300  # at most, of Levenberg and Marquardt's method
    gain: float = 1e-7  # nats that are worth another of them
    finalists: int = 4  # distinct end points of these that Newton's method works on
    newton_steps: int = 150  # at most
    newton_gain: float = 1e-10  # nats that are worth another of them
    settling: int = 6  # full Newton steps at the end, at most,
    settled: float = 1e-3  # from this many standard deviations of the Gaussian at the top
    near: float = 1e-6  # converged: this near to the top, in the same,
    still: float = 1e-8  # a last Newton step no larger than this, relative to theta,
    firm: float = 1e-12  # and a least curvature, in units of the diagonal, that is not all rounding


POLISH = Polish()
