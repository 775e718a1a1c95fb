"""Columns of tables in memory: data frames of any library by narwhals, and numpy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from ..common.errors import RequestError
from .columns import Cells, Columns, Place, dated, find

__all__ = ["frame_columns"]

CALENDAR_DAY_0 = 719163  # 1970-01-01, counted as 0001-01-01 = 1


def frame_columns(
    where: str,
    table: Any,
    wanted: Sequence[str],
    missing: bool = False,
    order: Sequence[str] | None = None,
) -> Columns:
    """The ``wanted`` columns of a table in memory; ``where`` is what messages call it.

    Data frames of pandas, polars, pyarrow and others that narwhals knows; what turns itself into
    one (``to_dataframe``, as xarray's do); mappings of names to arrays; numpy structured arrays, by
    name; and 2-D arrays, by number. With ``missing`` a cell that is not there is NaN. ``order`` are
    the names by which numbers count, where they are not the table's own.

    Raises RequestError for another kind of table, a column that is not there, and cells that are
    neither numbers nor dates, with their row.
    """
    if isinstance(table, np.ndarray):
        table = _of_array(where, table)
    elif hasattr(table, "to_dataframe"):
        table = table.to_dataframe().reset_index()
    found: dict[str, np.ndarray] = {}
    labels: dict[str, str] = {}
    if isinstance(table, Mapping):
        names: list[str] = [str(name) for name in table]
        places = [find(where, name, order or names) for name in wanted]
        for name, place in zip(wanted, places, strict=True):
            values = table[_key(table, place.label)]
            found[name], labels[name] = _values(where, values, place, missing)
        return Columns(found, labels)
    frame = _frame(where, table)
    names = [str(name) for name in frame.columns]
    for name in wanted:
        place = find(where, name, order or names)
        series = frame[frame.columns[names.index(place.label)]]
        found[name], labels[name] = _numbers(where, series, place, missing)
    return Columns(found, labels)


def _key(table: Mapping[Any, Any], label: str) -> Any:
    return next(key for key in table if str(key) == label)


def _of_array(where: str, table: np.ndarray) -> dict[str, np.ndarray]:
    if table.dtype.names:
        return {name: table[name] for name in table.dtype.names}
    if table.ndim != 2:
        raise RequestError(
            f"{where} has shape {table.shape}, expected (rows, columns), or a structured array"
        )
    return {f"column {k}": column for k, column in enumerate(table.T, 1)}


def _frame(where: str, table: Any) -> nw.DataFrame[Any]:
    try:
        frame = nw.from_native(table)
    except TypeError:
        raise RequestError(
            f"{where}: found {type(table).__name__}, expected a data frame (pandas, polars, "
            "pyarrow, xarray), a mapping of names to arrays, or a numpy array"
        ) from None
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _values(where: str, values: Any, place: Place, missing: bool) -> tuple[np.ndarray, str]:
    """An array or list of numbers as it is, and what to call it: dates are days since the first.
    What numpy masks is missing."""
    array = np.asarray(values)
    empty = np.zeros(array.shape, dtype=bool)
    if hasattr(values, "mask"):  # numpy.ma takes long to import
        empty |= np.ma.getmaskarray(values)
    if array.dtype.kind in "OU" and array.ndim == 1:
        cells = np.where(empty | (array == None), "", array)  # noqa: E711
        return _parsed(where, cells, place, missing)
    dates = array.dtype.kind == "M"
    empty |= np.isnat(array) if dates else False
    if not missing:
        _refuse_empty(where, empty, place)
    if dates:
        days = array.astype("M8[us]").astype(np.int64) / 86400e6 + CALENDAR_DAY_0
        return dated(np.where(empty, np.nan, days), place.label, place.since)
    return np.where(empty, np.nan, array) if empty.any() else array, place.label


def _refuse_empty(where: str, empty: np.ndarray, place: Place) -> None:
    """Raise RequestError for the first row in which nothing is."""
    if empty.any():
        raise RequestError(
            f"{where}, row {np.argwhere(empty)[0][0] + 1}, column '{place.label}': the cell is "
            "empty, expected a number; fill it in, remove the row, or have all such rows left out "
            "(drop_missing=True)"
        )


def _numbers(
    where: str, series: nw.Series[Any], place: Place, missing: bool
) -> tuple[np.ndarray, str]:
    """A column as float64, and what to call it: dates are days since the first."""
    kind = series.dtype
    empty = series.is_null()
    if not missing:
        _refuse_empty(where, np.array(empty.to_list(), dtype=bool), place)
    if kind == nw.String or kind == nw.Object or kind == nw.Categorical:
        known = zip(series.to_list(), empty.to_list(), strict=True)
        return _parsed(where, ("" if none else cell for cell, none in known), place, missing)
    if kind == nw.Date or kind == nw.Datetime:
        moments = series.cast(nw.Datetime("us")) if kind == nw.Date else series
        days = _floats(moments.dt.timestamp("us")) / 86400e6  # UTC where it names a zone
        return dated(days + CALENDAR_DAY_0, place.label, place.since)
    if not kind.is_numeric():
        raise RequestError(
            f"{where}, column '{place.label}': found {kind}, expected numbers or dates"
        )
    return _floats(series), place.label


def _floats(series: nw.Series[Any]) -> np.ndarray:
    """float64, NaN where there is nothing."""
    return (
        np.array([np.nan if v is None else v for v in series.to_list()], dtype=float)
        if series.is_null().any()
        else np.asarray(series.to_numpy(), dtype=float)
    )


def _parsed(
    where: str, cells: Iterable[Any], place: Place, missing: bool
) -> tuple[np.ndarray, str]:
    """Cells of text, as of a file."""
    column = Cells(place, commas=False, missing=missing)
    for row, cell in enumerate(cells, 1):
        try:
            column.add(str(cell))
        except ValueError as error:
            raise RequestError(f"{where}, row {row}, column '{place.label}': {error}") from None
    return column.finished()
