"""Tables of text: rows of cells, for a terminal and for a page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

__all__ = ["as_html", "as_text", "pairs_html", "plain_label"]


def as_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines, the first column to the left and the others to the right."""
    cells = [list(row) for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    lines = []
    for first, *others in cells:
        right = [v.rjust(w) for v, w in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *right]).rstrip())
    return "\n".join(lines)


def as_html(rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Rows as a table whose first row and first column are headings."""
    head, *body = ([html.escape(cell) for cell in row] for row in rows)
    lines = ["".join(f"<th>{cell}</th>" for cell in head)]
    lines += [f"<th>{row[0]}</th>" + "".join(f"<td>{c}</td>" for c in row[1:]) for row in body]
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def pairs_html(rows: Iterable[tuple[str, str]], caption: str = "") -> str:
    """(name, value) pairs as a table without a head."""
    cells = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}{cells}</table>"


def plain_label(label: str) -> str:
    """A LaTeX label as plain text for tables: ``$w_{1,2}$`` -> ``w1,2``."""
    return re.sub(r"\\,|[$_{}\\^]", "", label.replace(r"\log\,", "log "))
