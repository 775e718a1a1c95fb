"""Student's t: noise with outliers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from scipy.special import digamma, gammaln
from torch import Tensor

from ...common.rules import checked
from ..description import LOG_NU, LOG_SIGMA
from ..rules import NOISE
from .augmentable import GivenLatents
from .pointwise import Extra

__all__ = ["StudentT"]

NU = 4.0  # degrees of freedom that are the middle of their prior, where they are inferred


@dataclass(frozen=True)
class StudentT:
    """y = f + σ·t with t of Student's distribution with ν degrees of freedom: noise with outliers.

    ``sigma`` is the scale of the noise, in units of y; where the data bring errors it multiplies
    them. With ``sigma="infer"`` log σ ends theta; with ``nu="infer"`` log(ν/4) does (after log σ),
    with the prior N(0, 1): ν lies between 0.56 and 28 with 95 % probability.
    """

    nu: float | Literal["infer"] = "infer"
    sigma: float | Literal["infer"] = "infer"
    outputs: ClassVar[int] = 1
    components: ClassVar[int] = 1
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked("likelihood nu", self.nu, NOISE)
        checked("likelihood sigma", self.sigma, NOISE)

    @property
    def extras(self) -> tuple[Extra, ...]:
        sigma = (Extra(LOG_SIGMA),) if self.sigma == "infer" else ()
        return (*sigma, Extra(LOG_NU, 1.0)) if self.nu == "infer" else sigma

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        """Any number will do."""

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        size = float(np.std(y if yerr is None else y / yerr))
        sigma = [math.log(size) if size > 0 else 0.0] if self.sigma == "infer" else []
        return np.array([*sigma, 0.0] if self.nu == "infer" else sigma)

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        nu, log_sigma = self._nu(extra), self._log_sigma(extra)
        log_scale = log_sigma if yerr is None else log_sigma + yerr.log()
        z = (y - f) * torch.exp(-log_scale)
        tail = 0.5 * (nu + 1) * torch.log1p(z.square() / nu)
        size = torch.lgamma(0.5 * (nu + 1)) - torch.lgamma(0.5 * nu) - 0.5 * (nu * math.pi).log()
        return size - log_scale - tail

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The middle of the distribution: below ν = 1 there is no mean."""
        return f

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        nu, log_scale = self._numbers(extra, yerr)
        return np.asarray(f + np.exp(log_scale) * rng.standard_t(np.broadcast_to(nu, f.shape)))

    def draw_latents(
        self,
        f: np.ndarray,
        y: np.ndarray,
        yerr: np.ndarray | None,
        extra: np.ndarray,
        rng: np.random.RandomState,
    ) -> np.ndarray:
        """t is normal with precision λ ~ Gamma(ν/2, ν/2) (Andrews & Mallows 1974, J. R. Stat. Soc.
        B 36, 99): λ | y, f ~ Gamma((ν + 1)/2, (ν + z²)/2), z = (y − f)/σ: (B, n)."""
        nu, log_scale = self._numbers(extra, yerr)
        z = (y - f) * np.exp(-log_scale)
        shape = np.broadcast_to(0.5 * (nu + 1), f.shape)
        return np.asarray(rng.standard_gamma(shape) / (0.5 * (nu + z**2)))

    def given_latents(
        self, latents: np.ndarray, y: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray
    ) -> GivenLatents:
        """y ~ N(f, σ²/λ); beside it the density of λ itself."""
        nu, log_scale = self._numbers(extra, yerr)
        half, n, log_latents = 0.5 * nu, len(y), np.log(latents)
        precision = (latents * np.exp(-2 * log_scale))[:, None]
        each = (half - 0.5) * log_latents - half * latents - log_scale - 0.5 * math.log(2 * math.pi)
        beside = each.sum(axis=1) + n * (half * np.log(half) - gammaln(half))[:, 0]
        slopes, powers = np.full(extra.shape, -float(n)), np.full((1, extra.shape[1]), -2.0)
        if self.nu == "infer":
            each = log_latents - latents + np.log(half) + 1 - digamma(half)
            slopes[:, -1], powers[:, -1] = half[:, 0] * each.sum(axis=1), 0.0
        return GivenLatents(precision, precision * y, beside, slopes, powers)

    def words(self, n: int, weighted: bool) -> str:
        nu = "ν inferred" if self.nu == "infer" else f"ν = {self.nu:g}"
        if self.sigma == "infer":
            return f"Student's t, {nu}, σ inferred"
        return f"Student's t, {nu}, σ = {self.sigma:g}" + " · yerr" * weighted

    def to_tree(self) -> dict[str, Any]:
        return {"nu": self.nu, "sigma": self.sigma}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> StudentT:
        return cls(tree.get("nu", "infer"), tree.get("sigma", "infer"))

    def _numbers(self, extra: np.ndarray, yerr: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """ν (B or 1, 1), and the log of the scale of all noise, (B or 1, 1 or n)."""
        own = torch.from_numpy(np.asarray(extra, dtype=float))
        log_sigma = self._log_sigma(own).numpy()
        return self._nu(own).numpy(), log_sigma if yerr is None else log_sigma + np.log(yerr)

    def _nu(self, extra: Tensor) -> Tensor:
        """ν of every vector, (B or 1, 1)."""
        if self.nu == "infer":
            return NU * torch.exp(extra[:, -1:])
        return extra.new_full((1, 1), self.nu)

    def _log_sigma(self, extra: Tensor) -> Tensor:
        if self.sigma == "infer":
            return extra[:, :1]
        return extra.new_full((1, 1), math.log(self.sigma))
