"""Copies of a network: the same function, one fold, the nearest copy, uniform jumps."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from nnpost.common.errors import RequestError
from nnpost.network.align import Alignment, align
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.network.symmetry import copies, fold, fold_like, group_size, jump, one_copy

SHAPES = [(1, (1,)), (1, (3,)), (2, (2,)), (3, (3,)), (1, (2, 3)), (2, (3, 2)), (3, (2, 2))]
FLIPPED = ("sigmoid", "tanh", "softsign", "identity")
OTHERS = [
    MLP(d, hidden, a, bias, skip)
    for a in ("sigmoid", "tanh", "relu")
    for d, hidden in ((1, (3,)), (2, (2, 3)))
    for bias, skip in ((False, False), (True, True), (False, True))
]
NETS = [MLP(d, hidden, a) for a in ACTIVATIONS for d, hidden in SHAPES] + OTHERS
SMALL = [net for net in NETS if math.prod(net.hidden) <= 6]
WIDE = [MLP(1, (6,), a) for a in ACTIVATIONS] + [MLP(2, (2, 5), a) for a in ACTIVATIONS]


def outputs(net, theta):
    x = np.random.default_rng(99).normal(size=(17, net.inputs)) * 2
    return net.forward(torch.tensor(theta), torch.tensor(x)).numpy()


def vectors(net, *shape, seed=0, extra=0):
    return np.random.default_rng(seed).normal(size=(*shape, net.ndim + extra)) * 2


def name(net):
    more = "-unbiased" * (not net.bias) + "-skip" * net.skip
    return f"{net.activation}-{net.inputs}-{'-'.join(map(str, net.hidden))}{more}"


def flipped(net):
    return net.activation in FLIPPED and (net.bias or net.activation != "sigmoid")


every = pytest.mark.parametrize("net", NETS, ids=name)
small = pytest.mark.parametrize("net", SMALL, ids=name)


# --- the function stays as it is ----------------------------------------------------------------


@pytest.mark.parametrize("net", NETS + WIDE, ids=name)
def test_fold_align_and_jump_keep_the_function_and_trailing_entries(net):
    theta, reference = vectors(net, 4, 3, extra=1), vectors(net, seed=1)
    before = theta.copy()
    rng = np.random.default_rng(2)
    for moved in (fold(net, theta), align(net, theta, reference), jump(net, theta, rng)):
        assert moved.shape == theta.shape
        np.testing.assert_allclose(outputs(net, moved), outputs(net, theta), atol=1e-11)
        np.testing.assert_array_equal(moved[..., -1], theta[..., -1])
        assert not np.array_equal(moved, theta) or net.hidden == (1,)
    np.testing.assert_array_equal(theta, before)


@small
def test_copies_are_all_different_and_compute_the_same(net):
    theta = vectors(net, 2, extra=1)
    found = copies(net, theta)
    flips = 2 if flipped(net) else 1
    count = math.prod(math.factorial(u) * flips**u for u in net.hidden)
    assert found.shape == (count, *theta.shape)
    np.testing.assert_array_equal(found[0], theta)
    np.testing.assert_allclose(
        outputs(net, found), np.broadcast_to(outputs(net, theta), (count, 2, 17)), atol=1e-11
    )
    assert len(np.unique(found[:, 0].round(9), axis=0)) == count


def test_copies_of_two_sigmoid_units_by_hand():
    net = MLP(1, (2,), "sigmoid")
    w, v, b, d, a, e, c = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0
    expected = {
        (w, v, b, d, a, e, c),
        (v, w, d, b, e, a, c),
        (-w, v, -b, d, -a, e, c + a),
        (v, -w, d, -b, e, -a, c + a),
        (w, -v, b, -d, a, -e, c + e),
        (-v, w, -d, b, -e, a, c + e),
        (-w, -v, -b, -d, -a, -e, c + a + e),
        (-v, -w, -d, -b, -e, -a, c + a + e),
    }
    assert {tuple(row) for row in copies(net, [w, v, b, d, a, e, c])} == expected


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_has_the_symmetry_that_it_says_and_no_other(activation):
    z, scale = torch.linspace(-7, 7, 57, dtype=torch.float64), 1.7
    phi = ACTIVATIONS[activation].function
    value, turned = phi(z), phi(-z)
    holds = {
        "odd": torch.allclose(turned, -value, rtol=1e-14),
        "sigmoid": torch.allclose(turned, 1 - value, rtol=1e-14),
        "relu": torch.allclose(phi(scale * z), scale * value, rtol=1e-14),
        "linear": torch.equal(value, z),
    }
    expected = {"linear": {"odd", "relu", "linear"}, "none": set()}
    symmetry = ACTIVATIONS[activation].symmetry
    assert {name for name, yes in holds.items() if yes} == expected.get(symmetry, {symmetry})


def test_group_size():
    assert group_size(MLP(1, (2,), "sigmoid")) == 8
    assert group_size(MLP(2, (3, 2), "tanh")) == 6 * 8 * 2 * 4
    assert group_size(MLP(1, (2,), "relu")) == math.inf
    assert group_size(MLP(1, (2,), "identity")) == math.inf
    assert group_size(MLP(5, (), "relu")) == 1
    assert group_size(MLP(1, (3,), "sigmoid", bias=False)) == 6  # no bias takes up the a of a flip
    assert group_size(MLP(1, (3,), "tanh", bias=False)) == 48


def test_networks_without_hidden_layer_have_one_copy():
    net = MLP(3, (), "sigmoid")
    theta = vectors(net, 5)
    for moved in (fold(net, theta), align(net, theta, theta[0]), jump(net, theta, None)):
        np.testing.assert_array_equal(moved, theta)
    np.testing.assert_array_equal(copies(net, theta), theta[None])


# --- likelihood and prior -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "softsign", "identity"])
def test_odd_copies_keep_a_gaussian_prior(activation):
    theta = vectors(MLP(1, (2,), activation))
    norms = (copies(MLP(1, (2,), activation), theta) ** 2).sum(axis=-1)
    np.testing.assert_allclose(norms, norms[0], rtol=1e-14)


def test_sigmoid_copies_keep_the_likelihood_but_not_the_prior():
    net = MLP(1, (2,), "sigmoid")
    found = copies(net, vectors(net))
    y = np.arange(17.0)
    errors = ((outputs(net, found) - y) ** 2).sum(axis=-1)
    np.testing.assert_allclose(errors, errors[0], rtol=1e-12)
    norms = (found**2).sum(axis=-1)
    assert len(np.unique(norms.round(9))) == 4  # one for each set of flipped units
    # Only the output bias tells them apart.
    np.testing.assert_allclose(norms - found[:, -1] ** 2, norms[0] - found[0, -1] ** 2, rtol=1e-13)


# --- fold ---------------------------------------------------------------------------------------


@small
def test_all_copies_fold_to_one_vector(net):
    theta = vectors(net, 3, extra=1)
    folded = fold(net, theta)
    np.testing.assert_allclose(
        fold(net, copies(net, theta)), np.broadcast_to(folded, copies(net, theta).shape), atol=1e-12
    )
    np.testing.assert_array_equal(fold(net, folded), folded)


@every
def test_folded_units_are_positive_and_sorted(net):
    layers = net.layers(fold(net, vectors(net, 50)))
    for w, b in layers[:-1]:
        if flipped(net):
            assert (w[..., 0] > 0).all()
        place = -b / w[..., 0] if net.bias else w[..., 0]
        assert (np.diff(place, axis=-1) > 0).all()


def test_fold_of_the_articles_fit():
    net = MLP(1, (2,), "sigmoid")
    theta = [-1.4160, 1.4624, -4.9017, -4.9822, 23.6837, 22.9339, 0.9818]
    expected = [1.4160, 1.4624, 4.9017, -4.9822, -23.6837, 22.9339, 0.9818 + 23.6837]
    np.testing.assert_allclose(fold(net, theta), expected, rtol=1e-15)


def test_fold_does_not_depend_on_the_batch():
    net = MLP(2, (3, 2), "sigmoid")
    theta = vectors(net, 6, 4)
    alone = np.array([[fold(net, one) for one in row] for row in theta])
    np.testing.assert_array_equal(fold(net, theta), alone)
    assert fold(net, theta[:0]).shape == (0, 4, net.ndim)


def test_constant_units_stand_last():
    theta = [0.0, 1.0, -2.0, 1.0, 3.0, 4.0, 5.0]
    np.testing.assert_array_equal(fold(MLP(1, (2,), "tanh"), theta), [1, 0, 1, 2, 4, -3, 5])
    np.testing.assert_array_equal(fold(MLP(1, (2,), "sigmoid"), theta), [1, 0, 1, 2, 4, -3, 8])
    np.testing.assert_array_equal(fold(MLP(1, (2,), "relu"), theta), [1, 0, 1, -2, 4, 3, 5])


DEGENERATE = {
    "w = 0": [0.0, 1.0, -2.0, 1.0, 3.0, 4.0, 5.0],
    "w = b = 0": [0.0, 1.0, 0.0, 1.0, -3.0, 4.0, 5.0],
    "both w = 0": [0.0, 0.0, -2.0, 1.0, 3.0, 4.0, 5.0],
    "a = 0": [1.0, -2.0, 3.0, 4.0, 0.0, 1.0, 5.0],
    "unit 0": [0.0, -2.0, 0.0, 4.0, 0.0, 1.0, 5.0],
    "equal units": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0],
    "equal places": [1.0, 2.0, 2.0, 4.0, 3.0, -3.0, 4.0],
    "equal but for a": [-1.0, 1.0, -2.0, 2.0, -3.0, 4.0, 5.0],
    "all zero": [0.0] * 7,
    "tiny w": [1e-310, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0],
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("theta", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_points_fold_to_one_vector_too(activation, theta):
    net = MLP(1, (2,), activation)
    folded = fold(net, copies(net, theta))
    np.testing.assert_allclose(folded, np.broadcast_to(folded[0], folded.shape), atol=1e-14)
    np.testing.assert_array_equal(fold(net, folded[0]), folded[0])
    assert not np.signbit(folded[folded == 0]).any()
    np.testing.assert_allclose(outputs(net, folded[0]), outputs(net, np.array(theta)), atol=1e-13)
    aligned = align(net, theta, np.arange(7.0))
    np.testing.assert_allclose(outputs(net, aligned), outputs(net, np.array(theta)), atol=1e-13)


# --- align --------------------------------------------------------------------------------------


def distances(net, theta, reference):
    return np.linalg.norm((theta - reference)[..., : net.ndim], axis=-1)


@pytest.mark.parametrize("units", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "identity"])
def test_align_finds_the_nearest_of_all_copies(activation, units):
    for inputs in (1, 2):
        net = MLP(inputs, (units,), activation)
        theta, reference = vectors(net, 12, seed=units), vectors(net, seed=7)
        least = distances(net, copies(net, theta), reference).min(axis=0)
        found = distances(net, align(net, theta, reference), reference)
        np.testing.assert_allclose(found, least, rtol=1e-12)


def test_flips_that_the_output_bias_forbids_are_not_made():
    # Apart from c, flipping the unit is nearer; c + a = 10 makes it farther.
    net = MLP(1, (1,), "sigmoid")
    theta, reference = [-0.1, 0.0, 10.0, 0.0], [0.1, 0.0, -0.1, 0.0]
    np.testing.assert_array_equal(align(net, theta, reference), [-0.1, 0.0, 10.0, 0.0])
    np.testing.assert_array_equal(align(net, theta, [0.1, 0, -0.1, 10.0]), [0.1, 0, -10.0, 10.0])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_align_of_eight_units_equals_a_search_over_all_flips(activation):
    net = MLP(1, (8,), activation)
    theta, reference = vectors(net, 3, seed=3), vectors(net, seed=4)
    found = distances(net, align(net, theta, reference), reference)
    np.testing.assert_allclose(found, [nearest_by_flips(net, t, reference) for t in theta])


def nearest_by_flips(net, theta, reference):
    """All 2^U flips in turn, each with its best order by an independent assignment."""
    from scipy.optimize import linear_sum_assignment

    (w, b), (a, c) = net.layers(theta)
    (w_r, b_r), (a_r, c_r) = net.layers(reference)
    goal = np.stack([w_r[:, 0], b_r, a_r[0]])
    best = np.inf
    for signs in itertools.product((1.0, -1.0), repeat=len(b)):
        s = np.array(signs)
        cost = ((np.stack([w[:, 0], b, a[0]]) * s)[:, :, None] - goal[:, None]) ** 2
        bias = c[0] + (a[0] * (s < 0)).sum() * (net.activation == "sigmoid")
        total = cost.sum(axis=0)
        best = min(best, total[linear_sum_assignment(total)].sum() + (bias - c_r[0]) ** 2)
    return math.sqrt(best)


@pytest.mark.parametrize("units", [1, 2, 3])
def test_align_of_relu_units_is_nearest_over_orders_and_scales(units):
    net = MLP(1, (units,), "relu")
    theta, reference = vectors(net, 6, seed=units), vectors(net, seed=5)
    found = distances(net, align(net, theta, reference), reference)
    grid = np.exp(np.linspace(-6, 6, 20001))
    for vector, distance in zip(theta, found, strict=True):
        (w, b), (a, c) = net.layers(vector)
        (w_r, b_r), (a_r, c_r) = net.layers(reference)
        cost = [
            [
                (
                    (grid * w[j, 0] - w_r[k, 0]) ** 2
                    + (grid * b[j] - b_r[k]) ** 2
                    + (a[0, j] / grid - a_r[0, k]) ** 2
                ).min()
                for k in range(units)
            ]
            for j in range(units)
        ]
        least = min(
            sum(cost[j][k] for k, j in enumerate(order))
            for order in itertools.permutations(range(units))
        )
        assert distance == pytest.approx(math.sqrt(least + (c[0] - c_r[0]) ** 2), rel=1e-5)


@pytest.mark.parametrize("net", NETS + WIDE, ids=name)
def test_align_brings_any_copy_back(net):
    reference = vectors(net, seed=8)
    theta = jump(net, np.broadcast_to(reference, (40, net.ndim)), np.random.default_rng(9))
    np.testing.assert_allclose(
        align(net, theta, reference), np.broadcast_to(reference, theta.shape), atol=1e-10
    )


@pytest.mark.parametrize("hidden", [(3,), (2, 3)])
def test_align_brings_rescaled_relu_units_back(hidden):
    net = MLP(2, hidden, "relu")
    reference = vectors(net, seed=8)
    rng = np.random.default_rng(3)
    theta = jump(net, np.broadcast_to(reference, (30, net.ndim)), rng)
    layers = net.layers(theta)
    for (w, b), (a, _) in itertools.pairwise(layers):
        scale = np.exp(rng.normal(size=b.shape) * 2)
        w *= scale[..., None]
        b *= scale
        a /= scale[..., None, :]
    np.testing.assert_allclose(
        align(net, theta, reference), np.broadcast_to(reference, theta.shape), atol=1e-7
    )


def test_align_rescales_relu_units_without_output_or_input_weights():
    net = MLP(1, (1,), "relu")
    np.testing.assert_allclose(align(net, [1.0, 2, 0, 5], [2.0, 4, 3, 0]), [2, 4, 0, 5])
    np.testing.assert_allclose(align(net, [0.0, 0, 3, 5], [2.0, 4, 6, 0]), [0, 0, 6, 5])
    # No scale above zero is the best one: the unit stays as it is.
    np.testing.assert_array_equal(align(net, [1.0, 2, 0, 5], [-2.0, -4, 3, 0]), [1, 2, 0, 5])
    np.testing.assert_array_equal(align(net, [0.0, 0, 3, 5], [2.0, 4, -6, 0]), [0, 0, 3, 5])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_align_in_blocks_equals_align_at_once(activation):
    net = MLP(1, (3,), activation)
    theta, reference = vectors(net, 11), vectors(net, seed=2)
    whole = align(net, theta, reference)
    np.testing.assert_array_equal(align(net, theta, reference, Alignment(block=1000)), whole)


def test_align_one_by_one_equals_align_by_a_table_of_all_orders():
    """Two ways to the same copy; and the search over flips that improves single ones is not it."""
    net = MLP(1, (4,), "sigmoid")
    theta, reference = vectors(net, 40, seed=1), vectors(net, seed=2)
    table, one_by_one, improved = (
        align(net, theta, reference, Alignment(listed=listed, searched=searched))
        for listed, searched in ((4, 10), (0, 10), (0, 0))
    )
    np.testing.assert_allclose(one_by_one, table, atol=1e-12)
    least = distances(net, table, reference)
    assert (distances(net, improved, reference) >= least - 1e-12).all()
    assert (distances(net, improved, reference) > least + 1e-9).any()


@pytest.mark.parametrize("net", NETS + WIDE, ids=name)
def test_align_never_moves_away(net):
    reference = vectors(net, seed=2)
    theta = reference + vectors(net, 100, seed=1) / 2  # near: staying is often best
    before = distances(net, theta, reference)
    assert (distances(net, align(net, theta, reference), reference) <= before + 1e-12).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_no_copy_that_changes_one_layer_is_nearer(activation):
    net = MLP(1, (2, 2), activation)
    theta, reference = vectors(net, 300, seed=1), vectors(net, seed=2)
    aligned = align(net, theta, reference)
    group = copies(net, aligned)  # 8 for the first layer times 8 for the second, that one fastest
    for one_layer in (group[:8], group[::8]):
        least = distances(net, one_layer, reference).min(axis=0)
        assert (distances(net, aligned, reference) <= least + 1e-12).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_align_of_two_layers_is_nearest_almost_always(activation):
    net = MLP(1, (2, 2), activation)
    theta, reference = vectors(net, 200, seed=1), vectors(net, seed=2)
    least = distances(net, copies(net, theta), reference).min(axis=0)
    found = distances(net, align(net, theta, reference), reference)
    assert (found >= least - 1e-12).all()
    assert np.mean(found <= least + 1e-9) > 0.6
    assert np.mean(found / least) < 1.05


def test_align_of_many_sigmoid_units():
    net = MLP(1, (12,), "sigmoid")
    theta, reference = vectors(net, 5, seed=1), vectors(net, seed=2)
    aligned = align(net, theta, reference)
    np.testing.assert_allclose(outputs(net, aligned), outputs(net, theta), atol=1e-11)
    least = [nearest_by_flips(net, t, reference) for t in theta[:1]]
    assert distances(net, aligned, reference)[0] <= 1.05 * least[0]


# --- jump ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [n for n in SMALL if n.inputs == 1], ids=name)
def test_jump_is_uniform_over_all_copies(net):
    theta = vectors(net)
    group = copies(net, theta)
    draws = 30 * len(group)
    moved = jump(net, np.broadcast_to(theta, (draws, net.ndim)), np.random.default_rng(11))
    gaps = np.array([np.abs(moved - one).max(axis=-1) for one in group])
    assert gaps.min(axis=0).max() < 1e-9
    counts = np.bincount(gaps.argmin(axis=0), minlength=len(group))
    if len(group) > 1:
        assert stats.chisquare(counts).pvalue > 1e-3


def test_jump_takes_both_kinds_of_numpy_generator_and_repeats():
    net = MLP(1, (3,), "tanh")
    theta = vectors(net, 10)
    for make in (np.random.default_rng, np.random.RandomState):
        np.testing.assert_array_equal(jump(net, theta, make(1)), jump(net, theta, make(1)))
        assert not np.array_equal(jump(net, theta, make(1)), jump(net, theta, make(2)))


@small
def test_fold_and_jump_preserve_volume(net):
    theta = vectors(net, extra=1)
    maps = [lambda t: fold(net, t)]
    maps += [lambda t, s=s: jump(net, t, np.random.default_rng(s)) for s in range(5)]
    for move in maps:
        step = 1e-6 * np.eye(len(theta))
        jacobian = np.array([(move(theta + h) - move(theta - h)) / 2e-6 for h in step])
        assert abs(np.linalg.det(jacobian)) == pytest.approx(1.0, abs=1e-6)


@small
def test_fold_like_is_linear_and_takes_the_leader_to_its_fold(net):
    leader, other = vectors(net, extra=1), vectors(net, seed=7, extra=1)
    folded = fold(net, leader)
    np.testing.assert_array_equal(fold_like(net, leader, leader), folded)
    apart = fold_like(net, other - leader, leader)
    np.testing.assert_allclose(fold_like(net, other, leader), folded + apart, atol=1e-9)
    matrix = fold_like(net, np.eye(len(leader)), leader)  # rows: where the unit vectors go
    np.testing.assert_allclose(leader @ matrix, folded, atol=1e-9)


@small
def test_one_copy_is_the_folded_reference_and_what_is_nearest_to_it(net):
    reference, other = vectors(net), vectors(net, seed=7)
    both = one_copy(net, np.stack([reference, other]), reference)
    np.testing.assert_array_equal(both[0], fold(net, reference))
    if len(net.hidden) == 1:  # deeper ones find a near copy, not always the nearest
        np.testing.assert_allclose(both[1], align(net, other, both[0]), atol=1e-9)


# --- requests that cannot be met ----------------------------------------------------------------


def test_vectors_of_the_wrong_length_are_refused():
    net = MLP(1, (2,), "sigmoid")
    for act in (fold, copies, lambda n, t: jump(n, t, np.random.default_rng(0))):
        with pytest.raises(RequestError, match=r"shape \(6,\), expected \(\.\.\., 7\)"):
            act(net, np.zeros(6))
    with pytest.raises(RequestError, match=r"reference has shape \(2, 7\)"):
        align(net, np.zeros(7), np.zeros((2, 7)))
    with pytest.raises(RequestError, match="expected finite numbers"):
        align(net, np.full(7, np.nan), np.zeros(7))


def test_too_many_copies_are_refused():
    with pytest.raises(RequestError, match="expected at most"):
        copies(MLP(1, (8,), "tanh"), np.zeros(25))
