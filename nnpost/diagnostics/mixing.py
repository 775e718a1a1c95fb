"""How well a chain mixes: autocorrelation time, effective sample size, nested R-hat.

Every function takes x (N, W), N rows of W walkers side by side, and returns one number, or
(N, W, K) and returns K of them. Walkers of ensemble e are columns e·W/E … (e+1)·W/E.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

__all__ = ["autocorr_time", "effective_size", "nested_rhat"]


def autocorr_time(x: ArrayLike, ensembles: int, c: float = 5.0) -> NDArray[np.float64]:
    """Integrated autocorrelation time in rows: (N, W) -> (), (N, W, K) -> (K,).

    The longer of two. That of single walkers: their autocorrelation, averaged over all W, each
    measured around the mean and variance of all of them together: a walker that sits still, or an
    ensemble elsewhere, lengthens it, which it would not around its own mean. And that of the means
    of ensembles, times the W/E walkers in each: walkers that propose from each other are correlated
    with each other's past, so that the mean of an ensemble forgets more slowly than they do, by a
    half for stretch moves in 13 dimensions. Where they are independent the two agree.

    Sokal's automatic window, the smallest M ≥ c τ(M), as in emcee.autocorr, twice as wide for the
    slow and small tail of the means; where lags up to N/2 hold none, τ(N/2), a lower bound.

    Never below 1: a chain gets no more credit than independent draws. NaN for fewer than four
    rows, for a constant and for anything non-finite.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim == 3:
        return np.array([autocorr_time(x[..., k], ensembles, c) for k in range(x.shape[-1])])
    if len(x) < 4 or not np.isfinite(x).all() or _constant(x):
        return np.asarray(np.nan)
    z = (x - x.mean()) / x.std()
    means = z.reshape(len(z), ensembles, -1).mean(axis=2)
    width = z.shape[1] // ensembles
    of_walkers = _sum_in_window(_autocovariance(z), c)
    of_means = width * _sum_in_window(_autocovariance(means), 2 * c) if width > 1 else 0.0
    return np.asarray(max(of_walkers, of_means, 1.0))


def _autocovariance(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of z(t) z(t + lag) over columns, at lags 0 … N/2: (N, C) -> (N // 2 + 1,)."""
    n = len(z)
    size = fft.next_fast_len(2 * n, real=True)  # padded: lags must not wrap around
    power = np.abs(fft.rfft(z, n=size, axis=0)) ** 2
    products = fft.irfft(power.mean(axis=1), n=size)[: n // 2 + 1]
    return np.asarray(products / (n - np.arange(n // 2 + 1)))


def _sum_in_window(covariance: NDArray[np.float64], c: float) -> float:
    """Σ of the covariances at all lags, positive and negative, in Sokal's window: (L,) -> float."""
    sums = 2.0 * np.cumsum(covariance) - covariance[0]
    inside = np.arange(len(sums)) * covariance[0] < c * sums
    return float(sums[len(sums) - 1 if inside.all() else int(np.argmin(inside))])


def effective_size(x: ArrayLike, ensembles: int) -> NDArray[np.float64]:
    """Number of independent draws worth the same, N W / τ: (N, W) -> (), (N, W, K) -> (K,)."""
    x = np.asarray(x, dtype=float)
    return x.shape[0] * x.shape[1] / autocorr_time(x, ensembles)


def nested_rhat(x: ArrayLike, ensembles: int) -> NDArray[np.float64]:
    """Rank-normalised nested R-hat, ensembles as superchains: (N, W) -> (), (N, W, K) -> (K,).

    The larger of the R-hats of the ranks and of the ranks of the distances from the median, on
    halved chains. NaN for fewer than four rows, for a constant, for anything non-finite.
    """
    from arviz_stats.base import array_stats

    x = np.asarray(x, dtype=float)
    if x.ndim == 3:
        return np.array([nested_rhat(x[..., k], ensembles) for k in range(x.shape[-1])])
    if len(x) < 4 or not np.isfinite(x).all() or _constant(x):
        return np.asarray(np.nan)
    owner = np.repeat(np.arange(ensembles), x.shape[1] // ensembles)
    with np.errstate(divide="ignore"):  # every walker of every ensemble at rest: R-hat is infinite
        return np.asarray(array_stats.rhat_nested(x.T, superchain_ids=owner))


def _constant(x: NDArray[np.float64]) -> bool:
    """Whether x varies by no more than rounding does."""
    return bool(np.ptp(x) <= 8 * np.finfo(float).eps * np.abs(x).max())
