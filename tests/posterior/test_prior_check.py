"""Data that a prior cannot reach are told, and data that it can are not."""

import numpy as np
import pytest

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, datasets
from nnpost.posterior.prior_check import output_scale, prior_check


def told(x, y, hidden=(2,), std=30.0):
    net = MLP(1 if np.ndim(x) == 1 else np.shape(x)[1], hidden, "tanh")
    data = Dataset(np.asarray(x), np.asarray(y))
    return list(prior_check(Posterior(net, data, Gaussian("infer"), GaussianPrior(std))))


X = np.linspace(-1, 1, 20)


@pytest.mark.parametrize("name", sorted(datasets.GENERATORS))
def test_the_articles_data_are_within_reach(name):
    data = datasets.make(name)
    assert list(prior_check(Posterior(MLP(data.inputs, (2,)), data))) == []


def test_a_target_in_large_units_is_told():
    (line,) = told(X, 1e6 * X)
    assert "y reaches 1e+06" in line


def test_an_input_far_from_zero_is_told():
    (line,) = told(2000 + 20 * X, X, std=10.0)
    assert "times its own range from zero" in line


def test_an_input_of_huge_spread_is_told():
    """Weights of this prior that bend a unit within it are one in some thousands."""
    (line,) = told(1e8 * X, X)
    assert "spans 2e+08, so much that nearly all units of this prior are steps" in line
    assert told(166 * X, X) == []  # 332 · 30 bends
    assert len(told(167 * X, X)) == 1


def test_an_input_of_tiny_spread_is_told_by_its_number():
    (line,) = told(np.column_stack([X, 1e-3 * X]), X)
    assert line.startswith("input 2 spans only 0.002")


def test_one_input_at_one_place_is_no_reason():
    assert told(np.zeros(20), X) == []


def test_the_bound_is_where_the_priors_standard_deviation_puts_it():
    # three times sqrt(30² + 2·30²) = 155.88
    assert told(X, 155.8 * X) == []
    assert len(told(X, 155.9 * X)) == 1


def test_output_scale_is_the_spread_of_prior_draws():
    rng = np.random.default_rng(0)
    x = np.array([[1.0, -2.0]])
    net = MLP(2, ())
    post = Posterior(net, Dataset(x, np.zeros(1)), Gaussian(1.0), GaussianPrior(4.0))
    spread = post.predict(post.scales * rng.standard_normal((100_000, net.ndim))).std()
    assert output_scale(post) == pytest.approx(spread, rel=0.01)
