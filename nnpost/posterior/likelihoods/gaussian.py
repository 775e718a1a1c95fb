"""Gaussian likelihoods: what they make of the misfit, and which constants they keep.

Those of any other form have the members of :class:`~.pointwise.Pointwise`. A new Gaussian one is a
class with the members of :class:`Likelihood`, and works as it is; by_kind.py has those that run
files keep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ...common.errors import RequestError
from ...common.rules import checked
from ..rules import NOISE

__all__ = [
    "LOG_2PI",
    "MSE",
    "Gaussian",
    "Likelihood",
    "check_inferred_noise",
    "log_density_of",
]

LOG_2PI = math.log(2 * math.pi)


class Likelihood(Protocol):
    """A Gaussian likelihood: log L = −τ/2 · SSE + constant.

    Where the noise is inferred, theta ends with log σ, τ is e^(−2 log σ) and the constant that of
    :class:`Gaussian`, n/2 · log(τ/2π) − Σ log yerr. Gradients, curvatures and the σ of an optimum
    are written for that, and a posterior refuses anything else.
    """

    @property
    def infers_noise(self) -> bool:
        """Whether theta ends with log σ, and the noise is as said above."""

    def precision(self, n: int, log_sigma: Tensor | None) -> float | Tensor:
        """τ for n points; (B,) if it depends on log σ (B,)."""

    def constant(self, n: int, tau: float | Tensor, log_yerr: float) -> float | Tensor:
        """What is added to −τ/2 · SSE; ``log_yerr`` is Σ log yerr, 0 without errors."""

    def words(self, n: int, weighted: bool) -> str:
        """Its name, with the noise that it assumes of n points, ``weighted`` by their errors."""


@dataclass(frozen=True)
class MSE:
    """log L = −SSE/n, minus torch's ``MSELoss()``.

    It is a Gaussian likelihood with σ² = n/2 without its constant, whatever the noise of the data
    is: on 500 points σ ≈ 15.8. It is what the article on the parabola uses; for real work take
    :class:`Gaussian`.
    """

    infers_noise = False

    def precision(self, n: int, log_sigma: Tensor | None = None) -> float:
        return 2.0 / n

    def constant(self, n: int, tau: float | Tensor, log_yerr: float = 0.0) -> float:
        return 0.0

    def words(self, n: int, weighted: bool, unit: float = 1.0) -> str:
        """``unit`` is what σ is multiplied by, where y is shown in other units."""
        sigma = math.sqrt(n / 2) * unit
        return f"exp(−MSE), Gaussian noise of σ = {sigma:.3g}" + " · yerr" * weighted

    def to_tree(self) -> dict[str, Any]:
        return {"sigma": "mse"}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> MSE:
        return cls()


@dataclass(frozen=True)
class Gaussian:
    """log L = −SSE/2σ² − (n/2) log 2πσ² − Σ log yerr, all constants kept.

    ``sigma`` is the standard deviation of the noise, in units of y; where the data bring errors
    it multiplies them. With ``sigma="infer"`` log σ is the last entry of theta.
    """

    sigma: float | Literal["infer"] = 1.0

    def __post_init__(self) -> None:
        checked("likelihood sigma", self.sigma, NOISE)

    @property
    def infers_noise(self) -> bool:
        return isinstance(self.sigma, str)

    def precision(self, n: int, log_sigma: Tensor | None = None) -> float | Tensor:
        if log_sigma is not None:
            return torch.exp(-2 * log_sigma)
        assert not isinstance(self.sigma, str)
        return float(self.sigma) ** -2

    def constant(self, n: int, tau: float | Tensor, log_yerr: float = 0.0) -> float | Tensor:
        log_tau = torch.log(tau) if isinstance(tau, Tensor) else math.log(tau)
        return 0.5 * n * (log_tau - LOG_2PI) - log_yerr

    def words(self, n: int, weighted: bool) -> str:
        if self.sigma == "infer":
            return "Gaussian, σ inferred"
        return f"Gaussian, σ = {self.sigma:g}" + " · yerr" * weighted

    def to_tree(self) -> dict[str, Any]:
        return {"sigma": self.sigma}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Gaussian:
        return cls(tree["sigma"])


def log_density_of(residuals: Tensor, log_sigma: Tensor) -> Tensor:
    """log N(r | 0, σ²) of residuals with noise of their own, in the shape of both together."""
    z = residuals * torch.exp(-log_sigma)
    return -0.5 * (z.square() + LOG_2PI) - log_sigma


def check_inferred_noise(likelihood: Likelihood, n: int) -> None:
    """Refuse a likelihood of n points that infers another noise than :class:`Likelihood` says."""
    if not likelihood.infers_noise:
        return
    log_sigma, exact = torch.tensor([-2.0, 0.0, 1.5], dtype=torch.float64), Gaussian("infer")
    tau = torch.exp(-2 * log_sigma)
    for name, found, expected in (
        ("precision", likelihood.precision(n, log_sigma), tau),
        ("constant", likelihood.constant(n, tau, 0.7), exact.constant(n, tau, 0.7)),
    ):
        values = torch.as_tensor(found, dtype=torch.float64).expand(len(log_sigma))
        for at, value, right in zip(log_sigma, values, torch.as_tensor(expected), strict=True):
            if not math.isclose(value, right, rel_tol=1e-9, abs_tol=1e-9):
                raise RequestError(
                    f"posterior likelihood: found {type(likelihood).__name__} with a {name} of "
                    f"{value:.6g} at log sigma = {at:g}, expected that of a Gaussian of this "
                    f"sigma, {right:.6g}, as infers_noise promises"
                )
