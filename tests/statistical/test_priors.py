"""One unit under priors of heavy tails and of an inferred scale: log Z and predictions.

The reference is the mean likelihood over the prior, by scrambled Sobol points put through the
prior's quantiles and with c integrated out by hand: none of the program's densities.
"""

import numpy as np
import pytest
from scipy import stats

import nnpost

SIGMA, N = 0.8, 12
STDS = {"input_weights": 1.5, "biases": 1.0, "output_weights": 1.2, "output_bias": 0.8}
PRIORS = {
    "student": nnpost.StudentTPrior(STDS, nu=3.0),
    "scale of a kind": nnpost.StudentTPrior(STDS, nu=3.0, shared="kind"),
    "scales of inputs": nnpost.StudentTPrior(STDS, nu=3.0, shared="input"),
    "laplace": nnpost.LaplacePrior(STDS),
}
PLACES = np.array([[-1.5, 0.0], [0.2, 1.0], [1.2, -1.0]])


def make(name):
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (N, 2))
    y = np.tanh(1.5 * x[:, 0] - 0.5 * x[:, 1]) + SIGMA * rng.normal(size=N)
    net = nnpost.MLP(2, (1,), "sigmoid" if name == "laplace" else "tanh")
    return nnpost.Posterior(net, nnpost.Dataset(x, y), nnpost.Gaussian(SIGMA), PRIORS[name])


def drawn_from_the_prior(name, u):
    """w (M, 2), b and a (M,) from points of the unit cube (M, 6)."""
    b = stats.norm.ppf(u[:, 0])
    if name == "laplace":
        w, a = (stats.laplace.ppf(u[:, k]) / 2**0.5 for k in ([1, 2], 3))
    elif name == "student":
        w, a = (stats.t(3).ppf(u[:, k]) for k in ([1, 2], 3))
    elif name == "scales of inputs":  # t for w, each alone; a is Gaussian
        roots = stats.gamma(1.5, scale=1 / 1.5).ppf(u[:, [4, 5]]) ** -0.5
        w, a = stats.norm.ppf(u[:, [1, 2]]) * roots, stats.norm.ppf(u[:, 3])
    else:
        root = stats.gamma(1.5, scale=1 / 1.5).ppf(u[:, 4]) ** -0.5
        w, a = stats.norm.ppf(u[:, [1, 2]]) * root[:, None], stats.t(3).ppf(u[:, 3])
    return 1.5 * w, b, 1.2 * a


def reference(name, seed):
    """log Z, and E f at PLACES."""
    post = make(name)
    x, y, s2 = post.data.x, post.data.y, 0.8**2
    w, b, a = drawn_from_the_prior(name, stats.qmc.Sobol(6, seed=seed).random_base2(18))
    phi = (lambda z: 1 / (1 + np.exp(-z))) if name == "laplace" else np.tanh
    r = y - a[:, None] * phi(w @ x.T + b[:, None])
    # r ~ N(0, σ² + s² 1 1ᵀ): c integrated out, and its mean given the rest
    c = s2 * r.sum(1) / (SIGMA**2 + N * s2)
    log_l = -0.5 * ((r**2).sum(1) - c * r.sum(1)) / SIGMA**2
    log_l -= 0.5 * np.log(1 + N * s2 / SIGMA**2) + 0.5 * N * np.log(2 * np.pi * SIGMA**2)
    weight = np.exp(log_l - log_l.max())
    f = a[:, None] * phi(w @ PLACES.T + b[:, None]) + c[:, None]
    return log_l.max() + np.log(weight.mean()), weight @ f / weight.sum()


@pytest.mark.parametrize(
    "name",
    [
        "student",
        "scale of a kind",
        "scales of inputs",
        pytest.param("laplace", marks=pytest.mark.long),
    ],
)
def test_one_unit_against_the_mean_over_the_prior(name, z_scores, report):
    """log Z within 0.03, or 4 errors where that is more, and 3 means within 4.5 errors."""
    found = [reference(name, seed) for seed in range(4)]
    log_z, error = (g([z for z, _ in found]) for g in (np.mean, np.std))
    assert error < 0.01
    post = make(name)
    tempering = nnpost.temper(post, 4, particles=400, seed=1)
    report(f"one unit, {name}: log Z", log_z, tempering.log_evidence, tempering.error)
    assert abs(tempering.log_evidence - log_z) < max(0.03, 4 * np.hypot(tempering.error, error))
    run = nnpost.sample(post, nsteps=800, discard=200, seed=1, tempering=tempering)
    assert run.moves == ("collapsed" if name == "scales of inputs" else "hmc")
    f = post.predict(run.chain[run.burnin :], PLACES)
    z = z_scores(f, np.mean([f for _, f in found], axis=0))
    report(f"one unit, {name}: largest |z| of 3", 0, abs(z).max(), 1)
    assert abs(z).max() < 4.5
