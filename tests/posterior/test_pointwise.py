"""Likelihoods of any form: densities by scipy.stats, gradients by differences, draws by law."""

import numpy as np
import pytest
import torch
from scipy import stats

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.description import Description
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.heteroscedastic import Heteroscedastic
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior

N = 17
ERRORS = np.random.default_rng(3).uniform(0.5, 2.0, N)


def sigmoid(f):
    return 1 / (1 + np.exp(-f))


def student(y, f, own, yerr):
    return stats.t.logpdf(y, 4 * np.exp(own[1]), loc=f, scale=np.exp(own[0]) * yerr)


# name: likelihood, how many parameters it adds, its log density, errors of y
CASES = {
    "given": (StudentT(3.0, 0.7), 0, lambda y, f, o, e: stats.t.logpdf(y, 3, f, 0.7 * e), False),
    "errors": (StudentT(2.5, 1.5), 0, lambda y, f, o, e: stats.t.logpdf(y, 2.5, f, 1.5 * e), True),
    "sigma": (
        StudentT(3.0, "infer"), 1,
        lambda y, f, o, e: stats.t.logpdf(y, 3, f, np.exp(o[0]) * e), False,
    ),
    "nu": (
        StudentT("infer", 0.7), 1,
        lambda y, f, o, e: stats.t.logpdf(y, 4 * np.exp(o[0]), f, 0.7 * e), True,
    ),
    "student": (StudentT(), 2, student, True),
    "bernoulli": (
        Bernoulli(), 0, lambda y, f, o, e: stats.bernoulli.logpmf(y, sigmoid(f)), False,
    ),
    "poisson": (Poisson(), 0, lambda y, f, o, e: stats.poisson.logpmf(y, np.exp(f)), False),
    "hetero": (
        Heteroscedastic(), 0,
        lambda y, f, o, e: stats.norm.logpdf(y, f[..., 0], np.exp(f[..., 1]) * e), True,
    ),
    "classes": (
        Categorical(3), 0,
        lambda y, f, o, e: np.log(np.exp(f[range(len(y)), y.astype(int)]) / np.exp(f).sum(-1)),
        False,
    ),
}  # fmt: skip


def make(name, hidden=(2,), activation="tanh", inputs=2, **more):
    likelihood, *_, errors = CASES[name]
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(N, inputs)), 2 * rng.normal(size=N)
    labels = {"bernoulli": y > 0, "poisson": np.round(np.abs(y)), "classes": (y > -1) + 0 + (y > 1)}
    y = 1.0 * labels.get(name, y)
    data = Dataset(x, y, ERRORS if errors else None)
    net = MLP(inputs, hidden, activation, outputs=likelihood.outputs)
    return Posterior(net, data, likelihood, GaussianPrior(2.0), **more)


@pytest.mark.parametrize("name", CASES)
def test_the_density_is_scipys_point_by_point(name):
    post, (_, added, formula, errors) = make(name), CASES[name]
    assert post.ndim == post.net.ndim + added == len(post.labels)
    theta = np.random.default_rng(0).normal(size=(4, post.ndim))
    yerr = ERRORS if errors else 1.0
    for t, found, whole in zip(
        theta, post.pointwise_log_likelihood(theta), post.log_likelihood(theta), strict=True
    ):
        expected = formula(post.data.y, post.predict(t), t[post.net.ndim :], yerr)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert whole == pytest.approx(expected.sum(), rel=1e-12)
    np.testing.assert_allclose(post.loss(theta), -post.log_likelihood(theta) / N)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("hidden", "activation"), [((), "tanh"), ((3,), "sigmoid"), ((2, 2), "relu")]
)
def test_gradients_are_those_of_finite_differences(name, hidden, activation):
    post = make(name, hidden, activation)
    theta = 0.7 * np.random.default_rng(1).normal(size=(3, post.ndim))
    value, grad = post.log_prob_and_grad(theta)
    np.testing.assert_allclose(value, post.log_prob(theta), rtol=1e-13)
    step = 1e-6 * np.eye(post.ndim)
    for t, g in zip(theta, grad, strict=True):
        slope = (post.log_prob(t + step) - post.log_prob(t - step)) / 2e-6
        np.testing.assert_allclose(g, slope, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["student", "poisson"])
def test_blocks_change_nothing(name):
    whole, parts = make(name), make(name, block=40)
    theta = np.random.default_rng(2).normal(size=(2, 5, whole.ndim))
    for one, other in zip(
        whole.log_prob_and_grad(theta), parts.log_prob_and_grad(theta), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    found = whole.log_prob(torch.from_numpy(theta))
    np.testing.assert_array_equal(found.numpy(), whole.log_prob(theta))


def test_what_no_number_can_hold_has_no_density():
    post = make("poisson")
    theta = np.zeros((2, post.ndim))
    theta[0, -1] = 1e4  # a rate of e^10000
    value, grad = post.log_prob_and_grad(theta)
    assert value[0] == -np.inf
    assert np.isfinite(value[1])
    assert not grad[0].any()
    assert np.isfinite(grad).all()


def test_counts_of_any_rate_are_drawn():
    """Mean and variance within 5 standard errors of 20,000 draws on either side of where counts
    become Gaussian, and the draws of ordinary rates are numpy's own."""
    log_rate = np.log([30.0, 0.999e10, 1.001e10, 1e18, 1e25])
    f, none = np.tile(log_rate, (20_000, 1)), np.empty((1, 0))
    drawn = Poisson().draw(f, None, none, np.random.default_rng(8))
    z = (drawn - np.exp(log_rate)) / np.exp(0.5 * log_rate)
    assert (drawn == np.round(drawn)).all()
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(20_000)
    assert np.abs(z.var(axis=0) - 1).max() < 5 * np.sqrt((2 + 1 / 3) / 20_000)
    few = Poisson().draw(f[:, :1], None, none, np.random.default_rng(9))
    np.testing.assert_array_equal(few, np.random.default_rng(9).poisson(np.exp(f[:, :1])))
    ends = Poisson().draw(np.array([[1e4, np.inf, -np.inf, np.nan]]), None, none,
                          np.random.default_rng(9))  # fmt: skip
    np.testing.assert_array_equal(ends, [[np.inf, np.inf, 0.0, np.nan]])


@pytest.mark.parametrize("name", CASES)
def test_draws_of_networks_that_nothing_holds_are_no_error(name):
    """What Laplace's approximation may hand in: theta a hundred times its prior."""
    post = make(name)
    theta = 200 * np.random.default_rng(7).normal(size=(50, post.ndim))
    yerr = None if post.data.yerr is None else post.data.yerr
    drawn = post.draw_targets(theta, post.data.x, np.random.default_rng(6), yerr)
    assert drawn.shape == (50, N)
    assert not np.isnan(drawn).any()


# One number has a chance below 1e-4 to fail by chance with an unbiased generator.
@pytest.mark.parametrize("name", ["errors", "student", "bernoulli", "poisson"])
def test_new_targets_follow_the_density(name):
    post, (_, _, formula, errors) = make(name), CASES[name]
    t = 0.5 * np.random.default_rng(4).normal(size=post.ndim)
    many, yerr = np.tile(t, (4000, 1)), ERRORS if errors else None
    drawn = post.draw_targets(many, post.data.x, np.random.default_rng(6), yerr)
    f, mean = post.predict(t), post.expected(t)
    assert drawn.shape == (4000, N)
    if post.likelihood.scales_with_y:
        np.testing.assert_array_equal(mean, f)
        nu = 2.5 if name == "errors" else 4 * np.exp(t[-1])
        scale = (1.5 if name == "errors" else np.exp(t[-2])) * ERRORS
        p = stats.kstest(((drawn - f) / scale).ravel(), stats.t(nu).cdf).pvalue
        assert p > 1e-4
        return
    sd = np.sqrt(mean * (1 - mean) if name == "bernoulli" else mean)
    np.testing.assert_allclose(mean, sigmoid(f) if name == "bernoulli" else np.exp(f), rtol=1e-12)
    assert np.abs(drawn.mean(axis=0) - mean).max() < 4.6 * (sd / np.sqrt(4000)).max()
    values, counts = np.unique(drawn[:, 0], return_counts=True)
    expected = np.exp(formula(values, f[0], (), 1.0))
    assert np.abs(counts / 4000 - expected).max() < 4.6 * 0.5 / np.sqrt(4000)


def test_noise_that_depends_on_x_is_drawn_as_the_second_output_says():
    post = make("hetero")
    t = 0.5 * np.random.default_rng(4).normal(size=post.ndim)
    drawn = post.draw_targets(np.tile(t, (4000, 1)), post.data.x, np.random.default_rng(6), ERRORS)
    f = post.predict(t)
    np.testing.assert_array_equal(post.expected(t), f[:, 0])
    z = (drawn - f[:, 0]) / (np.exp(f[:, 1]) * ERRORS)
    assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-4


def test_classes_are_drawn_as_often_as_is_expected():
    post = make("classes")
    t = 0.5 * np.random.default_rng(4).normal(size=post.ndim)
    drawn = post.draw_targets(np.tile(t, (4000, 1)), post.data.x, np.random.default_rng(6))
    expected = post.expected(t)
    assert expected.shape == (N, 3) == post.observed.shape
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    share = np.stack([(drawn == k).mean(axis=0) for k in range(3)], axis=1)
    assert np.abs(share - expected).max() < 4.6 * 0.5 / np.sqrt(4000)
    np.testing.assert_array_equal(post.curves(t), expected.ravel())
    np.testing.assert_array_equal(post.observed.argmax(axis=1), post.data.y)


def test_a_number_added_to_all_classes_changes_nothing_but_the_prior():
    post = make("classes")
    t = np.random.default_rng(5).normal(size=post.ndim)
    moved = t.copy()
    moved[-3:] += 1.3
    assert post.log_likelihood(moved) == pytest.approx(post.log_likelihood(t), rel=1e-12)
    assert post.log_prior(moved) != pytest.approx(post.log_prior(t))


@pytest.mark.parametrize(("likelihood", "outputs"), [(Categorical(3), 2), (StudentT(), 2)])
def test_a_network_of_other_outputs_is_refused(likelihood, outputs):
    needed = likelihood.outputs
    with pytest.raises(RequestError, match=rf"outputs = {outputs}, .* needs {needed}: give .*MLP"):
        Posterior(MLP(1, outputs=outputs), Dataset([0.0, 1.0], [0.0, 1.0]), likelihood)


@pytest.mark.parametrize(
    ("likelihood", "y", "yerr", "said"),
    [
        (Categorical(3), [0.0, 1.0, 3.0], None, "y is 3 at index 2 .* the classes 0 … 2"),
        (Bernoulli(), [0.0, 1.0, 2.0], None, "y is 2 at index 2 .* expects the labels 0 and 1"),
        (Poisson(), [0.0, 1.5, 2.0], None, "y is 1.5 at index 1 .* expects counts"),
        (Poisson(), [0.0, -1.0, 2.0], None, "y is -1 at index 1"),
        (Bernoulli(), [0.0, 1.0, 1.0], np.ones(3), "found errors of y, .* give no yerr"),
    ],
)
def test_targets_of_another_kind_are_refused(likelihood, y, yerr, said):
    net, data = MLP(1, outputs=likelihood.outputs), Dataset(np.arange(3.0), np.array(y), yerr)
    with pytest.raises(RequestError, match=said):
        Posterior(net, data, likelihood)


@pytest.mark.parametrize("wrong", [0, -1.0, "inferred"])
def test_degrees_of_freedom_are_checked(wrong):
    with pytest.raises(RequestError, match="likelihood nu"):
        StudentT(wrong)


def test_what_is_gaussian_alone_says_so():
    post = make("student")
    theta = np.zeros(post.ndim)
    with pytest.raises(RequestError, match="Student's t, ν inferred, σ inferred"):
        post.mse(theta)
    with pytest.raises(RequestError, match="expected a Gaussian one"):
        post.precision()


@pytest.mark.parametrize("name", CASES)
def test_a_run_file_keeps_it(name):
    post = make(name)
    tree = post.to_tree()
    again = Posterior.from_tree(tree, post.data)
    assert again.likelihood == post.likelihood
    about = Description.from_tree(tree)
    assert (about.ndim, about.labels) == (post.ndim, post.labels)


def test_the_prior_of_its_own_parameters():
    """log σ has that of the noise, log(ν/4) a standard normal."""
    post = make("student")
    assert list(post.scales[-2:]) == [3.0, 1.0]
    theta = np.zeros((2, post.ndim))
    theta[1, -2:] = 1.5, 0.4
    gain = np.diff(post.log_prior(theta))[0]
    expected = stats.norm.logpdf([1.5, 0.4], 0, [3, 1]) - stats.norm.logpdf(0, 0, [3, 1])
    assert gain == pytest.approx(expected.sum())
