"""Interactive pictures: the numbers of the run, and colours that can be seen."""

import base64
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from small import main

import nnpost
from nnpost.figures.interactive.style import DARK, ENSEMBLES
from nnpost.storage.results import read_stage

pytest.importorskip("plotly", reason="pip install 'nnpost[interactive]'")
interactive = nnpost.figures.interactive
CSS = Path(nnpost.__file__).parent / "report" / "templates" / "page.css"


def array(value):
    """What plotly has made of numbers in JSON."""
    if isinstance(value, list):
        return np.array(value)
    found = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    return found.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else found


def traces_of(figure):
    """Its traces by name, as the page has them."""
    return {trace["name"]: trace for trace in json.loads(figure.to_json())["data"]}


@pytest.fixture(scope="module")
def run(made):
    return nnpost.load(made)


@pytest.fixture(scope="module")
def comparison(made):
    return read_stage(made, nnpost.Comparison)


def test_points_are_folded_draws_with_their_log_posteriors(run, comparison):
    figure = interactive.corner(run, comparison, x=1, y="b1")
    found = traces_of(figure)
    assert set(found) == {"draws", "restarts", "SGD", "MAP", "MLE", "best sample"}
    draws = array(found["draws"]["customdata"])
    at = run.spread_out(2000)
    theta = nnpost.symmetry.fold(run.post.net, run.samples)[at]
    wanted = np.c_[theta, run.sample_log_prob[at]]
    np.testing.assert_allclose(draws, wanted, rtol=1e-6)
    ends = nnpost.symmetry.fold(run.post.net, run.fits.theta)
    crowd = array(found["restarts"]["customdata"])
    np.testing.assert_allclose(crowd, np.c_[ends, run.fits.log_prob], rtol=1e-6)
    for k, name in enumerate(("SGD", "MAP", "MLE", "best sample")):
        (point,) = array(found[name]["customdata"])
        model = comparison.models[name]
        assert point[-1] == pytest.approx(model.log_prob, rel=1e-6)
        np.testing.assert_allclose(point[:-1], comparison.folded[k], rtol=1e-5)
    for trace in found.values():
        rows = array(trace["customdata"])
        np.testing.assert_array_equal(array(trace["x"]), rows[:, 1])
        np.testing.assert_array_equal(array(trace["y"]), rows[:, 2])
    layout = json.loads(figure.to_json())["layout"]
    assert layout["meta"]["names"] == ["w1", "w2", "b1", "b2", "a1", "a2", "c"]
    assert layout["meta"]["pair"] == [1, 2]
    assert layout["xaxis"]["range"] == layout["meta"]["ranges"][1]


def test_a_run_without_fits_has_its_best_sample(run):
    alone = dataclasses.replace(run, fits=None)
    assert set(traces_of(interactive.corner(alone))) == {"draws", "best sample"}


def test_all_walkers_are_among_the_points_however_long_the_chain_is(run):
    """Every 2,000th of so many draws is of one and the same walker."""
    rows, walkers = 2000, run.nwalkers
    chain = np.ones((rows, walkers, run.post.ndim)) + np.arange(walkers)[:, None]
    log_prob = np.tile(np.arange(float(walkers)), (rows, 1))
    long = dataclasses.replace(run, chain=chain, log_prob=log_prob, discard=0, fits=None)
    vars(long)["best_sample"] = run.best_sample
    points = array(traces_of(interactive.corner(long))["draws"]["customdata"])
    assert 1000 < len(points) <= 2000
    assert set(points[:, -1]) == set(range(walkers))


def test_curves_are_those_of_the_networks_and_the_band_holds_nine_tenths(run, comparison):
    figure = json.loads(interactive.fits(run.post, comparison, run).to_json())
    low, band, *_ = figure["data"]
    x = array(band["x"])
    for name in ("SGD", "MAP", "MLE", "best sample"):
        (trace,) = [one for one in figure["data"] if one["name"] == name]
        wanted = run.post.expected(comparison.models[name].theta, x[:, None])
        np.testing.assert_allclose(array(trace["y"]), wanted)
    curves = run.post.expected(run.samples[run.spread_out(2000)], x[:, None])
    inside = (curves > array(low["y"])) & (curves < array(band["y"]))
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
    np.testing.assert_array_equal(array(band["customdata"]), array(low["y"]))
    (data,) = [one for one in figure["data"] if one["name"] == "data"]
    np.testing.assert_array_equal(array(data["y"]), run.post.data.y)


def test_restarts_are_where_training_left_them(run, comparison):
    found = traces_of(interactive.restarts(run.fits, comparison))
    crowd = found[f"{len(run.fits.mse)} restarts"]
    np.testing.assert_allclose(array(crowd["x"]), run.fits.mse)
    np.testing.assert_allclose(array(crowd["y"]), comparison.map.log_prob - run.fits.log_prob)
    assert array(found["MAP"]["y"])[0] == 1e-3  # the axis has no zero
    assert array(found["SGD"]["x"])[0] == comparison.sgd.mse


def test_traces_are_the_walkers_of_every_ensemble(run):
    figure = json.loads(interactive.traces(run).to_json())
    rows = [one for one in figure["data"] if one["yaxis"] == "y"]
    assert len(rows) == 2 * run.ensembles
    size = run.nwalkers // run.ensembles
    for k, trace in enumerate(rows):
        walker = run.log_prob[:, (k // 2) * size + k % 2]
        assert trace["name"] == f"ensemble {k // 2 + 1}"
        np.testing.assert_allclose(array(trace["y"]), walker, rtol=1e-6)
    assert [figure["layout"][f"yaxis{k}"]["title"]["text"] for k in range(2, 7)] == [
        "f(-5)", "f(0)", "f(5)", "w1, folded", "w2, folded",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["several inputs", "classes"])
def test_what_has_no_one_curve_is_drawn_at_the_data(kind):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, 2 if kind == "several inputs" else 1))
    if kind == "classes":
        data, net = (
            nnpost.Dataset(x, (x[:, 0] > 0) * 1.0 + (x[:, 0] > 0.5)),
            nnpost.MLP(1, outputs=3),
        )
        post = nnpost.Posterior(net, data, nnpost.Categorical(3), nnpost.GaussianPrior(3.0))
    else:
        data = nnpost.Dataset(x, x[:, 0] + 0.1 * rng.normal(size=30), np.full(30, 0.1))
        post = nnpost.Posterior(nnpost.MLP(2), data, nnpost.Gaussian(), nnpost.GaussianPrior(3.0))
    fits = nnpost.train(post, restarts=4, epochs=20)
    run = nnpost.sample(post, nsteps=100, nwalkers=24, start="prior", moves="stretch", fits=fits)
    comparison = nnpost.compare(post, fits, run)
    figure = json.loads(interactive.fits(post, comparison, run).to_json())
    shown = [one for one in figure["data"] if one["name"] == "MAP"]
    assert len(shown) == (3 if kind == "classes" else 1)
    if kind == "classes":
        assert sum(array(one["y"]) for one in shown) == pytest.approx(1)
    else:
        np.testing.assert_allclose(array(shown[0]["x"]), data.y)
        np.testing.assert_allclose(array(shown[0]["y"]), post.expected(comparison.map.theta))
    assert sum(bool(one.get("showlegend")) for one in shown) == 1


def luminance(color):
    """Relative, of #rrggbb (WCAG 2.2)."""
    parts = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_seen_on_the_page_in_light_and_in_dark(run, comparison):
    light, dark = re.findall(r"--paper: (#\w{6})", CSS.read_text("utf-8"))[:2]
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert set(ENSEMBLES) <= set(DARK)
    for ours, theirs in DARK.items():
        assert contrast(ours, light) >= 3, ours
        assert contrast(theirs, dark) >= 3, theirs
    made = [
        interactive.corner(run, comparison), interactive.fits(run.post, comparison, run),
        interactive.restarts(run.fits, comparison), interactive.traces(run),
    ]  # fmt: skip
    used = {color for figure in made for color in re.findall(r"#\w{6}", figure.to_json())}
    assert used <= set(DARK)  # nothing keeps its colour on a dark page


def test_without_plotly_one_line_says_what_to_do(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "plotly", None)
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    out = tmp_path / "page.html"
    assert main(["report", str(made), "--out", str(out), "--interactive"]) == 2
    assert capsys.readouterr().err == (
        "nnpost: interactive pictures need plotly, which is not installed: "
        "pip install 'nnpost[interactive]'\n"
    )
    assert list(tmp_path.iterdir()) == []
