"""Leaps: proposals that replace one unit by a fresh one, or the whole network.

Small steps do not lead from one basin of a sharp posterior to another; these do. They are
proposals as in moves.py, for posteriors of one hidden layer with the output layer integrated out,
and they know nothing of the order or the signs of units: copies of a network are served alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import logsumexp

from .mixture import StudentMixture
from .moves import Random, unit_blocks
from .network import ACTIVATIONS
from .posterior import Posterior, as_tensor
from .quotient import Quotient

__all__ = ["FoldedIndependent", "UnitReplacement"]

CANDIDATES = 250  # fresh units that compete with the present one
BATCH = 100  # networks at a time, to stay near the processor
POINTS = 125  # the data are gathered into about this many points, where there is one input
STEEPNESS = (0.1, 0.3, 1.0, 3.0, 10.0)  # of candidates, over the range of the inputs
FROM_PRIOR = 0.3  # share of the candidates drawn from the prior


@dataclass(frozen=True, eq=False)
class FoldedIndependent:
    """A fresh network from a mixture on the domain D of :class:`Quotient`, one for each ensemble.

    A draw inside D is turned into one of its copies at random, so the density of what is proposed
    is m(fold(q)) up to a constant, at every copy; a draw outside D is not proposed at all.
    """

    mixtures: tuple[StudentMixture, ...]
    quotient: Quotient

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        q, factors = np.empty_like(s), np.empty(s.shape[:2])
        for e, m in enumerate(self.mixtures):
            new = m.draw(s.shape[1], rng)
            ratio = m.log_prob(self.quotient.fold(s[e])) - m.log_prob(new)
            factors[e] = np.where(self.quotient.inside(new), ratio, -np.inf)
            q[e] = self.quotient.any_copy(new, rng)
        return q, factors


class UnitReplacement:
    """One unit of each network is replaced by one of many fresh candidates, or stays.

    Given the other units, M candidates u_m drawn from a fixed density r and the present unit u_0
    compete with weights p̃(u_m)/r(u_m): iterated sampling importance resampling, which leaves p̃
    invariant and is reversible (Tjelmeland 2004, NTNU statistics report 4/2004; Andrieu, Lee &
    Vihola 2018, Bernoulli 24, 842). p̃ is the collapsed posterior with two short cuts, for which
    the factor p̃(old)/p̃(new) makes up: the data are gathered into a few points where there is one
    input, and the output bias has no prior, which makes p̃ the same for all flips of units.

    With the other units' A = τ F Fᵀ + D and m = A⁻¹ τ F y, a candidate with values φ has

        log p̃ = ½ (τ φ·y − k·m)²/s − ½ log s + log prior,   k = τ F φ,   s = τ|φ|² + 1/s_a² − kᵀA⁻¹k

    so that a candidate costs a few percent of a pass over the data.
    """

    def __init__(self, post: Posterior, candidates: int = CANDIDATES, beta: float = 1.0) -> None:
        self.post, self.candidates, self.beta = post, candidates, beta
        self.blocks = np.array(unit_blocks(post))  # (U, d + 1)
        self.scales = post.scales[self.blocks[0]]
        self.output_precision = float(post.scales[post.net.n_hidden]) ** -2
        x, y, weights = _gathered(post)
        self.x, self.root = torch.tensor(x), torch.tensor(np.sqrt(weights))
        self.y = torch.tensor(y) * self.root
        spread = x.std(axis=0)
        self.middle, self.spread = x.mean(axis=0), np.where(spread > 0, spread, 1.0)

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        flat = s.reshape(-1, s.shape[2])
        parts = [self.replace(flat[i : i + BATCH], rng) for i in range(0, len(flat), BATCH)]
        q, log_ratio = (np.concatenate(part) for part in zip(*parts, strict=True))
        return q.reshape(s.shape), -log_ratio.reshape(s.shape[:2])

    def replace(self, h: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        """h (B, H) with one unit each replaced, and log p̃(new) − log p̃(old), (B,)."""
        batch, count = len(h), len(self.blocks)
        which, row = rng.randint(count, size=batch), np.arange(batch)
        units = np.concatenate([h[:, self.blocks], self._draw(batch, rng)], axis=1)
        # The unit that may go comes first, then the candidates, then those that stay.
        rest = np.array([[k for k in range(count) if k != j] for j in range(count)], dtype=int)
        order = np.broadcast_to(np.arange(count, units.shape[1]), (batch, self.candidates))
        order = np.c_[which, order, rest[which].reshape(batch, -1)]
        units = units[row[:, None], order]
        pool = units[:, : 1 + self.candidates]
        log_p = self._evidence(units, self._precision(h)) + self._log_prior(pool)
        log_w = log_p - self._log_density(pool)
        pick = np.argmax(log_w - np.log(-np.log(rng.random_sample(log_w.shape))), axis=1)
        q = h.copy()
        np.put_along_axis(q, self.blocks[which], pool[row, pick], 1)
        return q, log_p[row, pick] - log_p[:, 0]

    def _evidence(self, units: np.ndarray, tau: np.ndarray) -> np.ndarray:
        """log p̃(y | unit) up to a constant for the pool in front: (B, ·, d + 1) -> (B, 1 + M)."""
        w, b = torch.from_numpy(units).split([units.shape[2] - 1, 1], dim=2)
        values = ACTIVATIONS[self.post.net.activation].function(w @ self.x.T + b) * self.root
        pool, others = values.tensor_split([1 + self.candidates], dim=1)
        others = torch.cat([others, self.root.expand(len(units), 1, -1)], dim=1)
        t = torch.from_numpy(tau)[:, None]
        precision = self.output_precision
        diagonal = torch.full((others.shape[1],), precision, dtype=torch.float64)
        diagonal[-1] = 0.0
        a = t.unsqueeze(2) * (others @ others.mT) + torch.diag(diagonal)
        k = t.unsqueeze(2) * (others @ pool.mT)
        cholesky, failed = torch.linalg.cholesky_ex(a)
        mean = torch.cholesky_solve((t * (others @ self.y)).unsqueeze(2), cholesky)
        half = torch.linalg.solve_triangular(cholesky, k, upper=False)
        free = t * pool.square().sum(2) + precision - half.square().sum(1)
        free = free.clamp(min=precision)  # what rounding may take away
        along = t * (pool @ self.y) - (mean.mT @ k).squeeze(1)
        value = 0.5 * along.square() / free - 0.5 * torch.log(free)
        return torch.where((failed > 0).unsqueeze(1), 0.0, value).nan_to_num(-1e300).numpy()

    def _precision(self, h: np.ndarray) -> np.ndarray:
        noise = self.post.likelihood.infers_noise
        log_sigma = as_tensor(h[:, -1], "cpu") if noise else None
        tau = self.post.likelihood.precision(self.post.data.n, log_sigma)
        return self.beta * np.broadcast_to(np.asarray(tau, dtype=float), len(h))

    # -- candidates: prior, and units of several steepnesses that switch where the data are --------

    def _draw(self, batch: int, rng: Random) -> np.ndarray:
        """(B, M, d + 1)"""
        shape, d = (batch, self.candidates), len(self.middle)
        prior = rng.standard_normal((*shape, d + 1)) * self.scales
        near = self.near(batch * self.candidates, rng).reshape(prior.shape)
        return np.where(rng.random_sample((*shape, 1)) < FROM_PRIOR, prior, near)

    def near(self, size: int, rng: Random) -> np.ndarray:
        """Units that switch where the data are, (size, d + 1)."""
        steep = np.array(STEEPNESS)[rng.randint(len(STEEPNESS), size=size)]
        w = rng.standard_normal((size, len(self.middle))) * (steep[:, None] / self.spread)
        b = self._width(w) * rng.standard_normal(size) - w @ self.middle
        return np.c_[w, b]

    def _log_density(self, units: np.ndarray) -> np.ndarray:
        """(..., d + 1) -> (...)"""
        w, b = units[..., :-1], units[..., -1]
        steep, d = np.array(STEEPNESS), len(self.middle)
        z = ((w * self.spread) ** 2).sum(axis=-1)[..., None]
        log_w = logsumexp(-0.5 * z / steep**2 - d * np.log(steep), axis=-1)
        log_w += np.log(self.spread).sum() - math.log(len(steep))
        width = self._width(w)
        log_b = -0.5 * ((b + w @ self.middle) / width) ** 2 - np.log(width)
        prior = self._log_prior(units) - np.log(self.scales).sum()
        both = np.logaddexp(math.log(FROM_PRIOR) + prior, math.log1p(-FROM_PRIOR) + log_w + log_b)
        return both - 0.5 * (d + 1) * math.log(2 * math.pi)

    def _log_prior(self, units: np.ndarray) -> np.ndarray:
        return -0.5 * ((units / self.scales) ** 2).sum(axis=-1)

    def _width(self, w: np.ndarray) -> np.ndarray:
        return np.sqrt(1 + 1.5 * ((w * self.spread) ** 2).sum(axis=-1))


def _gathered(post: Posterior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The data as fewer points (n', d), their means (n',) and weights 1/yerr² (n',)."""
    data = post.data
    weights = np.ones(data.n) if data.yerr is None else data.yerr**-2.0
    if data.inputs > 1 or data.n <= 2 * POINTS:
        return data.x, data.y, weights
    groups = np.array_split(np.argsort(data.x[:, 0], kind="stable"), POINTS)
    total = np.array([weights[g].sum() for g in groups])
    x = np.array([weights[g] @ data.x[g] for g in groups]) / total[:, None]
    return x, np.array([weights[g] @ data.y[g] for g in groups]) / total, total
