"""Likelihoods: what they make of the misfit, and which constants they keep. One class each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ..common.errors import RequestError, nearest

__all__ = ["MSE", "Gaussian", "Likelihood"]

LOG_2PI = math.log(2 * math.pi)


class Likelihood(Protocol):
    """A Gaussian likelihood: log L = −τ/2 · SSE + constant."""

    @property
    def infers_noise(self) -> bool:
        """Whether theta ends with log σ."""

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

    def words(self, n: int, weighted: bool) -> str:
        return f"exp(−MSE), Gaussian noise of σ = {math.sqrt(n / 2):.3g}"


@dataclass(frozen=True)
class Gaussian:
    """log L = −SSE/2σ² − (n/2) log 2πσ² − Σ log yerr, all constants kept.

    ``sigma`` is the standard deviation of the noise, in units of y; where the data bring errors
    it multiplies them. With ``sigma="infer"`` log σ is the last entry of theta.
    """

    sigma: float | Literal["infer"] = 1.0

    def __post_init__(self) -> None:
        if self.sigma == "infer":
            return
        if isinstance(self.sigma, str):
            raise RequestError(
                f"likelihood sigma: found '{self.sigma}', expected a positive number or 'infer'"
                f"{nearest(self.sigma, ['infer'])}"
            )
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise RequestError(
                f"likelihood sigma: found {self.sigma}, expected a positive number or 'infer'; "
                "give the standard deviation of the noise"
            )

    @property
    def infers_noise(self) -> bool:
        return self.sigma == "infer"

    def precision(self, n: int, log_sigma: Tensor | None = None) -> float | Tensor:
        if log_sigma is not None:
            return torch.exp(-2 * log_sigma)
        assert self.sigma != "infer"
        return self.sigma**-2

    def constant(self, n: int, tau: float | Tensor, log_yerr: float = 0.0) -> float | Tensor:
        log_tau = torch.log(tau) if isinstance(tau, Tensor) else math.log(tau)
        return 0.5 * n * (log_tau - LOG_2PI) - log_yerr

    def words(self, n: int, weighted: bool) -> str:
        if self.sigma == "infer":
            return "Gaussian, σ inferred"
        return f"Gaussian, σ = {self.sigma:g}" + " · yerr" * weighted
