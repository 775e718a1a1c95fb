"""The output layer integrated out, given latent numbers of every point.

Some likelihoods are no Gaussian in the network's outputs f, but a mixture of Gaussians over latent
numbers λ of the points (likelihoods/augmentable.py):

    p(y | f) = ∫ p(y, λ | f) dλ,   log p(y, λ | f) = −½ Σ_ki ω_ki (z_ki − f_ki)² + beside

for outputs k of points i. With h all that is in front of the output layer o, features F (K, n) and
prior precisions D, each output has

    A = F diag(ω) Fᵀ + D = L Lᵀ,   m = A⁻¹ F ω z,   o | h, λ, y ~ N(m, A⁻¹)
    log ∫ … do = −½ (Σ ω (z − Fᵀm)² + mᵀ D m) − Σ log L_jj + ½ Σ log D_jj

and log p(y, λ, h) is the sum of that over outputs, log p(h) and what stands beside,

as in output_layer.py (Bishop 2006, Pattern Recognition and Machine Learning, eqs. 3.53 and 3.54,
with a precision for every point). A step in theta = (h, o) is then

    1. λ ~ p(λ | h, o, y)
    2. h → h', by any move that leaves p(h | λ, y) as it is
    3. o' ~ p(o | h', λ, y)

If theta is from p(h, o | y), then (h, o, λ) of step 1 is from p(h, o, λ | y), and its (h, λ) from
p(h, λ | y). Step 2 looks at nothing else, and (h', λ) is from p(h, λ | y) again; step 3 makes
(h', o', λ) one from p(h, o, λ | y), whose (h', o') is from p(h, o | y). The order matters: what
step 2 has integrated out must be drawn before anything looks at it again (van Dyk & Park 2008, J.
Am. Stat. Assoc. 103, 790), and λ drawn between 2 and 3 would look at an o that belongs to the old
h. λ is drawn first in every step, from theta alone, so that no step needs that of another, and no
file has to keep it. Every walker has a λ, and so a density, of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import as_tensor, finite_or_never
from .density import Drawn
from .likelihoods.augmentable import Augmentable, GivenLatents
from .posterior import Posterior
from .prior_density import restricted

__all__ = ["AugmentedLayer", "LayerGivenLatents"]


class AugmentedLayer:
    """A posterior whose likelihood is :class:`~.likelihoods.augmentable.Augmentable`."""

    def __init__(self, post: Posterior) -> None:
        assert isinstance(post.likelihood, Augmentable)
        net, index = post.net, np.arange(post.ndim)
        self.post, self.likelihood = post, post.likelihood
        weights, biases = np.split(
            index[net.n_hidden : net.ndim], [net.n_output - net.outputs * net.bias]
        )
        by_output = weights.reshape(net.outputs, -1), biases.reshape(net.outputs, -1)
        self.output_index = np.concatenate(by_output, axis=1)  # (T, K), in the order of features
        self.hidden_index = np.delete(index, self.output_index)
        self.ndim = len(self.hidden_index)
        self.hidden_prior = restricted(post.prior_density, self.hidden_index)
        self.precisions = as_tensor(post.scales[self.output_index] ** -2.0, post.device)  # D (T, K)

    def given(self, theta: np.ndarray, rng: np.random.RandomState) -> LayerGivenLatents:
        """The density of h of as many vectors as there are in ``theta`` (B, P), given latent
        numbers drawn for each of them."""
        post, data = self.post, self.post.data
        with np.errstate(all="ignore"):
            f, own = post.engine.outputs(theta), theta[:, post.net.ndim :]
            latents = self.likelihood.draw_latents(f, data.y, data.yerr, own, rng)
        return LayerGivenLatents(self, latents)


class _Solved(NamedTuple):
    """The output layers of B rows."""

    evidence: Tensor  # (B,)
    mean: Tensor  # (B, T, K)  m
    cholesky: Tensor  # (B, T, K, K)  L
    weighted: Tensor  # (B, T, K, n)  F diag(ω)
    rest: Tensor  # (B, T, n)  ω (z − Fᵀm)
    misfit: Tensor  # (B, T)  Σ ω (z − Fᵀm)²


@dataclass(frozen=True, eq=False)
class LayerGivenLatents:
    """A :class:`~.density.Density` of h (B, H), row b given ``latents`` b of (B, …)."""

    layer: AugmentedLayer
    latents: np.ndarray

    @property
    def ndim(self) -> int:
        """H = P − T·K."""
        return self.layer.ndim

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The part that is sampled: (..., P) -> (..., H), a copy."""
        return theta[..., self.layer.hidden_index]

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """log p(y, λ, h): (B, H) -> (B,)."""
        parts = [self._solved(h, given).evidence.numpy(force=True) for h, given in self._parts(x)]
        return self._whole(x, np.concatenate(parts))

    def log_prob_and_grad(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same and its gradient: (B, H) -> (B,), (B, H); zero gradient where it is −inf."""
        parts = [self._value_and_grad(h, given) for h, given in self._parts(x)]
        evidence, slopes = (np.concatenate(part) for part in zip(*parts, strict=True))
        value = self._whole(x, evidence)
        with np.errstate(all="ignore"):
            grad = self.layer.hidden_prior.grad(x) + slopes
        grad[value == -np.inf] = 0.0
        return value, grad

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors for h with o ~ p(o | h, λ, y): (B, H) -> (B, P); ``log_prob`` is the log
        posterior of theta itself, λ integrated out."""
        layer = self.layer
        normals = rng.standard_normal((len(x), *layer.output_index.shape))
        theta = np.empty((len(x), layer.post.ndim))
        theta[:, layer.hidden_index] = x
        at = 0
        for h, given in self._parts(x):
            solved, rows = self._solved(h, given), slice(at, at := at + len(h))
            z = as_tensor(normals[rows], layer.post.device).unsqueeze(3)
            shift = torch.linalg.solve_triangular(solved.cholesky.mT, z, upper=True).squeeze(3)
            drawn = (solved.mean + shift).numpy(force=True)
            theta[rows, layer.output_index.ravel()] = drawn.reshape(len(h), -1)
        density = self.log_prob(x) if density is None else density
        return Drawn(theta, density, layer.post.log_prob(theta))

    # -- of some rows -----------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> int:
        """How many rows are worked through together; at least one."""
        post, (outputs, features) = self.layer.post, self.layer.output_index.shape
        return max(1, post.block // (post.data.n * outputs * features))

    def _parts(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, GivenLatents]]:
        """Some rows of h at a time, and what their latent numbers leave."""
        data, own = self.layer.post.data, self.layer.post.net.n_hidden
        for at in range(0, max(len(x), 1), self._rows):
            h, latents = x[at : at + self._rows], self.latents[at : at + self._rows]
            with np.errstate(all="ignore"):
                given = self.layer.likelihood.given_latents(
                    latents, data.y, data.yerr, np.ascontiguousarray(h[:, own:])
                )
            yield h, given

    def _whole(self, x: np.ndarray, evidence: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return finite_or_never(evidence + self.layer.hidden_prior.log_prob(x))

    def _value_and_grad(self, h: np.ndarray, given: GivenLatents) -> tuple[np.ndarray, np.ndarray]:
        """By the derivative m (ω r)ᵀ − A⁻¹ F ω of the evidence with respect to F, r = z − Fᵀm, and
        with respect to log ω of all points −½ (Σ ω r² + K − tr D A⁻¹)."""
        layer, n_hidden = self.layer, self.layer.post.net.n_hidden
        leaf = as_tensor(h[:, :n_hidden], layer.post.device).requires_grad_()
        with torch.enable_grad():
            features = layer.post.net.features(leaf, layer.post.points.x)
        s = self._solved(h, given, features.detach())
        inverse = torch.cholesky_inverse(s.cholesky)
        slope = (s.mean.unsqueeze(3) * s.rest.unsqueeze(2) - inverse @ s.weighted).sum(1)
        grad = np.zeros(h.shape)
        if n_hidden:
            (back,) = torch.autograd.grad(features, leaf, slope)
            grad[:, :n_hidden] = back.numpy(force=True)
        free = (1 - inverse.diagonal(dim1=2, dim2=3) * layer.precisions).sum(2)
        scaled = -0.5 * (s.misfit + free).numpy(force=True)
        with np.errstate(all="ignore"):
            grad[:, n_hidden:] = scaled @ given.powers + given.slopes
        return s.evidence.numpy(force=True), grad

    def _solved(
        self, h: np.ndarray, given: GivenLatents, features: Tensor | None = None
    ) -> _Solved:
        layer, net, device = self.layer, self.layer.post.net, self.layer.post.device
        omega, moment, beside = (as_tensor(v, device) for v in given[:3])
        if features is None:
            features = net.features(as_tensor(h, device), layer.post.points.x)
        each = features.unsqueeze(1)
        weighted = each * omega.unsqueeze(2)
        a = weighted @ each.mT + torch.diag_embed(layer.precisions)
        cholesky, failed = torch.linalg.cholesky_ex(a)
        bad = (failed > 0) | ~torch.isfinite(a).flatten(2).all(2)  # NaN may pass through LAPACK
        unit = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
        cholesky = torch.where(bad[..., None, None], unit, cholesky)
        mean = torch.cholesky_solve(each @ moment.unsqueeze(3), cholesky).squeeze(3)
        rest = moment - (mean.unsqueeze(2) @ weighted).squeeze(2)
        misfit = (rest.square() / omega).sum(2)
        volume = cholesky.diagonal(dim1=2, dim2=3).log().sum(2)
        prior = (layer.precisions * mean.square() - layer.precisions.log()).sum(2)
        evidence = (-0.5 * (misfit + prior) - volume).sum(1) + beside
        evidence = torch.where(bad.any(1), -torch.inf, evidence)
        return _Solved(evidence, mean, cholesky, weighted, rest, misfit)
