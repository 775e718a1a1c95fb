"""What comes of integrating the output layer out; plain arrays, whatever computed them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Curvature", "EvidenceGrad", "OutputGaussian"]


class OutputGaussian(NamedTuple):
    """The Gaussian of the output layer for B hidden parts, and one draw from it.

    The letters are those of ``collapsed``. Rows that are not finite, and those whose A has no
    Cholesky factor, are NaN.
    """

    evidence: np.ndarray  # (B,)  log ∫ exp(−τ/2 |y − Fᵀo|²) N(o; 0, D⁻¹) do
    mean: np.ndarray  # (B, K)  m
    cholesky: np.ndarray  # (B, K, K)  L
    sse: np.ndarray  # (B,)  Σ r² of the mean
    drawn: np.ndarray  # (B, K)  o; the mean where no normals were given
    drawn_sse: np.ndarray  # (B,)  Σ r² of o


class EvidenceGrad(NamedTuple):
    """The logarithm above for B hidden parts, and its derivatives.

    ``freedom`` is K − tr(A⁻¹D) = τ tr(A⁻¹FFᵀ), the number of well determined parameters. The
    derivative with respect to log τ is −½ (τ sse + freedom).
    """

    evidence: np.ndarray  # (B,)
    grad: np.ndarray  # (B, H)
    sse: np.ndarray  # (B,)  Σ r² of the mean
    freedom: np.ndarray  # (B,)


class Curvature(NamedTuple):
    """The gradient of the log evidence of B hidden parts, and a curvature that is never negative.

    NaN in rows that are not finite, and in those whose A has no Cholesky factor.
    """

    grad: np.ndarray  # (B, H)
    metric: np.ndarray  # (B, H, H)
    sse: np.ndarray  # (B,)  Σ r², its mean over the output layer
