"""The sampler's own loop: the law of what it samples, and where its random numbers come from."""

import emcee
import numpy as np

from nnpost.moves.ensemble import EnsembleMove
from nnpost.moves.stretch import Stretch
from nnpost.sampling.sampler import Sampler, StepRandom
from nnpost.storage.backend import MemoryBackend

FIRST = np.random.RandomState(5).get_state()


def test_a_step_has_numbers_of_its_own_whatever_others_drew():
    steps, again = StepRandom(FIRST), StepRandom(FIRST)
    drawn = [steps.at(t).standard_normal(301) for t in range(20)]
    for t in (7, 19, 0):
        np.testing.assert_array_equal(again.at(t).standard_normal(301), drawn[t])
    assert len(np.unique(drawn)) == 20 * 301
    other = StepRandom(np.random.RandomState(6).get_state())
    assert not np.isin(other.at(0).standard_normal(301), drawn).any()


def test_numbers_of_different_steps_are_independent_and_uniform():
    steps = StepRandom(FIRST)
    u = np.array([steps.at(t).random_sample(4) for t in range(40_000)])
    assert abs(np.corrcoef(np.c_[u[1:], u[:-1]].T) - np.eye(8)).max() < 5 / np.sqrt(40_000)
    share = np.histogram(u[:, 0], bins=20, range=(0, 1))[0] / 2000
    assert abs(share - 1).max() < 5 / np.sqrt(2000)


def test_the_loop_samples_what_emcees_own_would():
    """400 ensembles of 12 walkers from a normal distribution stay there: variances, a z-test."""
    start = np.random.RandomState(1).standard_normal((4800, 3))

    def log_prob(x):
        return -0.5 * (x**2).sum(axis=1)

    backend = MemoryBackend()
    move = EnsembleMove(Stretch(), 400)
    sampler = Sampler(4800, 3, log_prob, moves=move, vectorize=True, backend=backend)
    first = emcee.State(start, log_prob=log_prob(start), random_state=FIRST)
    for _ in sampler.sample(first, 30, thin_by=2):
        pass
    assert len(backend.get_value("chain")) == 30
    last = sampler.get_last_sample()
    np.testing.assert_array_equal(last.log_prob, log_prob(last.coords))
    squares = (last.coords.reshape(400, 12, 3) ** 2).mean(axis=1)
    z = (squares.mean(axis=0) - 1) / (squares.std(axis=0, ddof=1) / 20)
    assert abs(z).max() < 4
    assert 0.3 < sampler.acceptance_fraction.mean() < 0.8
