"""Gradient moves: exact, reversible, tuned in the warm-up and never after, and resumed bit for bit.

The invariance harness is that of test_moves: z-tests on moments over independent ensembles.
"""

from types import SimpleNamespace

import emcee
import numpy as np
import pytest
from test_moves import BOUND, ENSEMBLES, TARGETS, Target, largest_z

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.moves.differential_evolution import DifferentialEvolution
from nnpost.moves.ensemble import EnsembleMove
from nnpost.moves.hmc import HamiltonianMove, Trajectories
from nnpost.moves.leapfrog import Place, leapfrog
from nnpost.moves.mass_matrix import Learning, NeuronMassMatrix, SideDirections, WalkDirections
from nnpost.moves.microcanonical import _turn, microcanonical
from nnpost.moves.names import uses_gradients
from nnpost.moves.neuron_refresh import NeuronRefresh
from nnpost.moves.registry import GRADIENT_MOVES, collapsed_hamiltonian
from nnpost.moves.step_size import StepSize
from nnpost.moves.stretch import Stretch
from nnpost.network.mlp import MLP
from nnpost.network.neurons import exchangeable
from nnpost.network.symmetry import jump
from nnpost.posterior.density import Drawn
from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample


class Slope:
    """A target of test_moves with its gradient, as a posterior."""

    def __init__(self, target):
        self.target, self.ndim = target, target.ndim
        self.precision = np.linalg.inv(target.cov)

    def log_prob(self, x):
        return self.target.log_prob(x)

    def log_prob_and_grad(self, x):
        falls = [(x - m) @ self.precision for m in (self.target.centre, -self.target.centre)]
        centre = self.target.centre
        depths = [
            -0.5 * np.sum(f * (x - m), axis=1)
            for f, m in zip(falls, (centre, -centre), strict=True)
        ]
        density = np.logaddexp(*depths)
        shares = [np.exp(depth - density)[:, None] for depth in depths]
        return density, -sum(share * fall for share, fall in zip(shares, falls, strict=True))

    def split(self, theta):
        return theta.copy()

    def complete(self, x, rng, density=None):
        return Drawn(x, density, density)


def unit_metric(ndim, make=NeuronMassMatrix):
    """Pairs of coordinates as units, of kinds that differ, and the odd one alone."""
    pairs = [np.arange(ndim - ndim % 2).reshape(-1, 2)] + [np.array([[ndim - 1]])] * (ndim % 2)
    metric = make(pairs, np.linspace(0.7, 1.3, ndim), Learning(kinds=3))
    x = np.random.default_rng(0).standard_normal((40, ENSEMBLES, 1, ndim)) @ tilt(ndim)
    for places in x:
        metric.learn(places, -places * (1 + 2 * (places > 0.5)))
    metric.refresh()
    if ndim > 2:
        assert len(metric.kinds[0].roots) == 3
    return metric


def tilt(ndim):
    return np.eye(ndim) + 0.4 * np.eye(ndim, k=1)


PRECONDITIONERS = {
    "units": (unit_metric, 0.4),
    "walk": (lambda ndim: WalkDirections(), 0.5),
    "side": (lambda ndim: SideDirections(), 0.7),
}


def target_move(target, name, **choices):
    make, step = PRECONDITIONERS[name]
    return HamiltonianMove(Slope(target), make(target.ndim), ENSEMBLES, 0, step, **choices)


def test_the_gradient_of_the_targets_is_right():
    rng = np.random.default_rng(0)
    slope, x = Slope(Target(5, rho=0.5, shift=2.0)), rng.standard_normal((4, 5))
    for i, e in enumerate(1e-6 * np.eye(5)):
        ends = [slope.target.log_prob(x + sign * e) for sign in (1, -1)]
        found = slope.log_prob_and_grad(x)[1][:, i]
        np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


WAYS = [(name, leapfrog) for name in PRECONDITIONERS]
WAYS += [("units", microcanonical), ("walk", microcanonical)]


@pytest.mark.parametrize(("name", "integrator"), WAYS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ndim", [2, 5, 10])
def test_every_gradient_move_leaves_the_target_invariant(ndim, target, name, integrator):
    full = Target(ndim, **TARGETS[target])
    move = target_move(full, name, integrator=integrator)
    z, accepted = largest_z(move, full, seed=ndim, steps=15)
    assert 0.2 < accepted < 0.999
    assert z < BOUND


@pytest.mark.parametrize(("share", "all_move"), [(0.1, True), (0.0, False)])
def test_walkers_whose_place_bears_no_usual_step_move_by_short_ones(share, all_move):
    """The step fits a place a hundred times as wide. One walker of 32 once stayed where it was for
    a whole chain (diabetes of scikit-learn), and the autocorrelation time grew with the chain."""
    target, random = Target(2), np.random.RandomState(0)
    choices = Trajectories(short=share, renewals=0)
    move = HamiltonianMove(Slope(target), unit_metric(2), ENSEMBLES, 0, 50.0, trajectories=choices)
    x = np.random.default_rng(0).standard_normal((8 * ENSEMBLES, 2))
    state, moved = emcee.State(x.copy(), log_prob=target.log_prob(x)), np.zeros(len(x), dtype=bool)
    for _ in range(200):
        state, accepted = move.propose(SimpleNamespace(random=random), state)
        moved |= accepted
    assert moved.all() == all_move


def renewal(ndim, factor=1.5):
    pairs = np.arange(ndim - ndim % 2).reshape(-1, 2)
    return NeuronRefresh(pairs, np.linspace(0.8, factor, pairs.size).reshape(pairs.shape))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ndim", [2, 5, 10])
def test_renewals_leave_the_target_invariant_alone_and_after_trajectories(ndim, target):
    full = Target(ndim, **TARGETS[target])
    z, accepted = largest_z(EnsembleMove(renewal(ndim), ENSEMBLES), full, seed=ndim)
    assert accepted > 0.05
    assert z < BOUND
    move = target_move(full, "units", renewal=renewal(ndim))
    assert largest_z(move, full, seed=ndim, steps=8)[0] < BOUND


def test_the_harness_catches_a_renewal_that_forgets_its_density():
    class Forgetful(NeuronRefresh):
        def propose(self, s, c, rng):
            q, factors = super().propose(s, c, rng)
            return q, 0 * factors

    wrong = Forgetful(renewal(5).blocks, renewal(5).scales)
    assert largest_z(EnsembleMove(wrong, ENSEMBLES), Target(5), seed=1)[0] > 2 * BOUND


@pytest.mark.parametrize("integrator", [leapfrog, microcanonical])
def test_the_harness_catches_a_forgotten_kinetic_energy(integrator):
    def forgetful(*parts):
        end = integrator(*parts)
        return end._replace(kinetic=0 * end.kinetic)

    target = Target(5)
    move = target_move(target, "units", integrator=forgetful)
    assert largest_z(move, target, seed=1, steps=15)[0] > 2 * BOUND


def test_kinds_that_differ_much_are_exact_and_their_chances_must_not_be_forgotten():
    class Forgetful(NeuronMassMatrix):
        def directions(self, s, c, rng):
            return super().directions(s, c, rng)._replace(log_prob=lambda x: np.zeros(x.shape[:2]))

    target = Target(4)
    x = np.random.default_rng(0).standard_normal((40, ENSEMBLES, 1, 4))
    found = {}
    for make in (NeuronMassMatrix, Forgetful):
        metric = make([np.arange(4).reshape(2, 2)], np.ones(4), Learning(kinds=2))
        for places in x:
            left = np.repeat(places[..., ::2] < 0, 2, axis=-1)
            metric.learn(places + np.where(left, -3.0, 3.0), places * np.where(left, 8.0, 0.7))
        metric.refresh()
        move = HamiltonianMove(Slope(target), metric, ENSEMBLES, 0, 0.6)
        found[make] = largest_z(move, target, seed=2, steps=20)[0]
    assert found[NeuronMassMatrix] < BOUND
    assert found[Forgetful] > 2 * BOUND


@pytest.mark.parametrize("ndim", [2, 5])
def test_the_harness_catches_directions_taken_from_the_walkers_that_move(ndim):
    class Own(WalkDirections):
        def directions(self, s, c, rng):
            return super().directions(s, s, rng)

    target = Target(ndim)
    move = HamiltonianMove(Slope(target), Own(), ENSEMBLES, warmup=0, step=0.5)
    assert largest_z(move, target, seed=2, steps=15)[0] > 2 * BOUND


def trajectory(name, ndim=6, integrator=leapfrog):
    """A map (x, p) -> (x, p, kinetic) of one walker along 5 steps on a bimodal target."""
    rng = np.random.RandomState(4)
    slope = Slope(Target(ndim, rho=0.3, shift=1.0))
    c, s = rng.standard_normal((1, 8, ndim)), rng.standard_normal((1, 1, ndim))
    metric = NeuronMassMatrix([np.arange(ndim).reshape(-1, 2)], np.linspace(0.5, 2, ndim))
    b = {"units": metric, "walk": WalkDirections(), "side": SideDirections()}[name].directions(
        s, c, rng
    )

    def follow(x, p):
        density, grad = slope.log_prob_and_grad(x)
        start = Place(x[None], density[None], grad[None])
        step = np.full((1, 1, 1), 0.3)
        end = integrator(start, p[None], step, 5, slope.log_prob_and_grad, b)
        return end.place.x[0], end.p[0], end.kinetic[0]

    return follow, s[0], rng.standard_normal((1, b.size)), b


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_a_trajectory_run_backwards_returns(name):
    follow, x, p, _ = trajectory(name)
    y, q, _ = follow(x, p)
    assert abs(y - x).max() > 0.1
    back, r, _ = follow(y, -q)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(-r, p, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["units", "side"])
def test_a_trajectory_preserves_volume(name):
    """The determinant of the derivative is one; for a side move along its one direction."""
    follow, x, p, b = trajectory(name)
    basis = np.eye(x.shape[1]) if name == "units" else b.push(np.ones((1, 1, 1)))[0]
    size, m = len(basis), p.shape[1]
    columns = []
    for k in range(size + m):
        shift = np.zeros(size + m)
        shift[k] = 1e-6
        ends = [
            np.r_[(y @ np.linalg.pinv(basis))[0], q[0]]
            for y, q, _ in (follow(x + v[:size] @ basis, p + v[size:]) for v in (shift, -shift))
        ]
        columns.append((ends[0] - ends[1]) / 2e-6)
    assert np.linalg.det(np.array(columns)) == pytest.approx(1, abs=1e-6)


def test_a_microcanonical_trajectory_returns_and_its_volume_is_its_kinetic_energy():
    """On the sphere of directions: the determinant in an orthonormal basis of its tangents.

    With a B that is not orthogonal, and by the brute-force derivative of the whole map, log det =
    −kinetic energy gained, so that acceptance with log π − kinetic is Metropolis' for the map.
    """
    follow, x, p, _ = trajectory("units", integrator=microcanonical)
    u = p / np.linalg.norm(p)
    y, v, kinetic = follow(x, u)
    assert abs(y - x).max() > 0.1
    assert abs(kinetic[0]) > 0.05
    back, w, lost = follow(y, -v)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(-w, u, rtol=0, atol=1e-12)
    np.testing.assert_allclose(lost, -kinetic, rtol=0, atol=1e-12)
    d, before, after = x.shape[1], tangents(u[0]), tangents(v[0])
    columns = []
    for shift in 1e-6 * np.eye(2 * d - 1):
        ends = [follow(x + s * shift[:d], u + s * shift[d:] @ before)[:2] for s in (1, -1)]
        (one, first), (other, second) = ends
        columns.append(np.r_[(one - other)[0], after @ (first - second)[0]] / 2e-6)
    assert np.linalg.slogdet(np.array(columns))[1] == pytest.approx(-kinetic[0], abs=1e-6)


def tangents(u):
    """An orthonormal basis (m − 1, m) of what is at right angles to u (m,)."""
    return np.linalg.svd(u[None])[2][1:]


def test_a_turn_is_the_exact_flow_under_a_fixed_gradient():
    """In many small steps of its differential equation, √m from time included elsewhere."""
    rng = np.random.default_rng(0)
    u, g = rng.standard_normal((2, 1, 1, 5))
    u /= np.linalg.norm(u)
    turned, kinetic = _turn(u, np.full((1, 1, 1), 0.7), g)
    v, energy, count = u[0, 0].copy(), 0.0, 20_000
    for _ in range(count):
        middle = v + 0.35 / count * (g[0, 0] - v * (v @ g[0, 0])) / 4
        v = v + 0.7 / count * (g[0, 0] - middle * (middle @ g[0, 0])) / 4
        energy += 0.7 / count * (middle @ g[0, 0])
    np.testing.assert_allclose(turned[0, 0], v, atol=1e-7)
    assert kinetic[0, 0] == pytest.approx(energy, abs=1e-7)


@pytest.mark.parametrize("make", [WalkDirections, SideDirections])
def test_walk_and_side_are_affine_invariant(make):
    """Stretched and sheared coordinates give the same trajectories."""
    rng = np.random.default_rng(5)
    slope, a = Slope(Target(3)), rng.standard_normal((3, 3)) + 2 * np.eye(3)
    s, c = rng.standard_normal((1, 4, 3)), rng.standard_normal((1, 6, 3))

    def stretched(z):
        density, grad = slope.log_prob_and_grad(z @ np.linalg.inv(a))
        return density, grad @ np.linalg.inv(a).T

    ends = []
    for gradient_of, shape in ((slope.log_prob_and_grad, np.eye(3)), (stretched, a)):
        b = make().directions(s @ shape, c @ shape, np.random.RandomState(1))
        p = np.random.default_rng(6).standard_normal((1, 4, b.size))
        density, grad = gradient_of((s @ shape)[0])
        start = Place(s @ shape, density[None], grad[None])
        ends.append(leapfrog(start, p, np.full((1, 1, 1), 0.4), 4, gradient_of, b).place.x)
    np.testing.assert_allclose(ends[0] @ a, ends[1], rtol=1e-9)


# -- networks ----------------------------------------------------------------------------------


def problem(activation="tanh", hidden=(2,), inputs=1, n=25, sigma="infer", std=1.5):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, inputs))
    data = Dataset(x, np.tanh(2 * x[:, 0]) + 0.2 * rng.normal(size=n), name="step")
    return Posterior(MLP(inputs, hidden, activation), data, Gaussian(sigma), GaussianPrior(std))


# A tenth of the usual length, where efficiency is not the point.
SHORT = Trajectories(longest=10, first=10)


def advance(move, post, coords, rng, steps):
    state = emcee.State(coords, log_prob=post.log_prob(coords))
    model = SimpleNamespace(random=rng, log_prob_fn=post.log_prob)
    rows = []
    for _ in range(steps):
        state, _ = move.propose(model, state)
        rows.append((state.coords.copy(), state.log_prob.copy()))
    return [np.array(part) for part in zip(*rows, strict=True)]


def folded(post):
    return FoldedPosterior(OutputLayer(post))


def folded_hamiltonian(post, ensembles):
    density = folded(post)
    metric = NeuronMassMatrix([np.arange(density.ndim)[:, None]], np.ones(density.ndim))
    return HamiltonianMove(density, metric, ensembles, 40, trajectories=SHORT)


STEPS = [(Stretch(), 1.0), (DifferentialEvolution(sigma=0.3), 1.0)]
OVER = {
    "collapsed": lambda post, e: collapsed_hamiltonian(OutputLayer(post), e, 40, SHORT),
    "folded hmc": folded_hamiltonian,
    "full steps": lambda post, e: EnsembleMove(STEPS, e, post),
    "folded steps": lambda post, e: EnsembleMove(STEPS, e, folded(post)),
} | {
    name: lambda post, e, make=make: make(post, e, 40, SHORT)
    for name, make in GRADIENT_MOVES.items()
}


@pytest.mark.parametrize("name", OVER)
def test_a_small_posterior_is_that_of_the_collapsed_stretch(name):
    """z-tests on functions of theta, over ensembles that started in exact (long-run) draws."""
    post, ensembles, width = problem(), 24, 16
    rng = np.random.RandomState(0)
    layer = OutputLayer(post)
    stretch = EnsembleMove(Stretch(3.0), ensembles, layer)
    begin = post.scales * rng.standard_normal((ensembles * width, post.ndim))
    chain, _ = advance(stretch, post, begin, rng, 900)
    move = OVER[name](post, ensembles)
    x = np.array([[-1.0], [0.2], [1.5]])

    def summary(rows):
        what = np.concatenate(
            [post.predict(rows, x), post.log_prob(rows)[..., None], rows[..., -1:]], axis=-1
        )
        by_ensemble = what.reshape(len(rows), ensembles, width, -1).mean(axis=(0, 2))
        return by_ensemble.mean(axis=0), by_ensemble.std(axis=0, ddof=1) / np.sqrt(ensembles)

    truth, its_error = summary(chain[300::4])
    moved, log_prob = advance(move, post, chain[-1].copy(), rng, 120)
    np.testing.assert_allclose(log_prob, post.log_prob(moved), rtol=0, atol=1e-9)
    found, error = summary(moved[40:])
    assert (abs(found - truth) < BOUND * np.hypot(error, its_error)).all()
    assert not np.allclose(found, truth, atol=1e-6)


def test_a_linear_network_has_its_exact_posterior():
    """Without a hidden layer and with given noise the posterior is a Gaussian in closed form."""
    post = problem(hidden=(), inputs=3, sigma=0.5)
    features = np.column_stack([post.data.x, np.ones(post.data.n)])
    cov = np.linalg.inv(features.T @ features / 0.25 + np.eye(4) / 1.5**2)
    mean = cov @ features.T @ post.data.y / 0.25
    rng = np.random.RandomState(1)
    exact = rng.multivariate_normal(mean, cov, size=100 * 8)
    move = GRADIENT_MOVES["hmc"](post, 100, 50)
    chain, _ = advance(move, post, exact, rng, 150)
    z = (chain[50:] - mean).reshape(100, 100, 8, 4)
    for moment, truth in ((z, 0), (z**2, np.diag(cov)), (z[..., :1] * z[..., 1:2], cov[0, 1])):
        by_ensemble = moment.mean(axis=(0, 2))
        error = by_ensemble.std(axis=0, ddof=1) / 10
        assert (abs(by_ensemble.mean(axis=0) - truth) < BOUND * error).all()


def wide(activation="tanh", hidden=(10,)):
    return problem(activation, hidden, inputs=4, n=30, std=1.0)


def test_what_is_tuned_is_frozen_after_the_warm_up():
    post = wide()
    move = collapsed_hamiltonian(OutputLayer(post), 2, warmup=30)
    rng = np.random.RandomState(0)
    coords = post.scales * rng.standard_normal((16, post.ndim))
    tuned = [name for name in move.get_state() if name.startswith(("step_", "root", "extent"))]

    def values(steps):
        advance(move, post, coords, rng, steps)
        return {name: np.array(move.get_state()[name]) for name in tuned}

    begin, end, later = values(0), values(30), values(20)
    for name in ("step_log", "root_0", "root_1"):
        assert (begin[name] != end[name]).any()
    for name in tuned:
        np.testing.assert_array_equal(end[name], later[name])


def test_walkers_lost_in_the_warm_up_come_back_and_none_is_moved_after_it():
    post = wide()
    coords = np.random.default_rng(3).standard_normal((16, post.ndim))
    coords[[2, 9, 12], -1] = -40.0  # log sigma: 1e36 nats below the others
    ends = {}
    for warmup in (20, 0):
        move = collapsed_hamiltonian(OutputLayer(post), 2, warmup)
        chain, ends[warmup] = advance(move, post, coords.copy(), np.random.RandomState(0), 20)
        far = chain[-1][:, -1] < -30
        assert far.sum() == (0 if warmup else 3)
    assert np.ptp(ends[20][-1]) < 1e3 < np.ptp(ends[0][-1])


def test_the_step_size_finds_its_acceptance():
    step = StepSize(np.log([[1e-3], [10.0]]))
    for _ in range(400):
        step.learn(1 / (1 + np.exp(step.log) ** 2))  # 0.8 at a step of 0.5
    step.settle()
    np.testing.assert_allclose(np.exp(step.log), 0.5, rtol=0.1)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(10,), (5, 4), ()])
def test_the_metric_is_the_same_for_every_copy(activation, hidden):
    """Copies of the same walkers teach the same B, so no copy is favoured."""
    post = wide(activation, hidden)
    rng = np.random.default_rng(2)
    x, grad = rng.standard_normal((2, 3, 8, post.ndim))
    parts = exchangeable(post.net, post.ndim)
    assert sorted(np.concatenate([g.ravel() for g in parts])) == list(range(post.ndim))
    copied = [jump(post.net, part, np.random.default_rng(7)) for part in (x, grad)]
    metrics = []
    for pair in ((x, grad), copied):
        metric = NeuronMassMatrix(parts, np.ones(post.ndim), Learning(kinds=1))
        metric.learn(*pair)
        metric.refresh()
        metrics.append([kinds.roots for kinds in metric.kinds])
    for one, other in zip(*metrics, strict=True):
        np.testing.assert_allclose(one @ one.swapaxes(1, 2), other @ other.swapaxes(1, 2))


def test_slopes_of_a_gaussian_teach_its_covariance_kind_by_kind():
    """Blocks of two Gaussians: each kind's B Bᵀ is the inverse of its mean curvature."""
    rng = np.random.default_rng(0)
    covs = [np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([[0.04, 0.0], [0.0, 0.01]])]
    means = np.array([[4.0, 0.0], [-4.0, 0.0]])
    x, grad = np.empty((2, 16, 2, 50, 4))
    for i, (mean, cov) in enumerate(zip(means, covs, strict=True)):
        part = slice(2 * i, 2 * i + 2)
        x[..., part] = rng.multivariate_normal(mean, cov, size=x.shape[:3])
        grad[..., part] = -(x[..., part] - mean) @ np.linalg.inv(cov)
    metric = NeuronMassMatrix([np.arange(4).reshape(2, 2)], np.ones(4), Learning(kinds=2))
    for places, slopes in zip(x, grad, strict=True):
        metric.learn(places, slopes)
    metric.refresh()
    b = metric.directions(x[0], x[0][:, :0], np.random.RandomState(0))
    for i, cov in enumerate(covs):
        rows = [b.push(np.broadcast_to(e, x[0].shape))[0, 0] for e in np.eye(4)[2 * i : 2 * i + 2]]
        root = np.array(rows)[:, 2 * i : 2 * i + 2].T
        np.testing.assert_allclose(root @ root.T, cov, rtol=0.15, atol=0.1 * cov.max())


def test_push_and_pull_are_transposed():
    rng = np.random.default_rng(3)
    x, p, g = rng.standard_normal((3, ENSEMBLES, 2, 5))
    b = unit_metric(5).directions(x, x[:, :0], np.random.RandomState(0))
    np.testing.assert_allclose((b.push(p) * g).sum(axis=2), (p * b.pull(g)).sum(axis=2))


def test_ensembles_never_mix():
    """A new start for one ensemble changes nothing in the others after the same random numbers."""
    post = wide()
    rng = np.random.default_rng(4)
    coords = rng.standard_normal((24, post.ndim))
    other = coords.copy()
    other[16:] = rng.standard_normal((8, post.ndim))
    layer = OutputLayer(post)
    for preconditioner in (WalkDirections(), SideDirections()):
        ends = []
        for start in (coords, other):
            move = HamiltonianMove(layer, preconditioner, 3, warmup=0, step=0.05)
            ends.append(advance(move, post, start.copy(), np.random.RandomState(5), 2)[0][-1])
        np.testing.assert_allclose(ends[0][:16], ends[1][:16], rtol=1e-9)


def test_a_trajectory_that_leaves_the_floats_is_rejected():
    post = wide()
    move = HamiltonianMove(OutputLayer(post), WalkDirections(), 1, warmup=0, step=1e300)
    coords = np.random.default_rng(0).standard_normal((8, post.ndim))
    chain, log_prob = advance(move, post, coords.copy(), np.random.RandomState(0), 2)
    np.testing.assert_array_equal(chain[-1][:, :50], coords[:, :50])
    assert np.isfinite(log_prob).all()


@pytest.mark.parametrize("moves", ["collapsed", "hmc", "hmc-walk"])
def test_a_run_continued_equals_one_uninterrupted_bit_for_bit(tmp_path, moves):
    """Also where it stops within the warm-up."""
    post = wide()
    settings = {"moves": moves, "start": "prior", "discard": 12, "seed": 3}
    if moves == "hmc-walk":
        settings["ensembles"] = 1
    whole = sample(post, nsteps=30, **settings)
    path = tmp_path / "run.h5"
    sample(post, path, nsteps=13, **settings)
    parts = sample(post, path, nsteps=30, **settings, resume=True)
    np.testing.assert_array_equal(parts.chain, whole.chain)
    np.testing.assert_array_equal(parts.log_prob, whole.log_prob)
    np.testing.assert_allclose(parts.log_prob, post.log_prob(parts.chain), atol=1e-9)


def test_a_move_stopped_in_its_warm_up_goes_on_bit_for_bit():
    post = wide()
    coords = post.scales * np.random.default_rng(1).standard_normal((16, post.ndim))
    whole = collapsed_hamiltonian(OutputLayer(post), 2, warmup=20)
    rng = np.random.RandomState(7)
    chain, _ = advance(whole, post, coords.copy(), rng, 25)
    rng = np.random.RandomState(7)
    one = collapsed_hamiltonian(OutputLayer(post), 2, warmup=20)
    first, _ = advance(one, post, coords.copy(), rng, 9)
    other = collapsed_hamiltonian(OutputLayer(post), 2, warmup=999)
    other.set_state({k: np.array(v) for k, v in one.get_state().items()})
    rest, _ = advance(other, post, first[-1].copy(), rng, 16)
    np.testing.assert_array_equal(np.concatenate([first, rest]), chain)


def test_the_state_of_an_earlier_version_is_refused():
    move = collapsed_hamiltonian(OutputLayer(wide()), 2, warmup=20)
    state = move.get_state()
    del state["extent"]
    with pytest.raises(RequestError, match="tuned by an earlier version"):
        move.set_state(state)


@pytest.mark.parametrize("density", [OutputLayer, folded], ids=["collapsed", "folded"])
def test_an_ensemble_move_goes_on_bit_for_bit(density):
    post = problem()
    coords = post.scales * np.random.default_rng(1).standard_normal((16, post.ndim))
    chains = []
    for stops in ((20,), (9, 11)):
        rng, at, move = np.random.RandomState(7), coords.copy(), None
        parts = []
        for steps in stops:
            fresh = EnsembleMove(STEPS, 2, density(post))
            if move is not None:
                fresh.set_state({k: np.array(v) for k, v in move.get_state().items()})
            rows, _ = advance(fresh, post, at, rng, steps)
            parts.append(rows)
            move, at = fresh, rows[-1].copy()
        chains.append(np.concatenate(parts))
    np.testing.assert_array_equal(*chains)


def test_a_shorter_burn_in_than_the_warm_up_is_refused(tmp_path):
    post, path = wide(), tmp_path / "run.h5"
    sample(post, path, nsteps=20, discard=10, start="prior")
    with pytest.raises(RequestError, match="found 5, expected at least the 10 steps"):
        sample(post, path, nsteps=25, discard=5, start="prior", resume=True)


def test_gradients_are_used_for_many_parameters():
    assert uses_gradients("collapsed", wide())
    assert not uses_gradients("collapsed", problem(hidden=(8,)))
    assert uses_gradients("hmc", problem())
    assert not uses_gradients("hmc-walk", wide())
