"""The fused kernels against torch: the same formulas, written out and differentiated by autograd.

Sums are compared relative to the size of what is summed. Where features are nearly collinear the
conditioning of A sets how many digits of the output layer there are, in torch as in the kernels.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpost.network import jacobian as by_chain_rule
from nnpost.network.mlp import MLP

pytest.importorskip("numba")

from nnpost.posterior.kernels import ready, rows
from nnpost.posterior.kernels.climb import Columns, Effort, Hill, climb
from nnpost.posterior.kernels.collapsed import collapsed
from nnpost.posterior.kernels.collapsed_grad import collapsed_and_grad, expected_grad
from nnpost.posterior.kernels.curvature import curvature
from nnpost.posterior.kernels.descent import Moments, Rule, descend
from nnpost.posterior.kernels.flips import flip_moments, flip_terms
from nnpost.posterior.kernels.jacobian import hidden_jacobian
from nnpost.posterior.kernels.misfit import outputs, sse, sse_and_grad
from nnpost.posterior.kernels.points import Points
from nnpost.posterior.kernels.replacement import replacement
from nnpost.posterior.kernels.shape import ACTIVATIONS, Shape

EPS = float(np.finfo(float).eps)
SIZES = [(1, 2, 1), (3, 4, 1), (1, 1), (3, 1), (2, 3, 2, 1), (1, 2, 1, 3, 1), (5, 7, 1)]
COUNTS = [1, 2, 31, 32, 33, 100, 513, 1100]
quick = settings(max_examples=60)


class Case:
    """Data, vectors and normals for a network, in numpy and in torch."""

    def __init__(self, sizes, activation, n=100, weighted=True, seed=0, walkers=3, scale=1.0):
        rng = np.random.default_rng([seed, n, len(sizes)])
        self.shape = Shape(sizes, activation)
        self.net = MLP(sizes[0], sizes[1:-1], activation)
        self.x, self.target = rng.normal(size=(n, sizes[0])), 2 * rng.normal(size=n)
        self.yerr = rng.uniform(0.5, 2, n) if weighted else None
        self.root = np.ones(n) if self.yerr is None else 1 / self.yerr
        self.y = self.root * self.target
        self.points = Points.of(self.shape, self.x, self.y, self.root if weighted else None)
        self.theta = scale * rng.normal(size=(walkers, self.shape.ndim))
        self.normals = rng.normal(size=(walkers, self.shape.n_output))
        self.precisions = rng.uniform(0.2, 2, self.shape.n_output)
        self.tau = np.exp(rng.normal(size=walkers))
        k = self.shape.n_output
        self.covariance_root = rng.normal(size=(walkers, k, k)) / np.sqrt(k)

    @property
    def h(self):
        return self.theta[:, : self.shape.n_hidden]

    def oracle_outputs(self, theta):
        return self.net.forward(theta, torch.tensor(self.x))

    def oracle_sse(self, theta):
        r = torch.tensor(self.y) - torch.tensor(self.root) * self.oracle_outputs(theta)
        return r.square().sum(-1)

    def oracle_collapsed(self, h, tau):
        """The formulas of kernels/collapsed.py one by one."""
        f = self.net.features(h, torch.tensor(self.x)) * torch.tensor(self.root)
        y, d, tau = torch.tensor(self.y), torch.tensor(self.precisions), tau.reshape(-1, 1, 1)
        a = tau * (f @ f.mT) + torch.diag(d)
        lower = torch.linalg.cholesky(a)
        mean = torch.cholesky_solve(tau * (f @ y).unsqueeze(2), lower).squeeze(2)
        drawn = mean + torch.linalg.solve(lower.mT, torch.tensor(self.normals).unsqueeze(2))[..., 0]
        misfit, drawn_misfit = (
            (y - (o.unsqueeze(1) @ f).squeeze(1)).square().sum(-1) for o in (mean, drawn)
        )
        evidence = (
            -0.5 * (tau.reshape(-1) * misfit + (d * mean**2).sum(-1))
            - lower.diagonal(dim1=1, dim2=2).log().sum(-1)
            + 0.5 * d.log().sum()
        )
        return (
            evidence,
            mean,
            lower,
            misfit,
            drawn,
            drawn_misfit,
            float(torch.linalg.cond(a.detach()).max()),
        )

    def collapsed(self, tau=None, **options):
        tau = self.tau if tau is None else tau
        return collapsed(
            self.shape, self.h, self.points, tau, self.precisions, self.normals, **options
        )

    def collapsed_and_grad(self, tau=None, **options):
        tau = self.tau if tau is None else tau
        return collapsed_and_grad(self.shape, self.h, self.points, tau, self.precisions, **options)

    def expected_grad(self, **options):
        covariance = self.covariance_root @ self.covariance_root.swapaxes(1, 2)
        return expected_grad(
            self.shape, self.h, self.points, self.tau, self.normals, covariance, **options
        )

    def everything(self, **options):
        """All that the kernels return, an array each."""
        run = {"shape": self.shape, "points": self.points, **options}
        return [
            sse(theta=self.theta, **run),
            *sse_and_grad(theta=self.theta, **run),
            outputs(theta=self.theta, **run),
            hidden_jacobian(theta=self.theta, **run),
            *self.collapsed(**options),
            *self.collapsed_and_grad(**options),
            *self.expected_grad(**options),
        ]


cases = st.builds(
    Case,
    st.one_of(
        st.sampled_from(SIZES),
        st.builds(
            lambda d, hidden: (d, *hidden, 1),
            st.integers(1, 6),
            st.lists(st.integers(1, 9), min_size=1, max_size=3),
        ),
    ),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(COUNTS),
    st.booleans(),
    st.integers(0, 9),
    st.integers(1, 4),
)


def close(found, expected, tolerance=1e-12, least=1e-290):
    """Equal within ``tolerance`` times the largest entry of each row, or ``least``."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == float
    axes = tuple(range(1, expected.ndim))
    size = np.max(np.abs(expected), axis=axes, keepdims=True, initial=least)
    worst = np.max(np.abs(found - expected) / size, initial=0.0)
    assert worst <= tolerance, f"off by {worst:.1e}, allowed are {tolerance:.1e}"


def gradient(function, at):
    leaf = torch.tensor(at, requires_grad=True)
    value = function(leaf)
    value.sum().backward()
    return value.detach().numpy(), leaf.grad.numpy()


def compare_misfit(case, tolerance=1e-12):
    value, grad = gradient(case.oracle_sse, case.theta)
    found, slope = sse_and_grad(case.shape, case.theta, case.points)
    close(found, value, tolerance)
    close(slope, grad, tolerance)
    np.testing.assert_allclose(sse(case.shape, case.theta, case.points), found, rtol=1e-13)
    expected = case.oracle_outputs(torch.tensor(case.theta)).numpy()
    close(outputs(case.shape, case.theta, case.points), expected, tolerance)


def compare_collapsed(case, floor=1e-12):
    h, tau = torch.tensor(case.h), torch.tensor(case.tau)
    *expected, cond = case.oracle_collapsed(h, tau)
    loose = max(floor, 20 * EPS * cond)
    found = case.collapsed()
    # Logarithms, and sums of squares that may be far below those of the targets they come from.
    least = {"evidence": 1.0, "sse": 0.01 * np.sum(case.y**2)}
    for name, value, tolerance in zip(
        found._fields, expected, (floor, loose, loose, floor, loose, loose), strict=True
    ):
        close(getattr(found, name), value.numpy(), tolerance, least.get(name, 1e-290))
    bare = collapsed(case.shape, case.h, case.points, case.tau, case.precisions)
    np.testing.assert_array_equal(bare.evidence, found.evidence)
    np.testing.assert_array_equal(bare.drawn, found.mean)
    np.testing.assert_array_equal(bare.drawn_sse, found.sse)


@quick
@given(cases)
def test_misfit_gradient_and_outputs(case):
    compare_misfit(case)


@quick
@given(cases)
def test_collapsed(case):
    compare_collapsed(case)


@quick
@given(cases)
def test_gradient_of_collapsed(case):
    log_tau = np.log(case.tau)

    def evidence(both):
        return case.oracle_collapsed(both[:, :-1], both[:, -1].exp())[0]

    value, grad = gradient(evidence, np.c_[case.h, log_tau])
    found = case.collapsed_and_grad()
    cond = case.oracle_collapsed(torch.tensor(case.h), torch.tensor(case.tau))[-1]
    close(found.evidence, value)
    both = np.c_[found.grad, -0.5 * (case.tau * found.sse + found.freedom)]
    close(both, grad, max(1e-12, 100 * EPS * cond))


@quick
@given(cases)
def test_jacobian(case):
    theta, x = torch.tensor(case.theta), torch.tensor(case.x)
    expected = by_chain_rule.hidden_jacobian(case.net, theta, x).numpy()
    close(hidden_jacobian(case.shape, case.theta, case.points), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_jacobian_by_autograd(activation):
    case = Case((2, 3, 4, 1), activation, 20, walkers=1)
    found = hidden_jacobian(case.shape, case.theta, case.points)[0]
    for i in range(case.points.n):
        _, slope = gradient(lambda t, i=i: case.oracle_outputs(t)[:, i], case.theta)
        np.testing.assert_allclose(found[:, i], slope[0, : len(found)], rtol=1e-12, atol=1e-14)


@quick
@given(cases)
def test_expected_gradient(case):
    """Over a Gaussian of the output layer E[Σ r²] = Σ r² of the mean + tr(C F Fᵀ)."""
    mean, root = torch.tensor(case.normals), torch.tensor(case.covariance_root)
    y, weight, tau = torch.tensor(case.y), torch.tensor(case.root), torch.tensor(case.tau)

    def expected(h):
        f = case.net.features(h, torch.tensor(case.x)) * weight
        r = y - (mean.unsqueeze(1) @ f).squeeze(1)
        spread = (root.mT @ f).square().sum((1, 2))
        return -0.5 * tau * (r.square().sum(1) + spread), r.square().sum(1)

    found, misfit = case.expected_grad()
    close(misfit, expected(torch.tensor(case.h))[1].numpy())
    if case.shape.units:
        close(found, gradient(lambda h: expected(h)[0], case.h)[1])


def test_a_precision_of_zero_is_no_prior():
    """∫ exp(−τ/2 |y − Fᵀo|²) N(a; 0, 1/D) da dc, the constant of the prior of c not there."""
    case = Case((1, 2, 1), "tanh", 50)
    wide = np.r_[case.precisions[:2], 1e-12]
    flat = np.r_[case.precisions[:2], 0.0]
    run = (case.shape, case.h, case.points, case.tau)
    limit = collapsed(*run, wide).evidence - 0.5 * math.log(1e-12)
    np.testing.assert_allclose(collapsed(*run, flat).evidence, limit, rtol=1e-9)
    np.testing.assert_allclose(collapsed_and_grad(*run, flat).evidence, limit, rtol=1e-9)


@pytest.mark.parametrize("sizes", [(1, 2, 1), (2, 3, 2, 1)])
def test_many_points_whose_features_are_not_kept(sizes):
    case = Case(sizes, "sigmoid", 12_345)
    compare_misfit(case)
    compare_collapsed(case)
    slot = case.collapsed_and_grad()
    few = [Case(sizes, "sigmoid", 12_345).collapsed(), case.collapsed()]
    np.testing.assert_array_equal(few[0].evidence, few[1].evidence)
    close(slot.evidence, few[0].evidence, 1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_saturated_units(activation):
    case = Case((1, 3, 1), activation, 64, scale=1.0)
    case.theta[:, :6] *= 1e6
    compare_misfit(case)
    *_, cond = case.oracle_collapsed(torch.tensor(case.h), torch.tensor(case.tau))
    if cond < 1e9:
        compare_collapsed(case)


def unit(activation, z):
    """φ(z) as the kernels have it, z (n,)."""
    shape = Shape((1, 1, 1), activation)
    points = Points.of(shape, np.reshape(z, (-1, 1)))
    return outputs(shape, np.array([[1.0, 0.0, 1.0, 0.0]]), points)[0]


def test_sigmoid_and_tanh_to_the_last_digits():
    z = np.r_[np.linspace(-340, 340, 20_001), np.linspace(-2, 2, 10_001)]
    t = torch.tensor(z)
    np.testing.assert_allclose(unit("sigmoid", z), torch.sigmoid(t).numpy(), rtol=1e-15, atol=0)
    np.testing.assert_allclose(unit("tanh", z), torch.tanh(t).numpy(), rtol=1e-15, atol=0)


def test_elu_and_softplus_to_the_last_digits():
    """Also where torch's softplus becomes z itself, and near zero, where exp(z) − 1 is small (and
    torch's ELU was the difference until 2.4)."""
    z = np.r_[np.linspace(-340, 30, 20_001), np.linspace(-2, 2, 10_001), 20.0, np.nextafter(20, 21)]
    z = np.r_[z, -(10.0 ** -np.arange(1.0, 308.0, 3))]
    elu = np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    softplus = torch.nn.Softplus()(torch.tensor(z)).numpy()
    np.testing.assert_allclose(unit("elu", z), elu, rtol=1e-15, atol=0)
    np.testing.assert_allclose(unit("softplus", z), softplus, rtol=1e-15, atol=0)
    far = np.array([341.0, 1e4, 1e300])
    np.testing.assert_array_equal(unit("elu", np.r_[-far, far]), np.r_[-1.0, -1.0, -1.0, far])
    np.testing.assert_array_equal(unit("softplus", far), far)
    assert np.all(unit("softplus", -far) ** 2 > np.finfo(float).tiny)


def test_sigmoid_and_tanh_far_out_and_near_zero():
    far = np.array([37.0, 40.0, 341.0, 1e4, 1e300])
    np.testing.assert_array_equal(unit("sigmoid", far), 1.0)
    np.testing.assert_array_equal(unit("tanh", far), 1.0)
    np.testing.assert_array_equal(unit("tanh", -far), -1.0)
    small = unit("sigmoid", -far[2:])
    assert np.all((small > 1e-149) & (small < 1e-147))
    assert np.all(small**2 > np.finfo(float).tiny)  # no denormal number comes of two of them
    near = 10.0 ** -np.arange(1.0, 308.0, 3)
    np.testing.assert_allclose(unit("tanh", near), np.tanh(near), rtol=4e-16, atol=0)
    np.testing.assert_array_equal(unit("sigmoid", [0.0, -0.0]), 0.5)
    np.testing.assert_array_equal(unit("tanh", [0.0, 5e-324]), [0.0, 5e-324])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_denormal_parameters(activation):
    case = Case((2, 2, 1), activation, 40)
    case.theta[0] *= 1e-310
    case.theta[1, :4] = 1e-320
    compare_misfit(case)
    compare_collapsed(case)


def test_two_equal_units_are_one_with_twice_the_prior_variance():
    """a₁ + a₂ ~ N(0, 2s²): exact, and the worst that collinear features can do."""
    two, one = Case((1, 2, 1), "sigmoid", 200), Case((1, 1, 1), "sigmoid", 200)
    two.theta[:, 1], two.theta[:, 3] = two.theta[:, 0], two.theta[:, 2]
    two.precisions = np.array([0.5, 0.5, 1.0])
    one.theta[:, :2] = two.theta[:, [0, 2]]
    one.points, one.precisions = two.points, np.array([0.25, 1.0])
    for tau in (1e-3, 1.0, 1e3, 1e6):
        found = two.collapsed(tau)
        expected = collapsed(one.shape, one.h, one.points, tau, one.precisions)
        np.testing.assert_allclose(found.sse, expected.sse, rtol=1e-9)
        np.testing.assert_allclose(found.evidence, expected.evidence, rtol=1e-9)
        total = np.c_[found.mean[:, 0] + found.mean[:, 1], found.mean[:, 2]]
        np.testing.assert_allclose(total, expected.mean, rtol=1e-9)
        grad, other = two.collapsed_and_grad(tau), collapsed_and_grad(
            one.shape, one.h, one.points, tau, one.precisions
        )  # fmt: skip
        pairs = np.c_[grad.grad[:, 0] + grad.grad[:, 1], grad.grad[:, 2] + grad.grad[:, 3]]
        close(pairs, other.grad, max(1e-9, 1e-14 * tau))


@pytest.mark.parametrize("tau", [0.0, 1e-300, 1e-12, 1e9])
def test_tiny_and_huge_precision(tau):
    case = Case((1, 2, 1), "tanh", 200)
    case.tau = np.full(3, tau)
    compare_collapsed(case)
    one = case.collapsed(tau)
    np.testing.assert_array_equal(one.evidence, case.collapsed().evidence)


@pytest.mark.parametrize("tau", [math.nan, math.inf, -1e9])
def test_no_gaussian_for_what_is_no_precision(tau):
    case = Case((1, 2, 1), "tanh", 50)
    case.tau[1] = tau
    for array in (*case.collapsed(), *case.collapsed_and_grad()):
        assert np.all(np.isnan(array[1]))
        assert np.all(np.isfinite(array[::2]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_not_finite_gives_nan_in_its_row_alone(activation, bad):
    case = Case((2, 3, 2, 1), activation, 70)
    clean = case.everything()
    theta = case.theta.copy()
    for at in range(case.shape.ndim):
        case.theta = theta.copy()
        case.theta[1, at] = bad
        for before, after in zip(clean[:5], case.everything()[:5], strict=True):
            assert np.all(np.isnan(after[1]))
            np.testing.assert_array_equal(after[::2], before[::2])
        if at < case.shape.n_hidden:
            for before, after in zip(clean[5:], case.everything()[5:], strict=True):
                assert np.all(np.isnan(after[1]))
                np.testing.assert_array_equal(after[::2], before[::2])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_overflow_is_no_number(activation):
    """Finite vectors whose outputs, or whose squares, are none."""
    case = Case((1, 2, 1), activation, 33)
    case.theta[0, -1] = 1e200
    case.theta[1, 4:] = 1e308
    found = sse(case.shape, case.theta, case.points)
    assert not np.isfinite(found[:2]).any()
    assert np.isfinite(found[2])


@pytest.mark.parametrize("sizes", [(1, 2, 1), (3, 1), (2, 3, 2, 1)])
def test_threads_and_neighbours_do_not_change_a_bit(sizes, monkeypatch):
    monkeypatch.setattr(rows, "SMALL", 1)
    case = Case(sizes, "sigmoid", 700, walkers=13)
    alone = case.everything()
    for threads in (2, 3, 32):
        for one, many in zip(alone, case.everything(threads=threads), strict=True):
            np.testing.assert_array_equal(one, many)
    for part in ("theta", "normals", "tau", "covariance_root"):
        setattr(case, part, getattr(case, part)[5:6])
    for one, many in zip(case.everything(), alone, strict=True):
        np.testing.assert_array_equal(one, many[5:6])


def test_any_kind_of_array_will_do():
    case = Case((2, 3, 1), "tanh", 30)
    expected = sse(case.shape, case.theta, case.points)
    frozen = case.theta.copy()
    frozen.flags.writeable = False
    wider = np.c_[case.theta, [math.nan] * 3]
    for theta in (frozen, np.asfortranarray(case.theta), wider, case.theta.astype(">f8")):
        np.testing.assert_array_equal(sse(case.shape, theta, case.points), expected)
    empty = sse_and_grad(case.shape, case.theta[:0], case.points, threads=2)
    assert [part.shape for part in empty] == [(0,), (0, case.shape.ndim)]


def test_refusals():
    case = Case((2, 3, 1), "tanh", 30)
    with pytest.raises(ValueError, match=r"shape \(3, 12\), expected \(B, 13 or more\)"):
        sse(case.shape, case.theta[:, :-1], case.points)
    with pytest.raises(ValueError, match="expected"):
        Points.of(case.shape, case.x[:, :1])
    with pytest.raises(ValueError, match="expected"):
        Points.of(case.shape, case.x, case.y[:-1])
    other = Shape((3, 3, 1), "tanh")
    with pytest.raises(ValueError, match="2 inputs in the points, 3 in"):
        sse(other, np.zeros((1, other.ndim)), case.points)
    with pytest.raises(ValueError, match="normals for 2 rows, expected 3"):
        collapsed(case.shape, case.h, case.points, 1.0, case.precisions, case.normals[:2])
    with pytest.raises(ValueError, match=r"moments of shapes \(2, 4\)"):
        expected_grad(case.shape, case.h, case.points, 1.0, case.normals[:2], np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="expected one of"):
        Shape((1, 1), "cosine")
    with pytest.raises(ValueError, match="expected"):
        Shape((1, 2))


def test_all_kernels_are_compiled_ahead():
    said = []
    ready.make_ready(said.append)
    assert len(said) <= 1
    assert ready.uncompiled() == []
    ready.make_ready(said.append)
    assert len(said) <= 1


def test_each_kernel_is_compiled_once_for_whatever_comes():
    case = Case((2, 3, 2, 1), "tanh", 30)
    case.everything()
    case.theta, case.normals = np.asfortranarray(case.theta), case.normals.astype(np.float32)
    case.tau = 1
    case.everything(threads=2)
    for orders in (None, np.zeros((3, 1, 5), dtype=np.int32)):
        rule = Rule(adam=True, lr=1, momentum=0, mean=np.True_)
        descend(case.shape, Moments.at(case.theta), case.points, rule, 0, 1, orders, 5, threads=2)
    columns = Columns.of(case.shape, case.x, case.y, case.root)
    for tau, p in ((1, case.shape.ndim), (None, case.shape.ndim + 1)):
        climb(case.shape, np.zeros((3, p)), columns, Hill(np.ones(p), tau), Effort(1, 2, 2, 0), 2)
    shallow = Case((2, 3, 1), "tanh", 30)
    shape, points, first = shallow.shape, shallow.points, np.zeros(3, np.int32)
    for h, tau in ((shallow.h, 1), (np.asfortranarray(shallow.h), np.ones(3, np.float32))):
        curvature(shape, h, points, tau, np.ones(4), 2)
        fresh = np.ones((1, 5, 3), np.float32)
        replacement(shape, h, points, tau, 1, first, fresh, first, 2)
        found = collapsed(shape, h, points, tau, np.ones(4))
        gaussian, flips = (found.mean, found.cholesky), np.ones((4, 2))
        total, terms = flip_terms(found.evidence, *gaussian, flips, 1, 2)
        flip_moments(terms, total, *gaussian, flips, 1, 2)
    counts = [len(kernel.signatures) for kernel in ready.KERNELS.values()]
    assert counts == [1] * len(ready.KERNELS)
