"""The run file: what is written comes back, emcee reads it, and no crash spoils it."""

import errno
import io
import os
import subprocess
import sys
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import emcee
import h5py
import numpy as np
import pytest
import store_child as job

import nnpost
from nnpost import RequestError
from nnpost.storage import commit, hdf_backend
from nnpost.storage import read_chain as read_chain_module
from nnpost.storage import rows as rows_module
from nnpost.storage.backend import MemoryBackend
from nnpost.storage.hdf_backend import RunFileBackend
from nnpost.storage.read_chain import committed_rows, read_chain, thinned_copy
from nnpost.storage.runfile import lock, new_file, open_run, read_group, write_groups

EXPERIMENT = {"toml": 'seed = 0\n[data]\nname = "é"', "seed": 0}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.h5"
    new_file(path, {"experiment": EXPERIMENT, "comparison": {"old": True}})
    return path


def emcee_view(path):
    return emcee.backends.HDFBackend(str(path), read_only=True)


def same_state(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def assert_same(path, expected):
    """The file holds the chain ``expected``, to the last bit, for us and for emcee."""
    rows = expected.iteration
    found, view = read_chain(path), emcee_view(path)
    assert found.iteration == view.iteration == rows
    assert found.every == 1
    np.testing.assert_array_equal(found.chain, expected.get_value("chain"))
    np.testing.assert_array_equal(found.log_prob, expected.get_value("log_prob"))
    np.testing.assert_array_equal(found.accepted, expected.accepted)
    np.testing.assert_array_equal(view.get_chain(), expected.get_value("chain"))
    np.testing.assert_array_equal(view.get_log_prob(), expected.get_value("log_prob"))
    np.testing.assert_array_equal(view.accepted, expected.accepted)
    assert same_state(view.random_state, expected.random_state)
    with h5py.File(path) as file:
        assert len(file["mcmc/chain"]) == len(file["mcmc/log_prob"]) == rows


def assert_sound(path, expected):
    """The file opens, and all rows it claims are those of ``expected``; returns how many."""
    rows = committed_rows(path)
    view = emcee_view(path)
    assert view.iteration <= rows
    if rows:
        found = read_chain(path)
        np.testing.assert_array_equal(found.chain, expected.get_value("chain")[:rows])
        np.testing.assert_array_equal(found.log_prob, expected.get_value("log_prob")[:rows])
    if view.iteration:
        shown = expected.get_value("chain")[: view.iteration]
        np.testing.assert_array_equal(view.get_chain(), shown)
    assert read_group(path, "experiment") == EXPERIMENT
    return rows


# Trees


def test_a_tree_comes_back(tmp_path):
    tree = {
        "text": "two\nlines, µ",
        "nothing": None,
        "count": 3,
        "ratio": 0.1,
        "yes": True,
        "empty": {},
        "labels": ["$w_1$", "$b_1$"],
        "sizes": (1, 2, 1),
        "deeper": {"z": np.arange(6.0).reshape(2, 3), "a": np.array([True, False])},
        "single": np.float32([1.5, 2.5]),
        "none at all": np.empty((0, 4)),
        "table": np.array([["a", "bc"], ["", "d"]]),
        "limits": [-np.inf, np.nan],
    }
    new_file(tmp_path / "sub" / "run.h5", {"experiment": EXPERIMENT, "fits": tree})
    found = read_group(tmp_path / "sub" / "run.h5", "fits")
    assert list(found) == [name for name in tree if name != "nothing"]  # order is kept
    for name in ("text", "count", "ratio", "yes", "empty", "labels"):
        assert found[name] == tree[name]
        assert type(found[name]) is type(tree[name])
    assert found["table"] == [["a", "bc"], ["", "d"]]
    for name in ("sizes", "single", "none at all", "limits"):
        np.testing.assert_array_equal(found[name], tree[name])
    assert found["single"].dtype == np.float32
    np.testing.assert_array_equal(found["deeper"]["z"], tree["deeper"]["z"])
    assert found["deeper"]["a"].dtype == bool
    assert read_group(tmp_path / "sub" / "run.h5", "tempering") is None


@pytest.mark.parametrize(
    ("tree", "error"),
    [
        ({"x": object()}, TypeError),
        ({"x": [1, None]}, TypeError),
        ({"x": 1j}, TypeError),
        ({"a/b": 1}, ValueError),
        ({1: 1}, ValueError),
    ],
)
def test_what_cannot_be_kept_leaves_the_file_as_it_was(path, tree, error):
    before = path.read_bytes()
    with pytest.raises(error):
        write_groups(path, {"fits": {"good": 1, **tree}})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]


def test_groups_are_replaced_and_dependents_dropped(path):
    write_groups(path, {"fits": {"x": np.zeros(9)}})
    size = path.stat().st_size
    write_groups(path, {"fits": {"x": np.ones(9)}}, drop=("comparison", "not there"))
    assert read_group(path, "fits")["x"].tolist() == [1.0] * 9
    assert read_group(path, "comparison") is None
    assert read_group(path, "experiment") == EXPERIMENT
    for value in range(5):
        write_groups(path, {"fits": {"x": np.full(9, value)}})
    assert path.stat().st_size <= size  # what is replaced leaves no hole


def test_errors_of_the_reader_are_not_the_file_s(path):
    with pytest.raises(KeyError, match="mine"), open_run(path):
        raise KeyError("mine")


def test_files_without_the_mark_are_known_by_their_posterior(path):
    with h5py.File(path, "r+") as file:
        for name in list(file.attrs):
            del file.attrs[name]
    with pytest.raises(RequestError, match="not a run file of nnpost"):
        read_group(path, "experiment")
    with h5py.File(path, "r+") as file:
        del file["experiment"].attrs["digest"]  # which files of 0.1.0 have not
        file["experiment/posterior/ndim"] = 7
    assert read_group(path, "experiment")["posterior"] == {"ndim": 7}


def test_a_write_that_fails_late_leaves_the_file_as_it_was(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", full)
    for write in (write_groups, new_file):
        with pytest.raises(RequestError, match=r"run\.h5 cannot be written \(No space left"):
            write(path, {"experiment": {"seed": 1}})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]


def test_a_new_file_replaces_a_run_file_and_nothing_else(path, tmp_path):
    new_file(path, {"experiment": {"seed": 5}})
    assert read_group(path, "experiment") == {"seed": 5}
    assert read_group(path, "comparison") is None
    (tmp_path / "mine.csv").write_text("x,y\n1,2\n")
    with pytest.raises(RequestError, match="not HDF5"):
        new_file(tmp_path / "mine.csv", {"experiment": EXPERIMENT})
    assert (tmp_path / "mine.csv").read_text() == "x,y\n1,2\n"


def test_links_are_followed(path, tmp_path):
    link = tmp_path / "link.h5"
    link.symlink_to(path)
    write_groups(link, {"fits": {"a": 1}})
    assert link.is_symlink()
    assert read_group(path, "fits") == {"a": 1}


# Files that cannot be used


def _foreign(path):
    with h5py.File(path, "w") as file:
        file["spectra"] = np.arange(3)


def _truncated(path):
    new_file(path, {"experiment": {"x": np.arange(5000)}})
    path.write_bytes(path.read_bytes()[:2000])


def _near(path):
    new_file(path.with_name("bad2.h5"), {"experiment": EXPERIMENT})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: None, "does not exist: expected a run file, as 'nnpost run' writes it"),
        (_near, "does not exist: .*; did you mean 'bad2.h5'"),
        (Path.mkdir, "is a folder: expected a run file"),
        (Path.touch, r"is empty \(0 bytes\)"),
        (lambda path: path.write_text("x,y\n1,2\n"), "is not HDF5"),
        (_truncated, r"is truncated \(2000 bytes\)"),
        (_foreign, "is not a run file of nnpost: .*, found spectra"),
    ],
)
def test_an_unusable_file_is_refused_in_one_line(tmp_path, spoil, words):
    path = tmp_path / "bad.h5"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    uses = [
        lambda: read_group(path, "fits"),
        lambda: read_chain(path),
        lambda: committed_rows(path),
        lambda: RunFileBackend(path).__enter__(),
        lambda: thinned_copy(path, tmp_path / "copy.h5", 2),
    ]
    if path.exists():
        uses.append(lambda: new_file(path, {"experiment": EXPERIMENT}))
        uses.append(lambda: write_groups(path, {"fits": {"a": 1}}))
    for use in uses:
        with pytest.raises(RequestError, match=f"bad.h5 {words}") as caught:
            use()
        assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_damage_inside_the_file_is_reported(path):
    job.resume(path, 50)
    with h5py.File(path, "r+") as file:
        del file["mcmc/log_prob"]
    with pytest.raises(RequestError, match=r"run\.h5 cannot be used: 'mcmc': found .*, expected"):
        read_chain(path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"cannot be written .*expected a folder"):
        new_file(tmp_path / "file" / "run.h5", {"experiment": EXPERIMENT})


def test_a_file_without_a_chain_says_so(path):
    assert committed_rows(path) == 0
    for use in (read_chain, lambda p: thinned_copy(p, p.with_name("c.h5"), 2)):
        with pytest.raises(RequestError, match="has no chain yet"):
            use(path)


# One writer


def _try_to_write(path):
    code = (
        "import sys; from nnpost import RequestError\n"
        "from nnpost.storage.runfile import write_groups\n"
        "try: write_groups(sys.argv[1], {'fits': {'a': 2}})\n"
        "except RequestError as error: print(error)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_second_writer_is_refused_while_readers_are_not(path):
    with lock(path):
        write_groups(path, {"fits": {"a": 1}})  # the same writer may go on
        with RunFileBackend(path) as chain:
            job.extend(chain, job.DriftingStretch(), 5)
        assert "run.h5 is being written by another run" in _try_to_write(path)
        assert read_group(path, "fits") == {"a": 1}
    assert os.listdir(path.parent) == ["run.h5"]
    assert _try_to_write(path) == ""
    assert read_group(path, "fits") == {"a": 2}


def test_another_process_can_read_while_rows_are_written(path):
    code = (
        "import sys, emcee\n"
        "print(emcee.backends.HDFBackend(sys.argv[1], read_only=True).get_chain().shape[0])"
    )
    with RunFileBackend(path) as chain:
        job.extend(chain, job.DriftingStretch(), 12)
        chain.commit()
        command = [sys.executable, "-c", code, str(path)]
        assert subprocess.check_output(command, text=True, timeout=60) == "12\n"
        assert committed_rows(path) == 12


def test_a_file_replaced_under_the_writer_is_noticed(path):
    def write(change):
        with RunFileBackend(path) as chain:
            job.extend(chain, job.DriftingStretch(), 5)
            change()

    with pytest.raises(RequestError, match="removed or replaced"):
        write(lambda: write_groups(path, {"fits": {"a": 1}}))
    assert read_group(path, "fits") == {"a": 1}
    with pytest.raises(RequestError, match="removed or replaced"):
        write(path.unlink)


# Chains


def test_in_memory_equals_emcees_own_backend():
    own, theirs = MemoryBackend(), emcee.backends.Backend()
    for chain in (own, theirs):
        job.extend(chain, job.DriftingStretch(), 40)
    for name in ("chain", "log_prob"):
        for kw in ({}, {"discard": 7, "thin": 3}, {"flat": True}):
            np.testing.assert_array_equal(own.get_value(name, **kw), theirs.get_value(name, **kw))
    np.testing.assert_array_equal(own.accepted, theirs.accepted)
    assert same_state(own.random_state, theirs.random_state)


@pytest.mark.parametrize("commit_rows", [1, 7, 256])
def test_on_disk_equals_emcees_own_backend(path, commit_rows):
    theirs = emcee.backends.Backend()
    job.extend(theirs, job.DriftingStretch(), 40)
    with RunFileBackend(path, commit_rows=commit_rows, drop=("comparison",)) as chain:
        job.extend(chain, job.DriftingStretch(), 40)
        np.testing.assert_array_equal(chain.get_value("chain", thin=3), theirs.get_chain(thin=3))
    assert_same(path, theirs)
    assert read_group(path, "comparison") is None
    assert read_group(path, "experiment") == EXPERIMENT
    np.testing.assert_array_equal(read_chain(path, discard=31).chain, theirs.get_chain(discard=31))


def test_the_layout_is_the_one_emcee_writes(path, tmp_path):
    theirs = emcee.backends.HDFBackend(str(tmp_path / "emcee.h5"))
    job.extend(theirs, job.DriftingStretch(), 20)
    job.resume(path, 20)

    def layout(name):
        with h5py.File(name) as file:
            group = file["mcmc"]
            attributes = {
                key: (value.dtype.kind if hasattr(value, "dtype") else value)
                for key, value in group.attrs.items()
            }
            return attributes, {
                key: (item.shape, item.maxshape, item.dtype) for key, item in group.items()
            }

    assert layout(path) == layout(tmp_path / "emcee.h5")


def test_thinned_sampling_keeps_every_kth_state(path):
    with RunFileBackend(path) as chain:
        sampler = emcee.EnsembleSampler(8, 3, job.log_prob, vectorize=True, backend=chain)
        sampler.random_state = np.random.RandomState(3).get_state()
        start = np.random.default_rng(3).normal(size=(8, 3))
        sampler.run_mcmc(start, 6, thin_by=5)
    full = emcee.EnsembleSampler(8, 3, job.log_prob, vectorize=True)
    full.random_state = np.random.RandomState(3).get_state()
    full.run_mcmc(start, 30)
    np.testing.assert_array_equal(read_chain(path).chain, full.get_chain(thin=5))


class Interrupt:
    """A log density that is interrupted at its n-th call."""

    def __init__(self, call):
        self.left = call

    def __call__(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return job.log_prob(x)


@pytest.mark.parametrize("call", [2, 3, 4, 20, 41, 42, 79])
def test_an_interrupted_chain_resumes_bit_for_bit(path, call):
    move = job.DriftingStretch()
    with (
        pytest.raises(KeyboardInterrupt),
        RunFileBackend(path, move_state=move.state, commit_rows=6) as chain,
    ):
        job.extend(chain, move, 40, Interrupt(call))
    kept = (call - 2) // 2  # one call for the start, two for each step
    assert committed_rows(path) == kept  # nothing is lost
    job.resume(path, 40)
    assert_same(path, job.reference(40))


def test_a_chain_grows(path):
    for rows in (10, 25, 25, 400):
        job.resume(path, rows, commit_rows=16, drop=("comparison",))
        assert_same(path, job.reference(rows))
    with pytest.raises(IndexError, match="grow"), RunFileBackend(path, resume=True) as chain:
        chain.save_step(chain.get_last_sample(), np.zeros(8))


def test_a_new_chain_replaces_the_old_one_only_when_it_has_room(path):
    job.resume(path, 30)
    with RunFileBackend(path) as chain:
        chain.reset(4, 2)
        assert chain.iteration == 0
        assert committed_rows(path) == 30
        chain.grow(5)
    assert committed_rows(path) == 0
    job.resume(path, 20)  # nothing to continue: it starts
    assert_same(path, job.reference(20))


def test_rows_are_committed_by_time_too(path, monkeypatch):
    now, committed = [0.0], []
    monkeypatch.setattr(hdf_backend, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def slow(x):
        now[0] += 0.25  # half a second a step
        committed.append(committed_rows(path))
        return job.log_prob(x)

    with RunFileBackend(path, commit_seconds=2.0) as chain:
        job.extend(chain, job.DriftingStretch(), 12, slow)
    assert sorted(set(committed)) == [0, 5, 10]
    assert committed_rows(path) == 12


def test_a_move_may_remember_more_and_more(path):
    size = [1]

    def state():
        size[0] += 300
        return {"history": np.arange(size[0])}

    with RunFileBackend(path, move_state=state, commit_rows=1) as chain:
        job.extend(chain, job.DriftingStretch(), 40)
        expected = chain.saved_moves["history"]
    with RunFileBackend(path, resume=True) as chain:
        np.testing.assert_array_equal(chain.saved_moves["history"], expected)
        assert chain.iteration == 40


def test_pickles_and_blobs_are_refused(path):
    with (
        pytest.raises(TypeError, match="arrays of numbers"),
        RunFileBackend(path, move_state=lambda: {"f": print}) as chain,
    ):
        job.extend(chain, job.DriftingStretch(), 2)
    with RunFileBackend(path) as chain:
        chain.reset(8, 3)
        with pytest.raises(ValueError, match="no blobs"):
            chain.grow(3, blobs=np.zeros(8))


def test_rows_are_cheap(path):
    state = SimpleNamespace(
        coords=np.zeros((28, 7)),
        log_prob=np.zeros(28),
        random_state=np.random.RandomState(0).get_state(),
    )
    accepted = np.ones(28, bool)
    with RunFileBackend(path) as chain:
        chain.reset(28, 7)
        chain.grow(10_000)
        begin = time.process_time()
        for _ in range(10_000):
            chain.save_step(state, accepted)
        chain.commit()
        assert time.process_time() - begin < 0.5  # 0.1 s is usual; emcee's own takes 15 s
    assert committed_rows(path) == 10_000


# Thinned copies


def test_a_thinned_copy_is_small_and_whole(path, tmp_path):
    job.resume(path, 403)
    write_groups(path, {"fits": {"theta": np.zeros((500, 7)), "labels": ["a", "b"]}})
    copy = tmp_path / "copy.h5"
    thinned_copy(path, copy, 10)
    whole, thin, view = read_chain(path), read_chain(copy), emcee_view(copy)
    assert (thin.iteration, thin.every) == (40, 10)
    np.testing.assert_array_equal(thin.chain, whole.chain[9::10])
    np.testing.assert_array_equal(view.get_chain(), emcee_view(path).get_chain(thin=10))
    np.testing.assert_array_equal(view.get_log_prob(), whole.log_prob[9::10])
    np.testing.assert_allclose(view.accepted / view.iteration, whole.accepted / 403)
    assert read_group(copy, "experiment") == EXPERIMENT
    assert read_group(copy, "fits")["theta"].shape == (500, 7)
    assert read_group(copy, "fits")["labels"] == ["a", "b"]
    assert copy.stat().st_size < path.stat().st_size / 3
    with (
        pytest.raises(RequestError, match=r"copy\.h5 cannot be resumed"),
        RunFileBackend(copy, resume=True),
    ):
        pass
    again = tmp_path / "again.h5"
    thinned_copy(copy, again, 2)
    assert read_chain(again).every == 20
    with pytest.raises(RequestError, match="every: found 0, expected a whole number"):
        thinned_copy(again, tmp_path / "none.h5", 0)
    with pytest.raises(RequestError, match="has 20 rows: cannot keep one in 21"):
        thinned_copy(again, tmp_path / "none.h5", 21)
    assert not (tmp_path / "none.h5").exists()


@pytest.mark.parametrize("link", [False, True])
def test_a_chain_is_not_thinned_onto_itself(path, tmp_path, link):
    job.resume(path, 40)
    target = tmp_path / "other.h5" if link else path
    if link:
        target.symlink_to(path)
    before = path.read_bytes()
    with pytest.raises(RequestError, match="is the file to be thinned itself"):
        thinned_copy(path, target, 2)
    assert path.read_bytes() == before


def test_a_long_chain_is_thinned_in_little_memory(path, tmp_path):
    rows, shape = 8192, (64, 7)  # 29 MB
    with h5py.File(path, "r+") as file:
        group = file.create_group("mcmc")
        group.attrs.update(iteration=rows, nwalkers=shape[0], ndim=shape[1])
        chain = group.create_dataset("chain", (rows, *shape), "f8")
        chain[...] = np.arange(rows)[:, None, None] + np.arange(7) / 8
        group["log_prob"] = np.arange(rows)[:, None] + np.zeros(64)
        group["accepted"] = np.full(64, rows / 4)
    del chain
    copy = tmp_path / "copy.h5"
    tracemalloc.start()
    thinned_copy(path, copy, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
    found = read_chain(copy)
    kept = np.arange(2, rows, 3)
    assert found.iteration == len(kept) == 2730
    np.testing.assert_array_equal(found.chain[:, 5], kept[:, None] + np.arange(7) / 8)
    assert found.chain.shape == (2730, *shape)
    np.testing.assert_array_equal(found.log_prob[:, 0], kept)
    np.testing.assert_allclose(found.accepted / found.iteration, 0.25)


@pytest.mark.parametrize("damage", ["a value", "a shape", "a name", "a text"])
def test_a_damaged_group_is_not_copied(path, tmp_path, damage):
    """By one flipped bit each, once: a traceback, or a copy that nobody could read."""
    job.resume(path, 20)
    write_groups(path, {"fits": {"theta": np.zeros((500, 7))}})
    with h5py.File(path, "r+") as file:
        if damage == "a value":
            file["fits/theta"][3, 2] = 1.0
        elif damage == "a shape":
            del file["fits/theta"]
            file["fits"].create_dataset("theta", (), np.dtype((np.float64, (500,))))
        elif damage == "a name":
            h5py.h5g.create(file["fits"].id, b"\xd6")
        else:
            file["mcmc"].attrs["about"] = "chaîne"
    path.write_bytes(path.read_bytes().replace("chaîne".encode(), b"cha\xd6 ne"))
    with pytest.raises(RequestError, match=r"run\.h5 (is damaged|cannot be used)"):
        thinned_copy(path, tmp_path / "copy.h5", 2)
    assert not (tmp_path / "copy.h5").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [(RuntimeError("no layout"), "is damaged"), (OSError(28, "full"), "cannot be written")],
)
def test_what_cannot_be_copied_is_damage_and_a_full_disk_is_not(path, monkeypatch, error, told):
    def fails(*args, **kwargs):
        raise error

    job.resume(path, 20)
    monkeypatch.setattr(read_chain_module, "copy_packed", fails)
    with pytest.raises(RequestError, match=told):
        thinned_copy(path, path.with_name("copy.h5"), 2)


def test_a_thinned_copy_compresses_what_is_large_and_keeps_what_is_small(path, tmp_path):
    job.resume(path, 40)
    tree = {"deep": {"large": np.arange(400.0), "small": np.arange(3), "text": "å"}, "flag": True}
    write_groups(path, {"fits": tree})
    copy = tmp_path / "copy.h5"
    thinned_copy(path, copy, 2)
    found = read_group(copy, "fits")
    assert repr(found) == repr(read_group(path, "fits"))
    with h5py.File(copy) as file:
        assert file["fits/deep/large"].compression == "gzip"
        assert file["fits/deep/small"].compression is None
        assert file["mcmc/chain"].compression == "gzip"


# Death


def test_a_torn_record_falls_back_to_the_one_before(path):
    job.resume(path, 40, commit_rows=4)
    with h5py.File(path, "r+") as file:
        (newest, slot), (before, _) = commit.records(file)
        place = file[f"resume/slot_{slot}"].id.get_offset()
        commit.show_emcee(file, before)  # a process that dies within a record has not shown it
    assert (newest.iteration, before.iteration) == (40, 36)
    with open(path, "r+b") as file:
        file.seek(place + 1500)
        file.write(b"torn")
    assert committed_rows(path) == 36
    job.resume(path, 40)
    assert_same(path, job.reference(40))


@pytest.mark.parametrize("commits", [1, 10])
def test_a_record_damaged_later_is_noticed(path, commits):
    job.resume(path, 40, commit_rows=40 // commits)
    with h5py.File(path) as file:
        slots = {slot: mark.iteration for mark, slot in commit.records(file)}
        place = file[f"resume/slot_{max(slots, key=slots.get)}"].id.get_offset()
    whole, random = path.read_bytes(), np.random.default_rng(3)
    length = int.from_bytes(whole[place : place + 8], "little")
    for where in [0, 8, *random.integers(12 + length, size=20)]:
        spoilt = bytearray(whole)
        spoilt[place + where] ^= 1 << random.integers(8)
        path.write_bytes(spoilt)
        before = 40 - 40 // commits
        for read in (committed_rows, read_chain):
            with pytest.raises(RequestError, match=f"had 40 rows.* go on from the {before} rows"):
                read(path)
    with RunFileBackend(path, resume=True) as chain:
        assert chain.iteration == before
    job.resume(path, 40)
    assert_same(path, job.reference(40))


def places_of_rows(path):
    with h5py.File(path) as file:
        found = [file[f"mcmc/{name}"].id.get_chunk_info(0) for name in ("chain", "log_prob")]
    return [range(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in found]


@pytest.mark.parametrize("packed", [False, True])
def test_one_flipped_bit_in_a_chain_is_noticed(path, tmp_path, packed):
    job.resume(path, 40)
    if packed:
        thinned_copy(path, tmp_path / "copy.h5", 1)
        path = tmp_path / "copy.h5"
    whole, random = path.read_bytes(), np.random.default_rng(5)
    read_chain(path)
    for place in [random.choice(rows) for rows in places_of_rows(path) for _ in range(20)]:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << random.integers(8)
        path.write_bytes(spoilt)
        with pytest.raises(RequestError, match="is damaged"):
            read_chain(path)
        with pytest.raises(RequestError, match="is damaged"):
            thinned_copy(path, tmp_path / "other.h5", 1)


def test_a_file_that_keeps_its_time_is_looked_at_again_where_it_has_changed(path):
    """As one that `cp -p` restores from a copy may be: the refusal is of what was there before."""
    job.resume(path, 20)
    whole = path.read_bytes()
    path.write_bytes(whole[:64] + bytes(len(whole) - 64))
    os.utime(path, ns=(10**18, 10**18))
    with pytest.raises(RequestError, match="damaged"):
        committed_rows(path)
    path.write_bytes(whole)
    os.utime(path, ns=(10**18, 10**18))
    assert committed_rows(path) == 20


@pytest.mark.parametrize("change", ["accepted", "every", "iteration"])
def test_counts_of_a_thinned_copy_are_looked_at(path, tmp_path, change):
    job.resume(path, 40)
    copy = tmp_path / "copy.h5"
    thinned_copy(path, copy, 4)
    with h5py.File(copy, "r+") as file:
        if change == "accepted":
            file["mcmc/accepted"][0] += 1
        else:
            file["mcmc"].attrs[change] -= 1
    with pytest.raises(RequestError, match="the counts of its chain"):
        read_chain(copy)


def test_rows_that_a_power_cut_took_are_made_again(path):
    job.resume(path, 40, commit_rows=4)
    with h5py.File(path, "r+") as file:
        file["mcmc/chain"][37:] = 0  # the record came to the disk, these rows did not
    with pytest.raises(RequestError, match=r"row 37 of its chain .* 'nnpost sample --resume'"):
        read_chain(path)
    with RunFileBackend(path, resume=True) as chain:
        assert chain.iteration == 36
    assert committed_rows(path) == 36
    job.resume(path, 40)
    assert_same(path, job.reference(40))
    with h5py.File(path, "r+") as file:
        file["mcmc/log_prob"][2] += 1e-9
    with pytest.raises(RequestError, match="row 2 of its chain"), RunFileBackend(path, resume=True):
        pass


def test_a_chain_of_an_earlier_version_is_read_and_continued(path):
    job.resume(path, 40)
    with h5py.File(path, "r+") as file:  # until 0.1.0: two slots, and no digests
        (_, slot), *_ = commit.records(file)
        newest = file[f"resume/slot_{slot}"][()]
        for name in list(file["resume"]):
            del file["resume"][name]
        file["resume/slot_0"], file["resume/slot_1"] = newest, np.zeros_like(newest)
    assert_same(path, job.reference(40))
    with RunFileBackend(path, resume=True):
        pass
    assert_same(path, job.reference(40))
    job.resume(path, 90)
    assert_same(path, job.reference(90))


class Recorder(io.FileIO):
    """A file that remembers every write, for a replay that stops anywhere."""

    def __init__(self, path, log):
        super().__init__(path, "r+")
        self.log = log

    def write(self, data):
        self.log.append((self.tell(), bytes(data)))
        return super().write(data)


def test_no_crash_between_or_within_two_writes_loses_a_commit(path, tmp_path, monkeypatch):
    expected, log, commits, opened = job.reference(14), [], [], []
    commit_rows = RunFileBackend.commit

    def put_and_tell(handle, values, place):
        log.append((place, values))
        put(handle, values, place)

    def in_place(name):
        opened.append(Recorder(name, log))
        return h5py.File(opened[-1], "r+", libver=("earliest", "latest"))

    def commit_and_tell(chain):
        commit_rows(chain)
        commits.append((len(log), chain.iteration))

    put = rows_module.put
    monkeypatch.setattr(rows_module, "put", put_and_tell)
    monkeypatch.setattr(rows_module, "in_place", in_place)
    monkeypatch.setattr(RunFileBackend, "commit", commit_and_tell)
    move = job.DriftingStretch()
    with (
        suppress(KeyboardInterrupt),
        RunFileBackend(path, move_state=move.state, commit_rows=3) as chain,
    ):
        chain.reset(job.NWALKERS, job.NDIM)
        chain.grow(14)
        before = path.read_bytes()
        log.clear()
        job.extend(chain, move, 14, Interrupt(16))
    assert commits[-1][1] == 7
    job.resume(path, 14, commit_rows=3)
    monkeypatch.undo()
    for recorder in opened:
        recorder.close()
    assert len(before) == path.stat().st_size
    assert {3, 6, 7, 10, 13, 14} <= {rows for _, rows in commits}

    crashed = tmp_path / "crashed.h5"
    for done in range(len(log)):
        third = len(log[done][1]) // 3
        for cut in (0, third, len(log[done][1]) - 1):
            content = bytearray(before)
            torn = (log[done][0], log[done][1][:cut])
            for place, data in [*log[:done], torn]:
                content[place : place + len(data)] = data
            crashed.write_bytes(content)
            rows = assert_sound(crashed, expected)
            assert rows >= max((n for written, n in commits if written <= done), default=0)
            if cut == third:  # going on is the same from rows that are the same
                job.resume(crashed, 14)
                assert_same(crashed, expected)


def start_child(*arguments):
    command = [sys.executable, job.__file__, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(nnpost.__file__).parents[1])}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout.readline() == "go\n"
    return child


def wait_for_rows(path, child, rows):
    """Until the child has committed more than so many, however slow the machine is."""
    while committed_rows(path) <= rows and child.poll() is None:
        time.sleep(0.005)


def kill(child, seconds):
    time.sleep(seconds)
    child.kill()
    child.communicate(timeout=60)
    return child.returncode


def test_a_chain_survives_being_killed(path):
    rows, expected = 2500, job.reference(2500)
    moments = np.random.default_rng(11).uniform(0.05, 0.5, size=4)
    kept = [0]
    for seconds in moments:
        child = start_child("sample", path, rows)
        wait_for_rows(path, child, kept[-1])
        assert kill(child, seconds / 10) in (-9, 0)  # 0: it had made all of its rows
        kept.append(assert_sound(path, expected))
    assert kept == sorted(kept)
    assert kept[-1] > 0
    job.resume(path, rows)
    assert_same(path, expected)


def test_a_replaced_file_survives_being_killed(path):
    turns = []
    for seconds in np.random.default_rng(12).uniform(0.05, 0.3, size=3):
        assert kill(start_child("rewrite", path), seconds) == -9
        assert read_group(path, "experiment") == EXPERIMENT
        fits = read_group(path, "fits")
        if fits:
            assert fits["x"].tolist() == [fits["turn"]] * 20_000
            turns.append(fits["turn"])
    assert max(turns) > 0
    write_groups(path, {"fits": {"turn": -1}})  # the dead hold no lock
    assert os.listdir(path.parent) == ["run.h5"]
