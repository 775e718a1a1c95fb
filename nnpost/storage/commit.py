"""The groups ``mcmc`` and ``resume`` of a run file, and the records of commits.

``mcmc`` has emcee 3.1.6's layout: ``chain`` (N, W, P), ``log_prob`` (N, W), ``accepted`` (W,) and
attributes. ``resume`` has a digest of each row, and slots of bytes, each with room for one record:
all that the next step of a chain depends on besides the last row, behind its length and checksum.
:mod:`nnpost.storage.hdf_backend` tells what they are for. Nothing but :func:`allocate` changes the
structure of the file.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import h5py
import numpy as np

from ..common.errors import RequestError
from .backend import Commit, RandomState

__all__ = [
    "SLOTS",
    "allocate",
    "newest_record",
    "pack",
    "placeholder",
    "records",
    "room_for_chain",
    "show_emcee",
    "write_record",
]

_EMCEE = "3.1.6"  # the version whose layout group `mcmc` has
SLOTS = 3  # one for the last commit that is synced, one for the last, one for the next
_HEADER = struct.Struct("<QI")  # length and checksum of a record


def pack(mark: Commit) -> bytes:
    """A commit record: length, checksum, and a NumPy archive without pickles."""
    if mark.random_state is None or mark.random_state[0] != "MT19937":
        raise TypeError(
            "a run file keeps the state of an MT19937 generator (RandomState); none came"
        )
    _, key, position, has_gauss, gauss = mark.random_state
    moves = {f"move:{name}": value for name, value in mark.moves.items()}
    if any(value.dtype.hasobject for value in moves.values()):
        raise TypeError("the state of a move must be arrays of numbers")  # or savez would pickle
    archive = io.BytesIO()
    np.savez(
        archive,
        iteration=np.array(mark.iteration),
        accepted=mark.accepted,
        key=key,
        position=np.array([position, has_gauss]),
        gauss=np.array(gauss),
        **moves,  # type: ignore[arg-type]
    )
    body = archive.getvalue()
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def _unpack(slot: bytes) -> Commit | None:
    """Read a record; None if there is none, or only a part of one."""
    length, checksum = _HEADER.unpack_from(slot)
    body = slot[_HEADER.size : _HEADER.size + length]
    if length == 0 or zlib.crc32(body) != checksum:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        kept = {name: archive[name] for name in archive.files}
    position, has_gauss = kept["position"].tolist()
    random_state = ("MT19937", kept["key"], position, has_gauss, kept["gauss"].item())
    moves = {name[5:]: kept[name] for name in kept if name.startswith("move:")}
    return Commit(kept["iteration"].item(), kept["accepted"], random_state, moves)


def records(file: h5py.File) -> list[tuple[Commit, int]]:
    """The commits that the slots hold, with their slots, the newest first."""
    if "resume" not in file:
        raise RequestError(
            f"{file.filename} cannot be resumed: its chain has no commit records (a thinned copy "
            "has none); resume the original or start anew"
        )
    slots = [name for name in file["resume"] if name.startswith("slot_")]
    found = [(_unpack(file["resume"][name][()].tobytes()), int(name[5:])) for name in slots]
    marks = [(mark, slot) for mark, slot in found if mark is not None]
    return sorted(marks, key=lambda pair: pair[0].iteration, reverse=True)


def newest_record(file: h5py.File) -> tuple[Commit, int] | None:
    """The last commit and its slot; None if there was none yet."""
    return next(iter(records(file)), None)


def write_record(file: h5py.File, slot: int, record: bytes) -> None:
    """Put a record into a slot."""
    file[f"resume/slot_{slot}"][: len(record)] = np.frombuffer(record, np.uint8)
    file.flush()


def show_emcee(file: h5py.File, mark: Commit) -> None:
    """Bring what emcee reads in line with a commit, without a change of structure."""
    group = file["mcmc"]
    group["accepted"][...] = mark.accepted
    assert mark.random_state is not None
    for entry in range(1, 5):  # entry 0 is a string, which HDF5 would move; it never changes
        group.attrs.modify(f"random_state_{entry}", mark.random_state[entry])
    group.attrs.modify("iteration", mark.iteration)
    file.flush()


def placeholder() -> RandomState:
    """A state that stands where none is known yet, of the same size."""
    return np.random.RandomState(0).get_state()  # type: ignore[return-value]


def allocate(
    file: h5py.File, rows: int, shape: tuple[int, int], block: int, record_bytes: int
) -> None:
    """Create ``mcmc`` and ``resume`` with all the space that they will ever use."""
    kept = file.create_group("resume")
    for slot in range(SLOTS):
        kept[f"slot_{slot}"] = np.zeros(record_bytes, np.uint8)
    kept["digests"] = np.zeros(rows, np.uint32)
    group = file.create_group("mcmc")
    group.attrs.update(
        version=_EMCEE, nwalkers=shape[0], ndim=shape[1], has_blobs=False, iteration=0
    )
    for entry, value in enumerate(placeholder()):
        group.attrs[f"random_state_{entry}"] = value
    group.create_dataset("accepted", data=np.zeros(shape[0]))
    for name, row in (("chain", shape), ("log_prob", shape[:1])):
        chunks = (min(block, rows), *row)
        _reserve(group, name, (rows, *row), "f8", maxshape=(None, *row), chunks=chunks)


def room_for_chain(rows: int, shape: tuple[int, int], block: int, record_bytes: int) -> int:
    """Bytes that :func:`allocate` will not exceed."""
    chunks = -(-rows // min(block, rows))
    row = 8 * shape[0] * (shape[1] + 1)
    return chunks * (min(block, rows) * row + 512) + 4 * rows + SLOTS * record_bytes + 2**16


def _reserve(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str, **kw: Any) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    group.create_dataset(name, shape, dtype, dcpl=plan, **kw)
