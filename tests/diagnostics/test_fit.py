"""The tests of the model: each fires on a case that has it, and as rarely as it says without."""

from pathlib import Path

import numpy as np
import pytest

from nnpost.diagnostics.fit import (
    FIT_CRITERIA,
    Check,
    FitCriteria,
    FitVerdict,
    constant,
    descending,
    gaussian,
    given_noise,
    reach,
    uneven,
)

CASES = Path(__file__).parents[1] / "cases"
OFTEN = FitCriteria(p_value=0.05)
SETS, N = 2000, 60
# Of 2000 sets 100 are expected to fire at p < 0.05, and 68 to 132 but in one test of a thousand.
EXPECTED = (68, 132)


def table(name):
    return np.loadtxt(CASES / f"{name}.csv", delimiter=",", skiprows=1)


def one(checks):
    (check,) = checks
    return check


def fired(make, criteria=OFTEN, sets=SETS):
    """Of how many data sets the test fires: ``make(rng, criteria)`` gives its checks."""
    rng = np.random.default_rng(0)
    return sum(check.fired for _ in range(sets) for check in make(rng, criteria))


# -- without a fault -----------------------------------------------------------------------------


def test_gaussian_residuals_are_doubted_as_often_as_said():
    assert EXPECTED[0] <= fired(lambda rng, c: gaussian(rng.standard_normal(N), c)) <= EXPECTED[1]
    strict = fired(lambda rng, c: gaussian(rng.standard_normal(N), c), FIT_CRITERIA)
    assert strict <= 21  # 10 are expected


def test_even_noise_is_doubted_at_most_as_often_as_said():
    """Bonferroni's correction bounds the rate: the five columns are not independent."""

    def made(rng, criteria):
        x = rng.standard_normal((N, 2))
        return uneven(rng.standard_t(3, N), x, x.sum(axis=1), ["a", "b"], criteria)

    assert 3 <= fired(made, sets=400) <= 34  # at most 20 are expected


def test_given_noise_is_doubted_as_often_as_said():
    def made(rng, criteria):
        return [given_noise(float(rng.chisquare(N)), N, 0, False, criteria)]

    assert EXPECTED[0] <= fired(made) <= EXPECTED[1]


def test_a_fit_that_takes_degrees_of_freedom_is_not_doubted_more_often():
    def made(rng, criteria):
        return [given_noise(float(rng.chisquare(N - 10)), N, 10, True, criteria)]

    assert fired(made) <= EXPECTED[1]


def test_a_loss_that_has_come_to_rest_is_doubted_at_most_as_often_as_said():
    def made(rng, criteria):
        loss = 1 + 0.1 * rng.standard_normal(100)  # of small batches, so the means differ
        return descending(np.arange(100), loss, True, criteria)

    assert fired(made) <= EXPECTED[1]


# -- with one ------------------------------------------------------------------------------------


def test_outliers_are_named():
    x, y, err = table("line_outliers").T
    slope, middle = np.polyfit(x, y, 1, w=1 / err)
    check = one(gaussian((y - slope * x - middle) / err))
    assert check.fired
    assert "residuals are not Gaussian (Shapiro–Wilk W = " in check.text
    assert "kind=student" in check.text


def test_other_shapes_are_named():
    rng = np.random.default_rng(0)
    assert "lighter tails" in one(gaussian(rng.uniform(size=500))).text
    assert "a lean to one side (skewness" in one(gaussian(rng.exponential(size=500) ** 0.7)).text


def test_noise_that_grows_to_both_sides():
    x, y = table("hetero").T
    check = one(uneven(y - np.sin(x), x[:, None], np.sin(x), ["x"]))
    assert check.fired
    assert "residuals grow with the distance of x from its middle (Spearman's ρ = 0." in check.text
    assert check.p < 1e-6


def test_noise_that_grows_with_what_is_predicted():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    f = np.exp(x.sum(axis=1))
    check = one(uneven(f * rng.standard_normal(200), x, f, ["a", "b", "c"]))
    assert check.fired
    assert "with the prediction" in check.text


def test_errors_that_are_too_small_or_too_large():
    small = given_noise(63.0 * 24, 24, 2, True)
    assert small.fired
    assert "the errors (yerr) are too small: residuals are 7.9 times that" in small.text
    large = given_noise(5.0, 50, 3, False)
    assert large.fired
    assert "the noise (likelihood.sigma) is too large: residuals are 0.32 times" in large.text
    assert not given_noise(5.0, 50, 50, False).fired  # a network of so many parameters may meet all


def test_sgd_that_was_still_going_down():
    epochs = np.arange(1, 501)
    check = one(descending(epochs, 1 / epochs**0.5, True))
    assert check.fired
    assert "still going down when it stopped" in check.text
    assert "--set train.epochs=2000" in check.text
    assert not one(descending(epochs, 1 + np.exp(-epochs / 30), True)).fired
    likelihood = one(descending(epochs, -3.0 - epochs / 500, False))
    assert likelihood.fired
    assert likelihood.text.count("0.1 nats a point") == 1


def test_worse_than_a_constant():
    check = constant({"the posterior mean": 4e5, "SGD": 2e4}, 2.9e4, "mse")
    assert check.fired
    assert check.text.startswith("the posterior mean: worse than a constant (mse ")
    assert not constant({"SGD": 2e4}, 2.9e4, "mse").fired
    assert constant({"SGD": np.nan}, 1.0, "mse").fired


def test_data_out_of_reach():
    assert not reach([]).fired
    assert reach(["y reaches 3e4"]).text == "the data are out of the prior's reach: y reaches 3e4"


def test_too_little_to_test_is_not_tested():
    few = np.arange(5.0)
    assert list(gaussian(few)) == []
    assert list(gaussian(np.zeros(100))) == []
    assert list(uneven(few, few[:, None], few, ["x"])) == []
    assert (
        list(uneven(np.random.default_rng(0).normal(size=50), np.ones((50, 1)), np.ones(50), ["x"]))
        == []
    )
    assert list(descending(np.arange(10), np.ones(10), True)) == []
    assert list(descending(np.arange(100), np.full(100, np.inf), True)) == []


def test_many_points_are_thinned_and_sizes_do_not_matter():
    rng = np.random.default_rng(1)
    values = rng.standard_normal(100_000)
    plain, tiny = one(gaussian(values)), one(gaussian(1e-200 * values))
    assert plain.p == pytest.approx(tiny.p)
    assert not plain.fired


# -- the whole -----------------------------------------------------------------------------------

FOUND = FitVerdict(
    (Check("prior", False, "reaches the data"), Check("residuals", True, "odd", 0.0))
)


def test_the_verdict_holds_where_no_test_fired():
    assert not FOUND.holds
    assert FOUND.reasons == ["odd"]
    assert FitVerdict(FOUND.checks[:1]).holds
    assert FOUND.rows() == [
        ("model", "in doubt"), ("  residuals", "odd"), ("  prior", "reaches the data"),
    ]  # fmt: skip


def test_it_comes_back_from_its_tree():
    tree = FOUND.to_tree()
    del tree["checks"]["0"]["p"]  # as files leave None out
    assert FitVerdict.from_tree(tree) == FOUND
    assert FOUND.as_dict()["checks"]["residuals"] == {"fired": True, "text": "odd", "p": 0.0}
