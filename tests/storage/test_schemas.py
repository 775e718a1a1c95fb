"""One small file of every layout that was released is read, and gone on with; a later one is not.

``schemas/1.h5`` was written by nnpost 0.1.0: a chain of 12 steps of 16 walkers with all stages.
"""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from small import SMALL

import nnpost
from nnpost import RequestError
from nnpost.cli import commands
from nnpost.experiment.request import reopen
from nnpost.experiment.sample_stage import sample_stage
from nnpost.experiment.temper_stage import temper_stage
from nnpost.report.info import summarise
from nnpost.storage import runfile
from nnpost.storage.read_chain import read_chain
from nnpost.storage.results import read_stage
from nnpost.storage.runfile import open_run
from nnpost.training.fits import Fits

SCHEMAS = Path(__file__).parent / "schemas"
# Of each: log Z, the last log posterior of the first walker, and their sum over all.
TOLD = {1: (-59.31529411370941, -67.63156687946145, -12999.135608030132)}


@pytest.fixture
def copy(tmp_path):
    def of(number):
        path = tmp_path / f"{number}.h5"
        shutil.copy(SCHEMAS / f"{number}.h5", path)
        return path

    return of


def test_there_is_a_file_of_every_layout_before_this_one():
    assert sorted(int(file.stem) for file in SCHEMAS.glob("*.h5")) == [*range(1, runfile.SCHEMA)]
    for file in SCHEMAS.glob("*.h5"):
        with h5py.File(file) as stored:
            assert stored.attrs["nnpost_run_file"] == int(file.stem)


@pytest.mark.parametrize("number", TOLD)
def test_a_file_of_an_earlier_layout_is_read(copy, number):
    path = copy(number)
    chain, (log_z, last, total) = read_chain(path), TOLD[number]
    assert chain.chain.shape == (12, 16, 4)
    assert chain.log_prob[-1, 0] == last
    assert chain.log_prob.sum() == total
    found = summarise(path)
    assert found["evidence"]["log_z"] == pytest.approx(log_z, abs=1e-9)
    assert found["chain"]["steps"] == 12
    assert nnpost.load(path).fits.mse.shape == (4,)
    assert commands.main(["info", str(path)]) == 0


@pytest.mark.parametrize("number", TOLD)
def test_a_file_of_an_earlier_layout_is_gone_on_with(copy, number):
    path = copy(number)
    before = read_chain(path)
    longer = reopen(path, ["sample.nsteps=20"], ["sample"], resume=True, progress=False)
    fits, tempering = read_stage(path, Fits), temper_stage(longer, resume=True)
    assert tempering is not None
    sample_stage(longer, fits, tempering, resume=True)
    after = read_chain(path)
    assert after.iteration == 20
    np.testing.assert_array_equal(after.chain[:12], before.chain)
    with open_run(path) as file:
        assert file.attrs["nnpost_run_file"] == runfile.SCHEMA
        assert file.attrs["nnpost_version"] == nnpost.__version__.encode()


@pytest.mark.parametrize("command", ["info", "compare", "sample", "run"])
def test_a_later_layout_is_refused_with_the_version_that_it_needs(made, tmp_path, capsys, command):
    path = tmp_path / "later.h5"
    shutil.copy(made, path)
    with h5py.File(path, "r+") as file:
        file.attrs["nnpost_run_file"] = runfile.SCHEMA + 1
        file.attrs["nnpost_version"] = np.bytes_("7.8.9")
        del file["fits"]  # who knows what it has
    content = path.read_bytes()
    argv = [command, "parabola", "--out"] if command == "run" else [command]
    assert commands.main([*argv, str(path)], SMALL) == 2
    words = capsys.readouterr().err
    assert f"has layout {runfile.SCHEMA + 1} of run files, which nnpost 7.8.9 wrote" in words
    assert f"nnpost {nnpost.__version__}, which reads layouts up to {runfile.SCHEMA}" in words
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["later.h5"]


@pytest.mark.parametrize("number", [0, -1, 1.5, "two", [1, 2]])
def test_a_layout_that_is_no_number_is_refused(made, tmp_path, number):
    path = tmp_path / "odd.h5"
    shutil.copy(made, path)
    with h5py.File(path, "r+") as file:
        file.attrs["nnpost_run_file"] = number
    with pytest.raises(RequestError, match="the number of its layout"), open_run(path):
        pass
