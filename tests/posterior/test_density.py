"""The three densities of one posterior keep the same promises."""

import numpy as np
import pytest
from scenarios import curve
from scipy.stats import kstest

from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.output_layer import OutputLayer

pytestmark = pytest.mark.usefixtures("each_engine")


def densities(activation, sigma=0.2, bias=True, skip=False):
    post = curve(units=2, activation=activation, sigma=sigma, bias=bias, skip=skip)
    layer = OutputLayer(post)
    return {"full": post, "collapsed": layer, "folded": FoldedPosterior(layer)}


@pytest.mark.parametrize("name", densities("tanh"))
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("bias", "skip"), [(True, False), (False, False), (True, True)])
def test_a_point_completed_and_split_is_itself(activation, name, bias, skip):
    """And both log densities that come with it are right."""
    found = densities(activation, bias=bias, skip=skip)
    post, density = (found[key] for key in ("full", name))
    rng = np.random.RandomState(0)
    x = density.split(rng.standard_normal((40, post.ndim)))
    for known in (None, density.log_prob(x)):
        drawn = density.complete(x, rng, known)
        np.testing.assert_array_equal(density.split(drawn.theta), x)
        np.testing.assert_allclose(drawn.density, density.log_prob(x), rtol=1e-12)
        np.testing.assert_allclose(drawn.log_prob, post.log_prob(drawn.theta), rtol=1e-12)
    np.testing.assert_allclose(density.log_prob_and_grad(x)[0], drawn.density, rtol=1e-12)


@pytest.mark.parametrize("name", densities("tanh"))
@pytest.mark.parametrize("sigma", [0.2, "infer"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize(("bias", "skip"), [(True, False), (False, False), (True, True)])
def test_gradients_are_finite_differences(activation, sigma, name, bias, skip):
    found = densities(activation, sigma, bias, skip)
    post, density = (found[key] for key in ("full", name))
    x = density.split(np.random.RandomState(2).standard_normal((20, post.ndim)))
    _, grad = density.log_prob_and_grad(x)
    step = 1e-6 * np.eye(density.ndim)
    beside = np.concatenate([x[:, None] + step, x[:, None] - step], axis=1)
    up, down = density.log_prob(beside.reshape(-1, density.ndim)).reshape(20, 2, -1).swapaxes(0, 1)
    np.testing.assert_allclose(grad, (up - down) / 2e-6, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_outside_its_domain_the_folded_density_is_nothing_and_flat(activation):
    density = densities(activation)["folded"]
    h = np.random.RandomState(3).standard_normal((200, density.ndim))
    inside = density.inside(h)
    assert 0 < inside.sum() < 200
    value, grad = density.log_prob_and_grad(h)
    np.testing.assert_array_equal(value, density.log_prob(h))
    assert (value[~inside] == -np.inf).all()
    assert (grad[~inside] == 0).all()
    everywhere, slopes = density.log_prob_and_grad_anywhere(h)
    np.testing.assert_allclose(everywhere, density.log_prob_anywhere(h), rtol=1e-12)
    np.testing.assert_allclose(slopes[inside], grad[inside], rtol=1e-9, atol=1e-12)
    assert np.isfinite(everywhere).all()
    assert (slopes[~inside] != 0).any(axis=1).all()


@pytest.mark.parametrize("name", densities("tanh"))
def test_split_is_a_copy(name):
    post, density = (densities("tanh")[key] for key in ("full", name))
    theta = np.ones((3, post.ndim))
    density.split(theta)[...] = 7.0
    assert (theta == 1).all()


@pytest.mark.parametrize("name", ["collapsed", "folded"])
def test_what_is_drawn_has_the_posterior_for_its_density(name):
    """Given x the output layer is a Gaussian, the same for all copies of a tanh network: twice the
    fall of log p(θ) from its top is χ² with three degrees of freedom."""
    post, density = (densities("tanh")[key] for key in ("full", name))
    rng = np.random.RandomState(1)
    x = np.repeat(density.split(rng.standard_normal((1, post.ndim))), 5000, axis=0)
    drawn = density.complete(x, rng)
    fall = 2 * (drawn.log_prob.max() - drawn.log_prob)
    assert kstest(fall, "chi2", args=(3,)).pvalue > 1e-3
