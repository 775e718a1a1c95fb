"""The integrated output layer against quadrature-free algebra: the joint Gaussian, and draws."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, multivariate_normal

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior

LIKELIHOODS = [MSE(), Gaussian(0.7), Gaussian("infer")]
NETS = [
    *(MLP(1, ()), MLP(3, ()), MLP(1, (2,)), MLP(2, (3,), "tanh"), MLP(2, (2, 3), "relu")),
    *(MLP(2, (3,), "tanh", bias=False), MLP(2, (2, 3), "relu", skip=True)),
]
PRIOR = GaussianPrior(2.0, log_sigma_std=1.5)

pytestmark = pytest.mark.usefixtures("each_engine")


def make(net=None, likelihood=None, yerr=False, n=17, prior=PRIOR):
    net, likelihood = net or MLP(1, (2,)), likelihood or MSE()
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(n, net.inputs)), 3 * rng.normal(size=n)
    return Posterior(
        net, Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None), likelihood, prior
    )


def peak(layer, h):
    """Full vectors for h with the output layer at its most probable value."""
    return layer.join(h, layer.collapsed(h, layer.post.noise(h)).mean)


def hidden(layer, count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, layer.ndim))


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("net", NETS, ids=str)
def test_density_times_conditional_is_the_posterior(net, likelihood, yerr):
    """p(y, h) p(o | h, y) = p(y, h, o) at any o, with p(o | h, y) from scipy."""
    post = make(net, likelihood, yerr)
    layer = OutputLayer(post)
    for h in hidden(layer, 4):
        theta = layer.join(h, np.random.default_rng(1).normal(size=net.n_output))
        features = net.features(
            torch.tensor(theta[None, : net.n_hidden]), torch.tensor(post.data.x)
        )
        f = features[0].numpy() / (post.data.yerr if yerr else 1.0)
        y = post.data.y / (post.data.yerr if yerr else 1.0)
        noise = {"mse": np.sqrt(post.data.n / 2), "infer": np.exp(theta[-1])}
        kind = getattr(likelihood, "sigma", "mse")
        tau = noise.get(kind, kind) ** -2
        cov = np.linalg.inv(tau * f @ f.T + np.eye(len(f)) / 4)
        conditional = multivariate_normal(cov @ (tau * f @ y), cov)
        o = theta[layer.output_index]
        expected = post.log_prob(theta) - conditional.logpdf(o)
        assert layer.log_prob(h[None])[0] == pytest.approx(expected, rel=1e-11, abs=1e-9)


def test_density_equals_the_integral_over_the_output_layer():
    post = make(MLP(1, (1,)), Gaussian(1.0))
    layer = OutputLayer(post)
    h = hidden(layer, 1)
    shift = post.log_prob(peak(layer, h))[0]

    # The trapezoidal rule gains digits exponentially on a function that vanishes at the border.
    side, step = np.linspace(-15, 15, 401, retstep=True)
    o = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = np.exp(post.log_prob(layer.join(np.repeat(h, len(o), axis=0), o)) - shift)
    value = density.sum() * step**2
    assert layer.log_prob(h)[0] == pytest.approx(np.log(value) + shift, abs=1e-6)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_draws_follow_the_conditional_gaussian_and_carry_both_densities(likelihood):
    post = make(MLP(1, (2,)), likelihood)
    layer = OutputLayer(post)
    h = np.repeat(hidden(layer, 1), 20_000, axis=0)
    theta, collapsed, log_prob = layer.draw(h, np.random.default_rng(7))
    np.testing.assert_array_equal(layer.split(theta), h)
    np.testing.assert_allclose(log_prob, post.log_prob(theta), rtol=1e-12)
    np.testing.assert_allclose(collapsed, layer.log_prob(h), rtol=1e-12)
    o = theta[:, layer.output_index]
    # log p(h, o) = const − ½ (o − m)ᵀ A (o − m): twice the fall from the top is χ² with K = 3.
    fall = 2 * (post.log_prob(peak(layer, h[:1]))[0] - log_prob)
    assert kstest(fall, "chi2", args=(3,)).pvalue > 1e-3
    error = o.std(axis=0) / np.sqrt(len(o))
    best = peak(layer, h[:1])[0, layer.output_index]
    assert (abs(o.mean(axis=0) - best) < 4 * error).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("net", NETS[2:], ids=str)
def test_gradient_equals_finite_differences(net, likelihood):
    layer = OutputLayer(make(net, likelihood, yerr=True))
    h = hidden(layer, 3)
    value, grad = layer.log_prob_and_grad(h)
    np.testing.assert_allclose(value, layer.log_prob(h), rtol=1e-13)
    for k, step in enumerate(1e-6 * np.eye(layer.ndim)):
        slope = (layer.log_prob(h + step) - layer.log_prob(h - step)) / 2e-6
        np.testing.assert_allclose(grad[:, k], slope, rtol=2e-5, atol=2e-6)


def test_collinear_and_saturated_features_stay_accurate():
    """Equal units, dead units and units far outside: against 60-digit arithmetic."""
    mpmath = pytest.importorskip("mpmath")
    net = MLP(1, (3,))
    post = make(net, Gaussian(0.01), n=9, prior=GaussianPrior(30.0))
    layer = OutputLayer(post)
    h = np.array([[1.0, 1.0, 1.0, 0.5, 0.5, 0.5], [1e3, 0.0, 1e-9, -1e6, 0.0, 700.0]])
    found = layer.log_prob(h)
    features = net.features(torch.tensor(h), torch.tensor(post.data.x)).numpy()
    with mpmath.workdps(60):
        for row in range(2):
            f, y = mpmath.matrix(features[row].tolist()), mpmath.matrix(post.data.y.tolist())
            cov = f.T * f * mpmath.mpf(30) ** 2 + mpmath.eye(9) * mpmath.mpf(0.01) ** 2
            quadratic = (y.T * mpmath.lu_solve(cov, y))[0]
            evidence = (
                -(quadratic + mpmath.log(mpmath.det(cov)) + 9 * mpmath.log(2 * mpmath.pi)) / 2
            )
            prior = (-0.5 * (h[row] / 30) ** 2).sum() - 6 * np.log(30 * np.sqrt(2 * np.pi))
            assert found[row] == pytest.approx(float(evidence) + prior, rel=1e-8)


def test_a_network_without_hidden_layer_has_the_closed_form_evidence():
    post = make(MLP(3, ()), Gaussian(0.7))
    layer = OutputLayer(post)
    design = np.c_[post.data.x, np.ones(post.data.n)]
    cov = 4 * design @ design.T + 0.49 * np.eye(post.data.n)
    expected = multivariate_normal(np.zeros(post.data.n), cov).logpdf(post.data.y)
    assert layer.ndim == 0
    assert layer.log_prob(np.empty((1, 0)))[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_hopeless_places_have_no_density_rather_than_nan(likelihood):
    layer = OutputLayer(make(MLP(1, (2,)), likelihood))
    h = hidden(layer, 3)
    h[1, 0] = np.nan
    h[2, -1] = -1e4
    value, grad = layer.log_prob_and_grad(h)
    assert value[1] == -np.inf
    assert not np.isnan(value).any()
    assert np.isfinite(grad).all()
