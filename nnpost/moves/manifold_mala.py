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
from ..network.mlp import ACTIVATIONS
from ..network.neurons import neuron_blocks
from ..posterior.points import WeightedPoints
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
    batch: int = 128  # networks at a time, to stay near the processor


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
        x, self.y, _, self.lost = few = WeightedPoints.few(post.data)
        self.root = few.roots
        self.inputs = torch.cat([x, torch.ones_like(x[:, :1])], dim=1).T  # (d + 1, m)
        self.post, self.blocks = post, np.array(neuron_blocks(post.net))
        hidden = np.delete(post.scales, range(post.net.n_hidden, post.net.ndim))
        self.prior = torch.tensor(hidden**-2.0)
        outputs = post.scales[post.net.n_hidden : post.net.ndim] ** -2.0
        outputs[-1] = 0.0
        self.outputs = torch.diag(torch.tensor(outputs))

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

    def geometry(self, h: np.ndarray, beta: float = 1.0) -> Geometry:
        """Gradient and metric at h (B, H)."""
        size = self.steps.batch
        rows = (slice(i, i + size) for i in range(0, len(h), size))
        parts = [self._geometry(as_tensor(h[part], "cpu"), beta) for part in rows]
        grad, metric = (torch.cat(part) for part in zip(*parts, strict=True))
        return Geometry(grad, metric)

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

    def _geometry(self, h: Tensor, beta: float) -> Geometry:
        units, k = len(self.blocks), self.blocks.shape[1]
        d, tau = units * k, self._precision(h, beta)
        values, slopes = self._units(h)
        derivatives = (slopes.unsqueeze(2) * self.inputs).flatten(1, 2)
        rows = torch.stack([self.root, self.y]).expand(len(h), -1, -1)
        sums = torch.cat([derivatives, values, rows], dim=1)
        sums = sums @ sums.mT  # all sums over the data
        jj, jf, jy = sums[:, :d, :d], sums[:, :d, d:-1], sums[:, :d, -1]
        ff, fy = sums[:, d:-1, d:-1], sums[:, d:-1, -1]
        cholesky, failed = torch.linalg.cholesky_ex(tau * ff + self.outputs)
        v = torch.cholesky_inverse(torch.where((failed > 0)[:, None, None], torch.nan, cholesky))
        m = (v @ (tau * fy.unsqueeze(2))).squeeze(2)
        own = torch.arange(units).repeat_interleave(k)  # the unit that a parameter is of
        projected = tau * (jf @ v)
        along = m[:, own] * (jy - (jf @ m.unsqueeze(2)).squeeze(2))
        across = (projected / tau)[:, torch.arange(d), own]
        second = m.unsqueeze(2) * m.unsqueeze(1) + v
        curvature = tau * second[:, own][:, :, own] * (jj - projected @ jf.mT)
        place = torch.from_numpy(self.blocks.ravel())
        grad, metric = -self.prior * h, torch.diag(self.prior).repeat(len(h), 1, 1)
        grad[:, place] += tau.squeeze(2) * (along - across)
        metric[:, place.unsqueeze(1), place] += curvature
        if self.post.likelihood.infers_noise:
            sse = (
                sums[:, -1, -1]
                + self.lost
                - (2 * fy - (ff @ m.unsqueeze(2)).squeeze(2)).mul(m).sum(1)
            )
            fit = tau.reshape(-1) * (sse + (v * ff).sum((1, 2)))
            grad[:, -1] += fit - beta * self.post.data.n
            metric[:, -1, -1] += 2 * beta * self.post.data.n
        good = torch.isfinite(grad).all(1) & torch.isfinite(metric).all(2).all(1)
        eye = torch.eye(h.shape[1], dtype=h.dtype)
        return Geometry(
            torch.where(good.unsqueeze(1), grad, 0.0), torch.where(good[:, None, None], metric, eye)
        )

    def _units(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Values of all units and their slopes, times the roots of the weights, (B, U, m)."""
        z = (h[:, torch.from_numpy(self.blocks)] @ self.inputs).requires_grad_()
        with torch.enable_grad():
            values = ACTIVATIONS[self.post.net.activation].function(z)
            (slopes,) = torch.autograd.grad(values.sum(), z)
        return values.detach() * self.root, slopes * self.root

    def _precision(self, h: Tensor, beta: float) -> Tensor:
        tau = self.post.precision(self.post.log_sigma(h)).to(h.device)
        return beta * tau.reshape(-1, 1, 1).expand(len(h), 1, 1)


def _whitened(g: Geometry, moved: Tensor) -> tuple[Tensor, Tensor]:
    """L of the metric among the coordinates that move, and L⁻¹ g; ones for those that stay."""
    metric = g.metric * moved.unsqueeze(2) * moved.unsqueeze(1) + torch.diag_embed(1 - moved)
    root, failed = torch.linalg.cholesky_ex(metric)
    root = torch.where((failed > 0)[:, None, None], torch.nan, root)
    grad = (g.grad * moved).unsqueeze(2)
    return root, torch.linalg.solve_triangular(root, grad, upper=False).squeeze(2)


def _log_det(root: Tensor) -> Tensor:
    return root.diagonal(dim1=1, dim2=2).log().sum(1)
