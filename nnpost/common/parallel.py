"""How many threads are used while many small steps are made.

Splitting a small batch over threads costs more than it saves, a lot more on a machine that is
busy with other things, and the walkers of a usual run are a small batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, local
from typing import TypeVar

import torch

__all__ = ["SMALL", "SideBySide", "cores", "kernel_threads", "threads_for"]

Result = TypeVar("Result")

SMALL = 2**23  # numbers in one step, all walkers, points and units together
SMALL_FOR_KERNELS = 200_000  # the same for compiled kernels, whose threads cost less

_here = local()  # ``beside_others`` in threads whose calls go side by side


def cores() -> int:
    """Threads that may be used: OMP_NUM_THREADS where that is set, else one a core."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(asked)) if asked.isdigit() else _available()


def kernel_threads(numbers: int) -> int:
    """Threads for compiled kernels that work on so many ``numbers``; no bit depends on it."""
    if numbers < SMALL_FOR_KERNELS or getattr(_here, "beside_others", False):
        return 1
    return cores()


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def threads_for(numbers: int) -> Iterator[None]:
    """Keep torch on one thread within the block if a step works on few ``numbers``."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if numbers < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class SideBySide:
    """Calls of one function for 0 … count − 1, as many at once as :func:`cores`, a thread each.

    A call that takes long asks :meth:`check` now and then, which ends it where the others failed or
    were interrupted.
    """

    def __init__(self, count: int) -> None:
        self.count, self.workers = count, min(count, cores())
        self._over = Event()

    def __call__(
        self,
        work: Callable[[int], Result],
        then: Callable[[int, Result], None] = lambda number, result: None,
    ) -> list[Result]:
        """All results. ``then`` is called with each, in their order and in the caller's thread."""
        several, found = self.workers > 1, list[Result]()
        with ThreadPoolExecutor(self.workers, initializer=_settle, initargs=(several,)) as pool:
            try:
                for number, result in enumerate(pool.map(work, range(self.count))):
                    found.append(result)
                    then(number, result)
                return found
            except BaseException:
                self._over.set()  # before leaving the pool, which waits for what is running
                raise

    def check(self) -> None:
        """Raise KeyboardInterrupt if nobody waits for the result any more."""
        if self._over.is_set():
            raise KeyboardInterrupt


def _settle(beside_others: bool) -> None:
    _here.beside_others = beside_others
    torch.set_num_threads(1)
