"""Trees: what a group of a run file holds, written and read.

A *tree* is what a group holds: a dict of numpy arrays of numbers, bools or strings, of str, int,
float, bool, and of further trees. Numbers in a row come back as an array, strings in a row as a
list, a single value as a Python scalar, and what was None is absent.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from ..common.errors import RequestError

__all__ = [
    "DIGEST",
    "Tree",
    "copy_packed",
    "digest",
    "read_tree",
    "read_whole",
    "room_for",
    "write_tree",
]

Tree = Mapping[str, Any]

DIGEST = "digest"  # attribute of a group
SMALL = 1024  # bytes; compressing less than this does not pay


def write_tree(group: h5py.Group, tree: Tree, **filters: Any) -> None:
    """Write a tree into an empty group; ``filters`` (h5py's) apply to arrays of numbers."""
    for key, value in tree.items():
        if not isinstance(key, str) or not key or "/" in key or key == ".":
            raise ValueError(f"{key!r} cannot be a name in a run file: expected text without '/'")
        if isinstance(value, Mapping):
            write_tree(group.create_group(key, track_order=True), value, **filters)
        elif value is not None:
            _write_value(group, key, np.asarray(value), filters)


def _write_value(group: h5py.Group, key: str, value: np.ndarray, filters: dict[str, Any]) -> None:
    if value.dtype.kind == "U":
        group.create_dataset(key, data=value.astype(object), dtype=h5py.string_dtype())
    elif value.dtype.kind in "biuf":
        group.create_dataset(key, data=value, **(filters if value.nbytes > SMALL else {}))
    else:
        raise TypeError(f"'{key}' cannot be kept in a run file: found {value.dtype}")


def read_tree(group: h5py.Group) -> dict[str, Any]:
    """Read a group back into a dict; see the top of the module for what comes back as what."""
    return _read_tree(group.id)


def read_whole(file: h5py.File, name: str) -> dict[str, Any]:
    """Read one of the groups of a run file, which has a digest of what is in it since 0.2.

    Raises:
        RequestError: it is not what was written.
    """
    tree, kept = read_tree(file[name]), file[name].attrs.get(DIGEST)
    if kept is not None and kept != digest(tree):
        raise RequestError(
            f"{file.filename} is damaged: group '{name}' is not what was written; restore it from "
            "a copy, or run the experiment again"
        )
    return tree


def digest(tree: Tree) -> int:
    """The CRC-32 of all names and values of a tree as it is read."""
    found = 0
    for name, value in tree.items():
        found = zlib.crc32(name.encode(), found)
        if isinstance(value, Mapping):
            found = zlib.crc32(digest(value).to_bytes(4, "little"), found)
        elif isinstance(value, np.ndarray):
            found = zlib.crc32(f"{value.dtype.str}{value.shape}".encode(), found)
            found = zlib.crc32(value.tobytes(), found)
        else:
            found = zlib.crc32(repr(value).encode(), found)
    return found


# A stage can have hundreds of values, and h5py's objects cost more than reading what is in them.
def _read_tree(group: h5py.h5g.GroupID) -> dict[str, Any]:
    opened = ((name.decode(), h5py.h5o.open(group, name)) for name in group)
    return {
        name: _read_tree(item) if isinstance(item, h5py.h5g.GroupID) else _read_value(item)
        for name, item in opened
    }


def _read_value(dataset: h5py.h5d.DatasetID) -> Any:
    dtype = dataset.dtype
    if h5py.check_string_dtype(dtype) is not None:
        text = h5py.Dataset(dataset).asstr()[()]
        return text if dataset.shape == () else text.tolist()
    values = np.empty(dataset.shape, dtype)
    if values.size:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values.item() if values.shape == () else values


def copy_packed(old: h5py.Group, new: h5py.Group, **filters: Any) -> None:
    """Copy what is in a group; ``filters`` (h5py's) apply to arrays of numbers."""
    for name in old.id:
        item = h5py.h5o.open(old.id, name)
        if not _large(item):
            h5py.h5o.copy(old.id, name, new.id, name)
        elif isinstance(item, h5py.h5g.GroupID):
            inner = new.create_group(name.decode(), track_order=True)
            copy_packed(h5py.Group(item), inner, **filters)
        else:
            _write_value(new, name.decode(), np.asarray(_read_value(item)), filters)


def _large(item: h5py.h5g.GroupID | h5py.h5d.DatasetID) -> bool:
    """Whether this is an array of numbers worth compressing, or has one in it."""
    if isinstance(item, h5py.h5g.GroupID):
        return any(_large(h5py.h5o.open(item, name)) for name in item)
    return item.get_storage_size() > SMALL and item.dtype.kind in "biuf"


def room_for(tree: Tree) -> int:
    """Bytes that a tree will hardly exceed in a file."""
    return 2048 + sum(
        room_for(value) if isinstance(value, Mapping) else 1024 + _bytes_of(value)
        for value in tree.values()
    )


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray) and value.dtype.kind != "U":
        return value.nbytes
    texts = np.asarray(value)
    return texts.nbytes + (4096 + 32 * texts.size if texts.dtype.kind == "U" else 0)
