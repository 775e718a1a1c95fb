"""Proper scores and calibration of predictive distributions that are known by draws.

Each is worked out point by point, (n,): averages over points, and their errors, are the caller's.
"""

from __future__ import annotations

import numpy as np

__all__ = ["crps", "log_mean_density", "pit"]


def log_mean_density(log_density: np.ndarray) -> np.ndarray:
    """The log of the mean density over draws, (S, n) -> (n,): log p(y | data), of which the mean
    over points is the LPPD (Gelman, Hwang & Vehtari 2014, Stat. Comput. 24, 997, eq. 5)."""
    top = log_density.max(axis=0)
    top = np.where(np.isfinite(top), top, 0.0)  # no draw gives it any density: log 0 it is
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(log_density - top).mean(axis=0)) + top)


def crps(draws: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The continuous ranked probability score of draws X (S, n) for y (n,), in units of y: (n,).

    E|X − y| − ½ E|X − X'| (Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102, 359, eq. 21), the
    second mean over pairs of different draws, so that it is right on average whatever S is (Ferro
    2014, Q. J. R. Meteorol. Soc. 140, 1917); pairs are summed by rank. Smaller is better. It is
    infinite where a draw is, as that of every distribution that has a share at infinity.
    """
    size = len(draws)
    ranked = np.sort(draws, axis=0)
    weight = 2 * np.arange(size) - size + 1.0  # how many draws lie below each, less those above
    with np.errstate(over="ignore", invalid="ignore"):
        pairs = weight @ ranked / (size * (size - 1))
        found = np.abs(draws - y).mean(axis=0) - pairs
    return np.where(np.isfinite(found) | np.isnan(draws).any(axis=0), found, np.inf)


def pit(draws: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The probability integral transform of y (n,) among draws (S, n), in (0, 1): (n,).

    Uniform, at any S, where y is one more draw of the same distribution: the rank of y among all
    S + 1, and a random place within it, or within those that it shares with equal draws (Czado,
    Gneiting & Held 2009, Biometrics 65, 1254, for counts).
    """
    below, equal = (draws < y).sum(axis=0), (draws == y).sum(axis=0)
    return np.asarray((below + rng.random(len(y)) * (1 + equal)) / (1 + len(draws)))
