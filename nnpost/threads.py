"""How many threads torch uses while many small steps are made.

Splitting a small batch over threads costs more than it saves, a lot more on a machine that is
busy with other things, and the walkers of a usual run are a small batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_for"]

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
