"""Tables of settings that refuse what they do not know, and can say what they accept.

A :class:`Section` is a frozen dataclass whose fields are each made by :func:`setting`: a default, a
rule, and one line that says what the setting means. The rule turns a value as TOML or Python gives
it into the value kept, or refuses it by name; it also says in words and as JSON schema what it
accepts. Help, the page of the documentation and the schema that editors use are made of these, so
nothing about a setting is said twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, NoReturn, Self

from .errors import RequestError, nearest

__all__ = [
    "COUNT",
    "POSITIVE",
    "SEED",
    "TEXT",
    "TEXTS",
    "TRUTH",
    "Described",
    "Refused",
    "Section",
    "briefly",
    "checked",
    "either",
    "hint",
    "number",
    "one_of",
    "section",
    "setting",
    "shown",
    "table_of",
    "to_toml",
    "whole",
    "wholes",
]


class Refused(ValueError):
    """A rule does not accept a value. Its text, often empty, hints at what may have been meant."""


LARGEST = 2**63 - 1  # whole number: in files, in numpy and in torch
SHOWN = 100  # characters of a value in a message


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


class Described(NamedTuple):
    """One setting in words: its key, what it accepts, its default ("" if left out), its meaning."""

    key: str
    accepts: str
    default: str
    meaning: str


def setting(default: Any, rule: Rule, meaning: str) -> Any:
    """A field of a :class:`Section`. A default of None means "left out", and is kept as it is."""
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


def section(cls: type[Section]) -> Any:
    """A field of a :class:`Section` that is a section itself."""
    return field(default=cls(), metadata={"section": cls})


@dataclass(frozen=True)
class Section:
    """A table of settings. Subclasses are frozen dataclasses made of :func:`setting` fields.

    ``title`` is the name of the table in TOML, empty for the outermost, and ``about`` says in a
    few words what it is about.

    Raises:
        RequestError: a value that its rule refuses, or a key that is not there.
    """

    title: ClassVar[str] = ""
    about: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in self._settings():
            value = getattr(self, f.name)
            if not (value is None and f.default is None):
                kept = checked(self.key(f.name), value, f.metadata["rule"])
                object.__setattr__(self, f.name, kept)
        for name, cls in self.sections().items():
            object.__setattr__(self, name, cls.read(getattr(self, name)))

    @classmethod
    def _settings(cls) -> Iterator[Field[Any]]:
        return (f for f in fields(cls) if "rule" in f.metadata)

    @classmethod
    def sections(cls) -> dict[str, type[Section]]:
        """The sections within this one, by name."""
        return {f.name: f.metadata["section"] for f in fields(cls) if "section" in f.metadata}

    @classmethod
    def names(cls) -> list[str]:
        """The keys of the table, and the sections within it."""
        return [f.name for f in fields(cls)]

    @classmethod
    def key(cls, name: str) -> str:
        """``section.name``, as people write it after ``--set``."""
        return f"{cls.title}.{name}" if cls.title else name

    @classmethod
    def refuse(cls, name: str, why: str) -> NoReturn:
        """Raise the RequestError of one key."""
        raise RequestError(f"{cls.key(name)}: {why}")

    @classmethod
    def read(cls, table: Any) -> Self:
        """Make the section from a table, refusing unknown keys. A section stays as it is."""
        if isinstance(table, cls):
            return table
        if not isinstance(table, Mapping):
            raise RequestError(
                f"{cls.title}: found {briefly(table)}, expected a table [{cls.title}]"
            )
        for name in table:
            if name not in cls.names():
                raise RequestError(f"unknown key '{cls.key(name)}'{hint(name, cls.names())}")
        return cls(**table)

    def table(self) -> dict[str, Any]:
        """What is not left out, by key, as a TOML table has it; no section that would be empty."""
        kept: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            value = value.table() if isinstance(value, Section) else value
            if value is not None and value != {}:
                kept[f.name] = value
        return kept

    @classmethod
    def described(cls) -> list[Described]:
        """Every setting of this section in words, those of sections within it left out."""
        return [
            Described(
                cls.key(f.name),
                f.metadata["rule"].words,
                "" if f.default is None else shown(f.default),
                f.metadata["meaning"],
            )
            for f in cls._settings()
        ]

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON schema of the table, that of sections within it included."""
        keys = {}
        for f in cls._settings():
            keys[f.name] = {**f.metadata["rule"].schema, "description": f.metadata["meaning"]}
            if f.default is not None:
                keys[f.name]["default"] = f.default
        within = {name: part.schema() for name, part in cls.sections().items()}
        return {
            "type": "object",
            "description": cls.about,
            "properties": keys | within,
            "additionalProperties": False,
        }


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, or else all of them."""
    names = list(known)
    return nearest(name, names) or f": expected one of {', '.join(names)}"


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
