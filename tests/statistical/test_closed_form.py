"""Networks whose posterior is a Gaussian, sampled by every kind of move: the closed form."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from nnpost.data.dataset import Dataset
from nnpost.moves.names import MOVES
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.tempering.temper import temper

PRIOR = GaussianPrior({"output_weights": 2.0, "output_bias": 5.0})
LIKELIHOODS = {"mse": (MSE(), np.sqrt(30 / 2)), "gaussian": (Gaussian(0.5), 0.5)}


def make(likelihood):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(30, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    y = x @ [2.0, -3.0] + 1 + 0.5 * rng.normal(size=30)
    return Posterior(MLP(2), Dataset(x, y), likelihood, PRIOR)


def closed_form(post, sigma):
    """Mean and covariance of (a, c): the normal equations."""
    design = np.c_[post.data.x, np.ones(post.data.n)]
    cov = np.linalg.inv(design.T @ design / sigma**2 + np.diag([1 / 4, 1 / 4, 1 / 25]))
    return cov @ design.T @ post.data.y / sigma**2, cov


def log_evidence(post, sigma):
    """log N(y; 0, σ² I + X S Xᵀ), the same in the space of the data."""
    design = np.c_[post.data.x, np.ones(post.data.n)]
    cov = design @ np.diag([4.0, 4.0, 25.0]) @ design.T + sigma**2 * np.eye(post.data.n)
    return multivariate_normal(np.zeros(post.data.n), cov).logpdf(post.data.y)


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_mean_and_covariance_of_a_linear_network(kind, name, z_scores, report):
    """All 9 moments of 3 parameters within 4.5 errors: 90 moments, so one test in 1,500 suites
    fails by chance."""
    likelihood, sigma = LIKELIHOODS[kind]
    post = make(likelihood)
    mean, cov = closed_form(post, sigma)
    run = sample(post, moves=name, nsteps=1200, seed=2, start="prior")
    theta = run.chain[run.burnin :] - mean
    i, j = np.triu_indices(3)
    moments = np.concatenate([theta, theta[..., i] * theta[..., j]], axis=-1)
    z = z_scores(moments, np.r_[np.zeros(3), cov[i, j]])
    report(f"linear, {kind}, {name}: largest |z| of 9", 0, abs(z).max(), 1)
    assert abs(z).max() < 4.5


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_log_evidence_of_a_linear_network_is_exact(kind, report):
    likelihood, sigma = LIKELIHOODS[kind]
    post = make(likelihood)
    # mse leaves out the constant of the Gaussian that it is.
    constant = -15 * np.log(2 * np.pi * sigma**2) if kind == "mse" else 0.0
    expected = log_evidence(post, sigma) - constant
    found = temper(post, ensembles=2, particles=20)
    report(f"linear, {kind}: log Z", expected, found.log_evidence, found.error)
    np.testing.assert_allclose(found.log_z, expected, rtol=1e-12)


def test_a_linear_network_with_inferred_noise_against_quadrature(z_scores, report):
    """One dimension, log σ, is left: log Z within 0.02 and within 4 errors, and four moments within
    4.5 errors (5 tests, 1 failure by chance in 10,000 suites)."""
    post = make(Gaussian("infer"))

    def density(s, power=0):
        value = log_evidence(post, np.exp(s)) - 0.5 * (s / 3) ** 2 - np.log(3 * np.sqrt(2 * np.pi))
        return s**power * np.exp(value - shift)

    shift = log_evidence(post, 0.5)
    norm, first, second = (quad(density, -2.5, 2.5, args=(k,), epsrel=1e-9)[0] for k in range(3))
    expected, log_z = np.array([first, second]) / norm, np.log(norm) + shift
    tempering = temper(post, particles=1000, seed=3)
    report("linear, noise inferred: log Z", log_z, tempering.log_evidence, tempering.error)
    assert abs(tempering.log_evidence - log_z) < min(0.02, 4 * tempering.error)
    for name in ("collapsed", "stretch"):
        run = sample(post, moves=name, nsteps=1200, seed=3, tempering=tempering)
        s = run.chain[run.burnin :, :, -1:]
        z = z_scores(np.concatenate([s, s**2], axis=-1), expected)
        report(f"linear, noise inferred, {name}: largest |z|", 0, abs(z).max(), 1)
        assert abs(z).max() < 4.5
