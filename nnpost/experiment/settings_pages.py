"""All settings of an experiment, for people and for editors: as tables, as a page, as a schema.

Everything is made from the settings themselves, which say what they accept and mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from textwrap import wrap
from typing import Any

from ..common.errors import choose
from ..common.settings import Described, Section
from .experiment import SECTIONS, Experiment

__all__ = ["json_schema", "markdown_page", "sections_named", "text_table"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
HEAD = Described("key", "accepts", "default", "meaning")
WIDTHS = (19, 30, 12, 33)  # of the columns: 100 with the two blanks between each

INTRODUCTION = """\
# Settings

Every key that an experiment may have, written as `section.key`: in a TOML file the key stands under
`[section]`, on the command line it follows `--set`, and from Python the settings of `[train]`,
`[temper]` and `[sample]` are the arguments of `nnpost.train`, `nnpost.temper` and `nnpost.sample`.
Whichever way they come they are checked by the same rules, before anything is computed, and unknown
keys are refused with the nearest known one.

`nnpost settings` prints these tables, `nnpost settings sample` one of them, and `nnpost settings
--json` a JSON schema. An editor that knows TOML schemas, such as VS Code with Even Better TOML,
completes and checks keys with it:

    nnpost settings --json > nnpost.schema.json

and, as the first line of the experiment, `#:schema ./nnpost.schema.json`.

These tables are made by `make docs-settings`; a default of – means that the key is left out.
"""


def sections_named(name: str | None) -> list[type[Section]]:
    """The section of that name; None: the keys outside all sections, then every section.

    Raises RequestError for a name that is none.
    """
    if name is None:
        return [Experiment, *SECTIONS.values()]
    return [SECTIONS[choose("section", name, SECTIONS)]]


def text_table(section: type[Section]) -> str:
    """The settings of a section in columns, in lines of at most 100 characters."""
    rows = [HEAD, *map(_with_dash, section.described())]
    title = f"[{section.title}]  {section.about}" if section.title else section.about
    return "\n".join([title, *(line for row in rows for line in _lines(row))])


def markdown_page() -> str:
    """The page docs/settings.md up to what is written by hand."""
    return "\n".join([INTRODUCTION, *map(_markdown_table, sections_named(None))])


def json_schema(name: str | None = None) -> dict[str, Any]:
    """The JSON schema of an experiment, or of one of its sections."""
    if name is None:
        return {"$schema": DRAFT, "title": "an experiment of nnpost", **Experiment.schema()}
    (section,) = sections_named(name)
    return {"$schema": DRAFT, "title": f"[{name}]", **section.schema()}


def _with_dash(one: Described) -> Described:
    return one._replace(default=one.default or "–")


def _lines(row: Described) -> Iterator[str]:
    """One row of the table, with cells broken into lines where they are too long."""
    cells = [
        wrap(cell, width, break_on_hyphens=False) for cell, width in zip(row, WIDTHS, strict=True)
    ]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = (part.ljust(width) for part, width in zip(parts, WIDTHS, strict=True))
        yield "  ".join(padded).rstrip()


def _markdown_table(section: type[Section]) -> str:
    title = f"`[{section.title}]`: {section.about}" if section.title else section.about
    lines = [f"## {title[0].upper()}{title[1:]}", "", "| key | accepts | default | meaning |",
             "| --- | --- | --- | --- |"]  # fmt: skip
    for one in section.described():
        default = f"`{one.default}`" if one.default else "–"
        lines.append(f"| `{one.key}` | {one.accepts} | {default} | {one.meaning} |")
    return "\n".join([*lines, ""])
