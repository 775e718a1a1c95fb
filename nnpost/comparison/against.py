"""How far an approximation is off: its curves against those of the MCMC draws.

The Wasserstein-1 distance at every x, averaged, beside what as many draws of one independent MCMC
ensemble are away from another one's.
"""

from __future__ import annotations

import numpy as np

from ..numerics.monte_carlo import BATCHES, Estimate
from ..numerics.ranked import jackknife_ranked, quantiles, wasserstein
from .approximation import Approximation, Curves
from .distance import Reference

__all__ = ["against", "noise_floor"]

KINDS = ("w1", "mean", "width")
BAND = (0.05, 0.95)  # levels between which a band lies


def against(reference: Reference, found: Curves) -> Approximation:
    """One approximation against the posterior's draws.

    Errors are of the posterior's draws and of the approximation's own, together.
    """
    curves = found.draws
    some = slice(None, None, -(-len(reference.curves) // reference.detail.approximation))
    groups = reference.curve_groups[some]
    draws = reference.curves[some]
    ranked, known_ranked = np.sort(curves.T), np.sort(draws.T)
    value, known = jackknife_ranked(lambda kept: _numbers(reference, ranked, kept), groups, draws)
    _, own = jackknife_ranked(
        lambda kept: _numbers(reference, kept, known_ranked),
        np.arange(len(curves)) * BATCHES // len(curves),
        curves,
    )
    error = np.hypot(known, own)
    names = [f"{kind}_{part}" for part in _parts(reference) for kind in KINDS]
    numbers = {n: Estimate(float(v), float(e)) for n, v, e in zip(names, value, error, strict=True)}
    low, high = quantiles(ranked, BAND)
    return Approximation(
        name=found.name,
        draws=len(curves),
        numbers=numbers | noise_floor(reference, len(curves)),
        log_z=found.log_z,
        mean=curves.mean(axis=0),
        q05=low,
        q95=high,
        note=found.note,
    )


def noise_floor(reference: Reference, size: int) -> dict[str, Estimate]:
    """Distance of ``size`` draws of the posterior from independent ones, by MCMC.

    The mean of two: the first quarter of the batches against the second, the third against the
    fourth. Batches are in the order of the ensembles, so that quarters are independent ensembles
    where there are four or more (with one ensemble they are quarters of its rows).
    """
    quarter = 4 * reference.curve_groups // (reference.curve_groups.max() + 1)
    parts = [reference.curves[quarter == k] for k in range(4)]
    if min(map(len, parts)) < 2:
        return {}
    found, other = {}, reference.detail.approximation
    pairs = [(parts[0], parts[1]), (parts[2], parts[3])]
    both = [
        wasserstein(np.sort(_thinned(a, size).T), np.sort(_thinned(b, other).T)) for a, b in pairs
    ]
    for name, part in _parts(reference).items():
        first, second = (float((w / reference.unit)[part].mean()) for w in both)
        found[f"floor_{name}"] = Estimate((first + second) / 2, abs(first - second) / 2)
    return found


@np.errstate(over="ignore")  # of rates that floats hardly hold
def _numbers(reference: Reference, curves: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """KINDS for every part of x, in a row, of ranked curves (m, S) and draws (m, D)."""
    distance = wasserstein(curves, draws) / reference.unit
    sd = np.maximum(draws.std(axis=1), 1e-300)
    shift = (curves.mean(axis=1) - draws.mean(axis=1)) / sd
    widths = [np.diff(quantiles(c, BAND), axis=0)[0] / reference.unit for c in (curves, draws)]
    return np.array(
        [
            number
            for part in _parts(reference).values()
            for number in (
                distance[part].mean(),
                np.sqrt(np.mean(shift[part] ** 2)),
                widths[0][part].mean() / max(widths[1][part].mean(), 1e-300),
            )
        ]
    )


def _parts(reference: Reference) -> dict[str, np.ndarray]:
    parts = {"inside": reference.inside, "outside": ~reference.inside}
    return {name: part for name, part in parts.items() if part.any()}


def _thinned(values: np.ndarray, size: int) -> np.ndarray:
    return values[np.linspace(0, len(values) - 1, min(size, len(values))).astype(int)]
