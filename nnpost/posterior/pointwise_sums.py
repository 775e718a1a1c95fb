"""Sums over the data of a likelihood of any form, by torch and its autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import BLOCK, as_tensor
from ..network.mlp import MLP
from .likelihoods.pointwise import Pointwise

__all__ = ["PointwiseData", "PointwiseSums"]


class PointwiseData(NamedTuple):
    """Inputs, targets and their errors, if any."""

    x: Tensor  # (n, d)
    y: Tensor  # (n,)
    yerr: Tensor | None  # (n,)

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        yerr: np.ndarray | None,
        device: torch.device | str,
        dtype: torch.dtype = torch.float64,
    ) -> PointwiseData:
        """Copies of arrays."""
        given = (x, y) if yerr is None else (x, y, yerr)
        parts = [torch.tensor(part, dtype=dtype, device=device) for part in given]
        return cls(parts[0], parts[1], None if yerr is None else parts[2])

    def at(self, index: Tensor) -> PointwiseData:
        """Those of the points ``index``, in its shape."""
        yerr = None if self.yerr is None else self.yerr[index]
        return PointwiseData(self.x[index], self.y[index], yerr)


class PointwiseSums:
    """log L of networks and its gradient; theta is (B, P), the likelihood's own parameters last.

    The rows are worked through in blocks, as in torch_engine.py.
    """

    def __init__(
        self, net: MLP, likelihood: Pointwise, data: PointwiseData, block: int = BLOCK
    ) -> None:
        self.net, self.likelihood, self.data, self.block = net, likelihood, data, block

    @property
    def loss_name(self) -> str:
        """What tables call what training minimises."""
        return self.likelihood.loss_name

    @property
    def components(self) -> int:
        """How many numbers :meth:`mean` says of a point."""
        return self.likelihood.components

    def some(self, index: Tensor) -> PointwiseSums:
        """The same for the points ``index`` (S,) alone."""
        return PointwiseSums(self.net, self.likelihood, self.data.at(index), self.block)

    def on(self, x: np.ndarray, y: np.ndarray, yerr: np.ndarray | None) -> PointwiseSums:
        """The same for other points, refused where they are none of this likelihood's."""
        self.likelihood.check(y, yerr)
        points = PointwiseData.of(x, y, yerr, self.data.x.device)
        return PointwiseSums(self.net, self.likelihood, points, self.block)

    def log_density(self, theta: Tensor) -> Tensor:
        """log p(y_i | θ) of every point, (B, P) -> (B, n); autograd goes through it."""
        (x, y, yerr), own = self.data, theta[:, self.net.ndim :]
        return self.likelihood.log_density(self.net.forward(theta, x), y, yerr, own)

    def of_batches(self, theta: Tensor, index: Tensor | None) -> Tensor:
        """:meth:`log_density` of other points for every vector, ``index`` (B, S): (B, S)."""
        if index is None:
            return self.log_density(theta)
        (x, y, yerr), own = self.data.at(index), theta[:, self.net.ndim :]
        return self.likelihood.log_density(
            torch.func.vmap(self.net.forward)(theta, x), y, yerr, own
        )

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Its sum over the points, (B, P) -> (B,)."""
        return self._mapped(lambda t: (self.log_density(t).sum(1),), theta)[0]

    def pointwise(self, theta: np.ndarray) -> np.ndarray:
        """:meth:`log_density` of arrays, (B, P) -> (B, n)."""
        return self._mapped(lambda t: (self.log_density(t),), theta)[0]

    def log_likelihood_of(self, theta: Tensor) -> Tensor:
        """:meth:`log_likelihood` of tensors; autograd goes through it twice."""
        return self.log_density(theta).sum(1)

    def densities(
        self, x: np.ndarray, y: np.ndarray, yerr: np.ndarray | None
    ) -> Callable[[np.ndarray], np.ndarray]:
        """log p(y_i | θ) of these points as a function of theta, (B, P) -> (B, n)."""
        return self.on(x, y, yerr).pointwise

    def mean(self, f: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """What y is on average where the outputs are f, (B, n) or (B, n, C)."""
        with np.errstate(over="ignore"):
            return self.likelihood.mean(f, theta[:, self.net.ndim :])

    def draw(
        self, f: np.ndarray, theta: np.ndarray, yerr: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """New targets where the outputs are f."""
        return self.likelihood.draw(f, yerr, theta[:, self.net.ndim :], rng)

    def value_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sum and its gradient, (B, P) -> (B,), (B, P)."""
        value, grad = self._mapped(self._value_and_grad, theta)
        return value, grad

    def each_gradient(self, theta: Tensor) -> Tensor:
        """The gradient of log p(y_i | θ) of every point, for one vector: (1, P) -> (n, P)."""
        leaf = theta.detach().expand(len(self.data.x), -1).clone().requires_grad_()
        index = torch.arange(len(self.data.x), device=theta.device).unsqueeze(1)
        with torch.enable_grad():
            (grad,) = torch.autograd.grad(self.of_batches(leaf, index).sum(), leaf)
        return grad

    def _value_and_grad(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        leaf = theta.detach().requires_grad_()
        with torch.enable_grad():
            value = self.log_density(leaf).sum(1)
            (grad,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach(), grad

    def _mapped(
        self, function: Callable[[Tensor], tuple[Tensor, ...]], theta: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        flat = as_tensor(theta, str(self.data.x.device)).to(self.data.x.dtype)
        with torch.no_grad():
            parts = [function(flat[rows]) for rows in self._blocks(len(flat))]
        return tuple(
            torch.cat(part).to(torch.float64).numpy(force=True) for part in zip(*parts, strict=True)
        )

    def _blocks(self, rows: int) -> Iterator[slice]:
        size = max(1, self.block // (len(self.data.x) * (max(self.net.sizes) + 1)))
        return (slice(i, min(i + size, rows)) for i in range(0, max(rows, 1), size))
