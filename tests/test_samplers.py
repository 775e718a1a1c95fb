"""The judges of benchmarks/others.py, on posteriors that are known, and what it hands to others."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scenarios import curve, quadrature

import nnpost
from nnpost.data.grids import prediction_grid

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
DRAWS = 20_000


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """The scripts import each other by their names."""
    monkeypatch.syspath_prepend(BENCHMARKS)


def module(name):
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def line():
    """A network without a hidden layer, (w, c), whose posterior is the Gaussian N(mean, cov)."""
    x = np.linspace(-1, 2, 30)
    y = 0.5 * x - 0.2 + 0.3 * np.sin(40 * x)
    post = nnpost.Posterior(
        nnpost.MLP(1, ()), nnpost.Dataset(x, y), nnpost.Gaussian(0.3), nnpost.GaussianPrior(2.0)
    )
    f = np.stack([x, np.ones_like(x)])
    cov = np.linalg.inv(f @ f.T / 0.3**2 + np.eye(2) / 2.0**2)
    return post, cov @ f @ y / 0.3**2, cov


@pytest.fixture(scope="module")
def exact(line):
    """Its summary in closed form: the log posterior is that of the mean less a chi-squared / 2."""
    post, mean, cov = line
    places = np.column_stack([prediction_grid(post.data.x), np.ones(16)])
    centre, sd = places @ mean, np.sqrt(np.einsum("ki,ij,kj->k", places, cov, places))
    z = 1.6448536
    return {
        "log_prob": post.log_prob(mean) - 1.0, "log_prob_sd": 1.0, "mean": centre, "sd": sd,
        "low": centre - z * sd, "high": centre + z * sd, "log_z": 3.0,
    }  # fmt: skip


def normals(line, shape, seed=0):
    _, mean, cov = line
    z = np.random.default_rng(seed).standard_normal((*shape, 2))
    return mean + z @ np.linalg.cholesky(cov).T


def autoregressive(line, rows, walkers, rho, seed=0):
    """Chains with correlation rho from row to row: an effective draw is (1 + ρ)/(1 − ρ) rows."""
    _, mean, cov = line
    z = np.random.default_rng(seed).standard_normal((rows, walkers, 2))
    for k in range(1, rows):
        z[k] = rho * z[k - 1] + math.sqrt(1 - rho**2) * z[k]
    return mean + z @ np.linalg.cholesky(cov).T


def agrees(found, exact, draws):
    """All 66 figures within 5 errors, that of a quantile being 2.1 sd/√n at 5 %."""
    error = 5 / math.sqrt(draws)
    assert abs(found.log_prob - exact["log_prob"]) < error
    assert abs(found.log_prob_sd - 1) < error * math.sqrt(2)  # of an exponential: kurtosis 9
    for part, width in (("mean", 1.0), ("sd", 0.75), ("low", 2.12), ("high", 2.12)):
        assert (np.abs(getattr(found, part) - exact[part]) < width * error * exact["sd"]).all()


def test_independent_draws(line, exact):
    """τ of the means of four ensembles has an error of √(2 · 21/4N) = 6.5 %, and the longest of 17
    counts: three errors are one more draw in five."""
    judged = module("judged")
    theta = normals(line, (DRAWS // 8, 8))
    draws = judged.Chains(theta, line[0].log_prob(theta), 4)
    agrees(judged.summary(line[0], draws), exact, DRAWS)
    effective, rhat = judged.of_chains(line[0], draws)
    assert DRAWS / 1.2 < effective <= DRAWS
    assert rhat < 1.005


def test_weighted_draws(line, exact):
    """A proposal s = 2 times as wide and m = 1 standard deviation away leaves
    √(2s² − 1)/s² · exp(−m²/(2s² − 1)) of the draws a dimension."""
    judged = module("judged")
    post, mean, cov = line
    z = 2 * np.random.default_rng(0).standard_normal((DRAWS, 2))
    theta = mean + (z + 1) @ np.linalg.cholesky(cov).T
    log_prob = post.log_prob(theta)
    log_weights = log_prob + 0.5 / 4 * (z**2).sum(axis=1)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    share = 7 / 16 * math.exp(-2 / 7)
    assert judged.kish(weights) == pytest.approx(share * DRAWS, rel=0.03)
    draws = judged.Weighted(theta, log_prob, weights)
    agrees(judged.summary(post, draws), exact, share * DRAWS)


def test_dependent_rows_count_for_less(line):
    judged = module("judged")
    theta = autoregressive(line, DRAWS // 8, 8, rho=0.9)
    chains = judged.Chains(theta, line[0].log_prob(theta), 4)
    effective, rhat = judged.of_chains(line[0], chains)
    assert effective == pytest.approx(DRAWS / 19, rel=0.2)
    assert rhat < 1.02


def test_a_chain_elsewhere_is_told(line):
    judged = module("judged")
    theta = normals(line, (1_000, 8))
    theta[:, :2] += 2 * np.sqrt(np.diag(line[2]))
    assert judged.of_chains(line[0], judged.Chains(theta, line[0].log_prob(theta), 4))[1] > 1.1


def test_errors_are_distances_from_the_reference(line, exact):
    """The bias c is raised by half of its sd: every prediction and quantile with it."""
    judged = module("judged")
    post, _, cov = line
    theta = normals(line, (DRAWS // 8, 8))
    shift = 0.5 * math.sqrt(cov[1, 1])
    theta[..., 1] += shift
    found = judged.Sampled(
        judged.Chains(theta, post.log_prob(theta), 4), 7.0, 1.0, 3.0, log_z=3.25, note="so"
    )
    row = judged.judged(post, "one", found, judged.Summary(**exact))
    assert row.band_error == pytest.approx(shift / exact["sd"].min(), rel=0.05)
    rise = 0.5 * shift**2 * np.linalg.inv(cov)[1, 1]
    assert row.log_prob_error == pytest.approx(rise, abs=0.03)
    assert row.log_z_error == 0.25
    assert row.rate == row.effective / 4.0
    assert (row.sampler, row.compiling, row.draws, row.note) == ("one", 7.0, DRAWS, "so")


def test_the_first_rows_become_warmup():
    judged = module("judged")
    rows = np.arange(10.0)[:, None]
    found = judged.without_burnin(judged.Sampled(judged.Chains(rows[..., None], rows, 1), 0, 1, 5))
    assert (found.draws.log_prob == rows[2:]).all()
    assert (found.draws.theta[..., 0] == rows[2:]).all()
    assert (found.warmup, found.sampling) == (2.0, 4.0)


def test_blocks_until_the_time_is_over():
    judged = module("judged")
    clock = iter([1.0, 2.0, 3.0, 4.0])
    rows = judged.in_blocks(lambda: np.zeros((5, 2)), 3.0, lambda: next(clock))
    assert rows.shape == (15, 2)


@pytest.fixture(scope="module")
def unit():
    return curve(units=1)


def test_the_reference_has_the_evidence_of_quadrature(unit):
    problems, judged = module("problems"), module("judged")
    pilot = nnpost.temper(unit, 1, particles=400, steps=1).theta.reshape(-1, unit.ndim)
    draws, log_z = problems.exactly(unit, pilot, 10_000, components=8)
    effective = judged.kish(draws.weights)
    assert effective > 2_000
    assert abs(log_z - quadrature(unit)) < 4 / math.sqrt(effective)
    assert draws.log_prob == pytest.approx(unit.log_prob(draws.theta))


def test_nested_sampling_is_given_the_likelihood():
    """Its mean over the cube is Z, within 4 errors; the noise is large, so that chance finds it."""
    nested, post = module("nested"), curve(units=1, sigma=1.5)
    log_z = quadrature(post)
    for made in (nested.collapsed(post), nested.full(post)):
        u = np.random.default_rng(0).random((50_000, made.ndim))
        values = np.exp(made.log_likelihood(made.from_cube(u)) - log_z)
        error = values.std() / math.sqrt(len(u))
        assert abs(values.mean() - 1) < 4 * error < 0.1
        assert made.complete(made.from_cube(u[:3])).shape == (3, post.ndim)


@pytest.mark.parametrize("likelihood", [nnpost.MSE(), nnpost.Gaussian(0.3)])
def test_the_articles_loop_has_the_same_density(likelihood):
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola(50), likelihood)
    theta = np.random.default_rng(0).standard_normal((4, post.ndim))
    one = module("ensembles").one_network(post)
    assert [one(t) for t in theta] == pytest.approx(post.log_prob(theta), rel=1e-12)


def test_emcee_samples_it(unit):
    """One block of four ensembles from prior draws, and its seconds told apart."""
    ensembles, problems, judged = (module(n) for n in ("ensembles", "problems", "judged"))
    found = ensembles.stretch(problems.Problem(unit), seconds=0.0)
    assert found.draws.theta.shape == (40, 128, unit.ndim)
    assert found.draws.log_prob == pytest.approx(unit.log_prob(found.draws.theta))
    assert found.warmup == pytest.approx(found.sampling / 4)
    assert judged.of_chains(unit, found.draws)[0] > 0


def test_zeus_samples_it(unit):
    pytest.importorskip("zeus")
    ensembles, problems = module("ensembles"), module("problems")
    found = ensembles.zeus(problems.Problem(unit), seconds=0.0)
    assert found.draws.theta.shape == (40, 128, unit.ndim)
    assert found.draws.log_prob == pytest.approx(unit.log_prob(found.draws.theta))


@pytest.mark.parametrize(
    ("activation", "inputs", "sigma"),
    [("sigmoid", 1, 0.2), ("tanh", 2, "infer"), ("relu", 1, 0.3)],
)
def test_the_density_for_jax_is_the_same(activation, inputs, sigma):
    pytest.importorskip("jax")
    post = curve(2, activation, sigma, inputs=inputs)
    theta = np.random.default_rng(0).standard_normal((3, post.ndim))
    f = module("gradients").log_density(post)
    assert [float(f(t)) for t in theta] == pytest.approx(post.log_prob(theta), rel=1e-12)


def test_starts(unit):
    problems = module("problems")
    prior = problems.Problem(unit).starts(4_000)
    assert prior.std(axis=0) == pytest.approx(unit.scales, rel=0.06)
    around = problems.Problem(unit, np.full(unit.ndim, 7.0)).starts(4_000)
    assert around.mean(axis=0) == pytest.approx(np.full(unit.ndim, 7.0), abs=1e-3)
    assert around.std(axis=0) == pytest.approx(1e-3 * unit.scales, rel=0.06)


@pytest.mark.parametrize(
    ("rhat", "effective", "note", "well"),
    [
        (1.005, 500, "", True),
        (1.02, 500, "", False),
        (1.005, 300, "", False),
        (math.nan, 500, "", True),
        (math.nan, 500, "not finished", False),
    ],
)
def test_what_has_converged_is_bold(rhat, effective, note, well):
    others = module("others")
    row = others.Judged("s", 1.0, 2.0, 3.0, 9, effective, rhat, 0.1, 0.2, math.nan, note)
    name, seconds, rate, *_, log_z, said = others.cells(row)
    assert (name, seconds, log_z, said) == ("s", "1.0 / 2.0 / 3.0", "–", note)
    assert rate.startswith("**") is well


def test_what_is_missing_is_said_in_one_line(capsys):
    others = module("others")
    gone = others.Sampler("gone", others.ensembles.ours, "no_such_package", "k")
    there = others.installed((gone, others.SAMPLERS[0]))
    assert there == [others.SAMPLERS[0]]
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "no_such_package is not installed" in said


def test_a_table_is_put_in_its_place(tmp_path):
    page = module("page")
    file = tmp_path / "page.md"
    file.write_text("a\n<!-- begin t -->\nold\n<!-- end t -->\nb\n", "utf-8")
    page.put("t", page.table(("x", "y"), [("1", "2")]), file)
    page.put("t", page.table(("x", "y"), [("3", "4")]), file)
    shown = "| x | y |\n| --- | --- |\n| 3 | 4 |"
    assert file.read_text("utf-8") == f"a\n<!-- begin t -->\n\n{shown}\n\n<!-- end t -->\nb\n"
    with pytest.raises(ValueError, match="found no place for u"):
        page.put("u", "", file)


def test_what_is_not_a_number_is_null_in_the_file(tmp_path, monkeypatch):
    page = module("page")
    monkeypatch.setattr(page, "RESULTS", tmp_path)
    page.keep("t", {"a": [math.nan, 1.5], "b": {"c": math.inf}})
    assert json.loads((tmp_path / "t.json").read_text("utf-8")) == {
        "a": [None, 1.5],
        "b": {"c": None},
    }


def test_the_exponent_of_growth():
    growth = module("growth")
    sizes = (1, 4, 16, 64)
    curve = growth.Curve("f", sizes, tuple(3 * n**0.7 for n in sizes))
    assert curve.exponent == pytest.approx(0.7)


def test_numbers_of_points_on_each_other_are_one_list():
    """Through a chain of near ones, in whichever order they come."""
    others = module("others")

    def row(name, rate, error):
        return others.Judged(name, 0.0, 0.0, 1.0, 9, rate, 1.0, 0.1, error, math.nan)

    rows = [row("a", 1, 1), row("b", 100, 1), row("c", 16, 1), row("d", 4, 1), row("e", 4, 100)]
    for order in (rows, rows[::-1]):
        names = {"".join(sorted(r.sampler for r in group)) for group in others.together(order)}
        assert names == {"acd", "b", "e"}


def test_the_picture_is_that_of_the_results():
    """Every sampler of every part has its number in it once."""
    others = module("others")
    found = others.kept()
    for ax, rows in zip(others.drawn(found).axes, found.values(), strict=True):
        numbers = ", ".join(text.get_text() for text in ax.texts).split(", ")
        names = [others.SAMPLERS[int(k) - 1].name for k in numbers]
        assert sorted(names) == sorted(row.sampler for row in rows)
