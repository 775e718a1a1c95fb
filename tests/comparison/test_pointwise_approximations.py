"""Laplace and late SGD where the likelihood is not Gaussian: curvatures by differences."""

import numpy as np
import pytest
import torch

from nnpost.common.tensors import as_tensor
from nnpost.comparison.constant_sgd import rates
from nnpost.comparison.laplace import Laplace, laplace
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training.train import train


def make(likelihood):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = {
        Bernoulli: (x[:, 0] + rng.normal(size=30) > 0) * 1.0,
        Categorical: np.digitize(x[:, 0] + rng.normal(size=30), [-0.5, 0.5]) * 1.0,
        StudentT: x[:, 0] + 0.2 * rng.standard_t(3, size=30),
    }[type(likelihood)]
    net = MLP(2, (2,), "tanh", outputs=likelihood.outputs)
    return Posterior(net, Dataset(x, y), likelihood, GaussianPrior(1.0))


LIKELIHOODS = pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(3), StudentT()])


@LIKELIHOODS
def test_the_gaussian_has_the_curvature_at_the_top(likelihood):
    post = make(likelihood)
    top = train(post, restarts=8, epochs=50).map
    assert top.converged
    step = 1e-5 * np.eye(post.ndim)
    slopes = [(post.log_prob_and_grad(top.theta + s * step)[1]) for s in (1, -1)]
    curvature = (slopes[1] - slopes[0]) / 2e-5
    found = np.linalg.inv(laplace(post, top.theta).covariance)
    np.testing.assert_allclose(found, curvature, rtol=1e-4, atol=1e-4)


@LIKELIHOODS
def test_near_its_centre_the_linear_network_is_the_network(likelihood):
    """What is left is of second order: a step a tenth as long leaves a hundredth."""
    post = make(likelihood)
    rng = np.random.default_rng(1)
    centre, x = rng.normal(size=post.ndim), rng.normal(size=(4, 2))
    model, way = Laplace(centre, np.eye(post.ndim), 0.0), rng.normal(size=(3, post.ndim))
    gaps = []
    for size in (1e-2, 1e-3):
        theta = centre + size * way
        gaps.append(np.abs(model.linearised(post, theta, x) - post.curves(theta, x)).max())
    assert gaps[0] < 1e-2
    assert gaps[1] < 0.02 * gaps[0]


@LIKELIHOODS
def test_gradients_of_points_add_up(likelihood):
    post = make(likelihood)
    theta = np.random.default_rng(2).normal(size=(1, post.ndim))
    each = post.sums.each_gradient(as_tensor(theta, "cpu"))
    whole = post.sums.value_and_grad(theta)[1][0]
    torch.testing.assert_close(each.sum(0), torch.from_numpy(whole))
    some = post.sums.some(torch.tensor([3, 5])).value_and_grad(theta)[1][0]
    np.testing.assert_allclose(each[[3, 5]].sum(0).numpy(), some, rtol=1e-10)
    best, largest = rates(post, theta[0], 8)
    assert 0 < best < np.inf
    assert 0 < largest < np.inf
