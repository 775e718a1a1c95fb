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

from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import as_tensor, finite_or_never
from .density import Drawn
from .likelihood import LOG_2PI
from .points import WeightedPoints
from .posterior import Posterior
from .prior import Normals

__all__ = ["OutputLayer"]


class NormalSource(Protocol):
    """What numpy's Generator and RandomState have in common here."""

    def standard_normal(self, size: Any) -> np.ndarray: ...


class Statistics(NamedTuple):
    """All that the data say about the output layer of B hidden parts: no pass over them is needed
    to change the temperature."""

    gram: Tensor  # (B, K, K)  F Fᵀ
    moment: Tensor  # (B, K)    F y
    square: Tensor  # ()        yᵀ y
    log_sigma: Tensor | None  # (B,)
    log_prior: Tensor  # (B,)   log p(h)


class Collapsed(NamedTuple):
    """The Gaussian of the output layer given h, and the density of h that it leaves."""

    log_prob: Tensor  # (B,)    log ∫ p(y | h, o)^β p(o) do + log p(h)
    mean: Tensor  # (B, K)
    cholesky: Tensor  # (B, K, K)  L of A


class OutputLayer:
    """A posterior with its output layer integrated out: a :class:`~.density.Density` of h.

    All methods take ``h`` (B, H) with H = P − K; ``beta`` is the power of the likelihood, a
    number, so that the same code serves tempering.
    """

    def __init__(self, post: Posterior) -> None:
        net = post.net
        index = np.arange(post.ndim)
        self.post = post
        self.output_index = index[net.n_hidden : net.ndim]
        self.hidden_index = np.delete(index, self.output_index)
        self.ndim = len(self.hidden_index)
        self.points = WeightedPoints.of(post.points)
        scales = as_tensor(post.scales, post.device)
        self.precisions = scales[net.n_hidden : net.ndim] ** -2  # (K,)  D, those of the prior of o
        hidden = scales[self.hidden_index]
        size = -torch.log(hidden).sum() - self.ndim / 2 * LOG_2PI
        self.hidden_prior = Normals(-0.5 * hidden**-2, float(size))  # of h

    def on_quadrature(self) -> OutputLayer:
        """The same on few points that stand for many (quadrature.py): close to it, and faster."""
        layer = copy(self)
        layer.points = WeightedPoints.few(self.post.data, self.post.device)
        return layer

    def blocks(self, rows: int) -> Iterator[slice]:
        """Slices of ``rows`` networks that are worked through together."""
        return self.post.blocks(rows, len(self.points.x))

    # -- between theta and its parts --------------------------------------------------------------

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The part that is sampled: (..., P) -> (..., H), a copy."""
        return theta[..., self.hidden_index]

    def join(self, h: np.ndarray, o: np.ndarray) -> np.ndarray:
        """(..., H) and (..., K) -> (..., P)."""
        theta = np.empty((*h.shape[:-1], self.post.ndim))
        theta[..., self.hidden_index] = h
        theta[..., self.output_index] = o
        return theta

    # -- numpy in, numpy out --------------------------------------------------------------------

    def log_prob(self, h: np.ndarray, beta: float = 1.0) -> np.ndarray:
        """log p(y, h), the posterior with the output layer integrated out: (B, H) -> (B,)."""
        t = as_tensor(h, self.post.device)
        with torch.no_grad():
            parts = [
                self.collapsed(self.features(t[rows]), t[rows], beta).log_prob
                for rows in self.blocks(len(t))
            ]
        return torch.cat(parts).numpy(force=True)

    def log_prob_and_grad(self, h: np.ndarray, beta: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """log p(y, h) and its gradient: (B, H) -> (B,), (B, H); zero gradient where it is −inf."""
        t = as_tensor(h, self.post.device)
        parts = [self._value_and_grad(t[rows], beta) for rows in self.blocks(len(t))]
        value, grad = (torch.cat(part).numpy(force=True) for part in zip(*parts, strict=True))
        return value, grad

    def complete(
        self, x: np.ndarray, rng: NormalSource, density: np.ndarray | None = None
    ) -> Drawn:
        """:meth:`draw`, in which the density falls out whether it was known or not."""
        return self.draw(x, rng)

    def draw(self, h: np.ndarray, rng: NormalSource) -> Drawn:
        """Full vectors for h with o ~ p(o | h, y): (B, H) -> (B, P), and both log densities."""
        t = as_tensor(h, self.post.device)
        normal = as_tensor(rng.standard_normal((len(h), len(self.output_index))), self.post.device)
        with torch.no_grad():
            parts = [self._draw(t[rows], normal[rows]) for rows in self.blocks(len(t))]
        o, collapsed, log_prob = (torch.cat(p).numpy(force=True) for p in zip(*parts, strict=True))
        return Drawn(self.join(h, o), collapsed, log_prob)

    # -- the mathematics, on tensors ------------------------------------------------------------

    def features(self, h: Tensor) -> Tensor:
        """F, weighted as the points are: (B, H) -> (B, K, n)."""
        return self.points.weighted(self.post.net.features(h, self.points.x))

    def precision(self, log_sigma: Tensor | None, beta: float = 1.0) -> tuple[Tensor, Any]:
        """β τ as (B or 1, 1, 1), and β times the likelihood's constant, (B,) or a number."""
        tau = self.post.precision(log_sigma)
        return beta * tau.reshape(-1, 1, 1), beta * self.post.log_constant(log_sigma)

    def grad_log_sigma(self, misfit: Tensor, tau: Tensor, beta: float = 1.0) -> Tensor:
        """∂/∂log σ of the log density from E[SSE] over the output layer, ``misfit`` (B,): (B,)."""
        return tau.reshape(-1) * misfit - beta * self.post.data.n

    def statistics(self, h: np.ndarray) -> Statistics:
        """Sufficient statistics of the data for each h: (B, H) -> Statistics of B."""
        t = as_tensor(h, self.post.device)
        with torch.no_grad():
            features = [self.features(t[rows]) for rows in self.blocks(len(t))]
            gram = torch.cat([f @ f.mT for f in features])
            moment = torch.cat([f @ self.points.y for f in features])
        square = self.points.y.square().sum() + self.points.lost
        log_prior = self.hidden_prior.log_prob(t)
        return Statistics(gram, moment, square, self.post.log_sigma(t), log_prior)

    def from_statistics(self, s: Statistics, beta: float = 1.0) -> Collapsed:
        """The collapsed posterior at power ``beta`` of the likelihood, without a pass over data."""
        tau, constant = self.precision(s.log_sigma, beta)
        mean, cholesky = self._solve(tau * s.gram, tau.squeeze(-1) * s.moment)
        quadratic = ((s.gram @ mean.unsqueeze(-1)).squeeze(-1) - 2 * s.moment) * mean
        sse = s.square + quadratic.sum(-1)
        log_prob = self._evidence(tau, constant, sse, mean, cholesky) + s.log_prior
        return Collapsed(finite_or_never(log_prob), mean, cholesky)

    def collapsed(self, features: Tensor, h: Tensor, beta: float = 1.0) -> Collapsed:
        """The collapsed posterior from features (B, K, n), by residuals: the accurate way."""
        return self._with_misfits(features, h, None, beta)[0]

    def _draw(self, h: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        layer, o, sse = self._with_misfits(self.features(h), h, normal)
        prior = 0.5 * (torch.log(self.precisions / (2 * np.pi)) - self.precisions * o**2).sum(-1)
        log_likelihood = self.post.log_likelihood_from(sse, self.post.log_sigma(h))
        log_prob = log_likelihood + self.hidden_prior.log_prob(h) + prior
        return o, layer.log_prob, finite_or_never(log_prob)

    def _with_misfits(
        self, features: Tensor, h: Tensor, normal: Tensor | None, beta: float = 1.0
    ) -> tuple[Collapsed, Tensor, Tensor]:
        """The collapsed posterior, and the output layer drawn with ``normal`` (B, K) with its SSE.

        The misfits of the mean and of the draw take one product with the features together.
        Without ``normal`` the mean stands for the draw.
        """
        tau, constant = self.precision(self.post.log_sigma(h), beta)
        mean, cholesky = self._solve(
            tau * (features @ features.mT), tau.squeeze(-1) * (features @ self.points.y)
        )
        layers = mean.unsqueeze(1)
        if normal is not None:
            shift = torch.linalg.solve_triangular(cholesky.mT, normal.unsqueeze(-1), upper=True)
            layers = torch.stack([mean, mean + shift.squeeze(-1)], dim=1)
        r = torch.baddbmm(self.points.y, layers, features, alpha=-1)
        sse = torch.linalg.vecdot(r, r) + self.points.lost
        evidence = self._evidence(tau, constant, sse[:, 0], mean, cholesky)
        log_prob = evidence + self.hidden_prior.log_prob(h)
        return Collapsed(finite_or_never(log_prob), mean, cholesky), layers[:, -1], sse[:, -1]

    def _value_and_grad(self, h: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """By the envelope theorem: ∂/∂F log p(y | h) = τ (m rᵀ − A⁻¹F), then back through F(h)."""
        leaf = h.detach().requires_grad_()
        with torch.enable_grad():
            features = self.features(leaf)
        f = features.detach()
        layer = self.collapsed(f, h, beta)
        tau, _ = self.precision(self.post.log_sigma(h), beta)
        r = self.points.y - (layer.mean.unsqueeze(1) @ f).squeeze(1)
        inverse = torch.cholesky_inverse(layer.cholesky)
        slope = tau * (layer.mean.unsqueeze(2) * r.unsqueeze(1) - inverse @ f)
        (grad,) = torch.autograd.grad(features, leaf, slope)
        grad = grad + self.hidden_prior.grad(h)
        if self.post.likelihood.infers_noise:
            misfit = r.square().sum(-1) + self.points.lost
            misfit = misfit + (inverse * (f @ f.mT)).sum((1, 2))
            grad[:, -1] += self.grad_log_sigma(misfit, tau, beta)
        value = layer.log_prob
        return value, torch.where(torch.isfinite(value).unsqueeze(1), grad, 0.0)

    def _solve(self, scaled_gram: Tensor, scaled_moment: Tensor) -> tuple[Tensor, Tensor]:
        a = scaled_gram + torch.diag(self.precisions)
        cholesky, failed = torch.linalg.cholesky_ex(a)
        mean = torch.cholesky_solve(scaled_moment.unsqueeze(-1), cholesky).squeeze(-1)
        return torch.where((failed > 0).unsqueeze(1), torch.nan, mean), cholesky

    def _evidence(
        self, tau: Tensor, constant: Any, sse: Tensor, mean: Tensor, cholesky: Tensor
    ) -> Tensor:
        misfit = tau.reshape(-1) * sse + (self.precisions * mean**2).sum(-1)
        volume = cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return constant - 0.5 * misfit - volume + 0.5 * self.precisions.log().sum()
