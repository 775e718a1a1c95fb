"""Tables: rows of cells, for a terminal and for a page. Results print themselves as theirs."""

from __future__ import annotations

import html
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Table", "Tabled", "TabledPairs", "plain_label"]

GAP = "  "  # between two columns


@dataclass(frozen=True)
class Table:
    """Rows of cells, all of one length, under a title and above notes.

    With ``head`` the first row names the columns; all but the first are then set to the right.
    """

    rows: Sequence[Sequence[str]]
    title: str = ""
    head: bool = False
    notes: Sequence[str] = ()

    def text(self, width: int | None = None) -> str:
        """Lines whose columns line up, at most ``width`` long where that can be had: columns that
        do not fit stand below the others, each part with the first column again."""
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        set_ = str.rjust if self.head else str.ljust
        indent = "  " if self.title and not self.head else ""
        parts = [
            "\n".join(
                (
                    indent
                    + GAP.join([row[0].ljust(widths[0]), *(set_(row[k], widths[k]) for k in part)])
                ).rstrip()
                for row in self.rows
            )
            for part in side_by_side(widths, len(indent), width)
        ]
        return "\n".join([*([self.title] if self.title else []), "\n\n".join(parts), *self.notes])

    def html(self) -> str:
        """A ``<table>`` whose first column, and first row if it is a heading, are ``<th>``; then
        the notes as paragraphs. Everything is escaped."""
        title = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        lines = (self._line(row, self.head and k == 0) for k, row in enumerate(self.rows))
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{title}{''.join(lines)}</table>{notes}"

    @staticmethod
    def _line(row: Sequence[str], heading: bool) -> str:
        first, *others = (html.escape(cell) for cell in row)
        tag = "th" if heading else "td"
        return f"<tr><th>{first}</th>{''.join(f'<{tag}>{cell}</{tag}>' for cell in others)}</tr>"


def side_by_side(widths: Sequence[int], indent: int, width: int | None) -> list[list[int]]:
    """Which columns, after the first, stand beside each other within ``width``: at least one."""
    parts: list[list[int]] = [[]]
    used = indent + widths[0]
    for k, wide in enumerate(widths[1:], start=1):
        if width is not None and parts[-1] and used + len(GAP) + wide > width:
            parts.append([])
            used = indent + widths[0]
        parts[-1].append(k)
        used += len(GAP) + wide
    return parts


def terminal_width() -> int | None:
    """Characters that fit into a line of the terminal; None where nobody looks at one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Tabled(ABC):
    """A result that prints itself as its tables, and renders as the same in a notebook."""

    @abstractmethod
    def tables(self) -> Iterable[Table]:
        """What it shows."""

    def __repr__(self) -> str:
        return "\n\n".join(table.text(terminal_width()) for table in self.tables())

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables())


class TabledPairs(Tabled):
    """A result that is one table of names and values: its ``rows``, under its ``title``."""

    @property
    def title(self) -> str:
        """What stands above the table."""
        return ""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, as (name, value)."""

    def tables(self) -> list[Table]:
        """What it shows."""
        return [Table(self.rows(), self.title)]


def plain_label(label: str) -> str:
    """A LaTeX label as plain text for tables: ``$w_{1,2}$`` -> ``w1,2``."""
    return re.sub(r"\\,|[$_{}\\^]", "", label.replace(r"\log\,", "log "))
