"""Which moves "auto" stands for, of a posterior and, before there is one, of its settings."""

import numpy as np
import pytest

import nnpost
from nnpost.experiment.experiment import Experiment
from nnpost.experiment.needs import needs
from nnpost.moves.names import chosen_moves

CASES = [  # inputs, units, likelihood, moves
    (1, 2, nnpost.MSE(), "collapsed"),
    (1, 30, nnpost.Gaussian("infer"), "collapsed"),
    (2, 4, nnpost.Gaussian(0.1), "collapsed"),  # 12 in front of the output layer
    (2, 5, nnpost.Gaussian(0.1), "hmc"),  # 15
    (10, 2, nnpost.Gaussian("infer"), "hmc"),
    (5, 4, nnpost.Gaussian(0.1), "hmc"),  # 24
    (10, 10, nnpost.Gaussian("infer"), "collapsed"),  # 110, which goes along gradients, too
    (1, 2, nnpost.StudentT(), "collapsed"),  # given latent numbers
    (1, 2, nnpost.Poisson(), "hmc"),
]


@pytest.mark.parametrize(("inputs", "units", "likelihood", "moves"), CASES)
def test_auto_goes_by_the_output_layer_and_the_inputs(inputs, units, likelihood, moves):
    x = np.random.default_rng(0).normal(size=(20, inputs))
    data = nnpost.Dataset(x, np.arange(20.0))  # counts, and numbers like others
    post = nnpost.Posterior(nnpost.MLP(inputs, (units,)), data, likelihood)
    assert chosen_moves("auto", post) == moves
    assert chosen_moves("de", post) == "de"


def test_what_is_needed_counts_the_walkers_of_those_moves():
    """Eight walkers an ensemble along gradients, 64 of two units on ten inputs elsewhere."""
    asked = Experiment().with_data("my.csv", [f"x{k}" for k in range(10)], "y")
    needed = {
        moves: needs(asked.with_settings([f"sample.moves={moves}"]), 300, 10).disk
        for moves in ("auto", "hmc", "collapsed")
    }
    assert needed["auto"] == needed["hmc"] < needed["collapsed"] / 2


def test_several_inputs_are_sampled_along_gradients():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7))
    data = nnpost.Dataset(x, np.tanh(x @ rng.normal(size=7)) + 0.1 * rng.normal(size=60))
    post = nnpost.Posterior(
        nnpost.MLP(7, (2,)), data, nnpost.Gaussian(0.1), nnpost.GaussianPrior(1.0)
    )
    run = nnpost.sample(post, nsteps=20, discard=5, start="prior", seed=0)
    assert run.moves == "hmc"
    stored = run.log_prob.ravel()
    np.testing.assert_allclose(stored, post.log_prob(run.chain.reshape(-1, post.ndim)), rtol=1e-9)
