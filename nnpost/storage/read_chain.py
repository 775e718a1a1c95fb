"""The chain of a run file, read: its committed rows, and thinned copies."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import h5py
import numpy as np

from ..common.errors import RequestError
from ..common.rules import COUNT, checked
from .commit import newest_record
from .rows import read_rows
from .runfile import UNCOPIED, lock, open_run, replacing, telling_damage
from .trees import DIGEST, copy_packed, digest, read_whole

__all__ = [
    "chain_size",
    "check_resumable",
    "committed_rows",
    "read_chain",
    "thinned_by",
    "thinned_copy",
]


LOOKS = 20  # at slots that a writer may be overwriting, before their records count as lost
CHUNK_BYTES = 2**20  # of a thinned copy: what HDF5 keeps in memory of a dataset


class ChainSize(NamedTuple):
    """How large the committed chain of a run file is."""

    iteration: int  # rows
    walkers: int
    accepted: np.ndarray  # (W,), of `iteration` proposals each
    every: int  # 1, or the rows of the original that one row of a thinned copy stands for


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
        return _recorded(file)
    group = file["mcmc"]
    if group.attrs.get(DIGEST, _counts(group)) != _counts(group):
        raise RequestError(
            f"{file.filename} is damaged: the counts of its chain are not what was written; "
            "restore it from a copy"
        )
    return int(group.attrs["iteration"]), group["accepted"][()]


def _recorded(file: h5py.File) -> tuple[int, np.ndarray]:
    """The same from the newest record.

    What emcee reads is written after the record of the same rows. So it is never ahead, read first,
    but where that record has been damaged since, or a power cut has taken it.
    """
    shown, rows = int(file["mcmc"].attrs["iteration"]), 0
    for _ in range(LOOKS):
        last = newest_record(file)
        rows, accepted = (last[0].iteration, last[0].accepted) if last else (0, np.zeros(0))
        if rows >= shown:
            return rows, accepted
    raise RequestError(
        f"{file.filename} is damaged: its chain had {shown} rows, and the record of them is not "
        f"what was written; restore it from a copy, or go on from the {rows} rows of the commit "
        "before with 'nnpost sample --resume'"
    )


def _counts(group: h5py.Group) -> int:
    """The digest of what a thinned copy says of its chain."""
    told = {name: int(group.attrs.get(name, 1)) for name in ("iteration", "every")}
    return digest({**told, "accepted": group["accepted"][()]})


def committed_rows(path: str | os.PathLike[str]) -> int:
    """How many rows the chain of a run file has; 0 if it has no chain yet."""
    with open_run(path) as file, telling_damage(path):
        return _committed(file)[0]


def chain_size(path: str | os.PathLike[str]) -> ChainSize | None:
    """The size of the chain, of which no row is read; None if there is none yet.

    Raises:
        RequestError: the file is unusable.
    """
    with open_run(path) as file, telling_damage(path):
        iteration, accepted = _committed(file)
        if iteration == 0:
            return None
        walkers = file["mcmc/chain"].shape[1]
        return ChainSize(iteration, walkers, accepted, int(file["mcmc"].attrs.get("every", 1)))


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
        iteration, accepted = _some_rows(file, path)
        every = int(file["mcmc"].attrs.get("every", 1))
        return StoredChain(*read_rows(file, slice(discard, iteration)), accepted, iteration, every)


def _some_rows(file: h5py.File, path: str | os.PathLike[str]) -> tuple[int, np.ndarray]:
    iteration, accepted = _committed(file)
    if iteration == 0:
        raise RequestError(f"{path} has no chain yet: sample first, with 'nnpost sample'")
    return iteration, accepted


def thinned_copy(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    every: int,
) -> None:
    """Write a small compressed copy of a run file with every ``every``-th row of its chain.

    Row i of the copy is row ``(i + 1) * every - 1`` of the original, as emcee thins; the accepted
    counts are scaled so that acceptance fractions stay. The copy cannot be resumed. The chain is
    copied block by block, so that its length does not matter.

    Raises:
        RequestError: ``every`` is no whole number of at least 1, the source is unusable or has
            fewer rows than that, or the target is the source, exists and is not a run file, or
            cannot be written.
    """
    checked("every", every, COUNT)
    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
        raise RequestError(
            f"{target} is the file to be thinned itself, whose other rows would be lost: choose "
            "another file for the copy"
        )
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "fletcher32": True}
    with open_run(source) as old:
        with telling_damage(source):
            iteration, accepted = _some_rows(old, source)
            others = [name for name in old if name not in {"mcmc", "resume"}]
            for name in others:
                read_whole(old, name)
        rows = iteration // every
        if rows == 0:
            raise RequestError(f"{source} has {iteration} rows: cannot keep one in {every:,}")
        with lock(target), replacing(target, _room_for_copy(old, rows)) as new:
            for name in others:
                group = new.create_group(name, track_order=True)
                with telling_damage(source, UNCOPIED):
                    group.attrs.update(old[name].attrs)
                    copy_packed(old[name], group, **packed)
            kept, group = old["mcmc"], new.create_group("mcmc")
            with telling_damage(source, UNCOPIED):
                group.attrs.update(kept.attrs)
            group.attrs.update(iteration=rows, every=every * int(kept.attrs.get("every", 1)))
            group["accepted"] = accepted * (rows / iteration)
            group.attrs[DIGEST] = _counts(group)
            _thin(old, group, rows, every, packed)


def _room_for_copy(old: h5py.File, rows: int) -> int:
    """What a copy needs where nothing can be compressed."""
    chain = [old["mcmc"][name] for name in ("chain", "log_prob")]
    kept = sum(rows * 8 * int(np.prod(part.shape[1:])) for part in chain)
    gone = sum(part.id.get_storage_size() for part in chain)
    return max(os.path.getsize(old.filename) - gone, 0) + kept + 2**16


def _thin(old: h5py.File, group: h5py.Group, rows: int, every: int, packed: dict[str, Any]) -> None:
    """Copy ``rows`` rows into new datasets, a chunk at a time."""
    walkers, ndim = old["mcmc/chain"].shape[1:]
    block = min(rows, max(1, CHUNK_BYTES // (8 * walkers * ndim)))
    thin = [
        group.create_dataset(name, (rows, *row), "f8", chunks=(block, *row), **packed)
        for name, row in (("chain", (walkers, ndim)), ("log_prob", (walkers,)))
    ]
    for start in range(0, rows, block):
        stop = min(start + block, rows)
        with telling_damage(old.filename):
            parts = read_rows(old, slice((start + 1) * every - 1, stop * every, every))
        for target, part in zip(thin, parts, strict=True):
            target[start:stop] = part
    for target in thin:
        target.flush()  # while it is held, so that an error is heard
