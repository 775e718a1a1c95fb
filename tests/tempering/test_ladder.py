"""The ladder: where its rungs are, and the ratio of two constants that it is all about."""

import math

import numpy as np
import pytest

from nnpost.numerics.resampling import log_effective_size
from nnpost.tempering.ladder import Ladder, next_rung, run_ladder

SD = 0.02  # of the likelihood


class Normal:
    """N(0, 1) times exp(−x²/2 SD²)^β, moved by drawing afresh: what the best move would do."""

    def __init__(self, size, rng):
        self.beta, self.x = 0.0, rng.standard_normal(size)

    def log_weights(self):
        return lambda beta: -0.5 * (beta - self.beta) * (self.x / SD) ** 2

    def go_on(self, chosen, beta):
        self.x, self.beta = self.x[chosen], beta

    def move(self, rng):
        self.x = rng.standard_normal(len(self.x)) / math.sqrt(1 + self.beta / SD**2)
        return 0.25


def test_a_ladder_gives_the_ratio_of_the_constants():
    """∫ N(x; 0, 1) exp(−x²/2 SD²) dx = 1/√(1 + 1/SD²), within four errors of twenty runs."""
    rng, heard = np.random.RandomState(0), []
    runs = [
        run_ladder(Normal(4000, rng), 400, rng, Ladder(), lambda *at: heard.append(at))
        for _ in range(20)
    ]
    log_z = np.array([run.log_z for run in runs])
    error = log_z.std(ddof=1) / math.sqrt(len(runs))
    assert error < 0.05
    assert log_z.mean() == pytest.approx(-0.5 * math.log1p(SD**-2), abs=4 * error)
    for run in runs:
        assert run.betas[0] == 0
        assert run.betas[-1] == 1
        assert (np.diff(run.betas) > 0).all()
        assert math.isnan(run.acceptance[0])
        assert run.acceptance[1:] == [0.25] * (len(run.betas) - 1)
    assert [beta for beta, _ in heard] == [beta for run in runs for beta in run.betas[1:]]
    assert heard[-1][1] == runs[-1].log_z


def test_particles_that_go_on_are_as_many_as_asked_for():
    rng = np.random.RandomState(0)
    particles = Normal(1000, rng)
    run_ladder(particles, 50, rng, Ladder(), lambda *_: None)
    assert len(particles.x) == 50


def test_a_ladder_that_keeps_more_has_more_rungs():
    rungs = []
    for keep in (0.2, 0.5, 0.9):
        rng = np.random.RandomState(0)
        run = run_ladder(Normal(1000, rng), 1000, rng, Ladder(keep=keep), lambda *_: None)
        rungs.append(len(run.betas))
    assert rungs[0] < rungs[1] < rungs[2]


@pytest.mark.parametrize("beta", [0.0, 0.3])
@pytest.mark.parametrize("effective", [25, 50])
def test_a_rung_leaves_the_effective_draws_that_are_asked_for(beta, effective):
    gap = 1000 * np.random.RandomState(0).standard_normal(100)
    rung = next_rung(lambda new: (new - beta) * gap, beta, effective, Ladder(tolerance=1e-6))
    assert beta < rung.beta < 1
    assert math.exp(log_effective_size(rung.log_weights)) == pytest.approx(effective, rel=1e-4)
    np.testing.assert_array_equal(rung.log_weights, (rung.beta - beta) * gap)
    assert rung.log_mean == pytest.approx(math.log(np.mean(np.exp(rung.log_weights))))


def test_the_last_rung_is_the_end():
    gap = 0.1 * np.random.RandomState(0).standard_normal(100)
    assert next_rung(lambda new: (new - 0.9) * gap, 0.9, 50, Ladder()).beta == 1.0


def test_particles_without_weight_are_dropped_by_the_shortest_step():
    gap = np.r_[np.zeros(10), np.full(90, -np.inf)]
    shortest = Ladder(shortest=math.log(1e-9))
    rung = next_rung(lambda new: new * gap if new else np.zeros(100), 0.0, 50, shortest)
    assert rung.beta == pytest.approx(1e-9)
    assert rung.log_mean == pytest.approx(math.log(0.1))


def test_no_rung_lies_beyond_the_end():
    """Where less is left than the shortest step and weights would still ask for one."""
    gain = np.where(np.arange(8) == 0, 0.0, -np.inf)
    rung = next_rung(lambda beta: gain, 1 - 1e-12, 4.0, Ladder(shortest=-20.0))
    assert rung.beta == 1.0
