"""What of a run file goes with what is made anew."""

import h5py
import pytest

import nnpost
from nnpost.storage.made_from import MADE_FROM, made_from

JUDGED = {"verdict", "fit", "comparison", "scorecard", "held_out", "leave_one_out"}


@pytest.mark.parametrize(
    ("replaced", "start", "gone"),
    [
        ("fits", "tempered", JUDGED - {"leave_one_out"}),
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
        kept = set(MADE_FROM) - {"held_out"}  # of which this run has none
        assert set(file) == kept | {"experiment", "data", "fits", "tempering"}


def test_a_chain_sampled_again_from_python_takes_its_judgement_with_it(run_file):
    run = nnpost.load(run_file)
    nnpost.sample(run.post, run_file, nsteps=4, moves="stretch", start="prior", seed=1)
    with h5py.File(run_file) as file:
        assert set(file) == set(MADE_FROM) - JUDGED | {"experiment", "data", "fits", "tempering"}
