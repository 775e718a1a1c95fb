"""The density summed over copies against the sum written out, and copies drawn by their share."""

from itertools import permutations, product

import numpy as np
import pytest
from scenarios import curve
from scipy.special import logsumexp

from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.output_layer import OutputLayer

pytestmark = pytest.mark.usefixtures("each_engine")


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("sigma", [0.2, "infer"])
@pytest.mark.parametrize(("bias", "skip"), [(True, False), (False, False), (True, True)])
def test_the_sum_over_copies_is_the_sum_written_out(activation, sigma, bias, skip):
    post = curve(3, activation, sigma, inputs=2, bias=bias, skip=skip)
    layer = OutputLayer(post)
    folded = FoldedPosterior(layer)
    rng = np.random.RandomState(0)
    h = rng.standard_normal((4, layer.ndim))
    flips = activation == "tanh" or (activation == "sigmoid" and bias)
    signs = list(product((1.0, -1.0), repeat=3)) if flips else [(1.0,) * 3]
    values = []
    for order, sign in product(permutations(range(3)), signs):
        copy = h.copy()
        units = h[:, folded.blocks][:, list(order)] * np.array(sign)[:, None]
        copy[:, folded.blocks.ravel()] = units.reshape(4, -1)
        values.append(layer.log_prob(copy))
    exact = logsumexp(values, axis=0)
    np.testing.assert_allclose(folded.log_prob_anywhere(h), exact, rtol=1e-10)
    inside = folded.fold(h)
    assert folded.inside(inside).all()
    np.testing.assert_allclose(folded.log_prob(inside), exact, rtol=1e-10)
    value, grad = folded.log_prob_and_grad_anywhere(h)
    np.testing.assert_allclose(value, exact, rtol=1e-10)
    for i in range(layer.ndim):
        step = np.zeros(layer.ndim)
        step[i] = 1e-5
        up, down = (folded.log_prob_anywhere(h + s * step) for s in (1, -1))
        np.testing.assert_allclose(grad[:, i], (up - down) / 2e-5, rtol=2e-5, atol=1e-5)


def test_copies_are_drawn_by_their_share():
    """Six standard errors on 64 frequencies of copies, told apart by signs and order of units."""
    post = curve(2, "sigmoid", 0.5)
    layer = OutputLayer(post)
    folded = FoldedPosterior(layer)
    h = folded.fold(np.array([[1.0, 0.7, 2.0, -1.0]]))
    drawn = folded.unfold(np.repeat(h, 40_000, axis=0), np.random.RandomState(0))
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    log_p = layer.log_prob(found)
    p = np.exp(log_p - logsumexp(log_p))
    assert len(found) == 8
    assert (abs(counts / 40_000 - p) < 5 * np.sqrt(p * (1 - p) / 40_000)).all()
    assert p.max() / p.min() > 1.5  # otherwise uniform copies would pass as well


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("bias", "skip"), [(True, False), (False, False), (True, True)])
def test_a_copy_has_the_pattern_that_was_asked_for(activation, bias, skip):
    post = curve(3, activation, bias=bias, skip=skip)
    folded, rng = FoldedPosterior(OutputLayer(post)), np.random.RandomState(0)
    h = folded.fold(rng.standard_normal((200, folded.ndim)))
    pattern = rng.randint(folded.patterns, size=200)
    copies = folded.copy(h, pattern, rng)
    np.testing.assert_array_equal(folded.pattern(copies), pattern)
    np.testing.assert_allclose(folded.fold(copies), h)
    assert folded.patterns == (8 if activation == "sigmoid" and bias else 1)
