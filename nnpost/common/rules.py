"""Rules: what a setting or an argument accepts, and what it is kept as.

A :class:`Rule` turns a value as TOML or Python gives it into the value kept, or refuses it; it also
says in words and as JSON schema what it accepts. :func:`checked` refuses with a message.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .errors import RequestError, nearest
from .toml import briefly

__all__ = [
    "COUNT", "POSITIVE", "SEED", "TEXT", "TEXTS", "TRUTH", "Refused", "Rule", "checked", "either",
    "number", "one_of", "table_of", "whole", "wholes",
]  # fmt: skip


class Refused(ValueError):
    """A rule does not accept a value. Its text, often empty, hints at what may have been meant."""


LARGEST = 2**63 - 1  # whole number: in files, in numpy and in torch


@dataclass(frozen=True)
class Rule:
    """What a setting accepts: in words, as JSON schema, and as a function of the value.

    ``read`` returns the value as it is kept, or raises :class:`Refused`.
    """

    words: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]


def whole(least: int) -> Rule:
    """A whole number of at least ``least``, of those that 64 bits have room for."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise Refused
        if int(value) > LARGEST:
            raise Refused(f" and at most {LARGEST}")
        return int(value)

    schema = {"type": "integer", "minimum": least, "maximum": LARGEST}
    return Rule(f"a whole number of at least {least}", schema, read)


def number(above: float = -math.inf, least: float = -math.inf, below: float = math.inf) -> Rule:
    """A finite number ``> above``, ``>= least`` and ``< below``."""
    limits = [
        ("above", "exclusiveMinimum", above),
        ("of at least", "minimum", least),
        ("below", "exclusiveMaximum", below),
    ]
    given = [limit for limit in limits if math.isfinite(limit[2])]
    words = " and ".join(f"{word} {limit:g}" for word, _, limit in given)

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise Refused
        try:
            kept = float(value)
        except OverflowError:  # a whole number beyond all floats
            raise Refused from None
        if not (math.isfinite(kept) and kept > above and least <= kept < below):
            raise Refused
        return kept

    schema = {"type": "number"} | {name: limit for _, name, limit in given}
    return Rule(f"a number {words}".strip(), schema, read)


def one_of(*names: str) -> Rule:
    """One of some words."""
    *most, last = (f'"{name}"' for name in names)

    def read(value: Any) -> str:
        if value not in names:
            raise Refused(nearest(value, names) if isinstance(value, str) else "")
        return str(value)

    words = f"{', '.join(most)} or {last}" if most else last
    return Rule(words, {"enum": list(names)}, read)


def wholes(least: int) -> Rule:
    """A list of whole numbers of at least ``least``, which may be empty; one number is a list."""
    each = whole(least)

    def read(value: Any) -> tuple[int, ...]:
        values = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(each.read(v) for v in values)

    return Rule(
        f"a list of whole numbers of at least {least}, such as [2]",
        {"anyOf": [each.schema, {"type": "array", "items": each.schema}]},
        read,
    )


def either(*rules: Rule) -> Rule:
    """What the first of some rules that accepts the value makes of it."""

    def read(value: Any) -> Any:
        hints = ""
        for rule in rules:
            try:
                return rule.read(value)
            except Refused as refused:
                hints += str(refused)
        raise Refused(hints)

    words = " or ".join(rule.words for rule in rules)
    return Rule(words, {"anyOf": [rule.schema for rule in rules]}, read)


def table_of(each: Rule) -> Rule:
    """A table whose values all follow one rule."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise Refused
        return {str(k): each.read(v) for k, v in value.items()}

    schema = {"type": "object", "minProperties": 1, "additionalProperties": each.schema}
    return Rule(f"a table whose values are each {each.words}", schema, read)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refused
    return value


def _texts(value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not values:
        raise Refused
    return tuple(_text(v) for v in values)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused
    return value


_WRITTEN = {"type": "string", "minLength": 1}
TEXT = Rule("a text that is not empty", _WRITTEN, _text)
# One text is a list of one.
TEXTS = Rule(
    "a list of texts",
    {"anyOf": [_WRITTEN, {"type": "array", "minItems": 1, "items": _WRITTEN}]},
    _texts,
)
TRUTH = Rule("true or false", {"type": "boolean"}, _truth)
POSITIVE = number(above=0)
COUNT = whole(1)
SEED = whole(0)


def checked(key: str, value: Any, rule: Rule) -> Any:
    """The value as ``rule`` keeps it. Raises RequestError with the key if it is refused."""
    try:
        return rule.read(value)
    except Refused as refused:
        message = f"{key}: found {briefly(value)}, expected {rule.words}{refused}"
        raise RequestError(message) from None
