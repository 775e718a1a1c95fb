"""Held-out scores against closed forms: linear networks, whose predictive density is a Gaussian."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from nnpost.common.errors import RequestError
from nnpost.comparison.effort import ConstantSGDDetail, Detail
from nnpost.comparison.held_out import HeldOut
from nnpost.comparison.score_held_out import score_held_out
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.likelihoods.gaussian_targets import GaussianTargets
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.linear import closed_form
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.storage.results import read_stage, write_stages
from nnpost.training.train import train

SIGMA = 0.5
LATE = ConstantSGDDetail(steps=40)
QUICK = Detail(approximation=2000, constant_sgd=LATE)
FEW = Detail(approximation=20, targets=400, constant_sgd=LATE)
NAMES = ["posterior", "SGD", "MAP", "restarts as an ensemble", "Laplace at MAP", "late SGD"]


def linear(n, held, seed, yerr=False):
    """A linear network on data of the model itself, and points held out, of the same network."""
    rng = np.random.default_rng(seed)
    x, theta = rng.normal(size=(n + held, 2)), rng.normal(size=3)
    errors = rng.uniform(0.5, 2, n + held) if yerr else np.ones(n + held)
    y = x @ theta[:2] + theta[2] + SIGMA * errors * rng.normal(size=n + held)
    data = [
        Dataset(x[part], y[part], errors[part] if yerr else None)
        for part in (slice(n), slice(n, None))
    ]
    return Posterior(MLP(2), data[0], Gaussian(SIGMA), GaussianPrior(1.0)), data[1]


def a_run(post, fits=True, **more):
    found = train(post, restarts=4, epochs=200, lr=0.05) if fits else None
    return sample(post, start="prior", fits=found, **{"nsteps": 600, "nwalkers": 8} | more)


def normal_crps(y, mean, sd):
    z = (y - mean) / sd
    return sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))


@pytest.mark.parametrize("yerr", [False, True])
def test_scores_of_a_linear_network_are_those_of_its_closed_form(yerr):
    """The posterior's and Laplace's (which is exact here) by the Gaussian predictive density, SGD's
    and the MAP's by the density around them; 4,000 draws leave 0.01 of each."""
    post, data = linear(8, 600, seed=0, yerr=yerr)
    run = a_run(post)
    found = score_held_out(run, data, detail=QUICK)
    assert [score.name for score in found.scores] == NAMES
    noise = SIGMA * (data.yerr if yerr else 1.0)
    mean, sd = closed_form(post).predict(data.x)
    of = {
        "posterior": (mean, np.hypot(sd, noise)),
        "Laplace at MAP": (mean, np.hypot(sd, noise)),
        "SGD": (post.predict(run.fits.sgd.theta, data.x), noise),
        "MAP": (post.predict(run.fits.map.theta, data.x), noise),
    }
    right = {name: norm.logpdf(data.y, *at) for name, at in of.items()}
    for name, at in of.items():
        score, numbers = found.by_name[name], found.by_name[name].numbers
        tolerance = 0.02 if name in ("posterior", "Laplace at MAP") else 1e-9
        assert np.abs(score.log_density - right[name]).mean() < tolerance
        assert numbers["lppd"].value == pytest.approx(right[name].mean(), abs=tolerance)
        error = right[name].std(ddof=1) / np.sqrt(600)
        assert numbers["lppd"].error == pytest.approx(error, rel=0.02)
        assert numbers["crps"].value == pytest.approx(normal_crps(data.y, *at).mean(), rel=0.01)
        rmse = np.sqrt(np.mean((data.y - at[0]) ** 2))
        assert numbers["rmse"].value == pytest.approx(rmse, rel=0.01)
        exact = norm.cdf(data.y, *at)
        assert np.abs(score.pit - exact).max() < 4.5 * np.sqrt(0.25 / 2000)
        for band, name_of in ((0.5, "coverage_50"), (0.9, "coverage_90")):
            share = np.mean(np.abs(exact - 0.5) < band / 2)
            assert numbers[name_of].value == pytest.approx(share, abs=0.02)
    below = (right["posterior"] - right["SGD"]).mean()
    assert found.by_name["SGD"].numbers["lppd_below"].value == pytest.approx(below, abs=0.02)
    assert "lppd_below" not in found.by_name["posterior"].numbers


def test_the_error_of_rmse_is_its_spread():
    """Over 100 data sets of 100 points around the truth: √(χ²/n) scatters by σ/√(2n)."""
    post, _ = linear(400, 1, seed=1)
    run, rng, found = a_run(post, nsteps=40), np.random.default_rng(2), []
    x = np.zeros((100, 2))
    centre = float(post.predict(run.fits.map.theta, x)[0])
    for _ in range(100):
        data = Dataset(x, centre + SIGMA * rng.normal(size=100))
        found.append(score_held_out(run, data, detail=FEW).by_name["MAP"].numbers["rmse"])
    assert np.mean([one.error for one in found]) == pytest.approx(SIGMA / np.sqrt(200), rel=0.05)
    spread = np.std([one.value for one in found])
    assert spread == pytest.approx(SIGMA / np.sqrt(200), rel=4 / np.sqrt(200))


def test_bands_hold_what_they_say_on_data_of_the_model_and_those_of_one_network_do_not():
    """60 networks drawn from the prior, 5 points each to fit and 20 to score. Points of one data
    set hang together, so errors are those of 60: the shares are right within 4 of them, the PIT
    uniform (the mean of every data set's fifth, within 4 errors); the MAP's bands hold less."""
    pits = {"posterior": [], "MAP": []}
    for seed in range(60):
        post, data = linear(5, 20, seed)
        found = score_held_out(a_run(post, nsteps=100, seed=seed), data, detail=FEW)
        for name, kept in pits.items():
            kept.append(found.by_name[name].pit)
    pit = np.array(pits["posterior"])
    for band in (0.5, 0.9):
        inside = (np.abs(pit - 0.5) < band / 2).mean(axis=1)
        assert abs(inside.mean() - band) < 4 * inside.std() / np.sqrt(60)
    for k in range(5):
        share = ((pit >= k / 5) & (pit < (k + 1) / 5)).mean(axis=1)
        assert abs(share.mean() - 0.2) < 4 * share.std() / np.sqrt(60)
    one_each = np.array(pits["posterior"])[:, 0]
    assert kstest(one_each, "uniform").pvalue > 1e-3
    narrow = (np.abs(np.array(pits["MAP"]) - 0.5) < 0.45).mean(axis=1)
    assert narrow.mean() < 0.9 - 4 * narrow.std() / np.sqrt(60)


def test_scores_are_in_units_of_the_file():
    """Trained on another scale, and scored as what the network says in units of the file."""
    rng = np.random.default_rng(3)
    x, y = 1900 + 20 * rng.normal(size=60), 500 + 80 * rng.normal(size=60)
    raw = Dataset(x[:40], y[:40])
    post = Posterior(
        MLP(1, (2,), "tanh"), raw.scaled(Scaling.of(raw, "standard")), Gaussian("infer")
    )
    run = a_run(post, nsteps=30, nwalkers=16)
    found = score_held_out(run, Dataset(x[40:], y[40:]), detail=QUICK)
    sgd = run.fits.sgd.theta
    sigma = np.exp(sgd[-1]) * post.data.scaling.y_scale
    expected = norm.logpdf(y[40:], post.predict(sgd, x[40:]), sigma)
    np.testing.assert_allclose(found.by_name["SGD"].log_density, expected, rtol=1e-10)
    assert 40 < found.by_name["SGD"].numbers["rmse"].value < 200
    crps = normal_crps(y[40:], post.predict(sgd, x[40:]), sigma).mean()
    assert found.by_name["SGD"].numbers["crps"].value == pytest.approx(crps, rel=0.03)


def test_they_are_kept_in_the_run_file_and_shown(tmp_path):
    post, data = linear(10, 30, seed=4)
    run = a_run(post, nsteps=30, path=tmp_path / "run.h5")
    found = score_held_out(run, data, detail=FEW)
    write_stages(tmp_path / "run.h5", found)
    again = read_stage(tmp_path / "run.h5", HeldOut)
    assert repr(again) == repr(found)
    np.testing.assert_array_equal(again.scores[3].pit, found.scores[3].pit)
    text = repr(found)
    assert text.startswith("Held-out points")
    assert "30 points; LPPD is the log predictive density" in text
    assert "with noise: Gaussian, σ = 0.5" in text
    assert [line.split("  ")[0] for line in text.splitlines()[2:8]] == NAMES


def test_a_run_without_fits_has_its_own_scores_alone_and_other_inputs_are_refused():
    post, data = linear(10, 1, seed=5)
    run = a_run(post, fits=False, nsteps=30)
    (alone,) = score_held_out(run, data).scores
    assert np.isnan(alone.numbers["lppd"].error)
    with pytest.raises(RequestError, match="found 1 inputs, expected 2 as in 'data'"):
        score_held_out(run, Dataset(np.zeros(3), np.zeros(3)))


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_several_targets_share_a_score_whatever_their_units(unit):
    """Each residual over the standard deviation of its target among the fitted points, by hand."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=30)
    y = np.column_stack([x + 0.3 * rng.normal(size=30), unit * (2 - x + rng.normal(size=30))])
    raw = Dataset(x[:20], y[:20], y_names=("u", "v"))
    data = raw.scaled(Scaling.of(raw, "robust"))
    post = Posterior(MLP(1, outputs=2), data, GaussianTargets(2), GaussianPrior(2.0))
    run = sample(post, nsteps=20, nwalkers=16, start="prior", moves="stretch")
    found = score_held_out(run, Dataset(x[20:], y[20:], y_names=("u", "v")))
    (score,) = found.scores
    off = (y[20:] - post.expected(run.some(4000)[0], x[20:]).mean(axis=0)) / y[:20].std(axis=0)
    assert score.numbers["rmse"].value == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-9)
    assert set(score.numbers) == {"rmse", "lppd"}
    told = "RMSE is of all 2 targets, each in units of its standard deviation in the fitted data"
    assert told in str(found)
    assert str(HeldOut.from_tree(found.to_tree())) == str(found)


def test_rates_without_bound_are_scored():
    """Counts at places far outside the data: rates up to e^300 and beyond."""
    x = np.linspace(-1, 1, 12)
    data = Dataset(x, np.round(np.exp(1 + x)))
    run = a_run(Posterior(MLP(1), data, Poisson(), GaussianPrior(3.0)), nsteps=20, moves="stretch")
    found = score_held_out(run, Dataset(np.array([50.0, 500.0]), np.array([3.0, 7.0])), detail=FEW)
    for score in found.scores:
        assert score.numbers["rmse"].value > 1e15
        assert score.numbers["crps"].value > 1e15
        assert ((score.pit > 0) & (score.pit < 1)).all()
    assert "inf" in str(found)


def test_targets_that_the_likelihood_does_not_know_are_refused():
    x = np.linspace(0, 1, 6)
    post = Posterior(MLP(1, outputs=2), Dataset(x, np.arange(6) % 2.0), Categorical(2))
    run = sample(post, nsteps=4, start="prior", moves="stretch")
    with pytest.raises(RequestError, match="expects the classes 0 … 1"):
        score_held_out(run, Dataset(x, np.arange(6) % 3.0))
    with pytest.raises(RequestError, match=r"found 2 target\(s\), expected 1"):
        score_held_out(run, Dataset(x, np.zeros((6, 2)), y_names=("a", "b")))


def test_the_noise_is_what_the_likelihood_says_and_not_what_would_suit():
    """exp(−MSE) on 50 points is Gaussian noise of σ = 5, and its LPPD is that of such noise."""
    rng = np.random.default_rng(6)
    data = Dataset(rng.normal(size=(50, 2)), rng.normal(size=50))
    run = a_run(Posterior(MLP(2), data, MSE()), nsteps=30)
    found = score_held_out(run, data, detail=FEW)
    expected = norm.logpdf(data.y, run.post.predict(run.fits.map.theta, data.x), 5.0)
    np.testing.assert_allclose(found.by_name["MAP"].log_density, expected, rtol=1e-9)
    assert "with noise: exp(−MSE), Gaussian noise of σ = 5" in repr(found)
