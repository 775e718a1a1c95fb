"""A GPU finds what the CPU finds; what it is faster at, benchmarks/gpu.py measures."""

import numpy as np
import pytest
from small import main, quick

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.sampling.load import load
from nnpost.sampling.sample import sample
from nnpost.training.polish import Polish
from nnpost.training.train import train

GPU = "cuda"
LIKELIHOODS = [MSE(), Gaussian(0.7), Gaussian("infer")]

pytestmark = pytest.mark.cuda


def both(likelihood, hidden=(3,), block=2**20):
    """The same posterior on the CPU and on the GPU."""
    rng = np.random.default_rng(11)
    data = Dataset(rng.normal(size=(40, 2)), rng.normal(size=40), rng.uniform(0.5, 2, 40))
    net = MLP(2, hidden)
    return [Posterior(net, data, likelihood, device=on, block=block) for on in ("cpu", GPU)]


def draws(post, count=50):
    return np.random.default_rng(0).normal(size=(count, post.ndim))


def assert_same(ours, theirs, within=1e-10):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=within, atol=within)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("hidden", [(3,), (3, 2)], ids=str)
@pytest.mark.parametrize("block", [2**20, 1000])
def test_densities(likelihood, hidden, block):
    cpu, gpu = both(likelihood, hidden, block)
    theta = draws(cpu)
    assert_same(gpu.log_prob_and_grad(theta), cpu.log_prob_and_grad(theta))
    assert_same([gpu.log_prob(theta)], [cpu.log_prob(theta)])


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("hidden", [(3,), (3, 2)], ids=str)
def test_densities_without_the_output_layer(likelihood, hidden):
    ours, theirs = (OutputLayer(post) for post in both(likelihood, hidden))
    h = theirs.split(draws(theirs.post))
    assert_same(ours.log_prob_and_grad(h), theirs.log_prob_and_grad(h))
    gpu, cpu = (layer.draw(h, np.random.default_rng(1)) for layer in (ours, theirs))
    assert_same(gpu, cpu)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_restarts(batch_size):
    cpu, gpu = (
        train(
            post,
            restarts=6,
            epochs=20,
            batch_size=batch_size,
            polish=Polish(best=1, spread=0, steps=5),
        )
        for post in both(Gaussian(0.7))
    )
    assert_same([gpu.theta, gpu.loss], [cpu.theta, cpu.loss], within=1e-8)


@pytest.mark.parametrize("moves", ["collapsed", "stretch", "hmc"])
def test_the_first_steps_of_a_chain(moves):
    cpu, gpu = (
        sample(post, ensembles=2, nwalkers=32, nsteps=5, moves=moves, start="prior")
        for post in both(Gaussian("infer"))
    )
    assert (cpu.chain[-1] != cpu.chain[0]).any()
    assert_same([gpu.chain, gpu.log_prob], [cpu.chain, cpu.log_prob], within=1e-6)


def test_a_whole_run(made, tmp_path):
    out = tmp_path / "gpu.h5"
    assert main(["run", "parabola", "--device", GPU, "--quiet", *quick(out)]) == 1
    gpu, cpu = load(out), load(made)
    assert gpu.chain.shape == cpu.chain.shape
    assert_same([gpu.fits.mse], [cpu.fits.mse], within=1e-6)
    assert gpu.fits.map.log_prob == pytest.approx(cpu.fits.map.log_prob, abs=1e-6)
    assert gpu.log_evidence == pytest.approx(cpu.log_evidence, abs=1)
