"""What stages write, and what goes; and what is not wanted."""

from dataclasses import replace

import h5py
from small import QUICK

from nnpost.experiment.experiment import load_experiment
from nnpost.experiment.keep import keep
from nnpost.experiment.request import make_request, reopen
from nnpost.experiment.train_stage import train_stage
from nnpost.storage.made_from import MADE_FROM
from nnpost.storage.results import read_stage
from nnpost.training.fits import Fits


def test_keep_writes_and_drops(run_file):
    with h5py.File(run_file) as file:
        before = set(file)
    fits = replace(read_stage(run_file, Fits), seconds=12.5)
    keep(reopen(run_file, progress=False), fits, drop=("tempering",))
    with h5py.File(run_file) as file:
        assert set(file) == before - {"tempering", *MADE_FROM}
    assert read_stage(run_file, Fits).seconds == 12.5


def test_a_request_may_ask_for_no_figures(tmp_path):
    experiment = load_experiment("parabola").with_settings(QUICK)
    out = tmp_path / "mine.h5"
    asked = [make_request(experiment, out, figures).figures for figures in (None, "here", False)]
    assert [None if folder is None else str(folder) for folder in asked] == [
        "figures/mine", "here", None,
    ]  # fmt: skip


def test_what_training_reached_is_said_in_the_words_of_the_data(tmp_path, capsys):
    """Where the data bring errors it is χ²/n, not a mean squared error."""
    (tmp_path / "my.csv").write_text("t,v,e\n" + "".join(f"{k},{k % 3},0.5\n" for k in range(12)))
    asked = load_experiment("parabola").with_data(str(tmp_path / "my.csv"), ["t"], "v", "e")
    asked = asked.with_settings(["train.restarts=2", "train.epochs=2"])
    request = make_request(asked, tmp_path / "mine.h5", False, progress=True)
    fits = train_stage(request, new=True)
    assert f"best χ²/n {fits.sgd.mse:.4g}" in capsys.readouterr().err
