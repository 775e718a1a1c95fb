"""What of a table's columns tells a network nothing: constant and repeated ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["remarks"]

ROWS = 1000  # in which repeated columns are looked for; those found are held against all rows
SAME = 1e-12  # of 1 − correlation², for columns that differ by shift and scale alone
LISTED = 5  # pairs of columns beyond this many are counted


def remarks(x: np.ndarray, y: np.ndarray, x_names: tuple[str, ...], y_name: str) -> Iterator[str]:
    """A line for each constant column of x (n, d), each that repeats another, and a constant y."""
    if len(y) < 2:
        return
    constant = np.ptp(x, axis=0) == 0
    for k in np.flatnonzero(constant)[:LISTED]:
        yield (
            f"input '{x_names[k]}' is {x[0, k]:.6g} at all {len(x)} points: it tells the network "
            "nothing, so leave it out"
        )
    if constant.sum() > LISTED:
        yield f"{constant.sum() - LISTED} more inputs are constant"
    pairs = list(_repeated(x, np.flatnonzero(~constant))) if len(y) > 2 else []
    for one, other in pairs[:LISTED]:
        yield (
            f"input '{x_names[other]}' repeats '{x_names[one]}', up to shift and scale: their "
            "weights are told apart by the prior alone, so leave one out"
        )
    if len(pairs) > LISTED:
        yield f"{len(pairs) - LISTED} more inputs repeat others"
    if np.ptp(y) == 0:
        yield f"'{y_name}' is {y[0]:.6g} at all {len(y)} points: there is nothing to learn"


def _repeated(x: np.ndarray, columns: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) of ``columns`` of x, the later a linear function of the earlier."""
    some = _unit(x[:: -(-len(x) // ROWS)][:, columns])
    found = np.triu(_same(np.abs(some.T @ some)), 1)
    for late in np.flatnonzero(found.any(axis=0)):
        early = int(np.argmax(found[:, late]))
        one, other = columns[early], columns[late]
        if _same(abs(float(_unit(x[:, one]) @ _unit(x[:, other])))):
            yield int(one), int(other)


def _unit(columns: np.ndarray) -> np.ndarray:
    """Each column less its mean, of length one; zeros where it is constant."""
    size = np.abs(columns).max(axis=0)
    apart = columns / np.where(size > 0, size, 1.0)
    apart = apart - apart.mean(axis=0)
    length = np.sqrt((apart**2).sum(axis=0))
    return np.asarray(apart / np.where(length > 0, length, 1.0))


def _same(correlation: np.ndarray | float) -> np.ndarray:
    return np.asarray(1 - np.asarray(correlation) ** 2 <= SAME)
