"""The posteriors of ``adversary.py``: small networks on data that are made to mislead samplers.

Every case is a function of nothing but its name: generators of random numbers are seeded by it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior

__all__ = ["CASES", "Case"]

HIDDEN_MODE = Path(__file__).parents[1] / "tests" / "cases" / "hidden_mode.csv"


@dataclass(frozen=True)
class Case:
    """One posterior, made by ``build``; ``places`` (m, d) is where its curves are compared."""

    name: str
    family: str
    build: Callable[[], Posterior]

    def places(self, post: Posterior) -> np.ndarray:
        """Five inputs spread over the data: at quantiles of the first, rows of the table."""
        order = np.argsort(post.data.x[:, 0], kind="stable")
        return post.data.x[order[np.linspace(0, len(order) - 1, 5).astype(int)]]


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def bump(distance: float, lean: float) -> Posterior:
    """A bump, of which one unit can meet one flank: the left, or the right with more points."""
    rng = _rng(f"bump {distance} {lean}")
    x = np.concatenate([np.linspace(-6, 0, 20), np.linspace(0, 6, int(20 * lean))])
    y = np.tanh(3 * (x + distance / 2)) - np.tanh(3 * (x - distance / 2))
    y = y + 0.3 * rng.standard_normal(len(x))
    return Posterior(MLP(1, (1,), "tanh"), Dataset(x, y), Gaussian(0.5), GaussianPrior(3.0))


def hidden_mode() -> Posterior:
    """The data of tests/cases: the narrow mode holds 98 %."""
    table = np.loadtxt(HIDDEN_MODE, delimiter=",", skiprows=1)
    data = Dataset(table[:, :3], table[:, 3], table[:, 4])
    return Posterior(MLP(3, (1,), "tanh"), data, Gaussian(1.0), GaussianPrior(1.0))


def narrow(inputs: int, height: float) -> Posterior:
    """A gentle slope, and a few points beyond a steep edge that explain more where they are met."""
    rng = _rng(f"narrow {inputs} {height}")
    x = rng.standard_normal((120, inputs))
    edge = x @ rng.standard_normal(inputs)
    beyond = edge > np.sort(edge)[-7]
    y = 0.15 * np.tanh(0.8 * x[:, 0]) + height * beyond + 0.1 * rng.standard_normal(120)
    return Posterior(MLP(inputs, (1,), "tanh"), Dataset(x, y), Gaussian(0.1), GaussianPrior(1.5))


def funnel(points: int, hidden: int, noise: float) -> Posterior:
    """Few points and inferred noise: the fewer, the further σ can run down with the residuals."""
    rng = _rng(f"funnel {points} {hidden} {noise}")
    x = np.linspace(-1.5, 1.5, points)
    y = np.tanh(2 * x) + noise * rng.standard_normal(points)
    net = MLP(1, (hidden,), "tanh") if hidden else MLP(1)
    return Posterior(net, Dataset(x, y), Gaussian("infer"), GaussianPrior(2.0))


def ridge(inputs: int, units: int, sigma: float) -> Posterior:
    """Identity units: only the product of the layers is identified; without units, a Gaussian."""
    rng = _rng(f"ridge {inputs} {units} {sigma}")
    x = rng.standard_normal((25, inputs))
    y = x @ np.linspace(1, -1, inputs) + 0.5 + sigma * rng.standard_normal(25)
    net = MLP(inputs, (units,), "identity") if units else MLP(inputs)
    return Posterior(net, Dataset(x, y), Gaussian(sigma), GaussianPrior(2.0))


def twins(units: int, inputs: int, activation: str) -> Posterior:
    """Made by units that are nearly equal, so that labels are exchanged without a gap between."""
    rng = _rng(f"twins {units} {inputs} {activation}")
    x = rng.uniform(-2, 2, (25, inputs))
    y = sum(np.tanh((1 + 0.05 * k) * x[:, 0] + 0.1 * k) for k in range(units))
    y = y + 0.3 * rng.standard_normal(25)
    net = MLP(inputs, (units,), activation)
    return Posterior(net, Dataset(x, y), Gaussian(0.3), GaussianPrior(1.5))


def dead(units: int, inputs: int, std: float) -> Posterior:
    """ReLU units, which are dead on all of the data in a good part of the prior."""
    rng = _rng(f"dead {units} {inputs} {std}")
    x = rng.uniform(-1, 1, (20, inputs))
    y = np.maximum(x[:, 0] - 0.3, 0) + 0.2 * rng.standard_normal(20)
    net = MLP(inputs, (units,), "relu")
    return Posterior(net, Dataset(x, y), Gaussian(0.25), GaussianPrior(std))


def wide(points: int, units: int, activation: str) -> Posterior:
    """Few points under a prior as wide as the article's."""
    rng = _rng(f"wide {points} {units} {activation}")
    x = np.linspace(-1, 1, points)
    y = rng.standard_normal(points)
    net = MLP(1, (units,), activation)
    return Posterior(net, Dataset(x, y), Gaussian(0.5), GaussianPrior(30.0))


def many(units: int, inputs: int, sigma: float) -> Posterior:
    """More units than the data ask for."""
    rng = _rng(f"many {units} {inputs} {sigma}")
    x = rng.uniform(-2, 2, (20, inputs))
    y = np.sin(1.5 * x[:, 0]) + sigma * rng.standard_normal(20)
    net = MLP(inputs, (units,), "tanh")
    return Posterior(net, Dataset(x, y), Gaussian(sigma), GaussianPrior(1.0))


def layers(hidden: tuple[int, int], inputs: int, activation: str) -> Posterior:
    """Two hidden layers."""
    rng = _rng(f"layers {hidden} {inputs} {activation}")
    x = rng.uniform(-2, 2, (15, inputs))
    y = np.sin(1.5 * x[:, 0]) + 0.4 * rng.standard_normal(15)
    net = MLP(inputs, hidden, activation)
    return Posterior(net, Dataset(x, y), Gaussian(0.5), GaussianPrior(1.0))


def _family(name: str, make: Callable[..., Posterior], *settings: tuple[object, ...]) -> list[Case]:
    return [
        Case(f"{make.__name__} {' '.join(map(str, one))}".strip(), name, partial(make, *one))
        for one in settings
    ]


CASES = [
    *_family(
        "two modes of unequal mass", bump,
        *((d, lean) for d in (0.5, 1.5, 3.0, 6.0) for lean in (1.0, 1.5)),
    ),
    *_family("narrow high, broad low", hidden_mode, ()),
    *_family(
        "narrow high, broad low", narrow, (2, 0.3), (2, 0.4), (3, 0.3), (3, 0.4), (4, 0.4), (5, 0.4)
    ),
    *_family(
        "funnels of inferred noise", funnel,
        (4, 0, 0.3), (5, 1, 0.3), (6, 1, 0.3), (8, 1, 0.05), (12, 1, 0.3), (8, 2, 0.2),
    ),
    *_family(
        "ridges", ridge,
        (1, 0, 0.1), (5, 0, 1.0), (1, 1, 0.3), (1, 1, 0.05), (2, 2, 0.5), (5, 1, 0.5),
    ),
    *_family(
        "near-equal units", twins,
        (2, 1, "tanh"), (2, 1, "sigmoid"), (3, 1, "tanh"), (2, 2, "sigmoid"),
    ),
    *_family(
        "ReLU dead zones", dead,
        (1, 1, 1.0), (1, 1, 5.0), (2, 1, 1.0), (1, 3, 1.0), (3, 1, 1.0),
    ),
    *_family(
        "few points, wide priors", wide,
        (2, 1, "tanh"), (3, 1, "sigmoid"), (4, 1, "tanh"), (6, 1, "tanh"), (5, 2, "tanh"),
    ),
    *_family("many units", many, (4, 1, 0.3), (8, 1, 0.3), (12, 1, 0.5), (3, 5, 0.5), (6, 2, 0.6)),
    *_family(
        "two layers", layers,
        ((2, 2), 1, "tanh"), ((3, 2), 1, "sigmoid"), ((2, 2), 2, "tanh"),
    ),
]  # fmt: skip
