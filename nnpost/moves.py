"""Moves of emcee that keep several independent ensembles apart.

A state holds E ensembles of W walkers side by side, walkers of ensemble e in rows e·W … (e+1)·W.
Every move splits each ensemble at random into two halves and proposes new places for one half
from the other half *of the same ensemble* (Foreman-Mackey et al. 2013, PASP 125, 306, §3), all
ensembles and walkers in one vectorised call.

A **proposal** is a small object with ``propose(s, c, rng) -> (q, log_factors)``: places s (E, S, d)
of the walkers to move, c (E, C, d) of the others; q like s, and the log of the Hastings factor
(E, S). :class:`EnsembleMove` makes proposals in the full space; :class:`CollapsedMove` makes the
same proposals in the space without the output layer, which it draws exactly.

The sampler's log density must take many vectors, (B, P) -> (B,), as with emcee's
``vectorize=True``, and must not return NaN: it is called as it is, without the checks of emcee's
``compute_log_prob``, which take half as long as a small network does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from emcee.moves import Move

from .errors import RequestError
from .output_layer import OutputLayer
from .posterior import Posterior

__all__ = [
    "PROPOSALS",
    "CollapsedMove",
    "DifferentialEvolution",
    "DirectMove",
    "EnsembleMove",
    "Proposal",
    "Snooker",
    "Stretch",
    "UnitEvolution",
    "UnitRenewal",
    "Walk",
    "collapsed_proposals",
]

Random = np.random.RandomState  # what emcee hands to its moves
Indices = tuple[np.ndarray, np.ndarray]


class Proposal(Protocol):
    """Where a walker may go next, seen from the other half of its ensemble."""

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        """s (E, S, d), c (E, C, d) -> q (E, S, d), log factors (E, S)."""


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


@dataclass(frozen=True)
class DifferentialEvolution:
    """q = s + γ (z₁ − z₂), with γ scattered by a relative ``sigma``; symmetric.

    Ter Braak 2006, Stat. Comput. 16, 239; γ = 2.38/√(2d) unless ``gamma0`` is given (1 jumps
    between modes). emcee's DEMove.
    """

    sigma: float = 1e-5
    gamma0: float | None = None

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        gamma0 = 2.38 / np.sqrt(2 * s.shape[2]) if self.gamma0 is None else self.gamma0
        gamma = gamma0 * (1 + self.sigma * rng.standard_normal(s.shape[:2]))
        z1, z2 = others(c, s, rng, 2)
        return s + gamma[..., None] * (z1 - z2), np.zeros(s.shape[:2])


@dataclass(frozen=True)
class Snooker:
    """A step along the line from z to s: q = s + γ e (e·(z₁ − z₂)), e = (s − z)/|s − z|.

    Ter Braak & Vrugt 2008, Stat. Comput. 18, 435, eq. 3 with its factor (|q − z|/|s − z|)^(d−1);
    emcee 3.1's DESnookerMove has another factor and is biased.
    """

    gamma: float = 1.7

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        z, z1, z2 = others(c, s, rng, 3)
        line = s - z
        length = np.linalg.norm(line, axis=2)
        e = line / np.maximum(length, np.finfo(float).tiny)[..., None]
        step = self.gamma * np.sum(e * (z1 - z2), axis=2)
        q = s + step[..., None] * e
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(np.linalg.norm(q - z, axis=2)) - np.log(length)
        return q, np.where(np.isfinite(ratio), (s.shape[2] - 1.0) * ratio, -np.inf)


@dataclass(frozen=True)
class Walk:
    """q = s + Σ_j n_j (z_j − z̄)/√C with standard normal n over the whole other half; symmetric.

    Goodman & Weare 2010, eq. 11 with S the whole complement, times ``scale`` (2.38/√d by default).
    """

    scale: float | None = None

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        scale = 2.38 / np.sqrt(s.shape[2]) if self.scale is None else self.scale
        normal = rng.standard_normal((*s.shape[:2], c.shape[1])) / np.sqrt(c.shape[1])
        spread = c - c.mean(axis=1, keepdims=True)
        return s + scale * (normal @ spread), np.zeros(s.shape[:2])


@dataclass(frozen=True)
class UnitEvolution:
    """Differential evolution of one unit: only the coordinates of one block move.

    ``blocks`` (U, k) holds the coordinates of each unit. The unit that moves and the two units
    whose difference moves it are drawn independently, since units are exchangeable; symmetric.
    """

    blocks: tuple[tuple[int, ...], ...]
    sigma: float = 1.0

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        blocks = np.array(self.blocks)
        z1, z2 = others(c, s, rng, 2)
        moved, first, second = (blocks[rng.randint(len(blocks), size=s.shape[:2])] for _ in "abc")
        gamma0 = 2.38 / np.sqrt(2 * blocks.shape[1])
        gamma = gamma0 * np.exp(self.sigma * rng.standard_normal(s.shape[:2]))
        difference = np.take_along_axis(z1, first, 2) - np.take_along_axis(z2, second, 2)
        q = s.copy()
        here = np.take_along_axis(s, moved, 2)
        np.put_along_axis(q, moved, here + gamma[..., None] * difference, 2)
        return q, np.zeros(s.shape[:2])


@dataclass(frozen=True, eq=False)
class UnitRenewal:
    """One unit anew: drawn from its prior, or (every other time) mirrored, (w, b) → −(w, b).

    ``scales`` (U, k) are the prior's standard deviations of ``blocks``. The factor of a draw is
    prior(s)/prior(q); a mirror is symmetric. Few are accepted, but they reach a place that no
    smooth path leads to, as where a ReLU unit looks the other way.
    """

    blocks: np.ndarray
    scales: np.ndarray

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        unit = rng.randint(len(self.blocks), size=s.shape[:2])
        place, scale = self.blocks[unit], self.scales[unit]
        old = np.take_along_axis(s, place, 2)
        mirrored = rng.random_sample(unit.shape) < 0.5
        new = np.where(mirrored[..., None], -old, scale * rng.standard_normal(old.shape))
        q = s.copy()
        np.put_along_axis(q, place, new, 2)
        return q, 0.5 * ((new / scale) ** 2 - (old / scale) ** 2).sum(axis=2)


PROPOSALS: dict[str, Callable[[], Proposal]] = {
    "stretch": Stretch,
    "de": DifferentialEvolution,
    "snooker": Snooker,
    "walk": Walk,
}


class DirectMove(Move):
    """Independent exact draws, for networks whose posterior is the Gaussian of the output layer."""

    def __init__(self, layer: OutputLayer) -> None:
        self.layer = layer

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        draws = self.layer.draw(self.layer.split(state.coords), model.random)
        state.coords[...], state.log_prob[...] = draws.theta, draws.log_prob
        return state, np.ones(len(state.coords), dtype=bool)


class EnsembleMove(Move):
    """One proposal in the full space, accepted or not for all walkers at once."""

    def __init__(self, proposal: Proposal, ensembles: int = 1) -> None:
        self.proposal = proposal
        self.ensembles = ensembles

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        accepted = np.zeros(len(state.coords), dtype=bool)
        for s, c in halves(len(state.coords), self.ensembles, model.random):
            q, factors = self.proposal.propose(state.coords[s], state.coords[c], model.random)
            flat = q.reshape(-1, q.shape[-1])
            log_prob = model.log_prob_fn(flat)
            ratio = factors.ravel() + log_prob - state.log_prob[s.ravel()]
            rows, taken = decide(ratio, s, model.random)
            state.coords[rows], state.log_prob[rows] = flat[taken], log_prob[taken]
            accepted[rows] = True
        return state, accepted


class CollapsedMove(Move):
    """Proposals for everything but the output layer, which is drawn from p(o | h, y).

    Drawing o' exactly makes the Hastings ratio that of the collapsed posterior p(y, h')/p(y, h),
    so this is an ordinary Metropolis–Hastings move on the full posterior (Liu 1994,
    JASA 89, 958). At each step one of ``proposals`` is drawn with its weight.

    The collapsed density of the current places is kept between steps; ``get_state`` and
    ``set_state`` let a stored run continue with the same bits.
    """

    def __init__(
        self,
        layer: OutputLayer,
        proposals: Sequence[tuple[Proposal, float]],
        ensembles: int = 1,
    ) -> None:
        self.layer = layer
        self.proposals = [proposal for proposal, _ in proposals]
        weights = np.array([weight for _, weight in proposals], dtype=float)
        self.weights = weights / weights.sum()
        self.ensembles = ensembles
        self._h = np.empty((0, layer.ndim))
        self._density = np.empty(0)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        h, density = self._current(state.coords)
        accepted = np.zeros(len(h), dtype=bool)
        proposal = self.proposals[int(model.random.choice(len(self.weights), p=self.weights))]
        for s, c in halves(len(h), self.ensembles, model.random):
            q, factors = proposal.propose(h[s], h[c], model.random)
            new = self.layer.draw(q.reshape(-1, q.shape[-1]), model.random)
            ratio = factors.ravel() + new.collapsed - density[s.ravel()]
            # A draw of o is part of the proposal: where it has no density, neither has q.
            ratio[~np.isfinite(new.log_prob)] = -np.inf
            rows, taken = decide(ratio, s, model.random)
            state.coords[rows], state.log_prob[rows] = new.theta[taken], new.log_prob[taken]
            h[rows], density[rows] = self.layer.split(new.theta[taken]), new.collapsed[taken]
            accepted[rows] = True
        return state, accepted

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        return {"h": self._h, "density": self._density}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self._h, self._density = state["h"].copy(), state["density"].copy()

    def _current(self, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h = self.layer.split(coords)
        if not np.array_equal(h, self._h):
            self._h, self._density = h, self.layer.log_prob(h)
        return self._h, self._density


def collapsed_proposals(post: Posterior) -> list[tuple[Proposal, float]]:
    """The mixture that samples the collapsed space by default, with its weights."""
    whole: list[tuple[Proposal, float]] = [
        (Stretch(a=3.0), 0.3),
        (Snooker(), 0.3),
        (DifferentialEvolution(sigma=0.3), 0.1),
        (DifferentialEvolution(gamma0=1.0, sigma=0.01), 0.1),
    ]
    return [*whole, (UnitEvolution(unit_blocks(post)), 0.2)] if post.net.hidden else whole


def unit_blocks(post: Posterior) -> tuple[tuple[int, ...], ...]:
    """Coordinates in h of every unit of the last hidden layer: its weights and its bias."""
    width, source = post.net.hidden[-1], post.net.sizes[-3]
    start = post.net.n_hidden - width * (source + 1)
    return tuple(
        (*range(start + u * source, start + (u + 1) * source), start + width * source + u)
        for u in range(width)
    )


def halves(walkers: int, ensembles: int, rng: Random) -> list[Indices]:
    """Split each ensemble at random, both ways round: rows (E, S) to move, rows (E, C) to use."""
    width, rest = divmod(walkers, ensembles)
    if rest or width % 2:
        raise RequestError(
            f"found {walkers} walkers in {ensembles} ensembles, expected the same even number "
            "of walkers in each"
        )
    order = np.argsort(rng.random_sample((ensembles, width)), axis=1)
    rows = order + width * np.arange(ensembles)[:, None]
    first, second = rows[:, : width // 2], rows[:, width // 2 :]
    return [(first, second), (second, first)]


def others(c: np.ndarray, s: np.ndarray, rng: Random, count: int) -> list[np.ndarray]:
    """``count`` different members of c (E, C, d) for every walker of s, (E, S, d) each."""
    ensembles, size = c.shape[:2]
    if size < count:
        raise RequestError(
            f"an ensemble has {2 * size} walkers, this move needs at least {2 * count}"
        )
    picks = [rng.randint(size, size=s.shape[:2])]
    for taken in range(1, count):
        pick = rng.randint(size - taken, size=s.shape[:2])
        for earlier in np.sort(picks, axis=0):
            pick = pick + (pick >= earlier)
        picks.append(pick)
    row = np.arange(ensembles)[:, None]
    return [c[row, pick] for pick in picks]


def decide(ratio: np.ndarray, s: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Metropolis' rule: the rows of the state that change, and which proposals they take."""
    with np.errstate(divide="ignore"):
        taken = np.log(rng.random_sample(len(ratio))) < ratio
    return s.ravel()[taken], taken
