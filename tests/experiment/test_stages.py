"""What of a run file goes with what is replaced."""

import h5py
import pytest
from conftest import QUICK

from nnpost.experiment.experiment import load_experiment
from nnpost.experiment.request import make_request, reopen
from nnpost.experiment.stages import MADE_FROM, keep, made_from

JUDGED = {"verdict", "comparison", "scorecard"}


@pytest.mark.parametrize(
    ("replaced", "start", "gone"),
    [
        ("fits", "tempered", JUDGED),
        ("fits", "fits", set(MADE_FROM)),
        ("tempering", "tempered", set(MADE_FROM)),
        ("tempering", "prior", {"verdict", "scorecard"}),
        ("sampling", "ball", {"mcmc", "resume"} | JUDGED),
        ("comparison", "tempered", {"scorecard"}),
        ("scorecard", "tempered", set()),
        ("validation", "tempered", set()),
    ],
)
def test_what_was_made_from_a_group_goes_with_it(replaced, start, gone):
    assert made_from({replaced}, start) == gone


def test_every_group_of_a_run_file_is_in_the_table_or_a_source(made):
    with h5py.File(made) as file:
        assert set(file) == set(MADE_FROM) | {"experiment", "data", "fits", "tempering"}


def test_keep_writes_and_drops(run_file):
    with h5py.File(run_file) as file:
        kept = set(file)
    keep(reopen(run_file, progress=False), {"fits": {"mark": 1}}, drop=("tempering",))
    with h5py.File(run_file) as file:
        assert set(file) == kept - {"tempering", *MADE_FROM}
        assert list(file["fits"]) == ["mark"]


def test_a_request_may_ask_for_no_figures(tmp_path):
    experiment = load_experiment("parabola").with_settings(QUICK)
    out = tmp_path / "mine.h5"
    asked = [make_request(experiment, out, figures).figures for figures in (None, "here", False)]
    assert [None if folder is None else str(folder) for folder in asked] == [
        "figures/mine", "here", None,
    ]  # fmt: skip
