"""Sums over the data of a Gaussian likelihood, log L = −τ/2 · SSE + constant, by an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..network.mlp import MLP
from .engine import Engine
from .likelihoods.gaussian import LOG_2PI, Likelihood
from .points import Points

__all__ = ["GaussianSums", "Noise"]


class Noise(NamedTuple):
    """τ and the constant of log L = −τ/2 · SSE + constant: (B,) each if the noise is inferred."""

    tau: Any
    constant: Any


@dataclass(frozen=True, eq=False)
class GaussianSums:
    """log L of networks and its gradient; theta is (B, P), log σ last where it is inferred.

    pointwise_sums.py has the same for likelihoods of any other form.
    """

    net: MLP
    likelihood: Likelihood
    data: Dataset
    points: Points
    engine: Engine
    components: ClassVar[int] = 1

    @property
    def loss_name(self) -> str:
        """What tables call what training minimises."""
        return self.data.misfit

    @cached_property
    def log_yerr(self) -> float:
        """Σ log yerr, 0 without errors."""
        return 0.0 if self.data.yerr is None else float(np.log(self.data.yerr).sum())

    def noise(self, theta: np.ndarray, beta: float = 1.0) -> Noise:
        """τ and the constant at power ``beta``; of theta only log σ is looked at, if any."""
        n, likelihood = self.data.n, self.likelihood
        if not likelihood.infers_noise:
            tau: Any = likelihood.precision(n, None)
            return Noise(beta * tau, beta * likelihood.constant(n, tau, self.log_yerr))
        log_sigma = theta[:, -1]  # and all is as for a Gaussian: see check_inferred_noise
        constant = -n * (log_sigma + 0.5 * LOG_2PI) - self.log_yerr
        with np.errstate(over="ignore"):  # of a σ that floats cannot hold: no density, then
            return Noise(beta * np.exp(-2 * log_sigma), beta * constant)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """log L, not yet held to be finite, (B, P) -> (B,)."""
        noise = self.noise(theta)
        value: np.ndarray = self.engine.sse(theta) * (-0.5 * noise.tau) + noise.constant
        return value

    def value_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same and its gradient, (B, P) -> (B,), (B, P)."""
        noise = self.noise(theta)
        sse, slope = self.engine.sse_and_grad(theta)
        grad = np.zeros_like(theta)
        grad[:, : self.net.ndim] = np.reshape(-0.5 * noise.tau, (-1, 1)) * slope
        if self.likelihood.infers_noise:
            grad[:, -1] = noise.tau * sse - self.data.n
        return sse * (-0.5 * noise.tau) + noise.constant, grad

    def densities(
        self, x: np.ndarray, y: np.ndarray, yerr: np.ndarray | None
    ) -> Callable[[np.ndarray], np.ndarray]:
        """log p(y_i | θ) of these points (n, d), (n,), (n,), normalised, as a function of theta:
        (B, P) -> (B, n)."""

        def of(theta: np.ndarray) -> np.ndarray:
            sd = self._sigma(theta) if yerr is None else self._sigma(theta) * yerr
            z = (y - self.engine.outputs(theta, x)) / sd
            density: np.ndarray = -0.5 * (z * z + LOG_2PI) - np.log(sd)
            return density

        return of

    def mean(self, f: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """What y is on average where the outputs are f: f itself."""
        return f

    def draw(
        self, f: np.ndarray, theta: np.ndarray, yerr: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """New targets where the outputs are f: (B, n)."""
        noise: np.ndarray = rng.standard_normal(f.shape) * self._sigma(theta)
        return f + (noise if yerr is None else noise * yerr)

    def _sigma(self, theta: np.ndarray) -> np.ndarray:
        """σ = τ^(−½), that multiplies yerr where there is one: (B, 1) or (1, 1)."""
        return np.reshape(np.asarray(self.noise(theta).tau, dtype=float) ** -0.5, (-1, 1))

    # -- on flat float64 tensors (B, P) on the device; autograd goes through them ------------------

    def log_sigma(self, theta: Tensor) -> Tensor | None:
        """log σ (B,) of theta or h, whose last entry it is; None where the noise is given."""
        return theta[:, -1] if self.likelihood.infers_noise else None

    def precision(self, log_sigma: Tensor | None = None) -> Tensor:
        """τ, the factor of −½ SSE in the log likelihood: (B,), or (1,) where the noise is given."""
        tau, device = self.likelihood.precision(self.data.n, log_sigma), self.points.x.device
        return torch.as_tensor(tau, dtype=torch.float64, device=device).reshape(-1)

    def log_likelihood_of(self, theta: Tensor) -> Tensor:
        """log L (B,), not yet held to be finite; autograd goes through it twice."""
        x, y, _ = self.points
        r, log_sigma = self.points.weighted(y - self.net.forward(theta, x)), self.log_sigma(theta)
        tau = self.likelihood.precision(self.data.n, log_sigma)
        constant = self.likelihood.constant(self.data.n, tau, self.log_yerr)
        return torch.linalg.vecdot(r, r) * (-0.5 * self.precision(log_sigma)) + constant
