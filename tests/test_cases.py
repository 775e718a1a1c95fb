"""Small inputs that went wrong for people once, and what is right; the tables are in tests/cases.

Those of tables that are read, of columns that are named and of a constant target are in
experiment/test_own_tables.py, outliers and uneven noise in comparison/test_check_fit.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from small import main, quick

import nnpost
from nnpost import MLP, Gaussian, GaussianPrior, Posterior
from nnpost.cli.commands import main as command
from nnpost.comparison.result import Comparison
from nnpost.report.info import overview
from nnpost.storage.results import read_stage

CASES = Path(__file__).parent / "cases"
TANH = ["--set", "network.activation=tanh"]


def case(name, *more):
    return ["run", "--data", str(CASES / f"{name}.csv"), *more]


@pytest.fixture(scope="module")
def niles(tmp_path_factory):
    """The Nile: flows in 10⁸ m³ over years from 1871 on, and the same standardised by hand."""
    found = []
    for name in ("nile_raw", "nile_std"):
        out = tmp_path_factory.mktemp("nile") / f"{name}.h5"
        assert main([*case(name, "--x", "x1", "--y", "y"), *quick(out), *TANH, "--quiet"]) in (0, 1)
        found.append(out)
    return found


def test_raw_units_are_as_good_as_standardised_ones_by_hand(niles):
    raw, by_hand = map(overview, niles)
    assert raw["data"]["scale"]["y_scale"] == pytest.approx(169.85, abs=0.01)
    for name in ("sgd", "map"):  # the network sees the same, but for the rounding of the table
        assert raw[name]["log_posterior"] == pytest.approx(by_hand[name]["log_posterior"], abs=0.05)
    rows = np.loadtxt(CASES / "nile_raw.csv", delimiter=",", skiprows=1)
    assert raw["map"]["mse"] < 0.75 * rows[:, 1].var()
    assert not raw["fit"]["checks"]["against_a_constant"]["fired"]
    assert 600 < np.min(raw["predictions"]["mean"]) < np.max(raw["predictions"]["mean"]) < 1300


def test_raw_units_without_scaling_are_told_to_be_worse_than_a_constant(tmp_path, capsys):
    out = tmp_path / "run.h5"
    more = ["data.scale=none", "prior.std=30.0", "network.activation=tanh"]
    assert main([*case("nile_raw", "--x", "x1", "--y", "y"), *quick(out, *more)]) in (0, 1)
    assert "worse than a constant" in capsys.readouterr().out
    assert command(["info", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fit"]
    assert not found["holds"]
    assert found["checks"]["against_a_constant"]["fired"]
    assert found["checks"]["prior"]["fired"]


def highest(out):
    """Nothing that a run file holds is higher than its MAP, or likelier than its MLE."""
    run, comparison = nnpost.load(out), read_stage(out, Comparison)
    everything = np.vstack([run.chain.reshape(-1, run.post.ndim), run.fits.theta])
    everything = np.vstack([everything, *(m.theta for m in comparison.models.values())])
    return (
        run.post.log_prob(everything).max() <= comparison.map.log_prob + 1e-6
        and run.post.log_likelihood(everything).max() <= comparison.mle.log_likelihood + 1e-6
    )


def test_no_network_is_likelier_than_the_mle_and_no_draw_higher_than_the_map(niles, tmp_path):
    assert all(map(highest, niles))
    out = tmp_path / "wide.h5"
    options = quick(out, "data.scale=none", "prior.std=30.0", "network.activation=tanh")
    assert main([*case("nile_std", "--x", "x1", "--y", "y"), *options]) in (0, 1)
    assert highest(out)


def test_data_without_noise_are_named(tmp_path, capsys):
    """y is a curve of two units: σ runs to zero, and the run ends and says why."""
    out = tmp_path / "run.h5"
    argv = [*case("exact", "--x", "x", "--y", "y"), *quick(out, "temper.particles=200"), *TANH]
    assert main(argv) in (0, 1)
    shown = capsys.readouterr().out
    assert "sigma runs to zero" in shown
    assert "--set likelihood.sigma=" in shown
    found = overview(out)
    assert found["fit"]["checks"]["inferred_noise"]["fired"]


def line_by_quadrature(data):
    """Mean and sd of slope, intercept, log factor, and log Z: closed forms on a grid of log σ."""
    grid = np.linspace(0.3, 1.6, 201)
    forms = [
        nnpost.closed_form(Posterior(MLP(1, ()), data, Gaussian(float(np.exp(s))), GaussianPrior()))
        for s in grid
    ]
    prior = -0.5 * (grid / 3) ** 2 - np.log(3 * np.sqrt(2 * np.pi))
    heights = np.array([form.log_evidence for form in forms]) + prior
    weights = np.exp(heights - heights.max())
    log_z = heights.max() + np.log(weights.sum() * (grid[1] - grid[0]))
    weights /= weights.sum()
    means = np.column_stack([[form.mean for form in forms], grid])
    spread = np.column_stack([[form.sd**2 for form in forms], 0 * grid])
    mean = weights @ means
    return mean, np.sqrt(weights @ (spread + means**2) - mean**2), log_z


def test_errors_that_are_too_small_have_their_factor_inferred(tmp_path):
    columns = ["--x", "x", "--y", "y", "--yerr", "err"]
    data = nnpost.read_data(CASES / "line_small_errors.csv", "x", "y", "err")
    mean, sd, log_z = line_by_quadrature(data)
    known = [(-0.9545, 0.0264), (4.265, 0.138), (0.910, 0.103)]
    assert np.allclose(np.transpose([mean, sd]), known, atol=6e-4)
    assert log_z == pytest.approx(-70.876, abs=1e-3)
    out = tmp_path / "run.h5"
    more = ["network.hidden=[]", "likelihood.sigma=infer", "data.scale=none",
            "temper.particles=1000", "temper.steps=8", "sample.nsteps=400"]  # fmt: skip
    assert main([*case("line_small_errors", *columns), *quick(out, *more)]) == 0
    run = nnpost.load(out)
    assert np.allclose(run.samples.mean(axis=0), mean, atol=0.1 * sd)
    assert np.allclose(run.samples.std(axis=0), sd, rtol=0.1)
    assert run.log_evidence == pytest.approx(log_z, abs=0.1)


@pytest.mark.long
def test_the_whole_run_on_raw_units_converges(tmp_path):
    out = tmp_path / "run.h5"
    options = ["--out", str(out), "--no-figures", "--quiet", *TANH]
    assert command([*case("nile_raw", "--x", "x1", "--y", "y"), *options]) == 0
    found = overview(out)
    assert found["convergence"]["converged"]
    assert found["evidence"]["trusted"]
    assert found["posterior"]["log_likelihood"]["mean"] > -110


@pytest.mark.long
def test_the_whole_run_on_data_without_noise_ends_and_says_why(tmp_path, capsys):
    out = tmp_path / "run.h5"
    options = ["--out", str(out), "--no-figures", *TANH]
    assert command([*case("exact", "--x", "x", "--y", "y"), *options]) in (0, 1)
    assert "sigma runs to zero" in capsys.readouterr().out
