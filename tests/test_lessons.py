"""What the analyses of the second to the fifth article build on, against something independent."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from nnpost import MLP, Gaussian, GaussianPrior, Posterior, datasets, sample, temper, train

ANALYSES = Path(__file__).parent.parent / "analyses"


def story(name):
    """A script in analyses/ as a module; nothing in it runs."""
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("batch", [1, 10])
def test_gradients_by_hand_are_those_of_autograd(batch):
    """The third article writes out the gradients of J = Σ (y − f)²/2N of a network 1-2-1."""
    by_hand = story("linear_restore")
    rng = np.random.default_rng(batch)
    shapes = (1, 2), (2,), (2, 1), (1,)
    net = by_hand.Net(*(rng.standard_normal(shape) for shape in shapes))
    x, y = rng.standard_normal((2, batch, 1))
    leaves = [torch.tensor(p, requires_grad=True) for p in net]
    w1, b1, w2, b2 = leaves
    f = (torch.tensor(x) @ w1 + b1) @ w2 + b2
    loss = (torch.tensor(y) - f).square().sum() / (2 * batch)
    for found, expected in zip(
        by_hand.gradients(net, x, y), torch.autograd.grad(loss, leaves), strict=True
    ):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=1e-14)


def test_a_restored_line_is_what_plain_torch_makes_of_the_same_windows():
    by_hand, data = story("linear_restore"), datasets.line()
    course = by_hand.restore(data, batch=10, steps=30)
    rng = np.random.RandomState(4321)
    module = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Linear(2, 1)).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(rng.randn(1, 2).T))
        module[1].weight.copy_(torch.tensor(rng.randn(2, 1).T))
        module[0].bias.zero_()
        module[1].bias.zero_()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    x, y = torch.tensor(data.x), torch.tensor(data.y)
    for _ in range(30):
        at = rng.randint(0, data.n - 10)
        optimizer.zero_grad()
        (0.5 * torch.nn.MSELoss()(module(x[at : at + 10])[:, 0], y[at : at + 10])).backward()
        optimizer.step()
    np.testing.assert_allclose(
        course[-1](data.x)[:, 0], module(x)[:, 0].detach().numpy(), rtol=1e-10
    )


def test_the_wrong_loss_compares_every_output_with_every_label():
    lesson = story("tanh_addition")
    rng = torch.Generator().manual_seed(0)
    f, y = (torch.randn(*s, generator=rng, dtype=torch.float64) for s in ((1, 7, 1), (7,)))
    every = sum((a - b) ** 2 for a in f.ravel() for b in y)
    own = sum((a - b) ** 2 for a, b in zip(f.ravel(), y, strict=True))
    assert lesson.wrong_loss(f, y).item() == pytest.approx(every.item())
    assert lesson.right_loss(f, y).item() == pytest.approx(own.item())
    # Its minimum has every output at the mean of the labels.
    flat = f.clone().requires_grad_()
    (slope,) = torch.autograd.grad(lesson.wrong_loss(flat, y), flat)
    np.testing.assert_allclose(slope.ravel(), 14 * (f.ravel() - y.mean()), rtol=1e-12)


def test_the_shared_bias_is_one_number_for_all_units():
    lesson = story("tanh_addition")
    model = lesson.SharedBias(restarts=3, numbers=2, hidden=5, seed=0)
    assert sum(p.numel() for p in model.parameters()) == 3 * (2 * 5 + 1 + 5 + 1)
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    net = MLP(2, (5,), "tanh")
    for r in range(3):
        w, b, a, c = (p[r].detach() for p in model.parameters())
        theta = torch.cat([w.T.ravel(), b.expand(1, 5).ravel(), a.ravel(), c.ravel()])
        np.testing.assert_allclose(
            model(x)[r, :, 0].detach(), net.forward(theta[None].double(), x.double())[0], rtol=1e-5
        )


def test_a_relu_network_set_by_hand_joins_its_knots():
    knots = np.array([-2.0, -0.5, 0.3, 1.0, 3.0])
    theta = story("feature_relu").interpolant(knots)
    net = Posterior(MLP(1, (4,), "relu"), datasets.square(10))
    x = np.linspace(-2, 3, 101)
    np.testing.assert_allclose(net.predict(theta, x), np.interp(x, knots, knots**2), atol=1e-12)


def test_half_the_learning_rate_makes_nnpost_the_article_on_lines():
    """One step of nnpost on all points, mean of squares at lr 0.005, is one of J at lr 0.01."""
    by_hand, data = story("linear_restore"), datasets.line(50)
    post = Posterior(MLP(1, (2,), "identity"), data)
    fits = train(post, restarts=1, optimizer="sgd", lr=0.005, epochs=1, init="normal", seed=5)
    w, b, a, c = np.split(post.net.initial(1, 5, "normal")[0], [2, 4, 6])
    net = by_hand.Net(w[None], b, a[:, None], c)
    slopes = by_hand.gradients(net, data.x, data.y[:, None])
    moved = np.concatenate([(p - 0.01 * g).ravel() for p, g in zip(net, slopes, strict=True)])
    np.testing.assert_allclose(fits.theta[0], moved, rtol=1e-12)


def test_the_entropy_of_a_gaussian_bounds_the_evidence():
    """Above log Z by tempering and importance sampling, and not far above it."""
    post = Posterior(
        MLP(1, (2,), "relu"), datasets.square(40, noise=0.3), Gaussian(0.3), GaussianPrior(1.0)
    )
    run = sample(post, nsteps=300, seed=0, tempering=temper(post, particles=200, seed=0))
    bound = story("feature_evidence").most_evidence(run)
    assert run.log_evidence < bound < run.log_evidence + 8
