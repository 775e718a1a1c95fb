"""One hidden unit: the collapsed space has two dimensions, and a grid does all integrals.

The reference uses the output layer written out in numpy, and nothing of the program but its data.
"""

import numpy as np
import pytest
from scipy.stats import norm

from nnpost.data.dataset import Dataset
from nnpost.diagnostics.mixing import effective_size
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.sample import sample
from nnpost.tempering.temper import temper

SIGMA, STD = 0.5, 3.0
X = np.linspace(-2, 2, 15)
PLACES = np.array([-3.0, -1.0, 0.2, 1.5])
FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "softsign": lambda z: z / (1 + abs(z)),
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
    "leaky_relu": lambda z: np.where(z < 0, 0.01 * z, z),
    "elu": lambda z: np.where(z < 0, np.expm1(np.minimum(z, 0)), z),
    "softplus": lambda z: np.logaddexp(z, 0),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * norm.cdf(z),
}
LONG = ("leaky_relu", "softplus", "silu", "gelu")  # the last two in torch


def make(name):
    y = np.tanh(2 * X) + 0.4 * np.random.default_rng(3).normal(size=15)
    return Posterior(MLP(1, (1,), name), Dataset(X, y), Gaussian(SIGMA), GaussianPrior(STD))


def conditional(name, w, b, y):
    """log p(y, w, b), and the mean and covariance of (a, c): 2 × 2 systems by Cramer's rule."""
    tau, d = SIGMA**-2, STD**-2
    f = FUNCTIONS[name](w[:, None] * X + b[:, None])
    p, q, r = tau * (f * f).sum(1) + d, tau * f.sum(1), tau * len(X) + d
    u, v = tau * f @ y, tau * y.sum()
    det = p * r - q * q
    mean = np.stack([r * u - q * v, p * v - q * u]) / det
    cov = np.stack([np.broadcast_to(r, p.shape), -q, p]) / det
    log_density = (
        -0.5 * tau * y @ y + 0.5 * (u * mean[0] + v * mean[1]) - 0.5 * np.log(det) + np.log(d)
        - 0.5 * len(X) * np.log(2 * np.pi * SIGMA**2)
        - 0.5 * d * (w**2 + b**2) + np.log(d / (2 * np.pi))
    )  # fmt: skip
    return log_density, mean, cov


def quadrature(name, step):
    """log Z, and E f and E f² at PLACES, by the trapezoid rule over ±8 prior deviations."""
    y = make(name).data.y
    axis = np.arange(0, 8 * STD, step)
    axis = np.r_[-axis[:0:-1], axis]
    total, first, second = 0.0, np.zeros(len(PLACES)), np.zeros(len(PLACES))
    for w in axis:
        log_density, mean, cov = conditional(name, np.full(len(axis), w), axis, y)
        weight = np.exp(log_density) * step**2
        phi = FUNCTIONS[name](w * PLACES[:, None] + axis)
        value = mean[0] * phi + mean[1]
        spread = cov[0] * phi**2 + 2 * cov[1] * phi + cov[2]
        total += weight.sum()
        first += (weight * value).sum(axis=1)
        second += (weight * (value**2 + spread)).sum(axis=1)
    return np.log(total), first / total, second / total


@pytest.mark.parametrize(
    "name",
    [pytest.param(a, marks=[pytest.mark.long] if a in LONG else []) for a in ACTIVATIONS],
)
def test_one_unit_against_quadrature(name, z_scores, report):
    """log Z within 0.02 and 4 errors; 8 moments of 4 predictions within 4.5 errors. With ten
    activations one of 100 tests fails by chance in 850 suites."""
    log_z, first, second = quadrature(name, 0.04)
    coarse = quadrature(name, 0.08)
    assert abs(coarse[0] - log_z) < 1e-3
    np.testing.assert_allclose(coarse[2], second, rtol=1e-3)
    post = make(name)
    tempering = temper(post, 12, particles=1000, seed=1)  # 48 populations: errors are known to 10 %
    error = tempering.error
    report(f"one unit, {name}: log Z", log_z, tempering.log_evidence, error)
    assert abs(tempering.log_evidence - log_z) < 0.02
    assert abs(tempering.log_evidence - log_z) < 4 * error
    run = sample(post, nsteps=1000, seed=1, ensembles=12, tempering=tempering)
    f = post.predict(run.chain[run.burnin :], PLACES)
    z = z_scores(np.concatenate([f, f**2], axis=-1), np.r_[first, second])
    report(f"one unit, {name}: largest |z| of 8", 0, abs(z).max(), 1)
    assert abs(z).max() < 4.5
    assert effective_size(run.log_prob[run.burnin :], run.ensembles) > 2000


# One unit of other networks, h = (w, b) or w alone, with their output layer written out in numpy.


def other(bias, skip):
    net = MLP(1, (1,), "tanh", bias, skip)
    return Posterior(net, make("tanh").data, Gaussian(SIGMA), GaussianPrior(STD))


def other_quadrature(bias, skip, step):
    """log Z and E f at PLACES on a grid of w, or of w and b, by the trapezoid rule."""
    y, tau, d = make("tanh").data.y, SIGMA**-2, STD**-2
    axis = np.arange(0, 8 * STD, step)
    axis = np.r_[-axis[:0:-1], axis]
    total, first = 0.0, np.zeros(len(PLACES))
    for b in axis if bias else [0.0]:

        def features(x, b=b):
            f = np.tanh(axis[:, None] * x + b)
            rows = [f, *[np.broadcast_to(x, f.shape)] * skip, *[np.ones_like(f)] * bias]
            return np.stack(rows, axis=1)

        f = features(X)
        a = tau * f @ f.swapaxes(1, 2) + d * np.eye(f.shape[1])
        moment = tau * f @ y
        mean = np.linalg.solve(a, moment[..., None])[..., 0]
        log_density = (
            -0.5 * tau * y @ y + 0.5 * (moment * mean).sum(1) - 0.5 * np.linalg.slogdet(a)[1]
            + 0.5 * f.shape[1] * np.log(d) - 0.5 * len(X) * np.log(2 * np.pi * SIGMA**2)
            - 0.5 * d * axis**2 + 0.5 * np.log(d / (2 * np.pi))
        )  # fmt: skip
        if bias:
            log_density += -0.5 * d * b**2 + 0.5 * np.log(d / (2 * np.pi))
        weight = np.exp(log_density) * step ** (1 + bias)
        total += weight.sum()
        first += weight @ (mean[:, None] @ features(PLACES))[:, 0]
    return np.log(total), first / total


@pytest.mark.parametrize(
    ("bias", "skip"),
    [(False, False), (True, True), pytest.param(False, True, marks=pytest.mark.long)],
)
def test_one_unit_without_biases_or_beside_a_skip(bias, skip, z_scores, report):
    """log Z within 0.02, or 4 errors where that is more; means of 4 predictions within 4.5."""
    log_z, first = other_quadrature(bias, skip, 0.04)
    assert abs(other_quadrature(bias, skip, 0.08)[0] - log_z) < 1e-3
    post = other(bias, skip)
    tempering = temper(post, 4, particles=600, seed=1)
    name = f"one tanh unit, bias {bias}, skip {skip}: log Z"
    report(name, log_z, tempering.log_evidence, tempering.error)
    assert abs(tempering.log_evidence - log_z) < max(0.02, 4 * tempering.error)
    run = sample(post, nsteps=1000, seed=1, tempering=tempering)
    f = post.predict(run.chain[run.burnin :], PLACES)
    assert abs(z_scores(f, first)).max() < 4.5
