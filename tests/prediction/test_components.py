"""Predictions of several targets, and of the probabilities of classes."""

import csv

import numpy as np
import pytest
from small import main

import nnpost
from nnpost.common.errors import RequestError


def run_of(post, path=None):
    return nnpost.sample(post, path, nsteps=40, start="prior", moves="hmc", seed=0)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    data = nnpost.Dataset(x, np.digitize(x, [-0.5, 0.5]), y_name="kind")
    net = nnpost.MLP(1, (2,), "tanh", outputs=3)
    path = tmp_path_factory.mktemp("classes") / "run.h5"
    return run_of(nnpost.Posterior(net, data, nnpost.Categorical(3)), path), path


@pytest.fixture(scope="module")
def targets():
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = np.column_stack([x, 5 - x]) + 0.1 * rng.normal(size=(30, 2))
    data = nnpost.Dataset(x, y, y_names=("u", "v"))
    net = nnpost.MLP(1, outputs=2)
    return run_of(nnpost.Posterior(net, data, nnpost.GaussianTargets(2), nnpost.GaussianPrior(3.0)))


def test_a_class_is_its_probability(classes):
    run, _ = classes
    x = np.array([-1.0, 0.0, 1.0])
    found = [run.predict(x, noise=False, component=k) for k in range(3)]
    np.testing.assert_allclose(sum(one.mean for one in found), 1.0)
    theta = run.some(4000)[0]
    np.testing.assert_allclose(found[1].mean, run.post.expected(theta, x)[..., 1].mean(axis=0))
    assert found[1].y_name == "P(kind = 1)"
    noisy = run.predict(x, component=1)
    assert set(np.unique(noisy.draws)) <= {0.0, 1.0}
    error = 4.5 * 0.5 / np.sqrt(len(noisy.draws))
    assert np.abs(noisy.draws.mean(axis=0) - noisy.mean).max() < error


def test_a_target_has_its_own_noise(targets):
    run, x = targets, np.array([0.3])
    theta = run.some(4000)[0]
    for k in range(2):
        found = run.predict(x, component=k)
        f = run.post.expected(theta, x)[:, 0, k]
        assert found.mean[0] == pytest.approx(f.mean())
        variance = f.var() + np.exp(2 * theta[:, run.post.net.ndim + k]).mean()
        assert found.sd[0] ** 2 == pytest.approx(variance, rel=0.25)


@pytest.mark.parametrize("component", [None, 3, -1, True])
def test_which_one_has_to_be_said(classes, component):
    with pytest.raises(RequestError, match=r"component: .*3 number.*give one of 0 … 2"):
        classes[0].predict(np.zeros(2), component=component)


def test_a_table_has_a_column_of_each(classes, tmp_path):
    _, path = classes
    new, out = tmp_path / "new.csv", tmp_path / "out.csv"
    new.write_text("x\n-1\n0.5\n")
    assert main(["predict", str(path), "--data", str(new), "--to", str(out)]) == 0
    with open(out, newline="") as file:
        names, *rows = csv.reader(file)
    assert names[1:6] == ["mean[0]", "sd[0]", "q05[0]", "q50[0]", "q95[0]"]
    assert not any("noise" in name for name in names)
    table = np.array(rows, dtype=float)
    columns = [names.index(f"mean[{k}]") for k in range(3)]
    np.testing.assert_allclose(table[:, columns].sum(axis=1), 1.0)
