"""A data set of columns of a file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ..common.errors import RequestError
from .dataset import Dataset
from .readers import read_columns
from .roles import Roles

__all__ = ["read_data"]


def read_data(
    path: str | PathLike[str],
    x: str | Sequence[str],
    y: str | Sequence[str],
    yerr: str | None = None,
    name: str | None = None,
    drop_missing: bool = False,
) -> Dataset:
    """Read a Dataset from columns of a text table or a Parquet file, or arrays of NPZ or HDF5.

    Args:
        path: .csv (also .txt, .tsv, .dat, .data, and each of them with .gz: separated by commas,
            semicolons, tabs or blanks, decimal commas where commas do not separate; lines that
            start with # are comments), .parquet, .npz, .h5 or .hdf5.
        x: name or names of the inputs; in NPZ and HDF5 files (n, k) arrays give k inputs.
        y, yerr: name of the target and of its standard deviations. HDF5 names are paths. Columns
            may be called by number from 1; those of a text without a line of names have to be.
            ISO dates become days since the first.
        name: what to call the data; the name of the file if not given.
        drop_missing: leave rows out in which a cell is missing.

    Raises RequestError naming the file, and in a text the line and the column.
    """
    source = Path(path)
    roles = Roles.of(x, y, yerr)
    found = read_columns(source, roles.every, drop_missing)
    try:
        called = name or source.name.partition(".")[0]
        return Dataset(name=called, **roles.parts(found, drop_missing))
    except RequestError as error:
        raise RequestError(f"{source}: {error}") from None
