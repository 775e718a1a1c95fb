"""The verdict on the model of a run, and where it is shown."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from small import main, quick

import nnpost
from nnpost import MLP, Dataset, Gaussian, GaussianPrior, OwnLikelihood, Posterior
from nnpost.cli.commands import main as command
from nnpost.comparison.check_fit import check_fit
from nnpost.data.scaling import Scaling
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.heteroscedastic import Heteroscedastic
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.posterior.likelihoods.student_t import StudentT

CASES = Path(__file__).parents[1] / "cases"


def named(verdict):
    return {check.name: check for check in verdict.checks}


def sampled(data, likelihood, hidden=(), prior=10.0, fits=True, **settings):
    net = MLP(data.inputs, hidden, "tanh")
    post = Posterior(net, data, likelihood, GaussianPrior(prior))
    trained = nnpost.train(post, restarts=8, epochs=400) if fits else None
    options = {"nwalkers": 16, "nsteps": 100, "discard": 50, "start": "fits" if fits else "prior"}
    return nnpost.sample(post, ensembles=4, fits=trained, **{**options, **settings})


def line(n=200, sigma=0.3, seed=0, scale="none"):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 50, n)
    data = Dataset(x, 0.5 * x + 1 + sigma * rng.standard_normal(n))
    return data.scaled(Scaling.of(data, scale))


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_a_model_that_describes_its_data(scale):
    data = line(scale=scale)
    sigma = 0.3 / data.scaling.y_scale
    found = check_fit(sampled(data, Gaussian(sigma)))
    checks = named(found)
    assert set(checks) == {
        "against a constant", "residuals", "given noise", "noise over x", "SGD at its end", "prior",
    }  # fmt: skip
    fired = {name for name, check in checks.items() if check.fired}
    assert fired <= {"SGD at its end"}
    square = float(checks["given noise"].text.split("Σ r²/σ² = ")[1].split()[0])
    slope, middle = np.polyfit(data.raw.x[:, 0], data.raw.y, 1)
    known = np.sum((data.raw.y - slope * data.raw.x[:, 0] - middle) ** 2) / 0.3**2
    assert square == pytest.approx(known, rel=0.02)


def test_noise_that_is_given_wrongly_is_seen_in_any_units():
    data = line(scale="standard")
    for factor, word in ((0.5, "too small"), (2.0, "too large")):
        found = check_fit(sampled(data, Gaussian(factor * 0.3 / data.scaling.y_scale), fits=False))
        assert word in named(found)["given noise"].text


def test_outliers_and_uneven_noise_in_runs():
    rows = np.loadtxt(CASES / "line_outliers.csv", delimiter=",", skiprows=1)
    found = check_fit(sampled(Dataset(*rows.T), Gaussian(1.0)))
    assert {"residuals", "given noise"} <= {c.name for c in found.checks if c.fired}
    rows = np.loadtxt(CASES / "hetero.csv", delimiter=",", skiprows=1)
    uneven = check_fit(sampled(Dataset(*rows.T), Gaussian("infer"), hidden=(2,), prior=3.0))
    assert named(uneven)["noise over x"].fired
    assert "given noise" not in named(uneven)


def test_a_fit_worse_than_a_constant():
    rows = np.loadtxt(CASES / "nile_raw.csv", delimiter=",", skiprows=1)
    found = check_fit(sampled(Dataset(*rows.T), Gaussian("infer"), hidden=(2,), prior=30.0))
    checks = named(found)
    assert checks["against a constant"].fired
    assert f"a constant has {rows[:, 1].var():.4g}" in checks["against a constant"].text
    assert checks["prior"].fired


def test_likelihoods_are_asked_what_they_claim():
    names = set(named(check_fit(sampled(line(), nnpost.MSE()))))
    assert names == {"against a constant", "SGD at its end", "prior"}
    without = set(named(check_fit(sampled(line(), Gaussian("infer"), fits=False))))
    assert without == {
        "against a constant", "residuals", "inferred noise", "noise over x", "prior",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("likelihood", "asked"),
    [
        (Heteroscedastic(), False),
        (StudentT(), False),
        (OwnLikelihood(lambda f, y, yerr, own: -(y - f).abs() - np.log(2), "laplace"), False),
        (Poisson(), True),
        (Bernoulli(), True),
    ],
)
def test_a_constant_is_put_beside_fits_that_least_squares_would_judge(likelihood, asked):
    """Points of tiny noise, and a few of a huge one: what follows the former may have a larger mean
    square than the mean of all, and is no worse for that."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 60)
    y = {"Poisson": rng.poisson(2.0, 60), "Bernoulli": x > 0}.get(
        type(likelihood).__name__, x + np.where(x > 0.8, 50.0, 0.01) * rng.standard_normal(60)
    )
    net = MLP(1, outputs=likelihood.outputs)
    post = Posterior(net, Dataset(x, y.astype(float)), likelihood, GaussianPrior(3.0))
    run = nnpost.sample(post, start="prior", nsteps=40, nwalkers=16)
    assert ("against a constant" in named(check_fit(run))) == asked


def test_the_model_is_told_of_everywhere(tmp_path, capsys):
    out, report = tmp_path / "run.h5", tmp_path / "report.html"
    options = ["--data", str(CASES / "line_outliers.csv"), "--x", "x", "--y", "y", "--yerr", "err"]
    assert main(["run", *options, *quick(out), "--set", "network.hidden=[]"]) in (0, 1)
    printed = capsys.readouterr().out
    assert command(["info", str(out)]) == 0
    shown = capsys.readouterr().out
    assert command(["info", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fit"]
    assert command(["report", str(out), "--out", str(report), "--quiet"]) == 0
    page = html.unescape(re.sub("<[^>]*>", "", report.read_text("utf-8")))
    assert (found["holds"], found["word"]) == (False, "in doubt")
    told = found["checks"]["residuals"]
    assert told["fired"]
    assert told["p"] < 5e-3
    assert "Shapiro–Wilk" in told["text"]
    for text in (printed, shown, page):
        assert told["text"] in text
    assert "The model is in doubt." in page
    run = nnpost.load(out)
    assert run.fit.as_dict() == found
    assert "in doubt" in repr(run)
    nnpost.sample(run.post, out, nsteps=4, moves="stretch", start="prior", seed=1)
    assert nnpost.load(out).fit is None  # it was on the old chain
