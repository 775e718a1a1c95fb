"""Predictions against closed forms: linear networks, and quantiles of mixtures solved for."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.linear import closed_form
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.prediction.predict import networks_of, predict
from nnpost.prediction.prediction import quantile_name
from nnpost.sampling.sample import sample
from nnpost.training.train import train

LEVELS = (0.05, 0.5, 0.95)
SIGMA = 0.5


def linear(yerr=False):
    """A network without a hidden layer, whose posterior is a Gaussian."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    errors = rng.uniform(0.5, 2, 30) if yerr else None
    noise = SIGMA * rng.normal(size=30) * (errors if yerr else 1.0)
    data = Dataset(x, x @ [2.0, -3.0] + 1 + noise, errors, x_names=("a", "b"), y_name="flux")
    return Posterior(MLP(2), data, Gaussian(SIGMA), GaussianPrior(10.0))


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("yerr", [False, True])
def test_a_run_of_a_linear_network_predicts_as_the_closed_form_does(noise, yerr):
    """Means, quantiles at 3 levels and sd at 6 places, each within 4.5 of its standard errors."""
    post = linear(yerr)
    run = sample(post, nsteps=1250, nwalkers=8, start="prior", seed=1)
    x = np.random.default_rng(2).normal(size=(6, 2)) * 3
    errors = np.linspace(0.5, 3, 6) if yerr and noise else None
    found = run.predict(x, noise=noise, yerr=errors)
    mean, sd = closed_form(post).predict(x)
    if noise:
        sd = np.hypot(sd, SIGMA * (errors if yerr else 1.0))
    assert 3000 < len(found.draws) <= 4000
    assert np.abs((found.mean - mean) / found.mean_error).max() < 4.5
    for level in LEVELS:
        z = (found.quantiles[level] - norm.ppf(level, mean, sd)) / found.quantile_errors[level]
        assert np.abs(z).max() < 4.5
        assert found.quantile_errors[level].max() < 0.1 * sd.max()
    np.testing.assert_allclose(found.sd, sd, rtol=4.5 / np.sqrt(2 * len(found.draws)))
    assert found.networks == {}


def test_the_stated_errors_are_the_spread_of_predictions():
    """Of 300 predictions from 1,000 draws in 20 batches, 0.94 lie within two errors of the truth
    (Student's t of 19), known to ± 0.014; errors of half the size would give 0.67."""
    post, exact = linear(), closed_form(linear())
    x = np.array([[1.0, 1.0]])
    mean, sd = (float(part[0]) for part in exact.predict(x))
    sd = np.hypot(sd, SIGMA)
    rng, batches, z = np.random.default_rng(3), np.arange(1000) // 50, []
    for seed in range(300):
        theta = rng.multivariate_normal(exact.mean, exact.covariance, 1000)
        found = predict(post, theta, batches, x, LEVELS, seed=seed)
        errors = [found.mean_error, *(found.quantile_errors[level] for level in LEVELS)]
        right = [mean, *norm.ppf(LEVELS, mean, sd)]
        values = [found.mean, *(found.quantiles[level] for level in LEVELS)]
        z.append((np.ravel(values) - right) / np.ravel(errors))
    within = np.mean(np.abs(z) < 2, axis=0)
    assert np.abs(within - 0.94).max() < 0.05


def test_quantiles_with_noise_are_those_of_the_mixture_of_normals():
    """Every network drawn has a σ of its own: the mixture's quantiles are solved for."""
    rng = np.random.default_rng(4)
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(1, (2,), "tanh"), Dataset(x, x), Gaussian("infer"))
    theta = rng.normal(size=(40, post.ndim)) * 0.7
    many = np.tile(theta, (500, 1))  # 20,000 targets: 500 of each network
    at = np.array([-1.5, 0.3, 2.0])
    found = predict(post, many, np.arange(len(many)) * 20 // len(many), at, (0.05, 0.5, 0.9))
    f, sigma = post.predict(theta, at), np.exp(theta[:, -1])
    for level, values in found.quantiles.items():
        for k, value in enumerate(values):
            exact = brentq(lambda y: norm.cdf(y, f[:, k], sigma).mean() - level, -50, 50)  # noqa: B023
            density = norm.pdf(exact, f[:, k], sigma).mean()
            error = np.sqrt(level * (1 - level) / len(many)) / density
            assert abs(value - exact) < 4.5 * error
            assert found.quantile_errors[level][k] < 3 * error
    np.testing.assert_allclose(found.mean, f.mean(axis=0), rtol=1e-12)
    exact_sd = np.sqrt(f.var(axis=0) + np.mean(sigma**2))
    np.testing.assert_allclose(found.sd, exact_sd, rtol=0.1)


def test_sgd_map_and_the_ensemble_of_restarts_stand_beside_the_posterior():
    x = np.linspace(-2, 2, 25)
    post = Posterior(MLP(1, (2,), "tanh"), Dataset(x, np.tanh(2 * x)), Gaussian(0.2))
    fits = train(post, restarts=6, epochs=20)
    fits.mse[2] = np.inf  # one has diverged, and is in no mean
    run = sample(post, nsteps=30, start="prior", fits=fits)
    at = np.array([-3.0, 0.1])
    found = run.predict(at, draws=100)
    np.testing.assert_allclose(found.networks["sgd"], post.predict(fits.sgd.theta, at))
    np.testing.assert_allclose(found.networks["map"], post.predict(fits.map.theta, at))
    left = np.delete(fits.theta, 2, axis=0)
    np.testing.assert_allclose(found.networks["ensemble"], post.predict(left, at).mean(axis=0))
    assert found.x.shape == (2, 1)
    head = repr(found).splitlines()[1].split()
    assert head == ["x", "mean", "sd", "q05", "q50", "q95", "sgd", "map", "ensemble"]
    assert "Monte-Carlo error in units of sd, at most: mean 0." in repr(found)
    assert networks_of(None) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x": np.zeros((3, 1))}, r"x has shape \(3, 1\), expected \(m, 2\): .* each of a, b"),
        ({"x": np.zeros((0, 2))}, r"x has shape \(0, 2\)"),
        ({"x": np.array([[0.0, np.nan]])}, "x: found nan in row 0, column 'b'"),
        ({"quantiles": (0.05, 1.5)}, "quantiles: found 1.5, expected levels between 0 and 1"),
        ({"quantiles": ("low",)}, "quantiles: found low, expected levels such as 0.05, 0.5"),
        ({"yerr": np.ones(2)}, "the data 'data' bring none; leave yerr out"),
        ({"yerr": np.ones(2), "noise": False}, "yerr: without noise there is no use for it"),
        ({"draws": 1}, "draws: found 1, expected a whole number of at least 2"),
        ({"seed": -1}, "seed: found -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(given, words):
    run = sample(linear(), nsteps=10, start="prior")
    with pytest.raises(RequestError, match=words) as caught:
        run.predict(**{"x": np.zeros((2, 2))} | given)
    assert "\n" not in str(caught.value)


def test_noise_is_refused_where_the_errors_of_new_points_are_not_known():
    run = sample(linear(yerr=True), nsteps=10, start="prior")
    with pytest.raises(RequestError, match=r"bring errors .* give yerr at x"):
        run.predict(np.zeros((2, 2)))
    assert run.predict(np.zeros((2, 2)), noise=False).sd.shape == (2,)


def test_draws_without_bound_leave_the_quantiles_as_they_are():
    """Rates of counts, e^f with f of a linear network: one draw beyond what floats hold, one
    beyond what numpy draws. Levels at which nothing is infinite are as of the draws below."""
    data = Dataset(np.arange(5.0), np.arange(5.0))
    post = Posterior(MLP(1), data, Poisson(), GaussianPrior(2.0))
    theta = np.random.default_rng(0).normal(size=(401, 2))
    theta[5], theta[6] = (0, 800), (0, 60)
    batches, x = np.arange(401) // 20, np.array([[0.0], [1.0]])
    rates = predict(post, theta, batches, x, noise=False)
    f = np.sort(theta[:, 1] + x * theta[:, 0])
    np.testing.assert_allclose(rates.quantiles[0.95], np.exp(f[:, 380]))
    np.testing.assert_allclose(rates.quantiles[0.05], np.exp(f[:, 20]))
    assert predict(post, theta, batches, x, (0.999,), noise=False).quantiles[0.999][0] == np.inf
    counts = predict(post, theta, batches, x)
    for found in (rates, counts):
        assert (found.mean == np.inf).all()
        assert (found.sd == np.inf).all()
        assert np.isnan(found.mean_error).all()
        assert all(np.isfinite(q).all() for q in found.quantiles.values())
        assert "mean nan, q05" in str(found)


def test_levels_have_names():
    names = {0.05: "q05", 0.5: "q50", 0.975: "q97.5", 0.025: "q2.5", 0.1: "q10"}
    assert {level: quantile_name(level) for level in names} == names
