"""What this machine has: memory and room on a disk, in bytes and in words."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["disk_room", "duration", "in_bytes", "memory"]

CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6))
TIMES = (("years", 31_557_600), ("days", 86_400), ("hours", 3600), ("minutes", 60))


def memory() -> float:
    """Bytes that this process may have: the machine's, or fewer where they are limited."""
    try:
        import resource
    except ImportError:  # on Windows, where nothing tells
        return math.inf
    found = [float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError, ValueError):  # "max" where there is no limit
        found.append(float(CONTROL_GROUP.read_text("ascii")))
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        limit = resource.getrlimit(kind)[0]
        found += [float(limit)] if limit != resource.RLIM_INFINITY else []
    return min(found)


def disk_room(path: str | os.PathLike[str]) -> float:
    """Bytes that are free where a file of this name would be."""
    folder = next(p for p in Path(path).absolute().parents if p.exists())
    return float(shutil.disk_usage(folder).free)


def in_bytes(count: float) -> str:
    """A number of bytes with two digits, "1.3 GB"."""
    unit, size = next((u for u in UNITS if count >= u[1]), UNITS[-1])
    return f"{_two_digits(count / size)} {unit}"


def duration(seconds: float) -> str:
    """Seconds with two digits, "12 minutes"."""
    unit, size = next((t for t in TIMES if seconds >= 2 * t[1]), ("seconds", 1))
    return f"{_two_digits(seconds / size)} {unit}"


def _two_digits(value: float) -> str:
    return f"{value:.2g}" if value < 99.5 else f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"
