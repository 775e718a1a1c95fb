"""Files that appear whole: a name stands for the old one, or for all of the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import RequestError

__all__ = ["asked_for", "whole"]


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """What is written to takes the place of ``path`` when the block ends without an error.

    Otherwise ``path`` is as it was. Raises OSError as it comes.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


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
