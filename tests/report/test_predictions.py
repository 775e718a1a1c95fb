"""Predictions for the rows of a table: what a run predicts, under the right names, in a file."""

import csv

import numpy as np
import pytest
from small import main

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.prediction.prediction import Prediction
from nnpost.sampling.sample import sample
from nnpost.training.train import train

LEVELS = (0.05, 0.5, 0.95)
PLAIN = ["mean", "sd", "q05", "q50", "q95"]
NOISY = ["sd_with_noise", "q05_with_noise", "q50_with_noise", "q95_with_noise"]
NETWORKS = ["sgd", "map", "ensemble"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs and their files: of a curve in x, and of a plane in a and "mean", with errors."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("runs")
    x, z = rng.uniform(-3, 3, 40), rng.normal(size=(40, 2))
    curve = Dataset(x, np.sin(x) + 0.1 * rng.normal(size=40))
    errors = rng.uniform(0.5, 1, 40)
    plane = Dataset(
        z, z @ [1, -2] + errors * rng.normal(size=40), errors, x_names=("a", "mean"), yerr_name="e"
    )
    posts = {
        "curve": Posterior(MLP(1, (2,), "tanh"), curve, Gaussian("infer")),
        "plane": Posterior(MLP(2), plane, Gaussian(1.0)),
    }
    paths = {name: folder / f"{name}.h5" for name in posts}
    made = {}
    for name, post in posts.items():
        fits = train(post, restarts=4, epochs=50)
        made[name] = sample(post, paths[name], nsteps=50, start="prior", fits=fits)
    return made, paths


def predicted(run_file, table, out, *more):
    return main(["predict", str(run_file), "--data", str(table), "--to", str(out), *more])


def read(path):
    with open(path, newline="") as file:
        names, *rows = csv.reader(file)
    return names, np.array(rows, dtype=float)


def columns(plain: Prediction, noise: Prediction | None) -> np.ndarray:
    """The numbers of a table, from predictions."""
    rows = [plain.mean, plain.sd, *plain.quantiles.values()]
    rows += [] if noise is None else [noise.sd, *noise.quantiles.values()]
    return np.column_stack([plain.x, *rows, *plain.networks.values()])


def test_the_table_is_what_the_run_predicts(runs, tmp_path, capsys):
    made, paths = runs
    assert predicted(paths["curve"], "tests/cases/new_x.csv", tmp_path / "out.csv") == 0
    names, numbers = read(tmp_path / "out.csv")
    assert names == ["x", *PLAIN, *NOISY, *NETWORKS]
    x = np.linspace(-2, 2, 9)
    plain, noise = (made["curve"].predict(x, noise=noise) for noise in (False, True))
    np.testing.assert_allclose(numbers, columns(plain, noise), rtol=1e-12)
    out = capsys.readouterr().out
    assert "9 rows of x, mean, sd, q05, q50, q95, sd_with_noise" in out
    assert "Monte-Carlo error in units of sd, at most: mean" in out
    assert "nobody has judged the chain yet" in out


def test_errors_of_new_points_are_used_where_they_are_there_and_missed_where_not(
    runs, tmp_path, capsys
):
    made, paths = runs
    rng = np.random.default_rng(1)
    x, errors = rng.normal(size=(5, 2)), rng.uniform(1, 5, 5)
    table, out = tmp_path / "new.csv", tmp_path / "out.csv"
    rows = np.column_stack([errors, x[:, ::-1]])
    np.savetxt(table, rows, delimiter=",", header="e,mean,a", comments="", fmt="%.17g")
    assert predicted(paths["plane"], table, out) == 0
    names, numbers = read(out)
    assert names == ["a", "mean", "predicted_mean", *PLAIN[1:], *NOISY, *NETWORKS]
    plain = made["plane"].predict(x, noise=False)
    noise = made["plane"].predict(x, yerr=errors)
    np.testing.assert_allclose(numbers, columns(plain, noise), rtol=1e-12)
    assert "no column" not in capsys.readouterr().out

    np.savetxt(table, rows[:, 1:], delimiter=",", header="mean,a", comments="", fmt="%.17g")
    assert predicted(paths["plane"], table, out) == 0
    names, numbers = read(out)
    assert names == ["a", "mean", "predicted_mean", *PLAIN[1:], *NETWORKS]
    np.testing.assert_allclose(numbers, columns(plain, None), rtol=1e-12)
    assert "no column 'e', the errors of new points, so nothing is predicted with noise" in (
        capsys.readouterr().out
    )


def test_long_tables_are_predicted_in_parts_and_draws_are_kept(runs, tmp_path):
    made, paths = runs
    x = np.linspace(-4, 4, 1203)
    np.savez(tmp_path / "new.npz", x=x)
    argv = [paths["curve"], tmp_path / "new.npz", tmp_path / "out.npz", "--draws", "20"]
    assert predicted(*argv, "--quantiles", "0.25", "--quiet") == 0
    found = np.load(tmp_path / "out.npz")
    assert {"x", "x_names", "mean", "sd", "q25", "q25_with_noise", "sgd", "draws"} <= set(found)
    plain = made["curve"].predict(x, (0.25,), noise=False)
    np.testing.assert_array_equal(found["x"], x[:, None])
    for name, values in (("mean", plain.mean), ("sd", plain.sd), ("q25", plain.quantiles[0.25])):
        np.testing.assert_allclose(found[name], values, rtol=1e-12)
    index = np.linspace(0, len(plain.draws) - 1, 20).astype(int)
    np.testing.assert_allclose(found["draws"], plain.draws[index], rtol=1e-12)
    noise = found["draws_with_noise"] - found["draws"]
    sigma = np.exp(made["curve"].some(4000)[0][index, -1:])
    assert np.std(noise / sigma) == pytest.approx(1, abs=4.5 / np.sqrt(2 * noise.size))


def test_standard_output_holds_the_table_alone(runs, capfd):
    assert predicted(runs[1]["curve"], "tests/cases/new_x.csv", "-") == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[0].startswith("x,mean,sd,q05")
    assert len(out.splitlines()) == 10
    assert "Monte-Carlo error" in err


@pytest.mark.parametrize(
    ("more", "to", "words"),
    [
        (["--quantiles", "0.05;0.95"], "o.csv", "--quantiles: found 0.05;0.95, expected levels"),
        (["--quantiles", "5,95"], "o.csv", "quantiles: found 5.0, expected levels between 0 and 1"),
        (["--draws", "3"], "o.csv", "draws: found the file"),
        (["--draws", "-3"], "o.npz", "draws: found -3, expected a whole number of at least 0"),
        (["--draws", "99999"], "o.npz", "draws: found 99,999, expected at most the 1,707 that"),
        ([], "o.txt", "unknown ending of the file to write '.txt': expected one of .csv, .npz"),
        ([], "no/o.csv", "no/o.csv cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(runs, tmp_path, capsys, more, to, words):
    assert predicted(runs[1]["curve"], "tests/cases/new_x.csv", tmp_path / to, *more) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / to).exists()


def test_columns_that_are_not_there_are_named(runs, tmp_path, capsys):
    assert predicted(runs[1]["plane"], "tests/cases/new_x.csv", tmp_path / "o.csv") == 2
    assert "new_x.csv: no column 'a', it has x" in capsys.readouterr().err
