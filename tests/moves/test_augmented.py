"""Moves given latent numbers leave the posterior as it is: draws of it, moved, against sums
over a grid. They are resumed bit for bit, and are what "auto" takes.

Draws of the prior, drawn again by their likelihoods, are draws of the posterior; after some steps
their moments are compared with those of a grid. A z of 5 for any of 14 or fewer moments has a
chance of 1e-5.
"""

from types import SimpleNamespace

import emcee
import numpy as np
import pytest

import nnpost
from nnpost.moves.hmc import HamiltonianMove
from nnpost.moves.in_turn import InTurn
from nnpost.moves.mass_matrix import NeuronMassMatrix
from nnpost.moves.names import chosen_moves, uses_gradients
from nnpost.moves.registry import make_move
from nnpost.posterior.augmented_layer import AugmentedLayer, LayerGivenLatents

WALKERS, STEPS, BOUND = 6000, 12, 5.0
X = np.array([-1.5, -0.7, 0.2, 0.9, 1.6, 2.0])
Y = np.array([-0.9, -0.7, 0.3, 3.0, 0.8, 1.1])  # one of them far out
PRIOR = nnpost.GaussianPrior(1.0, log_sigma_std=0.7)
AXIS = np.linspace(-6, 6, 41)
SIGMAS = 0.7 * AXIS


def student(likelihood=None):
    """(w, a, log σ, log ν/4) of one tanh unit without biases."""
    net = nnpost.MLP(1, (1,), "tanh", bias=False)
    return nnpost.Posterior(net, nnpost.Dataset(X, Y), likelihood or nnpost.StudentT(), PRIOR)


def targets():
    """(w, a₁, a₂, log σ₁, log σ₂) of one tanh unit without biases."""
    net = nnpost.MLP(1, (1,), "tanh", bias=False, outputs=2)
    data = nnpost.Dataset(X, np.column_stack([Y, np.cos(X)]), y_names=("u", "v"))
    return nnpost.Posterior(net, data, nnpost.GaussianTargets(2), PRIOR)


def moments_of_student(theta):
    """(..., 4) -> (..., 14): of first and second order."""
    rows, columns = np.triu_indices(4)
    return np.concatenate([theta, theta[..., rows] * theta[..., columns]], axis=-1)


def student_by_grid():
    """The same of the posterior, by the trapezoid rule in four dimensions."""
    post, sums, total = student(), 0.0, 0.0
    rest = np.stack(np.meshgrid(AXIS, SIGMAS, AXIS, indexing="ij"), axis=-1).reshape(-1, 3)
    for w in AXIS:
        theta = np.c_[np.full(len(rest), w), rest]
        z = (Y - theta[:, [1]] * np.tanh(w * X)) * np.exp(-theta[:, [2]])
        nu = 4 * np.exp(theta[:, [3]])
        log_p = student_log_density(z, nu).sum(axis=1) - len(X) * theta[:, 2]
        weight = np.exp(log_p - 0.5 * ((theta / post.scales) ** 2).sum(axis=1))
        total, sums = total + weight.sum(), sums + weight @ moments_of_student(theta)
    return sums / total


def student_log_density(z, nu):
    from scipy.stats import t

    return t.logpdf(z, nu)


def moments_of_targets(theta):
    """(..., 5) -> (..., 9)"""
    w, a, s = theta[..., :1], theta[..., 1:3], theta[..., 3:]
    return np.concatenate([w**2, a**2, a[..., :1] * a[..., 1:], w * a[..., :1], s, s**2], axis=-1)


def targets_by_grid():
    """The same: given w the two targets are independent, on a grid of (a, log σ) each."""
    a, s = np.meshgrid(AXIS, SIGMAS, indexing="ij")
    total, sums = 0.0, 0.0
    for w in AXIS:
        parts = []
        for y in targets().data.y.T:
            r = y - a[..., None] * np.tanh(w * X)
            log_p = -0.5 * (r**2).sum(axis=2) * np.exp(-2 * s) - len(X) * s
            weight = np.exp(log_p - 0.5 * a**2 - 0.5 * (s / 0.7) ** 2)
            parts.append([(weight * of).sum() for of in (1.0, a, a**2, s, s**2)])
        (z1, a1, aa1, s1, ss1), (z2, a2, aa2, s2, ss2) = parts
        found = [w * w * z1 * z2, aa1 * z2, z1 * aa2, a1 * a2, w * a1 * z2,
                 s1 * z2, z1 * s2, ss1 * z2, z1 * ss2]  # fmt: skip
        weight = np.exp(-0.5 * w * w)
        total, sums = total + weight * z1 * z2, sums + weight * np.array(found)
    return sums / total


def draws(post, rng, count=500_000):
    """(WALKERS, P): draws of the prior, drawn again by their likelihoods; and what share of a
    variance they have lost by that."""
    theta = post.prior_density.draw(count, rng)
    log_weight = post.log_likelihood(theta)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return theta[rng.choice(count, size=WALKERS, p=weight)], WALKERS * (weight**2).sum()


def largest_z(post, moments, truth, given=None):
    """Of the moments of moved draws; most of the moves must be accepted."""
    layer, rng = AugmentedLayer(post), np.random.RandomState(0)
    groups = [np.array([[k]]) for k in range(layer.ndim)]
    metric = NeuronMassMatrix(groups, np.full(layer.ndim, 0.7))
    move = HamiltonianMove(
        LayerGivenLatents(layer, np.empty((0, 0))), metric, WALKERS // 2, warmup=0, step=0.4,
        given=given or layer.given,
    )  # fmt: skip
    start, lost = draws(post, rng)
    state = emcee.State(start, log_prob=post.log_prob(start))
    model, taken = SimpleNamespace(random=rng, log_prob_fn=post.log_prob), 0.0
    for _ in range(STEPS):
        state, accepted = move.propose(model, state)
        taken += accepted.mean() / STEPS
    assert 0.5 < taken < 0.99
    np.testing.assert_allclose(state.log_prob, post.log_prob(state.coords), rtol=1e-10)
    found = moments(state.coords)
    error = found.std(axis=0, ddof=1) * np.sqrt((1 + lost) / WALKERS)
    z = (found.mean(axis=0) - truth) / error
    return np.abs(z).max()


@pytest.fixture(scope="module")
def truth():
    return student_by_grid()


def test_students_t_is_left_invariant(truth):
    assert largest_z(student(), moments_of_student, truth) < BOUND


def test_several_targets_are_left_invariant():
    assert largest_z(targets(), moments_of_targets, targets_by_grid()) < BOUND


class WrongLatents(nnpost.StudentT):
    """λ from its prior's shape, ν/2."""

    def draw_latents(self, f, y, yerr, extra, rng):
        nu = 4 * np.exp(extra[:, -1:])
        z = (y - f) * np.exp(-extra[:, :1])
        return rng.standard_gamma(np.broadcast_to(0.5 * nu, f.shape)) / (0.5 * (nu + z**2))


class WrongOrder(LayerGivenLatents):
    """The output layer stays what it was before h moved."""

    def complete(self, x, rng, density=None):
        drawn = super().complete(x, rng, density)
        drawn.theta[:, self.layer.output_index.ravel()] = self.old
        return drawn._replace(log_prob=self.layer.post.log_prob(drawn.theta))


def test_the_harness_catches_latent_numbers_of_another_shape(truth):
    assert largest_z(student(WrongLatents()), moments_of_student, truth) > 2 * BOUND


def test_the_harness_catches_a_layer_that_is_not_drawn_after_h(truth):
    post = student()
    layer = AugmentedLayer(post)

    def given(theta, rng):
        density = WrongOrder(layer, layer.given(theta, rng).latents)
        object.__setattr__(density, "old", theta[:, layer.output_index.ravel()].copy())
        return density

    assert largest_z(post, moments_of_student, truth, given) > 2 * BOUND


def curve(likelihood, hidden=(2,)):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 25))
    y = np.tanh(2 * x) + 0.2 * rng.standard_t(3, 25)
    if isinstance(likelihood, nnpost.GaussianTargets):
        data = nnpost.Dataset(x, np.column_stack([y, x**2]), y_names=("u", "v"))
    else:
        data = nnpost.Dataset(x, y)
    net = nnpost.MLP(1, hidden, "tanh", outputs=likelihood.outputs)
    return nnpost.Posterior(net, data, likelihood, nnpost.GaussianPrior(1.5))


@pytest.mark.parametrize("likelihood", [nnpost.StudentT(), nnpost.GaussianTargets(2)], ids=str)
@pytest.mark.parametrize("start", ["prior", "tempered"])
def test_a_chain_continued_is_the_one_uninterrupted(likelihood, start, tmp_path):
    """With the fresh networks of tempered runs, too."""
    post = curve(likelihood, (1,) if start == "tempered" else (2,))
    whole, part = tmp_path / "whole.h5", tmp_path / "part.h5"
    more = {"ensembles": 2, "seed": 5, "start": start, "discard": 20}
    if start == "tempered":
        more["tempering"] = nnpost.temper(post, 2, particles=200)
        mixed = bool(more["tempering"].mixtures)
        move = make_move(post, "collapsed", 2, 20, more["tempering"].mixtures)
        assert isinstance(move, InTurn) == mixed
    one = nnpost.sample(post, whole, nsteps=40, **more)
    assert one.moves == "collapsed"
    for nsteps in (21, 33, 40):
        two = nnpost.sample(post, part, nsteps=nsteps, resume=nsteps > 21, **more)
    np.testing.assert_array_equal(one.chain, two.chain)
    np.testing.assert_array_equal(one.log_prob, two.log_prob)


def test_who_takes_which_moves():
    for likelihood in (nnpost.StudentT(), nnpost.StudentT(3.0, 1.0), nnpost.GaussianTargets(2)):
        post = curve(likelihood)
        assert chosen_moves("auto", post) == "collapsed"
        assert uses_gradients("collapsed", post)
    nothing_left = curve(nnpost.StudentT(3.0, 1.0), ())
    for other in (nothing_left, curve(nnpost.Heteroscedastic())):
        assert chosen_moves("auto", other) == "hmc"
