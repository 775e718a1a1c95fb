"""Ranked draws: what is worked out of them is what is worked out of the draws as they come."""

import numpy as np
import pytest

from nnpost.numerics.monte_carlo import jackknife
from nnpost.numerics.ranked import jackknife_ranked, quantiles

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
