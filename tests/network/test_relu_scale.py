"""ReLU's orbit: the distribution along it by quadrature, and moves that leave a posterior alone."""

from types import SimpleNamespace

import emcee
import numpy as np
import pytest
from scipy.stats import gamma, geninvgauss, kstest

from nnpost.data.dataset import Dataset
from nnpost.moves.copies import JumpMove, OrbitMove
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.network.relu_scale import resample_orbits
from nnpost.numerics.gig import draw_gig
from nnpost.posterior.likelihood import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior

STD = {
    "input_weights": 2.0, "hidden_weights": 1.5, "biases": 0.5, "output_weights": 5.0,
    "output_bias": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("index", [0.0, 0.5, 1.0, 5.5, 50.0, -0.5, -2.5])
@pytest.mark.parametrize(
    ("psi", "chi"), [(1.0, 1.0), (1e-3, 2.0), (10.0, 1e-4), (1e4, 1e3), (200.0, 0.1)]
)
def test_generalised_inverse_gaussian_draws(index, psi, chi):
    """Against its density summed on a grid: 35 cases, each fails with probability 1e-4."""
    draws = draw_gig(index, np.full(20_000, psi), chi, np.random.default_rng(1))
    t = np.log(draws)
    grid = np.linspace(t.min() - np.ptp(t), t.max() + np.ptp(t), 40_001)
    truth = geninvgauss(index, np.sqrt(psi * chi), scale=np.sqrt(chi / psi))
    density = np.exp(truth.logpdf(np.exp(grid)) + grid)
    cdf = np.cumsum(density) / density.sum()
    assert kstest(t, lambda v: np.interp(v, grid, cdf)).pvalue > 1e-4


def test_limits_of_the_generalised_inverse_gaussian():
    rng = np.random.default_rng(2)
    draws = draw_gig(0.5, np.full(20_000, 3.0), 0.0, rng)
    assert kstest(draws, gamma(0.5, scale=2 / 3).cdf).pvalue > 1e-4
    assert np.isnan(draw_gig(0.0, [0.0, 1.0], [1.0, 0.0], rng)).all()
    assert np.isnan(draw_gig(1.0, 0.0, 1.0, rng))
    extreme = draw_gig(0.5, [1e-300, 1e300, 1e-160], [1e300, 1e-300, 1e-160], rng)
    assert (np.isfinite(extreme) & (extreme > 0)).all()


def rescale(net, theta, alpha, unit):
    """The orbit of one unit of the first layer, with indices and nothing of the program."""
    out = np.array(theta)
    d, units, following = net.sizes[:3]
    out[..., unit * d : (unit + 1) * d] *= alpha
    out[..., units * d + unit] *= alpha
    after = units * (d + 1)
    out[..., after + unit : after + units * following : units] /= alpha
    return out


def make(net, n=5, seed=3, sigma=1.0):
    rng = np.random.default_rng(seed)
    std = {k: v for k, v in STD.items() if k in net.kinds}
    data = Dataset(rng.normal(size=(n, net.inputs)), rng.normal(size=n))
    return Posterior(net, data, Gaussian(sigma), GaussianPrior(std))


@pytest.mark.parametrize(
    ("net", "unit"),
    [
        (MLP(1, (2,), "relu"), 1),
        (MLP(3, (2,), "relu"), 0),
        (MLP(1, (2,), "identity"), 0),
        (MLP(1, (1, 2), "relu"), 0),
        (MLP(1, (2, 4), "relu"), 1),
    ],
    ids=str,
)
def test_the_scale_follows_the_posterior_along_the_orbit(net, unit):
    """Density of log α by quadrature of posterior(g θ) |det g|, with g's own determinant.

    Liu & Sabatti 2000: the group's invariant measure is dα/α. Kolmogorov–Smirnov on 4,000 draws
    from one θ; five cases, each fails with probability 1e-4 if all is right.
    """
    post, rng = make(net), np.random.default_rng(4)
    theta = rng.normal(size=net.ndim)
    drawn = resample_orbits(net, np.tile(theta, (4000, 1)), post.scales, rng)
    bias = net.sizes[0] * net.sizes[1] + unit
    grid = np.linspace(-9, 9, 3601)
    places = np.stack([rescale(net, theta, np.exp(t), unit) for t in grid])
    volumes = [abs(np.linalg.det(rescale(net, np.eye(net.ndim), np.exp(t), unit))) for t in grid]
    density = np.exp(post.log_prob(places) - post.log_prob(theta)) * volumes
    cdf = np.cumsum(density) / density.sum()
    assert density[[0, -1]].max() < 1e-6 * density.max()
    log_alpha = np.log(drawn[:, bias] / theta[bias])
    assert kstest(log_alpha, lambda t: np.interp(t, grid, cdf)).pvalue > 1e-4


@pytest.mark.parametrize("hidden", [(3,), (2, 3)], ids=str)
def test_the_function_stays(hidden):
    post, rng = make(MLP(2, hidden, "relu")), np.random.default_rng(5)
    theta = rng.normal(size=(50, post.ndim))
    drawn = resample_orbits(post.net, theta, post.scales, rng)
    assert (drawn != theta)[:, :-1].all()
    np.testing.assert_allclose(post.predict(drawn), post.predict(theta), rtol=1e-9, atol=1e-12)


def test_units_without_a_scale_stay_and_others_keep_theirs():
    post, rng = make(MLP(1, (3,), "relu")), np.random.default_rng(6)
    theta = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 2.0, 0.0, 2.0, 1.0])
    drawn = resample_orbits(post.net, theta, post.scales, rng)
    assert np.isfinite(drawn).all()
    assert (drawn[[0, 3, 6, 7]] == [0, 0, 2, 0]).all()
    np.testing.assert_allclose(drawn[[2, 5]] * drawn[8], 2.0)
    smooth = MLP(1, (3,), "tanh")
    np.testing.assert_array_equal(resample_orbits(smooth, theta, post.scales, rng), theta)


def prior_draws(post, count, rng):
    """Draws of a posterior that is known exactly: the prior, since nothing depends on the data."""
    return post.scales * rng.standard_normal((count, post.ndim))


class Weightless:
    """A likelihood that says nothing, so that the posterior is the prior."""

    infers_noise = False

    def precision(self, n, log_sigma=None):
        return 0.0

    def constant(self, n, tau, log_yerr=0.0):
        return 0.0


MOVED = [(name, (2,)) for name in ACTIVATIONS] + [("relu", (2, 3)), ("sigmoid", (2, 2))]


@pytest.mark.parametrize(("name", "hidden"), MOVED)
@pytest.mark.parametrize("kind", [JumpMove, OrbitMove])
def test_moves_along_symmetries_leave_the_prior_alone(kind, name, hidden):
    """From 20,000 exact draws, after 5 moves every parameter is still N(0, s²), uncorrelated.

    Kolmogorov–Smirnov for every parameter and z-tests of all squares' products: about 500 tests,
    each at 1e-6.
    """
    net = MLP(1, hidden, name)
    std = {k: v for k, v in STD.items() if k in net.kinds}
    post = Posterior(net, Dataset(np.arange(3.0), np.ones(3)), Weightless(), GaussianPrior(std))
    rng = np.random.RandomState(7)
    start = prior_draws(post, 20_000, rng)
    state = emcee.State(start.copy(), log_prob=post.log_prob(start))
    model = SimpleNamespace(random=rng, log_prob_fn=post.log_prob)
    move = JumpMove(net) if kind is JumpMove else OrbitMove(post)
    for _ in range(5):
        state, accepted = move.propose(model, state)
        assert accepted.mean() > 0.1
    np.testing.assert_allclose(state.log_prob, post.log_prob(state.coords), rtol=1e-12)
    z = state.coords / post.scales
    assert min(kstest(column, "norm").pvalue for column in z.T) > 1e-6
    squares = (z**2 - 1) / np.sqrt(2)
    for moments in (z, squares):
        correlation = np.corrcoef(moments.T)[np.triu_indices(post.ndim, 1)]
        assert abs(correlation).max() < 5.5 / np.sqrt(len(z))


def test_jumps_are_always_taken_where_the_prior_is_symmetric():
    rng = np.random.RandomState(8)
    for name, rate in (("tanh", 1.0), ("sigmoid", None)):
        post = make(MLP(1, (2,), name), n=20)
        theta = prior_draws(post, 500, rng)
        state = emcee.State(theta, log_prob=post.log_prob(theta))
        model = SimpleNamespace(random=rng, log_prob_fn=post.log_prob)
        _, accepted = JumpMove(post.net).propose(model, state)
        assert accepted.mean() == 1 if rate else 0.3 < accepted.mean() < 0.9
