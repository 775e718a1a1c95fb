"""The gain of a perfect fit, against the difference of two log likelihoods that it stands for."""

import numpy as np
import pytest

from nnpost import MSE, Dataset, Gaussian, Posterior
from nnpost.common.errors import RequestError
from nnpost.network.mlp import MLP
from nnpost.posterior.sharpness import gain_of_a_perfect_fit

LINE = MLP(1)  # f = a x + c: a constant is a = 0, and a line meets y exactly
X = np.linspace(-1, 1, 30)
UNEQUAL = np.geomspace(1e-2, 10, 30)


@pytest.mark.parametrize("yerr", [None, np.full(30, 0.3), UNEQUAL], ids=["none", "equal", "un"])
@pytest.mark.parametrize("likelihood", [MSE(), Gaussian(0.5)])
def test_it_is_the_likelihood_of_a_perfect_fit_over_that_of_the_best_constant(yerr, likelihood):
    """y = 2 x + 3; the best constant by a search over constants, not by its formula."""
    post = Posterior(LINE, Dataset(X, 2 * X + 3, yerr), likelihood)
    constants = np.linspace(0, 6, 60_001)
    lines = np.c_[np.zeros(60_001), constants]
    expected = post.log_likelihood(np.array([2.0, 3.0])) - post.log_likelihood(lines).max()
    assert gain_of_a_perfect_fit(post) == pytest.approx(float(expected), rel=1e-5)


def test_inferred_noise_is_that_of_a_fit():
    noisy = Posterior(LINE, Dataset(X, 2 * X + 3), Gaussian("infer"))
    given = Posterior(LINE, Dataset(X, 2 * X + 3), Gaussian(0.2))
    assert gain_of_a_perfect_fit(noisy, np.log(0.2)) == pytest.approx(gain_of_a_perfect_fit(given))
    with pytest.raises(RequestError, match="expected the log noise of a fit"):
        gain_of_a_perfect_fit(noisy)
