"""Columns of a table: found by name or by number, and cells of text turned to numbers.

A column is called by its name, or by its number from 1 (``2``, or ``column 2``, which is what a
column without a name is called). A column of ISO dates becomes days since the first of them, and
is then called ``date (days since 2020-01-01)``; by that name another table is read from the same
day on.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np

from ..common.errors import NoColumn, RequestError, nearest

__all__ = ["Cells", "Columns", "Place", "complete_rows", "dated", "find", "is_value", "without_day"]

LISTED_NAMES = 20  # names beyond this many are counted in a message, not listed
MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}  # what stands where there is no number
NUMBERED = re.compile(r"(?:column )?([1-9]\d{0,8})")
DATED = re.compile(r"(.+) \(days since (\d{4}-\d\d-\d\d)\)")
COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


class Columns(NamedTuple):
    """Columns by the names under which they were asked for: numbers, and what to call them."""

    values: Mapping[str, np.ndarray]
    labels: Mapping[str, str]


class Place(NamedTuple):
    """Where a column is, from 0, what it is called, and the day from which its dates count."""

    at: int
    label: str
    since: date | None


def without_day(name: str) -> tuple[str, date | None]:
    """The name of a column, and the day since which its dates are to be counted, if it says one."""
    match = DATED.fullmatch(name)
    if match is None:
        return name, None
    try:
        return match[1], date.fromisoformat(match[2])
    except ValueError:
        return name, None


def find(where: str, name: str, names: Sequence[str]) -> Place:
    """The column ``name`` among those called ``names`` ("" has none). Raises RequestError, with
    the nearest name, where there is none, and where there are two."""
    asked, since = without_day(name) if name not in names else (name, None)
    if asked in names:
        if names.count(asked) > 1:
            raise RequestError(f"{where}: column '{asked}' is there twice; rename one of the two")
        return Place(names.index(asked), asked, since)
    number = NUMBERED.fullmatch(asked)
    if number and int(number[1]) <= len(names):
        index = int(number[1]) - 1
        return Place(index, names[index] or f"column {number[1]}", since)
    known = [one or f"column {k}" for k, one in enumerate(names, 1)]
    more = f" and {len(known) - LISTED_NAMES} more" if len(known) > LISTED_NAMES else ""
    listed = ", ".join(known[:LISTED_NAMES]) or "nothing"
    message = f"{where}: no column '{asked}', it has {listed}{more}{nearest(asked, known)}"
    raise NoColumn(message, name)


class Cells:
    """A column of text, a cell at a time, as numbers: 8 bytes each while reading.

    ``commas`` says whether a comma may be a decimal one; where it is, a point is refused. With
    ``missing`` a cell that says that there is no number is NaN.
    """

    def __init__(self, place: Place, commas: bool, missing: bool) -> None:
        self.place, self.commas, self.missing = place, commas, missing
        self.numbers = array("d")
        self.mark = ""  # the decimal mark that has been seen
        self.dates: bool | None = None  # unknown before the first number

    def add(self, cell: str) -> None:
        """Raises ValueError, with what is wrong and what to do, for what is no number."""
        text = cell.strip()
        if self.missing and text.lower() in MISSING:
            self.numbers.append(np.nan)
            return
        if self.dates is None:
            self.dates = number_of(text) is None and days_of(text) is not None
        value = days_of(text) if self.dates else self._number(text)
        if value is None:
            raise ValueError(complaint(text, self.dates))
        self.numbers.append(value)

    def _number(self, text: str) -> float | None:
        mark = "," if "," in text else "." if "." in text else ""
        if mark == "," and not self.commas:
            return None
        if mark and self.mark and mark != self.mark:
            raise ValueError(
                f"found {text!r}, and '{self.mark}' as the decimal mark above it; write all "
                "numbers in one way"
            )
        self.mark = mark or self.mark
        return number_of(text)

    def finished(self) -> tuple[np.ndarray, str]:
        """All numbers (n,), and what the column is called."""
        values = np.array(self.numbers)
        if not self.dates:
            return values, self.place.label
        return dated(values, self.place.label, self.place.since)


def dated(days: np.ndarray, name: str, since: date | None) -> tuple[np.ndarray, str]:
    """Days by the calendar's count -> days since ``since``, or since the first of them, and the
    name that says so."""
    if since is None:
        known = days[~np.isnan(days)]
        since = date.fromordinal(int(known.min()) if len(known) else 1)
    return days - since.toordinal(), f"{name} (days since {since.isoformat()})"


def number_of(text: str) -> float | None:
    """A number with a decimal point or comma, as other programs read it."""
    if "_" in text:  # Python's float() reads 1_000, no other program does
        return None
    if COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def days_of(text: str) -> float | None:
    """An ISO date, with a time or without, as days by the calendar's count (1 is 0001-01-01); UTC
    where it names a zone."""
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None
    since_midnight = found.hour * 3600 + found.minute * 60 + found.second + found.microsecond / 1e6
    return found.toordinal() + since_midnight / 86400


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a date, and no name."""
    text = cell.strip()
    return number_of(text) is not None or days_of(text) is not None


def complaint(text: str, dates: bool) -> str:
    """What is wrong with a cell that is no number, and what to do."""
    if text.lower() in MISSING:
        found = "the cell is empty" if not text else f"found {text!r}"
        return (
            f"{found}, expected a number; fill it in, remove the row, or have all such rows left "
            "out (--drop-missing, data.drop_missing = true)"
        )
    if dates:
        return f"found {text!r}, expected a date as 2020-12-31; correct it or remove the row"
    hint = "write it with a decimal point" if COMMA.fullmatch(text) else "correct it"
    return f"found {text!r}, expected a number; {hint} or remove the row"


def complete_rows(columns: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """The rows in which no column, (n,) or (n, k), has NaN, and how many others there were.

    Columns that are not of one length, or are no numbers, are left as they are.
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {len(v) if v.ndim else 0 for v in arrays.values()}
    if len(lengths) != 1 or any(v.dtype.kind not in "iuf" for v in arrays.values()):
        return arrays, 0
    whole = [~np.isnan(v).reshape(len(v), -1).any(axis=1) for v in arrays.values() if v.size]
    kept = np.logical_and.reduce(whole) if whole else slice(None)
    found = {name: values[kept] for name, values in arrays.items()}
    return found, lengths.pop() - len(next(iter(found.values())))
