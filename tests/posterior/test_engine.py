"""The kernels against torch through the one interface that both have, and which one is chosen."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import curve
from torch import nn
from torch.nn import functional as F

import nnpost
from nnpost.common import parallel
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import ACTIVATIONS, MLP, Activation
from nnpost.network.neurons import neuron_blocks
from nnpost.posterior import engine as choice
from nnpost.posterior.engine import engine_for, without_kernels
from nnpost.posterior.folded import FoldedPosterior
from nnpost.posterior.kernels.shape import ACTIVATIONS as COMPILED
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.points import Points, WeightedPoints
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.posterior.torch_engine import TorchEngine

pytest.importorskip("numba")

from nnpost.posterior import kernel_engine
from nnpost.posterior.kernel_engine import KernelEngine

quick = settings(max_examples=40)


def make(inputs=1, hidden=(2,), activation="sigmoid", sigma=0.5, yerr=False, n=40, seed=0):
    rng = np.random.default_rng([seed, n])
    x, y = rng.normal(size=(n, inputs)), rng.normal(size=n)
    data = Dataset(x, y, rng.uniform(0.5, 2, n) if yerr else None)
    likelihood = MSE() if sigma == "mse" else Gaussian(sigma)
    return Posterior(MLP(inputs, hidden, activation), data, likelihood, GaussianPrior(2.0, 1.5))


def on_torch(post, **options):
    """The same posterior with torch for its engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "without_kernels", lambda *_: "a test asks for torch")
        made = replace(post, **options)
    assert isinstance(made.engine, TorchEngine)
    return made


posteriors = st.builds(
    make,
    st.integers(1, 3),
    st.lists(st.integers(1, 5), max_size=2).map(tuple),
    st.sampled_from(COMPILED),
    st.sampled_from([0.5, "mse", "infer"]),
    st.booleans(),
    st.sampled_from([3, 40, 700]),
    st.integers(0, 5),
)


def close(found, expected, tolerance=1e-11):
    """Equal within ``tolerance`` of the largest entry of each row, or of one."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    size = np.abs(expected).max(axis=tuple(range(1, expected.ndim)), keepdims=True, initial=1.0)
    assert (np.abs(found - expected) <= tolerance * size).all()


@quick
@given(posteriors)
def test_posteriors_are_the_same(post):
    assert isinstance(post.engine, KernelEngine)
    other, theta = on_torch(post), np.random.default_rng(1).normal(size=(5, post.ndim))
    for name in ("log_prob", "log_likelihood", "mse", "predict"):
        close(getattr(post, name)(theta), getattr(other, name)(theta))
    x = np.linspace(-2, 2, 9 * post.net.inputs).reshape(9, -1)
    close(post.predict(theta, x), other.predict(theta, x))
    for found, expected in zip(*(p.log_prob_and_grad(theta) for p in (post, other)), strict=True):
        close(found, expected)
    close(post.engine.hidden_jacobian(theta), other.engine.hidden_jacobian(theta))


@quick
@given(posteriors)
def test_output_layers_are_the_same(post):
    layers = OutputLayer(post), OutputLayer(on_torch(post))
    h = np.random.default_rng(1).normal(size=(5, layers[0].ndim))
    ours, theirs = (layer.log_prob_and_grad(h) for layer in layers)
    close(layers[0].log_prob(h), layers[1].log_prob(h))
    close(ours[0], theirs[0])
    close(ours[1], theirs[1], 1e-8)
    draws = [layer.draw(h, np.random.default_rng(0)) for layer in layers]
    close(draws[0].density, draws[1].density)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("sigma", [0.2, "infer"])
def test_folded_posteriors_are_the_same(activation, sigma):
    post = make(2, (3,), activation, sigma, yerr=True)
    both = [FoldedPosterior(OutputLayer(p)) for p in (post, on_torch(post))]
    h = np.random.default_rng(1).normal(size=(5, both[0].ndim))
    for found, expected in zip(*(f.log_prob_and_grad_anywhere(h) for f in both), strict=True):
        close(found, expected, 1e-9)
    draws = [f.unfold(h, np.random.RandomState(0)) for f in both]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_quadrature_has_an_engine_of_its_own(activation):
    post = make(n=500, activation=activation)
    few = [OutputLayer(p).on_quadrature() for p in (post, on_torch(post))]
    h = np.random.default_rng(1).normal(size=(5, few[0].ndim))
    close(few[0].log_prob(h), few[1].log_prob(h))
    assert len(few[0].points.x) == 100


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "relu"])
@pytest.mark.parametrize(("inputs", "n"), [(1, 60), (3, 700)])
def test_curvatures_are_the_same(activation, inputs, n):
    post = make(inputs, (3,), activation, "infer", yerr=True, n=n)
    h = np.random.default_rng(1).normal(size=(4, post.net.n_hidden))
    h[1, 0] = np.nan
    tau, precisions = np.array([0.1, 1.0, 3.0, 100.0]), np.array([0.2, 0.2, 0.2, 0.0])
    ours, theirs = (p.engine.curvature(h, tau, precisions) for p in (post, on_torch(post)))
    for found, expected in zip(ours, theirs, strict=True):
        assert np.isnan(found[1]).all()
        close(np.delete(found, 1, 0), np.delete(expected, 1, 0), 1e-8)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "identity"])
@pytest.mark.parametrize(("inputs", "n"), [(1, 60), (3, 700)])
def test_a_replaced_unit_changes_the_evidence_as_a_new_network_does(activation, inputs, n):
    """Two networks share their candidates, one has others, and one is not finite."""
    post = make(inputs, (3,), activation, yerr=True, n=n)
    rng = np.random.default_rng(2)
    h, fresh = rng.normal(size=(4, post.net.n_hidden)), rng.normal(size=(3, 5, inputs + 1))
    h[3, 1] = np.nan
    which, group = np.array([0, 2, 1, 0]), np.array([0, 0, 1, 2])
    tau, precisions = np.array([0.5, 2.0, 30.0, 1.0]), np.array([0.2, 0.2, 0.2, 0.0])
    now, new = post.engine.replacement(h, tau, precisions, which, fresh, group)
    blocks = np.array(neuron_blocks(post.net))
    before = post.engine.collapsed(h, tau, precisions).evidence
    for c in range(5):
        other = h.copy()
        np.put_along_axis(other, blocks[which], fresh[group, c], 1)
        after = post.engine.collapsed(other, tau, precisions).evidence
        close((new[:, c] - now)[:3], (after - before)[:3], 1e-9)
    assert now[3] == 0
    assert (new[3] == 0).all()


OTHERS = [(False, False), (True, True), (False, True)]  # biases, and a skip: torch alone


@pytest.mark.parametrize(("bias", "skip"), OTHERS)
def test_a_replaced_unit_without_biases_or_beside_a_skip(bias, skip):
    post, d = curve(3, "tanh", inputs=2, bias=bias, skip=skip), 2
    rng = np.random.default_rng(2)
    h, fresh = rng.normal(size=(3, post.net.n_hidden)), rng.normal(size=(2, 5, d + bias))
    which, group, tau = np.array([0, 2, 1]), np.array([0, 0, 1]), np.array([0.5, 2.0, 30.0])
    precisions = np.array([0.2] * 3 + [0.7, 0.7] * skip + [0.0] * bias)
    now, new = post.engine.replacement(h, tau, precisions, which, fresh, group)
    blocks = np.array(neuron_blocks(post.net))
    before = post.engine.collapsed(h, tau, precisions).evidence
    for c in range(5):
        other = h.copy()
        np.put_along_axis(other, blocks[which], fresh[group, c], 1)
        after = post.engine.collapsed(other, tau, precisions).evidence
        close(new[:, c] - now, after - before, 1e-9)


@pytest.mark.parametrize(("bias", "skip"), OTHERS)
def test_curvature_without_biases_or_beside_a_skip(bias, skip):
    """Its gradient is that of the evidence, and the metric is τ E[a_j a_k] J_j P J_kᵀ, from the
    derivatives of the features written out."""
    post, tau = curve(2, "tanh", inputs=2, bias=bias, skip=skip), 3.0
    h = np.random.default_rng(1).normal(size=(1, post.net.n_hidden))
    precisions = np.array([0.2] * 2 + [0.7, 0.7] * skip + [0.0] * bias)
    found = post.engine.curvature(h, tau, precisions)
    close(found.grad, post.engine.collapsed_and_grad(h, tau, precisions).grad, 1e-9)
    x, y = torch.tensor(post.data.x), torch.tensor(post.data.y)

    def features(v):
        return post.net.features(v[None], x)[0]

    f = features(torch.tensor(h[0]))
    derivatives = torch.autograd.functional.jacobian(features, torch.tensor(h[0]))  # (K, n, H)
    v = torch.linalg.inv(tau * f @ f.T + torch.diag(torch.tensor(precisions)))
    m = v @ (tau * f @ y)
    p = torch.eye(post.data.n, dtype=torch.float64) - tau * f.T @ v @ f
    second = m[:, None] * m + v
    expected = torch.einsum("jk,jna,nm,kmb->ab", second, derivatives, p, derivatives) * tau
    close(found.metric[0], expected.numpy(), 1e-9)


@pytest.mark.usefixtures("each_engine")
def test_a_unit_that_is_there_already_brings_nothing():
    """Collinear to the last digit: what rounding leaves of s is no less than the prior's part."""
    post = make(1, (2,), n=200)
    h = np.array([[1.0, 40.0, 0.3, -2.0]])
    fresh = np.array([[[1.0, 0.3], [0.0, 50.0], [np.nan, 0.0]]])
    first = np.zeros(1, int)
    precisions = np.array([1e-4, 1e-4, 0.0])
    _, new = post.engine.replacement(h, 1e12, precisions, first + 1, fresh, first)
    assert (new[0, :2] < 1e14).all()
    assert new[0, 2] == -1e300


# Blocks of torch.


def test_blocks_of_walkers_change_nothing():
    post = make(2, (3,), sigma="infer", yerr=True)
    whole, small = on_torch(post), on_torch(post, block=400)  # two walkers at a time
    assert len(list(small.engine.blocks(20))) == 10
    theta = np.random.default_rng(0).normal(size=(20, post.ndim))
    for a, b in zip(whole.log_prob_and_grad(theta), small.log_prob_and_grad(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    layers = OutputLayer(whole), OutputLayer(small)
    h = layers[0].split(theta)
    for method in (lambda o: o.draw(h, np.random.default_rng(3)), lambda o: o.log_prob_and_grad(h)):
        for a, b in zip(*(method(layer) for layer in layers), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    assert [len(part) for part in small.log_prob_and_grad(theta[:0])] == [0, 0]


def test_memory_stays_bounded_whatever_the_walkers_times_points(monkeypatch):
    post = on_torch(make(n=1000))
    largest = 0
    plain = MLP.forward

    def watched(self, theta, x):
        nonlocal largest
        largest = max(largest, len(theta) * len(x) * (max(self.sizes) + 1))
        return plain(self, theta, x)

    monkeypatch.setattr(MLP, "forward", watched)
    theta = np.random.default_rng(0).normal(size=(3000, post.ndim))
    post.log_prob(theta)
    post.predict(theta[:300], np.linspace(-1, 1, 40_000))
    assert 0 < largest <= post.block


# Which one.


def test_kernels_where_they_can_be_had():
    assert without_kernels() is None
    assert "device is cuda:1" in without_kernels(MLP(1, (2,)), "cuda:1")


def test_torch_for_an_activation_that_there_is_no_kernel_for(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "swish", Activation("swish", F.silu, nn.SiLU, "none"))
    assert "without biases" in without_kernels(MLP(1, (2,), bias=False))
    assert "with a skip" in without_kernels(MLP(1, (2,), skip=True))
    assert "none for swish, but for sigmoid, tanh" in without_kernels(MLP(1, (2,), "swish"))
    post = make(activation="swish")
    assert isinstance(post.engine, TorchEngine)


def test_torch_for_a_network_of_ones_own():
    class Shifted(MLP):
        def forward(self, theta, x):
            return super().forward(theta, x) + 1.0

    data = Dataset(np.zeros(3), np.zeros(3))
    post = Posterior(Shifted(1, (2,)), data, MSE())
    assert post.mse(np.zeros(7)) == 1.0


def test_torch_where_numba_is_missing():
    """In a process of its own: nothing of the package needs numba, and the numbers are the same."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import numpy as np, nnpost\n"
        "from nnpost.posterior.engine import without_kernels\n"
        "post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola(30))\n"
        "from nnpost.training.polish import Polish\n"
        "quick = Polish(steps=1, newton_steps=1)\n"
        "fits = nnpost.train(post, restarts=2, epochs=3, polish=quick)\n"
        "print(without_kernels(), type(post.engine).__name__, post.log_prob(np.ones(7)),"
        " fits.mse[1], sep=' | ')"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    why, name, value, mse = out.stdout.split(" | ")
    assert (why, name) == ("numba is not installed", "TorchEngine")
    post = Posterior(MLP(1, (2,)), nnpost.datasets.parabola(30))
    assert float(value) == pytest.approx(post.log_prob(np.ones(7)), rel=1e-13)
    expected = nnpost.train(post, restarts=2, epochs=3).mse[1]
    assert float(mse) == pytest.approx(expected, rel=1e-11)


# Threads.


@pytest.mark.parametrize("sigma", [0.5, "infer"])
def test_threads_change_no_bit(sigma, monkeypatch):
    post = make(sigma=sigma, n=500)
    layer = OutputLayer(post)
    theta = np.random.default_rng(0).normal(size=(1000, post.ndim))
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert parallel.kernel_threads(len(theta) * 1500) == int(threads)
        draws = layer.draw(layer.split(theta), np.random.default_rng(0))
        found.append([post.log_prob(theta), *post.log_prob_and_grad(theta), *draws])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_row_does_not_depend_on_its_neighbours():
    post = make(sigma="infer", n=500)
    theta = np.random.default_rng(0).normal(size=(300, post.ndim))
    np.testing.assert_array_equal(post.log_prob(theta)[7:9], post.log_prob(theta[7:9]))


NOTICE = "compiling the densities for this machine, once: about a minute"


@pytest.fixture
def uncompiled(monkeypatch):
    """As on a machine where nothing has been compiled yet."""
    monkeypatch.setattr(kernel_engine.ready, "uncompiled", lambda: ["sum of squares"])
    kernel_engine.first_use.cache_clear()


def test_a_first_use_says_what_is_compiled(uncompiled, capsys):
    post = make()
    post.log_prob(np.zeros(7))
    post.log_prob(np.ones(7))
    assert capsys.readouterr().err == f"nnpost: {NOTICE}\n"


@pytest.mark.parametrize("stage", ["train", "temper", "sample"])
def test_stages_say_what_is_compiled_to_their_progress(uncompiled, capsys, stage):
    post, heard = make(), []
    work = {
        "train": lambda p: nnpost.train(post, restarts=4, epochs=2, progress=p),
        "temper": lambda p: nnpost.temper(post, ensembles=2, particles=50, steps=1, progress=p),
        "sample": lambda p: nnpost.sample(post, nsteps=4, start="prior", moves="de", progress=p),
    }[stage]
    work(lambda done, total, text: heard.append(text))
    assert heard[0] == NOTICE
    kernel_engine.first_use.cache_clear()


def test_engines_take_points_with_weights_and_without():
    post = make(yerr=True)
    x, y, weights = post.points
    points = WeightedPoints.of(Points(x, y * weights, None))
    theta = np.random.default_rng(0).normal(size=(3, 7))
    for engine in (engine_for(post.net, points), TorchEngine(post.net, points)):
        f = post.net.forward(torch.tensor(theta), x).numpy()
        expected = ((post.data.y / post.data.yerr - f) ** 2).sum(1)
        np.testing.assert_allclose(engine.sse(theta), expected, rtol=1e-12)
