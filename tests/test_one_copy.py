"""One copy everywhere: whatever shows parameters shows the same ones, and what is raw is raw.

Each network below is run once into a file, whose chain and restarts lie in all copies. Then all
places that show numbers of parameters are held against each other.
"""

import csv
import json
import sys
from dataclasses import dataclass

import emcee
import numpy as np
import pytest

import nnpost
from nnpost.cli.commands import main
from nnpost.common.tables import plain_label
from nnpost.comparison.compare import compare
from nnpost.comparison.effort import Detail
from nnpost.comparison.result import Comparison
from nnpost.figures.corner import marked_networks
from nnpost.network.layout import Layout
from nnpost.network.mlp import ACTIVATIONS
from nnpost.report.info import overview
from nnpost.sampling.arviz_groups import arviz_groups
from nnpost.storage.results import write_stages

X = np.linspace(-2, 2, 30)
NOISE = 0.1 * np.random.default_rng(1).normal(size=30)
Y = np.tanh(2 * X - 1) - 2 * np.tanh(X + 1) + NOISE
DATA = nnpost.Dataset(X, Y)
TWO = nnpost.Dataset(X, np.column_stack([Y, Y[::-1]]), y_names=("u", "v"))
PLANE = nnpost.Dataset(np.column_stack([X, np.cos(5 * X)]), Y)


def posterior(net, data=DATA, likelihood=None):
    noise = nnpost.Gaussian(0.1) if likelihood is None else likelihood
    return nnpost.Posterior(net, data, noise, nnpost.GaussianPrior(3.0))


POSTERIORS = {
    "sigmoid": posterior(nnpost.MLP(1, (2,)), likelihood=nnpost.Gaussian("infer")),
    "no biases, a skip": posterior(nnpost.MLP(2, (2,), "tanh", bias=False, skip=True), PLANE),
    "ReLU": posterior(nnpost.MLP(1, (3,), "relu")),
    "two outputs": posterior(
        nnpost.MLP(1, (2,), "tanh", outputs=2), TWO, nnpost.GaussianTargets(2)
    ),
}


@dataclass(frozen=True)
class Made:
    """A run in a file, before and after it was compared."""

    run: nnpost.Run
    comparison: Comparison
    before: dict

    @property
    def raw(self):
        return self.run.get_chain(discard=self.run.burnin, flat=True)

    def exported(self, what, folder, *more):
        """What `nnpost export` writes: by NPZ, and the same by CSV."""
        files = [folder / f"{what}.npz", folder / f"{what}.csv"]
        for file in files:
            argv = ["export", self.run.path, "--what", what, "--to", str(file), "--quiet", *more]
            assert main(argv) == 0
        with np.load(files[0]) as archive:
            found = {name: archive[name] for name in archive.files}
        with files[1].open(newline="") as text:
            head, *rows = csv.reader(text)
        assert head == found["labels"].tolist() == [plain_label(s) for s in self.run.post.labels]
        assert not set("$\\{}_") & set("".join(head))
        table = np.array(rows, dtype=float)
        np.testing.assert_array_equal(table.reshape(found["theta"].shape), found["theta"])
        return found


def info(path: str, capsys) -> dict:
    capsys.readouterr()
    assert main(["info", path, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module", params=POSTERIORS)
def made(request, tmp_path_factory):
    post, path = POSTERIORS[request.param], tmp_path_factory.mktemp("runs") / "run.h5"
    fits = nnpost.train(post, restarts=6, epochs=30, lr=0.1)
    nnpost.sample(
        post, path=path, nsteps=60, nwalkers=32, start="prior", moves="stretch", fits=fits
    )
    run = nnpost.load(path)
    before = overview(path)
    comparison = compare(post, run.fits, run, detail=Detail(predicted=20, polished=1))
    write_stages(path, comparison)
    return Made(run, comparison, before)


def is_folded(net, theta) -> bool:
    """By hand: first weights are positive where units can be flipped, and units are in order."""
    units = net.hidden[0]
    w = theta[..., : units * net.inputs : net.inputs]
    b = theta[..., units * net.inputs : units * (net.inputs + 1)] if net.bias else None
    place = w if b is None else -b / w
    positive = net.activation == "relu" or (w > 0).all()
    return bool(positive and (np.diff(place, axis=-1) >= 0).all())


def test_draws(made, tmp_path, monkeypatch, capsys):
    run, post = made.run, made.run.post
    one = run.samples
    assert is_folded(post.net, one)
    assert not is_folded(post.net, made.raw)
    f, g = (post.predict(theta[::50]) for theta in (one, made.raw))
    np.testing.assert_allclose(f, g, atol=1e-9)
    nnpost.figures.corner(run, parameters=[0])  # which imports what draws it
    core, drawn = sys.modules["corner.core"], []
    impl = core.corner_impl
    monkeypatch.setattr(core, "corner_impl", lambda x, **how: drawn.append(x) or impl(x, **how))
    figure = nnpost.figures.corner(run, parameters=range(post.ndim))
    assert "folded" in figure.legends[0].get_title().get_text()
    rows = run.chain[run.burnin :], run.log_prob[run.burnin :]
    walkers = arviz_groups(post, *rows).groups["posterior"]["theta"]
    places = {
        "export": made.exported("samples", tmp_path)["theta"],
        "ArviZ": walkers.swapaxes(0, 1).reshape(one.shape),
        "corner": drawn[0],
    }
    for place, theta in places.items():
        np.testing.assert_array_equal(theta, one, err_msg=place)
    found = info(run.path, capsys)["posterior"]["theta"]
    for summary in (vars(made.comparison.theta), found):
        np.testing.assert_allclose(summary["mean"], one.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(summary["sd"], one.std(axis=0), rtol=1e-9)
    figure = nnpost.figures.traces(run, parameters=[0])
    left = figure.axes[-2]
    assert left.get_ylabel() == f"{post.labels[0]}, folded"
    first = nnpost.symmetry.fold(post.net, run.chain[:, 0])[:, 0]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), first)


def test_networks(made, tmp_path, capsys):
    run, post, comparison = made.run, made.run.post, made.comparison
    names = dict(zip(("sgd", "map", "mle", "best_sample"), comparison.models, strict=True))
    rows = dict(zip(names, comparison.folded, strict=True))
    assert is_folded(post.net, rows["map"])
    found, marks = info(run.path, capsys), marked_networks(run, comparison=comparison)
    table = [line[1:5] for line in comparison.table()][3:]
    for k, (name, theta) in enumerate(rows.items()):
        np.testing.assert_array_equal(found[name]["theta"], theta, err_msg=name)
        np.testing.assert_array_equal(marks[names[name]], theta, err_msg=name)
        cells = [float(line[k]) for line in table]
        np.testing.assert_allclose(cells, theta, rtol=1e-5, atol=6e-4, err_msg=name)
        model = comparison.models[names[name]]
        np.testing.assert_allclose(post.predict(theta), post.predict(model.theta), atol=1e-7)
        # what belongs to the log posterior is told, too
        np.testing.assert_array_equal(found[name]["theta_found"], model.theta)
        assert found[name]["log_posterior"] == pytest.approx(post.log_prob(model.theta))
    for name in ("sgd", "map"):
        np.testing.assert_array_equal(made.exported(name, tmp_path)["theta"], rows[name])
    assert found["labels"] == [line[0] for line in comparison.table()][3:]


def test_networks_that_nobody_has_compared_yet(made):
    """SGD, MAP and MLE of the fits, as the corner plot marks them then."""
    marks = marked_networks(made.run, made.run.fits)
    for name in ("SGD", "MAP", "MLE"):
        np.testing.assert_array_equal(made.before[name.lower()]["theta"], marks[name])
    assert is_folded(made.run.post.net, np.array(made.before["map"]["theta"]))
    assert made.before["best_sample"] is None


def test_restarts(made, tmp_path):
    post, fits = made.run.post, made.run.fits
    found = made.exported("fits", tmp_path)
    assert is_folded(post.net, found["theta"])
    assert not is_folded(post.net, fits.theta)
    np.testing.assert_allclose(post.loss(found["theta"]), fits.mse, rtol=1e-9)
    np.testing.assert_array_equal(found["log_prob"], fits.log_prob)
    figure = nnpost.figures.corner(made.run, parameters=[0, 1], population=True)
    dots = max(figure.axes[2].lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_array_equal(dots.get_xydata(), found["theta"][:, :2])


def test_what_is_raw(made, tmp_path):
    run, comparison = made.run, made.comparison
    np.testing.assert_allclose(run.post.log_prob(made.raw), run.sample_log_prob, rtol=1e-9)
    backend = emcee.backends.HDFBackend(run.path, read_only=True)
    found = made.exported("samples", tmp_path, "--unfolded")
    places = {
        "export": found["theta"],
        "emcee": backend.get_chain(discard=run.burnin, flat=True),
        "chain": run.chain[run.burnin :].reshape(made.raw.shape),
    }
    for place, theta in places.items():
        np.testing.assert_array_equal(theta, made.raw, err_msg=place)
    assert found["copy"] == "as they were found"
    assert made.exported("samples", tmp_path)["copy"] == "folded to one copy"
    fits = made.exported("fits", tmp_path, "--unfolded")["theta"]
    np.testing.assert_array_equal(fits, run.fits.theta)
    marks = marked_networks(run, comparison=comparison, unfolded=True)
    for name in ("SGD", "MAP"):
        found = made.exported(name.lower(), tmp_path, "--unfolded")
        np.testing.assert_array_equal(found["theta"], comparison.models[name].theta)
        np.testing.assert_array_equal(found["theta"], marks[name])
        assert run.post.log_prob(found["theta"]) == pytest.approx(float(found["log_prob"]))
    figure = nnpost.figures.corner(run, parameters=[0], unfolded=True)
    assert "not folded" in figure.legends[0].get_title().get_text()


def test_the_names_that_torch_has_not_say_the_same_symmetries():
    """Whoever reads a file folds by nnpost/network/names.py, and whoever computes by mlp.py."""
    for name in ACTIVATIONS:
        assert Layout(1, (2,), name).symmetry == nnpost.MLP(1, (2,), name).symmetry
