"""How many threads torch uses while many small steps are made.

Splitting a small batch over threads costs more than it saves, a lot more on a machine that is
busy with other things, and the walkers of a usual run are a small batch.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["side_by_side", "threads_for"]

Result = TypeVar("Result")

SMALL = 2**23  # numbers in one step, all walkers, points and units together


@contextmanager
def threads_for(numbers: int) -> Iterator[None]:
    """Keep torch on one thread within the block if a step works on few ``numbers``."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if numbers < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(work: Callable[[int], Result], count: int) -> list[Result]:
    """``work(0)`` … ``work(count − 1)``, as many at once as there are cores, one thread each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(min(count, cores or 1), initializer=_alone) as pool:
        return list(pool.map(work, range(count)))


def _alone() -> None:
    torch.set_num_threads(1)
