"""The output layer, integrated out exactly.

Given everything in front of it, a network is linear in its output weights o = (a, c), and their
prior is Gaussian. With features F (K, n), the last row ones, precision τ, prior precisions D:

    A = τ F Fᵀ + D = L Lᵀ,   m = A⁻¹ τ F y
    log p(y | h) = constant(τ) − ½ (τ |y − Fᵀm|² + mᵀ D m) − Σ log L_kk + ½ Σ log D_kk
    o | h, y ~ N(m, A⁻¹)

(Bayesian linear regression; Bishop 2006, Pattern Recognition and Machine Learning, eqs. 3.53,
3.54 and 3.86. The residual form of the exponent loses no digits where features are collinear.)
The posterior of a network then needs sampling in h alone, and o is drawn. ``h`` is theta without
the output layer: all hidden layers, and log σ where the noise is inferred.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Protocol

import numpy as np

from ..common.tensors import finite_or_never
from .density import Drawn
from .gaussian_sums import Noise
from .kernels.results import OutputGaussian
from .points import WeightedPoints
from .posterior import Posterior
from .prior_density import Normals, restricted

__all__ = ["OutputLayer"]


class NormalSource(Protocol):
    """What numpy's Generator and RandomState have in common here."""

    def standard_normal(self, size: Any) -> np.ndarray: ...


class OutputLayer:
    """A posterior with its output layer integrated out: a :class:`~.density.Density` of h.

    All methods take ``h`` (B, H) with H = P − K.
    """

    def __init__(self, post: Posterior) -> None:
        net = post.net
        index = np.arange(post.ndim)
        self.post = post
        self.output_index = index[net.n_hidden : net.ndim]
        self.hidden_index = np.delete(index, self.output_index)
        self.ndim = len(self.hidden_index)
        self.points, self.engine = WeightedPoints.of(post.points), post.engine
        self.prior = Normals.of(post.scales[self.output_index])  # of o
        self.hidden_prior = restricted(post.prior_density, self.hidden_index)  # of h
        self.precisions = post.scales[self.output_index] ** -2.0  # (K,)  D, those of the prior of o

    def on_quadrature(self) -> OutputLayer:
        """The same on few points that stand for many (quadrature.py): close to it, and faster."""
        layer = copy(self)
        layer.points = WeightedPoints.few(self.post.data, self.post.device)
        layer.engine = self.post.engine_on(layer.points)
        return layer

    # -- between theta and its parts --------------------------------------------------------------

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The part that is sampled: (..., P) -> (..., H), a copy."""
        return theta[..., self.hidden_index]

    def vectors(self, h: np.ndarray) -> np.ndarray:
        """Full vectors whose output layer is zero, for those who replace it: (B, H) -> (B, P)."""
        return self.join(h, np.zeros((len(h), len(self.output_index))))

    def join(self, h: np.ndarray, o: np.ndarray) -> np.ndarray:
        """(..., H) and (..., K) -> (..., P)."""
        theta = np.empty((*h.shape[:-1], self.post.ndim))
        theta[..., self.hidden_index] = h
        theta[..., self.output_index] = o
        return theta

    # -- the density ------------------------------------------------------------------------------

    def log_prob(self, h: np.ndarray) -> np.ndarray:
        """log p(y, h), the posterior with the output layer integrated out: (B, H) -> (B,)."""
        noise = self.post.noise(h)
        layer = self.collapsed(h, noise)
        with np.errstate(all="ignore"):
            density = layer.evidence + (noise.constant + self.hidden_prior.log_prob(h))
        return finite_or_never(density)

    def log_prob_and_grad(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p(y, h) and its gradient: (B, H) -> (B,), (B, H); zero gradient where it is −inf."""
        noise = self.post.noise(h)
        with np.errstate(all="ignore"):
            found = self.engine.collapsed_and_grad(h, noise.tau, self.precisions)
            value = finite_or_never(found.evidence + noise.constant + self.hidden_prior.log_prob(h))
            grad = self.hidden_prior.grad(h)
            grad[:, : self.post.net.n_hidden] += found.grad
            if self.post.infers_noise:
                grad[:, -1] += noise.tau * found.sse + found.freedom - self.post.data.n
        grad[value == -np.inf] = 0.0
        return value, grad

    def complete(
        self, x: np.ndarray, rng: NormalSource, density: np.ndarray | None = None
    ) -> Drawn:
        """:meth:`draw`, in which the density falls out whether it was known or not."""
        return self.draw(x, rng)

    def draw(self, h: np.ndarray, rng: NormalSource) -> Drawn:
        """Full vectors for h with o ~ p(o | h, y): (B, H) -> (B, P), and both log densities."""
        noise = self.post.noise(h)
        layer = self.collapsed(h, noise, rng.standard_normal((len(h), len(self.output_index))))
        with np.errstate(all="ignore"):
            beside = noise.constant + self.hidden_prior.log_prob(h)
            log_prob = layer.drawn_sse * (-0.5 * noise.tau) + beside
            log_prob += self.prior.log_prob(layer.drawn)
            density = layer.evidence + beside
        theta = self.join(h, layer.drawn)
        return Drawn(theta, finite_or_never(density), finite_or_never(log_prob))

    def collapsed(
        self, h: np.ndarray, noise: Noise, normals: np.ndarray | None = None
    ) -> OutputGaussian:
        """The Gaussian of the output layer given h, and a draw by standard ``normals`` (B, K)."""
        return self.engine.collapsed(h, noise.tau, self.precisions, normals)
