"""What a file of data says of itself, held against its size and this machine before it is read.

A few bytes can declare numbers beyond all memory, or unpack to them, and a pipe or a device has no
end. HDF5, which crashes on damaged bytes, is tried in a process of its own.
"""

from __future__ import annotations

import gzip
import math
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import h5py
import numpy as np

from ..common.errors import NoColumn, RequestError
from ..common.guard import looked_at
from ..common.hdf5 import PACKED, Unsound, check_array
from ..common.machine import in_bytes, memory

__all__ = ["check_arrays", "check_hdf5", "check_packed", "check_parquet"]

COPIES = 4  # of all numbers that are held at once while they are read and checked
TRIED = 2**28  # bytes of HDF5 that are also read there
BLOCK = 2**20


def check_packed(path: Path) -> None:
    """Refuse a text that unpacks to far more than there is of it."""
    size, found = os.path.getsize(path), 0
    most = _packed_most(size)
    with gzip.open(path) as file:
        while found <= most and (block := file.read(BLOCK)):
            found += len(block)
    _must(found <= most, path, f"{size:,} bytes that unpack to over {most:,}")


def check_arrays(path: Path, labels: Sequence[str]) -> None:
    """Refuse arrays of an NPZ file that declare more than they have, or more than there is
    memory."""
    with zipfile.ZipFile(path) as archive:
        parts = [archive.getinfo(_member(archive, label)) for label in labels]
        for part in parts:
            most = _packed_most(part.compress_size)
            found = (
                f"{part.compress_size:,} bytes of '{part.filename}' that unpack to over {most:,}"
            )
            _must(part.file_size <= most, path, found)
            with archive.open(part) as file:
                declared = _declared(file)
            found = (
                f"{declared:,} bytes declared for '{part.filename}', which has {part.file_size:,}"
            )
            _must(declared <= part.file_size, path, found)
    _must_fit(path, sum(part.file_size for part in parts))


def _member(archive: zipfile.ZipFile, label: str) -> str:
    return f"{label}.npy" if f"{label}.npy" in archive.namelist() else label


def _declared(file: IO[bytes]) -> int:
    """Bytes that a .npy file says it has; 0 for another kind of file, which numpy refuses."""
    form = np.lib.format
    try:
        version = form.read_magic(file)
    except ValueError:
        return 0
    read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    shape, _, dtype = read(file)
    return file.tell() + math.prod(shape) * dtype.itemsize


def check_hdf5(
    path: Path, wanted: Sequence[str], places_in: Callable[[h5py.File], Sequence[str]]
) -> None:
    """Refuse an HDF5 file that cannot hold what it declares, or cannot be read; ``places_in`` finds
    the arrays that are wanted."""
    looked_at(path, partial(_try_hdf5, path, places_in), "\0".join(wanted))


def _try_hdf5(path: Path, places_in: Callable[[h5py.File], Sequence[str]]) -> None:
    size = os.path.getsize(path)
    with h5py.File(path, "r") as file:
        try:
            places = places_in(file)
        except NoColumn:  # which whoever reads the file will find as well, and knows what to do
            return
        try:
            for name in places:
                check_array(name, file[name].id, size, any_filter=True)
        except Unsound as unsound:
            raise RequestError(f"{path}: {unsound}; check or rewrite the file") from None
        _must_fit(path, sum(file[name].nbytes for name in places))
        for name in places:
            if file[name].nbytes <= TRIED:
                file[name][()]


def check_parquet(path: Path, rows: int, columns: int) -> None:
    """Refuse more rows than there is memory for."""
    _must_fit(path, 8 * rows * columns)


def _packed_most(stored: int) -> int:
    return max(PACKED[0], PACKED[1] * stored)


def _must_fit(path: Path, count: int) -> None:
    have, need = memory(), COPIES * count
    found = f"{count:,} bytes of numbers, which take {in_bytes(need)} of memory"
    _must(need <= have, path, found, f"at most the {in_bytes(have)} that there are")


def _must(holds: bool, path: Path, found: str, expected: str = "what the file can hold") -> None:
    if not holds:
        raise RequestError(f"{path}: found {found}, expected {expected}; give fewer numbers")
