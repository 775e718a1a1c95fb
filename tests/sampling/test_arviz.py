"""What ArviZ gets, and what its own functions make of it, in the generation that is installed."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from scipy.stats import norm

from nnpost.comparison.effort import Detail
from nnpost.comparison.estimate_loo import leave_one_out
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import fold
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.arviz_groups import arviz_groups
from nnpost.sampling.sample import sample

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


@pytest.fixture(scope="module")
def run():
    """Two units on data that the network sees on another scale, with noise inferred."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, 25)
    raw = Dataset(x, 50 + 20 * np.tanh(2 * x) + 4 * rng.normal(size=25), y_name="flux")
    post = Posterior(
        MLP(1, (2,), "tanh"), raw.scaled(Scaling.of(raw, "standard")), Gaussian("infer"),
        GaussianPrior(3.0),
    )  # fmt: skip
    return sample(post, nsteps=60, nwalkers=16, start="prior", seed=1)


@pytest.fixture(scope="module")
def exact():
    """Independent draws of a linear network."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(25, 2))
    data = Dataset(x, x @ [2.0, -3.0] + 0.5 * rng.normal(size=25), y_name="flux")
    return sample(Posterior(MLP(2), data, Gaussian(0.5)), nsteps=60, nwalkers=16, start="prior")


def test_groups_are_of_folded_parameters_by_plain_names_in_units_of_the_file(run):
    post = run.post
    groups, coords, dims = arviz_groups(post, run.chain[12:], run.log_prob[12:])
    assert coords["parameter"] == ["w1", "w2", "b1", "b2", "a1", "a2", "c", "log sigma"]
    assert dims["theta"] == ["parameter"]
    raw = run.chain[12:].swapaxes(0, 1)
    assert raw.shape == (64, 48, 8)
    np.testing.assert_array_equal(groups["posterior"]["theta"], fold(post.net, raw))
    np.testing.assert_array_equal(groups["sample_stats"]["lp"], run.log_prob[12:].T)
    data = post.data.raw
    np.testing.assert_array_equal(groups["observed_data"]["flux"], data.y)
    sigma = np.exp(raw[..., -1:]) * post.data.scaling.y_scale
    expected = norm.logpdf(data.y, post.predict(raw, data.x), sigma)
    np.testing.assert_allclose(groups["log_likelihood"]["flux"], expected, rtol=1e-9)
    z = (groups["posterior_predictive"]["flux"] - post.predict(raw, data.x)) / sigma
    assert abs(z.mean()) * np.sqrt(z.size) < 4
    assert abs((z**2).mean() - 1) * np.sqrt(z.size / 2) < 4
    prior = groups["prior"]["theta"]
    assert prior.shape == raw.shape
    np.testing.assert_allclose(np.sqrt((prior**2).mean(axis=(0, 1))), post.scales, rtol=0.1)
    np.testing.assert_array_equal(fold(post.net, prior), prior)


def test_whole_rows_are_taken_and_no_more_than_asked_for(run):
    az = pytest.importorskip("arviz")
    data = run.to_arviz()
    assert data.posterior["theta"].shape == (64, 48, 8)
    assert run.to_arviz(draws=1000).posterior["theta"].shape == (64, 12, 8)
    assert run.to_arviz(draws=1).log_likelihood["flux"].shape == (64, 1, 25)
    assert set(data.posterior["theta"].coords["parameter"].values) >= {"w1", "log sigma"}
    assert az.summary(data, var_names=["theta"], kind="stats").shape[0] == 8


def test_its_loo_is_ours(exact):
    az = pytest.importorskip("arviz")
    found = az.loo(exact.to_arviz(), pointwise=True)
    ours = leave_one_out(exact, detail=Detail(targets=3072))
    old = int(az.__version__.split(".")[0]) < 1
    total, each = (found.elpd_loo, found.loo_i) if old else (found.elpd, found.elpd_i)
    assert total == pytest.approx(ours.loo.value, abs=0.1)
    np.testing.assert_allclose(np.asarray(each), ours.elpd, atol=0.05)


def test_its_pictures_are_drawn(exact):
    az = pytest.importorskip("arviz")
    mpl.use("Agg")
    data = exact.to_arviz(draws=640)
    if int(az.__version__.split(".")[0]) < 1:
        shown = az.plot_ppc(data, num_pp_samples=10), az.plot_loo_pit(data, y="flux")
        assert all(ax.lines for ax in shown)
    else:
        shown = az.plot_ppc_dist(data, num_samples=10), az.plot_loo_pit(data)
        assert all(plot.viz for plot in shown)
    pyplot.close("all")
