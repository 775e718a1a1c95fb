"""Likelihoods of any form: a log density of every point, given the network's outputs there.

The Gaussian ones of gaussian.py are sums of squares, which compiled kernels make and which leave
the output layer to be integrated out. These here are sums of whatever ``log_density`` says, made by
torch (pointwise_sums.py), and all parameters of the network are sampled, or all but the output
layer where they are Gaussian given latent numbers (augmentable.py).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from ...common.errors import RequestError

__all__ = ["Extra", "Pointwise", "WithoutExtras", "no_errors", "only"]


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


class WithoutExtras:
    """What likelihoods without parameters of their own have in common.

    ``to_tree`` is of those without settings.
    """

    extras: ClassVar[tuple[Extra, ...]] = ()
    scales_with_y: ClassVar[bool] = False

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        return np.empty(0)

    def to_tree(self) -> dict[str, Any]:
        return {}


def no_errors(kind: str, yerr: np.ndarray | None) -> None:
    """Raise RequestError where there are errors, which this kind has no use for."""
    if yerr is not None:
        raise RequestError(
            f'likelihood: found errors of y, and kind = "{kind}" has no use for them; give no yerr'
        )


def only(y: np.ndarray, right: np.ndarray, kind: str, expected: str) -> None:
    """Raise RequestError where not all targets are ``right`` (n,), which is ``expected``."""
    bad = np.flatnonzero(~right)
    if len(bad):
        raise RequestError(
            f"y is {y[bad[0]]:g} at index {bad[0]} ({len(bad)} of {len(y)} values), and "
            f'likelihood.kind = "{kind}" expects {expected}; repair those points, or choose '
            "another likelihood"
        )
