"""The batch against plain torch, one restart at a time; what is kept; what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.training.batches import Batches
from nnpost.training.fits import Fits
from nnpost.training.polish import Polish
from nnpost.training.settings import TrainSettings
from nnpost.training.sgd import Work, run_restarts
from nnpost.training.train import end_points, train

ROUGH = Polish(steps=5, newton_steps=2)  # where a test does not look at how high the maxima are


def make(inputs=2, hidden=(3,), activation="tanh", likelihood=None, n=23, yerr=False):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(n, inputs))
    y = np.sin(x.sum(1)) + 0.1 * rng.normal(size=n)
    data = Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)
    return Posterior(MLP(inputs, hidden, activation), data, likelihood or MSE())


def parabola(seed=0):
    x = np.linspace(-5, 5, 500)
    return Dataset(x, x**2 + 0.5 * np.random.default_rng(seed).random(500))


def restarts_alone(post, restarts, seed=0, work=None, **settings):
    """Training without the search for the maxima, which most of these tests do not look at."""
    settings = TrainSettings(restarts=restarts, **settings)
    start = post.net.initial(restarts, seed, settings.init)
    return run_restarts(post, settings, seed, start, work=work or Work())


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


def orders_of(restart, n, epochs, batch_size, how, seed):
    """The points of every step of one restart, from the words of the docstring."""
    if batch_size is None:
        return [np.arange(n)] * epochs
    rng = np.random.default_rng([seed, restart, 1])
    if how == "windows":
        first = rng.integers(0, n - batch_size, epochs, endpoint=True)
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
def test_the_batch_is_each_restart_alone(how, yerr, loss, optimizer):
    post, restarts, epochs = make(yerr=yerr), 5, 12
    settings, single = OPTIMIZERS[optimizer]
    found = restarts_alone(post, restarts, epochs=epochs, seed=3, loss=loss, **settings, **how)
    starts = post.net.initial(restarts, 3)
    size, kind = how.get("batch_size"), how.get("batches", "shuffled")
    for r in range(restarts):
        orders = orders_of(r, post.data.n, epochs, size, kind, 3)
        alone = plain_torch(post, starts[r], orders, single, loss)
        np.testing.assert_allclose(found.theta[r], alone, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("inputs", "hidden"), [(1, ()), (1, (2,)), (2, (3, 2))])
@pytest.mark.parametrize("size", [None, 7])
def test_the_batch_is_each_restart_alone_for_every_network(activation, inputs, hidden, size):
    post = make(inputs, hidden, activation)
    settings, single = OPTIMIZERS["adam"]
    found = restarts_alone(post, 3, epochs=6, batch_size=size, init="normal", **settings)
    starts = post.net.initial(3, 0, "normal")
    for r in range(3):
        orders = orders_of(r, post.data.n, 6, size, "shuffled", 0)
        alone = plain_torch(post, starts[r], orders, single, "mean")
        np.testing.assert_allclose(found.theta[r], alone, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("how", [{}, {"batch_size": 5}, {"batch_size": 5, "batches": "windows"}])
def test_a_restart_is_the_same_whatever_their_number(how):
    post = make()
    many = restarts_alone(post, 9, epochs=8, seed=2, **how)
    few = restarts_alone(post, 4, epochs=8, seed=2, **how)
    np.testing.assert_allclose(many.theta[:4], few.theta, rtol=1e-12)
    points = how.get("batch_size", post.data.n)
    two = Work(block=2 * points * 3)  # two restarts at a time
    blocks = restarts_alone(post, 9, epochs=8, seed=2, work=two, **how)
    np.testing.assert_allclose(blocks.theta, many.theta, rtol=1e-12)
    np.testing.assert_allclose(blocks.loss, many.loss, rtol=1e-12)
    other = restarts_alone(post, 4, epochs=8, seed=3, **how)
    assert not np.isclose(other.theta, few.theta).any()


def test_windows_are_runs_of_neighbours_wherever_they_fit():
    settings = TrainSettings("sgd", epochs=200, batch_size=4, batches="windows")
    drawn = Batches(settings, 0, range(2), 23).draw(200)
    assert drawn.shape == (2, 200, 4)
    assert (np.diff(drawn) == 1).all()
    assert set(drawn[0, :, 0]) == set(range(20))
    assert not np.array_equal(drawn[0], drawn[1])


def test_every_epoch_passes_over_all_points_once_in_an_order_of_its_own():
    settings = TrainSettings("sgd", epochs=3, batch_size=5)
    rows = Batches(settings, 0, range(4), 23).draw(3).reshape(12, 23)
    np.testing.assert_array_equal(np.sort(rows, 1), np.tile(np.arange(23), (12, 1)))
    assert len(np.unique(rows, axis=0)) == 12


@pytest.mark.parametrize("batches", ["shuffled", "windows"])
def test_batches_are_the_same_however_many_are_drawn_at_a_time(batches):
    settings = TrainSettings("sgd", epochs=7, batch_size=4, batches=batches)
    at_once = Batches(settings, 1, range(3, 6), 23).draw(7)
    some = Batches(settings, 1, range(4, 6), 23)
    parts = [some.draw(epochs) for epochs in (1, 4, 2)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), at_once[1:])


@pytest.mark.parametrize("loss", ["mean", "sum"])
@pytest.mark.parametrize("yerr", [False, True])
def test_a_row_of_losses_is_the_mean_at_the_parameters_after_that_epoch(yerr, loss):
    post, held_out = make(yerr=yerr), make(n=11, yerr=yerr)
    held_out = dataclasses.replace(held_out, data=dataclasses.replace(held_out.data, name="held"))
    settings = TrainSettings(epochs=9, batch_size=6, loss=loss)
    long = run_restarts(post, settings, 0, post.net.initial(3), held_out.data)
    np.testing.assert_array_equal(long.epochs, np.arange(1, 10))
    assert long.loss.shape == long.validation_loss.shape == (9, 3)
    for epoch in (1, 4, 9):
        short = restarts_alone(post, 3, epochs=epoch, batch_size=6, loss=loss)
        np.testing.assert_allclose(long.loss[epoch - 1], post.mse(short.theta), rtol=1e-10)
        expected = held_out.mse(short.theta)
        np.testing.assert_allclose(long.validation_loss[epoch - 1], expected, rtol=1e-10)
    np.testing.assert_allclose(long.loss[-1], end_points(post, long.theta)[1], rtol=1e-12)


def test_long_curves_are_thinned_evenly_with_both_ends():
    post = make(1, ())
    found = restarts_alone(post, 2, epochs=1234, lr=0.01)
    assert (found.epochs[0], found.epochs[-1]) == (1, 1234)
    assert len(found.epochs) == len(found.loss) == 500
    assert set(np.diff(found.epochs)) == {2, 3}
    few = restarts_alone(post, 2, epochs=1234, lr=0.01, work=Work(records=3))
    assert few.epochs.tolist() == [1, 618, 1234]
    np.testing.assert_array_equal(few.loss[[0, -1]], found.loss[[0, -1]])


def test_what_is_kept_agrees_with_the_posterior():
    post = make(likelihood=Gaussian(0.3))
    fits = train(post, restarts=20, epochs=100)
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
    fits = train(post, restarts=8, epochs=30)
    assert fits.map.log_prob >= fits.log_prob.max()
    assert fits.mle.log_likelihood >= post.log_likelihood(fits.theta).max()
    assert fits.map.log_prob >= fits.mle.log_prob - 1e-9
    assert fits.mle.log_likelihood >= fits.map.log_likelihood - 1e-9


def test_inferred_noise_is_the_likeliest_for_the_residuals():
    post = make(likelihood=Gaussian("infer"), yerr=True)
    theta, mse = end_points(post, restarts_alone(post, 6, epochs=30).theta)
    np.testing.assert_allclose(np.exp(2 * theta[:, -1]), mse, rtol=1e-12)
    here = post.log_likelihood(theta)
    for shift in (-1e-3, 1e-3):
        moved = theta.copy()
        moved[:, -1] += shift
        assert (post.log_likelihood(moved) < here).all()


def test_float32_trains_nearly_the_same():
    post = make()
    double, single = (restarts_alone(post, 8, epochs=50, dtype=d) for d in ("float64", "float32"))
    np.testing.assert_allclose(single.theta, double.theta, rtol=1e-3, atol=1e-3)
    assert not np.array_equal(single.theta, double.theta)
    assert single.theta.dtype == np.float64
    np.testing.assert_array_equal(single.theta, single.theta.astype(np.float32))


def test_restarts_that_diverge_are_infinite_and_leave_the_others_alone():
    post = make()
    start = post.net.initial(6, 0)
    start[[1, 4]] = 1e200
    settings = TrainSettings("sgd", lr=0.1, epochs=5)
    found = run_restarts(post, settings, 0, start)
    theta, mse = end_points(post, found.theta)
    np.testing.assert_array_equal(np.isinf(mse), [0, 1, 0, 0, 1, 0])
    assert (post.log_prob(theta)[[1, 4]] == -np.inf).all()
    assert not np.isnan(found.loss).any()
    assert np.isinf(found.loss[-1, [1, 4]]).all()
    alone = run_restarts(post, settings, 0, np.delete(start, [1, 4], axis=0))
    np.testing.assert_array_equal(np.delete(found.theta, [1, 4], axis=0), alone.theta)


def test_restarts_that_diverge_are_counted_and_never_the_best():
    some = {"restarts": 32, "optimizer": "sgd", "lr": 1.5, "epochs": 40}
    fits = train(make(1, (1,), "relu"), **some, polish=ROUGH)
    lost = np.isinf(fits.mse)
    assert 0 < fits.diverged == lost.sum() < 32
    assert not lost[fits.best]
    assert np.isfinite(fits.map.log_prob)
    assert f"{fits.diverged} diverged" in repr(fits)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_restarts_diverging_is_refused(dtype):
    post = Posterior(MLP(1, (2,)), parabola())
    with pytest.raises(RequestError, match=r"all 4 restarts diverged at lr = 100; give a lower lr"):
        train(post, restarts=4, optimizer="sgd", lr=100, loss="sum", epochs=400, dtype=dtype)


@pytest.mark.parametrize("seed", range(2))
def test_the_parabola_from_256_restarts(seed):
    fits = train(Posterior(MLP(1, (2,)), parabola()), epochs=150, seed=seed)
    assert fits.theta.shape == (256, 7)
    assert fits.map.mse == pytest.approx(0.3467, abs=5e-4)
    assert fits.map.log_prob == pytest.approx(-31.438, abs=5e-4)
    assert fits.mle.mse == pytest.approx(0.0207, abs=5e-5)
    assert fits.map.converged
    assert fits.mle.converged


def test_a_single_neuron_learns_to_add():
    """Article 4: 100 epochs of batches of 200 bring the loss to the rounding of float64."""
    x = np.random.default_rng(0).random((1000, 2))
    post = Posterior(MLP(2), Dataset(x, x.sum(1)))
    fits = train(post, restarts=4, lr=0.1, epochs=100, batch_size=200)
    assert fits.mse.max() < 1e-12
    np.testing.assert_allclose(fits.theta, [[1, 1, 0]] * 4, atol=1e-5)
    assert post.predict(fits.sgd.theta, [[9.0, 90.0]])[0] == pytest.approx(99, abs=1e-3)


def test_one_restart_and_one_point():
    post = Posterior(MLP(1, (2,)), Dataset([1.0], [2.0]), Gaussian(0.5), GaussianPrior(3.0))
    fits = train(post, restarts=1, epochs=1)
    assert fits.theta.shape == (1, 7)
    assert fits.loss.shape == (1, 1)
    assert fits.map.converged


@pytest.mark.parametrize("validation", [False, True])
def test_fits_there_and_back(validation):
    post = make(likelihood=Gaussian("infer"))
    held_out = make(n=9).data if validation else None
    fits = train(post, restarts=4, epochs=6, validation=held_out, polish=ROUGH)
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


def test_no_global_random_state_is_read_or_set():
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = (np.random.get_state()[1].copy(), torch.get_rng_state())  # noqa: NPY002
    first = train(make(), restarts=3, epochs=4, batch_size=5, polish=ROUGH)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    torch.manual_seed(2)
    again = train(make(), restarts=3, epochs=4, batch_size=5, polish=ROUGH)
    np.testing.assert_array_equal(again.theta, first.theta)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"restarts": 0}, r"train\.restarts: found 0, expected a whole number of at least 1"),
        ({"restarts": 2.5}, "restarts: found 2.5, expected"),
        ({"seed": -1}, "seed: found -1, expected a whole number of at least 0"),
        ({"lr": -1}, r"train\.lr: found -1, expected a number above 0"),
        ({"optimizer": "adma"}, 'found "adma", expected "adam" or "sgd"; did you mean \'adam\''),
        ({"init": "torhc"}, "train.init: found .*did you mean 'torch'"),
        ({"batch_size": 24}, "batch_size: found 24, expected at most the 23 points"),
        ({"momentum": 0.9}, "train.momentum: adam has its own"),
        ({"validation": make(1).data}, "validation data 'data' have 1 inputs"),
        ({"validation": make(yerr=True).data}, "only one of training data"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line(settings, message):
    with pytest.raises(RequestError, match=message) as caught:
        train(make(), **{"restarts": 2, "epochs": 2} | settings)
    assert "\n" not in str(caught.value)


def test_interrupting_stops_the_training():
    heard = []

    def stop(done, total, text=""):
        heard.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make(), restarts=2, epochs=2, progress=stop)
    assert heard == [1]


def test_progress_counts_every_epoch_of_every_block():
    said, post = [], make()

    def progress(done, total, text=""):
        said.append((done, total))

    settings, start = TrainSettings(epochs=3), post.net.initial(2)
    run_restarts(post, settings, 0, start, progress=progress, work=Work(block=1))
    assert said == [(k, 6) for k in range(1, 7)]  # one restart after the other
    train(post, restarts=2, epochs=3, progress=progress, polish=ROUGH)
    assert said[6:] == [(1, 3), (2, 3), (3, 3)]
