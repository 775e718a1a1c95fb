"""The evidence around all maxima that anyone has found: the tempered runs' and the chain's judge.

Independent runs that end in the same wrong mode agree with each other, and neither R-hat nor the
spread of their log Z can tell. So the maxima of the collapsed density (folded.py) are searched for
by another way: climbed to from what training and the chain have found, and from networks with units
that switch somewhere in the data (basin_hopping.py). A heavy-tailed mixture with a component on
every top, some of the prior, and what was fitted to the draws of a chain if there are any, is drawn
from; fitted again and again to those draws as they are weighed; and drawn from for good. The last
draws are new, so that given its mixture their mean weight is an unbiased estimate of Z however bad
the mixture is, and of the part of Z in any region.

How good it is, the weights say themselves: k of the Pareto distribution that fits the largest of
them (Vehtari et al. 2024, JMLR 25, 72) must be below 0.7 for their mean to have a usable error.
Where it is not, the estimate is most often too small, and by Markov's inequality hardly ever much
too large: a bound from below.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import Fit, StudentMixture, fit_mixture
from ..posterior.posterior import Posterior
from ..posterior.spaces import Folded, folded_space, space_of
from .basin_hopping import Ascent, Basins, Search, pooled, search, tops_above
from .path import Path, Start
from .tempered_run import NoBasins

__all__ = ["Around", "AroundMaxima", "around_maxima"]


@dataclass(frozen=True)
class Around:
    """How much is searched and drawn."""

    search: Search = field(
        default_factory=lambda: Search(
            restarts=250, hops=2, hoppers=40, ascent=Ascent(deep=40.0), components=60
        )
    )
    draws: int = 4000  # of the last mixture, and of the one before
    rounds: int = 6  # of fitting a mixture to what was drawn from the one before, at most,
    enough: float = 0.6  # and until this share of the draws is effective
    prior_share: float = 0.1  # of the prior in what is drawn from
    fitted: int = 24  # components fitted to draws
    fit: Fit = field(default_factory=lambda: Fit(rounds=10))
    first_share: float = 0.3  # of the tops' own components, and those of a chain, in the last fit
    favour: float = 0.2  # power of the masses by which tops are drawn around: small ones, too,
    light: float = 12.0  # but not those that are lighter than the heaviest by more nats
    work: float = 2e9  # sigmoids that the search may cost; beyond that less is searched,
    climbed: int = 30  # draws of a chain that are climbed from
    level: float = 0.05  # nats between the heights of tops that count as one
    climb: int = 400  # of so many gradients a start,
    least: int = 16  # but from so many starts always

    def within(self, numbers: int) -> Around:
        """The same with as many starts and draws as ``work`` allows; ``numbers`` of a pass."""
        share = min(1.0, self.work / (self.search.restarts * self.climb * max(numbers, 1)))
        restarts, hoppers = (
            max(self.least, int(share * most))
            for most in (self.search.restarts, self.search.hoppers)
        )
        few = replace(self.search, restarts=restarts, hoppers=hoppers)
        draws = max(500, int(min(1.0, self.work / (10 * self.draws * numbers)) * self.draws))
        return replace(self, search=few, draws=draws)


AROUND = Around()


@dataclass(frozen=True, eq=False)
class AroundMaxima:
    """Weighted draws h (D, H) in the domain of ``folded``, and the tops that they stand around."""

    folded: Folded
    tops: Basins
    reached: np.ndarray  # (T,)  whether a climb from a draw of the chain has led there
    h: np.ndarray  # (D, H)
    log_weights: np.ndarray  # (D,)

    @property
    def log_z(self) -> float:
        """log of the mean weight."""
        return float(logsumexp(self.log_weights)) - math.log(len(self.log_weights))

    @cached_property
    def effective(self) -> float:
        """How many draws of the posterior they are worth."""
        return math.exp(log_effective_size(self.log_weights))

    @property
    def error(self) -> float:
        """Standard error of ``log_z`` by the spread of the weights."""
        return math.sqrt(max(1 / self.effective - 1 / len(self.log_weights), 0.0))

    @cached_property
    def pareto_k(self) -> float:
        """Shape of the tail of the weights; infinite where there are too few to tell."""
        from arviz_stats.base import array_stats

        known = self.log_weights[np.isfinite(self.log_weights)]
        if len(known) < 100:
            return math.inf
        return float(array_stats.psislw(known.max() - known)[1])

    @cached_property
    def weights(self) -> np.ndarray:
        """The weights, which add up to 1: (D,)."""
        return np.exp(self.log_weights - logsumexp(self.log_weights))

    def nearest(self, h: np.ndarray) -> np.ndarray:
        """Which top is responsible for each place in the domain: (B, H) -> (B,)."""
        shares, _ = self.tops.mixture(len(self.tops.h)).parts(h)
        order = np.argsort(-self.tops.log_mass)  # that of the mixture's components
        return np.asarray(order[np.argmax(shares, axis=1)])


def around_maxima(
    post: Posterior,
    theta: np.ndarray,
    seed: int = 0,
    draws: np.ndarray | None = None,
    tuning: Around = AROUND,
) -> AroundMaxima | None:
    """Weighted draws around all maxima that are found from ``theta`` (S, P) and by a search.

    ``draws`` (N, P) are of a chain, for the mixture. None where nothing is left to draw but the
    output layer, and where no climb ends anywhere.
    """
    exact = folded_space(space_of(post))
    if exact.ndim == 0 or not post.net.hidden:
        return None
    tuning = tuning.within(post.data.n * sum(post.net.hidden))
    rng = np.random.RandomState(np.random.SeedSequence([seed, 1]).generate_state(8))
    theta = np.atleast_2d(np.asarray(theta, dtype=float))
    climbed = theta[:0] if draws is None else draws[:: 1 + len(draws) // tuning.climbed]
    tops, reached = _tops(post, theta, climbed, rng, tuning)
    if len(tops.h) == 0:
        return None
    mixture = _around(tops, tuning)
    if draws is not None:
        seen = fit_mixture(
            exact.split(np.asarray(draws, dtype=float)), tuning.fitted, rng, tuning.fit
        )
        mixture = mixture.joined(seen, 0.5)
    proposed = mixture
    for _ in range(tuning.rounds):
        found = AroundMaxima(exact, tops, reached, *_weighed(exact, proposed, rng, tuning))
        if not np.isfinite(found.log_weights).any():
            return None
        fitted = fit_mixture(
            found.h[systematic(found.log_weights, rng)], tuning.fitted, rng, tuning.fit
        )
        proposed = mixture.joined(fitted, tuning.first_share)
        if found.effective > tuning.enough * tuning.draws:
            break
    return AroundMaxima(exact, tops, reached, *_weighed(exact, proposed, rng, tuning))


def _around(tops: Basins, tuning: Around) -> StudentMixture:
    """Heavy-tailed components on the tops; even a mode of a thousandth gets many draws."""
    heavy = tops.log_mass > tops.log_mass.max() - tuning.light
    weights = np.exp(tuning.favour * (tops.log_mass[heavy] - tops.log_mass.max()))
    return StudentMixture(weights / weights.sum(), tops.h[heavy], tops.roots[heavy])


def _weighed(
    folded: Folded,
    mixture: StudentMixture,
    rng: np.random.RandomState,
    tuning: Around,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws (D, H) of the mixture and of some of the prior, and the logs of their weights (D,)."""
    start = Start(folded, mixture, tuning.prior_share)
    h = start.draw(tuning.draws, rng)
    return h, Path(start, folded).inside(h).log_weights()


def _tops(
    post: Posterior,
    theta: np.ndarray,
    draws: np.ndarray,
    rng: np.random.RandomState,
    tuning: Around,
) -> tuple[Basins, np.ndarray]:
    """Maxima above ``theta`` and ``draws``, and those that a search finds where there is one hidden
    layer; and which of them were reached from draws."""
    layer, one = space_of(post), len(post.net.hidden) == 1
    folded = folded_space(layer.on_quadrature() if one else layer)
    ascent = tuning.search.ascent
    own, *found = [tops_above(folded, folded.split(part), ascent) for part in (draws, theta)]
    if one:
        with suppress(NoBasins):  # what was climbed to is then all there is
            found.append(search(folded, rng, tuning.search))
    parts = [part for part in (own, *found) if len(part.h)]
    if not parts:
        return own, np.zeros(0, dtype=bool)
    tops = pooled(parts, ascent)
    heaviest = np.argsort(-tops.log_mass)[: tuning.search.components]
    tops = Basins(*(part[heaviest] for part in tops))
    # Copies of one network on either side of the domain's border have the same height.
    level = np.abs(tops.log_prob[:, None] - own.log_prob) < tuning.level
    return tops, np.asarray(level.any(axis=1))
