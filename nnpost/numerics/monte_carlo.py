"""Numbers with their Monte-Carlo errors.

The draws of a run are divided into batches: the consecutive rows of each independent ensemble, cut
into a few pieces of equal length. A statistic of all draws gets its standard error from what it
becomes without each batch in turn (the jackknife; Efron & Stein 1981, Ann. Stat. 9, 586). For a
mean this is the method of batch means. It holds where a batch is long beside the autocorrelation
time, as it is in a run that has converged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

__all__ = [
    "BATCHES",
    "Estimate",
    "binomial",
    "chain_batches",
    "jackknife",
    "left_out_error",
    "median_error",
    "share",
    "spread_out",
    "with_error",
    "without_each",
]

BATCHES = 20  # at least, of all ensembles together
LEAST_ERROR = 1e-12  # relative errors below this are of the arithmetic, not of the draws
LONG = 5  # at least, of every ensemble
LONGEST = 1e15  # values from which on digits are not written out


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error; 0 where nothing random is in it, NaN where not known."""

    value: float
    error: float

    def __str__(self) -> str:
        """The value to the digit that the error's first two leave certain."""
        if not math.isfinite(self.error) or self.error == 0 or not math.isfinite(self.value):
            return f"{self.value:.4g}"
        if abs(self.value) >= LONGEST:
            return f"{self.value:.4g} ± {self.error:.1g}"
        decimals = max(0, 1 - math.floor(math.log10(self.error)))
        if decimals > 4 and abs(self.value) < 1e-3:
            return f"{self.value:.2g} ± {self.error:.1g}"
        return f"{self.value:.{decimals}f} ± {self.error:.{decimals}f}"

    def percent(self) -> str:
        """A share, in per cent."""
        return f"{Estimate(100 * self.value, 100 * self.error)} %"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Estimate:
        """What ``asdict`` gave."""
        return cls(float(tree["value"]), float(tree["error"]))


def chain_batches(rows: int, walkers: int, ensembles: int) -> np.ndarray:
    """The batch of every draw of a chain, in the order of ``get_chain(flat=True)``: (rows·W,).

    Every ensemble is cut into 5 runs of rows, or more where there are fewer than 4 ensembles.
    """
    cuts = min(rows, max(LONG, -(-BATCHES // ensembles)))
    piece = np.arange(rows) * cuts // rows
    ensemble = np.arange(walkers) * ensembles // walkers
    return (ensemble * cuts + piece[:, None]).reshape(-1)


def spread_out(draws: int, most: int, walkers: int) -> np.ndarray:
    """Indices of at most ``most`` of the draws of a flat chain, spread over rows and walkers.

    The stride has no factor in common with the number of walkers, so that all of them take part.
    """
    stride = -(-draws // most)
    while stride > 1 and math.gcd(stride, walkers) > 1:
        stride += 1
    return np.arange(0, draws, stride)


def jackknife(
    statistic: Callable[..., np.ndarray], labels: np.ndarray, *arrays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A statistic of all draws and its standard error by leaving out a batch at a time.

    ``labels`` (D,) are the batches of the rows of every one of ``arrays`` (D, ...). NaN for the
    error where there is one batch only.
    """
    left = (tuple(a[kept] for a in arrays) for kept in without_each(labels))
    return with_error(statistic(*some) for some in chain([arrays], left))


def without_each(labels: np.ndarray) -> Iterator[np.ndarray]:
    """Which draws are left without each batch in turn, (D,); of one batch alone nothing is."""
    names = np.unique(labels)
    if len(names) > 1:
        yield from (labels != name for name in names)


def with_error(found: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The first of them, of all draws, and the error by the others, each without one batch."""
    whole, *parts = (np.asarray(one, dtype=float) for one in found)
    if not parts:
        return whole, np.full(whole.shape, np.nan)
    error = left_out_error(np.array(parts))
    return whole, np.where(error <= LEAST_ERROR * np.abs(whole), 0.0, error)


def left_out_error(parts: np.ndarray) -> np.ndarray:
    """Standard error from a statistic without each of G batches: (G, ...) -> (...). NaN where
    one of them is infinite."""
    groups = len(parts)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((groups - 1) * parts.var(axis=0)))


def share(inside: np.ndarray, labels: np.ndarray, effective: float | None = None) -> Estimate:
    """The share of draws for which ``inside`` (D,) holds.

    Its error is never below one effective draw's worth: of draws that all agree, none says how
    often others would not.
    """
    value, error = jackknife(np.mean, labels, inside)
    least = 1 / (effective or len(inside))
    return Estimate(float(value), float(np.fmax(error, least)))


def binomial(holds: np.ndarray) -> Estimate:
    """The share of independent trials for which ``holds`` (R,), its error at least that of one."""
    p, n = float(holds.mean()), len(holds)
    return Estimate(p, max(math.sqrt(p * (1 - p) / n), 1 / n))


def median_error(values: np.ndarray, q: float = 0.5) -> float:
    """Standard error of a quantile of independent values (R,), from the ranks around it.

    The rank of the q-quantile has the standard deviation √(R q(1−q)); half the distance between
    the values one such deviation above and below is the error.
    """
    ranked = np.sort(values)
    step = math.sqrt(len(ranked) * q * (1 - q)) / len(ranked)
    low, high = np.quantile(ranked, [max(q - step, 0), min(q + step, 1)])
    return float(high - low) / 2
