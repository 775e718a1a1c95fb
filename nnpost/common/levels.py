"""Levels of quantiles, checked once for all that ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import RequestError

__all__ = ["checked_levels"]


def checked_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels as numbers between 0 and 1, each once. Raises RequestError for others."""
    try:
        found = tuple(float(level) for level in levels)
    except (TypeError, ValueError):
        shown = ", ".join(map(str, levels)) if isinstance(levels, list | tuple) else repr(levels)
        raise RequestError(
            f"quantiles: found {shown}, expected levels such as 0.05, 0.5, 0.95"
        ) from None
    for level in found:
        if not 0 < level < 1:
            raise RequestError(f"quantiles: found {level!r}, expected levels between 0 and 1")
    return tuple(dict.fromkeys(found))
