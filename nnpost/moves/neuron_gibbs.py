"""One neuron at a time replaced by a fresh one, given all others.

Small steps do not lead from one basin of a sharp posterior to another; these do. They are for
posteriors of one hidden layer with the output layer integrated out, and know nothing of the order
or the signs of neurons: copies of a network are served alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..network.neurons import neuron_blocks
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from .proposal import Random
from .units_near_data import UnitsNearData

__all__ = ["Candidates", "NeuronGibbs"]


@dataclass(frozen=True)
class Candidates:
    """Fresh neurons that compete with the present one, and what they are drawn from."""

    count: int = 250
    steepness: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)  # over the range of the inputs
    from_prior: float = 0.3  # the share of those drawn from the prior
    batch: int = 100  # networks at a time, to stay near the processor


class NeuronGibbs:
    """One unit of each network is replaced by one of many fresh candidates, or stays.

    Given the other units, M candidates u_m drawn from a fixed density r and the present unit u_0
    compete with weights p̃(u_m)/r(u_m): iterated sampling importance resampling, which leaves p̃
    invariant and is reversible (Tjelmeland 2004, NTNU statistics report 4/2004; Andrieu, Lee &
    Vihola 2018, Bernoulli 24, 842). p̃ is the collapsed posterior with two short cuts, for which
    the factor p̃(old)/p̃(new) makes up: few points stand for the data (quadrature.py), and
    the output bias has no prior, which makes p̃ the same for all flips of units.

    A candidate costs a few percent of a pass over the data (posterior/kernels/replacement.py). With
    ``sharing`` above 1, so many networks compete with the same candidates, which is cheaper still.
    Each of them moves as it would alone, but not independently of the others: fit for particles,
    not for walkers of emcee.
    """

    def __init__(
        self,
        post: Posterior,
        candidates: Candidates = Candidates(),
        sharing: int = 1,
    ) -> None:
        self.post, self.candidates, self.sharing = post, candidates, sharing
        self.blocks = np.array(neuron_blocks(post.net))  # (U, d + 1)
        self.scales = post.scales[self.blocks[0]]
        self.outputs = self._output_precisions()
        self.engine = OutputLayer(post).on_quadrature().engine
        self.near = UnitsNearData.of(post.data.x, candidates.steepness, post.net.bias)

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        q, log_ratio = self.replace(s.reshape(-1, s.shape[2]), rng)
        return q.reshape(s.shape), -log_ratio.reshape(s.shape[:2])

    def replace(
        self, h: np.ndarray, rng: Random, beta: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """h (B, H) with one unit each replaced, and log p̃(new) − log p̃(old), (B,).

        ``beta`` is the power of the evidence of the data in p̃.
        """
        size = self.sharing * max(1, self.candidates.batch // self.sharing)
        parts = [self._replace(h[i : i + size], rng, beta) for i in range(0, len(h), size)]
        q, log_ratio = (np.concatenate(part) for part in zip(*parts, strict=True))
        return q, log_ratio

    def _replace(self, h: np.ndarray, rng: Random, beta: float) -> tuple[np.ndarray, np.ndarray]:
        """The same for a batch; ``sharing`` networks after each other have the same candidates."""
        batch, count = len(h), len(self.blocks)
        groups = -(-batch // self.sharing)
        group = np.arange(batch) // self.sharing
        which, row = rng.randint(count, size=batch), np.arange(batch)
        fresh = self._draw(groups, rng)
        old = h[:, self.blocks][row, which]
        tau = self.post.noise(h).tau
        now, new = self.engine.replacement(h, tau, self.outputs, which, fresh, group)
        now = beta * now + self._log_prior(old)
        new = beta * new + self._log_prior(fresh)[group]
        log_w = np.c_[now - self._log_density(old), new - self._log_density(fresh)[group]]
        chance = np.cumsum(np.exp(log_w - log_w.max(axis=1, keepdims=True)), axis=1)
        pick = (chance < rng.random_sample((batch, 1)) * chance[:, -1:]).sum(axis=1)
        moved, chosen = pick > 0, np.maximum(pick - 1, 0)
        q = h.copy()
        units = np.where(moved[:, None], fresh[group, chosen], old)
        np.put_along_axis(q, self.blocks[which], units, 1)
        return q, np.where(moved, new[row, chosen] - now, 0.0)

    def _output_precisions(self) -> np.ndarray:
        """1/s² of the output layer (K,), one for all output weights, 0 of the bias."""
        net = self.post.net
        found: np.ndarray = self.post.scales[net.n_hidden : net.ndim] ** -2.0
        found[: net.hidden[-1]] = float(self.post.scales[net.n_hidden]) ** -2
        if net.bias:
            found[-1] = 0.0
        return found

    # -- candidates: prior, and units of several steepnesses that switch where the data are --------

    def _draw(self, batch: int, rng: Random) -> np.ndarray:
        """(B, M, d + 1)"""
        shape = (batch, self.candidates.count)
        prior = rng.standard_normal((*shape, len(self.scales))) * self.scales
        near = self.near.draw(batch * self.candidates.count, rng).reshape(prior.shape)
        return np.where(rng.random_sample((*shape, 1)) < self.candidates.from_prior, prior, near)

    def _log_density(self, units: np.ndarray) -> np.ndarray:
        """(..., d + 1) -> (...)"""
        prior = self._log_prior(units) - np.log(self.scales).sum()
        share = self.candidates.from_prior
        near = self.near.log_density(units, math.log1p(-share))
        both = np.logaddexp(math.log(share) + prior, near)
        return both - 0.5 * units.shape[-1] * math.log(2 * math.pi)

    def _log_prior(self, units: np.ndarray) -> np.ndarray:
        return -0.5 * ((units / self.scales) ** 2).sum(axis=-1)
