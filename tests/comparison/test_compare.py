"""The comparison: known copies, known levels, and predictions against the closed form."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from small import hidden_mode

from nnpost.common.tables import plain_label
from nnpost.comparison.compare import compare
from nnpost.comparison.result import Comparison
from nnpost.data.dataset import Dataset
from nnpost.data.grids import grid
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import copies, fold, jump
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.storage.runfile import new_file, read_group
from nnpost.training.train import train


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 30)
    post = Posterior(
        MLP(1),
        Dataset(x, 2 * x + 1 + 0.3 * rng.normal(size=30)),
        Gaussian(0.3),
        GaussianPrior(10.0),
    )
    fits = train(post, restarts=4, epochs=2000, lr=0.01)
    run = sample(post, nsteps=2000, nwalkers=8, start="prior", discard=0)
    return post, fits, run, compare(post, fits, run)


def test_predictions_are_the_closed_forms(linear):
    post, _, run, found = linear
    design = np.c_[post.data.x, np.ones(30)]
    cov = np.linalg.inv(design.T @ design / 0.09 + np.eye(2) / 100)
    mean = cov @ design.T @ post.data.y / 0.09
    at = np.c_[found.predictions.x, np.ones(len(found.predictions.x))]
    sd = np.sqrt(np.einsum("ni,ij,nj->n", at, cov, at))
    # 4,000 draws are summarised: means within 5 standard errors, spreads within 6 %.
    assert (abs(found.predictions.mean - at @ mean) < 5 * sd / np.sqrt(4000)).all()
    np.testing.assert_allclose(found.predictions.sd, sd, rtol=0.06)
    half = (found.predictions.q95 - found.predictions.q05) / 2
    np.testing.assert_allclose(half, 1.645 * sd, rtol=0.08)
    np.testing.assert_allclose(
        found.theta.mean, mean, atol=5 * np.sqrt(cov.max() / len(run.samples))
    )


def test_the_map_is_above_all_draws_and_sgd_close_to_it(linear):
    _, fits, run, found = linear
    assert found.map.log_prob >= run.log_prob.max()
    assert found.sgd.log_prob == pytest.approx(found.map.log_prob, abs=1e-3)
    above = np.mean(run.sample_log_prob > fits.sgd.log_prob)
    assert found.hpd_level == above < 0.01
    # log p falls by χ²/2 with two degrees of freedom: its mean is one nat under the top.
    assert found.map.log_prob - found.log_posterior.mean == pytest.approx(1, abs=0.05)
    assert found.log_posterior.sd == pytest.approx(1, abs=0.05)


def test_no_draw_and_no_restart_is_higher_than_the_maxima():
    """Restarts that hardly trained, and a narrow mode that the search alone finds."""
    post = hidden_mode()
    fits = train(post, restarts=8, epochs=20)
    run = sample(post, nsteps=400, seed=0, start="prior")
    found = compare(post, fits, run)
    chain = run.get_chain(flat=True)
    for vectors in (chain, fits.theta, fits.map.theta[None], fits.mle.theta[None]):
        assert found.map.log_prob >= post.log_prob(vectors).max() - 1e-9
        assert found.mle.log_likelihood >= post.log_likelihood(vectors).max() - 1e-9
    assert found.mle.log_likelihood > fits.mle.log_likelihood + 5  # the narrow mode


def test_a_likelihood_without_a_maximum_is_told():
    """Two points on either side of a step: the steeper the unit, the better."""
    data = Dataset([-1.0, -0.1, 0.1, 1.0], [-1.0, -1.0, 1.0, 1.0])
    post = Posterior(MLP(1, (1,), "tanh"), data, Gaussian(0.5), GaussianPrior(3.0))
    fits = train(post, restarts=8, epochs=100)
    found = compare(post, fits, sample(post, nsteps=60, seed=0, start="prior"))
    assert found.mle.log_likelihood >= found.map.log_likelihood
    assert not found.mle.converged
    assert any("no isolated maximum: it rises" in note for note in found.notes())
    assert "no isolated maximum" in str(fits)


def test_all_four_networks_are_shown_in_one_copy():
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 40)
    y = np.tanh(2 * x - 1) - 2 * np.tanh(x + 1) + 0.1 * rng.normal(size=40)
    post = Posterior(MLP(1, (2,), "tanh"), Dataset(x, y), Gaussian(0.1), GaussianPrior(3.0))
    fits = train(post, restarts=8, epochs=50)
    run = sample(post, nsteps=300, nwalkers=14)
    found = compare(post, fits, run)
    top = found.folded[1]
    others = copies(post.net, top)
    for theta, model in zip(found.folded, found.models.values(), strict=True):
        assert post.log_prob(theta) == pytest.approx(model.log_prob, abs=1e-9)
        nearest = np.linalg.norm(others - theta, axis=-1).min()
        assert np.linalg.norm(top - theta) == pytest.approx(nearest)
    assert str(found).splitlines()[0].split() == [
        "SGD",
        "MAP",
        "MLE",
        "best",
        "sample",
        "posterior",
    ]


def test_a_comparison_comes_back_from_the_run_file(linear, tmp_path):
    post, _, _, found = linear
    path = tmp_path / "run.h5"
    new_file(path, {"experiment": {}, "comparison": found.to_tree()})
    again = Comparison.from_tree(read_group(path, "comparison"))
    assert repr(again) == repr(found)
    np.testing.assert_array_equal(again.predictions.q05, found.predictions.q05)
    assert again.labels == tuple(post.labels)


def test_the_grid_reaches_twice_the_datas_range_and_several_inputs_are_the_datas_own():
    x = grid(np.linspace(-5, 5, 11)[:, None])
    assert (x[0, 0], x[-1, 0], len(x)) == (-10, 10, 121)
    for place in (-5, -5 + 10 / 6, -5 / 3, 0):
        assert np.isclose(x, place).any()
    many = np.random.default_rng(0).normal(size=(1000, 3))
    assert len(grid(many)) == 200
    assert (grid(many)[:, None] == many[None, ::5]).all(axis=2).any(axis=1).all()


def test_labels_become_plain_text():
    assert [plain_label(s) for s in ("$w_{1,2}$", "$b_{3}^{(2)}$", "$c$", r"$\log\,\sigma$")] == [
        "w1,2", "b3(2)", "c", "log sigma",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def bumps():
    """Two tanh units, in a chain whose draws lie in all eight copies."""
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 40)
    y = np.tanh(2 * x - 1) - 2 * np.tanh(x + 1) + 0.1 * rng.normal(size=40)
    post = Posterior(MLP(1, (2,), "tanh"), Dataset(x, y), Gaussian(0.1), GaussianPrior(3.0))
    fits = train(post, restarts=8, epochs=50)
    run = sample(post, nsteps=300, nwalkers=14, start="prior")
    return post, fits, replace(run, chain=jump(post.net, run.chain, rng))


def test_draws_in_all_copies_are_summarised_in_one(bumps):
    post, fits, run = bumps
    found = compare(post, fits, run)
    raw = run.get_chain(discard=run.burnin, flat=True)
    one = fold(post.net, raw)
    np.testing.assert_allclose(found.theta.mean, one.mean(axis=0))
    np.testing.assert_allclose(found.theta.sd, one.std(axis=0))
    # Averaged over the copies as they are, odd units cancel.
    assert abs(raw[:, 0].mean()) < 0.2 * found.theta.mean[0]


def test_quantiles_of_the_restarts_are_those_of_numpy(linear):
    post, fits, run, found = linear
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    names = ("q05", "q25", "q50", "q75", "q95")
    assert list(found.mse_quantiles) == list(names)
    assert list(found.mse_quantiles.values()) == pytest.approx(np.quantile(fits.mse, shares))
    lost = replace(fits, mse=np.append(fits.mse, np.inf))  # a restart that diverged
    assert compare(post, lost, run).mse_quantiles == found.mse_quantiles


def test_what_is_called_mse_is_chi_squared_where_data_bring_errors(linear):
    post, fits, run, found = linear
    data = replace(post.data, yerr=np.full(post.data.n, 0.5))
    weighted = compare(Posterior(post.net, data, post.likelihood, post.prior), fits, run)
    assert [row[0] for row in found.table()][1] == "mse"
    assert [row[0] for row in weighted.table()][1] == "χ²/n"
    again = Comparison.from_tree(weighted.to_tree())
    assert repr(again) == repr(weighted)
    old = {k: v for k, v in found.to_tree().items() if k != "weighted"}
    assert repr(Comparison.from_tree(old)) == repr(found)


def test_the_table_marks_what_is_no_maximum_and_says_what_was_folded(linear):
    _, _, _, found = linear
    assert "MLE*" not in repr(found)
    assert "folded" not in repr(found)  # no hidden layer: one copy
    mle = replace(found.mle, converged=False, log_prob=-148436489467611040.0)
    marked = replace(found, mle=mle, folded=found.folded + 1)
    for text in (repr(marked), marked._repr_html_()):
        assert "MLE*" in text
        assert "MAP*" not in text
        assert "SGD*" not in text
        assert "* not an isolated maximum" in text
        assert "parameters are folded to one copy; for sigmoid units the log posterior is" in text
        assert "-1.48436e+17" in text
        assert f"{found.sgd.log_prob:.3f}" in text


@pytest.mark.parametrize("place", [0.0, -3.0, 1e9])
def test_the_grid_around_a_single_place_has_a_width(place):
    x = grid(np.full((4, 1), place))[:, 0]
    assert (np.diff(x) > 0).all()
    assert x.mean() == pytest.approx(place)


def test_predictions_of_some_places_at_a_time_are_those_of_all(monkeypatch):
    """However few are held at once, and told of each class at each place."""
    module = importlib.import_module("nnpost.comparison.compare")
    x = np.linspace(-1, 1, 30)
    post = Posterior(MLP(1, (2,), outputs=3), Dataset(x, np.arange(30) % 3), Categorical(3))
    draws = np.random.default_rng(0).normal(size=(50, post.ndim))
    whole = post.expected(draws, grid(x[:, None]))
    sizes = []
    expected = Posterior.expected

    def told(post, theta, x=None):
        found = expected(post, theta, x)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(Posterior, "expected", told)
    monkeypatch.setattr(module, "HELD", 50 * 3 * 7)
    found = module.predict(post, draws)
    assert max(sizes) == 50 * 3 * 7
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sd, whole.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.q95, np.quantile(whole, 0.95, axis=0), rtol=1e-12)
