"""Laplace's approximation: a Gaussian around one network, with the Gauss–Newton curvature.

    C⁻¹ = Σ_i τ_i J_i J_iᵀ + diag(1/s²),   J_i = ∂f(x_i)/∂θ,
    log Z ≈ log p(y, θ) + P/2 log 2π + ½ log |C| + log(copies)

(MacKay 1992, Neural Comput. 4, 448; Gauss–Newton as in Immer et al. 2021, AISTATS.) The Jacobian
is exact and the matrix full. An inferred log σ has its Fisher information, 2n. Where the output
layer cannot be integrated out, C⁻¹ is the exact second derivative, and the prior's in directions in
which that is below a tenth of the prior's, as it is where the density curves upwards. Away from a
maximum the Gaussian is still centred at the network, and its log Z leaves the slope out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import as_tensor
from ..network.jacobian import jacobian
from ..network.symmetry import copies, group_size, jump
from ..posterior.posterior import Posterior
from ..training.fits import Fits
from ..training.objective import Objective
from .approximation import Curves
from .distance import Reference

__all__ = ["Laplace", "curves", "laplace", "log_copies"]

UPWARDS = 0.1  # curvatures, in units of the prior's, up to which a direction counts as no maximum's
SUMMED_COPIES = 1000  # copies that are summed one by one; of more than this, as many are drawn


@dataclass(frozen=True, eq=False)
class Laplace:
    """N(theta, rootᵀ root), and the log evidence that goes with it.

    ``log_z`` counts every copy of the network under the finite symmetries, with its own prior.
    """

    theta: np.ndarray  # (P,)
    root: np.ndarray  # (P, P)
    log_z: float

    @property
    def covariance(self) -> np.ndarray:
        """C, (P, P)."""
        return np.asarray(self.root.T @ self.root)

    def draw(self, size: int, seed: int = 0) -> np.ndarray:
        """Independent draws, (size, P)."""
        normal = np.random.default_rng(seed).standard_normal((size, len(self.theta)))
        return np.asarray(self.theta + normal @ self.root)

    def linearised(self, post: Posterior, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Outputs of the network that is linear in its parameters around the centre.

        theta (S, P), x (m, d) -> (S, m·C): f(x; θ₀) + J(x)ᵀ(θ − θ₀), for which the Gauss–Newton
        curvature is the exact one, as what y is on average there.
        """
        scaling = post.data.scaling
        at = as_tensor(scaling.x_to_network(x), post.device)
        centre = as_tensor(self.theta[None], post.device)
        change = as_tensor(theta - self.theta, post.device)
        if post.net.outputs == 1:
            change = change @ jacobian(post.net, centre, at)[0]
        else:
            change = _changes(post, centre, at, change)
        f = (post.net.forward(centre, at) + change).numpy(force=True)
        return post.expected_of(f, theta).reshape(len(theta), -1)


def laplace(post: Posterior, theta: np.ndarray) -> Laplace:
    """Laplace's approximation at theta (P,)."""
    precision = _precision(post, as_tensor(theta[None], post.device))
    # In units of the prior's scales none of Gauss–Newton's is below 1; what is, is rounding.
    values, vectors = np.linalg.eigh(precision * post.scales * post.scales[:, None])
    values = np.where(values > (1.0 if post.least_squares else UPWARDS), values, 1.0)
    root = (vectors / np.sqrt(values)).T * post.scales
    log_volume = np.log(post.scales).sum() - 0.5 * np.log(values).sum()
    size = 0.5 * post.ndim * math.log(2 * math.pi)
    log_z = float(post.log_prob(theta)) + size + log_volume + log_copies(post, theta)
    return Laplace(np.array(theta), root, float(log_z))


def _precision(post: Posterior, at: Tensor) -> np.ndarray:
    """C⁻¹ at (1, P): (P, P)."""
    objective = Objective(post, "posterior")
    if not post.least_squares:
        second: np.ndarray = objective.derivatives(at)[1][0].numpy(force=True)
        return -0.5 * (second + second.T)
    slope = jacobian(post.net, at, post.points.x)[0] * objective.root_precision(at)
    precision: np.ndarray = (slope @ slope.mT).numpy(force=True) + np.diag(post.scales**-2.0)
    if post.infers_noise:
        precision[-1, -1] += 2 * post.data.n
    return precision


def _changes(post: Posterior, centre: Tensor, x: Tensor, change: Tensor) -> Tensor:
    """Directional derivatives of all outputs at the centre (1, P): (S, P) -> (S, m, outputs)."""
    leaf = centre.expand(len(x), -1).clone().requires_grad_()  # a copy for every place
    with torch.enable_grad():
        f = torch.func.vmap(post.net.forward)(leaf, x.unsqueeze(1))[:, 0]
        slopes = [torch.autograd.grad(one.sum(), leaf, retain_graph=True)[0] for one in f.unbind(1)]
    return torch.einsum("sp,omp->smo", change, torch.stack(slopes))


def log_copies(post: Posterior, theta: np.ndarray) -> float:
    """log Σ over the finite group of p(copy)/p(theta); only the prior tells copies apart."""
    net = post.net
    size = math.prod(math.factorial(u) for u in net.hidden)
    if math.isfinite(group_size(net)):
        size = int(group_size(net))
    if size <= SUMMED_COPIES:
        others = copies(net, theta)
    else:
        others = jump(net, np.tile(theta, (SUMMED_COPIES, 1)), np.random.default_rng(0))
    gain = post.log_prior(others) - post.log_prior(theta)
    return math.log(size) + float(np.log(np.mean(np.exp(gain - gain.max()))) + gain.max())


def curves(reference: Reference, fits: Fits, seed: int) -> Iterator[Curves]:
    """At the best fit and at the MAP: draws through the network, and through it linearised."""
    post, x = reference.post, reference.x
    for name, centre in (("SGD", fits.sgd.theta), ("MAP", reference.top)):
        found = laplace(post, centre)
        theta = found.draw(reference.detail.approximation, seed)
        title = f"Laplace at {name}"
        yield Curves(title, post.curves(theta, x), found.log_z)
        linear = found.linearised(post, theta, x)
        yield Curves(f"{title}, linearised", linear, found.log_z)
