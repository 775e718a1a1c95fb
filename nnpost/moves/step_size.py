"""The step size of gradient moves, tuned by dual averaging and then frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["StepSize"]


@dataclass
class StepSize:
    """Step sizes by dual averaging to a given acceptance, then frozen.

    Hoffman & Gelman 2014, J. Mach. Learn. Res. 15, 1593, §3.2.1, with their μ = log 10ε₀,
    γ = 0.05, t₀ = 10, κ = 0.75. ``log`` may have any shape, (E, 1) to begin with.
    """

    log: np.ndarray
    target: float = 0.8

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew from the present step."""
        self.centre = self.log + np.log(10)
        self.smooth, self.error, self.count = self.log.copy(), np.zeros_like(self.log), 0

    def learn(self, acceptance: np.ndarray) -> None:
        """Take in acceptance probabilities, of a shape that ``log`` can take."""
        self.count += 1
        rate, weight = 1 / (self.count + 10), self.count**-0.75
        self.error = (1 - rate) * self.error + rate * (self.target - acceptance)
        self.log = self.centre - np.sqrt(self.count) / 0.05 * self.error
        self.smooth = weight * self.log + (1 - weight) * self.smooth

    def settle(self) -> None:
        """Take the smoothed average from now on, one for all walkers of an ensemble."""
        self.log = np.median(self.smooth, axis=1, keepdims=True)

    def get_state(self) -> dict[str, np.ndarray]:
        names = ("log", "centre", "smooth", "error", "count")
        return {f"step_{name}": np.array(getattr(self, name)) for name in names}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for name in ("log", "centre", "smooth", "error"):
            setattr(self, name, state[f"step_{name}"].copy())
        self.count = int(state["step_count"])
