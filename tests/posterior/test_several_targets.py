"""Several targets, each with noise of its own: one network, against a posterior of each target."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import nnpost
from nnpost.common.errors import RequestError
from nnpost.data.scaling import Scaling
from nnpost.experiment.experiment import Experiment
from nnpost.posterior.description import Description
from nnpost.posterior.posterior import Posterior

CASE = Path(__file__).parents[1] / "cases" / "two_targets.csv"


def both(hidden=(), n=20, scale=False):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, n)
    y = np.column_stack([x + 0.3 * rng.normal(size=n), 50 - 20 * x + 10 * rng.normal(size=n)])
    data = nnpost.Dataset(x, y, y_names=("u", "v"))
    data = data.scaled(Scaling.of(data, "standard")) if scale else data
    net = nnpost.MLP(1, hidden, "tanh", outputs=2)
    return nnpost.Posterior(net, data, nnpost.GaussianTargets(2), nnpost.GaussianPrior(2.0))


def test_the_density_is_scipys_normal():
    post = both((2,))
    theta = np.random.default_rng(1).normal(size=(4, post.ndim))
    for t, found in zip(theta, post.pointwise_log_likelihood(theta), strict=True):
        f, sigma = post.predict(t), np.exp(t[-2:])
        expected = stats.norm.logpdf(post.data.y, f, sigma).sum(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    value, grad = post.log_prob_and_grad(theta[0])
    step = 1e-6 * np.eye(post.ndim)
    slope = (post.log_prob(theta[0] + step) - post.log_prob(theta[0] - step)) / 2e-6
    np.testing.assert_allclose(grad, slope, rtol=1e-5, atol=1e-4)
    assert value == pytest.approx(post.log_likelihood(theta[0]) + post.log_prior(theta[0]))


def test_a_linear_network_is_one_of_each_target():
    """Nothing is shared, so log Z is the sum of those of both, whose output layers are integrated
    out; and so are the maxima."""
    post = both(scale=True)
    found = nnpost.temper(post, 2, particles=1000, seed=1)
    log_z, tops = 0.0, []
    for _, column in post.data.targets:
        data = nnpost.Dataset(post.data.x, column)
        one = nnpost.Posterior(nnpost.MLP(1), data, nnpost.Gaussian("infer"), post.prior)
        log_z += nnpost.temper(one, 2, particles=1000, seed=1).log_evidence
        tops.append(nnpost.train(one, restarts=4, epochs=50).map)
    assert found.log_evidence == pytest.approx(log_z, abs=0.05)
    top = nnpost.train(post, restarts=4, epochs=50).map
    assert top.log_prob == pytest.approx(sum(one.log_prob for one in tops), abs=1e-8)
    w, c, log_sigma = top.theta[:2], top.theta[2:4], top.theta[4:]
    np.testing.assert_allclose(np.c_[w, c, log_sigma], [t.theta for t in tops], atol=1e-5)


def test_each_target_has_its_own_scale():
    raw, scaled = both(), both(scale=True)
    np.testing.assert_allclose(scaled.data.y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.data.y.std(axis=0), 1)
    np.testing.assert_allclose(scaled.data.raw.y, raw.data.y, rtol=1e-12)
    theta = np.random.default_rng(2).normal(size=scaled.ndim)
    unit = raw.data.y.std(axis=0)
    expected = scaled.predict(theta) * unit + raw.data.y.mean(axis=0)
    np.testing.assert_allclose(scaled.expected(theta), expected, rtol=1e-10)
    many = np.tile(theta, (4000, 1))
    new = scaled.draw_targets(many, raw.data.x[:3], np.random.default_rng(0))
    assert new.shape == (4000, 3, 2)
    np.testing.assert_allclose(
        new.std(axis=0), np.tile(np.exp(theta[-2:]) * unit, (3, 1)), rtol=0.06
    )
    back = scaled.data.log_evidence_to_file(1.0)
    assert back == pytest.approx(1.0 - raw.data.n * np.log(unit).sum())


def test_a_run_file_keeps_them():
    post = both((2,), scale=True)
    data = nnpost.Dataset.from_tree(post.data.to_tree())
    assert data.y_names == ("u", "v")
    assert data.digest == post.data.digest
    again = Posterior.from_tree(post.to_tree(), data)
    theta = np.random.default_rng(3).normal(size=post.ndim)
    assert again.log_prob(theta) == post.log_prob(theta)
    assert Description.from_tree(post.to_tree()).labels == post.labels
    assert post.component_names == ("u", "v")
    np.testing.assert_array_equal(post.observed, post.data.raw.y)


def test_columns_of_a_table_become_targets():
    asked = Experiment().with_data(str(CASE), ("x",), ("u", "v"))
    post = asked.build()
    assert post.likelihood == nnpost.GaussianTargets(2)
    assert post.net.outputs == 2
    assert asked.resolved(post).likelihood.kind == "gaussians"
    assert asked.from_toml(asked.to_toml()) == asked
    for kind in ("student", "mse"):
        with pytest.raises(RequestError, match=r"likelihood.kind: .* for 2 targets"):
            asked.with_settings([f"likelihood.kind={kind}"]).build()
    one = Experiment().with_data(str(CASE), ("x",), "u")
    one = one.with_settings(["likelihood.kind=gaussians"])
    with pytest.raises(RequestError, match="for one target"):
        one.build()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nnpost.Dataset([0.0, 1.0], np.zeros((2, 2))), "shape"),
        (
            lambda: nnpost.Dataset([0.0, 1.0, 2.0], np.zeros((3, 2)), y_names=("u", "v", "w")),
            r"shape \(3, 2\) and the names u, v, w, expected \(3, 3\)",
        ),
        (
            lambda: nnpost.Dataset([0.0, 1.0], np.eye(2), np.ones((2, 2)), y_names=("u", "v")),
            "errors for 2 targets",
        ),
        (
            lambda: nnpost.Posterior(
                nnpost.MLP(1), nnpost.Dataset([0.0, 1.0], np.eye(2), y_names=("u", "v"))
            ),
            r"2 targets \(u, v\).*nnpost.GaussianTargets\(2\)",
        ),
        (
            lambda: nnpost.Posterior(
                nnpost.MLP(1, outputs=2),
                nnpost.Dataset([0.0, 1.0], [0.0, 1.0]),
                nnpost.GaussianTargets(2),
            ),
            r"found y of shape \(2,\), expected \(n, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, said):
    with pytest.raises(RequestError, match=said):
        make()
