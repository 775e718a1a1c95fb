"""Workers: processes of this machine, or a Dask cluster that is there already.

Whatever the cluster is made of, one thing is asked of it: a scheduler with an address, whose
workers have the same version of nnpost and see the same files. A local worker computes with one
thread unless it is told otherwise; another one with as many as OMP_NUM_THREADS says there, which
Dask sets to 1 where it is not set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ..common.errors import RequestError
from ..common.progress import Progress
from ..common.rules import COUNT, checked

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Workers", "needs"]

# Variables that tell numeric libraries how many threads to take.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WAIT = "30s"  # for an answer of a scheduler


@dataclass(frozen=True)
class Workers:
    """Where tasks are carried out: on the cluster of ``scheduler``, or in local processes.

    Raises:
        RequestError: numbers that make no sense, or that are another scheduler's to say.
    """

    scheduler: str | None = None  # an address, as in tcp://10.0.0.1:8786
    processes: int | None = None  # of this machine; None for as many as it has cores for
    threads: int | None = None  # of each process; None for one

    def __post_init__(self) -> None:
        for name, value in (("workers", self.processes), ("threads", self.threads)):
            if value is None:
                continue
            checked(f"--{name}", value, COUNT)
            if self.scheduler is not None:
                raise RequestError(
                    f"--{name}: the workers of {self.scheduler} are there already, with their own; "
                    "leave out one of the two"
                )

    @property
    def of_each(self) -> int:
        """Threads of a local process."""
        return self.threads or 1

    @property
    def here(self) -> int:
        """Local processes: where nothing is said, all their threads are as many as cores."""
        return self.processes or max(1, _cores() // self.of_each)

    def __str__(self) -> str:
        if self.scheduler is not None:
            return f"the workers of {self.scheduler}"
        return "one process" if self.here == 1 else f"{self.here} processes"

    @contextmanager
    def client(self, progress: Progress | bool = True) -> Iterator[Client]:
        """A Dask client, with which tasks are submitted. Local processes end with the block.

        Raises:
            RequestError: Dask is not installed, or nobody answers at the scheduler's address.
        """
        needs("distributed", "dask")
        if self.scheduler is not None:
            with _connected(self.scheduler) as client:
                yield client
            return
        import dask
        from distributed import Client, LocalCluster

        _compile_once(progress)
        with (
            dask.config.set({"distributed.worker.profile.enabled": False}),  # a tenth of the time
            LocalCluster(
                n_workers=self.here,
                threads_per_worker=1,  # a task at a time
                env={name: str(self.of_each) for name in THREADS},
                preload=["nnpost.sweep.quiet"],
                memory_limit=0,  # as much as there is, as for a run by itself
                dashboard_address="127.0.0.1:0",  # any port: others may have clusters, too
                silence_logs=logging.CRITICAL,  # what fails is told by whoever waits for it
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


def needs(module: str, package: str) -> None:
    """Raise RequestError where an optional package is not installed."""
    try:
        import_module(module)
    except ModuleNotFoundError:
        raise RequestError(
            f"this needs {package}, which is not installed: pip install 'nnpost[sweep]'"
        ) from None


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # what fails is told by whoever waits for it
    try:
        with _answering(Client, address) as client:
            yield client
    finally:
        logger.setLevel(before)


def _answering(client: type[Client], address: str) -> Client:
    try:
        return client(address, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"--scheduler: found {address}, where nobody answers ({error}); expected the address "
            "that `dask scheduler` prints, as in tcp://10.0.0.1:8786"
        ) from None


def _compile_once(progress: Progress | bool) -> None:
    """Compile the densities here, where they have not been: or every process would by itself."""
    import numpy as np

    from ..data.dataset import Dataset
    from ..network.mlp import MLP
    from ..posterior.posterior import Posterior

    Posterior(MLP(1), Dataset(np.zeros(1), np.zeros(1))).make_ready(progress)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
