"""The stretch move of Goodman and Weare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random, others

__all__ = ["Stretch"]


@dataclass(frozen=True)
class Stretch:
    """Goodman and Weare's stretch: q = z + u (s − z), u ~ 1/√u on [1/a, a], factor u^(d−1).

    Goodman & Weare 2010, Comm. App. Math. Comp. Sci. 5, 65, eqs. 7 and 9. emcee's StretchMove.
    """

    a: float = 2.0

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        u = ((self.a - 1.0) * rng.random_sample(s.shape[:2]) + 1) ** 2 / self.a
        (z,) = others(c, s, rng, 1)
        return z + u[..., None] * (s - z), (s.shape[2] - 1.0) * np.log(u)
