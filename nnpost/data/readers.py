"""Columns by name from files of several kinds: ``read_columns(path, names) -> Columns``.

One function for each kind of file, all of the same shape; :data:`READERS` lists them. Nothing is
unpickled. A file that cannot be used raises RequestError, of a text with the line and the column.
"""

from __future__ import annotations

import csv
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from tokenize import TokenError

import h5py
import numpy as np

from ..common.errors import RequestError
from ..common.files import refuse_streams
from .claims import check_arrays, check_hdf5, check_packed, check_parquet
from .columns import Columns, find
from .text import read_text

__all__ = ["read_columns"]

# What libraries raise for bytes that are damaged or of a kind that they do not know: RuntimeError
# for a member of an archive that is encrypted or packed in another way, SyntaxError and TokenError
# for the head of an array.
UNREADABLE = (
    OSError, EOFError, ValueError, RuntimeError, SyntaxError, csv.Error, struct.error, TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
PACKED = ".gz"  # may follow the ending of a text


def read_columns(path: Path, wanted: Sequence[str], missing: bool = False) -> Columns:
    """The ``wanted`` columns of a file, in any shape that it stores them.

    With ``missing``, what is not there is NaN in files that can say so. Raises RequestError:
    another kind of file, no such file, no such column, an unreadable file.
    """
    suffix = path.suffix.lower()
    kind = Path(path.stem).suffix.lower() if suffix == PACKED else suffix
    reader = READERS.get(kind)
    if reader is None or (suffix == PACKED and reader is not read_text):
        found = f"kind '{suffix}'" if suffix else "no kind at the end of its name"
        raise RequestError(
            f"{path}: found {found}, expected one of {', '.join(READERS)}, or a text with {PACKED}"
        )
    if not path.exists():
        raise RequestError(f"{path}: no such file; give the path of one that exists")
    refuse_streams(path)
    try:
        if suffix == PACKED:
            check_packed(path)
        return reader(path, wanted, missing)
    except RequestError:
        raise
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RequestError(
            f"{path}: cannot be read as a {suffix} file ({reason}); check or rewrite it"
        ) from None


def read_npz(path: Path, wanted: Sequence[str], missing: bool) -> Columns:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):  # numpy would speak of pickles here
            raise RequestError(f"{path}: not an NPZ file; write it with numpy.savez")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            labels = {name: find(str(path), name, archive.files).label for name in wanted}
            check_arrays(path, [*labels.values()])
            return Columns({name: archive[labels[name]] for name in wanted}, labels)


def read_hdf5(path: Path, wanted: Sequence[str], missing: bool) -> Columns:
    def places(file: h5py.File) -> list[str]:
        names: list[str] = []

        def note(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                names.append(name)

        file.visititems(note)
        return [find(str(path), name.strip("/"), names).label for name in wanted]

    if not h5py.is_hdf5(path):
        raise RequestError(f"{path}: not an HDF5 file; write it with h5py")
    check_hdf5(path, wanted, places)
    with h5py.File(path, "r") as file:
        values = {name: file[place][()] for name, place in zip(wanted, places(file), strict=True)}
        return Columns(values, {name: name for name in wanted})


def read_parquet(path: Path, wanted: Sequence[str], missing: bool) -> Columns:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise RequestError(
            f"{path}: Parquet files need pyarrow, which is not installed; pip install pyarrow, or "
            "write the table as CSV"
        ) from None
    from .frames import frame_columns

    try:
        about = parquet.read_metadata(path)
        check_parquet(path, about.num_rows, len(wanted))
        names = parquet.read_schema(path).names
        places = [find(str(path), name, names) for name in wanted]
        table = parquet.read_table(path, columns=[place.label for place in places])
    except ArrowException as error:
        raise ValueError(str(error)) from None
    return frame_columns(str(path), table, wanted, missing, names)


Reader = Callable[[Path, Sequence[str], bool], Columns]
READERS: dict[str, Reader] = {
    **dict.fromkeys((".csv", ".txt", ".tsv", ".dat", ".data"), read_text),
    ".npz": read_npz,
    **dict.fromkeys((".h5", ".hdf5"), read_hdf5),
    ".parquet": read_parquet,
}
