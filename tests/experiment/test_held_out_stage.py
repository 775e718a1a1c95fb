"""Points held out: of everything, by the seed, and scored at the end; in tables, JSON and page."""

import json
import re

import numpy as np
import pytest
from small import main, quick

import nnpost
from nnpost.comparison.held_out import HeldOut
from nnpost.comparison.score_held_out import score_held_out
from nnpost.data.dataset import Dataset
from nnpost.experiment.experiment import Experiment, load_experiment
from nnpost.experiment.pictures import all_figures
from nnpost.report.info import overview
from nnpost.report.page import CAPTIONS, Report
from nnpost.storage.read_chain import read_chain
from nnpost.storage.results import read_stage
from nnpost.storage.runfile import read_group

TANH = ["network.hidden=1", "network.activation=tanh"]


def write(path, x, y):
    np.savetxt(path, np.c_[x, y], delimiter=",", header="t,flux", comments="", fmt="%.17g")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.uniform(100, 200, 48)
    y = 5 * np.tanh((x - 150) / 20) + 0.5 * rng.normal(size=48)
    return write(tmp_path_factory.mktemp("data") / "my.csv", x, y)


def run(table, out, test, *more):
    columns = ["--data", str(table), "--x", "t", "--y", "flux", "--test", str(test)]
    return main(["run", *columns, *quick(out, *TANH), "--quiet", *more])


@pytest.fixture(scope="module")
def made(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "my.h5"
    assert run(table, out, 0.25) in (0, 1)
    return out


def test_held_out_points_are_kept_and_scored(made, table, capsys):
    whole = np.loadtxt(table, delimiter=",", skiprows=1)
    test = Dataset.from_tree(read_group(made, "test"))
    result = nnpost.load(made)
    assert (test.n, result.post.data.n, test.scaling.is_none) == (12, 36, True)
    both = np.r_[np.c_[test.x, test.y], np.c_[result.post.data.raw.x, result.post.data.raw.y]]
    np.testing.assert_allclose(both[both[:, 0].argsort()], whole[whole[:, 0].argsort()], rtol=1e-12)

    stored = read_stage(made, HeldOut)
    found = overview(made)["held_out"]
    assert [score["name"] for score in found["scores"]] == [s.name for s in stored.scores]
    posterior = found["scores"][0]
    assert posterior["numbers"]["lppd"]["value"] == pytest.approx(np.mean(posterior["log_density"]))
    assert found["points"] == len(posterior["pit"]) == 12
    assert main(["info", str(made)]) == 0
    assert "held out                   12 points" in capsys.readouterr().out
    assert main(["compare", str(made)]) in (0, 1)
    text = capsys.readouterr().out
    assert str(read_stage(made, HeldOut)) in text
    assert "12 points; LPPD" in text
    assert main(["info", str(made), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held_out"]["points"] == 12


def test_held_out_points_enter_nothing_before_their_score(made, table, tmp_path):
    """Moved far away, they leave scaling, fits, tempering and chain as they were, bit for bit."""
    whole = np.loadtxt(table, delimiter=",", skiprows=1)
    test = Dataset.from_tree(read_group(made, "test"))
    held = np.isin(whole[:, 0], test.x[:, 0])
    assert held.sum() == 12
    whole[held] += 1e6
    other = write(tmp_path / "my.csv", *whole.T)
    assert run(other, tmp_path / "other.h5", 0.25) in (0, 1)
    np.testing.assert_array_equal(read_chain(tmp_path / "other.h5").chain, read_chain(made).chain)
    one, two = (nnpost.load(path) for path in (made, tmp_path / "other.h5"))
    assert one.post.data.digest == two.post.data.digest
    np.testing.assert_array_equal(one.fits.theta, two.fits.theta)
    np.testing.assert_array_equal(one.tempering.log_z, two.tempering.log_z)
    rmse = read_stage(tmp_path / "other.h5", HeldOut).scores[0].numbers["rmse"].value
    assert rmse == pytest.approx(1e6, rel=1e-3)


def test_another_file_is_scored_on_in_units_of_the_file(made, table, tmp_path):
    """The same points as a file of their own: the same run, and the same scores."""
    whole = np.loadtxt(table, delimiter=",", skiprows=1)
    held = np.isin(whole[:, 0], Dataset.from_tree(read_group(made, "test")).x[:, 0])
    fitted = write(tmp_path / "fit.csv", *whole[~held].T)
    test = write(tmp_path / "test.csv", *whole[held].T)
    assert run(fitted, tmp_path / "run.h5", test) in (0, 1)
    one, two = (read_stage(path, HeldOut) for path in (made, tmp_path / "run.h5"))
    assert str(one) == str(two)
    for first, second in zip(one.scores, two.scores, strict=True):
        np.testing.assert_array_equal(first.log_density, second.log_density)
    toml = tmp_path / "my.toml"
    toml.write_text('[data]\nfile = "a.csv"\nx = "t"\ny = "f"\ntest = "b.csv"\n')
    assert load_experiment(toml).data.test == str(tmp_path / "b.csv")


def test_dates_of_another_file_count_from_the_same_day(tmp_path):
    rows = "2021-01-{:02d},{}\n"
    for name, days in (("a.csv", (1, 2, 5, 9)), ("b.csv", (4, 8))):
        (tmp_path / name).write_text("day,y\n" + "".join(rows.format(d, d * d) for d in days))
    own = Experiment().with_data(str(tmp_path / "a.csv"), ["day"], "y")
    parts = own.with_settings([f"data.test={tmp_path / 'b.csv'}"]).parts()
    np.testing.assert_array_equal(parts.test.x[:, 0], [3, 7])
    np.testing.assert_allclose(parts.fitted.raw.x[:, 0], [0, 1, 4, 8], atol=1e-12)


def test_targets_that_are_dates_count_from_the_same_day(tmp_path):
    head, row = "t,start,end\n", "{},2021-01-{:02d},2021-02-{:02d}\n"
    for name, days in (("a.csv", (1, 2, 5, 9)), ("b.csv", (4, 8))):
        (tmp_path / name).write_text(head + "".join(row.format(d, d, d + 3) for d in days))
    for y, expected in (("start", [3, 7]), (["start", "end"], [[3, 3], [7, 7]])):
        own = Experiment().with_data(str(tmp_path / "a.csv"), ["t"], y)
        parts = own.with_settings([f"data.test={tmp_path / 'b.csv'}"]).parts()
        np.testing.assert_array_equal(parts.test.y, expected)
        np.testing.assert_array_equal(parts.test.targets[0][0], parts.fitted.targets[0][0])


def test_a_run_with_held_out_points_goes_on(made, table, tmp_path):
    out = tmp_path / "my.h5"
    out.write_bytes(made.read_bytes())
    argv = ["--resume", "--set", "sample.nsteps=80"]
    assert run(table, out, 0.25, *argv) in (0, 1)
    assert read_chain(out).chain.shape[0] == 80
    again = score_held_out(nnpost.load(out), Dataset.from_tree(read_group(out, "test")))
    assert read_stage(out, HeldOut).points == again.points


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("1.5", "data.test: found 1.5, expected"),
        ("0.001", "leaves one part empty"),
        ("not-there.csv", "not-there.csv: no such file"),
    ],
)
def test_what_cannot_be_held_out_is_refused(table, tmp_path, capsys, test, words):
    assert run(table, tmp_path / "run.h5", test) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("kind", "fitted", "held_out", "words"),
    [
        ("bernoulli", (0, 1, 1, 0), (0, 2), "y is 2 at index 1 (1 of 2 values)"),
        ("categorical", (0, 1, 2, 0), (3, 1), "expects the classes 0 … 2"),
        ("poisson", (0, 1, 5, 2), (1.5, 2), "expects counts 0, 1, 2, …"),
    ],
)  # fmt: skip
def test_labels_that_only_the_test_file_has_are_refused_at_the_start(
    tmp_path, capsys, kind, fitted, held_out, words
):
    table = write(tmp_path / "a.csv", range(4), fitted)
    test = write(tmp_path / "b.csv", range(2), held_out)
    assert run(table, tmp_path / "run.h5", test, "--set", f"likelihood.kind={kind}") == 2
    err = capsys.readouterr().err
    assert "data.test: y is" in err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run.h5").exists()


def test_made_up_data_have_no_other_file(tmp_path, capsys):
    assert main(["run", "parabola", "--test", "a.csv", *quick(tmp_path / "run.h5")]) == 2
    assert "data.test: found 'a.csv', and made-up data have no other" in capsys.readouterr().err


def test_the_page_and_the_picture_have_them(made):
    result, held_out = nnpost.load(made), read_stage(made, HeldOut)
    page = Report("my", result, None, None, None, held_out, {}, {}).html()
    assert "12 points; LPPD" in page
    assert 'id="held-out"' in page
    text = re.sub("<[^>]+>", "", page)
    for score in held_out.scores:
        assert f"{score.name}{score.networks:,}{score.numbers['rmse']}" in text
    assert "pit" in CAPTIONS
    assert "pit" not in all_figures(result, None, None, None)
    figure = all_figures(result, None, None, held_out)["pit"]
    shown = {ax.get_title(): ax for ax in figure.axes if ax.get_visible()}
    assert list(shown) == [score.name for score in held_out.scores]
    for score in held_out.scores:
        (bars,) = [p for p in shown[score.name].patches if hasattr(p, "get_data")]
        np.testing.assert_array_equal(
            bars.get_data().values, np.histogram(score.pit, bins=2, range=(0, 1))[0]
        )
