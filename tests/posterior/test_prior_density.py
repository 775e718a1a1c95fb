"""Priors of heavier tails and of inferred scales against scipy, and against their own mixtures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import nnpost
from nnpost.common.errors import RequestError
from nnpost.network.symmetry import copies
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import ShapedPrior
from nnpost.posterior.spaces import folded_space, space_of
from nnpost.posterior.whole import Whole

STDS = {"input_weights": 2.0, "biases": 3.0, "output_weights": 1.5, "output_bias": 0.7}
NET = nnpost.MLP(2, (3,), "tanh")
INPUT = np.array([0, 1] * 3)  # the input that each of the first weights leaves
KINDS = {"none": [*range(9)], "kind": [0] * 6 + [1] * 3, "input": [*INPUT]}
WEIGHTS, BIASES = np.r_[0:6, 9:12], np.r_[6:9, 12]


NOISE = nnpost.Gaussian(0.5)


def make(prior, likelihood=NOISE, net=NET):
    rng = np.random.default_rng(0)
    data = nnpost.Dataset(rng.normal(size=(15, net.inputs)), rng.normal(size=15))
    return Posterior(net, data, likelihood, prior)


def student(shared, nu=3.0):
    return nnpost.StudentTPrior(STDS, 1.5, nu=nu, shared=shared)


def vectors(size=5, ndim=NET.ndim):
    return 3 * np.random.default_rng(1).normal(size=(size, ndim))


@pytest.mark.parametrize("shared", KINDS)
def test_student_groups_are_scipys_multivariate_t(shared):
    post, theta = make(student(shared)), vectors()
    groups, scales = np.array(KINDS[shared]), post.scales
    weights = WEIGHTS[: len(groups)]
    plain = np.delete(np.arange(NET.ndim), weights)
    expected = stats.norm.logpdf(theta[:, plain], 0, scales[plain]).sum(axis=1)
    for g in np.unique(groups):
        places = weights[groups == g]
        shape = np.diag(scales[places] ** 2)
        expected += stats.multivariate_t(shape=shape, df=3.0).logpdf(theta[:, places])
    np.testing.assert_allclose(post.log_prior(theta), expected, rtol=1e-12)


def test_a_group_is_the_mixture_over_its_scale():
    """∫ Π N(w; 0, λ s²) p(λ) dλ by quadrature, with 1/λ ~ Gamma(ν/2, ν/2)."""
    post, theta = make(student("kind")), vectors(2)
    w = theta[0, :6] / 2.0

    def joint(g):
        gamma = stats.gamma(1.5, scale=1 / 1.5).pdf(g)
        return gamma * np.prod(stats.norm.pdf(w, 0, g**-0.5) / 2.0)

    mixed = np.log(integrate.quad(joint, 0, np.inf)[0])
    other = theta.copy()[:1]
    other[:, :6] = 0.0
    zero = stats.multivariate_t(shape=4 * np.eye(6), df=3.0).logpdf(np.zeros(6))
    found = post.log_prior(theta[:1]) - post.log_prior(other) + zero
    assert found[0] == pytest.approx(mixed, abs=1e-7)


def test_laplace_is_scipys():
    post, theta = make(nnpost.LaplacePrior(STDS)), vectors()
    s = post.scales
    expected = stats.norm.logpdf(theta[:, BIASES], 0, s[BIASES]).sum(axis=1)
    expected += stats.laplace.logpdf(theta[:, WEIGHTS], 0, s[WEIGHTS] / 2**0.5).sum(axis=1)
    np.testing.assert_allclose(post.log_prior(theta), expected, rtol=1e-12)


PRIORS = [*map(student, KINDS), nnpost.LaplacePrior(STDS)]


@pytest.mark.parametrize("hidden", [(3,), (3, 2)])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_the_density_summed_over_copies_is_the_sum_written_out(prior, activation, hidden):
    """Over exchanges and flips of the last hidden layer, of which the prior of c alone tells the
    flips of sigmoid units apart; and its gradient by differences."""
    prior = replace(prior, std={**STDS, "hidden_weights": 1.1} if len(hidden) > 1 else STDS)
    post = make(prior, net=nnpost.MLP(2, hidden, activation))
    folded, theta = folded_space(Whole(post)), vectors(3, post.ndim) / 2
    every = copies(post.net, theta)
    first = post.net.sizes[0] * hidden[0] + hidden[0] if len(hidden) > 1 else 0
    every = every[(every[..., :first] == theta[:, :first]).all(axis=(1, 2))]
    h = folded.split(theta)
    np.testing.assert_allclose(
        folded.log_prob(h), np.logaddexp.reduce(post.log_prob(every), axis=0), rtol=1e-12
    )
    _, grad = folded.log_prob_and_grad_anywhere(h)
    step = 1e-6 * np.eye(post.ndim)
    for row, g in zip(h, grad, strict=True):
        up, down = (folded.log_prob_anywhere(row + s * step) for s in (1, -1))
        np.testing.assert_allclose(g, (up - down) / 2e-6, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("likelihood", [nnpost.Gaussian("infer"), nnpost.StudentT()], ids=str)
@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_gradients_are_autograds_and_differences(prior, likelihood):
    post = make(prior, likelihood)
    theta = vectors(3, post.ndim) / 3
    leaf = torch.tensor(theta, requires_grad=True)
    value = post.prior_density.log_prob(leaf)
    np.testing.assert_allclose(value.detach(), post.log_prior(theta), rtol=1e-12)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    np.testing.assert_allclose(post.prior_density.grad(theta), slope, rtol=1e-10)
    _, grad = post.log_prob_and_grad(theta)
    step = 1e-6 * np.eye(post.ndim)
    for t, g in zip(theta, grad, strict=True):
        difference = (post.log_prob(t + step) - post.log_prob(t - step)) / 2e-6
        np.testing.assert_allclose(g, difference, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("prior", [student("input", 8.0), nnpost.LaplacePrior(STDS)], ids=str)
def test_draws_have_the_density(prior):
    """E[narrower density / density] = 1 over 40,000 draws; variances, and those of sums of two
    squares, which a shared scale makes larger; z below 4.5 each."""
    post = make(prior)
    rng = np.random.RandomState(2)
    t = post.prior_density.draw(40_000, rng)
    stds = {k: 0.8 * v for k, v in STDS.items()}
    narrow = make(
        type(prior)(stds, **({"nu": 9.0, "shared": "input"} if "nu" in str(prior) else {}))
    )
    ratio = np.exp(narrow.log_prior(t) - post.log_prior(t))
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / 200
    square = (t / post.scales) ** 2
    truth = np.ones(NET.ndim)
    if "nu" in str(prior):
        truth[:6] = 8 / 6
        product = square[:, 0] * square[:, 2]  # of one input: E λ² = ν²/((ν−2)(ν−4))
        assert abs(product.mean() - 64 / 24) < 4.5 * product.std() / 200
    assert (abs(square.mean(0) - truth) < 4.5 * square.std(0) / 200).all()


def test_scales_are_drawn_by_their_conditional():
    """Of draws (λ, w), w by its own and λ given w again: the squares 1/λ have their Gamma prior."""
    post, rng = make(student("input")), np.random.RandomState(3)
    assert post.scale_names == ["input_weights 1", "input_weights 2"]
    t = post.prior_density.draw(20_000, rng)
    scales = post.draw_scales(t, np.random.default_rng(4))
    assert scales.shape == (20_000, 2)
    for column in scales.T:
        assert stats.kstest(column**-2.0, stats.gamma(1.5, scale=1 / 1.5).cdf).pvalue > 1e-4
    one = np.tile(t[:1], (20_000, 1))
    given = post.draw_scales(one, np.random.default_rng(5))[:, 0] ** -2.0
    spread = ((t[0, [0, 2, 4]] / 2.0) ** 2).sum()
    exact = stats.gamma((3 + 3) / 2, scale=2 / (3 + spread))
    assert stats.kstest(given, exact.cdf).pvalue > 1e-4
    with pytest.raises(RequestError, match="infers none"):
        make(nnpost.LaplacePrior(1.0)).draw_scales(t, rng)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_they_come_back_from_their_trees(prior):
    post = make(prior)
    again = Posterior.from_tree(post.to_tree(), post.data)
    assert again.prior == prior
    assert isinstance(prior, ShapedPrior)
    assert post.exact_layer == (getattr(prior, "shared", "") == "input")
    assert not post.least_squares
    assert "a Gaussian prior of the output layer, and this is" in post.exact_layer_needs


def test_with_scales_of_inputs_the_output_layer_is_integrated_out():
    """p(y, h) p(o | h, y) = p(y, h, o): log_prob of the space plus the Gaussian of o is the log
    posterior; its gradient by differences; and the map climbs to a top of the posterior."""
    post = make(student("input"), nnpost.Gaussian("infer"))
    layer, rng = space_of(post), np.random.RandomState(0)
    assert isinstance(layer, OutputLayer)
    h = rng.standard_normal((4, layer.ndim))
    drawn, found = layer.draw(h, rng), layer.collapsed(h, post.noise(h))
    np.testing.assert_allclose(drawn.log_prob, post.log_prob(drawn.theta), rtol=1e-12)
    gap = drawn.theta[:, layer.output_index] - found.mean
    root = np.linalg.det(found.cholesky)
    white = (gap[:, None] @ found.cholesky)[:, 0]
    conditional = -0.5 * (white**2).sum(1) + np.log(root) - 0.5 * gap.shape[1] * np.log(2 * np.pi)
    np.testing.assert_allclose(layer.log_prob(h) + conditional, drawn.log_prob, rtol=1e-10)
    _, grad = layer.log_prob_and_grad(h)
    step = 1e-6 * np.eye(layer.ndim)
    for row, g in zip(h, grad, strict=True):
        difference = (layer.log_prob(row + step) - layer.log_prob(row - step)) / 2e-6
        np.testing.assert_allclose(g, difference, rtol=1e-4, atol=1e-3)
    top = nnpost.train(post, restarts=8, epochs=100, lr=0.03).map
    assert top.gradient_norm < 1e-4
    assert top.converged


def test_inputs_of_a_linear_network_have_scales_and_those_of_a_module_none():
    line = make(nnpost.StudentTPrior(2.0, shared="input"), net=nnpost.MLP(2))
    assert line.scale_names == ["output_weights 1", "output_weights 2"]
    module = nnpost.from_module(torch.nn.Linear(2, 1), 2)
    with pytest.raises(RequestError, match='use "kind"'):
        make(nnpost.StudentTPrior(1.0, shared="input"), net=module)
    assert make(nnpost.StudentTPrior(1.0, shared="kind"), net=module).scale_names == ["weight"]
    with pytest.raises(RequestError, match="did you mean 'kind'"):
        nnpost.StudentTPrior(1.0, shared="knid")
