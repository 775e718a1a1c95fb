"""Scores against closed forms and quadrature, and ranks that are uniform at any number of draws."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import kstest, norm, poisson

from nnpost.prediction.scores import crps, log_mean_density, pit

Y = np.array([-2.0, 0.3, 1.0, 4.0])


def normal_crps(y, mean, sd):
    """Gneiting & Raftery 2007, eq. 21, for N(mean, sd²)."""
    z = (y - mean) / sd
    return sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))


def test_crps_is_the_mean_over_pairs():
    x = np.random.default_rng(0).normal(size=(17, 4))
    pairs = np.abs(x[:, None] - x[None]).sum(axis=(0, 1)) / (17 * 16)
    np.testing.assert_allclose(crps(x, Y), np.abs(x - Y).mean(axis=0) - pairs / 2, rtol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 50])
def test_crps_of_a_normal_is_right_on_average_whatever_the_number_of_draws(size):
    """Of 60,000 sets of draws, within 4.5 standard errors; with S² for S(S−1) it would be off by
    0.56 σ/S, 200 errors at S = 2 and 10 at S = 50."""
    rng, repeats = np.random.default_rng(1), 60_000
    for y in Y:
        found = crps(rng.normal(1.0, 0.7, size=(size, repeats)), np.full(repeats, y))
        error = found.std() / np.sqrt(repeats)
        assert abs(found.mean() - normal_crps(y, 1.0, 0.7)) < 4.5 * error


def test_crps_of_a_mixture_is_its_integral():
    """∫ (F(t) − 1{t ≥ y})² dt of 0.3 N(−1, 0.5²) + 0.7 N(2, 1), by quadrature."""
    rng, size = np.random.default_rng(2), 400_000
    first = rng.random(size) < 0.3
    x = np.where(first, rng.normal(-1, 0.5, size), rng.normal(2, 1, size))

    def cdf(t):
        return 0.3 * norm.cdf(t, -1, 0.5) + 0.7 * norm.cdf(t, 2, 1)

    for y in Y:
        below, _ = quad(lambda t: cdf(t) ** 2, -12, y, limit=200)
        above, _ = quad(lambda t: (1 - cdf(t)) ** 2, y, 14, limit=200)
        batches = [crps(part[:, None], np.array([y]))[0] for part in x.reshape(100, -1)]
        error = np.std(batches) / 10
        assert abs(crps(x[:, None], np.array([y]))[0] - below - above) < 4.5 * error
        assert error < 0.005


def test_crps_is_infinite_where_a_draw_is():
    x = np.random.default_rng(5).normal(size=(9, 4))
    wild = x.copy()
    wild[2, 0], wild[3, 1], wild[[1, 5], 3] = np.inf, -np.inf, (np.inf, -np.inf)
    found = crps(wild, Y)
    np.testing.assert_array_equal(found[[0, 1, 3]], np.inf)
    assert found[2] == crps(x, Y)[2]
    assert crps(1e308 * x, Y)[2] == np.inf  # sums of which floats cannot hold
    wild[4, 2] = np.nan
    assert np.isnan(crps(wild, Y)[2])


def test_the_mean_density_is_taken_in_logs():
    log_density = np.random.default_rng(3).normal(-800, 5, size=(40, 3))
    log_density[7, 1] = -np.inf
    expected = logsumexp(log_density, axis=0) - np.log(40)
    np.testing.assert_allclose(log_mean_density(log_density), expected, rtol=1e-13)
    assert log_mean_density(np.full((5, 1), -np.inf)) == [-np.inf]


@pytest.mark.parametrize("size", [1, 3, 200])
@pytest.mark.parametrize("kind", ["normal", "counts"])
def test_ranks_of_one_more_draw_are_uniform(size, kind):
    """Kolmogorov-Smirnov at 1e-4 on 5,000 values; of draws that are 10 % too wide (or 10 % more
    counts) it notices those of the largest sets, as the control."""
    rng, n = np.random.default_rng(4), 5000
    draw = {
        "normal": lambda shape, factor: factor * rng.normal(size=shape),
        "counts": lambda shape, factor: poisson.rvs(3 * factor, size=shape, random_state=rng),
    }[kind]
    y = draw(n, 1.0)
    found = pit(draw((size, n), 1.0), y, rng)
    assert (found > 0).all()
    assert (found < 1).all()
    assert kstest(found, "uniform").pvalue > 1e-4
    if size == 200:
        assert kstest(pit(draw((size, n), 1.1), y, rng), "uniform").pvalue < 1e-4
