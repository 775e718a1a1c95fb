"""A small version of benchmarks/calibration.py, and proof that it notices wrong samplers."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def calibration():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import calibration
    finally:
        sys.path.remove(str(BENCHMARKS))
    return calibration


def test_ranks_of_the_truth_are_not_extreme(calibration, report):
    """Mean and spread of the ranks of 6 truths, a z-test each for 11 quantities: |z| < 4.5 fails
    by chance in one of 6,000 suites. benchmarks/calibration.py does 200."""
    ranks = np.stack([calibration.rank(calibration.SMALL, 1, index) for index in range(6)])
    u = (ranks + 0.5) / (calibration.DRAWS + 1)
    z = (u.mean(axis=0) - 0.5) * np.sqrt(12 * len(u))
    report("calibration, 6 data sets: largest |z|", 0, abs(z).max(), 1)
    assert abs(z).max() < 4.5


@pytest.mark.long
@pytest.mark.parametrize("problem", ["inputs", "tails"])
def test_ranks_under_scales_that_are_inferred(calibration, problem, report):
    """Mean and spread of the ranks of 20 truths, two z-tests each for 10 quantities: |z| < 4.5
    fails by chance in one of 3,000 suites."""
    task = calibration.PROBLEMS[problem]
    ranks = np.stack([calibration.rank(task, 1, index) for index in range(20)])
    u = (ranks + 0.5) / (calibration.DRAWS + 1) - 0.5
    mean = u.mean(axis=0) * np.sqrt(12 * len(u))
    spread = ((u**2).mean(axis=0) - 1 / 12) * np.sqrt(180 * len(u))
    largest = max(abs(mean).max(), abs(spread).max())
    report(f"calibration, {problem}, 20 data sets: largest |z|", 0, largest, 1)
    assert largest < 4.5


def test_uniform_ranks_pass_and_those_of_too_narrow_a_posterior_fail(calibration):
    rng = np.random.default_rng(0)
    assert calibration.p_values(rng.integers(0, 100, size=(200, 11))).min() > 0.001
    shrunk = (rng.normal(size=(200, 11, 1)) > 0.7 * rng.normal(size=(200, 11, 99))).sum(axis=2)
    assert calibration.p_values(shrunk).max() < 0.01
    shifted = (rng.normal(0.4, 1, size=(200, 11, 1)) > rng.normal(size=(200, 11, 99))).sum(axis=2)
    assert calibration.p_values(shifted).max() < 0.01
