"""Modules of one's own: a network of which nothing is known is the network that it is."""

import numpy as np
import pytest
import torch
from torch import nn

import nnpost
from nnpost.common.errors import RequestError
from nnpost.network.jacobian import jacobian
from nnpost.network.symmetry import align, copies, fold, group_size
from nnpost.report.export import export
from nnpost.report.info import overview

NET = nnpost.MLP(2, (3, 2), "tanh")


def both(likelihood, yerr=False, net=NET):
    """The posterior of a network, and that of the module that it is."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(25, net.inputs)), rng.normal(size=25)
    data = nnpost.Dataset(x, y, rng.uniform(0.5, 2, 25) if yerr else None)
    theta = rng.normal(size=net.ndim)
    module = nnpost.from_module(net.to_torch(theta), net.inputs)
    prior = nnpost.GaussianPrior(2.0)
    return [nnpost.Posterior(n, data, likelihood, prior) for n in (net, module)]


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize(
    "likelihood",
    [nnpost.MSE(), nnpost.Gaussian(0.7), nnpost.Gaussian("infer"), nnpost.StudentT()],
    ids=str,
)
def test_a_module_has_the_density_and_the_gradient_of_the_network_that_it_is(likelihood, yerr):
    plain, own = both(likelihood, yerr)
    theta = np.random.default_rng(1).normal(size=(4, plain.ndim))
    assert own.ndim == plain.ndim
    np.testing.assert_allclose(own.log_prob(theta), plain.log_prob(theta), rtol=1e-12)
    for mine, other in zip(
        own.log_prob_and_grad(theta), plain.log_prob_and_grad(theta), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)
    x = np.random.default_rng(2).normal(size=(6, 2))
    np.testing.assert_allclose(own.predict(theta, x), plain.predict(theta, x), rtol=1e-12)
    assert not own.exact_layer


def test_its_jacobian_is_that_of_the_network():
    plain, own = both(nnpost.MSE())
    theta = torch.randn(3, plain.ndim + 1, dtype=torch.float64, generator=torch.Generator())
    x = torch.tensor(plain.data.x)
    torch.testing.assert_close(jacobian(own.net, theta, x), jacobian(plain.net, theta, x))


def test_names_kinds_and_the_way_back():
    net = nnpost.from_module(nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 1)), 2)
    assert net.labels == [
        "0.weight[0, 0]",
        "0.weight[0, 1]",
        "0.bias[0]",
        "2.weight[0, 0]",
        "2.bias[0]",
    ]
    assert net.kinds == ("0.weight", "0.weight", "0.bias", "2.weight", "2.bias")
    theta = np.random.default_rng(0).normal(size=5)
    module = net.to_torch(theta)
    flat = nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    np.testing.assert_array_equal(flat, theta)
    data = nnpost.Dataset(np.zeros((2, 2)), np.zeros(2))
    prior = nnpost.GaussianPrior({"0.weight": 3.0}, default=0.5)
    post = nnpost.Posterior(net, data, nnpost.MSE(), prior)
    assert post.scales.tolist() == [3, 3, 0.5, 0.5, 0.5]
    assert "modules of one's own" in nnpost.posterior.engine.without_kernels(net)


def test_nothing_is_folded():
    net = nnpost.from_module(NET.to_torch(np.ones(NET.ndim)), 2)
    theta = np.random.default_rng(0).normal(size=(4, net.ndim))
    for same in (fold(net, theta), align(net, theta, theta[0]), copies(net, theta)[0]):
        np.testing.assert_array_equal(same, theta)
    assert group_size(net) == 1


def test_starts_are_as_large_as_torchs():
    net = nnpost.from_module(NET.to_torch(np.ones(NET.ndim)), 2)
    many = net.initial(2000, seed=3)
    np.testing.assert_array_equal(many[:2], net.initial(2, seed=3))
    fan_in = np.repeat([2, 3, 2], [9, 8, 3])
    assert (abs(many) <= fan_in**-0.5).all()
    np.testing.assert_allclose(many.std(axis=0), (3 * fan_in) ** -0.5, rtol=0.06)


class Scaled(nn.Module):
    """a · exp(x): a parameter without a layer."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5))

    def forward(self, x):
        return self.a * torch.exp(x[:, 0])


def test_a_parameter_without_a_layer_starts_where_the_module_has_it():
    net = nnpost.from_module(Scaled(), 1)
    assert net.labels == ["a"]
    np.testing.assert_array_equal(net.initial(2), [[1.5], [1.5]])
    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    out = net.forward(torch.tensor([[2.0], [3.0]], dtype=torch.float64), x)
    np.testing.assert_allclose(out, np.outer([2, 3], [1, np.e]))


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(x) + torch.rand(len(x), 1, dtype=x.dtype)


@pytest.mark.parametrize(
    ("module", "inputs", "words"),
    [
        (nn.Linear(2, 1), 3, "cannot be sampled on 3 inputs"),
        (nn.Linear(2, 4), 2, r"numbers of shape \(3, 4\)"),
        (nn.Tanh(), 1, "has no parameters"),
        (Noisy(1, 1), 1, "cannot be sampled|other numbers"),
    ],
)
def test_what_cannot_be_sampled_is_refused(module, inputs, words):
    with pytest.raises(RequestError, match=words) as caught:
        nnpost.from_module(module, inputs)
    assert "\n" not in str(caught.value)


def test_nothing_of_the_modules_own_is_touched():
    module = nn.Linear(1, 1)
    before = module.weight.item()
    net = nnpost.from_module(module, 1)
    net.to_torch(np.array([7.0, 8.0]))
    assert (module.weight.item(), module.weight.dtype) == (before, torch.float32)
    assert module.weight.requires_grad


# -- trained and sampled -------------------------------------------------------------------------


def line():
    data = nnpost.datasets.line(20, noise=0.5)
    prior = nnpost.GaussianPrior(5.0)
    exact = nnpost.closed_form(nnpost.Posterior(nnpost.MLP(1), data, nnpost.Gaussian(0.5), prior))
    net = nnpost.from_module(nn.Linear(1, 1), 1)
    return nnpost.Posterior(net, data, nnpost.Gaussian(0.5), prior), exact


def test_a_linear_module_is_sampled_as_the_exact_posterior_says(z_scores, tmp_path):
    """log Z within 4 errors and 0.05, 2 means and 2 variances within 4.5 standard errors; the run
    file names the module, and goes on with it."""
    post, exact = line()
    fits = nnpost.train(post, restarts=4, epochs=300, lr=0.05)
    np.testing.assert_allclose(fits.map.theta, exact.mean, rtol=1e-6)
    tempering = nnpost.temper(post, 4, particles=200, seed=0)
    assert abs(tempering.log_evidence - exact.log_evidence) < min(4 * tempering.error, 0.05)
    path = tmp_path / "line.h5"
    some = {"fits": fits, "tempering": tempering, "seed": 0, "discard": 200}
    nnpost.sample(post, path, nsteps=300, **some)
    run = nnpost.sample(post, path, nsteps=900, resume=True, **some)
    moments = run.chain[run.burnin :] - exact.mean
    truth = np.r_[0.0, 0.0, exact.sd**2]
    assert abs(z_scores(np.concatenate([moments, moments**2], axis=-1), truth)).max() < 4.5
    with pytest.raises(RequestError, match=r"Linear, which no file holds: hand it in again"):
        nnpost.load(path)
    with pytest.raises(RequestError, match="with 4 parameters, expected"):
        nnpost.load(path, net=nnpost.from_module(nn.Linear(3, 1), 3))
    again = nnpost.load(path, net=nnpost.from_module(nn.Linear(1, 1), 1))
    np.testing.assert_array_equal(again.chain, run.chain)
    # nothing is folded, and whoever exports is told
    text = export(path, "samples", tmp_path / "draws.npy")
    assert "as they were found: copies of a module of one's own are not known" in text
    draws = run.get_chain(discard=run.burnin, flat=True)
    for found in (run.samples, np.load(tmp_path / "draws.npy")):
        np.testing.assert_array_equal(found, draws)


class Slope(nn.Module):
    """One parameter for all inputs."""

    def __init__(self):
        super().__init__()
        self.k = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return self.k * x.sum(dim=1)


def test_a_module_may_have_fewer_parameters_than_inputs(tmp_path):
    """Whatever reads its run file without the module shows its vectors as they were found."""
    x = np.random.default_rng(0).normal(size=(20, 3))
    post = nnpost.Posterior(nnpost.from_module(Slope(), 3), nnpost.Dataset(x, x.sum(axis=1)))
    fits, path = nnpost.train(post, restarts=2, epochs=5), tmp_path / "slope.h5"
    how = {"nsteps": 10, "nwalkers": 4, "start": "prior", "moves": "stretch"}
    run = nnpost.sample(post, path, fits=fits, **how)
    wanted = {"sgd": fits.sgd.theta, "map": fits.map.theta, "fits": fits.theta}
    for what, theta in (wanted | {"samples": run.samples}).items():
        export(path, what, tmp_path / f"{what}.npy")
        np.testing.assert_array_equal(np.load(tmp_path / f"{what}.npy"), theta)
    found = overview(path)
    assert found["network"]["sizes"] == [3, 1]
    assert found["sgd"]["theta"] == found["sgd"]["theta_found"] == fits.sgd.theta.tolist()
