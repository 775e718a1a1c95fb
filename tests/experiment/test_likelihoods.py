"""A run on labels, classes and counts: all stages, what info says of them, and the figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from small import QUICK, main

from nnpost import figures, load
from nnpost.common.errors import RequestError
from nnpost.comparison.result import Comparison
from nnpost.experiment.experiment import Experiment
from nnpost.storage.results import read_stage

TARGETS = Path(__file__).parents[1] / "cases" / "two_targets.csv"


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    columns = {
        "t": 1900 + 10 * x,
        "label": rng.random(40) < 1 / (1 + np.exp(-2 * x)),
        "kind": np.digitize(x + 0.3 * rng.normal(size=40), [-0.5, 0.5]),
        "count": rng.poisson(np.exp(1 + 0.5 * x)),
        "y": 100 * x + 10 * rng.standard_t(2, size=40),
    }
    path = tmp_path / "table.csv"
    rows = np.column_stack(list(columns.values())).astype(float)
    np.savetxt(path, rows, delimiter=",", header=",".join(columns), comments="", fmt="%.8g")
    return path


@pytest.mark.parametrize(
    ("kind", "y", "loss", "more"),
    [
        ("bernoulli", "label", "log loss", 0),
        ("categorical", "kind", "log loss", 4),
        pytest.param("poisson", "count", "−log L/n", 0, marks=pytest.mark.long),
        pytest.param("student", "y", "−log L/n", 2, marks=pytest.mark.long),
    ],
)
def test_all_stages(table, tmp_path, capsys, kind, y, loss, more):
    out, quick = tmp_path / "run.h5", [word for one in QUICK for word in ("--set", one)]
    data = ["--data", str(table), "--x", "t", "--y", y, "--set", f"likelihood.kind={kind}"]
    data += [
        "--set",
        "data.test=0.2",
        "--set",
        "network.hidden=[1]",
        "--set",
        "network.activation=tanh",
        "--no-figures",
    ]
    assert main(["run", *data, *quick, "--out", str(out), "--quiet"]) in (0, 1)
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == 4 + more == len(found["labels"])
    assert found["sgd"]["mse"] is None
    assert found["sgd"]["loss_name"] == loss
    assert found["sgd"]["loss"] <= found["sgd"]["loss_quantiles"]["q50"]
    assert found["chain"]["moves"] == ("collapsed" if kind == "student" else "hmc")
    held_out = found["held_out"]["scores"][0]["numbers"]
    assert held_out["lppd"]["value"] < 0 or kind == "student"
    assert ("crps" in held_out) == (kind != "categorical")
    assert found["posterior"]["log_posterior"]["mean"] < found["map"]["log_posterior"]
    assert np.isfinite(found["evidence"]["log_z"])
    if kind == "bernoulli":
        mean = np.array(found["predictions"]["mean"])
        assert ((mean > 0) & (mean < 1)).all()
    if kind == "categorical":
        mean = np.array(found["predictions"]["mean"])
        np.testing.assert_allclose(mean.sum(axis=1), 1.0)
        figure = figures.fits_by_component(load(out).post, read_stage(out, Comparison), load(out))
        rows = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
        assert rows == [f"P(kind = {k})" for k in range(3)]
    assert main(["info", str(out)]) == 0
    assert f"{loss} {found['map']['loss']:.4g}" in capsys.readouterr().out


def test_all_stages_of_two_targets(tmp_path, capsys):
    out, quick = tmp_path / "run.h5", [word for one in QUICK for word in ("--set", one)]
    sets = ["data.test=0.2", "network.hidden=[1]", "network.activation=tanh"]
    more = ["--no-figures", *(word for one in sets for word in ("--set", one))]
    data = ["--data", str(TARGETS), "--x", "x", "--y", "u,v"]
    assert main(["run", *data, *quick, *more, "--out", str(out), "--quiet"]) in (0, 1)
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == 2 + 2 + 2 + 2 == len(found["labels"])
    run, comparison = load(out), read_stage(out, Comparison)
    assert np.shape(found["predictions"]["mean"]) == (len(found["predictions"]["x"]), 2)
    figure = figures.fits_by_component(run.post, comparison, run)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["$u$", "$v$"]
    again = ["--set", "sample.nsteps=80", "--out", str(out), "--quiet", "--resume"]
    assert main(["run", *data, *quick, *more, *again]) in (0, 1)
    assert len(load(out).chain) == 80


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["likelihood.kind=poisson", "likelihood.sigma=2"], "likelihood.sigma: .*none to give"),
        (["likelihood.kind=bernoulli", "likelihood.nu=3"], 'only kind = "student"'),
        (["likelihood.kind=student", "likelihood.classes=3"], 'only kind = "categorical"'),
        (["likelihood.kind=categorical", "likelihood.classes=1"], "likelihood.classes"),
        (["likelihood.kind=gausian"], "gaussian"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(RequestError, match=said):
        Experiment().with_settings(settings)


def test_labels_and_counts_are_not_scaled(table):
    asked = Experiment().with_data(str(table), ("t",), "count")
    post = asked.with_settings(["likelihood.kind=poisson"]).build()
    assert abs(post.data.x.mean()) < 1e-9
    assert set(post.data.y) <= set(range(100))
    np.testing.assert_array_equal(post.data.y, post.data.raw.y)


def test_as_many_outputs_as_the_data_have_classes(table):
    asked = Experiment().with_data(str(table), ("t",), "kind")
    asked = asked.with_settings(["likelihood.kind=categorical"])
    post = asked.build()
    assert post.net.outputs == 3
    assert asked.resolved(post).likelihood.classes == 3
