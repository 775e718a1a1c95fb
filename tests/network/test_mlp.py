"""Networks against torch modules: the same numbers, the same order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpost.common.errors import RequestError
from nnpost.network.mlp import ACTIVATIONS, MLP, SkipNetwork, from_torch
from nnpost.network.symmetry import align, fold, jump

SHAPES = [
    (1, ()),
    (3, ()),
    (1, (2,)),
    (1, (6,)),
    (4, (3,)),
    (1, (1, 3)),
    (2, (4, 3)),
    (3, (2, 3, 2)),
]
OTHERS = [
    MLP(3, (), bias=False),
    MLP(1, (2,), bias=False),
    MLP(2, (3, 2), "tanh", bias=False),
    MLP(1, (2,), skip=True),
    MLP(3, (2, 4), "relu", skip=True),
    MLP(2, (3,), "gelu", bias=False, skip=True),
]
NETS = [MLP(i, h, a) for i, h in SHAPES for a in ACTIVATIONS] + OTHERS


@pytest.mark.parametrize("net", NETS, ids=str)
def test_forward_equals_the_torch_module_for_every_vector_of_a_batch(net):
    rng = np.random.default_rng(1)
    theta, x = rng.normal(size=(2, 3, net.ndim + 1)) * 2, rng.normal(size=(7, net.inputs)) * 3
    ours = net.forward(torch.tensor(theta), torch.tensor(x)).numpy()
    assert ours.shape == (2, 3, 7)
    for index in np.ndindex(2, 3):
        module = net.to_torch(theta[index])
        theirs = module(torch.tensor(x)).detach().numpy()[:, 0]
        np.testing.assert_allclose(ours[index], theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("net", NETS, ids=str)
def test_flat_vectors_are_torchs_parameters_to_vector_both_ways(net):
    theta = np.random.default_rng(2).normal(size=net.ndim)
    module = net.to_torch(theta)
    flat = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    np.testing.assert_array_equal(flat, theta)
    again, back = from_torch(module)
    np.testing.assert_array_equal(back, theta)
    assert again.sizes == net.sizes
    assert not net.hidden or again == net


@settings(max_examples=40)
@given(
    inputs=st.integers(1, 4),
    hidden=st.lists(st.integers(1, 4), max_size=3),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    bias=st.booleans(),
    skip=st.booleans(),
)
def test_counts_labels_and_kinds_agree_with_the_module(inputs, hidden, activation, bias, skip):
    skip = skip and bool(hidden)
    net = MLP(inputs, tuple(hidden), activation, bias, skip)
    module = net.to_torch(np.zeros(net.ndim))
    assert net.ndim == sum(p.numel() for p in module.parameters())
    assert len(net.labels) == len(set(net.labels)) == len(net.kinds) == net.ndim
    assert net.n_hidden + net.n_output == net.ndim
    linear = [m for m in module.modules() if isinstance(m, torch.nn.Linear)]
    last = ["output_weights"] * net.sizes[-2] + ["skip_weights"] * (inputs * skip)
    assert len(last) == linear[-1].weight.numel()
    assert net.kinds[net.n_hidden :] == (*last, *["output_bias"] * bias)
    layers = net.layers(np.arange(net.ndim))
    for (w, b), layer in zip(layers, linear, strict=True):
        skipped = inputs if skip and layer is linear[-1] else 0
        assert w.shape == (layer.out_features, layer.in_features - skipped)
        assert b.shape == ((layer.out_features,) if bias else (0,))


def test_order_and_labels_of_a_skip_and_of_no_biases():
    assert MLP(2, (2,), "tanh", bias=False).labels == [
        "$w_{1,1}$", "$w_{1,2}$", "$w_{2,1}$", "$w_{2,2}$", "$a_{1}$", "$a_{2}$"
    ]  # fmt: skip
    net = MLP(2, (1,), "tanh", skip=True)
    assert net.labels == [
        "$w_{1,1}$", "$w_{1,2}$", "$b_{1}$", "$a_{1}$", "$v_{1}$", "$v_{2}$", "$c$"
    ]  # fmt: skip
    w1, w2, b, a, v1, v2, c = theta = np.array([0.3, -1, 0.4, 1.5, -2, 0.7, 0.1])
    by_hand = a * np.tanh(w1 * 0.5 - w2 * 1.5 + b) + v1 * 0.5 - v2 * 1.5 + c
    out = net.forward(torch.tensor(theta), torch.tensor([[0.5, -1.5]], dtype=torch.float64))
    np.testing.assert_allclose(out, [by_hand], rtol=1e-14)


def test_order_and_labels_of_one_hidden_layer_are_those_of_the_contract():
    net = MLP(2, (2,), "tanh")
    assert net.labels == [
        "$w_{1,1}$", "$w_{1,2}$", "$w_{2,1}$", "$w_{2,2}$",
        "$b_{1}$", "$b_{2}$", "$a_{1}$", "$a_{2}$", "$c$",
    ]  # fmt: skip
    w1, w2, w3, w4, b1, b2, a1, a2, c = theta = np.array([0.3, -1, 2, 0.7, -0.2, 0.4, 1.5, -2, 0.1])
    x = np.array([[0.5, -1.5]])
    by_hand = c + a1 * np.tanh(w1 * 0.5 + w2 * -1.5 + b1) + a2 * np.tanh(w3 * 0.5 + w4 * -1.5 + b2)
    out = net.forward(torch.tensor(theta), torch.tensor(x))
    np.testing.assert_allclose(out, [by_hand], rtol=1e-14)


@pytest.mark.parametrize("net", NETS, ids=str)
def test_features_are_what_the_output_layer_multiplies(net):
    rng = np.random.default_rng(3)
    theta = torch.tensor(rng.normal(size=(5, net.ndim)))
    x = torch.tensor(rng.normal(size=(6, net.inputs)))
    features = net.features(theta[:, : net.n_hidden], x)
    assert features.shape == (5, net.n_output, 6)
    assert (features[:, -1] == 1).all() == net.bias
    out = (theta[:, net.n_hidden :].unsqueeze(1) @ features).squeeze(1)
    torch.testing.assert_close(out, net.forward(theta, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_neither_overflow_nor_warn(activation):
    net = MLP(1, (1,), activation)
    theta = torch.tensor([[1e300, 0.0, 1.0, 0.0], [-1e300, 0.0, 1.0, 0.0]], dtype=torch.float64)
    out = net.forward(theta, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))
    low = 0.0 if activation == "sigmoid" else -1.0
    assert out.tolist() == [[1.0, low], [low, 1.0]]


def test_initial_vectors_follow_torchs_rule_and_depend_on_seed_and_restart_alone():
    net = MLP(4, (9,))
    many, few = net.initial(2000, seed=5), net.initial(3, seed=5)
    np.testing.assert_array_equal(many[:3], few)
    assert not np.array_equal(few, net.initial(3, seed=6))
    bounds = np.repeat([1 / 2, 1 / 3], [net.n_hidden, net.n_output])
    assert (abs(many) <= bounds).all()
    # Uniform on ±b has the standard deviation b/√3; 2000 draws pin it to 2 % (6 sigma here).
    np.testing.assert_allclose(many.std(axis=0), bounds / np.sqrt(3), rtol=0.06)
    normal = net.initial(2000, seed=5, init="normal")
    biases = np.array([kind in ("biases", "output_bias") for kind in net.kinds])
    assert (normal[:, biases] == 0).all()
    np.testing.assert_allclose(normal[:, ~biases].std(axis=0), 1, rtol=0.1)


def between(activation):
    """A module of two units with this activation."""
    return torch.nn.Sequential(torch.nn.Linear(1, 2), activation, torch.nn.Linear(2, 1))


def test_a_module_is_read_whether_it_works_in_place_or_not():
    assert (
        from_torch(between(torch.nn.LeakyReLU(inplace=True)).eval())[0].activation == "leaky_relu"
    )
    assert from_torch(between(torch.nn.SiLU(inplace=True)))[0] == MLP(1, (2,), "silu")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MLP(1, (2,), "sigmoidal"), "did you mean 'sigmoid'?"),
        (lambda: MLP(0, (2,)), "found 0"),
        (lambda: MLP(1, (2, 0)), "found 0"),
        (lambda: MLP(1, (2.5,)), "found 2.5"),
        (lambda: MLP(1, (2,)).to_torch(np.zeros(6)), r"shape \(6,\), expected \(7,\)"),
        (lambda: MLP(1, (), skip=True), "skip without a hidden layer"),
        (
            lambda: from_torch(
                torch.nn.Sequential(
                    torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1, bias=False)
                )
            ),
            "all with bias or all without",
        ),
        (
            lambda: from_torch(
                SkipNetwork(
                    torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()),
                    torch.nn.Linear(2, 1),
                )
            ),
            "do not fit",
        ),
        (lambda: from_torch(torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1))), "Linear layers"),
        (lambda: from_torch(between(torch.nn.LeakyReLU(0.2))), "one activation"),
        (lambda: from_torch(between(torch.nn.ELU(alpha=2.0))), "one activation"),
        (lambda: from_torch(between(torch.nn.Softplus(beta=3.0))), "one activation"),
        (lambda: from_torch(between(torch.nn.GELU(approximate="tanh"))), "one activation"),
        (
            lambda: from_torch(
                torch.nn.Sequential(
                    torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2),
                    torch.nn.ReLU(), torch.nn.Linear(2, 1),
                )
            ),
            "one activation",
        ),
    ],
)  # fmt: skip
def test_what_is_not_a_network_is_refused_in_one_line(make, words):
    with pytest.raises(RequestError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value) or "Sequential" in str(caught.value)


@pytest.mark.parametrize("hidden", [(), (3,), (3, 2)])
def test_several_outputs_are_those_of_torch(hidden):
    net = MLP(2, hidden, "tanh", outputs=3)
    rng = np.random.default_rng(0)
    theta, x = rng.normal(size=(4, net.ndim)), torch.from_numpy(rng.normal(size=(5, 2)))
    found = net.forward(torch.from_numpy(theta), x)
    assert found.shape == (4, 5, 3)
    for t, f in zip(theta, found, strict=True):
        module = net.to_torch(t)
        torch.testing.assert_close(module(x), f, rtol=1e-12, atol=1e-12)
        again, vector = from_torch(module)
        assert again.sizes == net.sizes
        np.testing.assert_array_equal(vector, t)
    assert len(net.labels) == len(net.kinds) == len(set(net.labels)) == net.ndim
    assert (
        net.kinds[net.n_hidden :] == ("output_weights",) * (net.n_output - 3) + ("output_bias",) * 3
    )


def test_copies_of_several_outputs_compute_the_same():
    rng = np.random.default_rng(1)
    for activation in ("sigmoid", "tanh", "relu"):
        net = MLP(2, (3,), activation, outputs=2)
        theta, reference = rng.normal(size=(2, net.ndim))
        x = torch.from_numpy(rng.normal(size=(6, 2)))
        moved = [fold(net, theta), align(net, theta, reference), jump(net, theta, rng)]
        for copy in moved:
            torch.testing.assert_close(
                net.forward(torch.from_numpy(copy[None]), x),
                net.forward(torch.from_numpy(theta[None]), x),
            )
