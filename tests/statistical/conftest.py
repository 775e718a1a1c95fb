"""What the statistical tests share: z-scores of chains, and a line for every figure they find."""

import numpy as np
import pytest

from nnpost.mixing import effective_size


@pytest.fixture
def report():
    """Print one line of docs/exactness.md; `make exactness` shows them."""

    def show(what, reference, found, error):
        print(f"\n{what:44} {reference:>10.4f} {found:>10.4f} ± {error:.4f}", end="")

    return show


@pytest.fixture
def z_scores():
    """z of the means of x (N, W, K) against ``truth`` (K,), with N W / τ effective draws."""

    def scores(x, truth):
        error = x.std(axis=(0, 1)) / np.sqrt(effective_size(x))
        return (x.mean(axis=(0, 1)) - truth) / error

    return scores
