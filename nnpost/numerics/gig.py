"""Exact draws from the generalised inverse Gaussian distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["draw_gig"]


def draw_gig(index: float, psi: Any, chi: Any, rng: Any) -> np.ndarray:
    """Draws with density ∝ x^(λ−1) exp(−½ (ψx + χ/x)), one for each entry of ψ and χ.

    λ = ``index``. NaN where no such distribution exists: for ψ = 0 with λ ≥ 0, and for χ = 0 with
    λ ≤ 0. Exact rejection in log x under a flat middle with exponential tails (Devroye 2014, Stat.
    Comput. 24, 239, §3–4).
    """
    psi, chi = np.broadcast_arrays(np.asarray(psi, dtype=float), np.asarray(chi, dtype=float))
    if index < 0:  # 1/x has the same distribution with ψ and χ exchanged
        return 1 / draw_gig(-index, chi, psi, rng)
    out = np.full(psi.shape, np.nan)
    exists = (psi > 0) & np.isfinite(psi) & np.isfinite(chi) & ((chi > 0) | (index > 0))
    psi, chi = psi[exists], chi[exists]
    root = np.sqrt(index**2 + psi * chi)
    out[exists] = np.exp(_log_shape(index, psi * chi / (root + index), rng)) * (root + index) / psi
    return out


def _log_shape(index: float, alpha: np.ndarray, rng: Any) -> np.ndarray:
    """Draws with log density h(x) = −α (cosh x − 1) − λ (eˣ − x − 1), whose top is h(0) = 0."""

    def height(x: np.ndarray, a: np.ndarray) -> np.ndarray:
        return -2 * a * np.sinh(x / 2) ** 2 - index * (np.expm1(x) - x)

    def slope(x: np.ndarray, a: np.ndarray) -> np.ndarray:
        return -a * np.sinh(x) - index * np.expm1(x)

    t, s = _touching_points(index, alpha, height)
    eta, zeta = -height(t, alpha), -slope(t, alpha)
    theta, xi = -height(-s, alpha), slope(-s, alpha)
    p, r = 1 / xi, 1 / zeta
    right, left = t - r * eta, s - p * theta
    q = right + left
    out = np.empty(len(alpha))
    todo = np.arange(len(alpha))
    while len(todo):
        u, v, w = rng.uniform(size=(3, len(todo)))
        v = 1 - v  # in (0, 1]: its logarithm is finite
        i = todo
        u = u * (p[i] + q[i] + r[i])
        x = np.where(u < q[i], q[i] * v - left[i], right[i] - r[i] * np.log(v))
        x = np.where(u >= q[i] + r[i], p[i] * np.log(v) - left[i], x)
        above = np.where(x > right[i], -eta[i] - zeta[i] * (x - t[i]), 0.0)
        above = np.where(x < -left[i], -theta[i] + xi[i] * (x + s[i]), above)
        with np.errstate(over="ignore", divide="ignore"):
            taken = np.log(w) + above <= height(x, alpha[i])
        out[i[taken]] = x[taken]
        todo = i[~taken]
    return out


def _touching_points(index: float, alpha: np.ndarray, height: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where the tails of the envelope touch, t > 0 and −s < 0: h there is about −1."""
    one = np.ones_like(alpha)
    fall_right, fall_left = -height(one, alpha), -height(-one, alpha)
    with np.errstate(divide="ignore", over="ignore"):
        wide_left = np.log1p(1 / alpha + np.sqrt(1 / alpha**2 + 2 / alpha))
        t = np.where(fall_right > 2, np.sqrt(2 / (alpha + index)), one)
        t = np.where(fall_right < 0.5, np.log(4 / (alpha + 2 * index)), t)
        s = np.where(fall_left > 2, np.sqrt(4 / (alpha * np.cosh(1) + index)), one)
        narrow = np.minimum(1 / index if index else np.inf, wide_left)
        s = np.where(fall_left < 0.5, narrow, s)
    return t, s
