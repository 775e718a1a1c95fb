"""Many points as few: sums exact for polynomials, and a collapsed density that is close."""

import numpy as np
import pytest

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, datasets
from nnpost.data.quadrature import quadrature
from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.output_layer import OutputLayer


def uneven(n=700, errors=True):
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(0, 3, n))
    yerr = rng.uniform(0.1, 0.4, n) if errors else None
    return Dataset(x, np.sin(x) + 0.1 * rng.standard_normal(n), yerr)


@pytest.mark.parametrize("errors", [True, False])
@pytest.mark.parametrize(("bins", "nodes"), [(25, 4), (10, 3)])
def test_sums_over_polynomials_are_exact(errors, bins, nodes):
    data = uneven(errors=errors)
    few = quadrature(data, bins, nodes)
    weights = np.ones(data.n) if data.yerr is None else data.yerr**-2.0
    assert few.x.shape == (bins * nodes, 1)
    for power in range(2 * nodes):
        exact = weights @ data.x[:, 0] ** power
        assert (few.root**2) @ few.x[:, 0] ** power == pytest.approx(exact, rel=1e-10)
    for power in range(nodes):
        exact = (weights * data.y) @ data.x[:, 0] ** power
        found = (few.root * few.y) @ few.x[:, 0] ** power
        assert found == pytest.approx(exact, rel=1e-9, abs=1e-9)
    total = few.lost + np.sum(few.y**2)
    assert total == pytest.approx(weights @ data.y**2, rel=1e-12)


def test_few_points_and_several_inputs_stay_as_they_are():
    few = uneven(150)
    wide = Dataset(np.random.default_rng(0).normal(size=(900, 2)), np.arange(900.0))
    for data in (few, wide):
        kept = quadrature(data)
        root = 1.0 if data.yerr is None else 1 / data.yerr
        np.testing.assert_array_equal(kept.x, data.x)
        np.testing.assert_array_equal(kept.y, root * data.y)
        assert kept.lost == 0


def test_repeated_places_stay_points():
    x = np.repeat([0.0, 1.0, 2.0], 200)
    data = Dataset(x, np.arange(600.0))
    kept = quadrature(data)
    assert np.sum(kept.root**2) == pytest.approx(600)
    assert np.sum(kept.y**2) + kept.lost == pytest.approx(np.sum(data.y**2))


@pytest.mark.parametrize("sigma", [1.0, "infer"])
@pytest.mark.parametrize("data", [uneven(), datasets.sine(1000, 0)], ids=["uneven", "sine"])
def test_the_density_of_smooth_units_is_close(data, sigma):
    """Units as wide as a bin: within a thousandth of the log density, and of its gradient."""
    post = Posterior(MLP(1, (3,)), data, Gaussian(sigma), GaussianPrior(5.0))
    layer = OutputLayer(post)
    h = np.random.default_rng(1).normal(size=(20, layer.ndim)) * 0.7
    few = layer.on_quadrature()
    np.testing.assert_allclose(few.log_prob(h), layer.log_prob(h), rtol=1e-3, atol=0.02)
    exact, near = FoldedPosterior(layer), FoldedPosterior(few)
    value, grad = exact.log_prob_and_grad_anywhere(h)
    found, slope = near.log_prob_and_grad_anywhere(h)
    np.testing.assert_allclose(found, value, rtol=1e-3, atol=0.02)
    allowed = 3e-3 * np.abs(grad).max()
    np.testing.assert_allclose(slope, grad, atol=allowed)
    pair = few.log_prob_and_grad(h)[1], layer.log_prob_and_grad(h)[1]
    np.testing.assert_allclose(*pair, atol=allowed)
