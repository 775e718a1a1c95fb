"""The path of a tempered run: from a density that can be drawn from to the posterior.

On the domain D of folded.py, which holds one copy of every network, the path is

    s(h)^(1−β) p̄(h)^β,   β from 0 to 1,

with the posterior p̄ summed over copies and a start s that is normalised: the prior, summed over
copies too, and beside it, where basins or earlier particles are known, a mixture of t
distributions that has been fitted to them (a defensive mixture; Hesterberg 1995, Technometrics 37,
185). What the mixture has missed the prior still reaches, and what the prior cannot find the
mixture knows; the weights make up for both.

Everything is the same for all copies: a place outside D stands for its copy inside.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..numerics.student_mixture import StudentMixture
from ..posterior.spaces import Folded

__all__ = ["Path", "Start", "Values"]


class Values(NamedTuple):
    """Log densities at both ends of the path, (B,) each."""

    end: np.ndarray  # log p̄
    start: np.ndarray  # log s

    def at(self, beta: float) -> np.ndarray:
        """The log density at β (B,), −inf where the posterior is."""
        with np.errstate(invalid="ignore"):
            value = beta * self.end + (1 - beta) * self.start
        return np.where(np.isfinite(self.end), value, -np.inf)

    def log_weights(self) -> np.ndarray:
        """Of draws of the start as draws of the posterior (B,), −inf where that is."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(self.end), self.end - self.start, -np.inf)


class Slopes(NamedTuple):
    """The gradients of both, (B, H) each."""

    end: np.ndarray
    start: np.ndarray

    def at(self, beta: float) -> np.ndarray:
        return beta * self.end + (1 - beta) * self.start


class Start:
    """A ``share`` of the prior and the rest of ``mixture``; the prior alone without one."""

    def __init__(
        self, folded: Folded, mixture: StudentMixture | None = None, share: float = 0.5
    ) -> None:
        self.folded, self.mixture = folded, mixture
        self.share = share if mixture is not None else 1.0
        self.scales = folded.layer.post.scales[folded.layer.hidden_index]

    def draw(self, size: int, rng: np.random.RandomState) -> np.ndarray:
        """``size`` draws (size, H), as many of each part as its share says, up to one by chance;
        some of those of the mixture lie outside D."""
        some = int(self.share * size + (rng.random_sample() if self.mixture else 0.0))
        prior = self.folded.draw_prior(some, rng)
        if self.mixture is None:
            return prior
        return np.concatenate([prior, self.mixture.draw(size - some, rng)])

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """log s inside D: (B, H) -> (B,)."""
        prior = self.folded.log_prior(h)
        if self.mixture is None:
            return prior
        return np.logaddexp(
            math.log(self.share) + prior, math.log1p(-self.share) + self.mixture.log_prob(h)
        )

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log s inside D and its gradient: (B, H) -> (B,), (B, H)."""
        prior, slope = self.folded.log_prior_and_grad(h)
        if self.mixture is None:
            return prior, slope
        mixture, other = self.mixture.log_prob_and_grad(h)
        value = np.logaddexp(math.log(self.share) + prior, math.log1p(-self.share) + mixture)
        part = np.exp(math.log(self.share) + prior - value)[:, None]
        return value, part * slope + (1 - part) * other


class Path:
    """The densities from ``start`` to ``folded``, and their gradients; h is (B, H)."""

    def __init__(self, start: Start, folded: Folded) -> None:
        self.start, self.folded = start, folded

    def inside(self, h: np.ndarray) -> Values:
        """At h inside D; outside both are −inf."""
        end, start = self.folded.log_prob(h), np.full(len(h), -np.inf)
        known = np.isfinite(end)
        start[known] = self.start.log_prob(h[known])
        return Values(end, start)

    def with_slopes(self, h: np.ndarray) -> tuple[Values, Slopes]:
        """At h anywhere, with gradients in the coordinates of h itself."""
        q, turn = self.folded.into_domain(h)
        end, end_slope = self.folded.log_prob_and_grad_anywhere(q)
        with np.errstate(all="ignore"):
            start, start_slope = self.start.log_prob_and_grad(q)
        return Values(end, start), Slopes(turn(end_slope), turn(start_slope))
