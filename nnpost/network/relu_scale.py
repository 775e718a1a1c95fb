"""The continuous symmetry of ReLU units, and an exact draw along it.

A unit with input weights w, bias b and output weights a computes the same after
(w, b, a) → (αw, αb, a/α) for any α > 0. Along this orbit the likelihood is constant, and the
Gaussian prior is not. With d inputs and m outputs of the unit the map has the Jacobian
α^(d+1−m), and the group's invariant measure is dα/α, so a draw of α from

    p(α) ∝ exp(−½ (ψ α² + χ/α²)) α^(d+1−m) dα/α,   ψ = Σ w²/s_w² + b²/s_b²,   χ = Σ a²/s_a²

leaves the posterior as it is (Liu & Sabatti 2000, Biometrika 87, 353, theorem 1). For α² this is
the generalised inverse Gaussian GIG(λ, ψ, χ) with λ = (d + 1 − m)/2. Units of one layer share no
parameter, so that all of them are drawn at once, layer after layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numerics.gig import draw_gig
from .mlp import MLP
from .neurons import editable, scale_units, symmetry_of

__all__ = ["resample_orbits"]


def resample_orbits(net: MLP, theta: Any, scales: np.ndarray, rng: Any) -> np.ndarray:
    """Redraw the scale of every unit given all else: (..., ≥P) -> (..., ≥P).

    ``scales`` (≥P,) are the prior's standard deviations, ``rng`` a numpy Generator or RandomState.
    Works for ReLU and for identity units; the vectors of others are returned as they are. So are
    units without a scale: w = b = 0, or a = 0 where the next layer is as wide or wider.
    """
    moved, layers = editable(net, theta)
    if symmetry_of(net) not in ("relu", "linear"):
        return moved
    stds = net.layers(np.asarray(scales, dtype=float))
    for layer in range(len(net.hidden)):
        (w, b), (a, _) = layers[layer], layers[layer + 1]
        (sw, sb), (sa, _) = stds[layer], stds[layer + 1]
        psi = ((w / sw) ** 2).sum(axis=-1) + (b / sb) ** 2
        chi = ((a / sa) ** 2).sum(axis=-2)
        index = (w.shape[-1] + 1 - a.shape[-2]) / 2
        alpha = np.sqrt(draw_gig(index, psi, chi, rng))
        usable = np.isfinite(alpha) & (alpha > 0)
        scale_units(layers, layer, np.where(usable, alpha, 1.0))
    return moved
