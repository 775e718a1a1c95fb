"""The toy data of the articles, against their formulas and figures."""

import numpy as np
import pytest

from nnpost import datasets
from nnpost.common.errors import RequestError

NAMES = list(datasets.GENERATORS)


def test_parabola_and_sine_are_these_numbers():
    for s in (0, 5):
        data, x = datasets.parabola(seed=s), np.linspace(-5, 5, 500)
        np.testing.assert_array_equal(data.x[:, 0], x)
        y = x**2 + 0.5 * np.random.default_rng(s).random(500)
        np.testing.assert_array_equal(data.y, y)
        data, x = datasets.sine(seed=s), np.linspace(-10, 10, 1000)
        np.testing.assert_array_equal(data.x[:, 0], x)
        y = np.sin(x) + 0.2 * np.random.default_rng(s).random(1000)
        np.testing.assert_array_equal(data.y, y)


def test_figures_of_the_first_article():
    # The article's one unit gets the mean, 8.613 with its own noise; two by hand get 0.77.
    data = datasets.parabola()
    assert data.y.mean() == pytest.approx(8.613, abs=0.05)
    x = data.x[:, 0]
    by_hand = 25 / (1 + np.exp(4 - 1.2 * x)) + 25 / (1 + np.exp(4 + 1.2 * x))
    assert np.mean((data.y - by_hand) ** 2) == pytest.approx(0.77, abs=0.02)
    assert np.std(data.y - x**2) == pytest.approx(0.144, abs=0.005)
    assert np.std(datasets.sine().y - np.sin(datasets.sine().x[:, 0])) == pytest.approx(
        0.058, abs=0.002
    )


def test_exact_targets():
    data = datasets.addition(numbers=4, limit=3.0)
    assert data.x.shape == (1000, 4)
    np.testing.assert_array_equal(data.y, data.x.sum(axis=1))
    assert -3 <= data.x.min() < -2.9
    assert 2.9 < data.x.max() <= 3
    data, x = datasets.line(), np.linspace(-3, 3, 1000)
    np.testing.assert_array_equal(data.x[:, 0], x)
    np.testing.assert_array_equal(data.y, 2 * x + 3)
    data = datasets.shifted_sine()
    np.testing.assert_array_equal(data.x[:, 0], x)
    np.testing.assert_array_equal(data.y, 2 * np.sin(x) + 5)
    data = datasets.pair_sum()
    assert data.x.shape == (1000, 2)
    assert data.x.min() >= 0
    assert data.x.max() < 1
    np.testing.assert_array_equal(data.y, data.x[:, 0] + data.x[:, 1])
    data = datasets.linear_target()
    assert data.x.shape == (100, 10)
    np.testing.assert_array_equal(data.y, 2 * data.x[:, 0] - 3 * data.x[:, 1] + 1)
    data = datasets.square()
    np.testing.assert_array_equal(data.y, data.x[:, 0] ** 2)
    assert (np.diff(data.x[:, 0]) > 0).all()


def test_the_cross_makes_the_product_linear():
    plain, crossed = datasets.product_target(), datasets.product_target(cross=True)
    assert (plain.x.shape, crossed.x.shape) == ((1000, 10), (1000, 11))
    np.testing.assert_array_equal(plain.x, crossed.x[:, :10])
    np.testing.assert_array_equal(plain.y, crossed.y)
    weights = np.array([2.0, -3, 0, 0, 0, 0, 0, 0, 0, 0, 2])
    np.testing.assert_allclose(crossed.x @ weights - 3, crossed.y, atol=1e-12)
    # What a linear network cannot see, 2x₀x₁, has variance 4.
    rest = plain.y - (2 * plain.x[:, 0] - 3 * plain.x[:, 1] - 3)
    assert rest.var() == pytest.approx(4, rel=0.25)
    assert crossed.x_names[-1] == "x[0]·x[1]"


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_is_seeded_sized_and_named(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    data = datasets.make(name, size=7, seed=3)
    assert (data.n, data.name) == (7, name)
    assert data.digest == datasets.GENERATORS[name](size=7, seed=3).digest
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    if name not in ("line", "shifted_sine"):
        assert data.digest != datasets.make(name, size=7, seed=4).digest
    assert datasets.make(name).n in (100, 500, 1000)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("parabola", "sine")])
def test_noise_of_a_given_standard_deviation(name):
    exact, noisy = (datasets.make(name, size=4000, noise=s) for s in (0.0, 0.3))
    np.testing.assert_array_equal(exact.x, noisy.x)
    assert np.std(noisy.y - exact.y) == pytest.approx(0.3, rel=0.05)
    assert abs(np.mean(noisy.y - exact.y)) < 0.02


def test_every_truth_is_the_data_without_noise():
    assert list(datasets.TRUTHS) == list(datasets.GENERATORS)
    for name, truth in datasets.TRUTHS.items():
        data = datasets.make(name, size=4000)
        off = data.y - truth(data.x)
        noise = {"parabola": 0.5, "sine": 0.2}.get(name, 0.0)  # width of the uniform noise
        assert np.abs(off).max() <= noise / 2 + 1e-12
        assert abs(off.mean()) <= 4 * noise / np.sqrt(12 * 4000) + 1e-12
        assert np.std(off) == pytest.approx(noise / np.sqrt(12), rel=0.03, abs=1e-12)


def test_unknown_names_and_settings():
    with pytest.raises(RequestError, match=r"unknown data set 'parbola'.*did you mean 'parabola'"):
        datasets.make("parbola")
    with pytest.raises(RequestError, match=r"unknown sine setting 'sise': .*'size'"):
        datasets.make("sine", sise=3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("parabola", {"size": 0}),
        ("parabola", {"size": 2.5}),
        ("parabola", {"size": True}),
        ("sine", {"size": "many"}),
        ("sine", {"seed": -1}),
        ("sine", {"seed": 0.5}),
        ("line", {"noise": -0.1}),
        ("line", {"noise": float("nan")}),
        ("line", {"noise": "loud"}),
        ("addition", {"numbers": 0}),
        ("addition", {"limit": 0}),
        ("product_target", {"cross": "yes"}),
    ],
)
def test_settings_out_of_range(name, settings):
    (key,) = settings
    with pytest.raises(RequestError, match=f"^{key}: found .*, expected"):
        datasets.make(name, **settings)
