"""Likelihoods of any form: a log density of every point, given the network's outputs there.

The Gaussian ones of likelihood.py are sums of squares, which compiled kernels make and which leave
the output layer to be integrated out. These here are sums of whatever ``log_density`` says, made by
torch (pointwise_sums.py), and all parameters of the network are sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor

from ..common.errors import RequestError
from ..common.settings import checked
from .description import LOG_NU, LOG_SIGMA
from .rules import CLASSES, NOISE

__all__ = [
    "Bernoulli",
    "Categorical",
    "Extra",
    "GaussianTargets",
    "Heteroscedastic",
    "Pointwise",
    "Poisson",
    "StudentT",
]

MOST = 1e10  # a rate above which counts are drawn from the Gaussian that they then nearly are
NU = 4.0  # degrees of freedom that are the middle of their prior, where they are inferred


class Extra(NamedTuple):
    """A parameter that ends theta and is the likelihood's own, with the prior N(0, std²).

    ``std`` is None for a log σ, whose prior is that of the noise (``log_sigma_std``).
    """

    label: str
    std: float | None = None


@runtime_checkable
class Pointwise(Protocol):
    """A likelihood whose log is a sum over points.

    ``f`` are a network's outputs at n points, (B, n), or (B, n, outputs) where there are several;
    ``y`` the targets, (n,), or (n, k) where there are k; ``yerr`` their errors, (n,) or None;
    ``extra`` (B, E) the likelihood's own parameters, the last of theta. In training by mini-batches
    every network has points of its own: y and yerr have B in front then.
    """

    @property
    def loss_name(self) -> str:
        """What tables call −log L/n, which training minimises."""

    @property
    def outputs(self) -> int:
        """How many outputs the network has to have."""

    @property
    def components(self) -> int:
        """How many numbers :meth:`mean` says of a point: C."""

    @property
    def scales_with_y(self) -> bool:
        """Whether f is y's middle, in units of y, so that y may be measured in other units."""

    @property
    def extras(self) -> tuple[Extra, ...]:
        """Its own parameters, E of them, as they end theta."""

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        """Raise RequestError where the targets are none of this likelihood's."""

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        """Where training begins with its own parameters, (E,)."""

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        """log p(y | f) of every point, all constants kept: (B, n). Autograd goes through it."""

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """What y is on average: a value, a probability, a rate, (B, n), or (B, n, C)."""

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """New targets, (B, n)."""

    def words(self, n: int, weighted: bool) -> str:
        """Its name, with what it assumes of n points, ``weighted`` by their errors."""


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


class _Given:
    """A likelihood of one output, unless said otherwise, without parameters of its own."""

    outputs: ClassVar[int] = 1
    components: ClassVar[int] = 1
    extras: ClassVar[tuple[Extra, ...]] = ()
    scales_with_y: ClassVar[bool] = False

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        return np.empty(0)

    def to_tree(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Bernoulli(_Given):
    """y is 1 with the probability 1/(1 + e^(−f)), and 0 else: two classes, f their log odds."""

    loss_name: ClassVar[str] = "log loss"

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        _no_errors("bernoulli", yerr)
        _only(y, (y == 0) | (y == 1), "bernoulli", "the labels 0 and 1")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        return torch.nn.functional.logsigmoid((2 * y - 1) * f)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The probability of a 1."""
        return 0.5 * (1 + np.tanh(0.5 * f))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        return (rng.random(f.shape) < self.mean(f, extra)).astype(float)

    def words(self, n: int, weighted: bool) -> str:
        return "Bernoulli, f the log odds"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Bernoulli:
        return cls()


@dataclass(frozen=True)
class Poisson(_Given):
    """y is a count with the rate e^f."""

    loss_name: ClassVar[str] = "−log L/n"

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        _no_errors("poisson", yerr)
        _only(y, (y >= 0) & (y == np.round(y)), "poisson", "counts 0, 1, 2, …")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        return y * f - torch.exp(f) - torch.lgamma(y + 1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The rate."""
        return np.asarray(np.exp(f))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Above a rate of 1e10 by N(rate, rate), rounded: its distribution function is right to
        1/(6 √(2π rate)) < 1e-6 (Edgeworth's first term), while numpy's draws become too wide and
        end at 9e18. Infinite where the rate is."""
        with np.errstate(over="ignore"):
            rate = self.mean(f, extra)
        small = rate <= MOST
        new = rng.poisson(np.where(small, rate, 0.0)).astype(float)
        large = rate[~small]
        some = np.where(np.isfinite(large), large, 0.0)
        normal = np.round(some + np.sqrt(some) * rng.standard_normal(some.shape))
        new[~small] = np.where(np.isfinite(large), normal, large)
        return new

    def words(self, n: int, weighted: bool) -> str:
        return "Poisson, f the log rate"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Poisson:
        return cls()


@dataclass(frozen=True)
class Heteroscedastic(_Given):
    """y ~ N(f₁, σ²) with log σ = f₂: noise that depends on x; the network has two outputs.

    Where the data bring errors, σ multiplies them.
    """

    outputs: ClassVar[int] = 2
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = True

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        """Any number will do."""

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        mean, log_sigma = f.unbind(-1)
        log_sigma = log_sigma if yerr is None else log_sigma + yerr.log()
        z = (y - mean) * torch.exp(-log_sigma)
        return -0.5 * (z.square() + math.log(2 * math.pi)) - log_sigma

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """f₁"""
        return f[..., 0]

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        sigma = np.exp(f[..., 1])
        scale = sigma if yerr is None else sigma * yerr
        return np.asarray(f[..., 0] + scale * rng.standard_normal(scale.shape))

    def words(self, n: int, weighted: bool) -> str:
        return "Gaussian, log σ the second output"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Heteroscedastic:
        return cls()


@dataclass(frozen=True)
class Categorical:
    """y is one of K classes 0 … K − 1, by softmax: P(k) = e^(f_k)/Σ_j e^(f_j), f the K outputs.

    A number that is added to all outputs changes nothing; only the prior holds it.
    """

    classes: int
    extras: ClassVar[tuple[Extra, ...]] = ()
    loss_name: ClassVar[str] = "log loss"
    scales_with_y: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked("likelihood classes", self.classes, CLASSES)

    @property
    def outputs(self) -> int:
        return self.classes

    @property
    def components(self) -> int:
        return self.classes

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        return np.empty(0)

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        _no_errors("categorical", yerr)
        right = (y >= 0) & (y < self.classes) & (y == np.round(y))
        _only(y, right, "categorical", f"the classes 0 … {self.classes - 1}")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        log_share = torch.log_softmax(f, -1)
        index = y.long().expand(f.shape[:-1]).unsqueeze(-1)
        return log_share.gather(-1, index).squeeze(-1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The probabilities of all classes, (B, n, K)."""
        return np.asarray(softmax(f, axis=-1))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        gumbel = rng.gumbel(size=f.shape)
        return np.argmax(f + gumbel, axis=-1).astype(float)

    def words(self, n: int, weighted: bool) -> str:
        return f"{self.classes} classes by softmax"

    def to_tree(self) -> dict[str, Any]:
        return {"classes": self.classes}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Categorical:
        return cls(int(tree["classes"]))


@dataclass(frozen=True)
class GaussianTargets:
    """Several targets, each with Gaussian noise of its own: y_k ~ N(f_k, σ_k²), y (n, k).

    The log σ of each is inferred, and ends theta.
    """

    targets: int
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked("likelihood targets", self.targets, CLASSES)

    @property
    def outputs(self) -> int:
        return self.targets

    @property
    def components(self) -> int:
        return self.targets

    @property
    def extras(self) -> tuple[Extra, ...]:
        return tuple(Extra(rf"$\log\,\sigma_{{{k}}}$") for k in range(1, self.targets + 1))

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        size = y.std(axis=0)
        return np.log(np.where(size > 0, size, 1.0))

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        _no_errors("gaussians", yerr)
        if y.ndim != 2 or y.shape[1] != self.targets:
            raise RequestError(
                f"likelihood: found y of shape {y.shape}, expected (n, {self.targets}), a column "
                "for each target; give nnpost.Dataset(x, y, y_names=(…))"
            )

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        log_sigma = extra.unsqueeze(1)
        z = (y - f) * torch.exp(-log_sigma)
        return (-0.5 * (z.square() + math.log(2 * math.pi)) - log_sigma).sum(-1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """f, (B, n, k)."""
        return f

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(B, n, k)"""
        return np.asarray(f + np.exp(extra)[:, None] * rng.standard_normal(f.shape))

    def words(self, n: int, weighted: bool) -> str:
        return f"{self.targets} targets, each Gaussian, σ inferred"

    def to_tree(self) -> dict[str, Any]:
        return {"targets": self.targets}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> GaussianTargets:
        return cls(int(tree["targets"]))


def _no_errors(kind: str, yerr: np.ndarray | None) -> None:
    if yerr is not None:
        raise RequestError(
            f'likelihood: found errors of y, and kind = "{kind}" has no use for them; give no yerr'
        )


def _only(y: np.ndarray, right: np.ndarray, kind: str, expected: str) -> None:
    bad = np.flatnonzero(~right)
    if len(bad):
        raise RequestError(
            f"y is {y[bad[0]]:g} at index {bad[0]} ({len(bad)} of {len(y)} values), and "
            f'likelihood.kind = "{kind}" expects {expected}; repair those points, or choose '
            "another likelihood"
        )
