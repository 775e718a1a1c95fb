"""Tables of settings that refuse what they do not know, and can say what they accept.

A :class:`Section` is a frozen dataclass whose fields are each made by :func:`setting`: a default, a
rule (rules.py), and one line that says what the setting means. Help, the page of the documentation
and the schema that editors use are made of these, so nothing about a setting is said twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, NoReturn, Self

from .errors import RequestError, nearest
from .rules import Rule, checked
from .toml import briefly, shown

__all__ = ["Described", "Section", "hint", "section", "setting"]


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
