"""A first look at a file in a process of its own, which may crash, hang or run out of memory.

HDF5 trusts the bytes of a file: a few that are wrong make it loop for minutes, ask for all memory
or end the process. So a child of this process reads the file first, with little time and memory,
and says what it found. What has been looked at, or was written here, is not looked at again: a
refusal is remembered, too, but for one that holds :class:`ForNow`.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from .errors import RequestError

__all__ = ["ForNow", "looked_at", "trust"]

MEMORY, SECONDS, WAIT = 2**30, 4, 60  # bytes more than now, of the processor, and by the clock
FIT, PASSING = "+", "~"  # what a child says of a file, and before what holds for now
_known: dict[tuple[object, ...], str] = {}  # why a file is refused or "", that seen first is first
REMEMBERED = 256


class ForNow(RequestError):
    """A file cannot be read as things are, which says nothing of its bytes."""


def trust(path: str | os.PathLike[str], of: str = "") -> None:
    """The file as it is now was written by this process, or has passed; ``of`` it, a part."""
    _remember((*_key(path), of), "")


def _remember(key: tuple[object, ...], refusal: str) -> None:
    _known.pop(key, None)
    _known[key] = refusal
    while len(_known) > REMEMBERED:
        del _known[next(iter(_known))]


def _key(path: str | os.PathLike[str]) -> tuple[object, ...]:
    about = os.stat(path)
    changed = about.st_mtime_ns, about.st_ctime_ns  # the second also where the first is put back
    return os.path.abspath(path), about.st_dev, about.st_ino, about.st_size, *changed


def looked_at(path: str | os.PathLike[str], look: Callable[[], None], of: str = "") -> None:
    """Call ``look`` in a child process, once for each state of the file, or of a part ``of`` it.

    Raises:
        RequestError: as ``look`` raised it; or it crashed, or needed more than 4 seconds of the
            processor or 1 GiB.
    """
    key = (*_key(path), of)
    if key not in _known:
        refusal = _refusal(path, look)
        if refusal.startswith(PASSING):
            raise ForNow(refusal.removeprefix(PASSING))
        _remember(key, refusal)
    if _known[key]:
        raise RequestError(_known[key])


def _refusal(path: str | os.PathLike[str], look: Callable[[], None]) -> str:
    """Why the file is refused, or "" where nothing speaks against it."""
    if not hasattr(os, "fork"):
        look()
        return ""
    said = _said_by_child(look)
    return "" if said == FIT else said or _unreadable(path)


def _unreadable(path: str | os.PathLike[str]) -> str:
    return (
        f"{path} is damaged ({os.path.getsize(path)} bytes): reading it crashes, or takes more "
        f"than {SECONDS} seconds or 1 GiB; expected a whole file; remove it or restore it from a "
        "copy"
    )


def _said_by_child(look: Callable[[], None]) -> str:
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        # Of other threads (Python's own, and jax's): the child has none and needs none.
        for category in (DeprecationWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        child = os.fork()
    if child == 0:
        try:
            os.write(theirs, _look_with_little(look))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # nothing of this process is to be cleared up
    os.close(theirs)
    try:
        return _read_all(ours)
    finally:
        os.close(ours)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _look_with_little(look: Callable[[], None]) -> bytes:
    """What a child says: FIT, why the file is refused, or nothing where it cannot tell."""
    faulthandler.disable()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _limit()
    try:
        look()
    except RequestError as refused:
        why = " ".join(str(refused).split())[:4000]
        said = PASSING + why if isinstance(refused, ForNow) else why
        return said.encode("utf-8", "replace")
    except Exception:
        return b""
    return FIT.encode()


def _limit() -> None:
    import resource

    pages = Path("/proc/self/statm")
    limits = {"RLIMIT_CORE": 0, "RLIMIT_CPU": SECONDS}
    if pages.exists():
        now = int(pages.read_text("ascii").split()[0]) * resource.getpagesize()
        limits["RLIMIT_AS"] = now + MEMORY
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(kind, (most, hard))


def _read_all(handle: int) -> str:
    said, end = b"", time.monotonic() + WAIT
    while select.select([handle], [], [], max(end - time.monotonic(), 0))[0]:
        more = os.read(handle, 4096)
        if not more:
            break
        said += more
    return said.decode("utf-8", "replace")
