"""Errors of numbers: batch means, known laws of dependent draws, and how they are written."""

import numpy as np
import pytest

from nnpost.numerics.covariance import mahalanobis, mcd
from nnpost.numerics.monte_carlo import (
    Estimate,
    chain_batches,
    jackknife,
    median_error,
    share,
    spread_out,
)


def test_batches_are_rows_of_one_ensemble():
    labels = chain_batches(rows=100, walkers=8, ensembles=4).reshape(100, 8)
    assert len(np.unique(labels)) == 20
    for label in range(20):
        rows, walkers = np.nonzero(labels == label)
        assert set(walkers // 2) == {label // 5}
        assert (rows.min(), rows.max(), len(rows)) == (20 * (label % 5), 20 * (label % 5) + 19, 40)
    assert len(np.unique(chain_batches(100, 8, 1))) == 20
    assert len(np.unique(chain_batches(3, 8, 4))) == 12


def test_the_jackknife_of_a_mean_is_the_method_of_batch_means():
    x = np.random.default_rng(0).normal(size=(200, 3))
    labels = np.repeat(np.arange(20), 10)
    value, error = jackknife(lambda v: v.mean(axis=0), labels, x)
    means = x.reshape(20, 10, 3).mean(axis=1)
    np.testing.assert_allclose(value, means.mean(axis=0))
    np.testing.assert_allclose(error, means.std(axis=0, ddof=1) / np.sqrt(20))
    assert np.isnan(jackknife(np.mean, np.zeros(200), x)[1])


def test_errors_of_dependent_draws_are_those_of_theory():
    # AR(1) with ρ = 0.8: the variance of a mean of n is (1 + ρ)/(1 − ρ)/n times that of a draw.
    rng, rho, n = np.random.default_rng(1), 0.8, 1000
    x = np.empty((n, 8 * 50))
    x[0] = rng.normal(size=x.shape[1])
    for t in range(1, n):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=x.shape[1])
    labels = chain_batches(n, 8, 4)
    errors = [jackknife(np.mean, labels, x[:, k : k + 8].ravel())[1] for k in range(0, 400, 8)]
    # Fifty errors of 19 degrees of freedom each: their mean square is known to 5 %, and batches
    # of 50 rows miss 5 % of the variance.
    assert np.mean(np.square(errors)) == pytest.approx(9 / (8 * n), rel=0.2)


def test_some_draws_are_of_all_walkers():
    at = spread_out(384_000, 4000, 128)
    assert len(np.unique(at % 128)) == 128
    assert 3900 <= len(at) <= 4000
    np.testing.assert_array_equal(spread_out(10, 100, 4), np.arange(10))


def test_a_share_of_nothing_has_an_error():
    labels = chain_batches(100, 8, 4)
    none = share(np.zeros(800, dtype=bool), labels, effective=50)
    assert none == Estimate(0.0, 1 / 50)
    coin = np.random.default_rng(0).random(800) < 0.3
    found = share(coin, labels)
    assert found.value == coin.mean()
    assert found.error == pytest.approx(np.sqrt(0.21 / 800), rel=0.5)


def test_the_error_of_a_median_is_that_of_theory():
    rng = np.random.default_rng(0)
    errors = [median_error(rng.normal(size=400)) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(np.sqrt(np.pi / 2 / 400), rel=0.1)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.06567, 0.0, "0.06567"),
        (2.9437, 0.0271, "2.944 ± 0.027"),
        (-22.7499, 0.0088, "-22.7499 ± 0.0088"),
        (0.0, 4.8e-5, "0 ± 5e-05"),
        (123.4, 27.0, "123 ± 27"),
        (1.5, float("nan"), "1.5"),
    ],
)
def test_a_number_is_written_to_where_it_is_known(value, error, text):
    assert str(Estimate(value, error)) == text


# The robust covariance


def correlated(rng, size):
    root = np.array([[1.0, 0, 0], [0.9, 0.5, 0], [-30, 5, 20]])
    return rng.normal(size=(size, 3)) @ root.T + [1, 2, 3], root @ root.T


def test_the_bulk_of_a_gaussian_is_its_covariance():
    x, cov = correlated(np.random.default_rng(0), 20_000)
    centre, found = mcd(x)
    sd = np.sqrt(np.diag(cov))
    np.testing.assert_allclose(centre, [1, 2, 3], atol=0.03 * sd.max())
    np.testing.assert_allclose(found / sd / sd[:, None], cov / sd / sd[:, None], atol=0.05)


def test_a_tenth_of_outliers_leaves_the_bulk_alone():
    rng = np.random.default_rng(1)
    x, cov = correlated(rng, 5000)
    sd = np.sqrt(np.diag(cov))
    x[:500] = 40 * sd + rng.normal(size=(500, 3))
    found = mcd(x)[1]
    # 90 % of the draws are left, of which the nearest 75/90 are kept: a little too narrow or wide.
    np.testing.assert_allclose(np.sqrt(np.diag(found)) / sd, 1, atol=0.2)
    assert (np.sqrt(np.diag(np.cov(x.T))) / sd > 5).all()


def test_the_bulk_is_as_much_as_is_kept():
    """Of 60 % around zero and 40 % elsewhere: half of the draws are all at home."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1000, 2))
    x[:400] += 30
    assert np.abs(mcd(x, kept=0.5)[0]).max() < 0.3
    assert np.abs(mcd(x, kept=0.9)[0]).min() > 3


def test_mahalanobis_is_the_quadratic_form():
    x, cov = correlated(np.random.default_rng(2), 7)
    by_hand = [np.sqrt(row @ np.linalg.solve(cov, row)) for row in x]
    np.testing.assert_allclose(mahalanobis(x, cov), by_hand)
    flat = np.diag([4.0, 0.0])
    np.testing.assert_allclose(mahalanobis(np.array([[2.0, 0.0]]), flat), 1)


def test_values_too_long_to_write_out_are_rounded():
    assert str(Estimate(4.16667e115, 2.2338e115)) == "4.167e+115 ± 2e+115"
    assert str(Estimate(-2.5e15, 3.0)) == "-2.5e+15 ± 3"
    assert str(Estimate(123456.0, 3.0)) == "123456.0 ± 3.0"
