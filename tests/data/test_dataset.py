"""Datasets: what is accepted, what is refused and in which words, splits, files."""

import dataclasses
import hashlib
import struct
import tracemalloc

import h5py
import numpy as np
import pytest

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.data.read_data import read_data

X, Y, ERR = np.linspace(0, 1, 5), np.arange(5.0), np.full(5, 0.1)


def refused(match, *args, **kwargs):
    """The one line that a RequestError of Dataset(...) says."""
    with pytest.raises(RequestError, match=match) as caught:
        Dataset(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is accepted ---------------------------------------------------------------------------


@pytest.mark.parametrize("x", [X, X[:, None], list(X), X.astype("f4"), X.astype(">f8")])
@pytest.mark.parametrize("y", [Y, Y[:, None], list(Y), Y.astype(int), np.ma.array(Y)])
def test_vectors_and_single_columns_become_the_same_arrays(x, y):
    data = Dataset(x, y, Y[:, None] + 1)
    assert data.x.shape == (5, 1)
    assert data.y.shape == data.yerr.shape == (5,)
    np.testing.assert_allclose(data.x[:, 0], X, rtol=1e-7)
    np.testing.assert_array_equal(data.y, Y)
    np.testing.assert_array_equal(data.yerr, Y + 1)
    assert {a.dtype.str for a in (data.x, data.y, data.yerr)} == {"<f8"}
    assert (data.n, data.inputs) == (5, 1)


def test_arrays_are_read_only_copies():
    x, y, err = X[:, None].copy(), Y.copy(), ERR.copy()
    data = Dataset(x, y, err)
    x[:], y[:], err[:] = 7, 7, 7
    np.testing.assert_array_equal(data.x[:, 0], X)
    np.testing.assert_array_equal(data.y, Y)
    np.testing.assert_array_equal(data.yerr, ERR)
    for array in (data.x, data.y, data.yerr):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.y = Y


def test_names():
    assert Dataset(X, Y).x_names == ("x",)
    assert Dataset(np.ones((5, 2)), Y).x_names == ("x[0]", "x[1]")
    assert Dataset(X, Y, x_names="time").x_names == ("time",)
    assert Dataset(np.ones((5, 2)), Y, x_names=["a", "b"]).x_names == ("a", "b")
    refused("x_names: found a, b, expected 1 different", X, Y, x_names=("a", "b"))
    refused("x_names: found a, a, expected 2 different", np.ones((5, 2)), Y, x_names=("a", "a"))
    refused("x_names: found 3, expected a name", X, Y, x_names=(3,))
    refused("^name: found None", X, Y, name=None)
    refused("^y_name: found ''", X, Y, y_name="")


# --- what is refused ----------------------------------------------------------------------------


def test_different_lengths():
    refused(r"x has 5 row\(s\) and y has shape \(4,\), expected \(5,\)", X, Y[:4])
    refused(r"x has 5 row\(s\) and yerr \('e'\) has shape \(4,\)", X, Y, ERR[:4], yerr_name="e")
    refused("x looks transposed, give x.T", X[None], Y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (Y[None], r"y has shape \(1, 5\), expected \(5,\).*broadcast to a matrix.*ravel"),
        (np.ones((5, 2)), r"y has shape \(5, 2\), expected \(5,\); .*choose one column"),
        (np.ones((4, 1)), r"y has shape \(4, 1\), expected \(5,\).*broadcast"),
        (np.ones((5, 1, 1)), r"y has shape \(5, 1, 1\)"),
        (3.0, r"y has shape \(\), expected \(5,\), a value for each point.*np.full\(5, value\)"),
    ],
)
def test_shapes_of_y_that_could_be_mistaken(y, match):
    refused(match, X, y)
    refused(match.replace("y has", "yerr has"), X, Y, y)


def test_one_point_as_a_matrix_could_be_a_row_or_a_column():
    assert Dataset([1.0], [2.0]).n == 1
    refused(r"y has shape \(1, 1\), expected \(1,\)", [1.0], [[2.0]])


@pytest.mark.parametrize("x", [[], np.empty((0, 2)), np.empty((5, 0)), np.empty((0,))])
def test_no_points_or_no_inputs(x):
    refused("no points or no inputs", x, Y)
    refused("no points", x, [])


def test_x_of_other_dimensions():
    refused(r"x has shape \(5, 1, 1\), expected \(n,\) or \(n, d\)", np.ones((5, 1, 1)), Y)
    refused(r"x has shape \(\), expected", 1.0, Y)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(bad):
    y = Y.copy()
    y[[1, 3]] = bad
    refused(rf"y \('flux'\) is {bad} at index 1 \(2 of 5 values", X, y, y_name="flux")
    refused(rf"x is {bad} at index \(1, 0\) \(2 of 5 values", y, Y)
    refused("expected (finite numbers|standard deviations)", X, Y, np.where(y == Y, 1.0, bad))


def test_numbers_beyond_float64_are_not_finite():
    if np.finfo(np.longdouble).max == np.finfo(float).max:
        pytest.skip("long double is float64 here")
    refused("y is inf at index 0", [1.0], np.array([1e308], dtype=np.longdouble) * 1000)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_errors_that_are_not_positive(bad):
    err = ERR.copy()
    err[2] = bad
    refused(rf"yerr is {bad:g} at index 2 \(1 of 5 .*expected standard deviations > 0", X, Y, err)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (Y * 1j, "y has dtype complex128, expected real numbers"),
        (["a", "b", "c", "d", "e"], "y has dtype <U1"),
        ([None] * 5, "y has dtype object"),
        (Y > 1, "y has dtype bool"),
        ([[1], [1, 2], 3, 4, 5], "y is no array of numbers"),
        (np.ma.array(Y, mask=Y == 2), "y has masked values"),
        ({"a": 1}, "y has dtype object"),
        (Y.astype("M8[s]"), "y has dtype datetime64"),
    ],
)
def test_values_that_are_not_real_numbers(y, match):
    refused(match, X, y)
    refused(match.replace("y ", "x ", 1), y, Y)


# --- digest, split, tree, table -----------------------------------------------------------------


def test_digest_tells_numbers_apart_and_not_names():
    data = Dataset(X, Y)
    assert data.digest == Dataset(X[:, None], Y[:, None], name="other", y_name="z").digest
    assert len(data.digest) == 64
    others = [
        Dataset(X, Y + 1e-15),
        Dataset(X + 1, Y),
        Dataset(X, Y, ERR),
        Dataset(X, Y, ERR * 2),
        Dataset(X[:4], Y[:4]),
        Dataset(np.c_[X, X], Y),
    ]
    assert len({d.digest for d in (data, *others)}) == 7


def test_digest_is_the_same_everywhere():
    parts = [b"(2, 1)", struct.pack("<2d", 1, 2), b"(2,)", struct.pack("<2d", 3, 4), b"None"]
    expected = hashlib.sha256(b"".join(parts)).hexdigest()
    assert Dataset([1.0, 2.0], [3.0, 4.0]).digest == expected


@pytest.mark.parametrize(("fraction", "count"), [(0.8, 80), (0.5, 50), (0.01, 1), (0.99, 99)])
def test_split_divides_all_points(fraction, count):
    rng = np.random.default_rng(0)
    y, names = np.arange(100.0), ("d", ("a", "b"), "c", "e")
    data = Dataset(rng.normal(size=(100, 2)), y, y + 1, *names)
    first, second = data.split(fraction, seed=3)
    assert (first.n, second.n) == (count, 100 - count)
    np.testing.assert_array_equal(np.sort(np.r_[first.y, second.y]), data.y)
    for part in (first, second):
        rows = part.y.astype(int)
        np.testing.assert_array_equal(part.x, data.x[rows])
        np.testing.assert_array_equal(part.yerr, data.yerr[rows])
        assert (np.diff(rows) > 0).all()
        assert (part.name, part.x_names, part.y_name, part.yerr_name) == names


def test_split_is_random_and_repeats():
    data = Dataset(np.arange(100.0), np.arange(100.0))
    first, again, other = (data.split(0.5, seed=s)[0].y for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # Every point is drawn about half of the time, not the first half always.
    share = np.mean([np.isin(data.y, data.split(0.5, seed=s)[0].y) for s in range(400)], axis=0)
    assert share.min() > 0.35
    assert share.max() < 0.65


def test_split_that_leaves_nothing_is_refused():
    for fraction in (0.0, 1.0, -0.5, 1.5, 0.01, 0.99, np.nan, "a", None, True):
        with pytest.raises(RequestError, match=r"^split: "):
            Dataset(X, Y).split(fraction)
    with pytest.raises(RequestError, match="seed -1"):
        Dataset(X, Y).split(0.5, seed=-1)
    with pytest.raises(RequestError, match="leaves one part empty"):
        Dataset([1.0], [1.0]).split(0.5)


@pytest.mark.parametrize("yerr", [None, ERR])
def test_tree_round_trip(yerr):
    data = Dataset(np.c_[X, X], Y, yerr, "my data", ("ä, b", 'c"d'), "flux", "err")
    tree = data.to_tree()
    assert all(isinstance(v, (str, np.ndarray)) for v in tree.values())
    back = Dataset.from_tree(tree)
    assert repr(back) == repr(data)
    assert (back.digest, back.name, back.x_names) == (data.digest, "my data", ("ä, b", 'c"d'))
    assert (back.y_name, back.yerr_name) == ("flux", "err")


def test_trees_with_parts_missing_are_refused():
    tree = Dataset(X, Y).to_tree()
    with pytest.raises(RequestError, match="stored data: found no y"):
        Dataset.from_tree({k: v for k, v in tree.items() if k != "y"})
    with pytest.raises(RequestError, match="x_names is not a JSON list"):
        Dataset.from_tree(tree | {"x_names": "t"})


def test_tables_are_short_and_escape_names():
    data = Dataset(X, Y, ERR, "a<b", ("<t>",), "flux")
    assert repr(data).splitlines() == [
        "Dataset 'a<b': 5 points, 1 input",
        "  x     <t>   0 … 1",
        "  y     flux  0 … 4",
        "  yerr  yerr  0.1 … 0.1",
    ]
    page = data._repr_html_()
    assert "a&lt;b" in page
    assert "&lt;t&gt;" in page
    assert "<t>" not in page
    assert len(repr(Dataset(np.ones((5, 40)), Y)).splitlines()) == 15
    assert "28 more" in repr(Dataset(np.ones((5, 40)), Y))


# --- files --------------------------------------------------------------------------------------


def csv(tmp_path, text, name="my.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


TABLE = "t,flux,err\n1,2.5,0.1\n2,3.5e0,0.2\n-3, +4,0.3\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv(tmp_path, delimiter, encoding, newline):
    text = "# made by hand, today; really\n\n" + TABLE.replace("2,3.5e0", "# gap\n2,3.5e0")
    path = csv(tmp_path, text.replace(",", delimiter).replace("\n", newline), encoding=encoding)
    data = read_data(path, ["t"], "flux", "err")
    np.testing.assert_array_equal(data.x, [[1], [2], [-3]])
    np.testing.assert_array_equal(data.y, [2.5, 3.5, 4.0])
    np.testing.assert_array_equal(data.yerr, [0.1, 0.2, 0.3])
    names = (data.name, data.x_names, data.y_name, data.yerr_name)
    assert names == ("my", ("t",), "flux", "err")


def test_csv_columns_of_ones_choice(tmp_path):
    path = csv(tmp_path, TABLE)
    data = read_data(str(path), ("err", "t"), "flux", name="mine")
    assert (data.name, data.x_names, data.yerr) == ("mine", ("err", "t"), None)
    np.testing.assert_array_equal(data.x, [[0.1, 1], [0.2, 2], [0.3, -3]])
    np.testing.assert_array_equal(read_data(path, "t", "flux").x[:, 0], [1, 2, -3])


def test_csv_ignores_text_in_columns_that_are_not_asked_for(tmp_path):
    path = csv(tmp_path, '"star, name",t,y\n"a, b",1,2\n"c ""d""",3,4\n')
    np.testing.assert_array_equal(read_data(path, "t", "y").y, [2, 4])


def test_the_delimiter_is_the_one_that_shows_the_columns(tmp_path):
    path = csv(tmp_path, "t;flux;note (a, b, c, d)\n1;2;x\n")
    np.testing.assert_array_equal(read_data(path, "t", "flux").y, [2])


def unreadable(match, path, x="t", y="flux", yerr=None):
    with pytest.raises(RequestError, match=match) as caught:
        read_data(path, x, y, yerr)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_a_column_that_is_not_there(tmp_path):
    message = unreadable("no column 'fluxx'", csv(tmp_path, TABLE), y="fluxx")
    assert "it has t, flux, err" in message
    assert "did you mean 'flux'?" in message
    wide = ",".join(f"c{i}" for i in range(50)) + "\n"
    assert "c19 and 30 more" in unreadable("no column 't'", csv(tmp_path, wide))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("t,flux\n1,2\n3,abc\n", "line 3, column 'flux': found 'abc', expected a number"),
        ("t,flux\n# c\n\n1,2\n3,\n", "line 5, column 'flux': the cell is empty"),
        ("t,flux\n1,2\n 3 , \n", "line 3, column 'flux': the cell is empty"),
        ("t;flux\n1;2,5\n2;2.5\n", "line 3, column 'flux': found '2.5', and ',' as the decimal"),
        ('t,flux\n1,"2,5"\n', "line 2, column 'flux': found '2,5', .*decimal point"),
        ("t,flux\n1,1_000\n", "line 2, column 'flux': found '1_000'"),
        ("t,flux\n1,2\nnan,3\n", "line 3, column 't': found nan .1 of 2 cells"),
        ("t,flux\n1,2\n\n3,1e999\n", "line 4, column 'flux': found inf"),
        ("t,flux\n1,2\n3\n", r"line 3: found 1 cell\(s\), expected 2"),
        ("t,flux\n1,2,3\n", r"line 2: found 3 cell\(s\), expected 2"),
        ('t,flux\n1,2\n3,"4\n5,6\n', "line 4: unexpected end of data"),
        ("1,2\n3,4\n", "first line holds numbers, so that there is no column 't'; .* 1 to 2"),
        ("t,flux,t\n1,2,3\n", "column 't' is there twice"),
        ("t,flux\n", "no rows after the column names"),
        ("", "no lines, expected column names"),
        ("# only this\n", "no lines, expected column names"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path, text, match):
    unreadable(match, csv(tmp_path, text))


def test_values_of_a_file_are_checked_like_any_others(tmp_path):
    path = csv(tmp_path, "t,flux,err\n1,2,0.1\n3,4,0\n")
    unreadable(r"yerr \('err'\) is 0 at index 1", path, yerr="err")


def test_files_of_another_kind(tmp_path):
    unreadable("no such file", tmp_path / "none.csv")
    unreadable("found kind '.xlsx', expected one of .csv", tmp_path / "my.xlsx")
    unreadable("found no kind", tmp_path / "data")
    (tmp_path / "folder.csv").mkdir()
    unreadable("cannot be read as a .csv file", tmp_path / "folder.csv")
    unreadable("cannot be read as a .csv file", csv(tmp_path, TABLE, encoding="utf-16"))
    for name in ("my.npz", "my.h5"):
        unreadable("(not an NPZ file|not an HDF5 file)", csv(tmp_path, TABLE, name))
        unreadable("(not an NPZ file|not an HDF5 file)", csv(tmp_path, "", name))


@pytest.mark.parametrize("y", ["t", ["t"], ""])
def test_columns_that_make_no_sense(tmp_path, y):
    with pytest.raises(RequestError, match="column"):
        read_data(csv(tmp_path, TABLE), ["t"], y)
    with pytest.raises(RequestError, match="at least one input"):
        read_data(csv(tmp_path, TABLE), [], "flux")


def save(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return path
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            file["group/" + key if key == "deep" else key] = value
    return path


@pytest.mark.parametrize("name", ["my.npz", "my.h5", "my.hdf5"])
def test_npz_and_hdf5(tmp_path, name):
    wide = np.arange(15.0).reshape(5, 3)
    path = save(tmp_path / name, t=X, wide=wide, flux=Y[:, None], err=ERR.astype("f4"))
    data = read_data(path, ["t", "wide"], "flux", "err")
    np.testing.assert_array_equal(data.x, np.c_[X, wide])
    np.testing.assert_array_equal(data.y, Y)
    assert data.x_names == ("t", "wide[0]", "wide[1]", "wide[2]")
    unreadable("no column 'fluxx', it has .*did you mean 'flux'", path, y="fluxx")
    unreadable(r"y \('wide'\) has shape \(5, 3\), expected \(5,\)", path, y="wide")


@pytest.mark.parametrize("name", ["my.npz", "my.h5"])
def test_arrays_that_cannot_be_used(tmp_path, name):
    path = save(tmp_path / name, t=X, s=X[:4], cube=np.ones((5, 2, 2)), flux=Y, one=1.0)
    unreadable(r"x \('t'\) has 5 points and x \('s'\) has 4", path, x=["t", "s"])
    unreadable(r"x \('cube'\) has shape \(5, 2, 2\)", path, x="cube")
    unreadable(r"y \('one'\) has shape \(\)", path, y="one")
    unreadable(r"x has 4 row\(s\) and y \('flux'\) has shape \(5,\)", path, x="s")


def test_hdf5_names_are_paths(tmp_path):
    path = save(tmp_path / "my.h5", deep=X, flux=Y)
    for key in ("group/deep", "/group/deep"):
        np.testing.assert_array_equal(read_data(path, key, "flux").x[:, 0], X)
    unreadable("no column 'group', it has flux, group/deep", path, x="group")


def test_pickled_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "my.npz", t=np.array([1, None], dtype=object), flux=Y)
    unreadable("cannot be read as a .npz file .*allow_pickle", tmp_path / "my.npz")


@pytest.mark.parametrize("name", ["my.npz", "my.h5"])
def test_truncated_files(tmp_path, name):
    path = save(tmp_path / name, t=np.arange(5000.0), flux=np.arange(5000.0))
    path.write_bytes(path.read_bytes()[:20000])
    unreadable("my", path)


def test_a_long_csv_is_read_in_bounded_memory(tmp_path):
    rows = 50_000
    path = csv(tmp_path, "t,flux,other\n" + "1.25,2.5,some text\n" * rows)
    tracemalloc.start()
    data = read_data(path, "t", "flux")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.n == rows
    assert peak < 150 * rows  # Python floats in lists of rows take several times as much
