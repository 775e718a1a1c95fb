"""Sweeps on a real cluster of two processes, one of which is killed midway."""

import os
import signal
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from small import SMALL
from small_sweep import written

from nnpost import RequestError
from nnpost.common.errors import Interrupted
from nnpost.experiment.experiment import load_experiment
from nnpost.experiment.request import make_request
from nnpost.experiment.sample_stage import sample_stage
from nnpost.experiment.temper_stage import temper_stage
from nnpost.experiment.train_stage import train_stage
from nnpost.storage.read_chain import committed_rows, read_chain
from nnpost.storage.results import read_stage
from nnpost.storage.runfile import lock
from nnpost.sweep.cell import Cell, finished
from nnpost.sweep.cluster import Workers
from nnpost.sweep.grid import Sweep
from nnpost.sweep.sweep import Failure, run_sweep
from nnpost.tempering.result import Tempering
from nnpost.training.fits import Fits

NOWHERE = Workers("tcp://127.0.0.1:1")  # where nothing can be carried out


@pytest.fixture
def carried_out(client):
    """A function that carries out a sweep, and returns what has failed."""

    def carry_out(sweep: Sweep, workers: Workers | None = None, **options) -> dict[str, Failure]:
        where = workers or Workers(client.scheduler.address)
        return run_sweep(sweep, where, **{"progress": False, "detail": SMALL, **options})

    return carry_out


def assert_as_by_itself(cell: Cell, folder: Path) -> None:
    """Every bit of a cell is that of its experiment in one process that nobody disturbs."""
    alone = folder / "alone.h5"
    asked = make_request(load_experiment(cell.toml), alone, figures=False, progress=False)
    fits = train_stage(asked, new=True)
    sample_stage(asked, fits, temper_stage(asked, resume=False), resume=False)
    one, other = read_chain(cell.run_file), read_chain(alone)
    assert np.array_equal(one.chain, other.chain)
    assert np.array_equal(one.log_prob, other.log_prob)
    assert np.array_equal(one.accepted, other.accepted)
    kept = read_stage(cell.run_file, Fits)
    assert np.array_equal(kept.theta, fits.theta)
    one, other = (read_stage(path, Tempering) for path in (cell.run_file, alone))
    assert (one is None) == (other is None)
    for name in () if one is None else ("theta", "log_z", "tempered_log_z", "efficiency"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_a_failed_cell_does_not_stop_the_other(made_sweep):
    bad, good = made_sweep.sweep.cells
    assert made_sweep.status == 2
    assert [finished(bad), finished(good)] == [False, True]
    first, *_, last = made_sweep.err.splitlines()
    assert first.startswith(
        "nnpost: 2 cells, 0 of them finished, the others on the workers of tcp:"
    )
    assert last.startswith(f"nnpost: 1 of 2 cells failed, {bad.name}: sample.nwalkers: found 9, ")
    assert f"`nnpost table {made_sweep.sweep.folder}` shows all" in last
    assert f"{bad.name} failed: sample.nwalkers: found 9, expected an even number" in made_sweep.out
    assert bad.error.read_text().startswith("sample.nwalkers: found 9")
    assert not good.error.exists()


def test_the_tempered_runs_of_a_cell_are_those_of_one_process(made_sweep, tmp_path):
    assert_as_by_itself(made_sweep.sweep.cells[1], tmp_path)


def test_finished_cells_are_skipped_and_a_grid_can_be_extended(made_sweep, carried_out, tmp_path):
    kept = made_sweep.sweep.cells[1]
    before = kept.run_file.stat().st_mtime_ns
    same = written(made_sweep.folder, "sample.nwalkers = [8]\nseed = [0]")
    assert carried_out(same, NOWHERE) == {}
    more = written(made_sweep.folder, "network.hidden = [[], 1]\nsample.nwalkers = [8]")
    assert [cell.name == kept.name for cell in more.cells] == [False, True]
    assert carried_out(more) == {}
    assert all(map(finished, more.cells))
    assert kept.run_file.stat().st_mtime_ns == before
    assert [file for cell in more.cells for file in cell.folder.glob(".*")] == []


def rows_of(cell: Cell) -> int:
    try:
        return committed_rows(cell.run_file)
    except RequestError:
        return 0


LONG = [
    "network.hidden=[]", "sample.moves=stretch", "sample.start=prior", "sample.nsteps=15000",
    "sample.thin=10",
]  # fmt: skip


def test_interrupted_and_killed_cells_go_on_to_the_same_chain(client, carried_out, tmp_path):
    """Ctrl-C first; then, asked for again, SIGKILL for the worker that has the cell."""
    sweep = written(tmp_path, "seed = [5]", *LONG)
    (cell,), told = sweep.cells, []

    def impatient(done: float, total: float, text: str) -> None:
        told.append((done / total, text))
        if rows_of(cell):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        carried_out(sweep, progress=impatient)
    assert (caught.value.stage, caught.value.kept, caught.value.resume) == (
        "the sweep",
        True,
        False,
    )
    assert told[0][0] == 0
    assert told[1][1].startswith("0 of 1 cells; waiting for workers")
    with lock(cell.run_file, patience=60):  # the worker ends what nobody waits for any more
        interrupted_at = rows_of(cell)
    assert 0 < interrupted_at < 1500
    assert not finished(cell)

    pids, killed_at = client.run(os.getpid), []

    def kill() -> None:
        while rows_of(cell) <= interrupted_at:
            time.sleep(0.01)
        for address, keys in client.processing().items():
            if any(f"finish-{cell.name}" in str(key) for key in keys):
                os.kill(pids[address], signal.SIGKILL)
        killed_at.append(rows_of(cell))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert carried_out(sweep) == {}
    killer.join()
    assert interrupted_at < killed_at[0] < 1500
    assert len(set(pids.values()) - set(client.run(os.getpid).values())) == 1
    assert finished(cell)
    assert_as_by_itself(cell, tmp_path)


def test_an_error_of_ours_is_told_with_its_traceback(made_sweep, carried_out, tmp_path):
    """In the last stage, to which a whole chain goes on that has not been judged yet."""
    sweep = written(tmp_path, "sample.nwalkers = [8]")
    (cell,) = sweep.cells
    cell.folder.mkdir(parents=True)
    cell.run_file.write_bytes(made_sweep.sweep.cells[1].run_file.read_bytes())
    assert finished(cell)
    with h5py.File(cell.run_file, "r+") as file:
        del file["verdict"]
    assert not finished(cell)
    (failure,) = carried_out(sweep, detail="no detail").values()
    assert failure.message.startswith("AttributeError: ")
    assert "Traceback" in failure.details
    assert cell.error.read_text() == f"{failure.message}\n{failure.details}"


def test_another_run_in_the_place_of_a_cell_is_left_alone(made_sweep, carried_out, tmp_path):
    sweep = written(tmp_path, "seed = [10]", "sample.nwalkers=8")
    (cell,) = sweep.cells
    cell.folder.mkdir(parents=True)
    before = made_sweep.sweep.cells[1].run_file.read_bytes()
    cell.run_file.write_bytes(before)
    assert not finished(cell)
    failed = carried_out(sweep)
    assert "holds another experiment: seed is 0 there, 10 asked for" in failed[cell.name].message
    assert cell.run_file.read_bytes() == before


def test_a_sweep_has_its_folder_for_itself(carried_out, tmp_path):
    sweep, caught = written(tmp_path, "seed = [0]"), []

    def other() -> None:
        try:
            carried_out(sweep)
        except RequestError as error:
            caught.append(str(error))

    with lock(tmp_path / "cells" / "sweep"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "is being written by another run" in caught[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"processes": 0}, "--workers: found 0"),
        ({"threads": 0}, "--threads: found 0"),
        ({"scheduler": "tcp://10.0.0.1:8786", "threads": 2}, "--threads: the workers of tcp://"),
    ],
)
def test_workers_that_make_no_sense(options, words):
    with pytest.raises(RequestError, match=words):
        Workers(**options)


def test_workers_take_the_threads_that_they_are_told(client):
    variables = client.run(lambda: [os.environ[n] for n in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")])
    assert set(map(tuple, variables.values())) == {("1", "1")}
    assert (Workers(processes=3, threads=2).here, Workers(processes=3, threads=2).of_each) == (3, 2)
    assert Workers(threads=10**6).here == 1


def test_a_scheduler_that_does_not_answer(carried_out, tmp_path, monkeypatch):
    monkeypatch.setattr("nnpost.sweep.cluster.WAIT", "0.2s")
    with pytest.raises(RequestError, match=r"--scheduler: found tcp://127.0.0.1:1, where nobody"):
        carried_out(written(tmp_path, "seed = [11]"), NOWHERE)
