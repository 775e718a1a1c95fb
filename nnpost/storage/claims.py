"""What a run file says of itself, held against its bytes before anything of it is used.

A file may be damaged, or made by somebody to do harm. So nothing outside the file is followed, no
type is taken but numbers and text, and nothing may be declared larger than the file can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from ..common.errors import RequestError
from ..common.hdf5 import Unsound, check_array, must
from .commit import records
from .trees import read_whole

__all__ = ["check_claims"]

DEEPEST = 32  # groups within groups
MOST = 1_000_000  # objects
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
                check_array(name, item, size)
        for name in {*file} - CHAIN:
            must(isinstance(file[name], h5py.Group), name, "found an array", "a group")
            read_whole(file, name)
        if "mcmc" in file:
            _check_chain(file)
    except Unsound as unsound:
        raise RequestError(
            f"{file.filename} cannot be used: {unsound} as nnpost writes it; restore the file from "
            "a copy, or run the experiment again"
        ) from None


def _objects(
    group: h5py.h5g.GroupID, path: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, h5py.h5g.GroupID | h5py.h5d.DatasetID]]:
    """All groups and datasets with their paths; nothing outside the file, and nothing twice."""
    for short in group:
        name = f"{path}{short.decode('utf-8', 'replace')}"
        must(group.links.get_info(short).type == h5py.h5l.TYPE_HARD, name, "found a link", "data")
        item = h5py.h5o.open(group, short)
        address = h5py.h5o.get_info(item).addr
        must(address not in seen, name, "found a second name of other data", "data of its own")
        seen.add(address)
        must(len(seen) < MOST and depth < DEEPEST, name, "found too many groups", "a tree")
        must(isinstance(item, KINDS), name, "found a type", "a group or an array")
        yield name, item
        if isinstance(item, h5py.h5g.GroupID):
            yield from _objects(item, f"{name}/", depth + 1, seen)


KINDS = h5py.h5g.GroupID, h5py.h5d.DatasetID


def _check_chain(file: h5py.File) -> None:
    group = file["mcmc"]
    must({"chain", "log_prob", "accepted"} <= {*group}, "mcmc", f"found {[*group]}", "a chain")
    chain, log_prob, accepted = (group[name] for name in ("chain", "log_prob", "accepted"))
    shape = chain.shape
    found = f"found arrays of shapes {shape}, {log_prob.shape} and {accepted.shape}"
    fits = len(shape) == 3 and log_prob.shape == shape[:2] and accepted.shape == shape[1:2]
    must(fits and 0 not in shape[1:], "mcmc", found, "(N, W, P), (N, W) and (W,)")
    floats = all(d.dtype == np.float64 for d in (chain, log_prob, accepted))
    must(floats, "mcmc", "found other numbers", "float64")
    must(
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
    must(slots and bytes_, "resume", f"found {[*group]}", "records")
    if "digests" in group:
        right = group["digests"].shape == shape[:1] and group["digests"].dtype == np.uint32
        must(right, "resume/digests", "found another array", "one for each row")
    for mark, _ in records(file):
        counts = mark.accepted.shape == shape[1:2] and np.all(mark.accepted >= 0)
        whole = isinstance(mark.iteration, int) and 0 < mark.iteration <= shape[0]
        must(whole and counts, "resume", f"found a commit of {mark.iteration} rows", "its rows")


def _check_count(group: h5py.Group, name: str, least: int, most: int) -> None:
    value: Any = group.attrs.get(name)
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    must(
        whole and least <= int(value) <= most,
        f"mcmc, {name}",
        f"found {value!r}"[:60],
        f"a whole number from {least} to {most:,}",
    )
