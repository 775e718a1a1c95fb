"""The kernel that climbs, against torch and numpy; threads; pauses; which of the two is chosen."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior.kernels import rows
from nnpost.posterior.kernels.shape import ACTIVATIONS as COMPILED
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training import climb as choice
from nnpost.training.climb import climb
from nnpost.training.levenberg_marquardt import levenberg_marquardt
from nnpost.training.maximise import tops_from
from nnpost.training.objective import Objective
from nnpost.training.polish import Polish

pytest.importorskip("numba")

from nnpost.posterior.kernels import climb as kernel
from nnpost.training.kernel_climb import climb_by_kernels

quick = settings(max_examples=60)


def make(inputs=1, hidden=(2,), activation="sigmoid", likelihood=None, yerr=False, n=40, seed=0):
    rng = np.random.default_rng([seed, n])
    x = rng.uniform(-3, 3, (n, inputs))
    y = np.sin(x.sum(1)) + 0.1 * rng.normal(size=n)
    data = Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)
    prior = GaussianPrior(3.0, log_sigma_std=2.0)
    return Posterior(MLP(inputs, hidden, activation), data, likelihood or Gaussian(0.3), prior)


def starts(post, number=4, seed=0):
    return torch.tensor(1.5 * np.random.default_rng(seed).normal(size=(number, post.ndim)))


@quick
@given(
    post=st.builds(
        make,
        st.integers(1, 3),
        st.lists(st.integers(1, 5), max_size=2).map(tuple),
        st.sampled_from(COMPILED),
        st.sampled_from([MSE(), Gaussian(0.3), Gaussian("infer")]),
        st.booleans(),
        st.sampled_from([9, 40, 300]),
        st.integers(0, 4),
    ),
    steps=st.integers(0, 3),
)
def test_the_kernel_climbs_as_torch_does(post, steps):
    """With the prior, under which the best output layer is one and not many."""
    objective, polish = Objective(post, "posterior"), Polish(steps=steps)
    theta = starts(post)
    found, expected = (c(objective, theta, polish) for c in (climb, levenberg_marquardt))
    assert torch.isfinite(expected).all()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    heights = [objective.value(top) for top in (found, expected)]
    torch.testing.assert_close(*heights, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("sigma", [0.3, "infer"])
def test_the_kernel_climbs_the_likelihood_as_torch_does(sigma, steps):
    for seed in range(5):
        post = make(2, (3, 2), "tanh", Gaussian(sigma), n=60, seed=seed)
        objective, theta = Objective(post, "likelihood"), starts(post, 20, seed)
        both = (c(objective, theta, Polish(steps=steps)) for c in (climb, levenberg_marquardt))
        heights = [objective.value(top) for top in both]
        torch.testing.assert_close(*heights, rtol=1e-8, atol=1e-8)


def test_the_whole_way_up_ends_where_torchs_does():
    post = make(hidden=(3,), activation="tanh", n=60)
    objective, theta = Objective(post, "posterior"), starts(post, 12)
    both = (c(objective, theta, Polish()) for c in (climb, levenberg_marquardt))
    heights = [objective.value(top) for top in both]
    same = torch.isclose(*heights, rtol=0, atol=1e-5)
    assert same.double().mean() > 0.8  # a step's last digits may decide between two tops
    assert abs(heights[0].max() - heights[1].max()) < 1e-6


@pytest.mark.parametrize("apart", [0.0, 1e-13, 1e-7, 1e-3])
def test_output_layers_of_units_that_are_alike(apart):
    """The smallest one, where the columns are of length one, of all that fit to ten digits."""
    post = make(hidden=(3,), activation="tanh", n=200)
    theta = starts(post)
    theta[:, 1], theta[:, 4] = theta[:, 0] * (1 + apart), theta[:, 3] * (1 + apart)
    found = climb(Objective(post, "likelihood"), theta, Polish(steps=0)).numpy()
    for t, o in zip(theta, found[:, 6:], strict=True):
        a = post.net.features(t[None], post.points.x)[0].numpy().T
        norms = np.linalg.norm(a, axis=0)
        best, *_ = np.linalg.lstsq(a / norms, post.data.y, rcond=1e-10)
        residual = np.linalg.norm(post.data.y - a / norms @ best)
        assert np.linalg.norm(post.data.y - a @ o) == pytest.approx(residual, rel=1e-7)
        np.testing.assert_allclose(o * norms, best, rtol=1e-14 / max(apart, 1e-5) ** 2, atol=1e-9)


def test_units_that_are_dead_get_no_weight():
    post = make(hidden=(3,), activation="relu")
    theta = starts(post)
    theta[:, 3:5] = -100.0
    found = climb(Objective(post, "likelihood"), theta, Polish(steps=0)).numpy()
    np.testing.assert_array_equal(found[:, 6:8], 0.0)


@pytest.mark.parametrize("sigma", [0.3, "infer"])
def test_threads_neighbours_and_pauses_change_no_bit(sigma, monkeypatch):
    post = make(2, (3, 2), "tanh", Gaussian(sigma), n=100)
    objective, theta, polish = Objective(post, "posterior"), starts(post, 9), Polish(steps=40)
    alone = climb(objective, theta, polish)
    assert torch.equal(climb(objective, theta[4:6], polish), alone[4:6])
    monkeypatch.setattr(kernel, "AT_ONCE", 1)
    assert torch.equal(climb(objective, theta, polish), alone)
    monkeypatch.setattr(rows, "SMALL", 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert torch.equal(climb(objective, theta, polish), alone)


def test_starts_that_break_leave_the_others_alone():
    post = make()
    theta = starts(post, 5)
    theta[1], theta[3] = torch.nan, 1e200
    tops, heights = tops_from(post, theta.numpy())
    alone, expected = tops_from(post, theta[[0, 2, 4]].numpy())
    np.testing.assert_array_equal(tops[[0, 2, 4]], alone)
    np.testing.assert_array_equal(heights[[0, 2, 4]], expected)
    assert heights[1] == -np.inf


def test_torch_climbs_where_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr(choice, "without_kernels", lambda *_: "a test asks for torch")
    post = make()
    objective, theta = Objective(post, "posterior"), starts(post, 3)
    found = climb(objective, theta, Polish(steps=2))
    assert torch.equal(found, levenberg_marquardt(objective, theta, Polish(steps=2)))
    assert not torch.equal(found, climb_by_kernels(objective, theta, Polish(steps=2)))
