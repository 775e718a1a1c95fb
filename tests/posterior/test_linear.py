"""The Gaussian posterior of linear networks against brute force in the space of the data."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import multivariate_normal

from nnpost import MLP, MSE, Dataset, Gaussian, GaussianPrior, Posterior, RequestError, datasets
from nnpost.posterior.linear import closed_form
from nnpost.posterior.output_layer import OutputLayer
from nnpost.sampling.sample import sample

PRIOR = GaussianPrior({"output_weights": 2.0, "output_bias": 5.0})
POSTERIORS = {
    "mse": (MSE(), None),
    "gaussian": (Gaussian(0.3), None),
    "errors": (Gaussian(1.0), np.linspace(0.2, 0.9, 12)),
}


def make(kind):
    likelihood, yerr = POSTERIORS[kind]
    rng = np.random.default_rng(3)
    x = rng.standard_normal((12, 2))
    y = x @ [2.0, -3.0] + 1 + 0.3 * rng.standard_normal(12)
    return Posterior(MLP(2), Dataset(x, y, yerr), likelihood, PRIOR)


def noise(post):
    """Covariance of the noise, (n, n)."""
    if isinstance(post.likelihood, MSE):
        return post.data.n / 2 * np.eye(post.data.n)
    errors = np.ones(post.data.n) if post.data.yerr is None else post.data.yerr
    return np.diag((post.likelihood.sigma * errors) ** 2)


@pytest.mark.parametrize("kind", POSTERIORS)
def test_conditioning_the_joint_gaussian_of_parameters_and_data(kind):
    """theta and y are jointly Gaussian: Cov(theta, y) = S Xᵀ, Cov(y) = X S Xᵀ + noise. Conditioned
    on y they give the posterior without ever inverting a matrix of the parameters."""
    post = make(kind)
    design, prior = np.c_[post.data.x, np.ones(12)], np.diag([4.0, 4.0, 25.0])
    spread = design @ prior @ design.T + noise(post)
    gain = prior @ design.T @ np.linalg.inv(spread)
    exact = closed_form(post)
    np.testing.assert_allclose(exact.mean, gain @ post.data.y, rtol=1e-9)
    np.testing.assert_allclose(exact.covariance, prior - gain @ design @ prior, atol=1e-10)
    left_out = 0.5 * np.linalg.slogdet(2 * np.pi * noise(post))[1] if kind == "mse" else 0.0
    log_z = multivariate_normal(np.zeros(12), spread).logpdf(post.data.y) + left_out
    assert exact.log_evidence == pytest.approx(log_z, abs=1e-9)


def test_without_a_bias():
    """Conditioned as above, with no column of ones."""
    biased = make("errors")
    post = Posterior(MLP(2, bias=False), biased.data, biased.likelihood, GaussianPrior(2.0))
    design, prior = post.data.x, 4.0 * np.eye(2)
    spread = design @ prior @ design.T + noise(post)
    gain = prior @ design.T @ np.linalg.inv(spread)
    exact = closed_form(post)
    np.testing.assert_allclose(exact.mean, gain @ post.data.y, rtol=1e-9)
    np.testing.assert_allclose(exact.covariance, prior - gain @ design @ prior, atol=1e-10)
    log_z = multivariate_normal(np.zeros(12), spread).logpdf(post.data.y)
    assert exact.log_evidence == pytest.approx(log_z, abs=1e-9)
    mean, sd = exact.predict(design)
    np.testing.assert_allclose(mean, design @ exact.mean)
    np.testing.assert_allclose(sd**2, np.diag(design @ exact.covariance @ design.T))


def test_a_skip_beside_units_of_no_weight_is_a_linear_network():
    """With output weights of N(0, 1e-9²) the posterior of (v, c) is that of a line, and the
    collapsed density is its log Z wherever the units are."""
    line = make("errors")
    scales = {"output_weights": 1e-9, "skip_weights": 2.0, "output_bias": 5.0}
    net = MLP(2, (3,), "tanh", skip=True)
    post = Posterior(net, line.data, line.likelihood, GaussianPrior(scales, default=1.0))
    exact, layer = closed_form(line), OutputLayer(post)
    h = np.random.default_rng(0).normal(size=(4, layer.ndim))
    log_z = layer.log_prob(h) - layer.hidden_prior.log_prob(h)
    np.testing.assert_allclose(log_z, exact.log_evidence, atol=1e-8)
    found = layer.collapsed(h, post.noise(h))
    np.testing.assert_allclose(found.mean[:, 3:], np.tile(exact.mean, (4, 1)), rtol=1e-9)
    spread = np.linalg.inv(found.cholesky @ found.cholesky.swapaxes(1, 2))[:, 3:, 3:]
    np.testing.assert_allclose(spread, np.tile(exact.covariance, (4, 1, 1)), rtol=1e-7)


def test_the_log_density_is_that_of_the_gaussian():
    post = make("errors")
    exact = closed_form(post)
    theta = np.random.default_rng(0).normal(exact.mean, 0.5, (50, 3))
    gaussian = multivariate_normal(exact.mean, exact.covariance).logpdf(theta)
    np.testing.assert_allclose(post.log_prob(theta), gaussian + exact.log_evidence, atol=1e-8)


def test_evidence_by_quadrature():
    data = Dataset(np.array([-1.0, 0.5, 2.0]), np.array([0.3, 1.0, 2.5]))
    post = Posterior(MLP(1), data, Gaussian(0.7), GaussianPrior(1.5))
    exact = closed_form(post)

    axis = np.linspace(-6, 6, 601)
    theta = np.stack(np.meshgrid(axis, axis), axis=-1)
    density = np.exp(post.log_prob(theta) - exact.log_evidence)
    total = trapezoid(trapezoid(density, axis), axis)
    assert total == pytest.approx(1, abs=1e-5)


def test_error_bars_far_from_the_data():
    """σ²/n times the squared distance over the variance, in the limit of a flat prior."""
    data = datasets.pair_sum()
    post = Posterior(MLP(2), data, Gaussian(0.1), GaussianPrior(30.0))
    mean, sd = closed_form(post).predict([[9.0, 90.0], [0.5, 0.5]])
    centred = data.x - data.x.mean(axis=0)
    away = np.array([9.0, 90.0]) - data.x.mean(axis=0)
    expected = 0.01 * (away @ np.linalg.inv(centred.T @ centred) @ away + 1 / data.n)
    assert sd[0] ** 2 == pytest.approx(expected, rel=1e-4)
    assert sd[1] == pytest.approx(0.1 / np.sqrt(1000), rel=0.01)
    assert mean == pytest.approx([99, 1], abs=1e-2)


def test_error_bars_cover_the_truth():
    """400 data sets with real noise: the 90 % interval of 9 + 90 holds 99 in 90 ± 1.5 % of them
    (within 4 standard errors: fails by chance once in 16,000)."""
    hits = []
    for seed in range(400):
        post = Posterior(MLP(2), datasets.pair_sum(50, seed, noise=0.1), Gaussian(0.1))
        mean, sd = closed_form(post).predict([[9.0, 90.0]])
        hits.append(abs(mean[0] - 99) < 1.6449 * sd[0])
    assert abs(np.mean(hits) - 0.9) < 4 * np.sqrt(0.09 / 400)


@pytest.mark.parametrize(
    ("net", "likelihood", "found"),
    [
        (MLP(2, (3,)), Gaussian(1.0), r"found hidden = \[3\]"),
        (MLP(2), Gaussian("infer"), 'found sigma = "infer"'),
    ],
)
def test_what_has_no_closed_form_is_refused(net, likelihood, found):
    with pytest.raises(RequestError, match=found):
        closed_form(Posterior(net, datasets.pair_sum(10), likelihood))


def test_inputs_of_the_wrong_shape_are_refused():
    exact = closed_form(Posterior(MLP(2), datasets.pair_sum(10), Gaussian(1.0)))
    with pytest.raises(RequestError, match=r"x has shape \(2,\), expected \(m, 2\)"):
        exact.predict([9.0, 90.0])


def test_tables_name_every_parameter():
    exact = closed_form(make("gaussian"))
    assert [line.split()[0] for line in str(exact).splitlines()] == ["a1", "a2", "c", "log"]
    assert exact._repr_html_().count("<tr>") == 4


def test_the_sampled_error_bar_of_a_far_sum_is_the_exact_one():
    """Independent draws: their mean within 4 errors, their variance within 4 of its own, each
    failing by chance once in 16,000."""
    data = datasets.pair_sum(200, noise=0.1)
    post = Posterior(MLP(2), data, Gaussian(0.1))
    (mean,), (sd,) = closed_form(post).predict([[9.0, 90.0]])
    run = sample(post, nsteps=100, seed=1)
    f = post.predict(run.samples, np.array([[9.0, 90.0]]))[:, 0]
    assert abs(f.mean() - mean) < 4 * sd / np.sqrt(len(f))
    assert abs(f.var() / sd**2 - 1) < 4 * np.sqrt(2 / len(f))
    assert run.log_evidence == pytest.approx(closed_form(post).log_evidence, abs=1e-9)
