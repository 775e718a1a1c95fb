"""The posterior of a network: a Gaussian likelihood times a Gaussian prior, in logs.

``Posterior.log_prob`` is a plain function of flat vectors, vectorised over any leading shape. All
likelihoods here are Gaussian in the residuals, log L = −τ/2 · SSE + constant(τ), and differ in
the precision τ and in the constants that they keep; that is what lets ``output_layer`` integrate
the output layer out exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..common.errors import RequestError
from ..common.tensors import BLOCK, as_tensor, check_device, finite_or_never
from ..data.dataset import Dataset
from ..network.mlp import MLP
from .density import Drawn
from .description import LOG_SIGMA
from .likelihood import (
    LOG_2PI,
    MSE,
    Likelihood,
    check_inferred_noise,
    likelihood_from_tree,
    likelihood_to_tree,
)
from .points import Points
from .prior import GaussianPrior, Normals, Prior, prior_from_tree, prior_to_tree

__all__ = ["Posterior"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Log density of a network's parameters given data, (..., P) -> (...,).

    numpy in, numpy out; a torch tensor in, a tensor on the same device out. Everything is float64.
    Whatever is not finite has log probability −inf, never NaN and never +inf.

    ``device`` is "cpu" or a CUDA device. The walkers are worked through in blocks, so that memory
    stays within a few times ``block`` numbers (or of the data's own size, if that is larger).

    ``likelihood`` and ``prior`` may be of classes of one's own (likelihood.py, prior.py).
    """

    net: MLP
    data: Dataset
    likelihood: Likelihood = MSE()
    prior: Prior = GaussianPrior()
    device: str = "cpu"
    block: int = BLOCK
    labels: list[str] = field(init=False, repr=False)
    scales: np.ndarray = field(init=False, repr=False)
    points: Points = field(init=False, repr=False)
    prior_density: Normals = field(init=False, repr=False)
    _log_yerr: float = field(init=False, repr=False)
    _widest: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_kinds()
        if self.net.inputs != self.data.inputs:
            raise RequestError(
                f"the network takes {self.net.inputs} inputs, the data '{self.data.name}' have "
                f"{self.data.inputs} in each row of x with shape {self.data.x.shape}"
            )
        check_device(self.device)
        check_inferred_noise(self.likelihood, self.data.n)
        noise = self.likelihood.infers_noise
        keep = object.__setattr__
        keep(self, "labels", [*self.net.labels, *([LOG_SIGMA] if noise else [])])
        keep(self, "scales", self._prior_scales())
        keep(self, "_widest", max(self.net.sizes) + 1)
        errors = self.data.yerr
        weights = None if errors is None else self._move(1 / errors)
        keep(self, "points", Points(self._move(self.data.x), self._move(self.data.y), weights))
        keep(self, "_log_yerr", 0.0 if errors is None else float(np.log(errors).sum()))
        size = -float(np.log(self.scales).sum() + self.ndim / 2 * LOG_2PI)
        keep(self, "prior_density", Normals(self._move(-0.5 / self.scales**2), size))

    def _check_kinds(self) -> None:
        fits = {
            "net": (isinstance(self.net, MLP), "nnpost.MLP(...)"),
            "data": (isinstance(self.data, Dataset), "nnpost.Dataset(x, y)"),
            "likelihood": (
                _has(self.likelihood, "infers_noise", "precision", "constant", "words"),
                "nnpost.MSE() or nnpost.Gaussian(sigma)",
            ),
            "prior": (_has(self.prior, "scales"), "nnpost.GaussianPrior(std)"),
        }
        for name, (right, expected) in fits.items():
            if not right:
                found = " ".join(repr(getattr(self, name)).split())[:80]
                raise RequestError(f"posterior {name}: found {found}, expected {expected}")

    def _prior_scales(self) -> np.ndarray:
        given = self.prior.scales(self.net.kinds, self.likelihood.infers_noise)
        scales = np.asarray(given, dtype=float)
        if scales.shape != (self.ndim,) or not (scales > 0).all():
            raise RequestError(
                f"posterior prior: found scales of shape {scales.shape}, the least "
                f"{scales.min():.3g}, expected {self.ndim} positive numbers"
            )
        return scales

    def to_tree(self) -> dict[str, Any]:
        """The network, likelihood and prior as a plain dict; the data are not in it.

        Raises RequestError where the likelihood or the prior is of a class that this cannot keep.
        """
        network = {
            "inputs": self.net.inputs,
            "hidden": np.array(self.net.hidden, dtype=int),
            "activation": self.net.activation,
        }
        return network | likelihood_to_tree(self.likelihood) | prior_to_tree(self.prior)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any], data: Dataset, device: str = "cpu") -> Posterior:
        """What :meth:`to_tree` described, on its data."""
        net = MLP(tree["inputs"], tuple(int(u) for u in tree["hidden"]), tree["activation"])
        return cls(net, data, likelihood_from_tree(tree), prior_from_tree(tree), device)

    @property
    def ndim(self) -> int:
        """P, with log σ if it is inferred."""
        return self.net.ndim + int(self.likelihood.infers_noise)

    def log_prob(self, theta: Any) -> Any:
        """Log likelihood plus log prior, (..., P) -> (...,)."""
        return self._mapped(self._log_prob, theta)

    def log_likelihood(self, theta: Any) -> Any:
        """Log likelihood, (..., P) -> (...,)."""
        return self._mapped(lambda t: finite_or_never(self._log_likelihood(t)), theta)

    def log_prior(self, theta: Any) -> Any:
        """Log prior, (..., P) -> (...,)."""
        return self._mapped(self.prior_density.log_prob, theta)

    def mse(self, theta: Any) -> Any:
        """Mean of r² (of (r/yerr)² where the data bring errors), (..., P) -> (...,)."""
        return self._mapped(lambda t: self._sse(t) / self.data.n, theta)

    def predict(self, theta: Any, x: Any = None) -> Any:
        """Outputs f(x), (..., P) -> (..., n).

        ``x`` is (n, d), or (n,) for one input; by default that of the data.
        """
        places = self._places(x)
        return self._mapped(lambda t: self.net.forward(t, places), theta, len(places))

    def log_prob_and_grad(self, theta: Any) -> tuple[Any, Any]:
        """Log probability and its gradient, (..., P) -> (...,) and (..., P).

        The gradient is zero where the log probability is −inf.
        """
        flat, restore = self._enter(theta)
        value, grad = torch.empty_like(flat[:, 0]), torch.empty_like(flat)
        for rows in self.blocks(len(flat)):
            value[rows], grad[rows] = self._value_and_grad(flat[rows])
        return restore(value), restore(grad)

    # -- as a Density: all parameters move, and nothing is left to draw ----------------------------

    def split(self, theta: np.ndarray) -> np.ndarray:
        """A copy, (B, P) -> (B, P)."""
        return theta.copy()

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """The vectors themselves, (B, P); ``density`` (B,) is taken where it is known."""
        known = self.log_prob(x) if density is None else density
        return Drawn(x, known, known)

    # -- the pieces, on flat float64 tensors (B, P) on the device; autograd goes through them ------

    def residuals(self, theta: Tensor) -> Tensor:
        """(y − f(x))/yerr, or y − f(x) without errors: (B, P) -> (B, n)."""
        x, y, _ = self.points
        return self.points.weighted(y - self.net.forward(theta, x))

    def log_sigma(self, theta: Tensor) -> Tensor | None:
        """log σ (B,) of theta or h, whose last entry it is; None where the noise is given."""
        return theta[:, -1] if self.likelihood.infers_noise else None

    def precision(self, log_sigma: Tensor | None = None) -> Tensor:
        """τ, the factor of −½ SSE in the log likelihood: (B,), or (1,) where the noise is given."""
        tau = self.likelihood.precision(self.data.n, log_sigma)
        return torch.as_tensor(tau, dtype=torch.float64, device=self.device).reshape(-1)

    def log_constant(self, log_sigma: Tensor | None = None) -> float | Tensor:
        """What the log likelihood adds to −τ/2 · SSE: (B,), or a number."""
        tau = self.likelihood.precision(self.data.n, log_sigma)
        return self.likelihood.constant(self.data.n, tau, self._log_yerr)

    def log_likelihood_from(self, sse: Tensor, log_sigma: Tensor | None = None) -> Tensor:
        """Log likelihood of Σ r² (B,), r the :meth:`residuals`, not yet held to be finite."""
        return sse * (-0.5 * self.precision(log_sigma)) + self.log_constant(log_sigma)

    def _log_prob(self, theta: Tensor) -> Tensor:
        return finite_or_never(self._log_likelihood(theta) + self.prior_density.log_prob(theta))

    def _log_likelihood(self, theta: Tensor) -> Tensor:
        return self.log_likelihood_from(self._sse(theta), self.log_sigma(theta))

    def _sse(self, theta: Tensor) -> Tensor:
        r = self.residuals(theta)
        return torch.linalg.vecdot(r, r)

    def _value_and_grad(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        leaf = theta.detach().requires_grad_()
        with torch.enable_grad():
            sse = self._sse(leaf)
            (slope,) = torch.autograd.grad(sse.sum(), leaf)
        sse, log_sigma = sse.detach(), self.log_sigma(theta)
        tau = self.precision(log_sigma)
        grad = -0.5 * tau.unsqueeze(1) * slope
        if log_sigma is not None:
            grad[:, -1] = tau * sse - self.data.n
        grad += self.prior_density.grad(theta)
        log_likelihood = self.log_likelihood_from(sse, log_sigma)
        value = finite_or_never(log_likelihood + self.prior_density.log_prob(theta))
        return value, torch.where(torch.isfinite(value).unsqueeze(1), grad, 0.0)

    # -- the border between numpy and torch ----------------------------------------------------

    def blocks(self, rows: int, points: int | None = None) -> Iterator[slice]:
        """Slices of ``rows`` walkers that keep every temporary within about ``block`` numbers."""
        size = max(1, self.block // ((points or self.data.n) * self._widest))
        return (slice(i, min(i + size, rows)) for i in range(0, rows, size))

    def _mapped(self, function: Any, theta: Any, points: int | None = None) -> Any:
        flat, restore = self._enter(theta)
        blocks = list(self.blocks(len(flat), points))
        with torch.no_grad():
            if len(blocks) <= 1:
                return restore(function(flat))
            return restore(torch.cat([function(flat[rows]) for rows in blocks]))

    def _enter(self, theta: Any) -> tuple[Tensor, Any]:
        """theta as a (B, P) tensor on the device, and the way back to its kind and shape."""
        given = theta if isinstance(theta, Tensor) else np.asarray(theta)
        if given.ndim == 0 or given.shape[-1] != self.ndim:
            raise RequestError(
                f"theta has shape {tuple(given.shape)}, expected (..., {self.ndim}): "
                f"{self.ndim} parameters of {self.net}"
                + (" and log sigma" if self.likelihood.infers_noise else "")
            )
        shape = tuple(given.shape[:-1])
        flat = as_tensor(given, self.device)
        flat = flat if len(shape) == 1 else flat.reshape(-1, self.ndim)

        def restore(out: Tensor) -> Any:
            out = out if len(shape) == 1 else out.reshape((*shape, *out.shape[1:]))
            if isinstance(theta, Tensor):
                return out.to(theta.device)
            return out.numpy(force=True) if shape or out.ndim else float(out)

        return flat, restore

    def _places(self, x: Any) -> Tensor:
        if x is None:
            return self.points.x
        points = as_tensor(x, self.device)
        points = points.unsqueeze(1) if points.ndim == 1 and self.net.inputs == 1 else points
        if points.ndim != 2 or points.shape[1] != self.net.inputs:
            raise RequestError(
                f"x has shape {tuple(np.shape(x))}, expected (n, {self.net.inputs}): a row a point"
            )
        return points

    def _move(self, values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self.device)


def _has(part: object, *names: str) -> bool:
    """Whether ``part`` is an object, and not a class, with these members."""
    return not isinstance(part, type) and all(hasattr(part, name) for name in names)
