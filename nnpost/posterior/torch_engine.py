"""Sums over the data by torch: the oracle of the kernels, and what runs on a GPU.

The formulas are those of ``kernels``, each written as it stands in the books; their gradients are
autograd's, or go by autograd through the features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..common.tensors import BLOCK, as_tensor
from ..network.jacobian import hidden_jacobian
from ..network.mlp import ACTIVATIONS, MLP
from ..network.neurons import neuron_blocks
from .kernels.results import Curvature, EvidenceGrad, OutputGaussian
from .points import WeightedPoints

__all__ = ["TorchEngine"]


class TorchEngine:
    """An :class:`~.engine.Engine`.

    The rows are worked through in blocks, so that every temporary stays within about ``block``
    numbers (or the data's own size, if that is larger).
    """

    def __init__(
        self, net: MLP, points: WeightedPoints, device: str = "cpu", block: int = BLOCK
    ) -> None:
        self.net, self.points, self.device, self.block = net, points, device, block
        self._widest = max(net.sizes) + 1

    def sse(self, theta: np.ndarray) -> np.ndarray:
        return self._mapped(lambda t: (self._sse(t),), theta)[0]

    def sse_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, grad = self._mapped(self._sse_and_grad, theta[:, : self.net.ndim])
        return value, grad

    def outputs(self, theta: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        places = self.points.x if x is None else as_tensor(x, self.device)
        return self._mapped(lambda t: (self.net.forward(t, places),), theta, points=len(places))[0]

    def collapsed(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        normals: np.ndarray | None = None,
    ) -> OutputGaussian:
        d = as_tensor(precisions, self.device)
        z = np.zeros((len(h), self.net.n_output)) if normals is None else normals

        def of(h: Tensor, tau: Tensor, z: Tensor) -> tuple[Tensor, ...]:
            return self._collapsed(self._features(h), tau, d, z)

        return OutputGaussian(*self._mapped(of, h, _column(tau, h), z))

    def collapsed_and_grad(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> EvidenceGrad:
        d = as_tensor(precisions, self.device)

        def of(h: Tensor, tau: Tensor) -> tuple[Tensor, ...]:
            features, back = self._differentiable(h)
            zero = features.new_zeros(len(h), len(d))
            evidence, mean, cholesky, sse, _, _ = self._collapsed(features, tau, d, zero)
            inverse = torch.cholesky_inverse(cholesky)
            grad = back(self._slope(features, tau, mean, inverse))
            freedom = len(d) - (inverse.diagonal(dim1=1, dim2=2) * d).sum(1)
            return evidence, grad, sse, freedom

        return EvidenceGrad(*self._mapped(of, h, _column(tau, h)))

    def expected_grad(
        self, h: np.ndarray, tau: float | np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        def of(h: Tensor, tau: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, ...]:
            features, back = self._differentiable(h)
            r = self._residuals(features, mean.unsqueeze(1)).squeeze(1)
            sse = torch.linalg.vecdot(r, r) + self.points.lost
            return back(self._slope(features, tau, mean, covariance)), sse

        grad, sse = self._mapped(of, h, _column(tau, h), mean, covariance)
        return grad, sse

    def flip_terms(
        self, base: np.ndarray, layer: OutputGaussian, flips: np.ndarray, variance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        def of(base: Tensor, mean: Tensor, cholesky: Tensor) -> tuple[Tensor, ...]:
            _, along, width = _projected(mean, cholesky, u, variance)
            terms = base.unsqueeze(1) - 0.5 * (along.square() / width + width.log())
            terms = torch.where(torch.isfinite(terms), terms, -torch.inf)
            return torch.logsumexp(terms, 1), terms

        u = as_tensor(flips, self.device)
        log_sum, terms = self._mapped(of, base, layer.mean, layer.cholesky, points=flips.size)
        return log_sum, terms

    def flip_moments(
        self,
        terms: np.ndarray,
        log_sum: np.ndarray,
        layer: OutputGaussian,
        flips: np.ndarray,
        variance: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        def of(
            terms: Tensor, log_sum: Tensor, mean: Tensor, cholesky: Tensor
        ) -> tuple[Tensor, ...]:
            half, along, width = _projected(mean, cholesky, u, variance)
            vu = torch.linalg.solve_triangular(cholesky.mT, half, upper=True)
            share = torch.exp(terms - log_sum.unsqueeze(1))
            means = mean.unsqueeze(2) - vu * (along / width).unsqueeze(1)
            mean = (means * share.unsqueeze(1)).sum(2)
            apart = (means - mean.unsqueeze(2)) * share.sqrt().unsqueeze(1)
            narrow = vu * (share / width).sqrt().unsqueeze(1)
            inverse = torch.cholesky_inverse(cholesky)
            return mean, inverse - narrow @ narrow.mT + apart @ apart.mT

        u, rows = as_tensor(flips, self.device), (terms, log_sum, layer.mean, layer.cholesky)
        mean, covariance = self._mapped(of, *rows, points=flips.size)
        return mean, covariance

    def curvature(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> Curvature:
        d = torch.diag(as_tensor(precisions, self.device))
        blocks = torch.as_tensor(neuron_blocks(self.net), device=self.device)
        inputs = self._unit_inputs()

        def of(h: Tensor, tau: Tensor) -> tuple[Tensor, ...]:
            values, slopes = self._units(h[:, blocks] @ inputs)
            derivatives = (slopes.unsqueeze(2) * inputs).flatten(1, 2)
            return self._curvature(derivatives, values, tau, d, blocks)

        return Curvature(*self._mapped(of, h, _column(tau, h)))

    def replacement(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        which: np.ndarray,
        fresh: np.ndarray,
        group: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        candidates, many = as_tensor(fresh, self.device), len(self.points.x) * fresh.shape[1]
        inputs, d = self._unit_inputs(), as_tensor(precisions, self.device)

        def of(h: Tensor, tau: Tensor, which: Tensor, group: Tensor) -> tuple[Tensor, ...]:
            phi, _ = self._units(candidates[group.long()] @ inputs)
            return self._replacement(self._features(h), phi, tau, d, which.long())

        rows = h, _column(tau, h), which, group
        now, new = self._mapped(of, *rows, points=many)
        return now, new

    def hidden_jacobian(self, theta: np.ndarray) -> np.ndarray:
        return self._mapped(lambda t: (hidden_jacobian(self.net, t, self.points.x),), theta)[0]

    def make_ready(self, say: Callable[[str], None]) -> None:
        pass  # nothing is compiled

    # -- on tensors -------------------------------------------------------------------------------

    def _sse(self, theta: Tensor) -> Tensor:
        r = self.points.y - self.points.weighted(self.net.forward(theta, self.points.x))
        return torch.linalg.vecdot(r, r) + self.points.lost

    def _sse_and_grad(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        leaf = theta.detach().requires_grad_()
        with torch.enable_grad():
            sse = self._sse(leaf)
            (grad,) = torch.autograd.grad(sse.sum(), leaf)
        return sse.detach(), grad

    def _features(self, h: Tensor) -> Tensor:
        """F, weighted as the points are: (B, ≥H) -> (B, K, n)."""
        return self.points.weighted(self.net.features(h, self.points.x))

    def _differentiable(self, h: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """F, and what takes ∂/∂F (B, K, n) to ∂/∂h (B, H)."""
        leaf = h[:, : self.net.n_hidden].detach().requires_grad_()
        with torch.enable_grad():
            features = self._features(leaf)

        def back(slope: Tensor) -> Tensor:
            if not self.net.hidden:  # the features are the inputs, whatever h is
                return torch.zeros_like(leaf)
            (grad,) = torch.autograd.grad(features, leaf, slope)
            return grad

        return features.detach(), back

    def _residuals(self, features: Tensor, layers: Tensor) -> Tensor:
        """y − Fᵀo for layers (B, L, K): (B, L, n)."""
        return torch.baddbmm(self.points.y, layers, features, alpha=-1)

    def _slope(self, features: Tensor, tau: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
        """∂/∂F of −τ/2 E[Σ r²]: τ (m rᵀ − C F)."""
        r = self._residuals(features, mean.unsqueeze(1))
        return tau.reshape(-1, 1, 1) * (mean.unsqueeze(2) * r - covariance @ features)

    def _collapsed(self, features: Tensor, tau: Tensor, d: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        """The fields of OutputGaussian."""
        scale = tau.reshape(-1, 1, 1)
        a = scale * (features @ features.mT) + torch.diag(d)
        cholesky, failed = torch.linalg.cholesky_ex(a)
        cholesky = torch.where((failed > 0).reshape(-1, 1, 1), torch.nan, cholesky)
        moment = scale * (features @ self.points.y).unsqueeze(-1)
        mean = torch.cholesky_solve(moment, cholesky).squeeze(-1)
        shift = torch.linalg.solve_triangular(cholesky.mT, z.unsqueeze(-1), upper=True)
        drawn = mean + shift.squeeze(-1)
        r = self._residuals(features, torch.stack([mean, drawn], 1))
        sse = torch.linalg.vecdot(r, r) + self.points.lost
        misfit = tau * sse[:, 0] + (d * mean**2).sum(-1)
        volume = cholesky.diagonal(dim1=1, dim2=2).log().sum(-1)
        evidence = -0.5 * misfit - volume + 0.5 * d[d > 0].log().sum()
        return evidence, mean, cholesky, sse[:, 0], drawn, sse[:, 1]

    def _unit_inputs(self) -> Tensor:
        """What the weights and the bias, if any, of a unit are multiplied with: (k, m)."""
        x = self.points.x
        return torch.nn.functional.pad(x, (0, int(self.net.bias)), value=1.0).T

    def _units(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes of units with arguments z (..., m), weighted as the points are."""
        leaf = z.detach().requires_grad_()
        with torch.enable_grad():
            values = ACTIVATIONS[self.net.activation].function(leaf)
            (slopes,) = torch.autograd.grad(values.sum(), leaf)
        return self.points.weighted(values.detach()), self.points.weighted(slopes)

    def _curvature(
        self, derivatives: Tensor, values: Tensor, tau: Tensor, d: Tensor, blocks: Tensor
    ) -> tuple[Tensor, ...]:
        """The fields of Curvature, from the derivatives (B, U (d + 1), m) of all units' values."""
        (units, k), batch = blocks.shape, len(values)
        beside = self.points.weighted(self.net.beside(self.points.x)).expand(batch, -1, -1)
        f, y, t = torch.cat([values, beside], 1), self.points.y, tau.reshape(-1, 1, 1)
        cholesky, failed = torch.linalg.cholesky_ex(t * (f @ f.mT) + d)
        v = torch.cholesky_inverse(torch.where((failed > 0)[:, None, None], torch.nan, cholesky))
        m = (v @ (t * (f @ y).unsqueeze(2))).squeeze(2)
        r = self._residuals(f, m.unsqueeze(1)).squeeze(1)
        own = torch.arange(units, device=m.device).repeat_interleave(k)
        jf = derivatives @ f.mT
        across = (jf @ v)[:, torch.arange(units * k, device=m.device), own]
        slope = tau.unsqueeze(1) * (m[:, own] * (derivatives @ r.unsqueeze(2)).squeeze(2) - across)
        second = (m.unsqueeze(2) * m.unsqueeze(1) + v)[:, own][:, :, own]
        inner = derivatives @ derivatives.mT - t * (jf @ v @ jf.mT)
        place = blocks.flatten()
        grad, metric = m.new_zeros(batch, units * k), m.new_zeros(batch, units * k, units * k)
        grad[:, place] = slope
        metric[:, place.unsqueeze(1), place] = t * second * inner
        sse = torch.linalg.vecdot(r, r) + self.points.lost + (v * (f @ f.mT)).sum((1, 2))
        return grad, metric, sse

    def _replacement(
        self, f: Tensor, phi: Tensor, tau: Tensor, precisions: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evidences with unit ``which`` (B,) of features f (B, K, m) and with phi (B, M, m)."""
        batch, count, _ = f.shape
        row, t = torch.arange(batch, device=f.device), tau.reshape(-1, 1, 1)
        rest = [[k for k in range(count) if k != j] for j in range(self.net.hidden[-1])]
        others = torch.tensor(rest, dtype=torch.long, device=f.device)[which]
        g = f[row.unsqueeze(1), others]
        precision = float(precisions[0])  # output weights have one in common
        prior = precisions[others[0]] if batch else precisions[1:]
        cholesky, failed = torch.linalg.cholesky_ex(t * (g @ g.mT) + torch.diag(prior))
        bad = (failed > 0) | ~torch.isfinite(f).all(2).all(1)  # NaN may pass through LAPACK
        bad = bad.reshape(-1, 1, 1)
        cholesky = torch.where(bad, torch.eye(count - 1, dtype=f.dtype, device=f.device), cholesky)
        everyone = torch.cat([f[row, which].unsqueeze(1), phi], 1)  # the present unit first
        along = tau.unsqueeze(1) * (everyone @ self.points.y)
        mean = torch.cholesky_solve(t * (g @ self.points.y).unsqueeze(2), cholesky)
        k = t * (g @ everyone.mT)
        half = torch.linalg.solve_triangular(cholesky, k, upper=False)
        free = tau.unsqueeze(1) * everyone.square().sum(2) + precision - half.square().sum(1)
        free = free.clamp(min=precision)  # what rounding may take away
        value = 0.5 * (along - (mean.mT @ k).squeeze(1)).square() / free - 0.5 * free.log()
        value = torch.where(bad.squeeze(2), 0.0, value).nan_to_num(-1e300)
        return value[:, 0], value[:, 1:]

    # -- between numpy and torch ------------------------------------------------------------------

    def _mapped(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        *arrays: np.ndarray,
        points: int | None = None,
    ) -> tuple[np.ndarray, ...]:
        """What ``function`` makes of rows of ``arrays``, block by block."""
        tensors = [as_tensor(array, self.device) for array in arrays]
        with torch.no_grad():
            parts = [
                function(*(t[rows] for t in tensors))
                for rows in self.blocks(len(arrays[0]), points)
            ]
        return tuple(torch.cat(part).numpy(force=True) for part in zip(*parts, strict=True))

    def blocks(self, rows: int, points: int | None = None) -> Iterator[slice]:
        """Slices of ``rows`` networks that are worked through together; at least one."""
        size = max(1, self.block // ((points or len(self.points.x)) * self._widest))
        return (slice(i, min(i + size, rows)) for i in range(0, max(rows, 1), size))


def _projected(
    mean: Tensor, cholesky: Tensor, flips: Tensor, variance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """L⁻¹u (B, K, T), u·m and s² + |L⁻¹u|² (B, T) of all flips u."""
    half = torch.linalg.solve_triangular(cholesky, flips.expand(len(mean), -1, -1), upper=False)
    return half, mean @ flips, variance + half.square().sum(1)


def _column(tau: float | np.ndarray, h: np.ndarray) -> np.ndarray[Any, Any]:
    """τ of every row, (B,)."""
    return np.array(np.broadcast_to(tau, len(h)))
