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
    if isinstance(table, Mapping):
        names: list[str] = [str(name) for name in table]
        places = [find(where, name, order or names) for name in wanted]
        arrays = {place.label: np.asarray(table[_key(table, place.label)]) for place in places}
        values = {n: arrays[p.label] for n, p in zip(wanted, places, strict=True)}
        return Columns(values, {n: p.label for n, p in zip(wanted, places, strict=True)})
    frame = _frame(where, table)
    names = [str(name) for name in frame.columns]
    found, labels = {}, {}
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


def _numbers(
    where: str, series: nw.Series[Any], place: Place, missing: bool
) -> tuple[np.ndarray, str]:
    """A column as float64, and what to call it: dates are days since the first."""
    kind = series.dtype
    empty = series.is_null()
    if empty.any() and not missing:
        row = empty.to_list().index(True) + 1
        raise RequestError(
            f"{where}, row {row}, column '{place.label}': the cell is empty, expected a number; "
            "fill it in, remove the row, or have all such rows left out (drop_missing=True)"
        )
    if kind == nw.String or kind == nw.Object or kind == nw.Categorical:
        known = zip(series.to_list(), empty.to_list(), strict=True)
        return _parsed(where, ("" if none else cell for cell, none in known), place, missing)
    if kind == nw.Date or kind == nw.Datetime:
        days = _floats(series.cast(nw.Datetime("us")).dt.timestamp("us")) / 86400e6
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
