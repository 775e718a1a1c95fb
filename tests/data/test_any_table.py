"""Whatever numbers a table has are read back to the bit, and whatever text is read or refused."""

import io

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnpost import RequestError
from nnpost.data.readers import read_columns
from nnpost.experiment.experiment import Experiment

FEW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TABLES = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(2)), elements=NUMBERS)


def read(path):
    found = read_columns(path, ["x", "y"]).values
    return np.column_stack([found["x"], found["y"]])


@FEW
@given(
    table=TABLES,
    separator=st.sampled_from([",", ";", "\t", " "]),
    end=st.sampled_from(["\n", "\r\n"]),
    comment=st.booleans(),
)
def test_text_is_read_back_to_the_bit(tmp_path, table, separator, end, comment):
    rows = ["x" + separator + "y", *(separator.join(map(repr, row)) for row in table.tolist())]
    lines = ["# a comment", *rows] if comment else rows
    path = tmp_path / "a.csv"
    path.write_bytes(end.join([*lines, ""]).encode())
    np.testing.assert_array_equal(read(path), table)


@FEW
@given(table=TABLES, kind=st.sampled_from(["npz", "h5", "parquet"]), packed=st.booleans())
def test_arrays_are_read_back_to_the_bit(tmp_path, table, kind, packed):
    columns, path, file = {"x": table[:, 0], "y": table[:, 1]}, tmp_path / f"a.{kind}", io.BytesIO()
    if kind == "npz":
        (np.savez_compressed if packed else np.savez)(file, **columns)
    elif kind == "h5":
        with h5py.File(file, "w") as stored:
            for name, values in columns.items():
                stored.create_dataset(name, data=values, compression="gzip" if packed else None)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(
            pyarrow.table(columns), file, compression="snappy" if packed else "none"
        )
    path.write_bytes(file.getvalue())
    np.testing.assert_array_equal(read(path), table)


@FEW
@given(text=st.text(max_size=200), ending=st.sampled_from(["csv", "txt", "npz", "h5", "parquet"]))
def test_any_text_is_read_or_refused(tmp_path, text, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text(text, "utf-8", "replace")
    try:
        found = read(path)
    except RequestError:
        return
    assert np.isfinite(found).all()


KEYS = [
    f"{part.key(key)}" for part in Experiment.sections().values() for key in part.names()
] + ["seed", "name"]  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(repr),
    st.lists(st.integers(-2, 2**70)).map(str),
    st.integers(1, 500).map(lambda n: "[" * n),
    st.integers(1, 5000).map(lambda n: "9" * n),
)


@settings(FEW, max_examples=400)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_setting_is_kept_as_it_is_or_refused(key, value):
    try:
        found = Experiment().with_settings([f"{key}={value}"])
    except RequestError:
        return
    assert Experiment.from_toml(found.to_toml()) == found
