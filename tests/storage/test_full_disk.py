"""A disk that is full, or becomes so: what a run file says it holds is on the disk, or it says so.

The system refuses to write beyond a size that a process sets itself (RLIMIT_FSIZE), as it refuses
where a disk has no room; where this user may mount one, a small disk in memory is filled, too.
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import store_child as job

import nnpost
from nnpost import RequestError
from nnpost.storage import runfile
from nnpost.storage.hdf_backend import RunFileBackend
from nnpost.storage.read_chain import committed_rows, read_chain, thinned_copy
from nnpost.storage.runfile import new_file, write_groups

EXPERIMENT = {"seed": 0}
ROWS = 2000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.h5"
    new_file(path, {"experiment": EXPERIMENT})
    return path


def child(*arguments, limit=resource.RLIM_INFINITY):
    """Run the job in a process of its own, which may write no file larger than ``limit`` bytes."""
    return subprocess.run(
        [sys.executable, job.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(nnpost.__file__).parents[1])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def holds_what_it_says(path, words):
    """The rows that the error tells of are in the file, and are those that were sampled."""
    rows = committed_rows(path)
    assert f"it holds {rows} rows" in words
    expected = job.reference(ROWS)
    if rows:
        found = read_chain(path)
        np.testing.assert_array_equal(found.chain, expected.get_value("chain")[:rows])
        np.testing.assert_array_equal(found.log_prob, expected.get_value("log_prob")[:rows])
    job.resume(path, ROWS)  # there is room again
    np.testing.assert_array_equal(read_chain(path).chain, expected.get_value("chain"))
    return rows


@pytest.mark.parametrize("free", [50, 777, 1999])
def test_rows_that_cannot_be_written_end_the_run(path, free):
    done = child("limited", path, ROWS, free)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count("\n") == 2  # "go", and one line
    assert done.stderr == ""
    assert "cannot be written (File too large)" in done.stdout
    assert holds_what_it_says(path, done.stdout) == free // 100 * 100
    assert os.listdir(path.parent) == ["run.h5"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk in memory, of 4 MB."""
    disk = tmp_path_factory.mktemp("disk")
    made = ["mount", "-t", "tmpfs", "-o", "size=4m", "nnpost-test", str(disk)]
    if shutil.which("mount") is None or subprocess.run(made, capture_output=True).returncode:
        pytest.skip("this user may not mount a disk in memory")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk, left):
    """Another program leaves so many bytes free."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(max(free - left, 0)))


def test_a_disk_that_others_fill_costs_no_row(disk):
    path = disk / "run.h5"
    new_file(path, {"experiment": EXPERIMENT})
    with RunFileBackend(path, commit_rows=100) as chain:
        chain.reset(job.NWALKERS, job.NDIM)
        chain.grow(ROWS)
        fill(disk, 0)
        job.extend(chain, job.DriftingStretch(), ROWS)
    expected = job.reference(ROWS).get_value("chain")
    np.testing.assert_array_equal(read_chain(path).chain, expected)
    with pytest.raises(RequestError, match="cannot be written \\(No space left on device"):
        write_groups(path, {"fits": {"x": 1}})
    with (
        pytest.raises(RequestError, match="cannot be written \\(No space left on device"),
        RunFileBackend(path, resume=True) as chain,
    ):
        chain.grow(ROWS)
    np.testing.assert_array_equal(read_chain(path).chain, expected)
    assert sorted(os.listdir(disk)) == ["filler", "run.h5"]


def test_a_disk_too_small_is_refused_and_left_clean(disk):
    for file in disk.iterdir():
        file.unlink()
    for left in (0, 4096, 12288, 65536, 131072, 300_000, 524_288):
        fill(disk, left)
        done = child("refused", disk / "run.h5", ROWS)
        assert done.returncode == 2, (left, done.stdout + done.stderr)
        assert "cannot be written (No space left on device)" in done.stdout
        assert done.stdout.count("\n") == 2
        assert done.stderr == ""
        assert {*os.listdir(disk)} <= {"filler", "run.h5"}


@pytest.mark.parametrize("limit", [0, 300, 1024, 20_000, 150_000, 400_000])
def test_a_limit_too_small_is_refused_and_leaves_nothing(tmp_path, limit):
    done = child("refused", tmp_path / "run.h5", ROWS, limit=limit)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot be written (File too large)" in done.stdout
    assert done.stderr == ""
    assert {*os.listdir(tmp_path)} <= {"run.h5"}
    if limit > 20_000:
        assert committed_rows(tmp_path / "run.h5") == 0


def test_the_room_that_is_set_aside_is_enough(tmp_path, monkeypatch):
    """Otherwise HDF5 would ask a full disk for more, which it does not survive."""
    asked = {}

    def reserve(handle, size):
        asked[os.fstat(handle).st_ino] = size

    monkeypatch.setattr(runfile, "reserve", reserve)
    path, copy = tmp_path / "run.h5", tmp_path / "copy.h5"

    def enough(file):
        return file.stat().st_size <= asked[file.stat().st_ino]

    new_file(path, {"experiment": {"toml": "é" * 5000, **{f"k{i}": i for i in range(100)}}})
    assert enough(path)
    deep = {
        f"g{i}": {"a": np.arange(3), "b": {"c": "text"}, "s": ["x", "yy"] * 50} for i in range(9)
    }
    write_groups(path, {"fits": deep, "data": {"x": np.zeros((999, 3))}})
    assert enough(path)
    for rows, block in ((1, 256), (300, 256), (2000, 1), (5000, 100)):
        job.resume(path, rows, commit_rows=block)
        assert enough(path)
    thinned_copy(path, copy, 1)
    assert enough(copy)
