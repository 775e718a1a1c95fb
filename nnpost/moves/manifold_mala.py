"""Langevin steps that fit the place: the curvature of the posterior at every network of its own.

A sharp posterior is a thin, bent ridge, and no covariance of the whole serves all of it: an
important unit must move by thousandths, one that does nothing may move by tens. A step here is

    q = h + ½ ε² G⁻¹ g + ε G^(−½) n

with the gradient g and a metric G of the collapsed posterior at h itself, and with the Hastings
factor for the way back (simplified manifold Metropolis-adjusted Langevin; Girolami & Calderhead
2011, J. R. Stat. Soc. B 73, 123, §5). With the output layer o ~ N(m, V) given h, J_j the
derivatives of the values φ of units by their parameters, and P what projects on the other side of
the features,

    G_jk = τ E[a_j a_k] J_j P J_kᵀ + prior precisions,   P = 1 − τ Fᵀ V F

which is the Gauss–Newton curvature of variable projection (Golub & Pereyra 1973, SIAM J. Numer.
Anal. 10, 413), averaged over the output layer. All sums over data are one product of a matrix with
its transpose. Half of the steps move some units only, given the others.

As for :class:`~nnpost.moves.neuron_gibbs.NeuronGibbs` few points stand for the data and the output
bias has no prior. That changes what is proposed, and nothing else: all copies of a network are
served alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import as_tensor
from ..network.neurons import neuron_blocks
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from .proposal import Random

__all__ = ["ManifoldMALA"]


@dataclass(frozen=True)
class LangevinSteps:
    """How long the steps are, and what they move."""

    scale: float = 0.3  # median of ε
    spread: float = 0.8  # standard deviation of log ε
    all: float = 0.4  # share of the steps that move all units
    some: tuple[float, ...] = (0.2, 0.5, 0.8)  # of the others: the chances that a unit moves


class Geometry(NamedTuple):
    """Gradient (B, H) and metric (B, H, H) at B networks."""

    grad: Tensor
    metric: Tensor


class Stepped(NamedTuple):
    """Where a step leads to, the geometry there, and the log of its Hastings factor (B,)."""

    q: np.ndarray
    geometry: Geometry
    factor: np.ndarray


class ManifoldMALA:
    """A proposal (proposal.py) for posteriors of one hidden layer with the output layer integrated
    out; h is (B, H), and ``beta`` a power of the likelihood."""

    def __init__(self, post: Posterior, steps: LangevinSteps = LangevinSteps()) -> None:
        self.steps = steps
        self.engine = OutputLayer(post).on_quadrature().engine
        self.post, self.blocks = post, np.array(neuron_blocks(post.net))
        hidden = np.delete(post.scales, range(post.net.n_hidden, post.net.ndim))
        self.prior = hidden**-2.0
        self.outputs = post.scales[post.net.n_hidden : post.net.ndim] ** -2.0
        if post.net.bias:
            self.outputs[-1] = 0.0

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        flat = s.reshape(-1, s.shape[2])
        q, _, factor = self.step(flat, self.geometry(flat), rng)
        return q.reshape(s.shape), factor.reshape(s.shape[:2])

    def step(self, h: np.ndarray, here: Geometry, rng: Random, beta: float = 1.0) -> Stepped:
        """One step of every network h (B, H), whose geometry is known."""
        moved = self._moved(len(h), rng)
        scatter = self.steps.spread * rng.standard_normal((len(h), 1))
        scale = self.steps.scale * np.exp(scatter)
        e, normal = as_tensor(scale, "cpu"), as_tensor(rng.standard_normal(h.shape), "cpu") * moved
        root, drift = _whitened(here, moved)
        pushed = (e * normal + 0.5 * e**2 * drift).unsqueeze(2)
        along = torch.linalg.solve_triangular(root.mT, pushed, upper=True).squeeze(2)
        q = h + along.nan_to_num(0.0, 0.0, 0.0).numpy()
        there = self.geometry(q, beta)
        root_there, drift_there = _whitened(there, moved)
        back = (root_there.mT @ along.unsqueeze(2)).squeeze(2) / e + 0.5 * e * drift_there
        factor = 0.5 * (normal.square().sum(1) - back.square().sum(1))
        factor = factor + _log_det(root_there) - _log_det(root)
        return Stepped(q, there, factor.nan_to_num(-torch.inf, -torch.inf).numpy())

    def _moved(self, size: int, rng: Random) -> Tensor:
        """1 for coordinates that move, (B, H): those of some units, and of the noise."""
        some = np.array(self.steps.some)
        chance = some[rng.randint(len(some), size=(size, 1))]
        chance = np.where(rng.random_sample((size, 1)) < self.steps.all, 1.0, chance)
        units = rng.random_sample((size, len(self.blocks))) < chance
        out = np.ones((size, len(self.prior)))
        for column, unit in zip(units.T, self.blocks, strict=True):
            out[:, unit] = column[:, None]
        return torch.from_numpy(out)

    def geometry(self, h: np.ndarray, beta: float = 1.0) -> Geometry:
        """Gradient and metric at h (B, H)."""
        tau = self.post.noise(h, beta).tau
        with np.errstate(all="ignore"):
            found, rows = self.engine.curvature(h, tau, self.outputs), slice(self.post.net.n_hidden)
            grad, metric = -self.prior * h, np.tile(np.diag(self.prior), (len(h), 1, 1))
            grad[:, rows] += found.grad
            metric[:, rows, rows] += found.metric
            if self.post.infers_noise:
                grad[:, -1] += tau * found.sse - beta * self.post.data.n
                metric[:, -1, -1] += 2 * beta * self.post.data.n
        bad = ~(np.isfinite(grad).all(1) & np.isfinite(metric).all((1, 2)))
        grad[bad], metric[bad] = 0.0, np.eye(h.shape[1])
        return Geometry(torch.from_numpy(grad), torch.from_numpy(metric))


def _whitened(g: Geometry, moved: Tensor) -> tuple[Tensor, Tensor]:
    """L of the metric among the coordinates that move, and L⁻¹ g; ones for those that stay."""
    metric = g.metric * moved.unsqueeze(2) * moved.unsqueeze(1) + torch.diag_embed(1 - moved)
    root, failed = torch.linalg.cholesky_ex(metric)
    root = torch.where((failed > 0)[:, None, None], torch.nan, root)
    grad = (g.grad * moved).unsqueeze(2)
    return root, torch.linalg.solve_triangular(root, grad, upper=False).squeeze(2)


def _log_det(root: Tensor) -> Tensor:
    return root.diagonal(dim1=1, dim2=2).log().sum(1)
