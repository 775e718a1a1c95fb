"""Memory does not grow with the steps of a chain; no bit depends on how much is done in one go."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnpost
from nnpost import MLP, Dataset, Gaussian, Posterior
from nnpost.posterior.output_layer import OutputLayer
from nnpost.training.settings import TrainSettings
from nnpost.training.sgd import Work, run_restarts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_memory_is_flat_while_a_chain_grows(monkeypatch, tmp_path):
    """The rows of these tenths, 14 MB, are in the file and not in memory."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    memory = importlib.import_module("memory")
    if not memory.PAGES.exists():
        pytest.skip("nothing here tells how much memory is held")
    found = memory.watched(12_000, tmp_path / "run.h5")
    assert len(found) == 10
    assert found[-1][1] - found[0][1] < 6e6


def make(block):
    rng = np.random.default_rng(4)
    data = Dataset(rng.normal(size=(30, 2)), rng.normal(size=30))
    return Posterior(MLP(2, (3,), "tanh"), data, Gaussian(0.3), block=block)


def test_densities_have_the_same_bits_in_blocks_of_any_size():
    pytest.importorskip("numba")
    whole = make(2**20)
    theta = np.random.default_rng(5).normal(size=(64, whole.ndim))
    h = OutputLayer(whole).split(theta)
    for block in (1, 1000, 7777):
        small = make(block)
        np.testing.assert_array_equal(small.log_prob(theta), whole.log_prob(theta))
        for a, b in zip(
            small.log_prob_and_grad(theta), whole.log_prob_and_grad(theta), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(
            OutputLayer(small).log_prob(h), OutputLayer(whole).log_prob(h)
        )
    for size in (1, 7, 33):  # however many walkers are asked for at once
        parts = [whole.log_prob(theta[k : k + size]) for k in range(0, len(theta), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole.log_prob(theta))


@pytest.mark.parametrize("how", [{}, {"batch_size": 7}])
def test_restarts_have_the_same_bits_in_blocks_of_any_size(how):
    pytest.importorskip("numba")
    post = make(2**20)
    settings = TrainSettings(restarts=10, epochs=20, **how)
    start = post.net.initial(10, 0)
    whole = run_restarts(post, settings, 0, start)
    for work in (Work(block=1), Work(block=20), Work(commit=1.0), replace(Work(), commit=1e5)):
        kept = []
        found = run_restarts(post, settings, 0, start, work=work, keep=kept.append)
        np.testing.assert_array_equal(found.theta, whole.theta)
        np.testing.assert_array_equal(found.loss, whole.loss)
        for part in kept[:2]:
            again = run_restarts(post, settings, 0, start, work=work, before=part)
            np.testing.assert_array_equal(again.theta, whole.theta)
            np.testing.assert_array_equal(again.loss, whole.loss)


def test_a_chain_has_the_same_bits_in_memory_and_in_a_file(tmp_path):
    settings = {"ensembles": 2, "nwalkers": 26, "nsteps": 40, "moves": "stretch", "start": "prior"}
    kept = nnpost.sample(make(2**20), tmp_path / "run.h5", **settings)
    free = nnpost.sample(make(2**20), **settings)
    np.testing.assert_array_equal(kept.chain, free.chain)
    np.testing.assert_array_equal(kept.log_prob, free.log_prob)
