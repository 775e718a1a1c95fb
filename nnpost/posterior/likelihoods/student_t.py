"""Student's t: noise with outliers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ...common.rules import checked
from ..description import LOG_NU, LOG_SIGMA
from ..rules import NOISE
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
        own = torch.from_numpy(np.asarray(extra, dtype=float))
        nu, sigma = self._nu(own).numpy(), self._log_sigma(own).exp().numpy()
        scale = sigma if yerr is None else sigma * yerr
        return np.asarray(f + scale * rng.standard_t(np.broadcast_to(nu, f.shape)))

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

    def _nu(self, extra: Tensor) -> Tensor:
        """ν of every vector, (B or 1, 1)."""
        if self.nu == "infer":
            return NU * torch.exp(extra[:, -1:])
        return extra.new_full((1, 1), self.nu)

    def _log_sigma(self, extra: Tensor) -> Tensor:
        if self.sigma == "infer":
            return extra[:, :1]
        return extra.new_full((1, 1), math.log(self.sigma))
