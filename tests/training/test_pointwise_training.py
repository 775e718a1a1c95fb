"""Training on likelihoods that are not Gaussian: the loss, its minimum, and the maxima."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import gammaln

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.likelihoods.heteroscedastic import Heteroscedastic
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training.maximise import tops_from
from nnpost.training.train import train


def classes(n=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return Dataset(x, (rng.random(n) < 1 / (1 + np.exp(-(x @ [1.0, -2.0] + 0.5)))) * 1.0)


def counts(n=60, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return Dataset(x, rng.poisson(np.exp(0.8 + 0.5 * x)).astype(float))


def formula(likelihood, data):
    """−log L of a linear network by numpy, as a function of theta."""
    design, y = np.column_stack([data.x, np.ones(data.n)]), data.y

    def loss(theta):
        f = design @ theta
        if isinstance(likelihood, Bernoulli):
            return np.logaddexp(0, np.where(y == 1, -f, f)).sum()
        return (np.exp(f) - y * f + gammaln(y + 1)).sum()

    return loss


@pytest.mark.parametrize(("likelihood", "data"), [(Bernoulli(), classes()), (Poisson(), counts())])
def test_restarts_and_maxima_of_a_linear_network_are_the_one_there_is(likelihood, data):
    """The likelihood is concave, so scipy's minimum is the only one."""
    post = Posterior(MLP(data.inputs), data, likelihood, GaussianPrior(2.0))
    fits = train(post, restarts=6, epochs=400, lr=0.05)
    loss = formula(likelihood, data)
    start = np.zeros(post.ndim)
    least = minimize(loss, start, tol=1e-12)
    lowest = minimize(lambda t: loss(t) + 0.125 * t @ t, start, tol=1e-12)
    assert fits.mle.converged
    assert fits.map.converged
    np.testing.assert_allclose(fits.mle.theta, least.x, atol=1e-5)
    np.testing.assert_allclose(fits.map.theta, lowest.x, atol=1e-5)
    assert fits.sgd.misfit == likelihood.loss_name
    assert fits.mle.mse == pytest.approx(least.fun / data.n, rel=1e-9)
    np.testing.assert_allclose(fits.mse, least.fun / data.n, rtol=1e-4)
    np.testing.assert_allclose(fits.loss[-1], fits.mse, rtol=1e-10)


@pytest.mark.parametrize("likelihood", [StudentT(), Heteroscedastic(), Gaussian("infer")])
def test_on_scaled_data_curves_end_at_the_loss_of_the_end(likelihood):
    """−log L/n stays as it is, and a mean square is in units of the file; that of points that are
    not fitted is by the densities of each."""
    rng = np.random.default_rng(3)
    x = rng.uniform(100, 200, 50)
    raw = Dataset(x, 7 * x + 40 * rng.standard_normal(50))
    data, more = raw.scaled(Scaling.of(raw, "standard")).split(0.8)
    net = MLP(1, (2,), "tanh", outputs=getattr(likelihood, "outputs", 1))
    post = Posterior(net, data, likelihood)
    fits = train(post, restarts=3, epochs=20, validation=more)
    np.testing.assert_allclose(fits.loss[-1], fits.mse, rtol=1e-10)
    np.testing.assert_allclose(fits.mse, post.loss(fits.theta), rtol=1e-10)
    if post.gaussian:
        held_out = ((post.predict(fits.theta, more.raw.x) - more.raw.y) ** 2).mean(axis=1)
    else:
        held_out = -post.pointwise_log_likelihood(fits.theta, more).mean(axis=1)
    np.testing.assert_allclose(fits.validation_loss[-1], held_out, rtol=1e-10)


def test_a_step_of_sgd_is_a_step_of_torchs_loss():
    data = classes(12)
    post = Posterior(MLP(2, (3,), "tanh"), data, Bernoulli())
    start, lr = post.net.initial(3, seed=7), 0.3
    fits = train(post, restarts=3, epochs=1, lr=lr, optimizer="sgd", seed=7)
    for theta, end in zip(start, fits.theta, strict=True):
        module = post.net.to_torch(theta)
        f = module(torch.tensor(data.x))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(f, torch.tensor(data.y))
        loss.backward()
        slope = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
        np.testing.assert_allclose(end, theta - lr * slope.numpy(), rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_restart_does_not_depend_on_the_others(batch_size):
    data = counts(30)
    post = Posterior(MLP(1, (2,), "tanh"), data, StudentT())
    many = train(post, restarts=5, epochs=20, batch_size=batch_size)
    few = train(post, restarts=2, epochs=20, batch_size=batch_size)
    np.testing.assert_allclose(many.theta[:2], few.theta, rtol=1e-12)
    assert (many.theta[:, -2:] != many.theta[0, -2:]).any()  # its own parameters are trained, too


def test_no_draw_of_others_is_higher_than_the_maximum():
    """Student's t, all parameters inferred: above every point near it, and found from each top."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, 50)
    data = Dataset(x, np.sin(2 * x) + 0.1 * rng.standard_t(2, 50))
    post = Posterior(MLP(1, (2,), "tanh"), data, StudentT(), GaussianPrior(2.0))
    top = train(post, restarts=24, epochs=200).map
    assert top.converged
    near = top.theta + 0.01 * rng.normal(size=(2000, post.ndim))
    assert post.log_prob(near).max() < top.log_prob
    ends, heights = tops_from(post, near[:5])
    np.testing.assert_allclose(heights, top.log_prob, atol=1e-3)
    assert (post.log_prob(ends) == heights).all()


def test_a_loss_of_other_data_is_watched():
    data, held_out = classes(40), classes(20, seed=3)
    post = Posterior(MLP(2), data, Bernoulli())
    fits = train(post, restarts=2, epochs=30, validation=held_out)
    other = Posterior(post.net, held_out, Bernoulli())
    np.testing.assert_allclose(fits.validation_loss[-1], other.loss(fits.theta), rtol=1e-10)


def test_labels_are_refused_where_they_are_only_watched():
    data = classes(40)
    post = Posterior(MLP(2), data, Bernoulli())
    with pytest.raises(RequestError, match="expects the labels 0 and 1"):
        train(post, restarts=2, epochs=3, validation=Dataset(data.x, data.y + 1))
