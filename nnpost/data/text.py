"""Text tables: CSV and its relatives, with a line of column names or without one.

Cells are separated by commas, semicolons, tabs or blanks, whichever shows the columns that are
asked for; decimal commas are read where commas do not separate. Lines that begin with # are
comments. Read a line at a time, so that whatever is wrong is told with its line and its column,
and memory is that of the columns asked for.
"""

from __future__ import annotations

import csv
import gzip
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from ..common.errors import RequestError
from .columns import Cells, Columns, find, is_value, without_day

__all__ = ["read_text"]

SEPARATORS = ",;\t "
LONGEST = 2**24  # characters of a line


def read_text(path: Path, wanted: Sequence[str], missing: bool = False) -> Columns:
    """The ``wanted`` columns; with ``missing`` cells without a number are NaN.

    Raises RequestError with the file, the line and the column.
    """
    with opened(path) as file:
        lines = Lines(file)
        rows = iter(lines)
        first = next(rows, "")
        try:
            names, separator, body = head(path, first, wanted)
            again = [first] if body else []
            return parse(path, lines, cells(chained(again, rows), separator), names, wanted,
                         separator, missing)  # fmt: skip
        except csv.Error as error:
            raise RequestError(f"{path}, line {lines.number}: {error}; correct the line") from None


def opened(path: Path) -> TextIO:
    """The file as text, unpacked if it is a .gz."""
    if path.suffix.lower() == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


class Lines:
    """The lines of a text that are neither blank nor comments; ``number`` counts all, from 1.

    Raises csv.Error for one that is too long to be read.
    """

    def __init__(self, file: TextIO) -> None:
        self.file, self.number = file, 0

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST):
            self.number += 1
            if len(line) == LONGEST:
                raise csv.Error(f"found a line of over {LONGEST:,} characters, expected numbers")
            if not line.isspace() and not line.lstrip().startswith("#"):
                yield line


def chained(first: Sequence[str], others: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from others


def cells(lines: Iterable[str], separator: str, strict: bool = True) -> Iterator[list[str]]:
    """Rows of cells; several blanks, or tabs among them, separate as one does."""
    if separator != " ":
        return csv.reader(lines, delimiter=separator, strict=strict)
    plain = (line.strip().replace("\t", " ") for line in lines)
    return csv.reader(plain, delimiter=" ", skipinitialspace=True, strict=strict)


def head(path: Path, line: str, wanted: Sequence[str]) -> tuple[list[str], str, bool]:
    """The names of the columns, "" for those without, what separates them, and whether the first
    line already holds numbers.

    The separator is the one that shows most of the wanted names, then one that leaves nothing but
    numbers, then the one that makes most cells; blanks come last.
    """
    if not line:
        raise RequestError(f"{path}: no lines, expected column names and then rows of numbers")
    asked = {n for name in wanted for n in (name, without_day(name)[0]) if not is_value(n)}
    found = {s: [cell.strip() for cell in first_cells(line, s)] for s in SEPARATORS}

    def shows(separator: str) -> tuple[int, bool, bool, int]:
        row = found[separator]
        told = len(row) > 1
        return len(asked & set(row)), told and only_values(row), told and separator != " ", len(row)

    separator = max(SEPARATORS, key=shows)
    names = found[separator]
    if not only_values(names):
        return names, separator, False
    unnamed = [""] * len(names)
    for name in wanted:
        try:
            find(str(path), name, unnamed)
        except RequestError:
            if name in names:  # a number that is the name of a column, as of a year
                return names, separator, False
            raise RequestError(
                f"{path}: the first line holds numbers, so that there is no column '{name}'; call "
                f"the columns by number, 1 to {len(names)}, or add a line with names"
            ) from None
    return unnamed, separator, True


def first_cells(line: str, separator: str) -> list[str]:
    """The cells of one line; a long one that is not so separated is one cell."""
    try:
        return next(cells([line], separator, False), [""])
    except csv.Error:  # beyond the longest cell that there may be
        return [line]


def only_values(row: Sequence[str]) -> bool:
    """Whether all cells are numbers or dates, or empty."""
    return any(map(is_value, row)) and all(not cell or is_value(cell) for cell in row)


def parse(
    path: Path,
    lines: Lines,
    rows: Iterator[list[str]],
    names: list[str],
    wanted: Sequence[str],
    separator: str,
    missing: bool,
) -> Columns:
    """Rows of text to float64 columns."""
    columns = [Cells(find(str(path), one, names), separator != ",", missing) for one in wanted]
    numbers = array("q")
    for row in rows:
        if len(row) != len(names):
            raise RequestError(
                f"{path}, line {lines.number}: found {len(row)} cell(s), expected {len(names)} as "
                "in the first line; correct the line"
            )
        for column in columns:
            try:
                column.add(row[column.place.at])
            except ValueError as error:
                raise RequestError(
                    f"{path}, line {lines.number}, column '{column.place.label}': {error}"
                ) from None
        numbers.append(lines.number)
    if not numbers:
        raise RequestError(f"{path}: no rows after the column names; add rows of numbers")
    values, labels = {}, {}
    for name, column in zip(wanted, columns, strict=True):
        values[name], labels[name] = column.finished()
        check_finite(path, column.place.label, values[name], numbers, missing)
    return Columns(values, labels)


def check_finite(
    path: Path, label: str, values: np.ndarray, numbers: Sequence[int], missing: bool
) -> None:
    bad = np.flatnonzero(np.isinf(values) if missing else ~np.isfinite(values))
    if len(bad):
        cure = "" if np.isinf(values[bad[0]]) else " (--drop-missing leaves them out)"
        raise RequestError(
            f"{path}, line {numbers[bad[0]]}, column '{label}': found {values[bad[0]]} "
            f"({len(bad)} of {len(values)} cells are not finite), expected finite numbers; "
            f"remove or repair those rows{cure}"
        )
