"""Walkers split over threads.

A kernel works on rows, one after the other, each by itself, and lets go of the interpreter's lock:
blocks of rows can go side by side, and no bit depends on how many do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["as_rows", "as_vector", "split"]

DOUBLE = np.dtype(np.float64)
SMALL = 2**15  # values of units below which a thread does not pay
SHARES = 4  # blocks for each thread, so that one that is held up does not hold up all


def split(
    kernel: Callable[..., None],
    threads: int,
    work: int,
    rows: tuple[np.ndarray, ...],
    shared: tuple[Any, ...],
) -> None:
    """kernel(*rows, *shared), on as many ``threads``; the arrays in ``rows`` share a first axis.

    ``work`` is the size of one row, in values of units.
    """
    count = len(rows[0])
    shares = min(count, SHARES * threads, count * work // SMALL) if threads > 1 else 1
    if shares < 2:
        kernel(*rows, *shared)
        return
    edges = [count * s // shares for s in range(shares + 1)]
    jobs = [
        _pool(threads).submit(kernel, *(array[lo:hi] for array in rows), *shared)
        for lo, hi in pairwise(edges)
    ]
    for job in jobs:
        job.result()


def as_rows(theta: np.ndarray, columns: int) -> np.ndarray:
    """theta (B, ≥columns) as the one kind of array that the kernels are compiled for."""
    if theta.ndim != 2 or theta.shape[1] < columns:
        raise ValueError(f"found an array of shape {theta.shape}, expected (B, {columns} or more)")
    known = theta.dtype is DOUBLE and theta.flags.carray
    return theta if known else np.array(theta, DOUBLE, order="C")


def as_vector(values: Any, size: int) -> np.ndarray:
    """(size,) in the same way, from as many values or from one."""
    out = np.empty(size)
    out[:] = values
    return out


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernels")


if hasattr(os, "register_at_fork"):  # threads do not live on in a forked process
    os.register_at_fork(after_in_child=_pool.cache_clear)
