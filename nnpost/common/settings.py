"""Tables of settings that refuse what they do not know.

A :class:`Section` is a frozen dataclass whose fields carry a rule. The rule turns a value as TOML
gives it into the value kept, or says what it expected; the message names the key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, ClassVar, NoReturn, Self

from .errors import RequestError, nearest

__all__ = [
    "Refused",
    "Section",
    "by_kind",
    "either",
    "hint",
    "kept",
    "number",
    "one_of",
    "quoted",
    "setting",
    "shown",
    "text",
    "texts",
    "to_toml",
    "truth",
    "whole",
    "wholes",
]


class Refused(ValueError):
    """What a rule expected, in words."""


Rule = Callable[[Any], Any]


def whole(least: int) -> Rule:
    """A whole number of at least ``least``."""

    def rule(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise Refused(f"a whole number of at least {least}")
        return int(value)

    return rule


def number(above: float = -math.inf, least: float = -math.inf, below: float = math.inf) -> Rule:
    """A finite number ``> above``, ``>= least`` and ``< below``."""
    limits = [("above", above), ("of at least", least), ("below", below)]
    words = " and ".join(f"{word} {limit:g}" for word, limit in limits if math.isfinite(limit))
    expected = f"a number {words}".strip()

    def rule(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise Refused(expected)
        kept = float(value)
        if not (math.isfinite(kept) and kept > above and least <= kept < below):
            raise Refused(expected)
        return kept

    return rule


def one_of(*names: str) -> Rule:
    """One of some words."""

    def rule(value: Any) -> str:
        if value not in names:
            words = " or ".join(f'"{name}"' for name in names)
            raise Refused(f"{words}{nearest(str(value), names)}")
        return str(value)

    return rule


def text(value: Any) -> str:
    """A word or a sentence."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refused("a text that is not empty")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts; one text is a list of one."""
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not values:
        raise Refused("a list of texts")
    return tuple(text(v) for v in values)


def truth(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Refused("true or false")
    return value


def wholes(least: int) -> Rule:
    """A list of whole numbers of at least ``least``, which may be empty; one number is a list."""
    each = whole(least)

    def rule(value: Any) -> tuple[int, ...]:
        values = value if isinstance(value, (list, tuple)) else (value,)
        try:
            return tuple(each(v) for v in values)
        except Refused:
            raise Refused(f"a list of whole numbers of at least {least}, such as [2]") from None

    return rule


def either(*rules: Rule) -> Rule:
    """The first rule that accepts the value."""

    def rule(value: Any) -> Any:
        expected = []
        for one in rules:
            try:
                return one(value)
            except Refused as refused:
                expected.append(str(refused))
        raise Refused(" or ".join(expected))

    return rule


def by_kind(each: Rule) -> Rule:
    """A table whose values all follow one rule."""

    def rule(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise Refused("a table")
        try:
            return {str(k): each(v) for k, v in value.items()}
        except Refused as refused:
            raise Refused(f"a table whose values are each {refused}") from None

    return rule


def kept(value: Any) -> Any:
    """A value that has been checked already."""
    return value


def setting(default: Any, rule: Rule) -> Any:
    """A field of a :class:`Section`. A default of None means "left out", and is kept as it is."""
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Section:
    """A table of settings. Subclasses are frozen dataclasses made of :func:`setting` fields.

    Raises:
        RequestError: a value that its rule refuses, or a key that is not there.
    """

    title: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None and f.default is None:
                continue
            try:
                object.__setattr__(self, f.name, f.metadata["rule"](value))
            except Refused as refused:
                self.refuse(f.name, f"found {shown(value)}, expected {refused}")

    @classmethod
    def key(cls, name: str) -> str:
        """``section.name``, as people write it after ``--set``."""
        return f"{cls.title}.{name}" if cls.title else name

    @classmethod
    def refuse(cls, name: str, why: str) -> NoReturn:
        """Raise the RequestError of one key."""
        raise RequestError(f"{cls.key(name)}: {why}")

    @classmethod
    def names(cls) -> list[str]:
        """The keys of the table."""
        return [f.name for f in fields(cls)]

    @classmethod
    def read(cls, table: Any) -> Self:
        """Make the section from a TOML table, refusing keys that it does not have."""
        if not isinstance(table, Mapping):
            raise RequestError(f"{cls.title}: found {shown(table)}, expected a table [{cls.title}]")
        for name in table:
            if name not in cls.names():
                raise RequestError(f"unknown key '{cls.key(name)}'{hint(name, cls.names())}")
        return cls(**table)

    def table(self) -> dict[str, Any]:
        """The settings that are not left out, by key."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in pairs if value is not None}


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, or else all of them."""
    names = list(known)
    return nearest(name, names) or f": expected one of {', '.join(names)}"


def shown(value: Any) -> str:
    """A value as TOML would write it, for messages; anything else as Python does."""
    try:
        return to_toml(value)
    except TypeError:
        return repr(value)


def to_toml(value: Any) -> str:
    """One value as TOML text that reads back equal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # repr round-trips, and inf and nan are TOML words too
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


POSITIVE = number(above=0)
