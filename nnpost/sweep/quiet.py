"""What Dask loads in every local worker before its first task.

Ctrl-C goes to all processes of a terminal. It is for the one that was asked, which ends the others
when they have written what they have.
"""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Called by Dask in the main thread of the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
