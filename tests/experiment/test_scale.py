"""Data of one's own are standardised for the network; people see the units of their file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from small import QUICK, main, quick

import nnpost
from nnpost import MLP, Dataset, Posterior, sample
from nnpost.cli.commands import main as command
from nnpost.comparison.score_held_out import score_held_out
from nnpost.data.scaling import Scaling
from nnpost.experiment.experiment import Experiment, builtins, load_experiment
from nnpost.experiment.request import make_request, stored_experiment
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.likelihoods.student_t import StudentT
from nnpost.report.info import overview
from nnpost.storage.runfile import new_file
from nnpost.sweep.cell import Cell, finished

YEARS = np.arange(1871.0, 1911.0)
FLOW = 900 + 200 * np.tanh((1895 - YEARS) / 5) + 60 * np.random.default_rng(5).standard_normal(40)


def asked(folder, *settings, errors=False) -> Experiment:
    file = folder / "nile.csv"
    rows = np.column_stack([YEARS, FLOW, np.full(40, 60.0)])
    np.savetxt(file, rows, delimiter=",", header="year,volume,err", comments="")
    own = Experiment().with_data(str(file), ["year"], "volume", "err" if errors else None)
    return own.with_settings([*QUICK, "network.hidden=1", "network.activation=tanh", *settings])


def test_what_is_left_open_is_written_out(tmp_path):
    own = asked(tmp_path)
    whole = own.resolved(own.build())
    assert (whole.data.scale, whole.prior.std) == ("standard", 2.0)
    table = own.with_settings(["prior.std={biases = 1.0}"]).build().scales
    assert sorted(set(table[:-1])) == [1.0, 2.0]  # the last is that of log sigma
    as_it_is = own.with_settings(["data.scale=none"])
    assert as_it_is.resolved(as_it_is.build()).prior.std == 30.0
    for name in builtins():
        article = load_experiment(name)
        assert article.data.resolved().scale == "none"
        assert article.prior.resolved(article.data).std == (article.prior.std or 30.0)


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
def test_noise_that_is_given_is_in_units_of_y(tmp_path, scale):
    own = asked(tmp_path, f"data.scale={scale}", "likelihood.sigma=60.0")
    post = own.build()
    assert post.file_likelihood.sigma == pytest.approx(60.0)
    assert post.likelihood.sigma == pytest.approx(60.0 / post.data.scaling.y_scale)
    theta = np.zeros((1, post.ndim))
    mean = post.data.scaling.y_centre  # what a network of zeros says
    by_hand = -0.5 * np.sum((FLOW - mean) ** 2) / 60.0**2 - 40 * np.log(60 * np.sqrt(2 * np.pi))
    found = post.data.log_evidence_to_file(post.log_likelihood(theta)[0])
    assert found == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [
        (MSE(), "exp(−MSE), Gaussian noise of σ = 500"),
        (Gaussian(0.5), "Gaussian, σ = 50"),
        (StudentT(3.0, 0.5), "Student's t, ν = 3, σ = 50"),
        (Gaussian("infer"), "Gaussian, σ inferred"),
    ],
)
def test_noise_in_words_is_in_units_of_the_file_everywhere(likelihood, words):
    """50 points whose y spreads by 100: exp(−MSE) is σ = √(n/2) = 5 on the network's scale. The
    densities are those of that noise."""
    x = np.linspace(0, 1, 50)
    y = 1000 + 100 * np.resize([-1.0, 1.0], 50)
    raw = Dataset(x, y)
    post = Posterior(MLP(1), raw.scaled(Scaling.of(raw, "standard")), likelihood)
    assert post.file_words == words
    run = sample(post, nsteps=4, start="prior")
    assert score_held_out(run, raw).noise == words
    if isinstance(likelihood, (MSE, Gaussian)) and not post.infers_noise:
        theta = np.zeros(post.ndim)  # which says 1000, ±100 from every point
        sigma = float(words.rpartition(" ")[2])
        expected = norm.logpdf(100, 0, sigma)
        found = post.data.scaling.log_density_to_file(post.pointwise_log_likelihood(theta))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_likelihood_of_ones_own_class_may_call_anything_sigma():
    class Own(MSE):
        sigma = 3.0

    x = np.linspace(0, 1, 5)
    post = Posterior(
        MLP(1), Dataset(x, 7 * x).scaled(Scaling(np.zeros(1), np.ones(1), 0, 2.0)), Own()
    )
    assert post.file_likelihood is post.likelihood


@pytest.mark.parametrize("sigma", [3, np.int64(3), np.float32(3), np.float64(3)])
def test_a_number_of_numpy_is_noise_in_units_of_the_file_as_well(sigma):
    x = np.linspace(0, 1, 5)
    data = Dataset(x, 7 * x).scaled(Scaling(np.zeros(1), np.ones(1), 0, 2.0))
    assert Posterior(MLP(1), data, Gaussian(sigma)).file_likelihood == Gaussian(6.0)


def test_a_factor_of_the_errors_has_no_unit(tmp_path):
    post = asked(tmp_path, errors=True).build()
    assert post.likelihood == post.file_likelihood == Gaussian(1.0)
    assert np.allclose(post.data.yerr * post.data.scaling.y_scale, 60.0)


def test_all_that_is_shown_is_in_units_of_the_file(tmp_path, capsys):
    out, report = tmp_path / "run.h5", tmp_path / "report.html"
    asked(tmp_path)
    options = ["--set", "network.hidden=1", "--set", "network.activation=tanh"]
    file = str(tmp_path / "nile.csv")
    columns = ["--data", file, "--x", "year", "--y", "volume"]
    assert main(["run", *columns, *quick(out), *options, "--quiet"]) in (0, 1)
    found = overview(out)
    scale = found["data"]["scale"]
    assert scale["x_centre"] == [pytest.approx(YEARS.mean())]
    assert scale["y_scale"] == pytest.approx(FLOW.std())
    evidence = found["evidence"]
    difference = evidence["log_z"] - evidence["log_z_file"]
    assert difference == pytest.approx(40 * np.log(FLOW.std()))
    assert found["predictions"]["x"][0] == pytest.approx(1871 - 39 / 2)
    assert 700 < np.mean(found["predictions"]["mean"]) < 1100
    run = nnpost.load(out)
    residuals = FLOW - run.post.predict(np.array(found["sgd"]["theta"]), YEARS)
    assert found["sgd"]["mse"] == pytest.approx(np.mean(residuals**2))
    assert np.abs(found["map"]["theta"]).max() < 30  # weights are on the network's scale

    words = f"(year − 1890.5) / {YEARS.std():.5g}, (volume − {FLOW.mean():.5g}) / {FLOW.std():.5g}"
    assert command(["info", str(out)]) == 0
    shown = capsys.readouterr().out
    assert words in shown
    assert f"{evidence['log_z_file']:.3f} of y in units of the file" in " ".join(shown.split())
    assert command(["report", str(out), "--out", str(report), "--quiet"]) == 0
    assert words in report.read_text("utf-8")
    assert repr(run).count("of y in units of the file") == 1


def test_made_up_data_say_nothing_of_a_scale(made):
    found = overview(made)
    assert found["data"]["scale"] is None
    assert found["evidence"]["log_z_file"] == found["evidence"]["log_z"]


def old_file(folder, own):
    """A run file as it was written before data could be scaled."""
    path = folder / "old.h5"
    plain = own.with_settings(["data.scale=none", "prior.std=30.0"])
    request = make_request(plain, path, figures=False, progress=False)
    groups = request.groups()
    text = "\n".join(
        line for line in groups["experiment"]["toml"].splitlines() if "scale = " not in line
    )
    groups["experiment"]["toml"] = text
    new_file(path, groups)
    return path


def test_an_older_run_goes_on_in_the_units_that_it_began_with(tmp_path):
    own = asked(tmp_path)
    path = old_file(tmp_path, own)
    assert stored_experiment(path).data.scale == "none"
    same = own.with_settings(["data.scale=none", "prior.std=30.0"])
    assert make_request(same, path, figures=False, resume=True).post.data.scaling.is_none
    with pytest.raises(nnpost.RequestError, match=r"data.scale is 'none' there, 'standard' asked"):
        make_request(own, path, figures=False, resume=True)


def test_a_cell_that_was_run_in_other_units_is_not_finished(tmp_path, monkeypatch):
    own = asked(tmp_path)
    path = old_file(tmp_path, own)
    cell = Cell("a", tmp_path, own)
    monkeypatch.setattr(Cell, "run_file", property(lambda cell: path))
    monkeypatch.setattr("nnpost.sweep.cell.committed_rows", lambda path: own.sample.rows)
    monkeypatch.setattr("nnpost.sweep.cell.read_group", lambda path, name: {})
    assert not finished(cell)
    plain = own.with_settings(["data.scale=none"])
    assert finished(replace(cell, experiment=plain))


def test_scans_say_on_which_scale_the_evidence_is(tmp_path, capsys):
    asked(tmp_path)
    options = ["temper.particles=64", "temper.steps=2", "train.restarts=8", "train.epochs=60"]
    argv = ["units", "--data", tmp_path / "nile.csv", "--x", "year", "--y", "volume", "--json",
            "--hidden", "1", "--figures", tmp_path, "--quiet"]  # fmt: skip
    argv += [word for one in options for word in ("--set", one)]
    assert command([str(word) for word in argv]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["data"]["scale_in_words"].startswith("(year − 1890.5)")
    assert 1e3 < found["sizes"][0]["mse"]["best"] < 1e5
