"""The score card against closed forms: a linear network, a copy, and a planted basin."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2, norm, wasserstein_distance

from nnpost.comparison.against import against
from nnpost.comparison.approximation import Curves
from nnpost.comparison.compare import compare
from nnpost.comparison.constant import constant_misfit, left_at_constant
from nnpost.comparison.distance import Reference, measure, shifts
from nnpost.comparison.effort import ConstantSGDDetail, Detail, ModesDetail
from nnpost.comparison.find_modes import find_modes
from nnpost.comparison.score import profile_between, score
from nnpost.comparison.scorecard import ScoreCard
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.align import align
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import copies, fold, jump
from nnpost.numerics.covariance import mcd
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.likelihoods.gaussian_targets import GaussianTargets
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.report.answers import answers
from nnpost.report.info import json_ready
from nnpost.sampling.run import Run
from nnpost.sampling.sample import sample
from nnpost.storage.runfile import new_file, read_group
from nnpost.training.maximise import evaluate, maximise
from nnpost.training.train import train


@pytest.fixture(scope="module")
def linear():
    """A posterior that is a Gaussian of three dimensions, and exact draws of it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 2))
    y = x @ [2.0, -1.0] + 0.5 + 0.3 * rng.normal(size=60)
    post = Posterior(MLP(2), Dataset(x, y), Gaussian(0.3), GaussianPrior(10.0))
    run = sample(post, nsteps=500, nwalkers=8, start="prior", discard=0)
    fits = train(post, restarts=4, epochs=300, lr=0.05)
    design = np.c_[x, np.ones(60)]
    cov = np.linalg.inv(design.T @ design / 0.09 + np.eye(3) / 100)
    mean = cov @ design.T @ y / 0.09
    return SimpleNamespace(post=post, run=run, fits=fits, cov=cov, mean=mean)


@pytest.fixture(scope="module")
def reference(linear):
    return Reference.of(linear.run, linear.mean, None)


def test_at_the_map_everything_is_zero(linear, reference):
    found = {k: m.value[0] for k, m in measure(reference, linear.mean[None]).items()}
    assert (
        found["hpd_level"] == found["gap"] == found["mahalanobis"] == found["rms_map_inside"] == 0
    )
    assert found["coverage_inside"] == 1
    assert found["sd_mean_inside"] < 0.1


@pytest.mark.parametrize("steps", [0.5, 1.5, 3.0])
def test_a_shifted_point_follows_the_law_of_chi_squared(linear, reference, steps):
    # θ = mean + L z: |z|² is the squared Mahalanobis distance, and log p falls by half of it.
    z = steps * np.array([0.6, 0.0, -0.8])
    theta = linear.mean + np.linalg.cholesky(linear.cov) @ z
    found = measure(reference, theta[None])
    assert found["gap"].value[0] == pytest.approx(steps**2 / 2, abs=1e-9)
    assert found["gap"].error[0] == 0
    for name, truth in (("mahalanobis", steps), ("hpd_level", chi2.cdf(steps**2, 3))):
        value, error = (part[0] for part in found[name])
        assert 0 < error < 0.1 * truth
        assert abs(value - truth) < 4 * error, name


def test_curves_are_as_far_apart_as_the_closed_form_says(linear, reference):
    theta = linear.mean + np.array([0.1, 0.0, 0.05])
    found = measure(reference, theta[None])
    at = np.c_[reference.x, np.ones(len(reference.x))]
    sd = np.sqrt(np.einsum("ni,ij,nj->n", at, linear.cov, at))
    apart = at @ (theta - linear.mean)
    wanted = {
        "rms_mean_inside": np.sqrt(np.mean(apart**2)),
        "sd_mean_inside": np.sqrt(np.mean((apart / sd) ** 2)),
        "sd_map_inside": np.sqrt(np.mean((apart / sd) ** 2)),
    }
    for name, truth in wanted.items():
        value, error = (part[0] for part in found[name])
        assert 0 < error < 0.1 * truth
        assert abs(value - truth) < 4 * error, name
    share = np.mean(np.abs(apart) < norm.ppf(0.95) * sd)
    assert 0.1 < share < 0.9
    assert found["coverage_inside"].value[0] == pytest.approx(share, abs=0.07)
    # Several inputs are compared at the data's points, and none of those lie beyond the data.
    assert reference.inside.all()
    assert not [name for name in found if name.endswith("outside")]


@pytest.fixture(scope="module")
def card(linear):
    comparison = compare(linear.post, linear.fits, linear.run)
    return score(linear.post, linear.fits, linear.run, comparison)


def test_a_card_does_the_work_that_it_is_told_to(linear, card):
    detail = Detail(
        line=11, approximation=30, modes=ModesDetail(draws=12, restarts=2),
        constant_sgd=ConstantSGDDetail(steps=40, every=5),
    )  # fmt: skip
    comparison = compare(linear.post, linear.fits, linear.run, detail=detail)
    small = score(linear.post, linear.fits, linear.run, comparison, detail=detail)
    assert (len(small.profile.t), len(card.profile.t)) == (11, 201)
    assert small.modes.climbed_draws <= 12 < card.modes.climbed_draws
    assert (small.modes.climbed_restarts, card.modes.climbed_restarts) == (2, 4)
    drawn = {one.name: one.draws for one in small.approximations}
    assert drawn == {
        "restarts as an ensemble": 4,
        "Laplace at SGD": 30,
        "Laplace at SGD, linearised": 30,
        "Laplace at MAP": 30,
        "Laplace at MAP, linearised": 30,
        "late SGD": 4,
    }


def test_a_linear_network_has_one_basin_and_no_barrier(card):
    (basin,) = card.modes.modes
    assert (basin.mass.value, basin.restarts.value) == (1, 1)
    assert basin.mass.error > 0
    assert (card.modes.sgd, card.modes.map) == (0, 0)
    assert card.profile.barrier == 0


def test_draws_are_typical_of_themselves(card):
    level, distance = card.draws["hpd_level"].median, card.draws["mahalanobis"].median
    assert level.value == pytest.approx(0.5, abs=4 * level.error)
    assert distance.value == pytest.approx(np.sqrt(chi2.ppf(0.5, 3)), abs=4 * distance.error)
    assert card.draws["coverage_inside"].median.value > 0.8


def test_the_card_comes_back_from_a_file_and_goes_into_json(card, tmp_path):
    path = tmp_path / "run.h5"
    new_file(path, {"experiment": {}, "scorecard": card.to_tree()})
    again = ScoreCard.from_tree(read_group(path, "scorecard"))
    assert repr(again) == repr(card)
    assert json.dumps(json_ready(again.as_dict())) == json.dumps(json_ready(card.as_dict()))
    found = json_ready(card.as_dict())
    assert set(found["best"]["mahalanobis"]) == {"value", "error"}
    assert found["barrier"] == {"value": 0.0, "error": 0.0}
    assert found["approximations"][1]["log_z"]["error"] == 0
    assert f"{card.best['mahalanobis']}" in repr(card)
    assert card._repr_html_().count("<table>") == 3


def test_a_copy_of_the_map_is_at_no_distance():
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 40)
    y = np.tanh(2 * x - 1) - 2 * np.tanh(x + 1) + 0.1 * rng.normal(size=40)
    post = Posterior(MLP(1, (2,), "tanh"), Dataset(x, y), Gaussian(0.1), GaussianPrior(3.0))
    top = maximise(post, post.net.initial(16))
    other = -top.theta
    other[-1] = top.theta[-1]  # both units flipped
    other = other[[1, 0, 3, 2, 5, 4, 6]]  # and exchanged
    assert np.linalg.norm(other - top.theta) > 1
    run = a_run(post, top.theta + 0.01 * rng.normal(size=(50, 8, 7)), rng)
    reference = Reference.of(run, top.theta, None)
    found = {k: m.value[0] for k, m in measure(reference, other[None]).items()}
    for name in ("gap", "hpd_level", "mahalanobis", "rms_map_inside", "rms_map_outside"):
        assert found[name] == pytest.approx(0, abs=1e-6), name
    assert profile_between(post, other, top.theta).barrier == 0


def a_run(post, chain, rng):
    """A run that is made up: draws, thrown over all copies."""
    chain = jump(post.net, chain, rng)
    return Run(
        post=post, chain=chain, log_prob=post.log_prob(chain), accepted=np.ones(chain.shape[1]),
        ensembles=4, discard=0, thin=1, moves="none", start="none", seed=0, seconds=0.0,
        judged=SimpleNamespace(converged=True, ess={"log_prob": None}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_basins():
    """One tanh unit and a bump: it can follow the way up or the way down, both equally well."""
    x = np.linspace(-3, 3, 60)
    y = np.where(np.abs(x) < 2, 1.0, 0.0)
    post = Posterior(MLP(1, (1,), "tanh"), Dataset(x, y), Gaussian(0.2), GaussianPrior(10.0))
    up, down = (
        maximise(post, np.array([[3.0, 6.0 * sign, 0.5 * sign, 0.5]])).theta for sign in (1, -1)
    )
    return post, up, down


def test_basins_of_equal_height_are_told_apart_and_have_the_mass_that_was_planted(two_basins):
    post, up, down = two_basins
    assert post.log_prob(up) == pytest.approx(post.log_prob(down), abs=1e-6)
    rng = np.random.default_rng(3)
    chain = np.where(rng.random((100, 8, 1)) < 0.7, up, down)
    run = a_run(post, chain * (1 + 0.02 * rng.normal(size=(100, 8, 4))), rng)
    fits = train(post, restarts=4, epochs=1)
    theta = jump(post.net, np.stack([up, up, up, down]) * 1.05, rng)
    fits = replace(fits, theta=theta, mse=post.mse(theta), sgd=evaluate(post, theta[3], "sgd"))
    modes, home = find_modes(post, fits, run, up, np.full(60, 0.1))
    assert len(modes.modes) == 2
    own, other = modes.modes[modes.map], modes.modes[modes.sgd]
    assert modes.map != modes.sgd
    assert own.mass.value + other.mass.value == 1
    assert own.mass.value == pytest.approx(0.7, abs=4 * own.mass.error)
    assert own.mass.error == pytest.approx(np.sqrt(0.21 / modes.climbed_draws), rel=0.5)
    assert (own.restarts.value, other.restarts.value) == (0.75, 0.25)
    assert own.best_mse == pytest.approx(fits.mse[:3].min())
    assert other.best_mse == pytest.approx(fits.mse[3])
    # The draws of the MAP's basin are those that were planted there.
    np.testing.assert_allclose(
        align(post.net, run.samples[home], up), np.tile(up, (len(home), 1)), rtol=0.15, atol=0.1
    )


def test_shifts_are_of_the_folded_parameters_in_whatever_copy_the_map_was_found(two_basins):
    post, up, _ = two_basins
    rng = np.random.default_rng(2)
    run = a_run(post, up + 0.1 * rng.normal(size=(40, 8, post.ndim)), rng)
    fit, one = up + 0.1 * rng.normal(size=post.ndim), fold(post.net, up)
    away = align(post.net, fit, one) - one
    sd = np.sqrt(np.diag(mcd(align(post.net, run.samples, one))[1]))
    for top in copies(post.net, up):
        found = shifts(Reference.of(run, top, np.arange(len(run.samples))), fit)
        np.testing.assert_allclose(found.value, away / sd, rtol=1e-6)


def test_the_barrier_is_the_dip_of_the_line(two_basins):
    post, up, down = two_basins
    nearest = align(post.net, down, up)
    line = [post.log_prob(nearest + t * (up - nearest)) for t in np.linspace(0, 1, 2001)]
    profile = profile_between(post, down, up)
    assert profile.barrier == pytest.approx(min(line[0], line[-1]) - min(line), rel=1e-3)
    assert profile.barrier > 1
    assert profile.log_prob[-1] == pytest.approx(post.log_prob(up))


def test_flips_of_a_sigmoid_unit_are_one_basin_although_each_has_a_maximum():
    x = np.linspace(-2, 2, 30)
    y = 3 / (1 + np.exp(-3 * x))
    post = Posterior(MLP(1, (1,)), Dataset(x, y), Gaussian(0.5), GaussianPrior(3.0))
    one = maximise(post, np.array([3.0, 0.0, 3.0, 0.0]))
    other = maximise(post, np.array([-3.0, 0.0, -3.0, 3.0]))
    assert one.log_prob - other.log_prob > 0.1
    rng = np.random.default_rng(0)
    run = a_run(post, one.theta + 0.05 * rng.normal(size=(40, 8, 4)), rng)
    fits = train(post, restarts=4, epochs=1)
    fits = replace(
        fits, theta=np.stack([one.theta, other.theta]), mse=np.array([one.mse, other.mse])
    )
    modes, _ = find_modes(post, fits, run, one.theta, post.predict(run.samples).std(axis=0))
    assert len(modes.modes) == 1
    assert (modes.modes[0].restarts.value, modes.modes[0].mass.value) == (1, 1)


# -- several targets ------------------------------------------------------------------------------


def test_curves_of_several_targets_are_apart_in_units_of_each_ones_spread():
    """Two targets in units a thousand times apart: every distance by hand, target by target."""
    rng = np.random.default_rng(3)
    x = np.linspace(-1, 1, 30)
    y = np.column_stack([x + 0.3 * rng.normal(size=30), 1000 * (2 - x + rng.normal(size=30))])
    raw = Dataset(x, y, y_names=("u", "v"))
    data = raw.scaled(Scaling.of(raw, "standard"))
    post = Posterior(MLP(1, outputs=2), data, GaussianTargets(2), GaussianPrior(2.0))
    run = sample(post, nsteps=100, nwalkers=16, start="prior", moves="stretch", discard=50)
    found = Reference.of(run, run.samples[0], None)
    theta = run.samples[1:4]
    draws = found.curves[:: found.detail.every].reshape(-1, len(found.x), 2)
    off = post.expected(theta, found.x) - draws.mean(axis=0)
    inside = np.abs(found.x[:, 0]) <= 1 + 1e-12
    by_hand = np.sqrt(np.mean((off / y.std(axis=0))[:, inside] ** 2, axis=(1, 2)))
    np.testing.assert_allclose(measure(found, theta)["rms_mean_inside"].value, by_hand, rtol=1e-9)

    some = found.curves[:: -(-len(found.curves) // found.detail.approximation)]
    other = post.curves(run.samples[:40], found.x)
    spread = np.tile(y.std(axis=0), len(found.x))
    apart = [wasserstein_distance(a, b) for a, b in zip(other.T, some.T, strict=True)]
    numbers = against(found, Curves("some", other)).numbers
    w1 = (apart / spread)[np.repeat(inside, 2)].mean()
    assert numbers["w1_inside"].value == pytest.approx(w1, rel=1e-9)
    assert 0 < numbers["floor_inside"].value < 1


def test_the_unit_of_curves_is_told_and_kept(linear, card):
    assert "curve_unit" not in card.to_tree()
    other = replace(card, curve_unit="each target's standard deviation")
    assert "W1 are in units of each target's standard deviation" in str(other)
    assert ScoreCard.from_tree(other.to_tree()).curve_unit == other.curve_unit
    verdict, found = linear.run.verdict, compare(linear.post, linear.fits, linear.run)
    assert "in units of y" in answers(verdict, None, card, found)[-1].why
    assert (
        "in units of each target's standard deviation"
        in answers(verdict, None, other, found)[-1].why
    )


@pytest.mark.parametrize("errors", [False, True])
def test_the_best_constant_is_the_best_of_networks_without_weights(errors):
    rng = np.random.default_rng(0)
    x, y, yerr = rng.normal(size=40), rng.normal(3.0, 5.0, 40), rng.uniform(0.5, 2.0, 40)
    raw = Dataset(x[:, None], y, yerr if errors else None)
    data = raw.scaled(Scaling.of(raw, "standard"))
    post = Posterior(MLP(1, (2,), "tanh"), data, Gaussian(1.0), GaussianPrior(10.0))
    theta = np.zeros((4001, post.ndim))
    theta[:, -1] = np.linspace(-1, 1, 4001)  # the output bias, and nothing else
    mse = post.mse(theta)
    assert constant_misfit(data) == pytest.approx(mse.min(), rel=1e-6)
    assert constant_misfit(data) <= mse.min() * (1 + 1e-12)
    ends = mse.min() * np.array([0.1, 0.9, 1.0, 1.5, np.inf])
    assert left_at_constant(post, ends).value == 0.6
    other = Posterior(MLP(1, (2,), "tanh"), raw, StudentT(4.0, 1.0), GaussianPrior(10.0))
    assert left_at_constant(other, ends) is None


def test_restarts_left_at_a_constant_are_told_and_kept(card):
    assert card.at_constant.value == 0
    other = replace(card, at_constant=None)  # as of files that were written before
    assert "at_constant" not in other.to_tree()
    assert ScoreCard.from_tree(other.to_tree()).at_constant is None
    assert ScoreCard.from_tree(card.to_tree()).at_constant == card.at_constant
    row = "restarts left at a constant network"
    assert row in str(card)
    assert row not in str(other)
