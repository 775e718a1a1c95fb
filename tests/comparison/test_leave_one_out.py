"""PSIS-LOO and WAIC against the exact ones of a linear network, point by point."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from nnpost.comparison.effort import Detail
from nnpost.comparison.estimate_loo import leave_one_out, smoothed
from nnpost.comparison.leave_one_out import LeaveOneOut
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.linear import closed_form
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.storage.results import read_stage, write_stages

SIGMA = 0.5


def linear(yerr=False, outlier=0.0):
    rng = np.random.default_rng(0)
    x, errors = rng.normal(size=(40, 2)), rng.uniform(0.8, 1.5, 40)
    y = x @ [2.0, -3.0] + 1 + SIGMA * (errors if yerr else 1.0) * rng.normal(size=40)
    x[0], y[0] = x[0] + outlier, y[0] - outlier
    return Posterior(
        MLP(2), Dataset(x, y, errors if yerr else None), Gaussian(SIGMA), GaussianPrior(10.0)
    )


def a_run(post, **more):
    return sample(post, start="prior", **{"nsteps": 500, "nwalkers": 8} | more)


@pytest.mark.parametrize("yerr", [False, True])
def test_they_are_the_exact_ones_of_a_linear_network(yerr):
    """Without each point in turn the posterior is a Gaussian, and p(y_i | the others) with it; the
    variance of a point's log density is (2 s⁴ + 4 s² d²)/4σ⁴ where f ~ N(y − d, s²). 3,600 draws
    leave errors of a few hundredths at a point."""
    post = linear(yerr)
    data, found = post.data, leave_one_out(a_run(post))
    sigma = SIGMA * (data.yerr if yerr else np.ones(40))
    exact = np.empty(40)
    for i in range(40):
        others = replace(post, data=data.part(np.delete(np.arange(40), i)))
        mean, sd = closed_form(others).predict(data.x[i : i + 1])
        exact[i] = norm.logpdf(data.y[i], mean[0], np.hypot(sd[0], sigma[i]))
    assert np.abs(found.elpd - exact).max() < 0.1
    assert found.loo.value == pytest.approx(exact.sum(), abs=0.15)
    assert found.loo.error == pytest.approx(np.sqrt(40) * exact.std(ddof=1), rel=0.05)
    assert found.trusted
    mean, s = closed_form(post).predict(data.x)
    d = data.y - mean
    variance = (2 * s**4 + 4 * s**2 * d**2) / (4 * sigma**4)
    np.testing.assert_allclose(found.variance, variance, rtol=0.25, atol=0.01)
    assert found.p_waic == pytest.approx(variance.sum(), rel=0.1)
    lppd = norm.logpdf(data.y, mean, np.hypot(s, sigma))
    assert found.waic.value == pytest.approx((lppd - variance).sum(), abs=0.15)
    assert found.p_loo == pytest.approx((lppd - exact).sum(), abs=0.2)


def test_points_that_are_not_to_be_trusted_are_counted():
    """Far out and far off, one point holds the plane by itself: no draw knows it without."""
    run = a_run(linear(outlier=20.0), nsteps=100)
    found = leave_one_out(run, detail=Detail(targets=300))
    assert not found.trusted
    assert found.pareto_k.argmax() == 0
    assert "PSIS-LOO is not reliable: Pareto k is above" in repr(found)
    bad = int((found.pareto_k > found.good_k).sum())
    assert f"at {bad} point{'s' * (bad > 1)}, the largest {found.pareto_k[0]:.2f}" in repr(found)
    assert "WAIC is not reliable" in repr(found)
    lost = replace(found, pareto_k=np.full(40, np.nan))  # a smoothing that found nothing
    assert not lost.trusted
    assert "at 40 points, the largest nan" in repr(lost)
    assert found.good_k == pytest.approx(1 - 1 / np.log10(found.draws))


def test_they_are_in_units_of_the_file_and_kept_in_it(tmp_path):
    """Data measured in other units give the same but for log of the unit, at every point."""
    post = linear()
    scaling = Scaling(np.zeros(2), np.ones(2), 0.0, 7.0)
    scaled = Posterior(
        post.net, post.data.scaled(scaling), Gaussian(SIGMA / 7), GaussianPrior(10.0)
    )
    run = a_run(scaled, path=tmp_path / "run.h5", nsteps=100)
    found, few = leave_one_out(run), leave_one_out(run, detail=Detail(targets=300))
    assert 200 < few.draws <= 300 < found.draws
    assert found.loo.value == pytest.approx(leave_one_out(a_run(post)).loo.value, abs=0.5)
    write_stages(tmp_path / "run.h5", found)
    again = read_stage(tmp_path / "run.h5", LeaveOneOut)
    assert repr(again) == repr(found)
    assert again.as_dict()["trusted"] is True
    np.testing.assert_array_equal(again.pareto_k, found.pareto_k)


def test_points_whose_largest_weights_are_all_the_same_are_left_out_exactly():
    """Densities that no draw changes leave nothing to smooth; other points are as ever."""
    rng = np.random.default_rng(0)
    density = rng.normal(size=(400, 3))
    density[:, 1] = -2.5
    elpd, pareto_k = smoothed(density, 1.0)
    assert (elpd[1], pareto_k[1]) == (pytest.approx(-2.5), 0.0)
    others, ks = smoothed(density[:, [0, 2]], 1.0)
    np.testing.assert_array_equal(elpd[[0, 2]], others)
    np.testing.assert_array_equal(pareto_k[[0, 2]], ks)
