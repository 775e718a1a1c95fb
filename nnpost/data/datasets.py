"""The toy data of the five articles, one seeded function each.

A new one is one function here and its name in :data:`GENERATORS`. All of them take ``size``, the
number of points, and ``seed``, and draw from ``numpy.random.default_rng(seed)`` alone. Where an
article has no noise, ``noise`` adds Gaussian noise of that standard deviation, in units of y.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..common.errors import RequestError, choose
from .dataset import Dataset

__all__ = [
    "GENERATORS",
    "TRUTHS",
    "addition",
    "line",
    "linear_target",
    "make",
    "pair_sum",
    "parabola",
    "product_target",
    "shape",
    "shifted_sine",
    "sine",
    "square",
]


def parabola(size: int = 500, seed: int = 0) -> Dataset:
    """Article 1: x² + U(0, 0.5) at equal steps in [−5, 5]. The noise's mean is 0.25, sd 0.144."""
    rng = _rng(size, seed)
    x = np.linspace(-5, 5, size)
    return Dataset(x, x**2 + 0.5 * rng.random(size), name="parabola")


def sine(size: int = 1000, seed: int = 0) -> Dataset:
    """Article 1: sin x + U(0, 0.2) at equal steps in [−10, 10]. The noise's sd is 0.058."""
    rng = _rng(size, seed)
    x = np.linspace(-10, 10, size)
    return Dataset(x, np.sin(x) + 0.2 * rng.random(size), name="sine")


def addition(
    size: int = 1000, seed: int = 0, numbers: int = 2, limit: float = 1.0, noise: float = 0.0
) -> Dataset:
    """Article 2: the sum of ``numbers`` numbers, each uniform in [−limit, limit)."""
    rng = _rng(size, seed)
    _check_count("numbers", numbers)
    _check_number("limit", limit, above=0.0)
    x = limit * (2 * rng.random((size, numbers)) - 1)
    return _finish("addition", x, x.sum(axis=1), noise, rng)


def line(size: int = 1000, seed: int = 0, noise: float = 0.0) -> Dataset:
    """Article 3: 2x + 3 at equal steps in [−3, 3]."""
    rng = _rng(size, seed)
    x = np.linspace(-3, 3, size)
    return _finish("line", x, 2 * x + 3, noise, rng)


def shifted_sine(size: int = 1000, seed: int = 0, noise: float = 0.0) -> Dataset:
    """Article 3: 2 sin x + 5 at equal steps in [−3, 3]."""
    rng = _rng(size, seed)
    x = np.linspace(-3, 3, size)
    return _finish("shifted_sine", x, 2 * np.sin(x) + 5, noise, rng)


def pair_sum(size: int = 1000, seed: int = 0, noise: float = 0.0) -> Dataset:
    """Article 4: the sum of two numbers, each uniform in [0, 1)."""
    rng = _rng(size, seed)
    x = rng.random((size, 2))
    return _finish("pair_sum", x, x.sum(axis=1), noise, rng)


def linear_target(size: int = 100, seed: int = 0, noise: float = 0.0) -> Dataset:
    """Article 5: 2x₀ − 3x₁ + 1 of ten standard normal inputs; the other eight do not matter."""
    rng = _rng(size, seed)
    x = rng.standard_normal((size, 10))
    return _finish("linear_target", x, 2 * x[:, 0] - 3 * x[:, 1] + 1, noise, rng)


def product_target(
    size: int = 1000, seed: int = 0, cross: bool = False, noise: float = 0.0
) -> Dataset:
    """Article 5: (2x₀ − 3)(x₁ + 1) of ten standard normal inputs.

    ``cross=True`` appends x₀x₁ as an eleventh input, with which the target is linear.
    """
    rng = _rng(size, seed)
    if not isinstance(cross, bool):
        raise RequestError(f"cross: found {cross!r}, expected true or false")
    x = rng.standard_normal((size, 10))
    y = (2 * x[:, 0] - 3) * (x[:, 1] + 1)
    names = [f"x[{i}]" for i in range(10)]
    if cross:
        x = np.column_stack([x, x[:, 0] * x[:, 1]])
        names.append("x[0]·x[1]")
    return _finish("product_target", x, y, noise, rng, tuple(names))


def square(size: int = 1000, seed: int = 0, noise: float = 0.0) -> Dataset:
    """Article 5: x² of one standard normal input, in rising order."""
    rng = _rng(size, seed)
    x = np.sort(rng.standard_normal(size))
    return _finish("square", x, x**2, noise, rng)


GENERATORS: dict[str, Callable[..., Dataset]] = {
    function.__name__: function
    for function in (
        parabola,
        sine,
        addition,
        line,
        shifted_sine,
        pair_sum,
        linear_target,
        product_target,
        square,
    )
}

# The mean of y at inputs (m, d), noise left out, for every generator.
TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "parabola": lambda x: x[:, 0] ** 2 + 0.25,
    "sine": lambda x: np.sin(x[:, 0]) + 0.1,
    "addition": lambda x: x.sum(axis=1),
    "line": lambda x: 2 * x[:, 0] + 3,
    "shifted_sine": lambda x: 2 * np.sin(x[:, 0]) + 5,
    "pair_sum": lambda x: x.sum(axis=1),
    "linear_target": lambda x: 2 * x[:, 0] - 3 * x[:, 1] + 1,
    "product_target": lambda x: (2 * x[:, 0] - 3) * (x[:, 1] + 1),
    "square": lambda x: x[:, 0] ** 2,
}


def make(name: str, **settings: Any) -> Dataset:
    """The data set ``name`` of :data:`GENERATORS` with these settings.

    Raises RequestError, with the nearest known word, for a name or a setting that is not known.
    """
    function = GENERATORS[choose("data set", name, GENERATORS)]
    for key in settings:
        choose(f"{name} setting", key, inspect.signature(function).parameters)
    return function(**settings)


def shape(name: str, **settings: Any) -> tuple[int, int]:
    """How many points and inputs :func:`make` would make, which may be more than there is room for.

    Raises RequestError as it does.
    """
    one = make(name, **settings | dict.fromkeys(settings.keys() & {"numbers"}, 1) | {"size": 1})
    usual = inspect.signature(GENERATORS[name]).parameters["size"].default
    return settings.get("size", usual), settings.get("numbers", one.inputs)


def _rng(size: int, seed: int) -> np.random.Generator:
    _check_count("size", size)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise RequestError(f"seed: found {seed!r}, expected a whole number from 0 on")
    return np.random.default_rng(seed)


def _check_count(what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise RequestError(f"{what}: found {value!r}, expected a whole number from 1 on")


def _check_number(what: str, value: Any, above: float) -> None:
    """A finite real number > ``above``."""
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, complex))
    if not (real and math.isfinite(value) and value > above):
        raise RequestError(f"{what}: found {value!r}, expected a finite number above {above:g}")


def _finish(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    noise: float,
    rng: np.random.Generator,
    x_names: tuple[str, ...] = (),
) -> Dataset:
    """The Dataset, with noise added where it is asked for."""
    if noise != 0:  # an exact zero adds nothing; anything else must be a standard deviation
        _check_number("noise", noise, above=0.0)
        y = y + noise * rng.standard_normal(len(y))
    return Dataset(x, y, name=name, x_names=x_names)
