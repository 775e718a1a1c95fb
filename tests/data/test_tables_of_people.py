"""Tables as people have them: text of every dialect, Parquet, data frames, dates, missing cells."""

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from nnpost import Dataset, RequestError, read_data

CASES = Path(__file__).parents[1] / "cases"
T, FLUX = np.array([1.5, 2.0, 4.0]), np.array([10.25, -3.0, 1e-3])


def written(tmp_path, text, name="my.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(match, *args, **options):
    with pytest.raises(RequestError, match=match) as caught:
        read_data(*args, **options)
    assert "\n" not in str(caught.value)


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "   ", " \t "])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("decimal", [".", ","])
def test_every_dialect(tmp_path, separator, header, decimal):
    if separator == decimal:
        return
    lines = ["t;flux;other"] * header + [f"{t};{f};7" for t, f in zip(T, FLUX, strict=True)]
    text = "\n".join(line.replace(".", decimal).replace(";", separator) for line in lines) + "\n"
    path = written(tmp_path, text)
    data = read_data(path, "1", "2")
    assert np.array_equal(data.x[:, 0], T)
    assert np.array_equal(data.y, FLUX)
    assert data.x_names == (("t",) if header else ("column 1",))
    if header:
        assert np.array_equal(read_data(path, "t", "flux").y, FLUX)


def test_packed_text(tmp_path):
    path = tmp_path / "my.csv.gz"
    path.write_bytes(gzip.compress(b"t,flux\n1,2\n3,4\n"))
    assert read_data(path, "t", "flux").y.tolist() == [2.0, 4.0]
    assert read_data(path, "t", "flux").name == "my"
    path.write_bytes(gzip.compress(b"t,flux\n1,2\n3,4\n")[:-9])
    refused("cannot be read as a .gz file", path, "t", "flux")
    path.write_bytes(b"t,flux\n1,2\n")
    refused("cannot be read as a .gz file", path, "t", "flux")
    refused("found kind '.gz'", tmp_path / "my.npz.gz", "t", "flux")


def test_columns_by_number_keep_the_names_that_they_have(tmp_path):
    path = written(tmp_path, "year,flow,2\n1871,5,6\n1872,7,8\n")
    data = read_data(path, "1", "column 2")
    assert (data.x_names, data.y_name) == (("year",), "flow")
    assert read_data(path, "year", "2").y.tolist() == [6.0, 8.0]  # a name goes before a number
    refused("no column '4', it has year, flow, 2", path, "4", "flow")


def test_a_table_without_names(tmp_path):
    data = read_data(CASES / "whitespace.data", "1", "2")
    known = np.loadtxt(CASES / "whitespace.data")
    assert np.array_equal(np.column_stack([data.x, data.y]), known)
    assert (data.name, data.x_names, data.y_name) == ("whitespace", ("column 1",), "column 2")
    path = written(tmp_path, "1,2\n3,4\n")
    assert read_data(path, "column 1", "column 2").y.tolist() == [2.0, 4.0]
    refused("call the columns by number, 1 to 2, or add a line", path, "t", "2")
    refused("call the columns by number, 1 to 2", path, "1", "3")


def test_names_that_are_numbers(tmp_path):
    path = written(tmp_path, "1990,1991\n3,4\n5,6\n")
    assert read_data(path, "1990", "1991").y.tolist() == [4.0, 6.0]


def test_a_separator_within_quotes(tmp_path):
    path = written(tmp_path, '"flux, mean";t\n1,5;2\n')
    assert read_data(path, "t", "flux, mean").y.tolist() == [1.5]


def test_lines_of_another_length_name_the_line(tmp_path):
    path = written(tmp_path, "1 2\n3 4 5\n")
    refused(r"my.csv, line 2: found 3 cell\(s\), expected 2", path, "1", "2")


# -- dates ---------------------------------------------------------------------------------------


def test_dates_are_days_since_the_first():
    data = read_data(CASES / "dates.csv", "date", "flux", "flux err")
    assert data.x[:4, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert data.x_names == ("date (days since 2020-01-01)",)
    assert data.yerr_name == "flux err"
    assert np.all(data.yerr == 0.1)


def test_another_table_counts_from_the_same_day(tmp_path):
    first = written(tmp_path, "date,y\n2020-03-01,1\n2020-02-28,2\n", "first.csv")
    other = written(tmp_path, "date,y\n2021-03-01,1\n", "other.csv")
    data = read_data(first, "date", "y")
    assert data.x[:, 0].tolist() == [2.0, 0.0]  # 2020 was a leap year; the order does not matter
    assert read_data(other, data.x_names[0], "y").x.tolist() == [[367.0]]


def test_times_are_parts_of_days(tmp_path):
    text = "when,y\n2020-01-01T06:00,1\n2020-01-02 18:00:00,2\n2020-01-03T01:00+01:00,3\n"
    data = read_data(written(tmp_path, text), "when", "y")
    assert data.x[:, 0] == pytest.approx([0.25, 1.75, 2.0])


def test_dates_among_numbers_are_refused(tmp_path):
    path = written(tmp_path, "date,y\n2020-01-01,1\n17,2\n")
    refused("line 3, column 'date': found '17', expected a date as 2020-12-31", path, "date", "y")
    path = written(tmp_path, "t,y\n1,1\n2020-01-01,2\n")
    refused("line 3, column 't': found '2020-01-01', expected a number", path, "t", "y")
    path = written(tmp_path, "t,y\n2020-02-30,1\n")
    refused("line 2, column 't': found '2020-02-30', expected a number", path, "t", "y")


# -- missing cells -------------------------------------------------------------------------------


def test_missing_cells_are_refused_and_the_way_out_is_told():
    refused(
        "line 3, column 'co2': the cell is empty, .*--drop-missing",
        CASES / "missing.csv",
        "t",
        "co2",
    )


def test_incomplete_rows_are_left_out_and_counted():
    whole = read_data(CASES / "missing.csv", "t", "co2", drop_missing=True)
    rows = np.genfromtxt(CASES / "missing.csv", delimiter=",", skip_header=1)
    known = rows[~np.isnan(rows).any(axis=1)]
    assert np.array_equal(np.column_stack([whole.x, whole.y]), known)
    assert (len(rows), whole.dropped) == (6, 3)
    assert whole.remarks == ["3 of 6 rows were left out, as cells of them are missing"]
    assert Dataset.from_tree(whole.to_tree()).dropped == 3
    for part in whole.split(0.5):  # of the table, not of the part
        assert Dataset.from_tree(part.to_tree()).remarks[0] == whole.remarks[0]


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "nan", "null", "None", "?"])
def test_what_counts_as_missing(tmp_path, cell):
    path = written(tmp_path, f"t,y,e\n1,2,{cell}\n{cell},3,1\n5,6,1\n")
    assert read_data(path, "t", "y", "e", drop_missing=True).x.tolist() == [[5.0]]
    assert read_data(path, "t", "y", drop_missing=True).y.tolist() == [2.0, 6.0]
    refused("line 2, column 'e'|line 3, column 't'", path, "t", "y", "e")


def test_missing_dates(tmp_path):
    path = written(tmp_path, "date,y\n,1\n2020-01-05,2\n2020-01-06,3\n")
    data = read_data(path, "date", "y", drop_missing=True)
    assert data.x[:, 0].tolist() == [0.0, 1.0]
    assert data.x_names == ("date (days since 2020-01-05)",)


def test_what_is_left_must_be_points_and_infinities_are_not_missing(tmp_path):
    refused("no points", written(tmp_path, "t,y\n1,\n2,NA\n"), "t", "y", drop_missing=True)
    path = written(tmp_path, "t,y\n1,inf\n2,3\n")
    refused("line 2, column 'y': found inf", path, "t", "y", drop_missing=True)


def test_missing_numbers_in_arrays(tmp_path):
    path = tmp_path / "my.npz"
    np.savez(path, x=np.array([[1.0, np.nan], [2, 3], [4, 5]]), y=np.array([1.0, 2.0, np.nan]))
    assert read_data(path, "x", "y", drop_missing=True).x.tolist() == [[2.0, 3.0]]
    refused("x is nan", path, "x", "y")


# -- remarks -------------------------------------------------------------------------------------


def test_constant_and_repeated_columns_are_named():
    data = read_data(CASES / "collinear.csv", ["a", "b", "c"], "y")
    constant, repeated = data.remarks
    assert "input 'c' is 1 at all 60 points" in constant
    assert "input 'b' repeats 'a'" in repeated
    assert read_data(CASES / "collinear.csv", ["a"], "y").remarks == []


def test_a_column_in_other_units_repeats(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(300, 5, 5000)
    table = {"kelvin": x, "celsius": x - 273.15, "other": x + 0.01 * rng.standard_normal(5000)}
    data = Dataset.from_table(table | {"y": x**2}, list(table), "y")
    (line,) = data.remarks
    assert "input 'celsius' repeats 'kelvin'" in line


def test_a_constant_target_is_named():
    data = read_data(CASES / "constant.csv", "x", "y")
    assert data.remarks == ["'y' is 1 at all 30 points: there is nothing to learn"]


def test_of_many_columns_some_are_named_and_the_others_counted():
    x = np.random.default_rng(0).standard_normal((40, 2))
    data = Dataset(np.hstack([np.ones((40, 8)), np.tile(x, 4)]), x[:, 0])
    lines = data.remarks
    assert lines[5] == "3 more inputs are constant"
    assert lines[-1] == "1 more inputs repeat others"
    assert len(lines) == 12


# -- tables in memory ----------------------------------------------------------------------------

DAYS = np.array(["2020-01-01", "2020-01-02", "2020-01-04"], dtype="datetime64[us]")
ARRAYS = {"t": T, "flux": FLUX, "err": np.full(3, 0.5)}


def structured():
    return np.rec.fromarrays(list(ARRAYS.values()), names=list(ARRAYS))


@pytest.mark.parametrize(
    "table",
    [
        ARRAYS,
        pd.DataFrame(ARRAYS),
        pd.DataFrame(ARRAYS).astype({"flux": "Float64"}),
        pl.DataFrame(ARRAYS),
        pl.LazyFrame(ARRAYS),
        pa.table(ARRAYS),
        xr.Dataset({k: ("t", v) for k, v in ARRAYS.items() if k != "t"}, coords={"t": T}),
        structured(),
        np.asarray(structured()),
    ],
    ids=["dict", "pandas", "nullable", "polars", "lazy", "pyarrow", "xarray", "recarray", "struct"],
)
def test_tables_of_every_library(table):
    data = Dataset.from_table(table, x="t", y="flux", yerr="err", name="mine")
    assert np.array_equal(data.x[:, 0], T)
    assert np.array_equal(data.y, FLUX)
    assert np.array_equal(data.yerr, np.full(3, 0.5))
    assert (data.name, data.x_names, data.y_name, data.yerr_name) == ("mine", ("t",), "flux", "err")
    assert data.y.dtype == np.float64
    with pytest.raises(RequestError, match=r"no column 'fluxx', it has .*did you mean 'flux'"):
        Dataset.from_table(table, x="t", y="fluxx")


def test_a_matrix_by_number():
    data = Dataset.from_table(np.column_stack([T, FLUX]), x="1", y="2")
    assert np.array_equal(data.y, FLUX)
    assert data.x_names == ("column 1",)
    with pytest.raises(RequestError, match=r"table has shape \(3,\), expected \(rows, columns\)"):
        Dataset.from_table(T, x="1", y="2")


def test_an_array_with_coordinates():
    places = {"lat": [10.0, 20.0], "lon": [5.0, 6.0]}
    field = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], coords=places, dims=list(places), name="temp")
    data = Dataset.from_table(field, x=["lat", "lon"], y="temp")
    assert data.x.tolist() == [[10.0, 5.0], [10.0, 6.0], [20.0, 5.0], [20.0, 6.0]]
    assert data.y.tolist() == [1.0, 2.0, 3.0, 4.0]


def records(columns):
    return np.rec.fromarrays(list(columns.values()), names=list(columns))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict, records])
def test_dates_in_memory(make):
    data = Dataset.from_table(make({"when": DAYS, "y": T}), x="when", y="y")
    assert data.x[:, 0].tolist() == [0.0, 1.0, 3.0]
    assert data.x_names == ("when (days since 2020-01-01)",)
    text = Dataset.from_table(make({"when": DAYS.astype("M8[D]").astype(str), "y": T}), "when", "y")
    assert text.x.tolist() == data.x.tolist()
    assert text.x_names == data.x_names


def zoned(make):
    moments = pd.to_datetime(["2020-01-01 01:00", "2020-01-01 13:00", "2020-01-03 01:00"])
    zone = moments.tz_localize("Europe/Paris")
    return make(pd.DataFrame({"when": zone, "y": T}))


@pytest.mark.parametrize(
    "table",
    [
        zoned(lambda frame: frame),
        zoned(pl.from_pandas),
        zoned(pa.Table.from_pandas),
        {"when": ["2020-01-01T01:00+01:00", "2020-01-01 12:00", "2020-01-03"], "y": T},
        {"when": [datetime(2020, 1, 1), datetime(2020, 1, 1, 12), datetime(2020, 1, 3)], "y": T},
    ],
    ids=["pandas", "polars", "pyarrow", "text", "objects"],
)
def test_moments_with_a_zone_are_those_of_utc(table):
    data = Dataset.from_table(table, x="when", y="y")
    assert data.x[:, 0].tolist() == [0.0, 0.5, 2.0]
    assert data.x_names == ("when (days since 2020-01-01)",)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"t": [1.0, None, 3.0], "y": [1.0, 2.0, 3.0]}),
        pl.DataFrame({"t": [1, None, 3], "y": [1.0, 2.0, 3.0]}),
        pa.table({"t": pa.array([1, None, 3]), "y": [1.0, 2.0, 3.0]}),
        pd.DataFrame({"t": ["1", None, "3"], "y": [1.0, 2.0, 3.0]}),
        {"t": [1, None, 3], "y": [1.0, 2.0, 3.0]},
        {"t": np.ma.masked_equal([1, 7, 3], 7), "y": pd.Series([1.0, 2.0, 3.0])},
        {"t": np.array(["1970-01-02", "NaT", "1970-01-04"], "M8[D]"), "y": [1.0, 2.0, 3.0]},
    ],
    ids=["pandas", "polars", "pyarrow", "text", "objects", "masked", "dates"],
)
def test_missing_cells_in_memory(table):
    with pytest.raises(RequestError, match=r"row 2, column 't': the cell is empty"):
        Dataset.from_table(table, x="t", y="y")
    data = Dataset.from_table(table, x="t", y="y", drop_missing=True)
    assert np.diff(data.x[:, 0]) == [2.0]
    assert data.dropped == 1


def test_cells_and_tables_that_cannot_be_used():
    table = pl.DataFrame({"t": [1.0, 2.0], "y": ["1", "six"]})
    with pytest.raises(RequestError, match="table, row 2, column 'y': found 'six', expected a num"):
        Dataset.from_table(table, x="t", y="y")
    with pytest.raises(RequestError, match="column 'y': found Boolean, expected numbers or dates"):
        Dataset.from_table(table.with_columns(y=pl.Series([True, False])), x="t", y="y")
    with pytest.raises(RequestError, match="table: found int, expected a data frame"):
        Dataset.from_table(3, x="t", y="y")


# -- Parquet -------------------------------------------------------------------------------------


def test_parquet(tmp_path):
    path = tmp_path / "my.parquet"
    parquet.write_table(pa.table({"when": DAYS.astype("M8[D]"), "flux err": T, "flux": FLUX}), path)
    data = read_data(path, "when", "flux", "flux err")
    assert data.x[:, 0].tolist() == [0.0, 1.0, 3.0]
    assert np.array_equal(data.y, FLUX)
    assert np.array_equal(read_data(path, "2", "3").y, FLUX)
    refused("my.parquet: no column 'fluxx', it has .*did you mean 'flux'", path, "when", "fluxx")
    path.write_bytes(path.read_bytes()[:50])
    refused("my.parquet: cannot be read as a .parquet file", path, "when", "flux")


# -- any table at all ----------------------------------------------------------------------------


@given(
    st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=2),
    st.sampled_from([",", ";", "\t", " "]),
    st.booleans(),
)
def test_numbers_come_back_as_they_were_written(tmp_path_factory, rows, separator, header):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    lines = ["t;y"] * header + [f"{a!r};{b!r}" for a, b in rows]
    path.write_text("\n".join(lines).replace(";", separator))
    data = read_data(path, "1", "2")
    assert np.array_equal(np.column_stack([data.x, data.y]), np.array(rows))


@given(st.text('ab12.,;\t -"#\n\0é', max_size=80), st.booleans())
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, text, drop):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_bytes(text.encode())
    told = ""
    try:
        data = read_data(path, "1", "2", drop_missing=drop)
    except RequestError as error:
        told = str(error)
    assert ("a.csv" in told and "\n" not in told) if told else np.isfinite(data.y).all()
