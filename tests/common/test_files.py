"""A file is there with all of its content, or as it was."""

import pytest

from nnpost import RequestError
from nnpost.common.files import asked_for, whole


def test_what_was_there_stays_until_all_is_written(tmp_path):
    path = tmp_path / "some.csv"
    path.write_bytes(b"old")
    with whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, there):
    path = tmp_path / "some.csv"
    if there:
        path.write_bytes(b"old")
    writing = whole(path)
    writing.__enter__().write(b"half")
    assert not writing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.exists() == there
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"] * there


def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path):
    missing = asked_for(tmp_path / "nowhere" / "some.csv")
    with pytest.raises(RequestError, match=r"cannot be written .* a folder that exists"):
        missing.__enter__()
