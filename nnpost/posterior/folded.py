"""The collapsed density of a network up to the copies of its last hidden layer.

Exchanging two units, or flipping one, leaves the function as it is (symmetry.py). With the output
layer integrated out, a posterior p(y, h) has a mode at every copy: 6! 2⁶ = 46,080 for six sigmoid
units. Here they are summed,

    p̄(h) = Σ_g p(y, g h)  on the domain D,   0 elsewhere,

over all exchanges and flips g of the last hidden layer; D holds one copy of every network, that
with w > 0 for the first weight of each unit and with units sorted by −b/w. Its integral is that of
p(y, h), exactly: the copies of D cover the space once and every g preserves volume. A draw from p̄
becomes one from p(y, h) by drawing g with the probability of its term.

Exchanges and odd flips leave p(y, h) as it is. A flip of a sigmoid unit turns c into c + a, which
only the prior of c notices. Let S be the set of flipped units and u_S = e_c + Σ_{j∈S} e_j. In the
coordinates o = (a, c) of h itself, the prior of the copy is that of a, and u_S·o ~ N(0, s²). With
A₀ = τ F Fᵀ + D without the prior of c, V = A₀⁻¹ and m = V τ F y, one rank-one correction each

    log p(y | S h) = log p₀(y | h) + log N(u_S·m; 0, s² + u_Sᵀ V u_S)

gives all 2^U terms for the price of one pass over the data.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import as_tensor, finite_or_never
from ..network.neurons import flippable, neuron_blocks, symmetry_of
from .density import Drawn
from .output_layer import OutputLayer

__all__ = ["FoldedPosterior"]

MOST_FLIPS = 8  # units up to which the flips of sigmoid units are summed: 2⁸ terms


class _Summed(NamedTuple):
    """The sum over flips at B hidden parts; moments of o in the coordinates of h itself."""

    log_prob: Tensor  # (B,)
    mean: Tensor  # (B, K)
    covariance: Tensor  # (B, K, K)
    terms: Tensor  # (B, 2^U)  log p(y, S h)


class FoldedPosterior:
    """log p̄ and its gradient, the fold into D, and the draw of a copy. h is (B, H).

    It is a :class:`~.density.Density` of D.
    """

    def __init__(self, layer: OutputLayer) -> None:
        self.layer, self.ndim = layer, layer.ndim
        net = layer.post.net
        blocks = neuron_blocks(layer.post.net) if net.hidden else ()
        self.blocks = np.array(blocks, dtype=int).reshape(len(blocks), -1 if blocks else 2)
        units = len(self.blocks)  # in blocks (U, d + 1), the bias last
        self.flips = 0 < units <= MOST_FLIPS and flippable(net)
        self.sums = self.flips and symmetry_of(net) == "sigmoid"
        self.log_size = math.lgamma(units + 1) + (units * math.log(2) if self.flips else 0.0)
        patterns = (
            list(product((0.0, 1.0), repeat=units)) if self.sums else [(0.0,) * (net.n_output - 1)]
        )
        device = layer.post.device
        self._patterns = np.array(patterns)
        self._u = as_tensor(np.c_[self._patterns, np.ones(len(patterns))], device)  # (2^U, K)
        self._precisions = layer.precisions.clone()
        self._precisions[-1] = 0.0
        self._variance = 1 / layer.precisions[-1]
        self._log_copies = self.log_size - (units * math.log(2) if self.sums else 0.0)

    # -- the domain -----------------------------------------------------------------------------

    def inside(self, h: np.ndarray) -> np.ndarray:
        """Whether h lies in D: (B, H) -> (B,)."""
        w, b = h[:, self.blocks[:, 0]], h[:, self.blocks[:, -1]]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            place = -b / w
        sorted_ = (place[:, 1:] > place[:, :-1]).all(axis=1)
        return sorted_ & (w > 0).all(axis=1) if self.flips else sorted_

    def fold(self, h: np.ndarray) -> np.ndarray:
        """The copy in D: (B, H) -> (B, H)."""
        units = h[:, self.blocks]
        if self.flips:
            units = np.where(units[:, :, :1] < 0, -units, units)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            order = np.argsort(-units[:, :, -1] / units[:, :, 0], axis=1)
        return self._with_units(h, np.take_along_axis(units, order[:, :, None], 1))

    def unfold(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy drawn with the probability of its term: draws from p̄ become draws from p(y, h)."""
        if not self.sums:
            return self.any_copy(h, rng)
        t = as_tensor(h, self.layer.post.device)
        with torch.no_grad():
            parts = [self._summed(t[r])[0].terms for r in self.layer.blocks(len(t))]
        terms = torch.cat(parts).numpy(force=True)
        gumbel = -np.log(-np.log(rng.random_sample(terms.shape)))
        flipped = self._patterns[np.argmax(terms + gumbel, axis=1)] > 0
        return self._copy(h, flipped, rng)

    def any_copy(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy drawn uniformly: (B, H) -> (B, H)."""
        chance = 0.5 if self.flips else 0.0
        return self._copy(h, rng.random_sample((len(h), len(self.blocks))) < chance, rng)

    def _copy(self, h: np.ndarray, flipped: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        units = h[:, self.blocks]
        units = np.where(flipped[:, :, None], -units, units)
        order = np.argsort(rng.random_sample(units.shape[:2]), axis=1)
        return self._with_units(h, np.take_along_axis(units, order[:, :, None], 1))

    def _with_units(self, h: np.ndarray, units: np.ndarray) -> np.ndarray:
        out = np.array(h, dtype=float)
        out[:, self.blocks.ravel()] = units.reshape(len(h), self.blocks.size)
        return out

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The copy in D of what is sampled: (B, P) -> (B, H)."""
        return self.fold(self.layer.split(theta))

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors (B, P): a copy drawn by :meth:`unfold`, and its output layer."""
        drawn = self.layer.draw(self.unfold(x, rng), rng)
        return drawn._replace(density=self.log_prob(x) if density is None else density)

    # -- the density ----------------------------------------------------------------------------

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """log p̄(h): (B, H) -> (B,), −inf outside D."""
        inside = self.inside(h)
        out = np.full(len(h), -np.inf)
        out[inside] = self.log_prob_anywhere(h[inside])
        return out

    def log_prob_anywhere(self, h: np.ndarray) -> np.ndarray:
        """log Σ_g p(y, g h), which is the same for all copies: (B, H) -> (B,)."""
        t = as_tensor(h, self.layer.post.device)
        with torch.no_grad():
            parts = [self._summed(t[r])[0].log_prob for r in self.layer.blocks(len(t))]
        return torch.cat(parts).numpy(force=True) if parts else np.empty(0)

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p̄(h) and its gradient: (B, H) -> (B,), (B, H); −inf and zero outside D."""
        inside = self.inside(h)
        value, grad = np.full(len(h), -np.inf), np.zeros((len(h), self.ndim))
        value[inside], grad[inside] = self.log_prob_and_grad_anywhere(h[inside])
        return value, grad

    def log_prob_and_grad_anywhere(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`log_prob_anywhere` and its gradient: (B, H) -> (B,), (B, H)."""
        t = as_tensor(h, self.layer.post.device)
        if len(t) == 0:
            return np.empty(0), np.empty((0, self.ndim))
        parts = [self._value_and_grad(t[r]) for r in self.layer.blocks(len(t))]
        value, grad = (torch.cat(part).numpy(force=True) for part in zip(*parts, strict=True))
        return value, grad

    def _summed(self, h: Tensor, features: Tensor | None = None) -> tuple[_Summed, Tensor, Tensor]:
        layer = self.layer
        f = layer.features(h) if features is None else features
        tau, constant = layer.precision(layer.post.log_sigma(h))
        y, lost = layer.points.y, layer.points.lost
        a = tau * (f @ f.mT) + torch.diag(self._precisions)
        cholesky, failed = torch.linalg.cholesky_ex(a)
        diagonal = cholesky.diagonal(dim1=-2, dim2=-1)
        failed = (failed > 0) | ~((diagonal > 0) & torch.isfinite(diagonal)).all(1)
        cholesky = torch.where(
            failed[:, None, None], torch.eye(len(self._precisions)).to(a), cholesky
        )
        v = torch.cholesky_inverse(cholesky)
        m = torch.cholesky_solve(tau * (f @ y).unsqueeze(-1), cholesky).squeeze(-1)
        r = torch.baddbmm(y, m.unsqueeze(1), f, alpha=-1).squeeze(1)
        misfit = tau.reshape(-1) * (torch.linalg.vecdot(r, r) + lost) + (
            self._precisions * m**2
        ).sum(-1)
        volume = cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        prior = 0.5 * self._precisions[:-1].log().sum() + layer.hidden_prior.log_prob(h)
        prior = prior + self._log_copies
        # p₀ has no prior of c, so neither its constant: that comes with the terms.
        base = constant - 0.5 * misfit - volume + prior
        vu = v @ self._u.T  # (B, K, 2^U)
        width = self._variance + (self._u.T * vu).sum(1)
        along = m @ self._u.T
        terms = base.unsqueeze(1) - 0.5 * (along.square() / width + torch.log(width))
        terms = torch.where(failed.unsqueeze(1), -torch.inf, terms)
        log_prob = torch.logsumexp(terms, 1)
        share = torch.exp(terms - log_prob.unsqueeze(1))
        gain = along / width
        means = m.unsqueeze(2) - vu * gain.unsqueeze(1)
        mean = (means * share.unsqueeze(1)).sum(2)
        apart = (means - mean.unsqueeze(2)) * share.sqrt().unsqueeze(1)
        narrow = vu * (share / width).sqrt().unsqueeze(1)
        covariance = v - narrow @ narrow.mT + apart @ apart.mT
        return _Summed(finite_or_never(log_prob), mean, covariance, terms), f, tau

    def _value_and_grad(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """∂/∂F log p(y | h) = τ (E[o] rᵀ − Cov[o] F), o over all copies, then back through F(h)."""
        leaf = h.detach().requires_grad_()
        with torch.enable_grad():
            features = self.layer.features(leaf)
        with torch.no_grad():
            s, f, tau = self._summed(h, features.detach())
            r = self.layer.points.y - (s.mean.unsqueeze(1) @ f).squeeze(1)
            slope = tau * (s.mean.unsqueeze(2) * r.unsqueeze(1) - s.covariance @ f)
        (grad,) = torch.autograd.grad(features, leaf, slope)
        grad = grad + self.layer.hidden_prior.grad(h)
        if self.layer.post.likelihood.infers_noise:
            misfit = r.square().sum(-1) + self.layer.points.lost
            misfit = misfit + (s.covariance * (f @ f.mT)).sum((1, 2))
            grad[:, -1] += self.layer.grad_log_sigma(misfit, tau)
        good = torch.isfinite(s.log_prob).unsqueeze(1)
        return s.log_prob, torch.where(good, grad, 0.0)
