"""The run file as a whole: opening it, locking it, and replacing it in one instant.

A run file is HDF5 with one group for each stage of a run. Everything that changes the *structure*
of the file (a new file, a group written or replaced, a chain that grows) is done on a new file in
the same folder, which takes the old one's place by one rename. So whoever opens the path, at any
instant, finds a whole file: the old one or the new one. What is kept is copied and what is dropped
leaves no hole behind. The chain's rows are the exception; :mod:`nnpost.storage.hdf_backend` writes
them in place.

The new file and then the name that it takes are synced to the disk, so that a power cut, too,
leaves the old file or the new one. All the room that it may need is set aside before HDF5 writes a
byte: HDF5 does not survive a disk that fills while it writes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import __version__
from ..common.errors import RequestError, nearest
from ..common.files import reserve, take_place
from ..common.guard import ForNow, looked_at, trust
from .claims import check_claims
from .trees import DIGEST, Tree, digest, read_tree, read_whole, room_for, write_tree

__all__ = [
    "SCHEMA",
    "UNCOPIED",
    "copy_groups",
    "in_place",
    "lock",
    "new_file",
    "open_run",
    "read_group",
    "replacing",
    "telling_damage",
    "write_groups",
]

# The earliest format has neither checksums nor open-for-writing marks, which a killed process would
# leave behind. HDF5's own file locks would keep readers out of a chain that is growing; writers are
# kept apart by `lock`.
_FORMAT: dict[str, Any] = {"libver": ("earliest", "latest"), "locking": False}
# Attributes of the root: the number of the layout, and the version of nnpost that wrote the file.
# 1, of 0.1.0, has two commit records and no digests; files before it have no number.
_MARK, _WRITER = "nnpost_run_file", "nnpost_version"
SCHEMA = 2
UNCOPIED = (RuntimeError, KeyError, UnicodeError)  # by HDF5 and h5py, of what makes no sense
UNREADABLE = (OSError, *UNCOPIED)


@contextmanager
def lock(path: str | os.PathLike[str], patience: float = 0.0) -> Iterator[None]:
    """Be the only writer of the run file ``path``; within one thread the lock can be taken again.

    ``patience`` is the seconds to wait for another writer's end.

    Raises:
        RequestError: another process or thread is writing the file, or its folder is not writable.
    """
    import filelock  # which whoever only reads need not

    target = Path(path).resolve()
    sidecar = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        guard = filelock.FileLock(sidecar, timeout=0, is_singleton=True)
        guard.acquire(timeout=patience)
    except filelock.Timeout:
        raise RequestError(
            f"{path} is being written by another run: wait for its end, or take another file"
        ) from None
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        yield
    finally:
        if guard.lock_counter == 1:
            # Safe only while the lock is held: a contender that then wins an unlinked file sees so.
            with suppress(OSError):
                sidecar.unlink()
        guard.release()


@contextmanager
def open_run(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a run file for reading, also while another process adds rows to it.

    Raises:
        RequestError: there is no such file, or it is a folder, empty, truncated, damaged, not HDF5,
            or not a run file of nnpost.
    """
    _look(Path(path), path)
    looked_at(path, partial(_check, path))
    with telling_damage(path):
        file = h5py.File(path, "r", **_FORMAT)
    with file:
        yield file


def _check(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is not ours, or claims what it cannot hold."""
    with telling_damage(path), h5py.File(path, "r", **_FORMAT) as file:
        _check_ours(file, path)
        _check_schema(file, path)
        check_claims(file)


@contextmanager
def telling_damage(
    path: str | os.PathLike[str], errors: tuple[type[Exception], ...] = UNREADABLE
) -> Iterator[None]:
    """Say in words what HDF5 says of a run file that is not whole. Wrap it around reading alone,
    and, with the errors UNCOPIED, around copying, where an OSError may be one of the disk.

    Raises:
        RequestError: HDF5 could not open, read or copy the file.
    """
    try:
        yield
    except errors as error:
        if "locking flag" in str(error):  # HDF5's word where the process has it open otherwise
            raise ForNow(
                f"{path} is open elsewhere in this process, in a way that does not go with "
                "reading a run: close it there first"
            ) from error
        what = "truncated" if "truncated" in str(error) else "damaged"
        size = Path(path).stat().st_size
        raise RequestError(
            f"{path} is {what} ({size} bytes): expected a whole run file; "
            "remove it or restore it from a copy"
        ) from error


def _check_ours(file: h5py.File, path: str | os.PathLike[str]) -> None:
    """Refuse other programs' files. Ours are marked, or say which posterior they are of."""
    about = file.get("experiment")
    if isinstance(about, h5py.Group) and (_MARK in file.attrs or "posterior" in about):
        return
    found = ", ".join(file) or "nothing"
    raise RequestError(
        f"{path} is not a run file of nnpost: expected a group 'experiment' as nnpost writes it, "
        f"found {found}; name a file that 'nnpost run' wrote"
    )


def _check_schema(file: h5py.File, path: str | os.PathLike[str]) -> None:
    """Refuse a layout that a later version has made."""
    found = file.attrs.get(_MARK, 1)
    if not isinstance(found, np.integer | int) or found < 1:
        raise RequestError(
            f"{path} is damaged: the number of its layout is not one that nnpost has"
        )
    if found > SCHEMA:
        writer = str(file.attrs.get(_WRITER, b"of a later version"), "ascii", "replace")[:40]
        raise RequestError(
            f"{path} has layout {found} of run files, which nnpost {writer} wrote; this is nnpost "
            f"{__version__}, which reads layouts up to {SCHEMA}: update to {writer} or later"
        )


def _look(found: Path, path: str | os.PathLike[str]) -> None:
    """Refuse what can be told apart without reading the inside of the file."""
    if found.is_dir():
        raise RequestError(f"{path} is a folder: expected a run file; name a file in it")
    if found.exists() and not found.is_file():
        raise RequestError(f"{path} is no regular file: expected a run file")
    if not found.exists():
        names = [p.name for p in found.parent.glob("*.h5")] if found.parent.is_dir() else []
        raise RequestError(
            f"{path} does not exist: expected a run file, as 'nnpost run' writes it"
            f"{nearest(found.name, names)}"
        )
    if not os.access(found, os.R_OK):
        raise RequestError(f"{path} cannot be read (permission denied): expected a run file")
    if found.stat().st_size == 0:
        raise RequestError(f"{path} is empty (0 bytes): expected a run file; remove it")
    if not h5py.is_hdf5(found):
        raise RequestError(f"{path} is not HDF5: expected a run file, as 'nnpost run' writes it")


def in_place(path: str | os.PathLike[str]) -> h5py.File:
    """Open a run file to overwrite values of datasets and attributes that exist already."""
    return h5py.File(path, "r+", **_FORMAT)


@contextmanager
def replacing(path: str | os.PathLike[str], room: int) -> Iterator[h5py.File]:
    """A new, empty file that takes the place of ``path`` when the block ends without an error.

    ``room`` is set aside for it on the disk: bytes that it will hardly exceed. If the block raises,
    ``path`` is as it was; if the process dies, a hidden ``.NAME.part`` is left beside it, which the
    next writer overwrites. Links are followed. Hold :func:`lock` around it.

    Raises:
        RequestError: ``path`` holds something that is not a run file, or cannot be written.
    """
    target = Path(path).resolve()
    if target.exists():
        with open_run(path):  # what is not ours is never replaced
            pass
    part = target.with_name(f".{target.name}.part")
    try:
        _set_aside(part, room)
        with h5py.File(part, "r+", **_FORMAT) as file:
            yield file
            file.flush()
        if target.exists():
            os.chmod(part, stat.S_IMODE(target.stat().st_mode))
        take_place(part, target)
        trust(target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise


def _set_aside(part: Path, room: int) -> None:
    """A file without groups, with that much room: HDF5 gives back what it has not used."""
    with h5py.File("new", "w", driver="core", backing_store=False, **_FORMAT) as empty:
        empty.attrs[_MARK] = SCHEMA
        empty.attrs[_WRITER] = np.bytes_(__version__)
        empty.flush()
        image = empty.id.get_file_image()
    with part.open("wb") as file:
        file.write(image)
        file.flush()
        reserve(file.fileno(), max(room, len(image)))


def _cannot_write(path: str | os.PathLike[str], error: OSError) -> RequestError:
    reason = error.strerror or " ".join(str(error).split())
    folder = Path(path).parent
    return RequestError(
        f"{path} cannot be written ({reason}): expected a folder '{folder}' that can be written "
        "and has room; choose another file"
    )


def new_file(path: str | os.PathLike[str], groups: Mapping[str, Tree]) -> None:
    """Start a run file with ``groups``, ``experiment`` among them; an older run file gives way.

    Raises:
        RequestError: the path holds something that is not a run file, is locked, or cannot be
            written. Nothing has then changed.
    """
    if "experiment" not in groups:
        raise ValueError("a run file needs a group 'experiment'")
    with lock(path), replacing(path, room_for(groups)) as file:
        _write_groups(file, groups)


def write_groups(
    path: str | os.PathLike[str], groups: Mapping[str, Tree], drop: Collection[str] = ()
) -> None:
    """Write or replace groups of a run file, and remove those named in ``drop``, in one instant.

    ``drop`` names what depended on the replaced groups; what is not there is passed over. Starts a
    new file if there is none.

    Raises:
        RequestError: as for :func:`open_run` and :func:`lock`. Nothing has then changed.
    """
    if not Path(path).exists():
        return new_file(path, groups)
    room = os.path.getsize(path) + room_for(groups)
    with lock(path), open_run(path) as old, replacing(path, room) as new:
        copy_groups(old, new, without={*groups, *drop})
        _write_groups(new, groups)


def read_group(path: str | os.PathLike[str], name: str) -> dict[str, Any] | None:
    """Read the tree of one group; None if the run file has no such group.

    Raises:
        RequestError: as for :func:`open_run`.
    """
    with open_run(path) as file, telling_damage(path):
        return read_whole(file, name) if name in file else None


def copy_groups(old: h5py.File, new: h5py.File, without: Collection[str]) -> None:
    """Copy every group of ``old`` but those in ``without``."""
    for name in old:
        if name not in without:
            with telling_damage(old.filename, UNCOPIED):
                old.copy(name, new)


def _write_groups(file: h5py.File, groups: Mapping[str, Tree]) -> None:
    for name, tree in groups.items():
        group = file.create_group(name, track_order=True)
        write_tree(group, tree)
        group.attrs[DIGEST] = digest(read_tree(group))
