"""Approximations against closed forms: Laplace, Wasserstein-1, and constant-rate SGD."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import logsumexp

from nnpost.comparison.against import against, noise_floor
from nnpost.comparison.approximation import Curves
from nnpost.comparison.constant_sgd import constant_sgd, descend, rates
from nnpost.comparison.distance import Reference
from nnpost.comparison.laplace import laplace, log_copies
from nnpost.data.dataset import Dataset
from nnpost.network.jacobian import jacobian
from nnpost.network.mlp import MLP
from nnpost.numerics.ranked import wasserstein
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.run import Run
from nnpost.training.maximise import maximise


@pytest.fixture(scope="module")
def linear():
    """A network without a hidden layer, its Gaussian posterior in closed form, and draws of it."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 50)
    yerr = rng.uniform(0.2, 0.6, 50)
    post = Posterior(
        MLP(1), Dataset(x, 2 * x + 1 + yerr * rng.normal(size=50), yerr), Gaussian(1.0),
        GaussianPrior(5.0),
    )  # fmt: skip
    design = np.c_[x, np.ones(50)] / yerr[:, None]
    cov = np.linalg.inv(design.T @ design + np.eye(2) / 25)
    mean = cov @ design.T @ (post.data.y / yerr)
    chain = rng.multivariate_normal(mean, cov, size=(500, 8))
    run = Run(
        post=post, chain=chain, log_prob=post.log_prob(chain), accepted=np.ones(8),
        ensembles=4, discard=0, thin=1, moves="none", start="none", seed=0, seconds=0.0,
        judged=SimpleNamespace(converged=True, ess={"log_prob": 4000.0}),
    )  # fmt: skip
    return SimpleNamespace(post=post, cov=cov, mean=mean, reference=Reference.of(run, mean, None))


def test_laplace_is_exact_for_a_linear_network(linear):
    found = laplace(linear.post, linear.mean)
    np.testing.assert_allclose(found.covariance, linear.cov, rtol=1e-10)
    exact = OutputLayer(linear.post).log_prob(np.empty((1, 0)))[0]
    assert found.log_z == pytest.approx(exact, abs=1e-9)
    draws = found.draw(20_000)
    np.testing.assert_allclose(np.cov(draws.T), linear.cov, rtol=0.05, atol=1e-4)
    x = np.array([[-3.0], [0.2]])
    np.testing.assert_allclose(
        found.linearised(linear.post, draws[:5], x), linear.post.predict(draws[:5], x), atol=1e-12
    )


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(3,), (3, 2)])
def test_the_jacobian_is_that_of_autograd(activation, hidden):
    post = Posterior(
        MLP(2, hidden, activation), Dataset(np.zeros((4, 2)), np.zeros(4)), Gaussian("infer")
    )
    theta = torch.from_numpy(np.random.default_rng(1).normal(size=(1, post.ndim)))
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 2)))
    slow = torch.autograd.functional.jacobian(lambda t: post.net.forward(t, x), theta[0])
    np.testing.assert_allclose(jacobian(post.net, theta, x)[0].T, slow, atol=1e-12)


def test_laplaces_evidence_with_inferred_noise_is_near_the_integral():
    rng = np.random.default_rng(3)
    x = np.linspace(-1, 1, 200)
    data = Dataset(x, x - 0.3 + 0.5 * rng.normal(size=200))
    post = Posterior(MLP(1), data, Gaussian("infer"), GaussianPrior(3.0))
    layer, top = OutputLayer(post), maximise(post, np.zeros(3))
    peak = layer.log_prob(top.theta[None, -1:])[0]
    area, _ = integrate.quad(
        lambda s: math.exp(layer.log_prob(np.array([[s]]))[0] - peak), -2, 1, points=[top.theta[-1]]
    )
    # The integral over log σ is not quite a Gaussian: 200 points leave about 1/200.
    assert laplace(post, top.theta).log_z == pytest.approx(peak + math.log(area), abs=0.02)


def test_copies_count_with_their_own_prior():
    tanh = Posterior(MLP(1, (3,), "tanh"), Dataset([0.0], [0.0]), MSE(), GaussianPrior(2.0))
    theta = np.random.default_rng(0).normal(size=10)
    assert log_copies(tanh, theta) == pytest.approx(math.log(48))
    one = Posterior(MLP(1, (1,)), Dataset([0.0], [0.0]), MSE(), GaussianPrior(2.0))
    w = np.array([1.0, 2.0, 3.0, 0.5])
    flipped = np.array([-1.0, -2.0, -3.0, 3.5])
    by_hand = logsumexp(one.log_prior(np.stack([w, flipped]))) - one.log_prior(w)
    assert log_copies(one, w) == pytest.approx(by_hand)


def test_laplace_agrees_with_laplace_torch():
    package = pytest.importorskip("laplace")
    post = Posterior(
        MLP(1, (2,), "tanh"), Dataset(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20) ** 2),
        Gaussian(0.3), GaussianPrior(2.0),
    )  # fmt: skip
    theta = np.random.default_rng(0).normal(size=post.ndim)
    other = package.Laplace(
        post.net.to_torch(theta), "regression", subset_of_weights="all", hessian_structure="full",
        sigma_noise=0.3, prior_precision=0.25,
    )  # fmt: skip
    points = torch.utils.data.TensorDataset(post.points.x, post.points.y[:, None])
    other.fit(torch.utils.data.DataLoader(points, batch_size=20))
    np.testing.assert_allclose(
        laplace(post, theta).covariance, other.posterior_covariance.numpy(), rtol=1e-6
    )


# Wasserstein-1


def test_wasserstein_is_scipys():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(7, 3)), 1 + 2 * rng.normal(size=(12, 3))
    slow = [stats.wasserstein_distance(one[:, k], other[:, k]) for k in range(3)]
    np.testing.assert_allclose(wasserstein(np.sort(one.T), np.sort(other.T)), slow)
    np.testing.assert_allclose(wasserstein(np.sort(one.T), np.sort(one.T) + 0.3), 0.3)


def test_what_is_exact_lies_at_the_noise_floor_and_what_is_not_lies_above(linear):
    reference, exact = linear.reference, laplace(linear.post, linear.mean)
    same = against(reference, Curves("exact", linear.post.predict(exact.draw(1000), reference.x)))
    for part in ("inside", "outside"):
        floor = same.numbers[f"floor_{part}"]
        assert 0 < same.numbers[f"w1_{part}"].value < 2 * floor.value
        assert same.numbers[f"mean_{part}"].value < 0.15
        assert same.numbers[f"width_{part}"].value == pytest.approx(1, abs=0.1)
    theta = exact.draw(1000) + np.array([0.0, 1.0]) * np.sqrt(linear.cov[1, 1])
    off = against(reference, Curves("off", linear.post.predict(theta, reference.x)))
    shift = np.sqrt(linear.cov[1, 1])
    found = off.numbers["w1_inside"]
    assert found.value == pytest.approx(shift, abs=4 * found.error + 0.05 * shift)
    assert found.value > 5 * off.numbers["floor_inside"].value


def test_the_floor_falls_with_the_number_of_draws(linear):
    few, many = (noise_floor(linear.reference, size)["floor_inside"] for size in (10, 1000))
    assert few.value > 3 * many.value


# Constant-rate SGD


@pytest.fixture(scope="module")
def regression():
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    y = x - 0.5 + 0.5 * rng.normal(size=400)
    return Posterior(MLP(1), Dataset(x, y), Gaussian(0.5), GaussianPrior(5.0))


def point_gradients(post, theta):
    """∇ of −log p of every point, with its share of the prior, by autograd: (n, P)."""
    rows = []
    for x, y in zip(post.data.x, post.data.y, strict=True):
        one = Posterior(post.net, Dataset(x[None], y[None]), post.likelihood, post.prior)
        leaf = torch.tensor(theta, requires_grad=True)
        share = one.prior.scales(post.net.kinds, post.likelihood.infers_noise)
        sse = (one.points.y - post.net.forward(leaf[None], one.points.x)).square().sum()
        tau = math.exp(-2 * theta[-1]) if post.likelihood.infers_noise else None
        if tau is None:
            loss = sse * post.likelihood.precision(post.data.n) / 2
        else:
            loss = sse * torch.exp(-2 * leaf[-1]) / 2 + leaf[-1]
        loss = loss + (leaf**2 / torch.tensor(share) ** 2).sum() / 2 / post.data.n
        rows.append(torch.autograd.grad(loss, leaf)[0].numpy())
    return np.array(rows)


@pytest.mark.parametrize("likelihood", [Gaussian(0.5), Gaussian("infer"), MSE()])
def test_the_rate_is_that_of_theorem_1(likelihood):
    rng = np.random.default_rng(6)
    data = Dataset(rng.normal(size=30), rng.normal(size=30))
    post = Posterior(MLP(1, (2,), "tanh"), data, likelihood, GaussianPrior(2.0))
    theta = rng.normal(size=post.ndim)
    gradients = point_gradients(post, theta)
    trace = np.trace(np.cov(gradients.T, bias=True))
    best, _ = rates(post, theta, 8)
    assert best == pytest.approx(2 * 8 / 30 * post.ndim / trace)


def test_late_sgd_has_the_stationary_covariance_of_the_theory(regression):
    # θ' = θ − ε(A θ + noise/√S): Σ = (I − εA) Σ (I − εA) + ε² C/S, at the maximum.
    post, top = regression, maximise(regression, np.zeros(2)).theta
    rate, batch = rates(post, top, 32)[0], 32
    c = np.cov(point_gradients(post, top).T, bias=True)
    design = np.c_[post.data.x, np.ones(400)]
    step = np.eye(2) - rate * (design.T @ design / 0.25 + np.eye(2) / 25) / 400
    noise = rate**2 * c / batch
    sigma = np.zeros((2, 2))
    for _ in range(2000):
        sigma = step @ sigma @ step + noise
    kept = np.concatenate([descend(post, top, rate, batch, seed) for seed in range(2)])
    # 2 × 2,000 steps with a correlation time of some ten steps.
    np.testing.assert_allclose(np.cov(kept.T), sigma, rtol=0.3, atol=0.15 * sigma.max())
    np.testing.assert_allclose(kept.mean(axis=0), top, atol=0.3 * np.sqrt(sigma.max()))


def test_a_rate_that_would_run_away_is_held_back():
    x = np.linspace(-5, 5, 100)
    noise = 0.1 * np.random.default_rng(0).normal(size=100)
    post = Posterior(MLP(1), Dataset(x, x + noise), MSE(), GaussianPrior(30.0))
    found = constant_sgd(post, maximise(post, np.zeros(2)).theta)
    curvature = 2 / 100 * np.mean(x**2) + 1 / 900 / 100
    assert found.rate == pytest.approx(1 / curvature, rel=1e-6)
    assert found.best_rate > 10 * found.rate
    assert np.isfinite(found.theta).all()
