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

gives all 2^U terms for the price of one pass over the data. Given S, o is Gaussian again, of mean
m − V u (u·m)/w and covariance V − V u uᵀV/w with w = s² + uᵀV u.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..common.tensors import BLOCK, finite_or_never
from ..network.neurons import neuron_blocks
from .density import Drawn
from .domain import Domain
from .kernels.results import OutputGaussian
from .output_layer import OutputLayer

__all__ = ["FoldedPosterior"]


class _Terms(NamedTuple):
    """The sum over flips at B hidden parts, in the coordinates of h itself; with 2^U terms each."""

    log_prob: np.ndarray  # (B,)
    terms: np.ndarray  # (B, 2^U)  log p(y, S h)
    layer: OutputGaussian  # of A₀: the bias has no prior


class FoldedPosterior(Domain):
    """log p̄ and its gradient, the fold into D, and the draw of a copy. h is (B, H).

    It is a :class:`~.density.Density` of D.
    """

    def __init__(self, layer: OutputLayer) -> None:
        self.layer, self.ndim = layer, layer.ndim
        net = layer.post.net
        blocks = neuron_blocks(layer.post.net) if net.hidden else ()
        super().__init__(net, np.array(blocks, dtype=int).reshape(len(blocks), -1 if blocks else 2))
        units = len(self.blocks)  # in blocks (U, d + 1), the bias last
        self._u = np.zeros((net.n_output, self.patterns))  # (K, 2^U)
        self._u[:units] = self._patterns.T
        self._precisions, self._variance = layer.precisions.copy(), 1.0
        if net.bias:  # p₀ has no prior of c: that comes with the terms
            self._u[-1] = 1.0
            self._precisions[-1] = 0.0
            self._variance = float(1 / layer.precisions[-1])
        self._log_copies = self.log_size - (units * math.log(2) if self.sums else 0.0)

    def unfold(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A copy drawn with the probability of its term: draws from p̄ become draws from p(y, h)."""
        if not self.sums:
            return self.any_copy(h, rng)
        return self.drawn_copy(
            h, np.concatenate([self._terms(p).terms for p in self._blocks(h)]), rng
        )

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The copy in D of what is sampled: (B, P) -> (B, H)."""
        return self.fold(self.layer.split(theta))

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors (B, P): a copy drawn by :meth:`unfold`, and its output layer."""
        if density is not None and not self.sums:
            return self.layer.draw(self.any_copy(x, rng), rng)._replace(density=density)
        parts = [self._terms(part) for part in self._blocks(x)]
        terms, found = (np.concatenate([p[i] for p in parts]) for i in (1, 0))
        copy = self.drawn_copy(x, terms, rng) if self.sums else self.any_copy(x, rng)
        density = np.where(self.inside(x), found, -np.inf)
        return self.layer.draw(copy, rng)._replace(density=density)

    # -- the prior of h, summed over copies, too ------------------------------------------------

    def draw_prior(self, size: int, rng: np.random.RandomState) -> np.ndarray:
        """Draws of the prior, folded: (size, H)."""
        return self.fold(self.layer.hidden_prior.draw(size, rng))

    def log_prior(self, h: np.ndarray) -> np.ndarray:
        """Its log density in D: (B, H) -> (B,)."""
        return self.layer.hidden_prior.log_prob(h) + self.log_size

    def log_prior_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same and its gradient: (B, H) -> (B,), (B, H)."""
        return self.log_prior(h), self.layer.hidden_prior.grad(h)

    # -- the density ----------------------------------------------------------------------------

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """log p̄(h): (B, H) -> (B,), −inf outside D."""
        inside = self.inside(h)
        out = np.full(len(h), -np.inf)
        out[inside] = self.log_prob_anywhere(h[inside])
        return out

    def log_prob_anywhere(self, h: np.ndarray) -> np.ndarray:
        """log Σ_g p(y, g h), which is the same for all copies: (B, H) -> (B,)."""
        return np.concatenate([self._terms(part).log_prob for part in self._blocks(h)])

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p̄(h) and its gradient: (B, H) -> (B,), (B, H); −inf and zero outside D."""
        inside = self.inside(h)
        value, grad = np.full(len(h), -np.inf), np.zeros((len(h), self.ndim))
        value[inside], grad[inside] = self.log_prob_and_grad_anywhere(h[inside])
        return value, grad

    def log_prob_and_grad_anywhere(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`log_prob_anywhere` and its gradient: (B, H) -> (B,), (B, H)."""
        parts = [self._value_and_grad(part) for part in self._blocks(h)]
        value, grad = (np.concatenate(part) for part in zip(*parts, strict=True))
        return value, grad

    def _blocks(self, h: np.ndarray) -> list[np.ndarray]:
        """Rows whose terms fit into memory together; at least one part."""
        return np.array_split(h, max(1, math.ceil(len(h) * self._u.size / BLOCK)))

    def _terms(self, h: np.ndarray) -> _Terms:
        layer = self.layer
        noise = layer.post.noise(h)
        found = layer.engine.collapsed(h, noise.tau, self._precisions)
        with np.errstate(all="ignore"):
            base = found.evidence + noise.constant + layer.hidden_prior.log_prob(h)
            base += self._log_copies
        log_prob, terms = layer.engine.flip_terms(base, found, self._u, self._variance)
        return _Terms(finite_or_never(log_prob), terms, found)

    def _value_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """∂/∂F log p(y | h) = τ (E[o] rᵀ − Cov[o] F), o over all copies, then back through F(h).

        For log σ it is τ E[SSE] − n, where τ tr(Cov F Fᵀ) = tr(Cov (A₀ − D₀)).
        """
        layer, terms = self.layer, self._terms(h)
        mean, covariance = layer.engine.flip_moments(
            terms.terms, terms.log_prob, terms.layer, self._u, self._variance
        )
        tau = layer.post.noise(h).tau
        slope, sse = layer.engine.expected_grad(h, tau, mean, covariance)
        value, grad = terms.log_prob, layer.hidden_prior.grad(h)
        with np.errstate(all="ignore"):
            grad[:, : layer.post.net.n_hidden] += slope
            if layer.post.infers_noise:
                cholesky = terms.layer.cholesky
                freedom = ((covariance @ cholesky) * cholesky).sum((1, 2))
                freedom -= covariance.diagonal(axis1=1, axis2=2) @ self._precisions
                grad[:, -1] += tau * sse + freedom - layer.post.data.n
        grad[value == -np.inf] = 0.0
        return value, grad
