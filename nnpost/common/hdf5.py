"""Whether an array of an HDF5 file is what it says, told from its description and its size alone.

A file may be damaged, or made by somebody to do harm: its arrays may declare more than there is
memory, be of types that run code or follow references, or keep their numbers in other files.
"""

from __future__ import annotations

import math

import h5py

__all__ = ["PACKED", "Unsound", "check_array", "must"]

CHUNK = 2**28  # bytes of one chunk, in memory
PACKED = 2**26, 200  # bytes, and times its stored size, that a compressed array may have
NUMBERS = h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM
FILTERS = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32


class Unsound(Exception):
    """One line: where, what was found, what was expected."""


def must(holds: object, name: str, found: str, expected: str) -> None:
    """Raise Unsound unless it holds."""
    if not holds:
        raise Unsound(f"'{name}': {found}, expected {expected}")


def check_array(name: str, item: h5py.h5d.DatasetID, size: int, any_filter: bool = False) -> None:
    """Raise Unsound for an array that a file of ``size`` bytes cannot hold, or not of numbers or
    text; ``any_filter`` allows those of other programs."""
    plan, kind = item.get_create_plist(), item.get_type()
    text = kind.get_class() == h5py.h5t.STRING
    must(text or kind.get_class() in NUMBERS, name, "found another type", "numbers or text")
    must(plan.get_external_count() == 0, name, "found data in other files", "data")
    count, layout = math.prod(item.shape), plan.get_layout()
    wanted = count * kind.get_size()
    found = f"found {wanted:,} bytes declared in a file of {size:,} bytes"
    expected = "what the file can hold"
    if layout == h5py.h5d.CHUNKED:
        _check_chunks(name, item, wanted, size, any_filter)
    elif layout == h5py.h5d.CONTIGUOUS:
        place = item.get_offset()
        must(wanted == 0 or (place or size) + wanted <= size, name, found, expected)
    else:
        must(layout == h5py.h5d.COMPACT, name, "found data elsewhere", "data")
        must(wanted <= item.get_storage_size(), name, found, expected)


def _check_chunks(
    name: str, item: h5py.h5d.DatasetID, wanted: int, size: int, any_filter: bool
) -> None:
    plan, shape = item.get_create_plist(), item.shape
    chunk = plan.get_chunk()
    filters = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
    must(any_filter or {*filters} <= {*FILTERS}, name, "found another filter", "gzip or none")
    large = math.prod(chunk) * item.get_type().get_size()
    must(large <= max(CHUNK, size), name, f"found chunks of {large:,} bytes", "smaller ones")
    stored = item.get_storage_size()
    most = max(PACKED[0], PACKED[1] * stored) if filters else stored
    found = f"found {wanted:,} bytes declared and {stored:,} stored"
    must(wanted <= most and stored <= size, name, found, "what the file can hold")
    pieces = math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True))
    must(wanted == 0 or item.get_num_chunks() == pieces, name, "found lost parts", "all of them")
    ends: list[int] = []
    item.chunk_iter(lambda part: ends.append(part.byte_offset + part.size))
    must(max(ends, default=0) <= size, name, "found parts beyond the end of the file", "none")
