"""Evidence and moments where nothing is integrated out, against quadrature and prior draws."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.heteroscedastic import Heteroscedastic
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.tempering.around_maxima import around_maxima
from nnpost.tempering.temper import temper

CASES = Path(__file__).parents[1] / "cases"


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


def test_two_classes_by_softmax_are_labels_with_a_wider_prior():
    """Only the difference of both outputs counts, whose prior is √2 times as wide: log Z is that
    of the labels, known by quadrature."""
    labels = make(Bernoulli(), prior=1.5 * np.sqrt(2))
    log_z, _, _ = by_quadrature(labels, most=9.0)
    post = Posterior(MLP(1, outputs=2), labels.data, Categorical(2), GaussianPrior(1.5))
    found = temper(post, 2, particles=1000, seed=3)
    assert found.log_evidence == pytest.approx(log_z, abs=0.04)
    theta = found.theta.reshape(-1, 4)
    slope = (theta[:, 1] - theta[:, 0]).mean()
    _, mean, sd = by_quadrature(labels, most=9.0)
    assert abs(slope - mean[0]) < 0.12 * sd[0]


def test_noise_that_depends_on_x_is_as_by_draws_of_the_prior():
    """A linear network of 4 parameters, by a million draws (log error 0.02)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 5)
    data = Dataset(x, 0.5 * x + np.exp(x - 0.5) * rng.normal(size=5))
    post = Posterior(MLP(1, outputs=2), data, Heteroscedastic(), GaussianPrior(1.0))
    values = np.concatenate(
        [post.log_likelihood(rng.normal(size=(100_000, post.ndim))) for _ in range(10)]
    )
    log_z = logsumexp(values) - np.log(values.size)
    assert np.exp(logsumexp(2 * values) - 2 * logsumexp(values)) ** 0.5 < 0.02
    found = temper(post, 2, particles=1000, seed=5)
    assert found.log_evidence == pytest.approx(log_z, abs=0.06)


@pytest.mark.long
def test_bands_of_noise_that_grows_are_even():
    """y ~ N(sin x, (0.05 + |x|/6)²): 90 % bands of new targets hold between 0.83 and 0.96 of the
    truth, in the middle and at the ends (a constant noise: 1.00 and 0.77), and the mean log
    density of the data is less than 0.06 below that of the truth (a constant noise: 0.2)."""
    x, y = np.loadtxt(CASES / "hetero.csv", delimiter=",", skiprows=1).T
    post = Posterior(
        MLP(1, (4,), "tanh", outputs=2), Dataset(x, y), Heteroscedastic(), GaussianPrior(3.0)
    )
    theta = temper(post, 1, particles=400, seed=0).theta[0]
    at = np.linspace(-2.5, 2.5, 21)
    new = post.draw_targets(np.repeat(theta, 10, axis=0), at[:, None], np.random.default_rng(0))
    truth = norm(np.sin(at), 0.05 + np.abs(at) / 6)
    low, high = truth.cdf(np.quantile(new, [0.05, 0.95], axis=0))
    held = high - low
    middle = np.abs(at) < 1
    assert 0.83 < held[middle].mean() < 0.96
    assert 0.83 < held[~middle].mean() < 0.96
    found = logsumexp(post.pointwise_log_likelihood(theta), axis=0) - np.log(len(theta))
    exact = norm.logpdf(y, np.sin(x), 0.05 + np.abs(x) / 6)
    assert found.mean() > exact.mean() - 0.06


def test_a_start_from_basins_alone_is_refused():
    with pytest.raises(RequestError, match=r'temper.start: found "basins".*Poisson.*"both"'):
        temper(make(Poisson(), (1,)), 2, particles=100, start="basins")
