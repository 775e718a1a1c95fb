"""Runs by themselves: unbiased on a Gaussian, right on posteriors that mislead; their pieces."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scenarios import curve, quadrature
from scipy.special import logsumexp
from small import hidden_mode

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, RequestError, read_data
from nnpost.moves.registry import exchanged
from nnpost.numerics.student_mixture import StudentMixture
from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.output_layer import OutputLayer
from nnpost.tempering.independent import Independent, independent_run
from nnpost.tempering.particles import PathParticles, Sweeps, Tuned, fresh_units
from nnpost.tempering.path import Path as WayUp
from nnpost.tempering.path import Start
from nnpost.tempering.temper import temper

CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("sigma", [0.2, "infer"])
def test_gradients_belong_to_the_place_and_not_to_its_copy(activation, sigma):
    """At a copy outside D, too, the slopes are finite differences of the values there."""
    post = curve(3, activation, sigma, inputs=2)
    folded = FoldedPosterior(OutputLayer(post))
    rng = np.random.RandomState(0)
    h = rng.standard_normal((6, folded.ndim))
    d = folded.ndim
    mixture = StudentMixture(np.array([0.4, 0.6]), folded.fold(h[:2]), np.stack([np.eye(d)] * 2))
    way = WayUp(Start(folded, mixture, 0.3), folded)
    values, slopes = way.with_slopes(h)
    inside = way.inside(folded.fold(h))
    np.testing.assert_allclose(values.end, inside.end)
    np.testing.assert_allclose(values.start, inside.start)
    for k, step in enumerate(1e-6 * np.eye(d)):
        up, down = (way.with_slopes(h + s)[0] for s in (step, -step))
        for slope, high, low in zip(slopes, up, down, strict=True):
            np.testing.assert_allclose(slope[:, k], (high - low) / 2e-6, rtol=1e-4, atol=1e-4)


def test_the_start_is_a_density_on_the_domain():
    """What is lost of its mass is the part of the mixture that lies outside; draws follow it."""
    folded = FoldedPosterior(OutputLayer(curve(1, "tanh")))
    mixture = StudentMixture(np.ones(1), np.array([[0.5, 1.0]]), np.eye(2)[None])
    start, rng = Start(folded, mixture, 0.4), np.random.RandomState(0)
    side = np.linspace(-60, 60, 2401)
    grid = np.array(list(product(side, side)))
    grid = grid[folded.inside(grid)]
    mass = np.exp(logsumexp(start.log_prob(grid))) * (side[1] - side[0]) ** 2
    q = start.draw(20_000, rng)
    inside = folded.inside(q)
    assert inside.mean() == pytest.approx(mass, abs=0.015)
    near = (grid**2).sum(axis=1) < 4
    share = np.exp(logsumexp(start.log_prob(grid[near]))) * (side[1] - side[0]) ** 2
    assert ((q[inside] ** 2).sum(axis=1) < 4).sum() / len(q) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_sweeps_leave_the_posterior_alone(activation):
    """Exact draws from a grid, moved, still have the same moments, at β = 1 and below it."""
    post = curve(1, activation, sigma=0.5)
    layer = OutputLayer(post)
    folded, rng, size = FoldedPosterior(layer), np.random.RandomState(1), 4000
    mixture = StudentMixture(np.ones(1), np.ones((1, 2)), np.eye(2)[None] * 2)
    start = Start(folded, mixture, 0.5)
    way = WayUp(start, folded)
    w, b = (np.linspace(-6 * s, 6 * s, 1201) for s in post.scales[:2])
    grid = np.stack(np.meshgrid(w, b, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = grid[folded.inside(grid)]
    for beta in (0.4, 1.0):
        log_p = way.inside(grid).at(beta)
        p = np.exp(log_p - logsumexp(log_p))
        cell = np.array([w[1] - w[0], b[1] - b[0]])
        draws = grid[rng.choice(len(grid), size, p=p)] + cell * (rng.random_sample((size, 2)) - 0.5)
        mean = p @ grid
        sd = np.sqrt(p @ (grid - mean) ** 2)
        sweeps = Sweeps()
        tuner = Tuned(exchanged(layer), start.scales, sweeps)
        units = fresh_units(layer, sweeps)
        particles = PathParticles(way, folded.fold(draws), 6, tuner, units, sweeps)
        particles.go_on(np.arange(size), beta)
        assert particles.move(rng) > 0.5
        assert (particles.h != draws).any(axis=1).mean() > 0.9
        np.testing.assert_allclose(particles.values.end, folded.log_prob(particles.h))
        assert (abs(particles.h.mean(axis=0) - mean) < 4.5 * sd / math.sqrt(size)).all()
        assert (abs((particles.h - mean).std(axis=0) / sd - 1) < 0.15).all()


@pytest.mark.parametrize(
    ("activation", "hidden"), [("sigmoid", (2,)), ("sigmoid", (9,)), ("relu", (2, 2))], ids=str
)
def test_moves_leave_all_copies_alone(activation, hidden):
    """Exchanges, flips that are summed and that are not, and several layers: weighted draws of the
    start are the truth, and after eight moves of each kind no mean is 4.5 errors away (one of
    2,000 suites)."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, (10, 1))
    data = Dataset(x, np.sin(2 * x[:, 0]) + 0.3 * rng.standard_normal(10))
    post = Posterior(MLP(1, hidden, activation), data, Gaussian(0.4), GaussianPrior(1.5))
    layer = OutputLayer(post)
    folded, rng = FoldedPosterior(layer), np.random.RandomState(2)
    d, sweeps = folded.ndim, Sweeps()
    means = np.stack([np.full(d, 0.05), np.full(d, 0.7)])
    mixture = StudentMixture(np.array([0.5, 0.5]), means, np.stack([np.eye(d) * 0.8] * 2))
    start = Start(folded, mixture, 0.3)
    way = WayUp(start, folded)
    q = start.draw(60_000, rng)
    values = way.inside(q)
    log_weights = np.full(len(q), -np.inf)
    known = np.isfinite(values.end)
    log_weights[known] = values.at(0.4)[known] - values.start[known]
    p = np.exp(log_weights - logsumexp(log_weights))
    worth = 1 / (p**2).sum()
    size = int(min(3000, worth / 5))

    def seen(h):
        w, b = h[:, folded.blocks[:, 0]], h[:, folded.blocks[:, -1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.tanh(-b / w)
        return np.concatenate([h, h**2, np.abs(w) < 0.2, place], axis=1)

    all_seen = seen(q[known])
    mean = p[known] @ all_seen
    error = np.sqrt(p[known] @ (all_seen - mean) ** 2) * math.sqrt(1 / size + 1 / worth)
    for times in (8, 0):  # with units drawn anew, and by trajectories alone
        units = fresh_units(layer, sweeps)._replace(times=1 if times else 0)
        tuner = Tuned(exchanged(layer), start.scales, sweeps)
        h = q[rng.choice(len(q), size, p=p)]
        particles = PathParticles(way, h, 8, tuner, units, sweeps)
        particles.go_on(np.arange(size), 0.4)
        assert particles.move(rng) > 0.4
        assert folded.inside(particles.h).all()
        assert (np.abs(seen(particles.h).mean(axis=0) - mean) < 4.5 * error).all()


def test_nobody_alive_is_told_and_one_dead_part_adds_nothing(monkeypatch):
    x = np.linspace(-1, 1, 5)
    post = Posterior(MLP(1, (1,), "tanh"), Dataset(x, x * 1e160), Gaussian(1.0), GaussianPrior(1.0))
    with pytest.raises(RequestError, match="none of 16 particles has a posterior density"):
        temper(post, 1, particles=64, start="prior")
    whole, dead = PathParticles.move, []

    def lost(particles, rng):
        share = whole(particles, rng)
        if len(particles.h) == 100 and particles.beta == 1.0 and not dead:
            dead.append(True)  # the first of four parts at its end
            particles.values.end[:] = -np.inf
        return share

    monkeypatch.setattr(PathParticles, "move", lost)
    layer, rng = OutputLayer(curve(1)), np.random.RandomState(0)
    tuning = Independent(pilot=0.5, plenty=1e9)
    found = independent_run(layer, 400, 8, rng, lambda done, text: None, tuning)
    assert (found.parts == -np.inf).tolist() == [True, False, False, False]
    rest = found.parts[1:]
    assert found.log_z == pytest.approx(logsumexp(rest) - math.log(4))


def test_two_layers_start_from_the_prior_and_agree_with_importance_sampling():
    """Two hidden layers of one unit: four dimensions, 400,000 draws of the prior for the truth."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 12)
    data = Dataset(x, np.tanh(2 * x) + 0.3 * rng.standard_normal(12))
    post = Posterior(MLP(1, (1, 1), "tanh"), data, Gaussian(0.5), GaussianPrior(1.5))
    layer = OutputLayer(post)
    h = post.scales[layer.hidden_index] * rng.standard_normal((400_000, layer.ndim))
    weights = layer.log_prob(h) - layer.hidden_prior.log_prob(h)
    truth = logsumexp(weights) - math.log(len(h))
    error = np.exp(weights - truth).std() / math.sqrt(len(h))
    found = temper(post, 4, particles=600, seed=1)
    assert found.start == "prior"
    assert found.log_evidence == pytest.approx(truth, abs=4 * math.hypot(found.error, error) + 0.01)


def three_units():
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (50, 2))
    y = np.sin(1.5 * x[:, 0]) * np.cos(x[:, 1]) + 0.2 * rng.standard_normal(50)
    return Posterior(MLP(2, (3,), "tanh"), Dataset(x, y), Gaussian(0.2), GaussianPrior(3.0))


def sinusoidal(std):
    data = read_data(CASES / "sinusoidal_std.csv", x=["x1"], y="y")
    return Posterior(MLP(1, (2,), "tanh"), data, Gaussian("infer"), GaussianPrior(std))


@pytest.mark.parametrize(
    ("post", "log_z", "within"),
    [
        # 98 % of it in a narrow mode: importance sampling, more than 90,000 effective draws.
        pytest.param(hidden_mode(), -106.477, 0.03, id="a narrow mode beside a broad one"),
        pytest.param(
            three_units(), -40.15, 0.3, id="three units, two inputs", marks=pytest.mark.long
        ),
        pytest.param(sinusoidal(30.0), -87.76, 0.15, id="noise inferred, a broad prior"),
        pytest.param(sinusoidal(1.0), -79.14, 0.05, id="noise inferred"),
    ],
)
def test_evidence_of_posteriors_that_mislead(post, log_z, within):
    found = temper(post, 4, seed=1)
    assert found.start == "both"
    assert found.error < within / 2
    assert found.log_evidence == pytest.approx(log_z, abs=within)


@pytest.mark.long
def test_twenty_two_dimensions():
    """Yacht resistance, standardised: 6 inputs, 3 units, noise inferred. Draws of 0.1.0 lay 95 nats
    below; importance sampling from basins alone, with few effective draws, is near 351.8."""
    data = read_data(CASES / "yacht_std.csv", x=[f"x{k}" for k in range(1, 7)], y="y")
    post = Posterior(MLP(6, (3,), "tanh"), data, Gaussian("infer"), GaussianPrior(1.0))
    found = temper(post, 4, particles=600, seed=2)
    assert found.log_evidence == pytest.approx(352.15, abs=4 * found.error + 0.2)
    assert found.error < 0.3
    best = 427.3  # of the posterior
    assert abs(post.log_prob(found.theta).mean() - (best - post.ndim / 2)) < 5


def test_points_that_do_not_serve_are_given_up(monkeypatch):
    """Points of other data stand for the data: all data are taken instead, and nothing is lost.
    The control goes on with the wrong ones."""
    post = curve(1)
    wrong = Posterior(post.net, Dataset(post.data.x + 4, post.data.y), post.likelihood, post.prior)
    layer = OutputLayer(post)
    monkeypatch.setattr(OutputLayer, "on_quadrature", lambda self: OutputLayer(wrong))

    def log_z(few):
        rng, tuning = np.random.RandomState(0), Independent(few=few)
        return independent_run(layer, 400, 8, rng, lambda done, text: None, tuning).log_z

    truth = quadrature(post)
    assert log_z(0.5) == pytest.approx(truth, abs=0.1)
    assert abs(log_z(0.0) - truth) > 0.3


def test_a_run_tells_how_far_it_is():
    told = []
    layer = OutputLayer(curve(2))
    independent_run(
        layer, 100, 8, np.random.RandomState(0), lambda *said: told.append(said), Independent()
    )
    done = [share for share, _ in told]
    assert done == sorted(done)
    assert done[0] == 0.0
    assert done[-1] == 1.0
    assert told[-1][1].startswith("log Z ")


def test_one_unit_with_the_prior_alone_is_quadrature():
    post = curve(1)
    found = temper(post, 4, particles=1000, seed=1, start="prior")
    assert found.start == "prior"
    assert found.log_evidence == pytest.approx(quadrature(post), abs=0.02)
