"""The kernel that trains, against torch on the same batches; threads; which is chosen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from nnpost.data.dataset import Dataset
from nnpost.network.mlp import ACTIVATIONS, MLP, Activation
from nnpost.posterior.engine import without_kernels
from nnpost.posterior.kernels import rows
from nnpost.posterior.kernels.shape import ACTIVATIONS as COMPILED
from nnpost.posterior.posterior import Posterior
from nnpost.training.batches import Batches
from nnpost.training.settings import TrainSettings
from nnpost.training.sgd import run_restarts, trainer_for
from nnpost.training.torch_descent import TorchDescent

pytest.importorskip("numba")

from nnpost.posterior.kernels.descent import Moments, Rule, descend
from nnpost.posterior.kernels.points import Points
from nnpost.posterior.kernels.shape import Shape
from nnpost.training.kernel_descent import KernelDescent

quick = settings(max_examples=40)

RULES = [
    {"optimizer": "adam", "lr": 0.03},
    {"optimizer": "sgd", "lr": 0.01},
    {"optimizer": "sgd", "lr": 0.002, "momentum": 0.9},
]


def dataset(inputs, n, yerr, seed=0):
    rng = np.random.default_rng([seed, n])
    x = rng.normal(size=(n, inputs))
    y = np.sin(x.sum(1)) + 0.1 * rng.normal(size=n)
    return Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)


def trained(kind, net, data, how, epochs, restarts=3):
    """Ends, and losses on the data and on others, after each of two parts of the epochs."""
    settings = TrainSettings(**how)
    start = net.initial(restarts, 0, settings.init)
    sets = [data, dataset(net.inputs, 11, data.yerr is not None, 1)]
    if kind is TorchDescent:
        descent = TorchDescent(net, sets, settings, start, "cpu", 2**20)
    else:
        descent = KernelDescent(net, sets, settings, start)
    batches, found = Batches(settings, 0, range(restarts), data.n), []
    for part in (1, epochs - 1):
        descent.advance(part, batches.draw(part))
        found += [descent.ends().copy(), descent.losses()]
    return found


@quick
@given(
    net=st.builds(
        MLP,
        st.integers(1, 4),
        st.lists(st.integers(1, 6), max_size=3).map(tuple),
        st.sampled_from(COMPILED),
    ),
    n=st.sampled_from([1, 7, 33, 200, 700]),
    size=st.sampled_from([None, 1, 5, 32, 40, 600]),
    windows=st.booleans(),
    yerr=st.booleans(),
    rule=st.sampled_from(RULES),
    loss=st.sampled_from(["mean", "sum"]),
)
def test_the_kernel_trains_as_torch_does(net, n, size, windows, yerr, rule, loss):
    size = None if size is None else min(size, n)
    batches = "windows" if windows and size is not None else "shuffled"
    how = {"batch_size": size, "batches": batches, "loss": loss, "init": "normal"} | rule
    if loss == "sum":
        how["lr"] /= 20 * n if rule["optimizer"] == "sgd" else 1
    data = dataset(net.inputs, n, yerr)
    epochs = 5 if size is None or windows or n < 100 else 2
    ours, theirs = (trained(k, net, data, how, epochs) for k in (KernelDescent, TorchDescent))
    for found, expected in zip(ours, theirs, strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("how", [{}, {"batch_size": 50}], ids=["all", "batches"])
def test_threads_and_neighbours_change_no_bit(how, monkeypatch):
    monkeypatch.setattr(rows, "SMALL", 1)
    post = Posterior(MLP(2, (3, 2), "tanh"), dataset(2, 700, yerr=True))
    start, asked = post.net.initial(40), TrainSettings(epochs=7, **how)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(run_restarts(post, asked, 0, start))
    np.testing.assert_array_equal(found[0].theta, found[1].theta)
    np.testing.assert_array_equal(found[0].loss, found[1].loss)
    few = run_restarts(post, asked, 0, start[:5])
    np.testing.assert_array_equal(few.theta, found[0].theta[:5])


def test_a_restart_that_diverged_stays_what_it_is_and_leaves_the_others_alone():
    post = Posterior(MLP(1, (2,)), dataset(1, 30, yerr=False))
    start, asked = post.net.initial(4), TrainSettings("sgd", lr=0.1, epochs=6)
    start[1] = np.nan
    start[2, 4:] = 1e200
    found = run_restarts(post, asked, 0, start)
    assert np.isnan(found.theta[1]).all()
    assert not np.isfinite(found.theta[2]).all()
    assert np.isinf(found.loss[:, 1:3]).all()
    alone = run_restarts(post, asked, 0, start[[0, 3]])
    np.testing.assert_array_equal(found.theta[[0, 3]], alone.theta)


def test_refusals():
    shape, rule = Shape((1, 2, 1), "tanh"), Rule(False, 0.1, 0.0, True)
    points = Points.of(shape, np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"theta has shape \(3, 6\), expected \(B, 7\)"):
        descend(shape, Moments.at(np.zeros((3, 6))), points, rule, 0, 2)
    orders, moments = np.zeros((3, 1, 5), dtype=int), Moments.at(np.zeros((3, 7)))
    with pytest.raises(ValueError, match=r"orders have shape \(3, 1, 5\), expected \(3, 2, q\)"):
        descend(shape, moments, points, rule, 0, 2, orders, 5)


# Which one.


def chosen(post, **how):
    settings = TrainSettings(**how)
    _, begin = trainer_for(post, settings, [post.data], 2**20)
    return type(begin(post.net.initial(2)))


def test_kernels_train_where_there_are_some(monkeypatch):
    data = dataset(1, 10, yerr=False)
    assert chosen(Posterior(MLP(1, (2,)), data)) is KernelDescent
    assert chosen(Posterior(MLP(1, (2,)), data), dtype="float32") is TorchDescent
    monkeypatch.setitem(ACTIVATIONS, "swish", Activation("swish", F.silu, nn.SiLU, "none"))
    other = MLP(1, (2,), "swish")
    assert without_kernels(other)
    assert chosen(Posterior(other, data)) is TorchDescent
