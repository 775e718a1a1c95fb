"""Columns by name from CSV, NPZ and HDF5 files: ``read_columns(path, names) -> {name: array}``.

One function for each kind of file, all of the same shape; :data:`READERS` lists them. Nothing is
unpickled. A file that cannot be used raises RequestError with the line and the column.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import h5py
import numpy as np

from ..common.errors import NoColumn, RequestError, nearest

__all__ = ["read_columns"]

LISTED_NAMES = 20  # names beyond this many are counted in a message, not listed


def read_columns(path: Path, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    """The ``wanted`` columns of a file, in any shape that it stores them.

    Raises RequestError: another kind of file, no such file, no such column, an unreadable file.
    """
    suffix = path.suffix.lower()
    if suffix not in READERS:
        found = f"kind '{suffix}'" if suffix else "no kind at the end of its name"
        raise RequestError(f"{path}: found {found}, expected one of {', '.join(READERS)}")
    if not path.exists():
        raise RequestError(f"{path}: no such file; give the path of one that exists")
    try:
        return READERS[suffix](path, wanted)
    except RequestError:
        raise
    except (OSError, EOFError, ValueError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RequestError(
            f"{path}: cannot be read as a {suffix} file ({reason}); check or rewrite it"
        ) from None


def _find(path: Path, name: str, names: Sequence[str]) -> str:
    """``name`` if it is one of ``names``; RequestError with the nearest one otherwise."""
    if name in names:
        return name
    more = f" and {len(names) - LISTED_NAMES} more" if len(names) > LISTED_NAMES else ""
    listed = ", ".join(names[:LISTED_NAMES]) or "nothing"
    message = f"{path}: no column '{name}', it has {listed}{more}{nearest(name, names)}"
    raise NoColumn(message, name)


class _Lines:
    """The lines of a text that are neither blank nor comments; ``number`` counts all, from 1."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.number = file, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.file:
            self.number += 1
            if not line.isspace() and not line.lstrip().startswith("#"):
                yield line


def _read_csv(path: Path, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file)
        rows = iter(lines)
        header, delimiter = _header(path, next(rows, ""), wanted)
        body = csv.reader(rows, delimiter=delimiter, strict=True)
        try:
            return _parse(path, lines, body, header, wanted)
        except csv.Error as error:
            raise RequestError(f"{path}, line {lines.number}: {error}; correct the line") from None


def _header(path: Path, line: str, wanted: Sequence[str]) -> tuple[list[str], str]:
    """Column names and delimiter: the one that shows most of the wanted names, or most names."""
    if not line:
        raise RequestError(f"{path}: no lines, expected column names and then rows of numbers")

    def cells(delimiter: str) -> list[str]:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [""])]

    delimiter = max(",;\t", key=lambda d: (len(set(wanted) & set(cells(d))), len(cells(d))))
    header = cells(delimiter)
    if all(_is_number(cell) for cell in header):
        raise RequestError(
            f"{path}: the first line holds numbers, expected column names; add a line with names"
        )
    for name in wanted:
        if header.count(_find(path, name, header)) > 1:
            raise RequestError(f"{path}: column '{name}' is there twice; rename one of the two")
    return header, delimiter


def _parse(
    path: Path,
    lines: _Lines,
    rows: Iterator[list[str]],
    header: list[str],
    wanted: Sequence[str],
) -> dict[str, np.ndarray]:
    """Rows of text to float64 columns, 8 bytes a number while reading."""
    columns = [(header.index(name), array("d")) for name in wanted]
    numbers = array("q")
    for row in rows:
        if len(row) != len(header):
            raise RequestError(
                f"{path}, line {lines.number}: found {len(row)} cell(s), expected {len(header)} as "
                "in the line of column names; correct the line"
            )
        try:
            for at, cells in columns:
                cells.append(_number(row[at]))
        except ValueError:
            raise RequestError(
                f"{path}, line {lines.number}, column '{header[at]}': {_complaint(row[at])}"
            ) from None
        numbers.append(lines.number)
    if not numbers:
        raise RequestError(f"{path}: no rows after the column names; add rows of numbers")
    found = {name: np.array(cells) for name, (_, cells) in zip(wanted, columns, strict=True)}
    for name, values in found.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise RequestError(
                f"{path}, line {numbers[bad[0]]}, column '{name}': found {values[bad[0]]} "
                f"({len(bad)} of {len(values)} cells are not finite), expected finite numbers; "
                "remove or repair those rows"
            )
    return found


def _number(cell: str) -> float:
    if "_" in cell:  # Python's float() reads 1_000, no other program does
        raise ValueError(cell)
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _complaint(cell: str) -> str:
    if not cell.strip():
        return "the cell is empty, expected a number; fill it in or remove the row"
    hint = "write it with a decimal point" if _is_number(cell.replace(",", ".")) else "correct it"
    return f"found {cell.strip()!r}, expected a number; {hint} or remove the row"


def _read_npz(path: Path, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):  # numpy would speak of pickles here
            raise RequestError(f"{path}: not an NPZ file; write it with numpy.savez")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[_find(path, name, archive.files)] for name in wanted}


def _read_hdf5(path: Path, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    names: list[str] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            names.append(name)

    with h5py.File(path, "r") as file:
        file.visititems(note)
        return {name: file[_find(path, name.strip("/"), names)][()] for name in wanted}


READERS = {
    **dict.fromkeys((".csv", ".txt", ".tsv", ".dat"), _read_csv),
    ".npz": _read_npz,
    **dict.fromkeys((".h5", ".hdf5"), _read_hdf5),
}
