"""Two sigmoid units on the parabola: the article's posterior, and those of real noise."""

import numpy as np
import pytest

from nnpost import datasets
from nnpost.diagnostics.mixing import effective_size
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.tempering.temper import temper

# Importance sampling in the collapsed space, 165,000 effective draws; made before this program.
LOG_Z, LOG_PROB = -22.739, -37.226
PLACES = np.array([-5.0, -10 / 3, -5 / 3, 0.0])
MEANS = np.array([21.30, 11.79, 2.90, 2.10])
DEVIATIONS = np.array([3.47, 2.77, 1.21, 1.33])
STORED_DIGITS = 0.005

NOISE = {"given": Gaussian(0.1443), "inferred": Gaussian("infer")}
# log Z and its error by nested sampling: `python benchmarks/nested.py --case given` (seed 0).
NESTED = {"given": (189.267, 0.010), "inferred": (184.650, 0.010)}


def make(likelihood):
    data = datasets.parabola(size=500, seed=0)
    return Posterior(MLP(1, (2,), "sigmoid"), data, likelihood, GaussianPrior(30.0))


@pytest.fixture(scope="module")
def run():
    return sample(make(MSE()), nsteps=2000, seed=0)


def error_of_the_mean(x):
    """Monte-Carlo errors of the means of x (N, W, K), (K,)."""
    return x.std(axis=(0, 1)) / np.sqrt(effective_size(x, 4))


def test_evidence_and_log_posterior_of_the_article(run, report):
    """Both are many errors wide: a failure is no accident."""
    tempering = run.tempering
    report("parabola: log Z", LOG_Z, tempering.log_evidence, tempering.error)
    assert abs(tempering.log_evidence - LOG_Z) < min(0.05, 4 * tempering.error)
    kept = run.log_prob[run.burnin :, :, None]
    report("parabola: mean log posterior", LOG_PROB, kept.mean(), error_of_the_mean(kept)[0])
    assert abs(kept.mean() - LOG_PROB) < 0.15
    assert run.verdict.converged, run.verdict.reasons


def test_predictions_of_the_article(run, report):
    """Eight figures within 3 Monte-Carlo errors and the rounding of the reference: one seed in 50
    fails by chance."""
    f = run.post.predict(run.chain[run.burnin :], PLACES)
    mean, deviation = f.mean(axis=(0, 1)), f.std(axis=(0, 1))
    error = error_of_the_mean(f)
    # var f = E (f − E f)², and the error of a root is that of its square over twice the root.
    error_of_deviation = error_of_the_mean((f - mean) ** 2) / (2 * deviation)
    for k, x in enumerate(PLACES):
        report(f"parabola: mean f({x:g})", MEANS[k], mean[k], error[k])
        report(f"parabola: sd f({x:g})", DEVIATIONS[k], deviation[k], error_of_deviation[k])
    assert (abs(mean - MEANS) < 3 * error + STORED_DIGITS).all()
    assert (abs(deviation - DEVIATIONS) < 3 * error_of_deviation + STORED_DIGITS).all()


@pytest.mark.parametrize("case", NOISE)
def test_real_noise_converges_and_agrees_with_nested_sampling(case, report):
    """Four importance estimates within 0.1 of each other, and their mean within 4 of both errors
    of another method's: both fail by chance in one of 8,000 suites."""
    post = make(NOISE[case])
    tempering = temper(post, particles=1000, seed=0)
    expected, error = NESTED[case]
    report(f"parabola, noise {case}: log Z", expected, tempering.log_evidence, tempering.error)
    assert np.ptp(tempering.log_z) < 0.1
    assert abs(tempering.log_evidence - expected) < 4 * np.hypot(error, tempering.error)
    run = sample(post, nsteps=2500, seed=0, tempering=tempering)
    assert run.verdict.converged, run.verdict.reasons
