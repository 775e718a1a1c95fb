"""The rows of a chain in its run file: overwritten in place, and read with their digests.

HDF5 keeps what it is given for a while, and tells of a write that failed only when it lets go of
the dataset, where Python drops the error. So rows, digests and records are written by the system's
own calls, to the bytes that HDF5 has set aside for them; an error comes at once. Only the
attributes and counts that emcee reads go through HDF5, last.

The digest of a row is the CRC-32 of its number, its parameters and its log densities. Files that
were made before there were digests, and thinned copies, which have checksums of HDF5's, have none.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress

import h5py
import numpy as np

from ..common.errors import RequestError
from ..common.guard import trust
from .backend import Commit
from .commit import SLOTS, records, show_emcee
from .runfile import in_place

__all__ = ["OpenChain", "copy_rows", "digests", "put", "read_rows", "whole_record"]

BLOCK_BYTES = 2**23  # of rows that are looked at together


def digests(numbers: Iterable[int], chain: np.ndarray, log_prob: np.ndarray) -> np.ndarray:
    """The digest of each of the rows that have these numbers, (N,)."""
    rows = zip(numbers, np.ascontiguousarray(chain), np.ascontiguousarray(log_prob), strict=True)
    return np.array([zlib.crc32(p, zlib.crc32(c, number)) for number, c, p in rows], np.uint32)


def read_rows(file: h5py.File, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of a run file: chain (N, W, P) and log densities (N, W).

    Raises:
        RequestError: a row is not the one that was written.
    """
    chain, log_prob = (_uncached(file["mcmc"], name)[rows] for name in ("chain", "log_prob"))
    if "resume/digests" in file:
        kept = file["resume/digests"][rows]
        numbers = range(*rows.indices(len(file["resume/digests"])))
        wrong = np.flatnonzero(digests(numbers, chain, log_prob) != kept)
        if len(wrong):
            raise RequestError(
                f"{file.filename} is damaged: row {numbers[wrong[0]]} of its chain is not the one "
                "that was written; restore it from a copy, or go on from the last commit that is "
                "whole with 'nnpost sample --resume'"
            )
    return chain, log_prob


def _uncached(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset of which single rows are read: HDF5 reads whole chunks into its cache."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    plan.set_chunk_cache(1, 0, 0.0)
    return h5py.Dataset(h5py.h5d.open(group.id, name.encode(), plan))


def _blocks(file: h5py.File, rows: int) -> range:
    row = 8 * int(np.prod(file["mcmc/chain"].shape[1:]))
    return range(0, rows, max(1, BLOCK_BYTES // max(row, 1)))


def whole_record(file: h5py.File) -> tuple[Commit, int] | None:
    """The last commit all rows of which are as they were written; None if there was none yet.

    Nor is there one where the power was cut before the first was synced: until then the first slot
    is empty.

    Raises:
        RequestError: there are no records, or none of them has all of its rows.
    """
    refused, found = None, records(file)
    for mark, slot in found:
        blocks = _blocks(file, mark.iteration)
        try:
            for start in blocks:
                read_rows(file, slice(start, min(start + blocks.step, mark.iteration)))
        except RequestError as error:
            refused = error
        else:
            return mark, slot
    if refused is not None and any(slot == 0 for _, slot in found):
        raise refused
    return None


def copy_rows(old: h5py.File, new: h5py.File, rows: int) -> None:
    """Copy the first ``rows`` rows into a file that has room for them, with their digests."""
    targets = [new[name] for name in ("mcmc/chain", "mcmc/log_prob", "resume/digests")]
    blocks = _blocks(old, rows)
    for start in blocks:
        stop = min(start + blocks.step, rows)
        chain, log_prob = read_rows(old, slice(start, stop))
        kept = chain, log_prob, digests(range(start, stop), chain, log_prob)
        for target, values in zip(targets, kept, strict=True):
            target[start:stop] = values
    for target in targets:
        target.flush()  # here, while it is held: see the top of the module


def put(handle: int, values: bytes, place: int) -> None:
    """Write all bytes of ``values`` at a place of a file. Raises OSError."""
    left = memoryview(values)
    while left:
        written = os.pwrite(handle, left, place)
        left, place = left[written:], place + written


class OpenChain:
    """A run file whose chain is overwritten in place.

    Raises:
        OSError: the file cannot be written. What has been written before stays.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path, self.file = path, in_place(path)
        self._handle = os.open(path, os.O_RDWR)

    @property
    def rows(self) -> int:
        """How many rows there is room for."""
        return len(self.file["mcmc/chain"])

    @property
    def record_bytes(self) -> int:
        """How long a record may be."""
        return len(self.file["resume/slot_0"])

    @property
    def ours(self) -> bool:
        """Whether the file is laid out as rows are written now; earlier versions' files are not."""
        group, after = self.file["mcmc"], self.file["resume"]
        return (
            {*after} == {"digests", *(f"slot_{slot}" for slot in range(SLOTS))}
            and after["digests"].shape == (self.rows,)
            and all(
                group[name].dtype == np.float64
                and group[name].chunks is not None
                and group[name].chunks[1:] == group[name].shape[1:]
                and group[name].id.get_create_plist().get_nfilters() == 0
                for name in ("chain", "log_prob")
            )
        )

    def is_at(self, path: str | os.PathLike[str]) -> bool:
        """Whether this is still the file of that name."""
        return os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(self._handle))

    def put_rows(self, first: int, chain: np.ndarray, log_prob: np.ndarray) -> None:
        """Overwrite rows from number ``first`` on, and their digests."""
        self._put_chunks("mcmc/chain", first, chain)
        self._put_chunks("mcmc/log_prob", first, log_prob)
        numbers = range(first, first + len(chain))
        self._put("resume/digests", digests(numbers, chain, log_prob).tobytes(), 4 * first)

    def put_record(self, slot: int, record: bytes) -> None:
        """Put a commit record into a slot."""
        self._put(f"resume/slot_{slot}", record, 0)

    def forget_after(self, mark: Commit) -> None:
        """Remove the records of later commits, which lack rows."""
        for later, slot in records(self.file):
            if later.iteration > mark.iteration:
                self.put_record(slot, bytes(self.record_bytes))

    def show(self, mark: Commit) -> None:
        """Bring what emcee reads in line with a commit."""
        show_emcee(self.file, mark)

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        os.fsync(self._handle)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()
        os.close(self._handle)
        with suppress(OSError):  # it may be gone
            trust(self._path)

    def _put(self, name: str, values: bytes, place: int) -> None:
        put(self._handle, values, self._known(name, self.file[name].id.get_offset()) + place)

    def _put_chunks(self, name: str, first: int, values: np.ndarray) -> None:
        dataset = self.file[name]
        chunk, row_bytes = dataset.chunks[0], 8 * int(np.prod(dataset.shape[1:]))
        while len(values):
            within = first % chunk
            corner = (first - within, *(0 for _ in dataset.shape[1:]))
            place = self._known(name, dataset.id.get_chunk_info_by_coord(corner).byte_offset)
            now, values = values[: chunk - within], values[chunk - within :]
            put(self._handle, now.tobytes(), place + within * row_bytes)
            first += len(now)

    @staticmethod
    def _known(name: str, place: int | None) -> int:
        if place is None:
            raise OSError(f"the file has no space set aside for {name}")
        return place
