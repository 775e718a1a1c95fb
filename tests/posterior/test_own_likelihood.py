"""A likelihood of one's own: a function of torch does what one that is built in does."""

import numpy as np
import pytest
import torch

import nnpost
from nnpost.common.errors import RequestError
from nnpost.posterior.posterior import Posterior


def student(f, y, yerr, own):
    """Student's t with 3 degrees of freedom, log σ inferred, by torch's own distribution."""
    return torch.distributions.StudentT(3.0, f, own.exp()).log_prob(y)


def both(n=25, hidden=(2,)):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, n)
    data = nnpost.Dataset(x, np.sin(x) + 0.1 * rng.standard_t(3, n))
    own = nnpost.OwnLikelihood(student, "t3", own={"log_s": 3.0})
    net, prior = nnpost.MLP(1, hidden, "tanh"), nnpost.GaussianPrior(2.0)
    return [nnpost.Posterior(net, data, like, prior) for like in (own, nnpost.StudentT(3.0))]


def test_it_has_the_density_and_gradient_of_the_one_that_is_built_in():
    mine, known = both()
    assert mine.labels == [*known.net.labels, "log_s"]
    theta = np.random.default_rng(1).normal(size=(5, mine.ndim))
    for one, other in zip(
        mine.log_prob_and_grad(theta), known.log_prob_and_grad(theta), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_it_is_trained_tempered_sampled_and_handed_in_again(tmp_path):
    mine, known = both(hidden=())
    tops = [nnpost.train(post, restarts=4, epochs=100).map for post in (mine, known)]
    np.testing.assert_allclose(tops[0].theta, tops[1].theta, atol=1e-6)
    path, log_z = tmp_path / "own.h5", [nnpost.temper(p, 4, particles=400) for p in (mine, known)]
    assert log_z[0].log_evidence == pytest.approx(log_z[1].log_evidence, abs=0.1)
    run = nnpost.sample(mine, path, nsteps=40, tempering=log_z[0])
    with pytest.raises(RequestError, match="'t3', which no file holds: hand it in again"):
        nnpost.load(path)
    again = nnpost.load(path, likelihood=mine.likelihood)
    np.testing.assert_array_equal(again.chain, run.chain)
    longer = nnpost.sample(mine, path, nsteps=60, discard=8, resume=True)
    np.testing.assert_array_equal(longer.chain[:40], run.chain)
    other = nnpost.OwnLikelihood(student, "t4", own={"log_s": 3.0})
    with pytest.raises(RequestError, match=r"found OwnLikelihood.*expected 't3' with 1 output"):
        nnpost.load(path, likelihood=other)


def test_without_a_way_to_draw_noise_is_refused_and_said_so():
    mine, _ = both()
    theta, rng = np.zeros((2, mine.ndim)), np.random.default_rng(0)
    assert not mine.draws_targets
    with pytest.raises(RequestError, match="'t3': found no way to draw targets"):
        mine.draw_targets(theta, mine.data.x, rng)

    def draw(f, yerr, own, rng):
        return f + np.exp(own) * rng.standard_t(3, f.shape)

    drawing = nnpost.OwnLikelihood(student, "t3", own={"log_s": 3.0}, draw_of=draw)
    post = Posterior(mine.net, mine.data, drawing)
    assert post.draw_targets(theta, mine.data.x, rng).shape == (2, mine.data.n)


def test_several_outputs_and_a_mean_of_ones_own():
    """Noise that depends on x, by the words of torch."""

    def normal(f, y, yerr, own):
        return torch.distributions.Normal(f[..., 0], f[..., 1].exp()).log_prob(y)

    mine, _ = both()
    net = nnpost.MLP(1, (2,), "tanh", outputs=2)
    own = nnpost.OwnLikelihood(normal, "normal", 2, mean_of=lambda f, own: 2 * f[..., 0])
    post = nnpost.Posterior(net, mine.data, own)
    known = nnpost.Posterior(net, mine.data, nnpost.Heteroscedastic())
    theta = np.random.default_rng(1).normal(size=(3, post.ndim))
    np.testing.assert_allclose(post.log_prob(theta), known.log_prob(theta), rtol=1e-12)
    np.testing.assert_allclose(post.expected(theta), 2 * known.expected(theta), rtol=1e-12)


def test_a_function_of_another_shape_is_refused():
    mine, _ = both()
    summed = nnpost.OwnLikelihood(lambda f, y, yerr, own: -(f - y).square().sum(1), "summed")
    post = nnpost.Posterior(mine.net, mine.data, summed)
    with pytest.raises(RequestError, match=r"'summed': .* gave shape \(1,\) .* \(1, 25\)"):
        post.log_prob(np.zeros(post.ndim))
    with pytest.raises(RequestError, match="likelihood function: found 3, expected a function"):
        nnpost.OwnLikelihood(3, "three")
