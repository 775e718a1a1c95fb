"""Priors: independent Gaussians around zero, given by their standard deviations.

That is what lets the output layer be integrated out, so a prior of one's own is any object with
the one method of :class:`Prior`. Run files keep those in ``PRIORS``, by ``to_tree`` and
``from_tree``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..common.errors import RequestError, choose, nearest
from ..common.settings import checked
from .kept import kind_kept
from .likelihood import LOG_2PI
from .rules import SCALE

__all__ = ["PRIORS", "GaussianPrior", "Normals", "Prior", "prior_from_tree", "prior_to_tree"]


class Prior(Protocol):
    """Independent Gaussians around zero."""

    def scales(self, kinds: tuple[str, ...], infers_noise: bool) -> np.ndarray:
        """Standard deviations of parameters of these ``kinds`` (P,), and last that of log σ where
        the noise is inferred."""


Values = TypeVar("Values", np.ndarray, Tensor)


class Normals(NamedTuple):
    """The density Π N(t_k; 0, s_k²) of independent parameters, (B, K), arrays or tensors."""

    slopes: np.ndarray  # (K,)  −1/2s²
    constant: float  # −Σ log s − K/2 log 2π

    @classmethod
    def of(cls, scales: np.ndarray) -> Normals:
        """From s (K,)."""
        size = -float(np.log(scales).sum() + len(scales) / 2 * LOG_2PI)
        return cls(-0.5 / scales**2, size)

    def log_prob(self, t: Values) -> Values:
        """(B, K) -> (B,); a row's does not depend on what else there is, as a product would."""
        return (t * t * self._like(t)).sum(-1) + self.constant

    def grad(self, t: Values) -> Values:
        """−t/s²: (B, K) -> (B, K)."""
        return 2 * self._like(t) * t

    def _like(self, t: Values) -> Values:
        return (
            torch.as_tensor(self.slopes, device=t.device) if isinstance(t, Tensor) else self.slopes
        )


@dataclass(frozen=True)
class GaussianPrior:
    """Independent, normalised Gaussians around zero.

    ``std`` is one standard deviation for all weights and biases, or a table by kind of parameter
    (input_weights, hidden_weights, biases, output_weights, skip_weights, output_bias); kinds that
    it leaves out have ``default``. Inferred noise has log σ ~ N(0, ``log_sigma_std``²): with 3, σ
    lies between 0.0025 and 400 with 95 % probability.
    """

    std: float | Mapping[str, float] = 30.0
    log_sigma_std: float = 3.0
    default: float = 30.0

    def __post_init__(self) -> None:
        by_kind = self.std if isinstance(self.std, Mapping) else {"std": self.std}
        others = {"log_sigma_std": self.log_sigma_std, "default": self.default}
        for name, value in {**by_kind, **others}.items():
            checked(f"prior {name}", value, SCALE)

    def scales(self, kinds: tuple[str, ...], infers_noise: bool) -> np.ndarray:
        """Standard deviation of every entry of theta, (P,)."""
        tail = [self.log_sigma_std] if infers_noise else []
        if not isinstance(self.std, Mapping):
            return np.array([self.std] * len(kinds) + tail, dtype=float)
        present = list(dict.fromkeys(kinds))
        for kind in self.std:
            if kind not in present:
                raise RequestError(
                    f"prior: this network has no '{kind}', it has {', '.join(present)}"
                    f"{nearest(kind, present)}"
                )
        return np.array([self.std.get(kind, self.default) for kind in kinds] + tail, dtype=float)

    def to_tree(self) -> dict[str, Any]:
        std = dict(self.std) if isinstance(self.std, Mapping) else float(self.std)
        tree = {"prior_std": std, "log_sigma_std": float(self.log_sigma_std)}
        usual = self.default == type(self).default
        return tree if usual else tree | {"prior_default": float(self.default)}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> GaussianPrior:
        default = float(tree.get("prior_default", cls.default))
        return cls(tree["prior_std"], tree["log_sigma_std"], default)


PRIORS: dict[str, Any] = {"gaussian": GaussianPrior}


def prior_to_tree(prior: Any) -> dict[str, Any]:
    """``to_tree`` of one in ``PRIORS``, with its kind unless it is the first.

    Raises RequestError for any other class.
    """
    kind, tree = kind_kept("prior", prior, PRIORS), dict(prior.to_tree())
    return tree if kind == "gaussian" else tree | {"prior": kind}


def prior_from_tree(tree: Mapping[str, Any]) -> Prior:
    """What :func:`prior_to_tree` described. Raises RequestError for an unknown kind."""
    kind = choose("prior", tree.get("prior", "gaussian"), PRIORS)
    prior: Prior = PRIORS[kind].from_tree(tree)
    return prior
