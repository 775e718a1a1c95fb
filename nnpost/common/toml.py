"""Values as TOML text, for files and for messages."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

__all__ = ["briefly", "shown", "to_toml"]

SHOWN = 100  # characters of a value in a message


def shown(value: Any) -> str:
    """A value as TOML would write it; anything else as Python does."""
    try:
        return to_toml(value)
    except TypeError:
        return repr(value)


def briefly(value: Any) -> str:
    """The same for messages, which are to stay a line that can be read."""
    try:
        text = shown(value)
    except (RecursionError, ValueError):  # lists in lists without end; a number of 5,000 digits
        return "a value too large to be shown"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def to_toml(value: Any) -> str:
    """One value as TOML text that reads back equal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))  # repr round-trips, and inf and nan are TOML words too
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{quoted(k)} = {to_toml(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"TOML has no {type(value).__name__}")


def quoted(value: str) -> str:
    """A TOML basic string."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    plain = (escapes.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value)
    return '"' + "".join(plain) + '"'
