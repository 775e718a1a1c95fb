"""Files that appear whole: a name stands for the old one, or for all of the new one.

That holds where the power is cut, too: the bytes are on the disk before they take the name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import RequestError

__all__ = ["asked_for", "refuse_streams", "reserve", "take_place", "whole"]


def refuse_streams(path: str | os.PathLike[str]) -> None:
    """Refuse a pipe, a device or the like, which may have no end; what is not there passes.

    Raises RequestError.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise RequestError(
            f"{os.fspath(path)}: found a pipe or a device, expected a file on a disk; write what "
            "it gives to one"
        )


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """What is written to takes the place of ``path`` when the block ends without an error.

    Otherwise ``path`` is as it was. Raises OSError as it comes.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        take_place(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def take_place(part: Path, path: Path) -> None:
    """Give a new file the name ``path``, first the bytes and then the name being on the disk."""
    _sync(part)
    os.replace(part, path)
    with suppress(OSError):  # some systems cannot sync a folder
        _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reserve(handle: int, size: int) -> None:
    """Set aside disk space for the first ``size`` bytes of an open file. Raises OSError.

    Where the system or the kind of disk knows nothing of this, it does nothing.
    """
    try:
        os.posix_fallocate(handle, 0, size)
    except AttributeError:
        return
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


@contextmanager
def asked_for(target: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The same for a file that was asked for by name; RequestError where it cannot be written."""
    try:
        with whole(Path(target)) as file:
            yield file
    except OSError as error:
        raise RequestError(
            f"{target} cannot be written ({error.strerror}): expected a folder that exists and has "
            "room; choose another file"
        ) from None
