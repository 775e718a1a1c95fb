"""Chains over all parameters, where the likelihood is not Gaussian."""

from pathlib import Path

import numpy as np
import pytest

import nnpost
from nnpost.common.errors import RequestError
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.likelihoods.student_t import StudentT

CASE = Path(__file__).parents[1] / "cases" / "line_outliers.csv"


def counts(hidden=(2,), activation="sigmoid"):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 25))
    data = nnpost.Dataset(x, rng.poisson(np.exp(1 + np.tanh(2 * x))).astype(float))
    return nnpost.Posterior(
        nnpost.MLP(1, hidden, activation), data, Poisson(), nnpost.GaussianPrior(1.5)
    )


def test_a_line_with_outliers():
    """Slope and intercept under Student's t, known from elsewhere; z below 4 by 500 draws."""
    table = np.genfromtxt(CASE, delimiter=",", names=True)
    data = nnpost.Dataset(table["x"], table["y"], table["err"])
    post = nnpost.Posterior(
        nnpost.MLP(1), data, StudentT(nu=3.0, sigma=1.0), nnpost.GaussianPrior(10.0)
    )
    tempering = nnpost.temper(post, 4, particles=500)
    run = nnpost.sample(post, nsteps=400, tempering=tempering)
    assert run.moves == "hmc"
    assert run.verdict.converged, str(run.verdict)
    mean, sd = run.samples.mean(axis=0), run.samples.std(axis=0)
    np.testing.assert_allclose(sd, [0.021, 0.115], rtol=0.1)
    np.testing.assert_allclose(mean, [0.4955, 0.953], atol=4 * 0.115 / np.sqrt(500) * 0.5)
    np.testing.assert_allclose(run.log_prob[-1], post.log_prob(run.chain[-1]), rtol=1e-12)


def test_a_chain_continued_is_the_one_uninterrupted(tmp_path):
    post, whole, part = counts(), tmp_path / "whole.h5", tmp_path / "part.h5"
    more = {"ensembles": 2, "seed": 5, "tempering": nnpost.temper(post, 2, particles=100)}
    one = nnpost.sample(post, whole, nsteps=60, discard=20, **more)
    nnpost.sample(post, part, nsteps=40, discard=20, **more)
    two = nnpost.sample(post, part, nsteps=60, discard=20, resume=True, **more)
    np.testing.assert_array_equal(one.chain, two.chain)
    assert nnpost.load(part).post.likelihood == Poisson()


@pytest.mark.parametrize("moves", ["stretch", "hmc-walk"])
def test_other_moves_leave_the_posterior_alone(moves):
    """A chain of them from tempered particles keeps the mean log posterior; z below 4."""
    post = counts(())
    tempering = nnpost.temper(post, 4, particles=1000)
    run = nnpost.sample(post, nsteps=300, moves=moves, tempering=tempering, seed=1)
    before = post.log_prob(tempering.theta.reshape(-1, post.ndim))
    draws = run.sample_log_prob[::20]
    error = np.hypot(before.std() / np.sqrt(len(before)), draws.std() / np.sqrt(len(draws)))
    assert abs(draws.mean() - before.mean()) < 4 * error


def test_collapsed_is_refused_with_what_to_use():
    with pytest.raises(RequestError, match=r'sample.moves: found "collapsed".*Poisson.*"hmc"'):
        nnpost.sample(counts(), nsteps=10, moves="collapsed", start="prior")


def test_fresh_networks_are_proposed_from_the_mixtures():
    """With mixtures of tempered runs, walkers change their copy, which no trajectory does."""
    post = counts((2,), "tanh")
    tempering = nnpost.temper(post, 4, particles=500)
    assert tempering.mixtures
    run = nnpost.sample(post, nsteps=60, tempering=tempering, seed=2)
    signs = np.sign(run.chain[..., 0])
    assert (signs[0] != signs[-1]).mean() > 0.2
