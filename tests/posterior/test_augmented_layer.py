"""The output layer integrated out given latent numbers, against scipy and the posterior."""

import numpy as np
import pytest
import torch
from scipy import stats

import nnpost
from nnpost.posterior.augmented_layer import AugmentedLayer
from nnpost.posterior.likelihoods.augmentable import Augmentable

NETS = [
    *(nnpost.MLP(2, (3,), "tanh"), nnpost.MLP(2, (2, 3), "relu", skip=True)),
    *(nnpost.MLP(2, (2,), bias=False), nnpost.MLP(2)),
]
NOISES = [
    *(nnpost.StudentT(), nnpost.StudentT(nu=3.0), nnpost.StudentT(sigma=0.5)),
    *(nnpost.StudentT(2.5, 0.5), nnpost.GaussianTargets(2)),
]
ROWS = 5


def make(net, likelihood, yerr=False, n=17):
    rng = np.random.default_rng(5)
    several = likelihood.outputs > 1
    x, y = rng.normal(size=(n, 2)), 2 * rng.normal(size=(n, 2) if several else n)
    errors = rng.uniform(0.5, 2, n) if yerr and not several else None
    names = {"y_names": ("u", "v")} if several else {}
    net = nnpost.MLP(2, net.hidden, net.activation, net.bias, net.skip, likelihood.outputs)
    prior = nnpost.GaussianPrior({"output_weights": 1.5}, default=2.0, log_sigma_std=1.5)
    return nnpost.Posterior(net, nnpost.Dataset(x, y, errors, **names), likelihood, prior)


def given(post, seed=0):
    """Vectors, and the layer given latent numbers drawn for them."""
    rng = np.random.RandomState(seed)
    theta = 0.7 * rng.standard_normal((ROWS, post.ndim))
    return theta, AugmentedLayer(post).given(theta, rng)


def log_latents(post, theta, latents):
    """log p(λ | y, theta), by scipy: (B,)."""
    if not latents.size:
        return 0.0
    noise = post.likelihood
    sigma = np.exp(theta[:, [post.net.ndim]]) if noise.sigma == "infer" else noise.sigma
    nu = 4 * np.exp(theta[:, [-1]]) if noise.nu == "infer" else noise.nu
    z = (post.data.y - post.engine.outputs(theta)) / sigma
    z = z if post.data.yerr is None else z / post.data.yerr
    return stats.gamma.logpdf(latents, (nu + 1) / 2, scale=2 / (nu + z**2)).sum(axis=1)


def log_layer(post, theta, density):
    """log p(o | h, λ, y), o ~ N(m, A⁻¹) of every output, with matrices written out: (B,)."""
    layer, total = density.layer, np.zeros(ROWS)
    own = theta[:, post.net.ndim :]
    found = post.likelihood.given_latents(density.latents, post.data.y, post.data.yerr, own)
    features = post.net.features(torch.tensor(theta), torch.tensor(post.data.x)).numpy()
    for b in range(ROWS):
        for k, place in enumerate(layer.output_index):
            f, omega = features[b], found.precision[b, k]
            covariance = np.linalg.inv(f * omega @ f.T + np.diag(post.scales[place] ** -2.0))
            mean = covariance @ f @ found.moment[b, k]
            total[b] += stats.multivariate_normal.logpdf(theta[b, place], mean, covariance)
    return total


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", NOISES, ids=str)
@pytest.mark.parametrize("net", NETS, ids=str)
def test_density_times_conditionals_is_the_posterior(net, likelihood, yerr):
    """p(y, λ, h) p(o | h, λ, y) = p(y, h, o) p(λ | y, h, o) at any h, o and λ."""
    post = make(net, likelihood, yerr)
    if not post.collapses:
        assert post.ndim == post.net.n_output
        return
    theta, density = given(post)
    other = theta + 0.3 * np.random.default_rng(1).normal(size=theta.shape)
    for at in (theta, other):
        joint = density.log_prob(density.split(at)) + log_layer(post, at, density)
        expected = post.log_prob(at) + log_latents(post, at, density.latents)
        np.testing.assert_allclose(joint, expected, rtol=1e-9)


@pytest.mark.parametrize("likelihood", NOISES[:3] + NOISES[4:], ids=str)
@pytest.mark.parametrize("net", NETS, ids=str)
def test_the_gradient_is_that_of_differences(net, likelihood):
    post = make(net, likelihood, yerr=True)
    theta, density = given(post)
    h = density.split(theta)
    value, grad = density.log_prob_and_grad(h)
    np.testing.assert_allclose(value, density.log_prob(h), rtol=1e-12)
    for k, step in enumerate(1e-6 * np.eye(density.ndim)):
        slope = (density.log_prob(h + step) - density.log_prob(h - step)) / 2e-6
        np.testing.assert_allclose(grad[:, k], slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("likelihood", [nnpost.StudentT(), nnpost.GaussianTargets(2)], ids=str)
def test_what_is_drawn_has_the_moments_of_the_layer(likelihood):
    """Mean and covariance of 40,000 draws of one row; bounds are 5 errors."""
    post = make(NETS[0], likelihood)
    count = 40_000
    theta, density = given(post)
    one = type(density)(density.layer, np.repeat(density.latents[:1], count, axis=0))
    h = np.repeat(density.split(theta)[:1], count, axis=0)
    drawn = one.complete(h, np.random.RandomState(3))
    np.testing.assert_array_equal(one.split(drawn.theta), h)
    np.testing.assert_allclose(drawn.log_prob[:9], post.log_prob(drawn.theta[:9]), rtol=1e-12)
    own, data = theta[:1, post.net.ndim :], post.data
    found = post.likelihood.given_latents(density.latents[:1], data.y, data.yerr, own)
    f = post.net.features(torch.tensor(theta[:1]), torch.tensor(data.x))[0].numpy()
    for k, place in enumerate(density.layer.output_index):
        d = np.diag(post.scales[place] ** -2.0)
        covariance = np.linalg.inv(f * found.precision[0, k] @ f.T + d)
        sd = np.sqrt(np.diag(covariance))
        z = (drawn.theta[:, place] - covariance @ f @ found.moment[0, k]) / sd
        assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(count)
        expected = covariance / np.outer(sd, sd)
        assert np.abs(z.T @ z / count - expected).max() < 5 * np.sqrt(2 / count)


def test_blocks_of_rows_change_nothing():
    post = make(NETS[0], nnpost.StudentT())
    small = nnpost.Posterior(post.net, post.data, post.likelihood, post.prior, block=150)
    (theta, one), (_, two) = given(post), given(small)
    h = one.split(theta)
    for a, b in zip(one.log_prob_and_grad(h), two.log_prob_and_grad(h), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for a, b in zip(*(d.complete(h, np.random.RandomState(0)) for d in (one, two)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_what_is_not_finite_has_no_density():
    post = make(NETS[0], nnpost.StudentT())
    theta, density = given(post)
    h = density.split(theta)
    h[0, 0], h[1, -1], h[2, -2] = np.nan, 1e3, -1e3
    value, grad = density.log_prob_and_grad(h)
    assert (value[:3] == -np.inf).all()
    assert not grad[:3].any()
    assert np.isfinite(value[3:]).all()


def test_which_likelihoods_are_mixtures():
    assert isinstance(nnpost.StudentT(), Augmentable)
    assert isinstance(nnpost.GaussianTargets(2), Augmentable)
    for other in (nnpost.Bernoulli(), nnpost.Poisson(), nnpost.Heteroscedastic()):
        assert not isinstance(other, Augmentable)
