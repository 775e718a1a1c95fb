"""Ranked draws: what is worked out of them is what is worked out of the draws as they come."""

import numpy as np
import pytest

from nnpost.numerics.monte_carlo import jackknife
from nnpost.numerics.ranked import jackknife_ranked, quantiles, quantiles_with_errors

LEVELS = (0.0, 0.05, 0.5, 0.95, 1.0)


@pytest.mark.parametrize("draws", [1, 2, 37])
def test_quantiles_are_numpys(draws):
    x = np.random.default_rng(0).normal(size=(4, draws))
    found = quantiles(np.sort(x), LEVELS)
    np.testing.assert_allclose(found, np.quantile(x, LEVELS, axis=1), rtol=1e-13)


@pytest.mark.parametrize("batches", [1, 7])
def test_leaving_batches_out_of_ranked_draws_is_leaving_them_out(batches):
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(50, 3)), np.arange(50) % batches
    slow = jackknife(lambda v: np.quantile(v, [0.1, 0.6], axis=0), labels, x)
    np.testing.assert_allclose(
        jackknife_ranked(lambda r: quantiles(r, (0.1, 0.6)), labels, x), slow
    )


@pytest.mark.parametrize("batches", [1, 7])
def test_errors_of_quantiles_are_half_the_way_between_those_an_error_away(batches):
    rng = np.random.default_rng(2)
    x, labels, levels = rng.normal(size=(53, 3)), np.arange(53) % batches, (0.03, 0.6)
    value, error = quantiles_with_errors(labels, x, levels)
    for k, level in enumerate(levels):
        np.testing.assert_allclose(value[k], np.quantile(x, level, axis=0), rtol=1e-13)
        _, wide = jackknife(lambda v: (v <= value[k]).mean(axis=0), labels, x)  # noqa: B023
        for j in range(3):
            if batches == 1:
                assert np.isnan(error[k, j])
                continue
            low, high = np.quantile(x[:, j], np.clip([level - wide[j], level + wide[j]], 0, 1))
            assert error[k, j] == pytest.approx((high - low) / 2, rel=1e-10)
