"""What computes the sums over the data: compiled kernels where they can be had, torch elsewhere.

Everything that is not a sum over the data (precision, constants, priors) is the same for both and
stands with the densities. :func:`engine_for` is the one place that chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Protocol

import numpy as np

from ..common.tensors import BLOCK
from ..network.mlp import MLP
from .kernels.results import Curvature, EvidenceGrad, OutputGaussian
from .kernels.shape import ACTIVATIONS
from .points import WeightedPoints
from .torch_engine import TorchEngine

__all__ = ["Engine", "engine_for", "without_kernels"]


class Engine(Protocol):
    """Sums over the data of one network, numpy in and out, float64.

    ``theta`` is (B, ≥P) and ``h`` (B, ≥H), further columns do not matter; τ is one number or (B,);
    r = (y − f)/yerr. Rows that are not finite come out as NaN or infinite, each by itself.
    """

    def sse(self, theta: np.ndarray) -> np.ndarray:
        """Σ r²: (B,)."""

    def sse_and_grad(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ r² and its gradient: (B,), (B, P)."""

    def outputs(self, theta: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """f at x (m, d), or at the data: (B, m), or (B, m, outputs) where there are several."""

    def collapsed(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        normals: np.ndarray | None = None,
    ) -> OutputGaussian:
        """The output layer integrated out under prior ``precisions`` (K,), 0 for none, and drawn by
        standard ``normals`` (B, K)."""

    def collapsed_and_grad(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> EvidenceGrad:
        """The same as a function of h, with its gradient."""

    def expected_grad(
        self, h: np.ndarray, tau: float | np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The gradient in h of −τ/2 E[Σ r²] over output layers of this mean (B, K) and covariance
        (B, K, K), and Σ r² of the mean: (B, H), (B,)."""

    def flip_terms(
        self, base: np.ndarray, layer: OutputGaussian, flips: np.ndarray, variance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """log p summed over ``flips`` (K, T) of units, (B,), and of each of them, (B, T), as in
        kernels/flips.py; ``layer`` is without a prior of the bias, whose variance is given."""

    def flip_moments(
        self,
        terms: np.ndarray,
        log_sum: np.ndarray,
        layer: OutputGaussian,
        flips: np.ndarray,
        variance: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (B, K) and covariance (B, K, K) of the output layer over all flips."""

    def curvature(
        self, h: np.ndarray, tau: float | np.ndarray, precisions: np.ndarray
    ) -> Curvature:
        """Gradient and Gauss–Newton curvature of the log evidence of networks of one hidden layer,
        under prior ``precisions`` (K,) of the output layer, 0 for none."""

    def replacement(
        self,
        h: np.ndarray,
        tau: float | np.ndarray,
        precisions: np.ndarray,
        which: np.ndarray,
        fresh: np.ndarray,
        group: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of networks of one hidden layer, the log evidence with unit ``which`` (B,) as it is, (B,)
        and with each of the units fresh[group] instead, (B, M); up to one constant for each row.

        ``fresh`` is (G, M, d + 1), the bias, if any, last, ``group`` (B,), ``precisions`` (K,)
        those of the prior of the output layer, 0 for none."""

    def hidden_jacobian(self, theta: np.ndarray) -> np.ndarray:
        """∂f(x_i)/∂h at the data: (B, H, n)."""

    def make_ready(self, say: Callable[[str], None]) -> None:
        """Do now what a first use would take long for; ``say`` gets a line if there is anything."""


def engine_for(net: MLP, points: WeightedPoints, device: str = "cpu", block: int = BLOCK) -> Engine:
    """Kernels for this network and these points, or torch (see :func:`without_kernels`)."""
    if without_kernels(net, device):
        return TorchEngine(net, points, device, block)
    from .kernel_engine import KernelEngine

    return KernelEngine(net, points)


def without_kernels(net: MLP | None = None, device: str = "cpu") -> str | None:
    """Why torch computes the densities, in words; None where the kernels do."""
    if not device.startswith("cpu"):
        return f"the device is {device}"
    if net is not None and not net.linear_output:
        return "there are none for modules of one's own"
    if net is not None and net.outputs > 1:
        return "there are kernels for one output alone"
    if net is not None and (type(net) is not MLP or net.activation not in ACTIVATIONS):
        return f"there are none for {net.activation}, but for {', '.join(ACTIVATIONS)}"
    if net is not None and (net.skip or not net.bias):
        return f"there are none for networks {'with a skip' if net.skip else 'without biases'}"
    return no_numba()


@cache
def no_numba() -> str | None:
    """Why numba cannot be had, in words."""
    try:
        import_module("numba")
    except ModuleNotFoundError:
        return "numba is not installed"
    except ImportError as error:  # one that does not know this Python or this numpy
        return f"numba cannot be used here: {error}"
    return None
