"""The chain of a run file, read: its committed rows, and thinned copies."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

import h5py
import numpy as np

from ..common.errors import RequestError
from .commit import newest_record
from .runfile import (
    lock,
    open_run,
    read_tree,
    replacing,
    telling_damage,
    write_tree,
)

__all__ = [
    "StoredChain",
    "check_resumable",
    "committed_rows",
    "read_chain",
    "thinned_by",
    "thinned_copy",
]


class StoredChain(NamedTuple):
    """The committed rows of a run file."""

    chain: np.ndarray  # (N, W, P)
    log_prob: np.ndarray  # (N, W)
    accepted: np.ndarray  # (W,), of `iteration` proposals each
    iteration: int  # rows in the file, those not read included
    every: int  # 1, or the rows of the original that one row of a thinned copy stands for


def _committed(file: h5py.File) -> tuple[int, np.ndarray]:
    """Rows and accepted counts (W,) of the last commit; a file without records says so itself."""
    if "mcmc" not in file:
        return 0, np.zeros(0)
    if "resume" in file:
        last = newest_record(file)
        return (last[0].iteration, last[0].accepted) if last else (0, np.zeros(0))
    return int(file["mcmc"].attrs["iteration"]), file["mcmc/accepted"][()]


def committed_rows(path: str | os.PathLike[str]) -> int:
    """How many rows the chain of a run file has; 0 if it has no chain yet."""
    with open_run(path) as file, telling_damage(path):
        return _committed(file)[0]


def check_resumable(path: str | os.PathLike[str]) -> None:
    """Refuse a chain that cannot be continued, such as that of a thinned copy.

    Raises:
        RequestError: the file is unusable, or its chain has no commit records.
    """
    with open_run(path) as file, telling_damage(path):
        if "mcmc" in file:
            newest_record(file)


def thinned_by(path: str | os.PathLike[str]) -> int:
    """How many rows of the original one row stands for; 1 but for a thinned copy."""
    with open_run(path) as file, telling_damage(path):
        return int(file["mcmc"].attrs.get("every", 1)) if "mcmc" in file else 1


def read_chain(path: str | os.PathLike[str], discard: int = 0) -> StoredChain:
    """Read the committed rows of a run file from row ``discard`` on.

    Raises:
        RequestError: the file is unusable or has no rows yet.
    """
    with open_run(path) as file, telling_damage(path):
        iteration, accepted = _committed(file)
        if iteration == 0:
            raise RequestError(f"{path} has no chain yet: sample first, with 'nnpost sample'")
        group, rows = file["mcmc"], slice(discard, iteration)
        every = int(group.attrs.get("every", 1))
        return StoredChain(
            group["chain"][rows], group["log_prob"][rows], accepted, iteration, every
        )


def thinned_copy(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    every: int,
    drop: Collection[str] = (),
) -> None:
    """Write a small compressed copy of a run file with every ``every``-th row of its chain.

    Row i of the copy is row ``(i + 1) * every - 1`` of the original, as emcee thins; the accepted
    counts are scaled so that acceptance fractions stay. The copy cannot be resumed.

    Raises:
        RequestError: the source is unusable or has fewer rows than ``every``, or the target exists
            and is not a run file, or cannot be written.
    """
    kept = read_chain(source)
    rows = kept.iteration // every
    if rows == 0:
        raise RequestError(f"{source} has {kept.iteration} rows: cannot keep every {every}th")
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    with lock(target), open_run(source) as old, replacing(target) as new:
        for name in old:
            if name not in {"mcmc", "resume", *drop}:
                with telling_damage(source):
                    tree = read_tree(old[name])
                write_tree(new.create_group(name, track_order=True), tree, **packed)
        thin = slice(every - 1, None, every)
        group = new.create_group("mcmc")
        group.attrs.update(old["mcmc"].attrs)
        group.attrs.update(iteration=rows, every=every * kept.every)
        group["accepted"] = kept.accepted * (rows / kept.iteration)
        group.create_dataset("chain", data=kept.chain[thin], **packed)
        group.create_dataset("log_prob", data=kept.log_prob[thin], **packed)
