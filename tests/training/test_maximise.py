"""MAP and MLE against closed forms, scipy, finite differences and the parabola's known figures."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.jacobian import hidden_jacobian, jacobian
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training.maximise import evaluate, maximise
from nnpost.training.objective import Objective, conditional_log_sigma
from nnpost.training.optimum import Optimum
from nnpost.training.polish import Polish

STDS = {"output_weights": 2.0, "output_bias": 5.0}


def parabola(n=500, seed=0):
    x = np.linspace(-5, 5, n)
    return Dataset(x, x**2 + 0.5 * np.random.default_rng(seed).random(n))


def linear(likelihood, yerr=True, n=40):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 3))
    errors = rng.uniform(0.2, 1.5, n)
    y = x @ [1.0, -2.0, 0.5] + 0.7 + errors * rng.normal(size=n)
    data = Dataset(x, y, errors if yerr else None)
    return Posterior(MLP(3), data, likelihood, GaussianPrior(STDS))


def small(likelihood=None, activation="sigmoid", hidden=(2,), n=40, inputs=1, yerr=False):
    rng = np.random.default_rng(5)
    x = rng.uniform(-3, 3, (n, inputs))
    y = np.sin(x.sum(1)) + 0.1 * rng.normal(size=n)
    data = Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)
    likelihood = likelihood or Gaussian(0.1)
    return Posterior(MLP(inputs, hidden, activation), data, likelihood, GaussianPrior(3.0))


def starts(post, number=24, seed=0, scale=1.5):
    return scale * np.random.default_rng(seed).normal(size=(number, post.ndim))


def design(post):
    """Weighted features and targets of a linear network, its slopes first and its bias last."""
    d = post.data
    w = np.ones(d.n) if d.yerr is None else 1 / d.yerr
    return np.c_[d.x, np.ones(d.n)] * w[:, None], d.y * w


def slope_by_differences(function, theta, step=1e-5):
    unit = np.eye(len(theta)) * step * (1 + np.abs(theta))
    rise = np.array([function(theta + u) - function(theta - u) for u in unit])
    return rise / (2 * np.diag(unit))


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", [MSE(), Gaussian(0.3)])
def test_map_of_a_linear_network_is_the_ridge_solution(likelihood, yerr):
    post = linear(likelihood, yerr)
    a, y = design(post)
    tau = 2 / post.data.n if isinstance(likelihood, MSE) else 0.3**-2
    precision = np.diag([2.0**-2] * 3 + [5.0**-2])
    ridge = np.linalg.solve(tau * a.T @ a + precision, tau * a.T @ y)
    found = maximise(post, starts(post))
    np.testing.assert_allclose(found.theta, ridge, rtol=1e-11)
    assert found.converged
    assert found.kind == "map"


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", [MSE(), Gaussian(0.3), Gaussian("infer")])
def test_mle_of_a_linear_network_is_least_squares(likelihood, yerr):
    post = linear(likelihood, yerr)
    a, y = design(post)
    expected, rss, *_ = np.linalg.lstsq(a, y)
    found = maximise(post, starts(post), "likelihood")
    np.testing.assert_allclose(found.theta[:4], expected, rtol=1e-11)
    assert found.mse == pytest.approx(rss[0] / post.data.n, rel=1e-12)
    if likelihood == Gaussian("infer"):
        assert found.theta[4] == pytest.approx(0.5 * np.log(rss[0] / post.data.n), rel=1e-10)
    assert found.converged
    assert found.kind == "mle"


@pytest.mark.parametrize(
    ("activation", "likelihood"),
    [("sigmoid", Gaussian(0.1)), ("tanh", Gaussian("infer")), ("softsign", Gaussian(0.1))],
)
def test_scipy_finds_no_higher_posterior(activation, likelihood):
    post = small(likelihood, activation)

    def downhill(theta):
        value, gradient = post.log_prob_and_grad(theta)
        return (-value, -gradient) if np.isfinite(value) else (1e300, -gradient)

    found = maximise(post, starts(post, 12))
    for start in [found.theta, *starts(post, 2, seed=1)]:
        other = minimize(downhill, start, jac=True, options={"maxiter": 500})
        assert -other.fun <= found.log_prob + 1e-8
        assert maximise(post, other.x).log_prob >= -other.fun - 1e-9


def test_scipy_finds_no_higher_likelihood():
    post = small()
    found = maximise(post, starts(post), "likelihood")
    for start in [found.theta, *starts(post, 2, seed=1)]:
        other = minimize(lambda t: -post.log_likelihood(t), start, options={"maxiter": 200})
        assert -other.fun <= found.log_likelihood + 1e-8


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize(
    ("inputs", "hidden", "likelihood"),
    [
        (1, (2,), MSE()),
        (1, (2,), Gaussian("infer")),
        (2, (3,), Gaussian(0.1)),
        (1, (2, 2), Gaussian("infer")),
    ],
)
def test_the_gradient_vanishes_at_the_map(inputs, hidden, likelihood, yerr):
    post = small(likelihood, "tanh", hidden, inputs=inputs, yerr=yerr)
    found = maximise(post, starts(post, 6))
    assert found.converged
    assert found.gradient_norm < 1e-7
    slopes = slope_by_differences(post.log_prob, found.theta)
    away = slope_by_differences(post.log_prob, found.theta + 0.01)
    assert np.abs(slopes).max() < 1e-4 * np.abs(away).max()


def test_every_direction_leads_down_from_a_converged_maximum():
    post = small(Gaussian("infer"))
    found = maximise(post, starts(post))
    steps = 1e-3 * np.random.default_rng(2).normal(size=(500, post.ndim))
    assert found.converged
    assert (post.log_prob(found.theta + steps) < found.log_prob).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_parabolas_maxima(seed):
    post = Posterior(MLP(1, (2,)), parabola())
    first = maximise(post, post.net.initial(32, seed))
    assert first.mse == pytest.approx(0.3467, abs=5e-5)
    assert first.log_prob == pytest.approx(-31.438, abs=5e-4)
    assert first.log_prob == pytest.approx(-1.197 - 7 * np.log(30 * np.sqrt(2 * np.pi)), abs=5e-4)
    assert first.converged
    assert first.gradient_norm < 1e-10
    w, b, a, c = np.abs(first.theta[[0, 2, 4, 6]])
    assert (w, b, a, c) == pytest.approx((1.18, 4.26, 27.3, 0.15), abs=0.02)
    top = maximise(post, post.net.initial(32, seed), "likelihood")
    assert top.mse == pytest.approx(0.0207, abs=5e-5)
    assert np.abs(top.theta[:2]) == pytest.approx(0.19, abs=5e-3)
    assert np.abs(top.theta[4:6]) == pytest.approx(430, abs=3)
    assert top.converged


def test_inferred_noise_stands_at_its_conditional_maximum():
    for target, prior in (("posterior", True), ("likelihood", False)):
        post = small(Gaussian("infer"))
        found = maximise(post, starts(post, 6), target)
        log_sigma, n = found.theta[-1], post.data.n
        pull = log_sigma / 3.0**2 if prior else 0.0
        assert found.mse * n * np.exp(-2 * log_sigma) - n - pull == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("sse", [1e-200, 1e-6, 1.0, 40.0, 1e9, 1e200])
@pytest.mark.parametrize("std", [0.01, 3.0, 100.0])
def test_conditional_noise_solves_its_equation(sse, std):
    post = small()
    prior = GaussianPrior(3.0, log_sigma_std=std)
    post = Posterior(post.net, post.data, Gaussian("infer"), prior)
    s = float(conditional_log_sigma(post, torch.tensor([sse], dtype=torch.float64), prior=True)[0])
    terms = np.array([np.exp(np.log(sse) - 2 * s), -post.data.n, -s / std**2])
    smallest = np.log(1e-14 * np.sqrt(np.mean(post.data.y**2)))
    if s > smallest + 1e-9:
        assert abs(terms.sum()) < 1e-9 * np.abs(terms).max()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("inputs", "hidden"), [(1, (2,)), (3, (4,)), (2, (3, 2)), (1, (2, 3, 2))])
@pytest.mark.parametrize(("bias", "skip"), [(True, False), (False, True)])
def test_jacobian_by_the_chain_rule_is_autograds(activation, inputs, hidden, bias, skip):
    net = MLP(inputs, hidden, activation, bias, skip)
    rng = np.random.default_rng(0)
    theta, x = (
        torch.tensor(rng.normal(size=(3, net.ndim))),
        torch.tensor(rng.normal(size=(7, inputs))),
    )
    fast, whole = hidden_jacobian(net, theta, x), jacobian(net, theta, x)
    for row, rows, t in zip(fast, whole, theta, strict=True):
        full = torch.autograd.functional.jacobian(lambda v: net.forward(v, x), t)
        torch.testing.assert_close(row, full[:, : net.n_hidden].T, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(rows, full.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", ["posterior", "likelihood"])
def test_projecting_the_output_layer_out_is_its_schur_complement(target):
    """Gauss–Newton on all of theta, o then eliminated by hand, gives the same."""
    post = small(Gaussian(0.1), yerr=True)
    objective = Objective(post, target)
    theta = objective.complete(torch.tensor(starts(post, 3)))
    slope, curvature = objective.reduced(theta)
    gradient, _ = objective.derivatives(theta)
    x, k = torch.tensor(post.data.x), post.net.n_hidden
    for t, g, s, c in zip(theta, gradient, slope, curvature, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: post.net.forward(v, x), t)
        jacobian = jacobian / (0.1 * torch.tensor(post.data.yerr)[:, None])
        full = jacobian.T @ jacobian
        if target == "posterior":
            full += torch.eye(post.ndim, dtype=torch.float64) / 3.0**2
        schur = full[:k, :k] - full[:k, k:] @ torch.linalg.solve(full[k:, k:], full[k:, :k])
        torch.testing.assert_close(c, schur, rtol=1e-6, atol=1e-6 * float(schur.abs().max()))
        torch.testing.assert_close(s, g[:k], rtol=1e-8, atol=1e-7 * float(full.abs().max()) ** 0.5)


@pytest.mark.parametrize("target", ["posterior", "likelihood"])
def test_second_derivatives_are_differences_of_the_gradient(target):
    post = small(Gaussian("infer"), yerr=True)
    objective, theta = Objective(post, target), starts(post, 3, scale=0.5)
    gradient, curvature = objective.derivatives(torch.tensor(theta))
    value = post.log_prob if target == "posterior" else post.log_likelihood
    for t, g, h in zip(theta, gradient.numpy(), curvature.numpy(), strict=True):
        np.testing.assert_allclose(g, slope_by_differences(value, t), rtol=1e-6, atol=1e-4)
        for i, unit in enumerate(np.eye(post.ndim) * 1e-5):
            ahead, _ = objective.derivatives(torch.tensor((t + unit)[None]))
            behind, _ = objective.derivatives(torch.tensor((t - unit)[None]))
            change = (ahead - behind).numpy()[0] / 2e-5
            np.testing.assert_allclose(h[i], change, rtol=1e-5, atol=1e-5 * np.abs(h).max())


@pytest.mark.parametrize(
    ("activation", "target"),
    [
        *((name, "posterior") for name in ACTIVATIONS),
        ("relu", "likelihood"),
        ("tanh", "likelihood"),
    ],
)
def test_never_lower_than_the_best_start(activation, target):
    post = small(Gaussian("infer"), activation, hidden=(2, 2))
    given = starts(post, 3)
    found = maximise(post, given, target)
    value = post.log_prob if target == "posterior" else post.log_likelihood
    assert value(found.theta) >= value(given).max()
    assert np.isfinite(found.gradient_norm)


def test_the_same_starts_give_the_same_bits():
    post = small(Gaussian("infer"))
    first, second = (maximise(post, starts(post, 6)) for _ in range(2))
    assert first.theta.tobytes() == second.theta.tobytes()


def test_a_likelihood_that_is_flat_along_a_line_has_no_isolated_maximum():
    for activation in ("relu", "identity"):
        post = small(activation=activation)
        assert not maximise(post, starts(post), "likelihood").converged


def test_a_likelihood_that_rises_for_ever_has_no_maximum():
    """A step in the data wants a unit of infinite slope."""
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(1, (1,)), Dataset(x, np.sign(x)), Gaussian(0.1), GaussianPrior(3.0))
    assert not maximise(post, starts(post), "likelihood").converged
    assert maximise(post, starts(post)).converged


def test_a_saddle_is_no_maximum():
    """With w = b = a = 0 and c at its best the gradient vanishes, but w and a together rise."""
    post = small(Gaussian(0.1), "tanh")
    y, tau = post.data.y, 0.1**-2
    saddle = np.zeros(post.ndim)
    saddle[-1] = tau * y.sum() / (tau * len(y) + 3.0**-2)
    here = evaluate(post, saddle, "map")
    assert here.gradient_norm < 1e-9
    assert not here.converged


def test_data_without_noise_have_no_most_likely_noise():
    x = np.random.default_rng(0).random((50, 2))
    post = Posterior(MLP(2), Dataset(x, x.sum(1)), Gaussian("infer"))
    found = maximise(post, starts(post), "likelihood")
    assert found.theta[:3] == pytest.approx([1, 1, 0], abs=1e-10)
    assert np.isfinite(found.log_likelihood)
    assert not found.converged


def test_starts_that_break_are_left_out():
    post = small()
    good = starts(post, 3)
    bad = np.vstack([np.full(post.ndim, np.nan), good, np.full(post.ndim, 1e308)])
    assert maximise(post, bad).log_prob == pytest.approx(maximise(post, good).log_prob, abs=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_starts_at_the_edge_of_the_numbers_do_not_break_the_search(activation):
    post = small(activation=activation)
    edge = np.full((2, post.ndim), 1e200)
    with pytest.raises(RequestError, match="no start has a finite log posterior"):
        maximise(post, edge)
    both = maximise(post, np.vstack([edge, 1e60 * starts(post, 4), starts(post, 4)]))
    assert both.log_prob >= maximise(post, starts(post, 4)).log_prob - 1e-9


def test_the_number_of_threads_is_left_as_it_was():
    post, before = small(), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        maximise(post, starts(post, 2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_collinear_and_dead_features_do_not_stop_the_search():
    post = small(activation="relu", hidden=(3,))
    theta = starts(post, 8)
    theta[:, 3:6] = -100.0  # all units dead: features of zeros and ones
    twins = np.repeat(starts(post, 1), 2, axis=0)
    twins[:, :6] = 0.5  # all units alike
    for target in ("posterior", "likelihood"):
        assert np.isfinite(maximise(post, np.vstack([theta, twins]), target).log_prob)


def test_evaluate_says_where_a_vector_stands():
    post = small()
    theta = starts(post, 1)[0]
    here = evaluate(post, theta, "sgd")
    assert (here.kind, here.converged) == ("sgd", False)
    assert here.log_prob == post.log_prob(theta)
    assert here.log_likelihood == post.log_likelihood(theta)
    assert here.mse == post.mse(theta)
    slopes = slope_by_differences(post.log_prob, theta)
    assert here.gradient_norm == pytest.approx(np.linalg.norm(slopes), rel=1e-5)


def test_optimum_there_and_back():
    post = small()
    found = maximise(post, starts(post))
    back = Optimum.from_tree(found.to_tree())
    np.testing.assert_array_equal(back.theta, found.theta)
    assert repr(back) == repr(found)
    for name in ("mse", "log_prob", "log_likelihood", "gradient_norm", "converged", "kind"):
        assert getattr(back, name) == getattr(found, name)
    assert "gradient norm" in repr(found)
    assert "<table>" in found._repr_html_()


def test_what_cannot_be_maximised_is_refused():
    post = small()
    with pytest.raises(RequestError, match="did you mean 'posterior'"):
        maximise(post, starts(post), "posterio")
    with pytest.raises(RequestError, match=r"shape \(3, 5\), expected \(number, 7\)"):
        maximise(post, np.zeros((3, 5)))
    with pytest.raises(RequestError, match="no start has a finite"):
        maximise(post, np.full((3, 7), np.nan))


def test_what_is_polished_less_ends_lower_and_is_not_called_converged():
    """Without a step of Newton's, and hardly one of Levenberg and Marquardt's."""
    post = small()
    few = Polish(steps=2, newton_steps=0, settling=0)
    usual, short = maximise(post, starts(post)), maximise(post, starts(post), polish=few)
    assert usual.converged
    assert not short.converged
    assert short.log_prob < usual.log_prob - 1e-6
    lax = Polish(near=math.inf, still=math.inf, firm=-math.inf)
    assert evaluate(post, short.theta, "map", lax).converged
