"""The estimate of Z around the MAP: exact where it can be, and far above runs that missed it."""

import math

import numpy as np
import pytest

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, sample, temper, train
from nnpost.tempering.map_evidence import log_z_around

X = np.linspace(-2, 2, 20)


def one_unit(activation):
    y = np.tanh(1.5 * X - 0.5) + 0.1 * np.random.default_rng(0).standard_normal(20)
    return Posterior(MLP(1, (1,), activation), Dataset(X, y), Gaussian(0.1), GaussianPrior(3.0))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_where_there_is_one_mode_it_is_the_evidence(activation):
    """Two estimates that share the density alone; errors of about 0.03 nats."""
    post = one_unit(activation)
    fits = train(post, restarts=16, epochs=50)
    found = log_z_around(post, fits.map.theta)
    assert found == pytest.approx(temper(post, 4, particles=400).log_evidence, abs=0.15)


def test_the_copy_of_the_network_does_not_matter():
    post = one_unit("tanh")
    theta = np.array([1.5, -0.5, 1.0, 0.0])
    flipped = theta * [-1, -1, -1, 1]
    assert log_z_around(post, theta) == pytest.approx(log_z_around(post, flipped), abs=1e-9)


def test_nothing_to_draw_is_none():
    post = Posterior(MLP(1), Dataset(X, X), Gaussian(1.0))
    assert log_z_around(post, np.zeros(2)) is None


def test_a_run_that_missed_the_fit_is_not_called_converged():
    """Data far beyond the prior: every tempered run ends where both units are switched off."""
    t = np.arange(2001.0, 2041.0)
    data = Dataset(t, (t - 2000) ** 2 * 1000, np.full(40, 100.0))
    post = Posterior(MLP(1, (2,)), data, Gaussian(1.0))
    fits = train(post, restarts=16, epochs=50)
    tempering = temper(post, 4, particles=200, seed=0)
    assert np.ptp(tempering.log_z) < 1
    assert log_z_around(post, fits.map.theta) > tempering.log_evidence + 1e6
    run = sample(post, nsteps=40, discard=10, tempering=tempering, fits=fits)
    assert any("missed the highest mode" in reason for reason in run.verdict.reasons)
    assert math.isfinite(tempering.log_evidence)
