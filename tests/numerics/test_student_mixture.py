"""Mixtures of t distributions against scipy, and fits that recover what was planted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import ks_2samp, kstest, multivariate_t

from nnpost.numerics.student_mixture import Fit, StudentMixture, fit_mixture

RANDOM = np.random.RandomState(9)


def planted():
    means = np.array([[0.0, 0.0, 0.0], [30.0, -5.0, 2.0]])
    roots = np.array([np.diag([1.0, 2.0, 0.5]), [[1.0, 0, 0], [0.9, 0.3, 0], [-0.5, 0.2, 0.1]]])
    return StudentMixture(np.array([0.3, 0.7]), means, roots)


def test_log_density_is_scipys():
    mixture = planted()
    x = np.random.RandomState(0).standard_normal((50, 3)) * 10
    parts = [
        np.log(w) + multivariate_t(m, root @ root.T, df=mixture.freedom).logpdf(x)
        for w, m, root in zip(mixture.weights, mixture.means, mixture.roots, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_prob(x), logsumexp(parts, axis=0), rtol=1e-10)


@pytest.mark.parametrize("freedom", [4.0, 5.0, 2.5])
def test_log_density_far_away_is_scipys(freedom):
    mixture = replace(planted(), freedom=freedom)
    x = np.array([[1e120, 0.0, 0.0], [-30.0, 1e8, 3.0], [30.0, -5.0, 2.0]])
    parts = [
        np.log(w) + multivariate_t(m, root @ root.T, df=freedom).logpdf(x)
        for w, m, root in zip(mixture.weights, mixture.means, mixture.roots, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_prob(x), logsumexp(parts, axis=0), rtol=1e-10)


def test_mixtures_side_by_side_are_each_what_it_is_alone():
    """Of different numbers of components, in more than one block of places."""
    two, one = planted(), replace(planted(), means=planted().means + 1)
    three = two.joined(StudentMixture(np.ones(1), np.full((1, 3), 8.0), 2 * np.eye(3)[None]), 0.6)
    stacked = StudentMixture.stacked([two, three, one])
    x = np.random.RandomState(0).standard_normal((3, 30_000, 3)) * 10
    found = stacked.log_prob(x)
    for e, alone in enumerate((two, three, one)):
        np.testing.assert_allclose(found[e], alone.log_prob(x[e]), rtol=1e-12)
    draws = stacked.draw(20_000, np.random.RandomState(1))
    assert draws.shape == (3, 20_000, 3)
    for e, alone in enumerate((two, three, one)):
        # The density at draws of one's own, against that of as many drawn alone.
        own, theirs = (alone.log_prob(q) for q in (draws[e], alone.draw(20_000, RANDOM)))
        assert ks_2samp(own, theirs).pvalue > 1e-3
    assert len(np.unique(draws[..., 0])) == 60_000


def test_parts_add_up_to_the_density():
    mixture, x = planted(), np.random.RandomState(0).standard_normal((50, 3)) * 10
    share, distance = mixture.parts(x)
    alone = StudentMixture(np.ones(1), mixture.means[1:], mixture.roots[1:]).log_prob(x)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    np.testing.assert_allclose(share[:, 1], 0.7 * np.exp(alone - mixture.log_prob(x)))
    root = np.linalg.inv(mixture.roots[1])
    np.testing.assert_allclose(distance[:, 1], (((x - mixture.means[1]) @ root.T) ** 2).sum(axis=1))


def test_draws_follow_the_density():
    """E[f/m] = ∫f for draws from m: with f another normalised density the mean weight is 1."""
    mixture = planted()
    x = mixture.draw(100_000, np.random.RandomState(1))
    root = mixture.roots[1]
    other = multivariate_t(mixture.means[1], 0.8 * root @ root.T, df=20)
    weights = np.exp(other.logpdf(x) - mixture.log_prob(x))
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(len(x))
    one = x[x[:, 0] < 15]
    assert len(one) / len(x) == pytest.approx(0.3, abs=0.01)
    assert kstest(one[:5000, 1] / 2, "t", args=(mixture.freedom,)).pvalue > 1e-3


def test_a_fit_recovers_a_planted_mixture():
    mixture = planted()
    x = mixture.draw(20_000, np.random.RandomState(2))
    fitted = fit_mixture(x, 2, np.random.RandomState(3))
    order = np.argsort(fitted.means[:, 0])
    np.testing.assert_allclose(fitted.weights[order], mixture.weights, atol=0.02)
    np.testing.assert_allclose(fitted.means[order], mixture.means, atol=0.1)
    found, true = (r @ r.transpose(0, 2, 1) for r in (fitted.roots[order], mixture.roots))
    np.testing.assert_allclose(found, true, atol=0.15)


def test_a_fit_has_the_tails_that_are_asked_for():
    x = planted().draw(2000, np.random.RandomState(2))
    heavy, light = (
        fit_mixture(x, 2, np.random.RandomState(3), Fit(freedom=v)) for v in (3.0, 50.0)
    )
    assert (heavy.freedom, light.freedom) == (3.0, 50.0)
    far = np.array([[1e3, 1e3, 1e3]])
    assert heavy.log_prob(far) > light.log_prob(far) + 20


@pytest.mark.parametrize("count", [1, 3, 40])
def test_degenerate_draws_still_give_a_density(count):
    x = np.repeat(np.array([[1.0, 2.0], [3.0, 2.0]]), count, axis=0)
    fitted = fit_mixture(x, 5, np.random.RandomState(0))
    assert np.isfinite(fitted.log_prob(x)).all()
    assert fitted.weights.sum() == pytest.approx(1)


def test_draws_that_differ_by_rounding_alone_give_a_density():
    # What importance sampling leaves where one draw outweighs all others.
    x = np.array([3.8, 0.01, 15.2, -14.4]) * (1 + 1e-15 * np.random.RandomState(0).randn(4000, 4))
    fitted = fit_mixture(x, 24, np.random.RandomState(0))
    assert np.isfinite(fitted.log_prob(x)).all()


def test_slopes_are_finite_differences():
    mixture, x = planted(), np.random.RandomState(0).standard_normal((50, 3)) * 10
    value, slope = mixture.log_prob_and_grad(x)
    np.testing.assert_allclose(value, mixture.log_prob(x), rtol=1e-12)
    for k, step in enumerate(1e-5 * np.eye(3)):
        found = (mixture.log_prob(x + step) - mixture.log_prob(x - step)) / 2e-5
        np.testing.assert_allclose(slope[:, k], found, rtol=1e-5, atol=1e-7)
