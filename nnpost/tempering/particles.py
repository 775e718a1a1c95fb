"""Particles on a path, and how they move: units drawn anew, and trajectories along gradients.

An estimate of Z needs steps that forget where a particle was, or the copies of one particle stay
together and the estimate is, most often, too low. Two kinds of steps do that, each in places where
the other does not:

- one unit of each network is drawn anew among many candidates (neuron_gibbs.py; for networks of
  more than one hidden layer, and where the output layer is not integrated out, from the prior, or
  mirrored, neuron_refresh.py);
- Hamiltonian trajectories of all parameters (leapfrog.py) with a metric from the slopes of the
  particles themselves, one for every kind of parameter that an exchange of units leaves alone.

Both treat all copies of a network alike, so that every particle is kept in D (path.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from ..moves.leapfrog import Place, leapfrog
from ..moves.mass_matrix import Learning, NeuronMassMatrix
from ..moves.neuron_gibbs import NeuronGibbs
from ..moves.neuron_refresh import NeuronRefresh
from ..moves.proposal import decide
from ..network.neurons import neuron_blocks
from ..posterior.output_layer import OutputLayer
from ..posterior.spaces import Layer
from ..posterior.whole import unit_blocks
from .ladder import LogWeights
from .path import Path, Values

__all__ = ["PathParticles", "Planned", "Sweeps", "Tune", "Tuned", "Units", "fresh_units"]

Proposed = tuple[np.ndarray, np.ndarray]  # q (N, H), and the log of the Hastings factor (N,)


@dataclass(frozen=True)
class Sweeps:
    """What the particles do on a rung."""

    sharing: int = 25  # networks that compete with the same fresh units
    renewals: int = 4  # of a unit from the prior, in networks of more than one hidden layer
    duration: float = 1.5  # of a trajectory, in units of the metric's standard deviations
    longest: int = 30  # leapfrog steps of one
    first: float = 0.5  # step to begin with
    jitter: float = 0.3  # standard deviation of the logarithm of a particle's own step
    target: float = 0.8  # share of accepted trajectories that the step is tuned to
    gain: float = 0.5  # of the logarithm of the step by what acceptance is off


class Tune(NamedTuple):
    """How particles move at the power ``beta``."""

    beta: float
    metric: NeuronMassMatrix
    log_step: float


class Tuner(Protocol):
    """Where the metric and the step of each rung come from."""

    log_step: float

    def rung(self, beta: float, h: np.ndarray, slopes: np.ndarray) -> Tune:
        """For particles at h (N, H), with these slopes (N, H) of the density at ``beta``."""

    def learn(self, accepted: float) -> None:
        """From the share of accepted trajectories."""


class Tuned:
    """By the particles themselves; ``plan`` keeps what every rung was given at its end.

    ``groups`` are the coordinates that neurons exchange, ``scales`` (H,) what the metric is before
    anything is known, as for :class:`~nnpost.moves.mass_matrix.NeuronMassMatrix`.
    """

    def __init__(self, groups: Sequence[np.ndarray], scales: np.ndarray, sweeps: Sweeps) -> None:
        self.groups, self.scales = groups, scales
        self.sweeps, self.log_step = sweeps, math.log(sweeps.first)
        self.plan: list[Tune] = []

    def rung(self, beta: float, h: np.ndarray, slopes: np.ndarray) -> Tune:
        # A single kind, so that the metric is the same for all copies of a network.
        metric = NeuronMassMatrix(self.groups, self.scales, Learning(kinds=1))
        metric.learn(h[None], slopes[None])
        metric.refresh()
        self.plan.append(Tune(beta, metric, self.log_step))
        return self.plan[-1]

    def learn(self, accepted: float) -> None:
        self.log_step += self.sweeps.gain * (accepted - self.sweeps.target)
        self.plan[-1] = self.plan[-1]._replace(log_step=self.log_step)


class Planned:
    """By a plan that was made before, and that knows nothing of these particles."""

    def __init__(self, plan: Sequence[Tune]) -> None:
        self.left, self.log_step = list(reversed(plan)), 0.0

    def rung(self, beta: float, h: np.ndarray, slopes: np.ndarray) -> Tune:
        tune = self.left.pop()
        self.log_step = tune.log_step
        return tune

    def learn(self, accepted: float) -> None:
        """Nothing."""


class Units(NamedTuple):
    """How one unit of each network is drawn anew, ``times`` times before a trajectory."""

    propose: Callable[[np.ndarray, float, np.random.RandomState], Proposed]
    times: int


class PathParticles:
    """Particles h (N, H), draws of the start of ``path``, where β is 0.

    They are :class:`~nnpost.tempering.ladder.Particles`; at each power they make ``moves``
    trajectories, a unit drawn anew before each.
    """

    def __init__(
        self, path: Path, h: np.ndarray, moves: int, tuner: Tuner, units: Units, sweeps: Sweeps
    ) -> None:
        self.path, self.moves, self.tuner = path, moves, tuner
        self.units, self.sweeps = units, sweeps
        self.h, self.beta, self.values = h, 0.0, path.inside(h)

    def log_weights(self) -> LogWeights:
        gap, beta = self.values.log_weights(), self.beta
        return lambda new: (new - beta) * gap

    def go_on(self, chosen: np.ndarray, beta: float) -> None:
        self.h, self.beta = self.h[chosen], beta
        self.values = Values(*(part[chosen] for part in self.values))

    def move(self, rng: np.random.RandomState) -> float:
        """The share is of the trajectories."""
        if not self.moves:
            return math.nan
        slopes = self.path.with_slopes(self.h)[1]
        rung = self.tuner.rung(self.beta, self.h, slopes.at(self.beta))
        shares = []
        for _ in range(self.moves):
            self._renew(rng)
            shares.append(self._go(rung.metric, self.tuner.log_step, rng))
            self.tuner.learn(shares[-1])
        return float(np.mean(shares))

    def _renew(self, rng: np.random.RandomState) -> None:
        for _ in range(self.units.times):
            q, factor = self.units.propose(self.h, self.beta, rng)
            moved = np.flatnonzero((q != self.h).any(axis=1))
            q = self.path.folded.fold(q[moved])
            new = self.path.inside(q)
            before = Values(*(part[moved] for part in self.values))
            ratio = factor[moved] + new.at(self.beta) - before.at(self.beta)
            self._take(ratio, moved, q, new, rng)

    def _go(self, metric: NeuronMassMatrix, log_step: float, rng: np.random.RandomState) -> float:
        """A trajectory of every particle; the mean chance to be accepted."""
        h, last = self.h[None], [self.values]

        def gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            last[0], slopes = self.path.with_slopes(x)
            value = last[0].at(self.beta)
            return value, np.where(np.isfinite(value)[:, None], slopes.at(self.beta), 0.0)

        b = metric.directions(h, h[:, :0], rng)
        p = rng.standard_normal((1, len(self.h), b.size))
        scatter = self.sweeps.jitter * rng.standard_normal((1, len(self.h), 1))
        value, slope = gradient(self.h)
        begin = Place(h, value[None], slope[None])
        count = self._leaps(metric.extent, log_step, rng)
        end, _, kinetic = leapfrog(begin, p, np.exp(log_step + scatter), count, gradient, b)
        with np.errstate(over="ignore", invalid="ignore"):
            energy = np.nan_to_num(end.density - begin.density - kinetic, nan=-np.inf)[0]
        q, rows = self.path.folded.fold(end.x[0]), np.arange(len(self.h))
        self._take(energy, rows, q, last[0], rng)
        return float(np.exp(np.minimum(energy, 0)).mean())

    def _leaps(self, extent: float, log_step: float, rng: np.random.RandomState) -> int:
        """How many steps; the way grows with how far the particles reach beyond the metric."""
        way = self.sweeps.duration * math.sqrt(extent) * rng.uniform(0.7, 1.3)
        return int(np.clip(round(way / math.exp(log_step)), 1, self.sweeps.longest))

    def _take(
        self,
        ratio: np.ndarray,
        rows: np.ndarray,
        q: np.ndarray,
        new: Values,
        rng: np.random.RandomState,
    ) -> None:
        """Metropolis' rule for q (B, H), proposed to the particles ``rows`` (B,)."""
        taken, chosen = decide(ratio, rows, rng)
        self.h[taken] = q[chosen]
        for mine, other in zip(self.values, new, strict=True):
            mine[taken] = other[chosen]


def fresh_units(layer: Layer, sweeps: Sweeps) -> Units:
    """Among many candidates, or from the prior where there are several hidden layers, or where the
    output layer is not integrated out."""
    post = layer.post
    if not post.net.hidden:
        return Units(lambda h, beta, rng: (h, np.zeros(len(h))), 0)
    if isinstance(layer, OutputLayer) and len(post.net.hidden) == 1:
        return Units(partial(_among_candidates, NeuronGibbs(post, sharing=sweeps.sharing)), 1)
    inner = isinstance(layer, OutputLayer)
    blocks = np.array(neuron_blocks(post.net)) if inner else unit_blocks(post.net)
    scales = post.scales[layer.hidden_index]
    return Units(partial(_from_the_prior, NeuronRefresh(blocks, scales[blocks])), sweeps.renewals)


def _among_candidates(
    units: NeuronGibbs, h: np.ndarray, beta: float, rng: np.random.RandomState
) -> Proposed:
    q, log_ratio = units.replace(h, rng, beta)
    return q, -log_ratio


def _from_the_prior(
    units: NeuronRefresh, h: np.ndarray, beta: float, rng: np.random.RandomState
) -> Proposed:
    q, factor = units.propose(h[None], h[None, :0], rng)
    return q[0], factor[0]
