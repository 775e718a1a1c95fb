"""The batch against plain torch, one restart at a time; what is kept; what is refused."""

import dataclasses
import importlib

import numpy as np
import pytest
import torch
from torch import nn

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.likelihood import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training.fits import Fits
from nnpost.training.maximise import evaluate
from nnpost.training.train import train

module = importlib.import_module("nnpost.training.train")


def make(inputs=2, hidden=(3,), activation="tanh", likelihood=None, n=23, yerr=False):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(n, inputs))
    y = np.sin(x.sum(1)) + 0.1 * rng.normal(size=n)
    data = Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)
    return Posterior(MLP(inputs, hidden, activation), data, likelihood or MSE())


def parabola(seed=0):
    x = np.linspace(-5, 5, 500)
    return Dataset(x, x**2 + 0.5 * np.random.default_rng(seed).random(500))


@pytest.fixture
def only_training(monkeypatch):
    """Leave out the search for the maxima, which most of these tests do not look at."""
    monkeypatch.setattr(module, "maximise", lambda post, starts, _: evaluate(post, starts[0], "x"))


def plain_torch(post, start, orders, optimizer, loss):
    """The loop that everybody writes: one network, one optimiser, batch after batch."""
    network = post.net.to_torch(start)
    optimizer = optimizer(network.parameters())
    x, y = torch.tensor(post.data.x), torch.tensor(post.data.y)
    measure = nn.MSELoss(reduction=loss)
    for rows in orders:
        optimizer.zero_grad()
        weight = 1.0 if post.data.yerr is None else 1 / torch.tensor(post.data.yerr[rows])
        out = network(x[rows]).squeeze(1)
        measure(out * weight, y[rows] * weight).backward()
        optimizer.step()
    return nn.utils.parameters_to_vector(network.parameters()).detach().numpy()


def orders_of(restart, n, epochs, batch_size, batches, seed):
    """The points of every step of one restart, from the words of the docstring."""
    if batch_size is None:
        return [np.arange(n)] * epochs
    rng = np.random.default_rng([seed, restart, 1])
    if batches == "windows":
        first = rng.integers(0, n - batch_size, module.WINDOWS, endpoint=True)[:epochs]
        return [np.arange(i, i + batch_size) for i in first]
    passes = [rng.permutation(n) for _ in range(epochs)]
    return [p[i : i + batch_size] for p in passes for i in range(0, n, batch_size)]


OPTIMIZERS = {
    "adam": ({"optimizer": "adam", "lr": 0.03}, lambda p: torch.optim.Adam(p, lr=0.03)),
    "sgd": ({"optimizer": "sgd", "lr": 0.01}, lambda p: torch.optim.SGD(p, lr=0.01)),
    "momentum": (
        {"optimizer": "sgd", "lr": 0.003, "momentum": 0.9},
        lambda p: torch.optim.SGD(p, lr=0.003, momentum=0.9),
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["mean", "sum"])
@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize(
    "how", [{}, {"batch_size": 5}, {"batch_size": 4, "batches": "windows"}], ids=str
)
@pytest.mark.usefixtures("only_training")
def test_the_batch_is_each_restart_alone(how, yerr, loss, optimizer):
    post, restarts, epochs = make(yerr=yerr), 5, 12
    settings, single = OPTIMIZERS[optimizer]
    fits = train(post, restarts, epochs=epochs, seed=3, loss=loss, **settings, **how)
    starts = post.net.initial(restarts, 3)
    size, batches = how.get("batch_size"), how.get("batches", "shuffled")
    for r in range(restarts):
        orders = orders_of(r, post.data.n, epochs, size, batches, 3)
        alone = plain_torch(post, starts[r], orders, single, loss)
        np.testing.assert_allclose(fits.theta[r], alone, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("inputs", "hidden"), [(1, ()), (1, (2,)), (2, (3, 2))])
@pytest.mark.parametrize("size", [None, 7])
@pytest.mark.usefixtures("only_training")
def test_the_batch_is_each_restart_alone_for_every_network(activation, inputs, hidden, size):
    post = make(inputs, hidden, activation)
    settings, single = OPTIMIZERS["adam"]
    fits = train(post, 3, epochs=6, batch_size=size, init="normal", **settings)
    starts = post.net.initial(3, 0, "normal")
    for r in range(3):
        orders = orders_of(r, post.data.n, 6, size, "shuffled", 0)
        alone = plain_torch(post, starts[r], orders, single, "mean")
        np.testing.assert_allclose(fits.theta[r], alone, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("how", [{}, {"batch_size": 5}, {"batch_size": 5, "batches": "windows"}])
@pytest.mark.usefixtures("only_training")
def test_a_restart_is_the_same_whatever_their_number(monkeypatch, how):
    post = make()
    many = train(post, 9, epochs=8, seed=2, **how)
    few = train(post, 4, epochs=8, seed=2, **how)
    np.testing.assert_allclose(many.theta[:4], few.theta, rtol=1e-12)
    points = how.get("batch_size", post.data.n)
    monkeypatch.setattr(module, "BLOCK", 2 * points * 3)  # two restarts at a time
    blocks = train(post, 9, epochs=8, seed=2, **how)
    np.testing.assert_allclose(blocks.theta, many.theta, rtol=1e-12)
    np.testing.assert_allclose(blocks.loss, many.loss, rtol=1e-12)
    other = train(post, 4, epochs=8, seed=3, **how)
    assert not np.isclose(other.theta, few.theta).any()


def test_windows_are_drawn_on_beyond_the_first_lot(monkeypatch):
    post = make()
    monkeypatch.setattr(module, "WINDOWS", 3)
    recipe = module._Recipe("sgd", 0.01, 8, 4, 0.0, 0, "mean", "windows", "float64")
    steps = [batch for epoch in recipe.steps(0, 2, post.data.n) for batch in epoch]
    assert len(steps) == 8
    for batch in steps:
        assert batch.shape == (2, 4)
        assert (np.diff(batch) == 1).all()
        assert batch.min() >= 0
        assert batch.max() < post.data.n
    assert len({tuple(b[0]) for b in steps}) > 3


def test_every_epoch_passes_over_all_points_once_in_an_order_of_its_own():
    recipe = module._Recipe("sgd", 0.01, 3, 5, 0.0, 0, "mean", "shuffled", "float64")
    passes = [np.concatenate(epoch, axis=1) for epoch in recipe.steps(0, 4, 23)]
    rows = np.concatenate(passes)
    np.testing.assert_array_equal(np.sort(rows, 1), np.tile(np.arange(23), (12, 1)))
    assert len(np.unique(rows, axis=0)) == 12


@pytest.mark.parametrize("loss", ["mean", "sum"])
@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.usefixtures("only_training")
def test_a_row_of_losses_is_the_mean_at_the_parameters_after_that_epoch(yerr, loss):
    post, held_out = make(yerr=yerr), make(n=11, yerr=yerr)
    held_out = dataclasses.replace(held_out, data=dataclasses.replace(held_out.data, name="held"))
    long = train(post, 3, epochs=9, batch_size=6, loss=loss, validation=held_out.data)
    np.testing.assert_array_equal(long.epochs, np.arange(1, 10))
    assert long.loss.shape == long.validation_loss.shape == (9, 3)
    for epoch in (1, 4, 9):
        short = train(post, 3, epochs=epoch, batch_size=6, loss=loss)
        np.testing.assert_allclose(long.loss[epoch - 1], post.mse(short.theta), rtol=1e-10)
        expected = held_out.mse(short.theta)
        np.testing.assert_allclose(long.validation_loss[epoch - 1], expected, rtol=1e-10)
    np.testing.assert_allclose(long.loss[-1], long.mse, rtol=1e-12)


@pytest.mark.usefixtures("only_training")
def test_long_curves_are_thinned_evenly_with_both_ends():
    post = make(1, ())
    fits = train(post, 2, epochs=1234, lr=0.01)
    assert (fits.epochs[0], fits.epochs[-1]) == (1, 1234)
    assert len(fits.epochs) == len(fits.loss) == 500
    assert set(np.diff(fits.epochs)) == {2, 3}


def test_what_is_kept_agrees_with_the_posterior():
    post = make(likelihood=Gaussian(0.3))
    fits = train(post, 20, epochs=100)
    np.testing.assert_allclose(fits.mse, post.mse(fits.theta))
    np.testing.assert_allclose(fits.log_prob, post.log_prob(fits.theta))
    assert fits.best == fits.mse.argmin()
    np.testing.assert_array_equal(fits.sgd.theta, fits.theta[fits.best])
    assert (fits.sgd.kind, fits.map.kind, fits.mle.kind) == ("sgd", "map", "mle")
    assert fits.theta.dtype == np.float64
    assert fits.seconds > 0
    assert fits.diverged == 0


@pytest.mark.parametrize(
    ("activation", "likelihood"),
    [
        ("sigmoid", Gaussian("infer")),
        ("tanh", Gaussian(0.3)),
        ("softsign", MSE()),
        ("relu", Gaussian("infer")),
        ("identity", Gaussian("infer")),
    ],
)
def test_the_maxima_are_above_every_restart(activation, likelihood):
    post = make(activation=activation, likelihood=likelihood)
    fits = train(post, 8, epochs=30)
    assert fits.map.log_prob >= fits.log_prob.max()
    assert fits.mle.log_likelihood >= post.log_likelihood(fits.theta).max()
    assert fits.map.log_prob >= fits.mle.log_prob - 1e-9
    assert fits.mle.log_likelihood >= fits.map.log_likelihood - 1e-9


@pytest.mark.usefixtures("only_training")
def test_inferred_noise_is_the_likeliest_for_the_residuals():
    post = make(likelihood=Gaussian("infer"), yerr=True)
    fits = train(post, 6, epochs=30)
    np.testing.assert_allclose(np.exp(2 * fits.theta[:, -1]), fits.mse, rtol=1e-12)
    here = post.log_likelihood(fits.theta)
    for shift in (-1e-3, 1e-3):
        moved = fits.theta.copy()
        moved[:, -1] += shift
        assert (post.log_likelihood(moved) < here).all()


@pytest.mark.usefixtures("only_training")
def test_float32_trains_nearly_the_same():
    post = make()
    double, single = (train(post, 8, epochs=50, dtype=d) for d in ("float64", "float32"))
    np.testing.assert_allclose(single.theta, double.theta, rtol=1e-3, atol=1e-3)
    assert not np.array_equal(single.theta, double.theta)
    assert single.theta.dtype == np.float64
    np.testing.assert_array_equal(single.theta, single.theta.astype(np.float32))


@pytest.mark.usefixtures("only_training")
def test_restarts_that_diverge_are_counted_and_never_the_best(monkeypatch):
    post = make()
    start = post.net.initial(6, 0)
    start[[1, 4]] = 1e200
    monkeypatch.setattr(MLP, "initial", lambda *args: start)
    fits = train(post, 6, epochs=5, optimizer="sgd", lr=0.1)
    assert fits.diverged == 2
    np.testing.assert_array_equal(np.isinf(fits.mse), [0, 1, 0, 0, 1, 0])
    assert (fits.log_prob[[1, 4]] == -np.inf).all()
    assert not np.isnan(fits.loss).any()
    assert np.isinf(fits.loss[-1, [1, 4]]).all()
    assert fits.best not in (1, 4)
    alone = train_alone(post, np.delete(start, [1, 4], axis=0), monkeypatch)
    np.testing.assert_array_equal(np.delete(fits.theta, [1, 4], axis=0), alone.theta)
    assert "2 diverged" in repr(fits)


def train_alone(post, start, monkeypatch):
    monkeypatch.setattr(MLP, "initial", lambda *args: start)
    return train(post, len(start), epochs=5, optimizer="sgd", lr=0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_restarts_diverging_is_refused(dtype):
    post = Posterior(MLP(1, (2,)), parabola())
    with pytest.raises(RequestError, match=r"all 4 restarts diverged at lr = 100; give a lower lr"):
        train(post, 4, optimizer="sgd", lr=100, loss="sum", epochs=400, dtype=dtype)


@pytest.mark.parametrize("seed", range(2))
def test_the_parabola_from_256_restarts(seed):
    fits = train(Posterior(MLP(1, (2,)), parabola()), epochs=150, seed=seed)
    assert fits.theta.shape == (256, 7)
    assert fits.map.mse == pytest.approx(0.3467, abs=5e-4)
    assert fits.map.log_prob == pytest.approx(-31.438, abs=5e-4)
    assert fits.mle.mse == pytest.approx(0.0207, abs=5e-5)
    assert fits.map.converged
    assert fits.mle.converged


@pytest.mark.usefixtures("only_training")
def test_a_single_neuron_learns_to_add():
    """Article 4: 100 epochs of batches of 200 bring the loss to the rounding of float64."""
    x = np.random.default_rng(0).random((1000, 2))
    post = Posterior(MLP(2), Dataset(x, x.sum(1)))
    fits = train(post, 4, lr=0.1, epochs=100, batch_size=200)
    assert fits.mse.max() < 1e-12
    np.testing.assert_allclose(fits.theta, [[1, 1, 0]] * 4, atol=1e-5)
    assert post.predict(fits.sgd.theta, [[9.0, 90.0]])[0] == pytest.approx(99, abs=1e-3)


def test_one_restart_and_one_point():
    post = Posterior(MLP(1, (2,)), Dataset([1.0], [2.0]), Gaussian(0.5), GaussianPrior(3.0))
    fits = train(post, 1, epochs=1)
    assert fits.theta.shape == (1, 7)
    assert fits.loss.shape == (1, 1)
    assert fits.map.converged


@pytest.mark.usefixtures("only_training")
@pytest.mark.parametrize("validation", [False, True])
def test_fits_there_and_back(validation):
    post = make(likelihood=Gaussian("infer"))
    fits = train(post, 4, epochs=6, validation=make(n=9).data if validation else None)
    tree = fits.to_tree()
    back = Fits.from_tree(tree)
    for name in ("theta", "mse", "log_prob", "loss", "validation_loss", "epochs"):
        np.testing.assert_array_equal(getattr(back, name), getattr(fits, name))
    assert repr(back) == repr(fits)
    assert ("validation_loss" in tree) == validation
    for name in ("sgd", "map", "mle"):
        np.testing.assert_array_equal(getattr(back, name).theta, getattr(fits, name).theta)
    assert "log posterior" in repr(fits)
    assert "<table>" in fits._repr_html_()


@pytest.mark.usefixtures("only_training")
def test_no_global_random_state_is_read_or_set():
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = (np.random.get_state()[1].copy(), torch.get_rng_state())  # noqa: NPY002
    first = train(make(), 3, epochs=4, batch_size=5)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    torch.manual_seed(2)
    np.testing.assert_array_equal(train(make(), 3, epochs=4, batch_size=5).theta, first.theta)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"restarts": 0}, "restarts = 0, expected a whole number ≥ 1"),
        ({"restarts": 2.5}, "restarts = 2.5, expected"),
        ({"epochs": 0}, "epochs = 0, expected"),
        ({"seed": -1}, "seed = -1, expected a whole number ≥ 0"),
        ({"lr": 0}, "lr = 0, expected a positive number"),
        ({"lr": float("nan")}, "lr = nan"),
        ({"lr": float("inf")}, "lr = inf"),
        ({"optimizer": "adma"}, "unknown optimizer 'adma'.*did you mean 'adam'"),
        ({"loss": "men"}, "unknown loss 'men'.*did you mean 'mean'"),
        ({"batches": "window", "batch_size": 3}, "unknown batches.*did you mean 'windows'"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"init": "torhc"}, "unknown init 'torhc'.*did you mean 'torch'"),
        ({"batch_size": 0}, "batch_size = 0, expected"),
        ({"batch_size": 24}, "batch_size = 24, but the data 'data' have 23 points"),
        ({"batches": "windows"}, "needs batch_size"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum = 1.0, expected 0 ≤ momentum < 1"),
        ({"optimizer": "sgd", "momentum": -0.1}, "momentum = -0.1"),
        ({"momentum": 0.9}, "momentum = 0.9 with optimizer 'adam'"),
        ({"validation": make(1).data}, "validation data 'data' have 1 inputs"),
        ({"validation": make(yerr=True).data}, "only one of training data"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line(settings, message):
    with pytest.raises(RequestError, match=message) as caught:
        train(make(), **{"restarts": 2, "epochs": 2} | settings)
    assert "\n" not in str(caught.value)


def test_interrupting_stops_the_training(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(make(), 2, epochs=2)


@pytest.mark.usefixtures("only_training")
def test_progress_counts_every_epoch_of_every_block():
    said = []
    train(make(), 2, epochs=3, progress=lambda done, total, text="": said.append((done, total)))
    assert said == [(1, 3), (2, 3), (3, 3)]
