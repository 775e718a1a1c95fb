"""What a newcomer adds takes a few lines and no change of the package: CONTRIBUTING.md, tried out.

A toy activation, move, likelihood and prior, each of at most fifteen lines, do all that the ones
that are built in do.
"""

import inspect
import math
from dataclasses import dataclass

import emcee
import numpy as np
import pytest
from scipy import stats
from torch import nn
from torch.nn import functional as F

import nnpost
from nnpost.diagnostics.mixing import effective_size
from nnpost.moves import EnsembleMove
from nnpost.moves.registry import PROPOSALS, make_move
from nnpost.network.mlp import ACTIVATIONS, Activation
from nnpost.network.symmetry import align, copies, fold, group_size, jump
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.prior_density import StudentGroups
from nnpost.posterior.spaces import folded_space, space_of

LINES = 15

# The toys.


def add_mish():
    """z tanh(log(1 + eᶻ)), which has no symmetry: its units can be exchanged and nothing else."""
    ACTIVATIONS["mish"] = Activation("mish", F.mish, nn.Mish, "none")


@dataclass(frozen=True)
class RandomWalk:
    """q = s + scale · N(0, 1), which looks at no other walker and is symmetric."""

    scale: float = 0.7

    def propose(self, s, c, rng):
        return s + self.scale * rng.standard_normal(s.shape), np.zeros(s.shape[:2])


@dataclass(frozen=True)
class Tempered:
    """A Gaussian likelihood of σ to a power: log L = power · log Π N(y; f, σ²)."""

    sigma: float
    power: float
    infers_noise = False

    def precision(self, n, log_sigma=None):
        return self.power / self.sigma**2

    def constant(self, n, tau, log_yerr=0.0):
        return -self.power * (n / 2 * math.log(2 * math.pi * self.sigma**2) + log_yerr)

    def words(self, n, weighted):
        return f"Gaussian, σ = {self.sigma:g}, to the power {self.power:g}"


class WideBiases:
    """N(0, 1), and N(0, 10²) for biases."""

    def scales(self, kinds, infers_noise):
        assert not infers_noise
        return np.where(np.array(kinds) == "biases", 10.0, 1.0)


class Heavy:
    """Everything from Student's t, which no output layer is integrated out of; Cauchy's with 1."""

    def __init__(self, dof):
        self.dof = dof

    def scales(self, kinds, infers_noise):
        return np.full(len(kinds) + infers_noise, 0.7)

    def density(self, kinds, scales, inputs):
        return StudentGroups(scales, np.arange(len(scales)), self.dof)


@pytest.mark.parametrize("toy", [add_mish, RandomWalk, Tempered, WideBiases, Heavy])
def test_toys_are_small(toy):
    written = [line for line in inspect.getsource(toy).splitlines() if line.strip()]
    assert len(written) <= LINES


# An activation.


@pytest.fixture
def mish():
    add_mish()
    yield nnpost.MLP(inputs=1, hidden=(3,), activation="mish")
    del ACTIVATIONS["mish"]


def test_an_activation_computes_and_goes_to_torch_and_back(mish):
    theta, x = np.random.default_rng(0).normal(size=mish.ndim), np.linspace(-2, 2, 9)
    w, b, a, c = theta[:3], theta[3:6], theta[6:9], theta[9]
    z = np.outer(x, w) + b
    expected = (z * np.tanh(np.logaddexp(z, 0))) @ a + c
    post = nnpost.Posterior(mish, nnpost.Dataset(x, x**2))
    np.testing.assert_allclose(post.predict(theta), expected, rtol=1e-12)
    net, back = nnpost.from_torch(mish.to_torch(theta))
    assert net == mish
    np.testing.assert_array_equal(back, theta)


def test_an_activation_without_symmetry_has_exchanges_for_copies(mish):
    rng = np.random.default_rng(1)
    theta, reference = rng.normal(size=(2, mish.ndim))
    post = nnpost.Posterior(mish, nnpost.datasets.parabola(20))
    moved = [fold(mish, theta), align(mish, theta, reference), jump(mish, theta, rng)]
    for copy in (*moved, *copies(mish, theta)):
        np.testing.assert_allclose(post.predict(copy), post.predict(theta), atol=1e-12)
    nearest = min(np.sum((copy - reference) ** 2) for copy in copies(mish, theta))
    assert np.sum((moved[1] - reference) ** 2) == pytest.approx(nearest)
    assert group_size(mish) == len(copies(mish, theta)) == 6


def test_an_activation_is_trained_and_sampled(mish):
    post = nnpost.Posterior(
        mish, nnpost.datasets.parabola(40), nnpost.Gaussian(0.5), nnpost.GaussianPrior(3.0)
    )
    fits = nnpost.train(post, restarts=8, epochs=300, lr=0.03)
    assert fits.sgd.mse < 0.05 * np.var(post.data.y)
    assert fits.map.log_prob > fits.sgd.log_prob
    run = nnpost.sample(post, nsteps=40, start="fits", fits=fits, seed=0)
    np.testing.assert_allclose(run.log_prob[-1], post.log_prob(run.chain[-1]), rtol=1e-9)


# A move.


def test_a_proposal_samples_any_density_of_emcees():
    """A Gaussian whose mean and width are known; walkers are as good as independent after this."""
    mean, sd, walkers, ensembles = np.array([1.0, -2.0]), np.array([0.5, 2.0]), 400, 4

    def log_prob(x):
        return -0.5 * (((x - mean) / sd) ** 2).sum(axis=1)

    move = EnsembleMove(RandomWalk(), ensembles)
    sampler = emcee.EnsembleSampler(walkers, 2, log_prob, moves=move, vectorize=True)
    sampler.random_state = np.random.RandomState(0).get_state()
    sampler.run_mcmc(np.random.default_rng(0).normal(size=(walkers, 2)), 300)
    x = sampler.get_chain()[-1]
    z = (x.mean(axis=0) - mean) / sd * np.sqrt(walkers)
    assert np.abs(z).max() < 4
    np.testing.assert_allclose(x.std(axis=0), sd, rtol=4 / np.sqrt(2 * walkers))


def test_a_proposal_is_a_move_by_its_name(monkeypatch):
    monkeypatch.setitem(PROPOSALS, "random-walk", RandomWalk)
    post = nnpost.Posterior(nnpost.MLP(1), nnpost.datasets.line(10), nnpost.Gaussian(1.0))
    move = make_move(post, "random-walk", ensembles=4, warmup=0)
    sampler = emcee.EnsembleSampler(32, 2, post.log_prob, moves=move, vectorize=True)
    sampler.random_state = np.random.RandomState(0).get_state()
    start = nnpost.closed_form(post).mean + 0.1 * np.random.default_rng(0).normal(size=(32, 2))
    sampler.run_mcmc(start, 20)
    assert 0 < sampler.acceptance_fraction.mean() < 1
    np.testing.assert_allclose(sampler.get_log_prob()[-1], post.log_prob(sampler.get_chain()[-1]))


def test_a_proposal_moves_hidden_layers_while_the_output_layer_is_drawn():
    """In the collapsed space, from exact draws: under noise of σ = 1000 two points say nothing, and
    the posterior is the prior, N(0, 1), which the move must leave as it is."""
    data = nnpost.Dataset(np.array([0.0, 1.0]), np.zeros(2))
    post = nnpost.Posterior(
        nnpost.MLP(1, (2,)), data, nnpost.Gaussian(1e3), nnpost.GaussianPrior(1.0)
    )
    move = EnsembleMove(RandomWalk(), 4, OutputLayer(post))
    sampler = emcee.EnsembleSampler(800, 7, post.log_prob, moves=move, vectorize=True)
    sampler.random_state = np.random.RandomState(0).get_state()
    sampler.run_mcmc(np.random.default_rng(0).normal(size=(800, 7)), 60)
    x = sampler.get_chain()[-1]
    assert np.abs(x.mean(axis=0)).max() * np.sqrt(800) < 4
    np.testing.assert_allclose(x.std(axis=0), 1.0, rtol=4 / np.sqrt(2 * 800))
    np.testing.assert_allclose(sampler.get_log_prob()[-1], post.log_prob(x), rtol=1e-9)


# A likelihood, and a prior.


def test_a_likelihood_is_its_formula():
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola(30), Tempered(0.5, 0.3))
    theta = np.random.default_rng(0).normal(size=(5, post.ndim))
    r = post.data.y - post.predict(theta)
    normal = (-((r / 0.5) ** 2) / 2 - math.log(0.5 * math.sqrt(2 * math.pi))).sum(axis=1)
    np.testing.assert_allclose(post.log_likelihood(theta), 0.3 * normal, rtol=1e-12)
    value, grad = post.log_prob_and_grad(theta)
    np.testing.assert_allclose(value, 0.3 * normal + post.log_prior(theta), rtol=1e-12)
    step = 1e-6 * np.eye(post.ndim)
    up, down = post.log_prob(theta[0] + step), post.log_prob(theta[0] - step)
    np.testing.assert_allclose(grad[0], (up - down) / 2e-6, rtol=1e-4, atol=1e-3)


def test_a_prior_is_its_formula_and_trained_with():
    net, data = nnpost.MLP(1, (2,)), nnpost.datasets.parabola(30)
    post = nnpost.Posterior(net, data, nnpost.Gaussian(1.0), WideBiases())
    theta = np.random.default_rng(0).normal(size=(5, 7))
    scales = np.array([1, 1, 10, 10, 1, 1, 1])
    normal = -((theta / scales) ** 2) / 2 - np.log(scales * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(post.log_prior(theta), normal.sum(axis=1), rtol=1e-12)
    top = nnpost.train(post, restarts=8, epochs=50).map
    _, slope = post.log_prob_and_grad(top.theta)
    assert np.abs(slope * scales).max() < 1e-4


def test_a_prior_of_any_form_is_its_formula_and_summed_over_copies():
    data = nnpost.datasets.parabola(30)
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), data, nnpost.Gaussian(1.0), Heavy(1.0))
    theta = np.random.default_rng(0).normal(size=(5, 7))
    cauchy = -np.log(math.pi * 0.7 * (1 + (theta / 0.7) ** 2))
    np.testing.assert_allclose(post.log_prior(theta), cauchy.sum(axis=1), rtol=1e-12)
    folded = folded_space(space_of(post))
    every = np.logaddexp.reduce(post.log_prob(copies(post.net, theta)), axis=0)
    np.testing.assert_allclose(folded.log_prob(folded.split(theta)), every, rtol=1e-10)


def test_a_prior_of_any_form_is_sampled_in_memory():
    """Two points under noise of σ = 1000 say nothing, and the posterior is the prior: half of the
    draws of each parameter lie within its quartiles, and half above zero. (Ten degrees of
    freedom: in the tails of Cauchy's distribution walkers stay for longer than these steps.)"""
    data = nnpost.Dataset(np.array([0.0, 1.0]), np.zeros(2))
    post = nnpost.Posterior(nnpost.MLP(1), data, nnpost.Gaussian(1e3), Heavy(10.0))
    run = nnpost.sample(post, nsteps=1200, discard=200, start="prior", seed=1)
    assert run.moves == "hmc"
    x = run.chain[run.burnin :] / 0.7
    for half in (abs(x) < stats.t(10).ppf(0.75), x > 0):
        size = effective_size(half.astype(float), run.ensembles)
        assert (abs(half.mean(axis=(0, 1)) - 0.5) < 4.5 * 0.5 / np.sqrt(size)).all()


def test_a_likelihood_is_sampled_in_memory():
    """A line, whose posterior is a Gaussian: mean and widths by the normal equations."""
    data = nnpost.datasets.line(50, noise=1.0)
    post = nnpost.Posterior(nnpost.MLP(1), data, Tempered(1.0, 0.25), nnpost.GaussianPrior(10.0))
    run = nnpost.sample(post, nsteps=500, start="prior", seed=0)
    h = np.column_stack([data.x[:, 0], np.ones(data.n)])
    covariance = np.linalg.inv(0.25 * h.T @ h + np.eye(2) / 100)
    mean, sd = covariance @ (0.25 * h.T @ data.y), np.sqrt(np.diag(covariance))
    draws = len(run.samples)  # independent ones: without a hidden layer all is drawn exactly
    assert np.abs((run.samples.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(draws)
    np.testing.assert_allclose(run.samples.std(axis=0), sd, rtol=4 / np.sqrt(2 * draws))
