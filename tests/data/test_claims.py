"""Files of data that claim, or unpack to, more than they hold, or have no end: refused in a line.

No test reads what it refuses: memory stays small, which one of them holds against a limit.
"""

import gzip
import io
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import nnpost
from nnpost import RequestError
from nnpost.common.errors import NoColumn
from nnpost.data import claims
from nnpost.data.readers import read_columns

GOOD = np.arange(5.0)


def npz(path, **members):
    """An NPZ file of members as they are given, bytes or arrays."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                buffer = io.BytesIO()
                np.save(buffer, content)
                content = buffer.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


def header(shape, descr="<f8"):
    """The beginning of a .npy file that declares an array of that shape."""
    buffer = io.BytesIO()
    form = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, form)
    return buffer.getvalue()


def refused(path, *wanted):
    with pytest.raises(RequestError) as error:
        read_columns(path, wanted or ("x",))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_numbers_that_are_not_there_are_refused(tmp_path):
    for count in (10**15, 10**30, 6):
        path = npz(tmp_path / "a.npz", x=header((count,)) + GOOD.tobytes(), y=GOOD)
        assert "bytes declared for 'x.npy'" in refused(path)
        np.testing.assert_array_equal(read_columns(path, ["y"]).values["y"], GOOD)


@pytest.mark.parametrize(
    "head", [b"{'descr': '<f8',", b"((((", b"{'shape': 1" + b"(" * 80, b"\xff"]
)
def test_a_head_that_is_no_head_is_refused(tmp_path, head):
    content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + GOOD.tobytes()
    assert "cannot be read as a .npz file" in refused(npz(tmp_path / "a.npz", x=content))


def test_an_encrypted_member_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", x=GOOD)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the directory, and of the member
    content[6] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(path)


def test_an_array_that_unpacks_without_end_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(header((2**25,)))
        for _ in range(256):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**19
    assert "that unpack to over" in refused(path)


def test_a_text_that_unpacks_without_end_is_refused(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"x,y\n")
        for _ in range(80):
            file.write(b"1,2\n" * 2**18)
    assert "that unpack to over" in refused(path)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nnpost.data.text.LONGEST", 1000)
    path = tmp_path / "long.csv"
    path.write_text("x,y\n1,2\n" + "3" * 2000)
    assert "long.csv, line 3: found a line of over 1,000 characters" in refused(path)


def test_very_many_columns_are_read(tmp_path):
    """The separators that are not theirs make one cell of the line, longer than csv allows."""
    path, count = tmp_path / "wide.csv", 100_000
    names = [f"c{k}" for k in range(count)]
    path.write_text(",".join(names) + "\n" + ",".join(map(str, range(count))) + "\n")
    assert read_columns(path, ["c99999"]).values["c99999"].tolist() == [99999.0]
    assert "no column 'z', it has c0, c1" in refused(path, "z")


@pytest.mark.parametrize("chunks", [None, (1000,)])
def test_hdf5_that_declares_more_than_it_has_is_refused(tmp_path, chunks):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10**12,), "f8", chunks=chunks)
        file["y"] = GOOD
    assert "bytes declared" in refused(path)
    np.testing.assert_array_equal(read_columns(path, ["y"]).values["y"], GOOD)
    assert "bytes declared" in refused(path)  # also where another part of it has passed


def test_hdf5_is_read_in_no_other_file(tmp_path):
    (tmp_path / "secret").write_bytes(GOOD.tobytes())
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (5,), "f8", external=[(str(tmp_path / "secret"), 0, 40)])
        file["z"] = h5py.ExternalLink("b.h5", "x")
    assert "found data in other files" in refused(path)
    with pytest.raises(NoColumn, match="no column 'z'"):
        read_columns(path, ["z"])


def test_hdf5_of_other_filters_and_types_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=GOOD, compression="lzf", chunks=(2,))
        file["group/n"] = np.arange(5, dtype="i2")
    found = read_columns(path, ["x", "group/n"]).values
    assert found["x"].tolist() == found["group/n"].tolist() == [0, 1, 2, 3, 4]


def test_more_than_this_machine_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "memory", lambda: 4 * 39)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = GOOD
    words = "found 40 bytes of numbers, which take"
    assert "found 168 bytes of numbers" in refused(npz(tmp_path / "a.npz", x=GOOD))  # 128: header
    assert words in refused(path)
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.table({"x": GOOD}), tmp_path / "a.parquet")
    assert words in refused(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "npz", "h5", "parquet"])
def test_pipes_and_devices_are_refused(tmp_path, kind):
    os.mkfifo(tmp_path / f"pipe.{kind}")
    (tmp_path / f"zero.{kind}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        assert "found a pipe or a device" in refused(tmp_path / f"{name}.{kind}")
    (tmp_path / f"folder.{kind}").mkdir()
    refused(tmp_path / f"folder.{kind}")


READ = """
import resource, sys
from pathlib import Path
from nnpost import RequestError
from nnpost.data.readers import read_columns
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_columns(Path(path), ["x"])
    except RequestError:
        continue
    print(path, "was read")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) // 1024)
"""


def test_refusals_need_little_memory(tmp_path):
    test_an_array_that_unpacks_without_end_is_refused(tmp_path)
    test_a_text_that_unpacks_without_end_is_refused(tmp_path)
    npz(tmp_path / "a.npz", x=header((10**10,)) + GOOD.tobytes())
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("x", (10**10,), "f8", compression="gzip", chunks=(10**6,))
    names = ("bomb.npz", "bomb.csv.gz", "a.npz", "b.h5")
    done = subprocess.run(
        [sys.executable, "-c", READ, *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(nnpost.__file__).parents[1])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
    )
    assert done.stderr == ""
    assert int(done.stdout) < 200  # MB
