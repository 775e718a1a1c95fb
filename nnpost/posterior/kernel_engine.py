"""Sums over the data by compiled kernels. Only imported where numba is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from threading import Lock

import numpy as np

from ..common.parallel import kernel_threads
from ..common.progress import note
from ..network.mlp import MLP
from .kernels import ready
from .kernels.collapsed import collapsed
from .kernels.collapsed_grad import collapsed_and_grad, expected_grad
from .kernels.curvature import curvature
from .kernels.flips import flip_moments, flip_terms
from .kernels.jacobian import hidden_jacobian
from .kernels.misfit import outputs, sse, sse_and_grad
from .kernels.points import Points
from .kernels.replacement import replacement
from .kernels.results import Curvature, EvidenceGrad, OutputGaussian
from .kernels.shape import Shape
from .points import WeightedPoints

__all__ = ["KernelEngine", "first_use"]


class KernelEngine:
    """An :class:`~.engine.Engine`, on as many threads as there is work for."""

    def __init__(self, net: MLP, points: WeightedPoints) -> None:
        self.shape = Shape(net.sizes, net.activation)
        root = None if points.root is None else points.root.numpy()
        self.points = Points.of(self.shape, points.x.numpy(), points.y.numpy(), root, points.lost)

    def sse(self, theta: np.ndarray) -> np.ndarray:
        return sse(self.shape, theta, self.points, _threads(theta, self.points))

    def sse_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sse_and_grad(self.shape, theta, self.points, _threads(theta, self.points))

    def outputs(self, theta: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        places = self.points if x is None else Points.of(self.shape, x)
        return outputs(self.shape, theta, places, _threads(theta, places))

    def collapsed(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        normals: np.ndarray | None = None,
    ) -> OutputGaussian:
        return collapsed(
            self.shape, h, self.points, tau, precisions, normals, _threads(h, self.points)
        )

    def collapsed_and_grad(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> EvidenceGrad:
        return collapsed_and_grad(
            self.shape, h, self.points, tau, precisions, _threads(h, self.points)
        )

    def expected_grad(
        self, h: np.ndarray, tau: float | np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return expected_grad(
            self.shape, h, self.points, tau, mean, covariance, _threads(h, self.points)
        )

    def flip_terms(
        self, base: np.ndarray, layer: OutputGaussian, flips: np.ndarray, variance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        threads = kernel_threads(len(base) * flips.size)
        return flip_terms(base, layer.mean, layer.cholesky, flips, variance, threads)

    def flip_moments(
        self,
        terms: np.ndarray,
        log_sum: np.ndarray,
        layer: OutputGaussian,
        flips: np.ndarray,
        variance: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        threads = kernel_threads(len(log_sum) * flips.size)
        return flip_moments(terms, log_sum, layer.mean, layer.cholesky, flips, variance, threads)

    def curvature(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> Curvature:
        return curvature(self.shape, h, self.points, tau, precisions, _threads(h, self.points))

    def replacement(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        which: np.ndarray,
        fresh: np.ndarray,
        group: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        first_use()
        if precisions[-1] != 0 or (precisions[:-1] != precisions[0]).any():
            raise ValueError(f"precisions {precisions}: expected the same of all, 0 of the bias")
        threads = kernel_threads(len(h) * fresh.shape[1] * self.points.n)
        return replacement(
            self.shape, h, self.points, tau, precisions[0], which, fresh, group, threads
        )

    def hidden_jacobian(self, theta: np.ndarray) -> np.ndarray:
        return hidden_jacobian(self.shape, theta, self.points, _threads(theta, self.points))

    def make_ready(self, say: Callable[[str], None]) -> None:
        ready.make_ready(say)


def _threads(rows: np.ndarray, points: Points) -> int:
    first_use()
    return kernel_threads(len(rows) * points.work)


@cache
def first_use() -> None:
    """Before the first use in a process: whoever has not been told yet is told what takes long."""
    with _lock:
        ready.make_ready(partial(note, True))


_lock = Lock()
