"""Systematic resampling, and what weighted draws are worth."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from nnpost.numerics.resampling import log_effective_size, systematic


@pytest.mark.parametrize("size", [None, 7, 400])
def test_resampling_gives_every_draw_its_weight_s_share_rounded_up_or_down(size):
    log_weights = np.random.RandomState(1).standard_normal(40) * 2 - 500
    counts = np.bincount(systematic(log_weights, np.random.RandomState(2), size), minlength=40)
    expected = np.exp(log_weights - logsumexp(log_weights)) * (size or 40)
    assert counts.sum() == (size or 40)
    assert (abs(counts - expected) < 1).all()


def test_the_effective_size_of_equal_weights_is_their_number():
    assert math.exp(log_effective_size(np.full(30, -800.0))) == pytest.approx(30)
    one = np.r_[0.0, np.full(29, -np.inf)]
    assert math.exp(log_effective_size(one)) == pytest.approx(1)
    # (1 + 2)²/(1 + 4)
    assert math.exp(log_effective_size(np.log([1.0, 2.0]))) == pytest.approx(9 / 5)
