"""What an optimiser climbs, the log posterior or log likelihood, and its derivatives.

Everything is batched over vectors theta (B, P), float64 tensors on the posterior's device. The
parts of theta that have a closed-form best value given the rest get it here: the output layer, a
linear least squares problem, and inferred noise.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import BLOCK, as_tensor, finite_or_never
from ..posterior.points import WeightedPoints
from ..posterior.posterior import Posterior
from .least_squares import LeastSquares

__all__ = ["Objective", "Target", "conditional_log_sigma", "smallest_log_sigma"]

Target = Literal["posterior", "likelihood"]

# σ is not followed below this fraction of the size of y: on data that the network fits exactly
# the likelihood grows without bound as σ shrinks.
SMALLEST_NOISE = 1e-14


class Objective:
    """What is climbed, and its derivatives. All tensors are float64; theta is (B, P)."""

    def __init__(self, post: Posterior, target: Target) -> None:
        self.post, self.net = post, post.net
        self.infers_noise = post.infers_noise
        self.has_prior = target == "posterior"
        self.hidden = slice(0, post.net.n_hidden)
        self.output = slice(post.net.n_hidden, post.net.ndim)
        inverse = as_tensor(1 / post.scales, post.device)
        self.inverse_scales = inverse if self.has_prior else torch.zeros_like(inverse)
        self.weights = WeightedPoints.of(post.points).roots

    def value(self, theta: Tensor) -> Tensor:
        """Log posterior or log likelihood, (B,)."""
        return self.post.log_prob(theta) if self.has_prior else self.post.log_likelihood(theta)

    def value_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The value and its gradient, (B, P) -> (B,), (B, P); zero where the value is −inf."""
        if self.has_prior:
            value, grad = self.post.log_prob_and_grad(theta)
            return value, grad
        value, grad = self.post.sums.value_and_grad(theta)
        value = finite_or_never(value)
        grad[value == -np.inf] = 0.0
        return value, grad

    def derivatives(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Exact gradient (B, P) and second derivatives (B, P, P).

        A copy of every vector for every row of second derivatives, which is the gradient of one
        entry of the gradient: for gradients of several numbers at once torch loads sympy.
        """
        unit = torch.eye(theta.shape[1], dtype=theta.dtype, device=theta.device)
        size = max(1, 4 * BLOCK // (len(theta) * self.post.data.n * max(self.net.sizes)))
        rows: list[Tensor] = []
        for part in unit.split(size):
            leaf = theta.detach().repeat(len(part), 1).requires_grad_()
            with torch.enable_grad():
                value = self._differentiable(leaf).sum()
                (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
                entries = gradient * part.repeat_interleave(len(theta), 0)
                rows += torch.autograd.grad(entries.sum(), leaf)
        second = torch.cat(rows).reshape(-1, *theta.shape)
        return gradient.detach()[: len(theta)], second.movedim(0, 1)

    def _differentiable(self, theta: Tensor) -> Tensor:
        value = self.post.sums.log_likelihood_of(theta)
        if self.has_prior:
            value = value + self.post.prior_density.log_prob(theta)
        return finite_or_never(value)

    def root_precision(self, theta: Tensor) -> Tensor:
        """√τ of every residual, (B or 1, n)."""
        sums = self.post.gaussian_sums
        tau = sums.precision(sums.log_sigma(theta))
        return tau.sqrt().unsqueeze(1) * self.weights

    def complete(self, theta: Tensor, rounds: int = 1) -> Tensor:
        """Give every h its best output layer, then the best noise for that, (B, P) -> (B, P).

        Where the output layer cannot be integrated out there is no closed form, and theta stays as
        it is.
        """
        theta = theta.clone()
        if not self.post.exact_layer:
            return theta
        for _ in range(rounds):
            theta[:, self.output] = self._output_problem(theta).solution
            if self.infers_noise:
                sse = self.post.mean_square(theta) * self.post.data.n
                theta[:, -1] = conditional_log_sigma(self.post, sse, self.has_prior)
        return theta

    def _output_problem(self, theta: Tensor) -> LeastSquares:
        features = self.net.features(theta, self.post.points.x)
        root = self.root_precision(theta)
        prior = torch.diag(self.inverse_scales[self.output]).expand(len(theta), -1, -1)
        matrix = torch.cat([(features * root.unsqueeze(1)).mT, prior], 1)
        zeros = root.new_zeros(len(root), prior.shape[1])
        target = torch.cat([root * self.post.points.y, zeros], 1)
        return LeastSquares(matrix, target.expand(len(theta), -1))

    def reduced(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient (B, H) and Gauss–Newton curvature (B, H, H) of the objective along o = o(h).

        Kaufman's Jacobian: that of the weighted outputs with respect to h, less its projection on
        the weighted features. ``theta`` is as :meth:`complete` leaves it.
        """
        problem = self._output_problem(theta)
        outputs = theta.clone()
        outputs[:, self.output] = problem.solution
        found = self.post.engine.hidden_jacobian(outputs.numpy(force=True))
        jacobian = as_tensor(found, self.post.device)
        jacobian = (jacobian * self.root_precision(theta).unsqueeze(1)).mT
        jacobian = torch.nn.functional.pad(jacobian, (0, 0, 0, self.net.n_output))
        jacobian = jacobian - problem.q @ (problem.q.mT @ jacobian)
        prior = self.inverse_scales[self.hidden].square()
        gradient = (jacobian.mT @ problem.residual.unsqueeze(2)).squeeze(2)
        curvature = jacobian.mT @ jacobian + torch.diag(prior)
        return gradient - prior * theta[:, self.hidden], curvature


def conditional_log_sigma(post: Posterior, sse: Tensor, prior: bool = False) -> Tensor:
    """log σ at its conditional maximum given SSE (B,) -> (B,): σ² = SSE/n for the likelihood.

    With the prior log σ ~ N(0, s²) it solves SSE e^u + u/2s² = n for u = −2 log σ. In logs, with
    u₀ = log(n/SSE) and k = 1/2ns², that is u − u₀ − log(1 − ku) = 0, increasing and convex:
    Newton's method comes down to the root from the right of it without overshooting.
    """
    n = post.data.n
    u = free = -torch.log(sse.clamp(min=1e-300) / n)
    if prior:
        k = 0.5 / (n * float(post.scales[-1]) ** 2)
        u = free.clamp(min=0.0, max=(1 - 1e-12) / k)
        for _ in range(60):
            step = (u - free - torch.log1p(-k * u)) / (1 + k / (1 - k * u))
            u = u - step
            if not (step.abs() > 1e-15 * (1 + u.abs())).any():
                break
    return (-0.5 * u).clamp(min=smallest_log_sigma(post))


def smallest_log_sigma(post: Posterior) -> float:
    """Below it log σ is not followed."""
    size = math.sqrt(float(WeightedPoints.of(post.points).y.square().mean()))
    return math.log(max(SMALLEST_NOISE * size, 1e-150))
