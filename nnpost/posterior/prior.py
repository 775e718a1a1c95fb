"""Priors: independent Gaussians around zero, or weights with heavier tails or scales of their own.

Gaussians are what lets the output layer be integrated out, and a prior of one's own is any object
with the one method of :class:`Prior`. One that has ``density`` too is of any other form, and all
parameters are sampled. Run files keep those in ``PRIORS``, by ``to_tree`` and ``from_tree``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..common.errors import RequestError, choose, nearest
from ..common.rules import checked
from .kept import kind_kept
from .prior_density import Laplaces, Normals, PriorDensity, StudentGroups, Together
from .rules import SCALE, SHARED

__all__ = [
    "PRIORS",
    "GaussianPrior",
    "LaplacePrior",
    "Prior",
    "ShapedPrior",
    "StudentTPrior",
    "prior_from_tree",
    "prior_to_tree",
]


class Prior(Protocol):
    """Independent Gaussians around zero."""

    def scales(self, kinds: tuple[str, ...], infers_noise: bool) -> np.ndarray:
        """Standard deviations of parameters of these ``kinds`` (P,), and last that of log σ where
        the noise is inferred."""


@runtime_checkable
class ShapedPrior(Prior, Protocol):
    """Any density around zero. What :meth:`scales` gives are sizes, by which it is searched."""

    def density(self, kinds: tuple[str, ...], scales: np.ndarray, inputs: int) -> PriorDensity:
        """That of all parameters, of which the first are of these ``kinds`` (P,) and the others
        (log σ, …) Gaussian, with their ``scales`` (≥P,), for a network of so many ``inputs``."""


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


@dataclass(frozen=True)
class StudentTPrior(GaussianPrior):
    """Weights with Student's t for their prior, and Gaussian biases and log σ.

    A weight is N(0, λ·std²) with 1/λ ~ Gamma(ν/2, ν/2), ν = ``nu``. With ``shared="none"`` every
    weight has a λ of its own, which makes its prior a t distribution of scale ``std``. With "kind"
    all weights of a kind have one in common: scales that are inferred. With "input" all weights of
    the first layer that leave one input have, and all others are Gaussian, so that the output layer
    of a network with hidden layers can still be integrated out. The scales are integrated out, in
    log Z, too, and :meth:`~nnpost.posterior.posterior.Posterior.draw_scales` draws them.
    """

    nu: float = 4.0
    shared: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked("prior nu", self.nu, SCALE)
        checked("prior shared", self.shared, SHARED)

    def density(self, kinds: tuple[str, ...], scales: np.ndarray, inputs: int) -> PriorDensity:
        places, names = self._shared(kinds), self.groups(kinds, inputs)
        order = list(dict.fromkeys(names))
        groups = np.array([order.index(name) for name in names], dtype=int)
        return _with_normals(places, StudentGroups(scales[places], groups, self.nu), scales)

    def groups(self, kinds: tuple[str, ...], inputs: int) -> list[str]:
        """What the λ of each weight that has one is called, those of one group alike."""
        names, seen = [], dict.fromkeys(kinds, 0)
        for place in self._shared(kinds):
            kind, k = kinds[place], seen[kinds[place]]
            seen[kind] += 1
            number = {"none": f" {k + 1}", "kind": "", "input": f" {k % inputs + 1}"}
            names.append(f"{kind}{number[self.shared]}")
        return names

    def _shared(self, kinds: tuple[str, ...]) -> np.ndarray:
        """The places of the weights that have a λ."""
        if self.shared != "input":
            return weights_among(kinds)
        first = "input_weights" if "input_weights" in kinds else "output_weights"
        if first not in kinds:
            raise RequestError(
                'prior shared: found "input", and nothing is known of what the weights of this '
                'network are fed; use "kind", for a scale for each of its tensors'
            )
        return np.flatnonzero([kind == first for kind in kinds])

    def to_tree(self) -> dict[str, Any]:
        return super().to_tree() | {"nu_of_prior": float(self.nu), "shared": self.shared}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> StudentTPrior:
        plain = GaussianPrior.from_tree(tree)
        nu, shared = float(tree["nu_of_prior"]), str(tree["shared"])
        return cls(plain.std, plain.log_sigma_std, plain.default, nu, shared)


@dataclass(frozen=True)
class LaplacePrior(GaussianPrior):
    """Weights with Laplace's double exponential of standard deviation ``std`` for their prior, and
    Gaussian biases and log σ."""

    def density(self, kinds: tuple[str, ...], scales: np.ndarray, inputs: int) -> PriorDensity:
        places = weights_among(kinds)
        return _with_normals(places, Laplaces(scales[places]), scales)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> LaplacePrior:
        plain = GaussianPrior.from_tree(tree)
        return cls(plain.std, plain.log_sigma_std, plain.default)


def weights_among(kinds: tuple[str, ...]) -> np.ndarray:
    """Places of all that are no biases."""
    return np.flatnonzero(["bias" not in kind for kind in kinds])


def _with_normals(places: np.ndarray, density: PriorDensity, scales: np.ndarray) -> PriorDensity:
    """A density at some places, and Gaussians at all others."""
    others = np.delete(np.arange(len(scales)), places)
    return Together([(places, density), (others, Normals.of(scales[others]))])


PRIORS: dict[str, Any] = {
    "gaussian": GaussianPrior,
    "student": StudentTPrior,
    "laplace": LaplacePrior,
}


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
