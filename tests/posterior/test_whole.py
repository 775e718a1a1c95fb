"""All parameters with the copies summed: against the sum over all copies, one by one."""

import numpy as np
import pytest

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import copies
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.posterior.spaces import folded_space, space_of
from nnpost.posterior.whole import FoldedWhole

SHAPES = [
    *(("sigmoid", (3,), True, False), ("tanh", (3,), True, False), ("relu", (3,), True, False)),
    *(("sigmoid", (2, 2), True, False), ("sigmoid", (3,), True, True)),
    *(("sigmoid", (3,), False, False), ("tanh", (3,), False, True)),
    *(("sigmoid", (2,), True, True, 3), ("tanh", (2,), True, False, 3)),
    ("tanh", (2,), False, True, 2),
]  # activation, hidden layers, biases, a skip, and several outputs
shapes = pytest.mark.parametrize("shape", SHAPES)


def make(activation, hidden, bias=True, skip=False, outputs=1, inputs=2):
    rng = np.random.default_rng(0)
    y = rng.normal(size=15) if outputs == 1 else rng.integers(outputs, size=15)
    likelihood = StudentT() if outputs == 1 else Categorical(outputs)
    data = Dataset(rng.normal(size=(15, inputs)), y)
    stds = {"input_weights": 1.5, "output_weights": 1.2}
    stds |= {"biases": 2.0, "output_bias": 0.7} if bias else {}
    stds |= {"skip_weights": 0.9} if skip else {}
    stds |= {"hidden_weights": 1.1} if len(hidden) > 1 else {}
    net = MLP(inputs, hidden, activation, bias, skip, outputs)
    return Posterior(net, data, likelihood, GaussianPrior(stds))


def last_copies(net, theta):
    """Copies under the group of the last hidden layer alone."""
    if len(net.hidden) == 1:
        return copies(net, theta)
    every = copies(net, theta)
    first = net.sizes[0] * net.hidden[0] + net.hidden[0]
    same = (every[..., :first] == theta[:, :first]).all(axis=(1, 2))
    return every[same]


@shapes
def test_the_density_is_the_sum_over_copies(shape):
    post = make(*shape)
    folded, theta = (
        folded_space(space_of(post)),
        np.random.default_rng(1).normal(size=(5, post.ndim)),
    )
    assert isinstance(folded, FoldedWhole)
    h = folded.split(theta)
    assert folded.inside(h).all()
    every = last_copies(post.net, theta)
    np.testing.assert_allclose(folded.log_size, np.log(len(every)))
    exact = np.logaddexp.reduce(post.log_prob(every), axis=0)
    np.testing.assert_allclose(folded.log_prob(h), exact, rtol=1e-12)
    prior = np.logaddexp.reduce(post.log_prior(every), axis=0)
    np.testing.assert_allclose(folded.log_prior(h), prior, rtol=1e-12)
    for copy in every:
        np.testing.assert_allclose(folded.split(copy), h, atol=1e-12)


@shapes
def test_gradients_are_those_of_finite_differences(shape):
    post = make(*shape)
    folded, theta = (
        folded_space(space_of(post)),
        np.random.default_rng(2).normal(size=(3, post.ndim)),
    )
    h, step = folded.layer.split(theta), 1e-6 * np.eye(post.ndim)
    inside, turn = folded.into_domain(h)
    slopes = turn(folded.log_prob_and_grad_anywhere(inside)[1])
    whole = folded.layer.log_prob_and_grad(h)[1]
    for row, slope, plain in zip(h, slopes, whole, strict=True):
        up, down = (folded.log_prob_anywhere(row + s * step) for s in (1, -1))
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-5, atol=1e-5)
        up, down = (folded.layer.log_prob(row + s * step) for s in (1, -1))
        np.testing.assert_allclose(plain, (up - down) / 2e-6, rtol=1e-5, atol=1e-5)


def test_a_copy_is_drawn_by_its_share():
    """Of 4 patterns of flips, whose posteriors the prior of c tells apart; z below 4.5 each."""
    post = make("sigmoid", (2,))
    folded = folded_space(space_of(post))
    theta = np.random.default_rng(3).normal(size=(1, post.ndim))
    h = np.repeat(folded.split(theta), 20_000, axis=0)
    drawn = folded.complete(h, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.log_prob, post.log_prob(drawn.theta), rtol=1e-12)
    np.testing.assert_allclose(folded.split(drawn.theta), h, atol=1e-12)
    every = copies(post.net, theta)[:, 0]
    share = np.exp(post.log_prob(every) - np.logaddexp.reduce(post.log_prob(every)))
    near = np.abs(drawn.theta[:, None] - every).max(axis=2).argmin(axis=1)
    found = np.bincount(near, minlength=len(every)) / len(h)
    assert np.ptp(share) > 0.05
    assert (np.abs(found - share) < 4.5 * np.sqrt(share * (1 - share) / len(h))).all()


def test_draws_of_the_prior_have_its_density():
    """E[prior of another width / prior] = 1, by 40,000 draws; z below 4.5."""
    post = make("sigmoid", (2,))
    folded = folded_space(space_of(post))
    h = folded.draw_prior(40_000, np.random.RandomState(1))
    assert folded.inside(h).all()
    other = Posterior(post.net, post.data, post.likelihood, _narrower(post))
    ratio = np.exp(folded_space(space_of(other)).log_prior(h) - folded.log_prior(h))
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / 200


def _narrower(post):
    return GaussianPrior({k: 0.8 * v for k, v in post.prior.std.items()}, 2.4)


@shapes
def test_no_vectors_have_no_densities(shape):
    """As where a search begins at draws of a chain, and there is none."""
    folded = folded_space(space_of(make(*shape)))
    none = np.empty((0, folded.ndim))
    value, grad = folded.log_prob_and_grad(none)
    assert (value.shape, grad.shape, folded.log_prob(none).shape) == ((0,), none.shape, (0,))
