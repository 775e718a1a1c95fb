"""Evidence and moments where nothing is integrated out, against quadrature and prior draws."""

import numpy as np
import pytest
from scipy.special import logsumexp

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.pointwise import Bernoulli, Poisson, StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.tempering.around_maxima import around_maxima
from nnpost.tempering.temper import temper


def make(likelihood, hidden=(), n=20, prior=1.5, activation="sigmoid"):
    rng = np.random.default_rng(8)
    x = rng.uniform(-2, 2, n)
    y = {
        Bernoulli: lambda: (rng.random(n) < 1 / (1 + np.exp(-2 * x))) * 1.0,
        Poisson: lambda: rng.poisson(np.exp(0.5 + 0.7 * x)).astype(float),
        StudentT: lambda: 0.5 * x + 0.3 * rng.standard_t(3, n),
    }[type(likelihood)]()
    return Posterior(MLP(1, hidden, activation), Dataset(x, y), likelihood, GaussianPrior(prior))


def by_quadrature(post, most=6.0, places=401):
    """log Z, mean and sd of a posterior of two parameters."""
    t = np.linspace(-most, most, places)
    theta = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    log_w = post.log_prob(theta) + 2 * np.log(t[1] - t[0])
    log_z = logsumexp(log_w)
    w = np.exp(log_w - log_z)
    mean = w @ theta
    return log_z, mean, np.sqrt(w @ (theta - mean) ** 2)


# Measured over ten seeds: log Z within 0.02, means within 0.06 sd; bounds are at twice that.
@pytest.mark.parametrize("likelihood", [Bernoulli(), Poisson(), StudentT(3.0, 0.3)])
def test_a_linear_network_is_as_by_quadrature(likelihood):
    post = make(likelihood)
    log_z, mean, sd = by_quadrature(post)
    found = temper(post, 2, particles=1000, seed=3)
    assert found.log_evidence == pytest.approx(log_z, abs=0.04)
    draws = found.theta.reshape(-1, 2)
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < 0.12
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.1)


@pytest.mark.parametrize(
    ("likelihood", "activation"), [(Bernoulli(), "sigmoid"), (Poisson(), "tanh")]
)
def test_one_unit_is_as_by_draws_of_the_prior(likelihood, activation):
    """4 parameters, Z as the mean likelihood of a million draws of the prior (log error 0.01)."""
    post = make(likelihood, (1,), n=10, prior=1.0, activation=activation)
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [post.log_likelihood(rng.normal(size=(100_000, post.ndim))) for _ in range(10)]
    )
    log_z = logsumexp(values) - np.log(values.size)
    error = np.exp(logsumexp(2 * values) - 2 * logsumexp(values)) ** 0.5
    assert error < 0.02
    found = temper(post, 2, particles=1000, seed=4)
    assert found.start == "both"
    assert found.log_evidence == pytest.approx(log_z, abs=0.06)
    around = around_maxima(post, found.theta[:, 0], draws=found.theta[0])
    assert around.pareto_k < 0.7
    assert around.log_z == pytest.approx(log_z, abs=4.5 * around.error + 0.03)


def test_a_start_from_basins_alone_is_refused():
    with pytest.raises(RequestError, match=r'temper.start: found "basins".*Poisson.*"both"'):
        temper(make(Poisson(), (1,)), 2, particles=100, start="basins")
