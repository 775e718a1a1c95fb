"""What a run file says of itself, held against its bytes before anything of it is used.

A file may be damaged, or made by somebody to do harm. So nothing outside the file is followed, no
type is taken but numbers and text, and nothing may be declared larger than the file can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from ..common.errors import RequestError
from .commit import records
from .trees import read_whole

__all__ = ["check_claims"]

DEEPEST = 32  # groups within groups
MOST = 1_000_000  # objects
CHUNK = 2**28  # bytes of one chunk, in memory
PACKED = 2**26, 200  # bytes, and times its stored size, that a compressed array may have
NUMBERS = h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM
FILTERS = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32
CHAIN = {"mcmc", "resume"}


def check_claims(file: h5py.File) -> None:
    """Go through the whole structure, and read all but the rows of the chain.

    Raises:
        RequestError: the file claims what it cannot hold, or holds what nnpost does not write.
            Other errors are those of HDF5 and numpy on damaged bytes.
    """
    size = file.id.get_filesize()
    try:
        seen: set[int] = set()
        for name, item in _objects(file.id, "", 0, seen):
            if isinstance(item, h5py.h5d.DatasetID):
                _check_dataset(name, item, size)
        for name in {*file} - CHAIN:
            _must(isinstance(file[name], h5py.Group), name, "found an array", "a group")
            read_whole(file, name)
        if "mcmc" in file:
            _check_chain(file)
    except _Unsound as unsound:
        raise RequestError(f"{file.filename} cannot be used: {unsound}") from None


class _Unsound(Exception):
    """One line: where, what was found, what was expected."""


def _must(holds: object, name: str, found: str, expected: str) -> None:
    if not holds:
        raise _Unsound(
            f"'{name}': {found}, expected {expected} as nnpost writes it; restore the file from a "
            "copy, or run the experiment again"
        )


def _objects(
    group: h5py.h5g.GroupID, path: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, h5py.h5g.GroupID | h5py.h5d.DatasetID]]:
    """All groups and datasets with their paths; nothing outside the file, and nothing twice."""
    for short in group:
        name = f"{path}{short.decode('utf-8', 'replace')}"
        _must(group.links.get_info(short).type == h5py.h5l.TYPE_HARD, name, "found a link", "data")
        item = h5py.h5o.open(group, short)
        address = h5py.h5o.get_info(item).addr
        _must(address not in seen, name, "found a second name of other data", "data of its own")
        seen.add(address)
        _must(len(seen) < MOST and depth < DEEPEST, name, "found too many groups", "a tree")
        _must(isinstance(item, KINDS), name, "found a type", "a group or an array")
        yield name, item
        if isinstance(item, h5py.h5g.GroupID):
            yield from _objects(item, f"{name}/", depth + 1, seen)


KINDS = h5py.h5g.GroupID, h5py.h5d.DatasetID


def _check_dataset(name: str, item: h5py.h5d.DatasetID, size: int) -> None:
    plan, kind = item.get_create_plist(), item.get_type()
    text = kind.get_class() == h5py.h5t.STRING
    _must(text or kind.get_class() in NUMBERS, name, "found another type", "numbers or text")
    _must(plan.get_external_count() == 0, name, "found data in other files", "data")
    count, layout = math.prod(item.shape), plan.get_layout()
    wanted = count * kind.get_size()
    found = f"found {wanted:,} bytes declared in a file of {size:,} bytes"
    expected = "what the file can hold"
    if layout == h5py.h5d.CHUNKED:
        _check_chunks(name, item, wanted, size)
    elif layout == h5py.h5d.CONTIGUOUS:
        place = item.get_offset()
        _must(wanted == 0 or (place or size) + wanted <= size, name, found, expected)
    else:
        _must(layout == h5py.h5d.COMPACT, name, "found data elsewhere", "data")
        _must(wanted <= item.get_storage_size(), name, found, expected)


def _check_chunks(name: str, item: h5py.h5d.DatasetID, wanted: int, size: int) -> None:
    plan, shape = item.get_create_plist(), item.shape
    chunk = plan.get_chunk()
    filters = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
    _must({*filters} <= {*FILTERS}, name, "found another filter", "gzip or none")
    large = math.prod(chunk) * item.get_type().get_size()
    _must(large <= max(CHUNK, size), name, f"found chunks of {large:,} bytes", "smaller ones")
    stored = item.get_storage_size()
    most = max(PACKED[0], PACKED[1] * stored) if filters else stored
    found = f"found {wanted:,} bytes declared and {stored:,} stored"
    _must(wanted <= most and stored <= size, name, found, "what the file can hold")
    pieces = math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True))
    _must(wanted == 0 or item.get_num_chunks() == pieces, name, "found lost parts", "all of them")
    ends: list[int] = []
    item.chunk_iter(lambda part: ends.append(part.byte_offset + part.size))
    _must(max(ends, default=0) <= size, name, "found parts beyond the end of the file", "none")


def _check_chain(file: h5py.File) -> None:
    group = file["mcmc"]
    _must({"chain", "log_prob", "accepted"} <= {*group}, "mcmc", f"found {[*group]}", "a chain")
    chain, log_prob, accepted = (group[name] for name in ("chain", "log_prob", "accepted"))
    shape = chain.shape
    found = f"found arrays of shapes {shape}, {log_prob.shape} and {accepted.shape}"
    fits = len(shape) == 3 and log_prob.shape == shape[:2] and accepted.shape == shape[1:2]
    _must(fits and 0 not in shape[1:], "mcmc", found, "(N, W, P), (N, W) and (W,)")
    floats = all(d.dtype == np.float64 for d in (chain, log_prob, accepted))
    _must(floats, "mcmc", "found other numbers", "float64")
    _must(
        np.all((accepted[()] >= 0) & np.isfinite(accepted[()])),
        "mcmc/accepted",
        "found numbers that cannot be counts",
        "counts",
    )
    _check_count(group, "iteration", 0, len(chain))
    if "every" in group.attrs:
        _check_count(group, "every", 1, 2**62)
    if "resume" in file:
        _check_resume(file, shape)


def _check_resume(file: h5py.File, shape: tuple[int, ...]) -> None:
    group = file["resume"]
    slots = [name for name in group if name.startswith("slot_")]
    arrays = all(isinstance(group[n], h5py.Dataset) and group[n].ndim == 1 for n in group)
    bytes_ = arrays and all(group[name].dtype == np.uint8 for name in slots)
    _must(slots and bytes_, "resume", f"found {[*group]}", "records")
    if "digests" in group:
        right = group["digests"].shape == shape[:1] and group["digests"].dtype == np.uint32
        _must(right, "resume/digests", "found another array", "one for each row")
    for mark, _ in records(file):
        counts = mark.accepted.shape == shape[1:2] and np.all(mark.accepted >= 0)
        whole = isinstance(mark.iteration, int) and 0 < mark.iteration <= shape[0]
        _must(whole and counts, "resume", f"found a commit of {mark.iteration} rows", "its rows")


def _check_count(group: h5py.Group, name: str, least: int, most: int) -> None:
    value: Any = group.attrs.get(name)
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    _must(
        whole and least <= int(value) <= most,
        f"mcmc, {name}",
        f"found {value!r}"[:60],
        f"a whole number from {least} to {most:,}",
    )
