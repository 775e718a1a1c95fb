"""The evidence of tempered runs: its mean is the truth, and its stated errors cover the truth."""

import math

import numpy as np
import pytest
from scenarios import GaussianPosterior, curve, quadrature
from scipy.stats import t as student

from nnpost.tempering.ladder import Ladder, follow, run_ladder
from nnpost.tempering.particles import PathParticles, Planned, Sweeps, Tuned, Units
from nnpost.tempering.path import Path, Start
from nnpost.tempering.temper import temper

NOBODY = Units(lambda h, beta, rng: (h, np.zeros(len(h))), 0)


def ratio_to_truth(ndim, rng, size, moves=3):
    """Ẑ/Z of new particles on the way that a pilot has settled."""
    posterior, sweeps = GaussianPosterior(ndim), Sweeps()
    start = Start(posterior)
    way, tuner = Path(start, posterior), Tuned([np.arange(ndim)[None]], np.ones(ndim), sweeps)
    pilot = PathParticles(way, start.draw(size, rng), moves, tuner, NOBODY, sweeps)
    run_ladder(pilot, size, rng, Ladder(), lambda beta, z: None)
    plan = Planned(tuner.plan)
    main = PathParticles(way, start.draw(size, rng), moves, plan, NOBODY, sweeps)
    betas = [tune.beta for tune in tuner.plan]
    return math.exp(follow(main, betas, size, rng, lambda beta, z: None).log_z)


@pytest.mark.parametrize(
    ("ndim", "size", "runs"),
    [
        (2, 300, 30),
        (5, 400, 30),
        pytest.param(10, 500, 40, marks=pytest.mark.long),
        pytest.param(20, 1000, 30, marks=pytest.mark.long),
    ],
)
def test_the_mean_of_estimates_is_the_evidence(ndim, size, runs, report):
    """Within 3.5 standard errors: a right program fails in one of 500 suites, and one whose
    estimates are 15 % too low fails nearly always."""
    z = np.array([ratio_to_truth(ndim, np.random.RandomState(s), size) for s in range(runs)])
    error = z.std(ddof=1) / math.sqrt(runs)
    report(f"Gaussian in {ndim} dimensions: mean of Z estimate / Z", 1, z.mean(), error)
    assert error < 0.03
    assert abs(z.mean() - 1) < 3.5 * error


@pytest.mark.long
def test_stated_errors_cover_the_truth(report):
    """|z| of 100 runs with 200 particles each below 1, 2 and 3 as often as Student's t with 15
    degrees of freedom says (four runs of four populations), within 3.5 standard deviations of a
    share."""
    post = curve(1, "tanh")
    truth, z = quadrature(post), []
    for seed in range(100):
        found = temper(post, 4, particles=200, seed=seed)
        z.append(abs(found.log_evidence - truth) / found.error)
    for bound in (1, 2, 3):
        share, expected = np.mean(np.array(z) < bound), 1 - 2 * student.sf(bound, 15)
        error = math.sqrt(expected * (1 - expected) / len(z))
        report(f"share of |z| below {bound}", expected, share, error)
        assert abs(share - expected) < 3.5 * error
