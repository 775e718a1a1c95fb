"""Every proposal leaves known targets invariant; a deliberately wrong one does not.

The harness starts many small ensembles from exact draws of a target, moves them, and compares
moments with the truth: a z-test for each moment over independent ensembles. With about 30 moments
a case and 60 cases the bound |z| < 5 has a chance of 1e-3 to fail anywhere if all is right. The
seeds are fixed.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import emcee
import numpy as np
import pytest
import torch
from scenarios import curve
from scipy.stats import chi2

from nnpost.common.errors import RequestError
from nnpost.moves.differential_evolution import DifferentialEvolution
from nnpost.moves.ensemble import EnsembleMove
from nnpost.moves.neuron_de import NeuronDE
from nnpost.moves.neuron_scale import NeuronScale
from nnpost.moves.proposal import halves, others
from nnpost.moves.registry import PROPOSALS, collapsed_proposals
from nnpost.moves.snooker import Snooker
from nnpost.moves.stretch import Stretch
from nnpost.network.neurons import neuron_blocks
from nnpost.posterior.density import Drawn
from nnpost.posterior.output_layer import OutputLayer

ENSEMBLES, STEPS, BOUND = 400, 60, 5.0


@dataclass(frozen=True)
class Target:
    """A mixture of two equal Gaussians at ±shift along the first axis; one if shift is 0."""

    ndim: int
    rho: float = 0.0
    shift: float = 0.0

    @property
    def cov(self):
        return np.full((self.ndim, self.ndim), self.rho) + (1 - self.rho) * np.eye(self.ndim)

    @property
    def centre(self):
        return self.shift * np.eye(self.ndim)[0]

    def draw(self, count, rng):
        signs = rng.choice([-1.0, 1.0], size=(count, 1))
        return (
            rng.multivariate_normal(np.zeros(self.ndim), self.cov, size=count) + signs * self.centre
        )

    def log_prob(self, x):
        precision = np.linalg.inv(self.cov)
        falls = [
            -0.5 * np.sum((x - m) @ precision * (x - m), axis=1)
            for m in (self.centre, -self.centre)
        ]
        return np.logaddexp(*falls)

    def moments(self):
        """Truth of `measure`."""
        second = self.cov + np.outer(self.centre, self.centre)
        return np.r_[np.zeros(self.ndim), second[np.triu_indices(self.ndim)]]


def measure(x):
    """First and second moments, a row for each ensemble: (E, W, d) -> (E, d + d (d+1)/2)."""
    second = np.einsum("ewi,ewj->eij", x, x) / x.shape[1]
    rows, columns = np.triu_indices(x.shape[2])
    return np.concatenate([x.mean(axis=1), second[:, rows, columns]], axis=1)


def largest_z(move, target, seed, width=None, steps=STEPS):
    """Largest |z| of any moment after `steps` steps from exact draws, and the acceptance."""
    rng = np.random.RandomState(seed)
    width = width or 4 * target.ndim
    coords = target.draw(ENSEMBLES * width, rng)
    state = emcee.State(coords, log_prob=target.log_prob(coords))
    model = SimpleNamespace(random=rng, log_prob_fn=target.log_prob)
    taken = 0.0
    for _ in range(steps):
        state, accepted = move.propose(model, state)
        taken += accepted.mean() / steps
    np.testing.assert_allclose(state.log_prob, target.log_prob(state.coords), rtol=1e-10)
    found = measure(state.coords.reshape(ENSEMBLES, width, target.ndim))
    z = (found.mean(axis=0) - target.moments()) / (found.std(axis=0, ddof=1) / np.sqrt(ENSEMBLES))
    return np.abs(z).max(), taken


def proposals(ndim):
    pairs = tuple((2 * k, 2 * k + 1) for k in range(ndim // 2))
    return {name: make() for name, make in PROPOSALS.items()} | {
        "de between modes": DifferentialEvolution(gamma0=1.0, sigma=0.1),
        "unit": NeuronDE(pairs),
        "scale": NeuronScale(pairs),
    }


TARGETS = {
    "gaussian": {},
    "correlated": {"rho": 0.9},
    "bimodal": {"shift": 2.0},
}


@pytest.mark.parametrize("name", proposals(2))
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ndim", [2, 5, 10])
def test_every_proposal_leaves_the_target_invariant(ndim, target, name):
    move = EnsembleMove(proposals(ndim)[name], ENSEMBLES)
    z, accepted = largest_z(move, Target(ndim, **TARGETS[target]), seed=ndim)
    assert 0.01 < accepted < 0.99
    assert z < BOUND


@dataclass(frozen=True)
class WrongStretch(Stretch):
    """The stretch without its Hastings factor."""

    def propose(self, s, c, rng):
        q, factors = super().propose(s, c, rng)
        return q, np.zeros_like(factors)


class WrongScale(NeuronScale):
    """The change of scale without its volume."""

    def propose(self, s, c, rng):
        q, factors = super().propose(s, c, rng)
        return q, np.zeros_like(factors)


class EmceesSnooker(Snooker):
    """The factor of emcee 3.1's DESnookerMove, half of what it should be."""

    def propose(self, s, c, rng):
        q, factors = super().propose(s, c, rng)
        return q, 0.5 * factors


@pytest.mark.parametrize(
    ("wrong", "ndim"),
    [
        (WrongScale(((0, 1),)), 2),
        (WrongStretch(), 2),
        (WrongStretch(), 5),
        (WrongStretch(), 10),
        (EmceesSnooker(), 5),
    ],
)
def test_the_harness_catches_wrong_moves(wrong, ndim):
    z, _ = largest_z(EnsembleMove(wrong, ENSEMBLES), Target(ndim), seed=1)
    assert z > 2 * BOUND


class GaussianLayer:
    """Stands in for OutputLayer: the last two coordinates of a target given the others."""

    def __init__(self, target):
        self.target, self.ndim = target, target.ndim - 2
        cov = target.cov
        self.marginal = Target(self.ndim, target.rho, target.shift) if self.ndim else None
        self.slope = cov[-2:, :-2] @ np.linalg.inv(cov[:-2, :-2])
        self.root = np.linalg.cholesky(cov[-2:, -2:] - self.slope @ cov[:-2, -2:])

    def split(self, theta):
        return theta[..., :-2].copy()

    def log_prob(self, h):
        return self.marginal.log_prob(h)

    def complete(self, h, rng, density=None):
        o = h @ self.slope.T + rng.standard_normal((len(h), 2)) @ self.root.T
        theta = np.concatenate([h, o], axis=1)
        return Drawn(theta, self.log_prob(h), self.target.log_prob(theta))


@pytest.mark.parametrize("name", PROPOSALS)
@pytest.mark.parametrize("target", [{"rho": 0.6}, {"shift": 2.0}], ids=["correlated", "bimodal"])
@pytest.mark.parametrize("ndim", [4, 7, 10])
def test_the_collapsed_move_leaves_the_full_target_invariant(ndim, target, name):
    full = Target(ndim, **target)
    move = EnsembleMove(PROPOSALS[name](), ENSEMBLES, GaussianLayer(full))
    z, accepted = largest_z(move, full, seed=ndim)
    assert 0.01 < accepted < 0.99
    assert z < BOUND


def test_the_harness_catches_a_collapsed_move_that_forgets_the_draws_density():
    full = Target(5)

    class Forgetful(GaussianLayer):
        def complete(self, h, rng, density=None):
            new = super().complete(h, rng)
            return new._replace(density=new.log_prob)

    move = EnsembleMove(Stretch(), ENSEMBLES, Forgetful(full))
    assert largest_z(move, full, seed=2)[0] > 2 * BOUND


def test_the_moves_sample_any_log_density_of_ones_own():
    """Through emcee's own sampler, the first and second moments of a Gaussian."""
    target, rng = Target(3, rho=0.5), np.random.RandomState(6)
    move = EnsembleMove([(Stretch(), 0.6), (Snooker(), 0.4)], 20)
    sampler = emcee.EnsembleSampler(20 * 12, 3, target.log_prob, moves=move, vectorize=True)
    sampler.random_state = rng.get_state()
    sampler.run_mcmc(target.draw(240, rng), 400)
    chain = sampler.get_chain(discard=50).reshape(350, 20, 12, 3)
    found = measure(chain.transpose(1, 0, 2, 3).reshape(20, -1, 3))
    error = found.std(axis=0, ddof=1) / np.sqrt(20)
    assert (abs(found.mean(axis=0) - target.moments()) < BOUND * error).all()
    np.testing.assert_allclose(
        sampler.get_log_prob(flat=True), target.log_prob(sampler.get_chain(flat=True))
    )
    assert move.get_state() == {}


def test_every_weight_counts():
    """A mixture of a proposal that never moves and one that does, 3 to 1."""

    class Still(Stretch):
        def propose(self, s, c, rng):
            return s.copy(), np.zeros(s.shape[:2])

    target, rng = Target(2), np.random.RandomState(7)
    coords = target.draw(40, rng)
    state = emcee.State(coords, log_prob=target.log_prob(coords))
    model = SimpleNamespace(random=rng, log_prob_fn=target.log_prob)
    move, still = EnsembleMove([(Still(), 3.0), (Stretch(), 1.0)], 2), 0
    for _ in range(2000):
        before = state.coords.copy()
        state, _ = move.propose(model, state)
        still += np.array_equal(state.coords, before)
    assert abs(still / 2000 - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 2000)


def test_a_relu_network_of_another_scale_is_the_same_function():
    """Its features are the same but for a factor each, which the output layer takes back."""
    post = curve(units=3, activation="relu", std=50.0)
    assert NeuronScale in [type(proposal) for proposal, _ in collapsed_proposals(post)]
    smooth = collapsed_proposals(curve(units=3, activation="tanh"))
    assert NeuronScale not in [type(proposal) for proposal, _ in smooth]
    layer, rng = OutputLayer(post), np.random.RandomState(0)
    s = rng.standard_normal((1, 50, layer.ndim))
    q, _ = NeuronScale(neuron_blocks(post.net)).propose(s, s[:, :0], rng)
    before, after = (
        post.net.features(torch.from_numpy(h[0]), post.points.x)[:, :3].numpy() for h in (s, q)
    )
    alpha = (q / s)[0][:, :3]  # of the weights; the biases follow
    assert (abs(np.log(alpha)) > 0.01).mean() > 0.9
    np.testing.assert_allclose(after, alpha[..., None] * before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PROPOSALS)
def test_ensembles_never_mix(name):
    """Ensemble e stands at 1000 e: any proposal that uses another's walkers lands far away."""
    rng = np.random.RandomState(0)
    s, c = (1000.0 * np.arange(5)[:, None, None] + rng.standard_normal((5, 8, 3)) for _ in "sc")
    q, _ = PROPOSALS[name]().propose(s, c, rng)
    assert (abs(q - 1000.0 * np.arange(5)[:, None, None]) < 100).all()
    rows = [np.sort(np.concatenate(pair, axis=1)) for pair in halves(40, 5, rng)]
    for pair in rows:
        np.testing.assert_array_equal(pair, np.arange(40).reshape(5, 8))


def test_stretch_and_de_propose_as_emcee_does():
    """Same numbers from the same uniform ones: z from the complement, u ~ 1/√u, γ = 2.38/√2d."""
    rng = np.random.RandomState(3)
    s, c = rng.standard_normal((1, 6, 4)), rng.standard_normal((1, 6, 4))
    q, factors = Stretch().propose(s, c, np.random.RandomState(9))
    uniform = np.random.RandomState(9).random_sample
    source = SimpleNamespace(
        rand=uniform, randint=lambda high, size: (high * uniform(size)).astype(int)
    )
    theirs, theirs_factors = emcee.moves.StretchMove().get_proposal(s[0], [c[0]], source)
    np.testing.assert_allclose(factors[0], theirs_factors, rtol=1e-13)
    np.testing.assert_allclose(q[0], theirs, rtol=1e-12)
    q, _ = DifferentialEvolution(sigma=0.0).propose(s, c, rng)
    steps = (q - s)[0] / (2.38 / np.sqrt(8))
    pairs = (c[0][:, None] - c[0][None]).reshape(-1, 4)
    for step in steps:
        assert np.isclose(pairs, step).all(axis=1).any()


def test_others_are_distinct_and_uniform():
    rng = np.random.RandomState(4)
    c = np.broadcast_to(np.arange(6.0)[None, :, None], (1, 6, 1))
    picks = np.stack(others(c, np.empty((1, 60_000, 1)), rng, 3))[:, 0, :, 0].astype(int)
    assert (np.sort(picks, axis=0)[1:] > np.sort(picks, axis=0)[:-1]).all()
    counts = np.bincount(picks[0] * 36 + picks[1] * 6 + picks[2], minlength=216)
    counts = counts[counts > 0]
    assert len(counts) == 6 * 5 * 4
    statistic = ((counts - 500) ** 2 / 500).sum()
    assert chi2(119).sf(statistic) > 1e-3


def test_unequal_or_odd_ensembles_are_refused():
    rng = np.random.RandomState(0)
    for walkers, ensembles in ((10, 3), (10, 2)):
        with pytest.raises(RequestError, match=f"found {walkers} walkers in {ensembles}"):
            halves(walkers, ensembles, rng)
    with pytest.raises(RequestError, match="needs at least 6"):
        others(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), rng, 3)
