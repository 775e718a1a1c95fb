"""Tempered runs against exact evidences, and the pieces that a start from basins is made of."""

import math
import pickle
from dataclasses import replace

import emcee
import numpy as np
import pytest
from emcee.model import Model
from scenarios import curve, quadrature

from nnpost import MLP, MSE, Dataset, Gaussian, GaussianPrior, Posterior, RequestError, datasets
from nnpost.moves.folded import Folded
from nnpost.moves.fresh_networks import FreshNetworks
from nnpost.moves.independence import FoldedIndependence
from nnpost.moves.manifold_mala import ManifoldMALA
from nnpost.moves.neuron_gibbs import Candidates, NeuronGibbs
from nnpost.moves.registry import make_move
from nnpost.numerics.student_mixture import StudentMixture
from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.output_layer import OutputLayer
from nnpost.sampling.sampler import StepRandom
from nnpost.tempering.annealing import Annealing, MixtureParticles, anneal, draw_inside
from nnpost.tempering.basin_hopping import Ascent, Basins, Search, pooled, search, tops_above
from nnpost.tempering.from_basins import FromBasins
from nnpost.tempering.importance import Refined
from nnpost.tempering.result import Tempering
from nnpost.tempering.temper import (
    TemperDetail,
    choose_start,
    temper,
    temper_apart,
    together,
)
from nnpost.tempering.tempered_run import NoBasins, Preference, TemperedRun

FEW = Search(restarts=30, ascent=Ascent(steps=40), hops=2, hoppers=20)


def test_linear_network_is_the_closed_form():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    post = Posterior(MLP(2), Dataset(x, x @ [1.0, -2.0] + 0.5), Gaussian(0.3), GaussianPrior(5.0))
    design = np.c_[x, np.ones(30)]
    cov = 0.09 * np.eye(30) + 25 * design @ design.T
    exact = -0.5 * (
        post.data.y @ np.linalg.solve(cov, post.data.y)
        + np.linalg.slogdet(cov)[1]
        + 30 * math.log(2 * math.pi)
    )
    np.testing.assert_allclose(temper(post, 2, particles=100).log_z, exact, atol=1e-9)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "relu", "identity"])
def test_one_unit_is_quadrature(activation):
    post = curve(1, activation)
    found = temper(post, 4, particles=1000, seed=1)
    assert found.start == "both"
    assert found.log_evidence == pytest.approx(quadrature(post), abs=0.02)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_annealing_from_a_poor_mixture_is_quadrature(activation):
    """Whatever the mixture is: the mean of exp(log Z) over runs from a displaced one."""
    post = curve(1, activation, sigma=0.3)
    folded = FoldedPosterior(OutputLayer(post))
    mixture = StudentMixture(
        np.array([0.7, 0.3]), np.array([[2.0, 1.0], [1.0, -2.0]]), np.stack([np.eye(2)] * 2) * 1.5
    )
    rng = np.random.RandomState(3)
    runs = [anneal(folded, mixture, 400, 2, rng, Annealing()) for _ in range(10)]
    log_z = np.array([run.rungs.log_z for run in runs])
    z = np.exp(log_z - quadrature(post))
    assert abs(z.mean() - 1) < 4 * z.std(ddof=1) / math.sqrt(len(z)) + 0.01
    assert z.std() < 0.5


def exact_draws(post, size, rng):
    """Hidden parts of one unit (size, 2) from a grid, and mean and sd of h and |h|, (4,) each."""
    w, b = (np.linspace(-6 * s, 6 * s, 1201) for s in post.scales[:2])
    grid = np.stack(np.meshgrid(w, b, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(OutputLayer(post).log_prob(grid) - quadrature(post))
    p /= p.sum()
    cell = np.array([w[1] - w[0], b[1] - b[0]])
    draws = grid[rng.choice(len(grid), size, p=p)] + cell * (rng.random_sample((size, 2)) - 0.5)
    exact = np.stack([grid, np.abs(grid)], 1).reshape(len(grid), -1)
    mean = p @ exact
    return draws, mean, np.sqrt(p @ (exact - mean) ** 2)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_leaps_and_sweeps_leave_the_posterior_alone(activation):
    """Exact draws by importance from the prior's grid, moved, still have the same moments."""
    post = curve(1, activation, sigma=0.5)
    layer = OutputLayer(post)
    folded = FoldedPosterior(layer)
    rng, size = np.random.RandomState(1), 4000
    draws, mean, sd = exact_draws(post, size, rng)
    mixture = StudentMixture(np.ones(1), np.ones((1, 2)), np.eye(2)[None] * 2)
    other = mixture.joined(replace(mixture, means=-mixture.means), 0.3)
    for proposal in (
        NeuronGibbs(post, Candidates(20)),
        NeuronGibbs(post, Candidates(20), sharing=3),
        ManifoldMALA(post),
        FoldedIndependence((mixture, other), folded, -np.abs(draws[:20])),
    ):
        h = draws.copy()
        for _ in range(6):
            two = h.reshape(2, -1, 2)  # ensembles
            q, factors = proposal.propose(two, two, rng)
            q = q.reshape(h.shape)
            ratio = factors.ravel() + layer.log_prob(q) - layer.log_prob(h)
            taken = np.log(rng.random_sample(size)) < ratio
            h[taken] = q[taken]
        assert taken.mean() > 0.02
        moments = np.stack([h, np.abs(h)], 1).reshape(size, -1).mean(axis=0)
        assert (abs(moments - mean) < 5 * sd / math.sqrt(size)).all()
    elsewhere = FoldedPosterior(OutputLayer(curve(1, activation, sigma=0.8)))
    for proposal in (
        FreshNetworks((mixture,), elsewhere, 5),
        Folded(NeuronGibbs(post, Candidates(20)), folded),
        Folded(ManifoldMALA(post), folded),
    ):
        h = folded.fold(draws)
        for _ in range(6):
            q, factors = proposal.propose(h[None], h[None], rng)
            ratio = factors[0] + folded.log_prob(q[0]) - folded.log_prob(h)
            taken = np.log(rng.random_sample(size)) < ratio
            moved = taken & (q[0] != h).any(axis=1)
            h[taken] = q[0][taken]
        assert moved.mean() > 0.02
        assert folded.inside(h).all()
        h = folded.unfold(h, rng)
        moments = np.stack([h, np.abs(h)], 1).reshape(size, -1).mean(axis=0)
        assert (abs(moments - mean) < 5 * sd / math.sqrt(size)).all()
    h = folded.fold(draws)
    particles = MixtureParticles(folded, mixture, h, 8, Annealing())
    particles.go_on(np.arange(size), 1.0)
    particles.move(rng)
    np.testing.assert_allclose(particles.posterior, folded.log_prob(particles.h))
    h = folded.unfold(particles.h, rng)
    moments = np.stack([h, np.abs(h)], 1).reshape(size, -1).mean(axis=0)
    assert (abs(moments - mean) < 5 * sd / math.sqrt(size)).all()


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_chains_among_basins_have_the_posterior_of_all_copies(activation):
    """Exact draws of full vectors, moved within the domain, are draws of full vectors again."""
    post = curve(1, activation, sigma=0.5)
    layer, rng = OutputLayer(post), np.random.RandomState(3)
    draws, mean, sd = exact_draws(post, 4000, rng)
    mixture = StudentMixture(np.ones(1), np.ones((1, 2)), np.eye(2)[None] * 2)
    move = make_move(post, "collapsed", 2, 0, mixtures=(mixture, mixture), sharp=True)
    theta = layer.draw(draws, rng).theta
    state = emcee.State(theta, log_prob=post.log_prob(theta), copy=True)
    for _ in range(6):
        state, _ = move.propose(Model(None, None, map, rng), state)
    assert (state.coords != theta).any(axis=1).mean() > 0.5
    np.testing.assert_allclose(state.log_prob, post.log_prob(state.coords))
    h = layer.split(state.coords)
    moments = np.stack([h, np.abs(h)], 1).reshape(len(h), -1).mean(axis=0)
    assert (abs(moments - mean) < 5 * sd / math.sqrt(len(h))).all()


def test_a_chain_among_basins_goes_on_bit_for_bit():
    post, random = curve(2), StepRandom(np.random.RandomState(1).get_state())
    mixture = StudentMixture(np.ones(1), np.ones((1, 4)), np.eye(4)[None] * 2)
    theta = np.random.RandomState(0).standard_normal((16, post.ndim))
    begin = emcee.State(theta, log_prob=post.log_prob(theta))

    def advance(state, steps, known=None):
        move = make_move(post, "collapsed", 2, 0, mixtures=(mixture, mixture), sharp=True)
        if known:
            move.set_state(known)
        state = emcee.State(state, copy=True)
        for step in steps:
            state, _ = move.propose(Model(None, None, map, random.at(step)), state)
        return state, move.get_state()

    whole, _ = advance(begin, range(9))
    half, known = advance(begin, range(4))
    again, _ = advance(half, range(4, 9), known)
    np.testing.assert_array_equal(again.coords, whole.coords)
    np.testing.assert_array_equal(again.log_prob, whole.log_prob)


def test_a_mixture_that_is_never_in_order_is_refused_in_words():
    folded = FoldedPosterior(OutputLayer(curve(2)))
    mixture = StudentMixture(np.ones(1), -np.ones((1, 4)), np.eye(4)[None] * 1e-9)
    assert mixture.log_prob(np.empty((0, 4))).shape == (0,)
    rng = np.random.RandomState(0)
    with pytest.raises(NoBasins, match=r"more than one in 1,000; use temper\.start = 'prior'"):
        draw_inside(folded, mixture, 10, rng)
    with pytest.raises(NoBasins, match=r"none of 0 climbs"):
        search(folded, rng, Search(restarts=0))


def test_the_share_of_a_mixture_inside_its_domain_is_unbiased():
    folded = FoldedPosterior(OutputLayer(curve(2)))
    mixture = StudentMixture(np.ones(1), np.zeros((1, 4)), np.eye(4)[None])
    rng = np.random.RandomState(0)
    shares = [draw_inside(folded, mixture, 10, rng)[1] for _ in range(2000)]
    # Of a symmetric distribution one in 2! 2² copies is inside.
    assert np.mean(shares) == pytest.approx(1 / 8, abs=4 * np.std(shares) / math.sqrt(2000))


def test_tops_are_where_the_slope_vanishes():
    """On long bent ridges, too, where climbs stall that do not know the curvature."""
    folded = FoldedPosterior(OutputLayer(curve(3, "sigmoid", sigma=0.02)))
    start = np.random.RandomState(0).standard_normal((60, folded.ndim)) * 2
    tops = tops_above(folded, start, Ascent())
    value, slope = folded.log_prob_and_grad_anywhere(tops.h)
    np.testing.assert_allclose(tops.log_prob, value, atol=1e-8)
    left = np.linalg.norm(np.einsum("bji,bj->bi", tops.roots, slope), axis=1)
    high = value > value.max() - 10
    assert high.any()
    assert (left[high] < 0.1).all()  # in standard deviations of the ridge
    assert len(tops_above(folded, start[:0], Ascent()).h) == 0


def test_tempering_from_basins_is_tempering_from_the_prior():
    """Two ways without a step in common, on two units: within both standard errors."""
    small = TemperDetail(basins=FromBasins(search=FEW, stages=3))
    post = curve(2, "sigmoid", sigma=0.2)
    one = temper(post, 4, particles=600, seed=3, start="basins", tuning=small)
    two = temper(post, 4, particles=1000, seed=3, start="prior")
    three = temper(post, 4, particles=1000, seed=3, start="both")
    assert (one.start, two.start) == ("basins", "prior")
    assert len(one.mixtures) == 4
    for other in (two, three):
        allowed = 4 * math.hypot(one.error, other.error) + 0.03
        assert one.log_evidence == pytest.approx(other.log_evidence, abs=allowed)
    x = np.linspace(-2, 2, 5)
    f, g = (np.stack([post.predict(e, x).mean(axis=0) for e in t.theta]) for t in (one, two))
    spread = np.hypot(f.std(axis=0), g.std(axis=0)) / math.sqrt(3)
    assert (abs(f.mean(axis=0) - g.mean(axis=0)) < 6 * spread + 0.02).all()
    tree = one.to_tree()
    again = Tempering.from_tree(tree)
    assert again.start == "basins"
    np.testing.assert_array_equal(again.mixtures[3].means, one.mixtures[3].means)


def test_runs_from_basins_are_told_what_the_others_found():
    """All draw from one mixture, which is fitted to the particles of all, stage after stage."""
    post = curve(2, "sigmoid", sigma=0.2)
    few = Search(restarts=12, ascent=Ascent(steps=30, rounds=1), hops=1, hoppers=8)

    def tempered(runs, stages):
        how = TemperDetail(basins=FromBasins(search=few, stages=stages, draws=200))
        return temper(post, runs, particles=200, steps=4, seed=1, start="basins", tuning=how)

    found, alone, short = tempered(3, 2), tempered(1, 2), tempered(3, 1)
    for result in (found, short):
        for mixture in result.mixtures:
            np.testing.assert_array_equal(mixture.means, result.mixtures[0].means)
            np.testing.assert_array_equal(mixture.weights, result.mixtures[0].weights)
    assert not np.array_equal(found.theta[0], found.theta[1])
    first, second, one = (result.mixtures[0].means for result in (short, found, alone))
    assert not np.array_equal(first, second)  # a second stage fits again
    assert not np.array_equal(second, one)  # run 0 alone knows of no other's particles
    np.testing.assert_array_equal(tempered(3, 2).theta, found.theta)


def test_tops_that_several_searches_found_are_kept_once():
    h = np.array([[1.0, 2.0], [1.0, 2.01], [5.0, -3.0]])
    height = np.array([3.0, 4.0, -30.0])
    one = Basins(h, height, np.tile(np.eye(2), (3, 1, 1)), height)
    two = Basins(h[:1] + 3, height[:1] + 2, np.eye(2)[None] * 2, height[:1])
    both = pooled([one, two], Ascent())
    np.testing.assert_array_equal(both.h, [[4.0, 5.0], [1.0, 2.01]])  # best first, none too deep
    np.testing.assert_array_equal(both.log_prob, [5, 4])
    np.testing.assert_array_equal(both.roots[:, 0, 0], [2, 1])


def test_a_run_depends_on_seed_and_number_alone():
    post = curve(1)
    both = temper(post, 2, particles=200, steps=2, seed=4)
    one = temper(post, 1, particles=200, steps=2, seed=4)
    np.testing.assert_array_equal(both.theta[:1], one.theta)
    assert not np.array_equal(both.theta[0], both.theta[1])
    assert not np.array_equal(temper(post, 1, particles=200, steps=2, seed=5).theta, one.theta)


def test_runs_made_apart_are_those_of_one_process():
    """Bit for bit, after a way through other processes, refined and weighed together."""
    post = curve(2, "tanh")
    asked = {"particles": 200, "steps": 2, "seed": 5}
    whole = temper(post, 3, **asked)
    apart = [temper_apart(post, e, **asked) for e in (2, 0, 1)]
    parts = together(post, [pickle.loads(pickle.dumps(apart[i])) for i in (1, 2, 0)])
    assert parts.seconds == pytest.approx(sum(one.seconds for one in apart))
    tree, other = whole.to_tree(), parts.to_tree()
    for name in tree.keys() - {"mixtures", "seconds", "start"}:
        assert np.array_equal(tree[name], other[name], equal_nan=True), name
    assert parts.start == whole.start == "both"
    assert len(tree["mixtures"]) == len(other["mixtures"])
    for e, mixture in tree["mixtures"].items():
        assert all(np.array_equal(mixture[key], other["mixtures"][e][key]) for key in mixture)


def test_runs_from_basins_are_not_made_apart():
    assert temper_apart(curve(2, "tanh"), 0, particles=100, start="basins") is None


def test_a_tempering_comes_back_from_its_tree():
    found = temper(curve(1), 2, particles=200, steps=2)
    again = Tempering.from_tree(found.to_tree())
    assert repr(again) == repr(found)
    np.testing.assert_array_equal(again.betas, found.betas)
    old = {k: v for k, v in found.to_tree().items() if k != "start"}
    assert Tempering.from_tree(old).start == "prior"


@pytest.mark.parametrize(
    ("net", "settings", "words"),
    [
        (MLP(), {"start": "basins"}, "needs one hidden layer"),
        (MLP(1, (2, 2)), {"start": "both"}, "found .both., which needs one hidden layer"),
        (MLP(1, (2, 2)), {"start": "basins"}, 'use "prior"'),
        (MLP(1, (1,)), {"start": "basin"}, "did you mean 'basins'"),
        (MLP(1, (1,)), {"particles": 9}, "expected an even number"),
        (MLP(1, (3,)), {"particles": 22}, "at least 24 .four for each of the 6 parameters"),
        (MLP(1, (1,)), {"seed": 1.5}, "seed: found 1.5, expected a whole number of at least 0"),
        (MLP(1, (1,)), {"ensembles": 0}, "ensembles: found 0"),
        (MLP(1, (1,)), {"steps": 0}, "temper.steps"),
    ],
)
def test_what_cannot_be_done_is_refused(net, settings, words):
    post = Posterior(net, datasets.parabola(20, 0))
    with pytest.raises(RequestError, match=words):
        temper(post, **settings)


def a_run(efficiency=None):
    if efficiency is None:
        return TemperedRun(np.zeros((5, 1)), -1.0, [0.0, 1.0], [math.nan, 0.5])
    mixture = StudentMixture(np.ones(1), np.zeros((1, 1)), np.eye(1)[None])
    refined = Refined(np.ones((1000, 1)), -2.0, efficiency, mixture)
    return TemperedRun(np.zeros((5, 1)), -1.0, [0.0, 1.0], [math.nan, 0.5], refined)


@pytest.mark.parametrize(
    ("efficiencies", "share", "refined"),
    [
        ((0.1, 0.9), 0.0, (True, True)),
        ((0.099, 0.9), 0.0, (False, False)),  # 99 effective draws in one run: none is trusted
        ((0.15, 0.9), 0.2, (False, True)),
        ((math.nan, 0.9), 0.0, (False, False)),
        ((None, 0.9), 0.0, (False, False)),
    ],
)
def test_importance_sampling_is_preferred_where_it_is_worth_enough(efficiencies, share, refined):
    runs = [a_run(efficiency) for efficiency in efficiencies]
    found = Preference(effective=100, share=share).choose(runs)
    assert [f.log_z == -2.0 for f in found] == list(refined)
    assert [f is run.refined for f, run in zip(found, runs, strict=True)] == list(refined)


@pytest.mark.parametrize(("useful", "mixtures"), [(0.0, 2), (1.0, 0)])
def test_mixtures_are_kept_where_their_draws_are_worth_something(useful, mixtures):
    found = temper(curve(1), 2, particles=200, steps=2, tuning=TemperDetail(useful=useful))
    assert len(found.mixtures) == mixtures
    assert (found.tempered_log_z != found.log_z).all()  # the first pilot's, and the particles'
    assert (found.efficiency > 0.05).all()
    assert found.theta.shape == (2, 200, 4)


def test_auto_searches_for_basins_where_the_data_are_sharp():
    data = datasets.sine(1000, 0)
    ways = [
        choose_start(p, OutputLayer(p), "auto")
        for p in (
            Posterior(MLP(1, (6,)), data, Gaussian(0.0577)),
            Posterior(MLP(1, (6,)), data, MSE()),
            Posterior(MLP(1, (6,)), data, Gaussian("infer")),
            Posterior(MLP(1, (2,)), data, Gaussian(0.0577)),
            Posterior(MLP(1, (3, 3)), data, Gaussian(0.0577)),
            Posterior(MLP(1, (40,)), data, Gaussian(0.0577)),
        )
    ]
    assert ways == ["basins", *["both"] * 3, "prior", "prior"]
