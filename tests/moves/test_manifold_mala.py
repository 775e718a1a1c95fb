"""The gradient and the metric of a step along the curvature, written out with loops."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior
from nnpost.moves.manifold_mala import ManifoldMALA
from nnpost.network.mlp import ACTIVATIONS
from nnpost.posterior.output_layer import OutputLayer


def curve(activation="sigmoid", sigma=0.2, inputs=2, bias=1e3):
    """The output bias has nearly no prior, as in the steps themselves."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (40, inputs))
    y = np.sin(2 * x[:, 0]) + 0.1 * rng.standard_normal(40)
    scales = {"input_weights": 3.0, "biases": 2.0, "output_weights": 2.5, "output_bias": bias}
    data = Dataset(x, y, rng.uniform(0.5, 1.5, 40))
    return Posterior(MLP(inputs, (3,), activation), data, Gaussian(sigma), GaussianPrior(scales))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "relu"])
@pytest.mark.parametrize("sigma", [0.2, "infer"])
@pytest.mark.parametrize("inputs", [1, 2])
def test_the_gradient_is_that_of_the_collapsed_posterior(activation, sigma, inputs):
    """A power β of the likelihood is noise of σ/√β, where it is given."""
    post = curve(activation, sigma, inputs)
    h = np.random.default_rng(1).normal(size=(6, OutputLayer(post).ndim)) * 0.5
    for beta in (1.0,) if sigma == "infer" else (1.0, 0.3):
        found = ManifoldMALA(post).geometry(h, beta).grad.numpy()
        noise = sigma if sigma == "infer" else sigma / beta**0.5
        exact = OutputLayer(curve(activation, noise, inputs)).log_prob_and_grad(h)[1]
        np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-3)


def test_the_metric_is_the_sum_written_out():
    post = curve()
    layer, step = OutputLayer(post), ManifoldMALA(post)
    h = np.random.default_rng(2).normal(size=(1, layer.ndim))
    tau, root = 0.2**-2, 1 / post.data.yerr
    z = post.data.x @ h[0, :6].reshape(3, 2).T + h[0, 6:]
    leaf = torch.tensor(z, requires_grad=True)
    values = ACTIVATIONS["sigmoid"].function(leaf)
    (slopes,) = torch.autograd.grad(values.sum(), leaf)
    f = np.c_[values.detach().numpy(), np.ones(40)] * root[:, None]
    precision = tau * f.T @ f + np.diag([2.5**-2] * 3 + [0.0])
    v = np.linalg.inv(precision)
    m = v @ f.T @ (post.data.y * root) * tau
    aside = np.eye(40) - tau * f @ v @ f.T
    places = [(j, k) for j in range(3) for k in range(3)]  # unit, and its weights and bias
    index = [2 * j + k if k < 2 else 6 + j for j, k in places]
    design = np.c_[post.data.x, np.ones(40)]
    exact = np.diag([3.0**-2] * 6 + [2.0**-2] * 3)
    for (j, k), one in zip(places, index, strict=True):
        for (i, n), other in zip(places, index, strict=True):
            a = slopes[:, j].numpy() * design[:, k] * root
            b = slopes[:, i].numpy() * design[:, n] * root
            exact[one, other] += tau * (m[i] * m[j] + v[i, j]) * (a @ aside @ b)
    np.testing.assert_allclose(step.geometry(h).metric[0].numpy(), exact, rtol=1e-8, atol=1e-8)


def test_copies_of_a_network_have_the_same_geometry():
    """Exchanged and flipped units: what folding a step relies on."""
    post = curve(inputs=1)
    step = ManifoldMALA(post)
    h = np.random.default_rng(3).normal(size=(5, 6))
    order, signs = [2, 0, 1, 5, 3, 4], np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    (grad, metric), (grad2, metric2) = (
        [part.numpy() for part in step.geometry(copy)] for copy in (h, h[:, order] * signs)
    )
    np.testing.assert_allclose(grad2, grad[:, order] * signs, rtol=1e-7, atol=1e-9)
    turned = metric[:, order][:, :, order] * signs[:, None] * signs
    np.testing.assert_allclose(metric2, turned, rtol=1e-7, atol=1e-9)


def test_what_floats_cannot_hold_is_never_accepted():
    step = ManifoldMALA(curve(inputs=1))
    s = np.full((1, 2, 6), 1e200)
    q, factors = step.propose(s, s, np.random.RandomState(0))
    assert np.isfinite(q).all()
    assert not np.isnan(factors).any()


@pytest.mark.parametrize("sigma", [0.2, "infer"])
def test_the_hastings_factor_is_the_ratio_of_the_two_gaussians(sigma):
    """log q(h | q) − log q(q | h) with q ~ N(h + ½ ε² G⁻¹ g, ε² G⁻¹), among what moves."""
    post = curve(sigma=sigma)
    step = ManifoldMALA(post)
    h = np.random.default_rng(4).normal(size=(12, OutputLayer(post).ndim))
    here = step.geometry(h)
    q, there, factor = step.step(h, here, np.random.RandomState(6))
    same = np.random.RandomState(6)
    moved = step._moved(len(h), same).numpy() == 1
    scale = 0.3 * np.exp(0.8 * same.standard_normal(len(h)))

    def log_density(k, to, start, geometry):
        at = moved[k]
        cov = np.linalg.inv(geometry.metric[k].numpy()[np.ix_(at, at)])
        mean = start[k, at] + 0.5 * scale[k] ** 2 * cov @ geometry.grad[k].numpy()[at]
        return multivariate_normal(mean, scale[k] ** 2 * cov).logpdf(to[k, at])

    np.testing.assert_array_equal(q[~moved], h[~moved])
    for k in np.flatnonzero(moved.any(axis=1)):
        expected = log_density(k, h, q, there) - log_density(k, q, h, here)
        assert factor[k] == pytest.approx(expected, rel=1e-6, abs=1e-6)
