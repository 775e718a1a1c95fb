"""``[temper]``: the settings of the tempered runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.settings import (
    Section,
    setting,
    whole,
)

__all__ = ["TemperSettings"]


@dataclass(frozen=True)
class TemperSettings(Section):
    """``[temper]``: particles that are brought from the prior to the posterior."""

    title = "temper"
    particles: int = setting(2000, whole(2))
    steps: int = setting(8, whole(1))

    def check(self, hidden: int, nwalkers: int) -> None:
        """Refuse too few particles for an ensemble, or to move ``hidden`` parameters about."""
        least = max(4 * hidden, 4, nwalkers)
        if self.particles < least or self.particles % 2:
            self.refuse(
                "particles",
                f"found {self.particles}, expected an even number of at least {least} (one for "
                f"each of the {nwalkers} walkers, and four for each parameter that moves)",
            )
