"""Networks taken apart, and the article's networks that were set by hand."""

import numpy as np
import pytest

from nnpost import MLP, Dataset, Posterior, RequestError, datasets, figures
from nnpost.figures.neurons import contributions

POST = Posterior(MLP(1, (2,)), datasets.parabola())
RNG = np.random.default_rng(0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_contributions_are_the_units_and_make_the_curve_with_the_bias(activation):
    post = Posterior(MLP(1, (3,), activation), POST.data)
    theta, x = RNG.normal(size=10), np.linspace(-7, 7, 15)
    function = sigmoid if activation == "sigmoid" else lambda z: np.maximum(z, 0)
    w, b, a, c = theta[:3], theta[3:6], theta[6:9], theta[9]
    found = contributions(post, theta, x)
    np.testing.assert_allclose(found, a[:, None] * function(np.outer(w, x) + b[:, None]), rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=0) + c, post.predict(theta, x), rtol=1e-9, atol=1e-12)


def test_networks_by_hand_are_the_articles():
    x, y = POST.data.x[:, 0], POST.data.y
    for scale, w, shift in ((20, 1, 0), (20, 1, 3), (25, 1.2, 4)):
        by_formula = scale * (sigmoid(w * x - shift) + sigmoid(-w * x - shift))
        theta = [w, -w, -shift, -shift, scale, scale, 0]
        assert POST.mse(theta) == pytest.approx(np.mean((y - by_formula) ** 2), rel=1e-12)
    assert POST.mse(theta) == pytest.approx(0.77, abs=0.005)
    steps = 25 * (np.heaviside(1.2 * x - 4, 0.5) + np.heaviside(-1.2 * x - 4, 0.5))
    steep = [1.2e4, -1.2e4, -4e4, -4e4, 25, 25, 0]
    assert POST.mse(steep) == pytest.approx(np.mean((y - steps) ** 2), rel=1e-9)


def test_figure_has_a_panel_for_each_network_with_units_and_sum():
    networks = {f"network {k}": RNG.normal(size=7) for k in range(5)}
    fig = figures.parts(POST, networks)
    panels = [ax for ax in fig.axes if ax.get_title()]
    assert [ax.get_title().partition("\n")[0] for ax in panels] == list(networks)
    for ax, theta in zip(panels, networks.values(), strict=True):
        assert f"MSE {POST.mse(theta):.3g}" in ax.get_title()
        x = ax.lines[-1].get_xdata()
        drawn = [line.get_ydata() for line in ax.lines[1:]]
        np.testing.assert_array_equal(drawn[:2], contributions(POST, theta, x))
        np.testing.assert_array_equal(drawn[2], POST.predict(theta, x))


def test_figure_needs_one_input_and_one_hidden_layer():
    two = Dataset(np.zeros((3, 2)), np.zeros(3))
    for post in (Posterior(MLP(2, (2,)), two), Posterior(MLP(1, (2, 2)), POST.data)):
        with pytest.raises(RequestError, match="one input and one hidden layer"):
            figures.parts(post, {"a network": np.zeros(post.ndim)})
