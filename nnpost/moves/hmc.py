"""Trajectories along gradients as a move of emcee, over any density that has a gradient.

A :class:`HamiltonianMove` is the product of two choices: a *density*
(:mod:`nnpost.posterior.density`), and a *preconditioner* (:mod:`nnpost.moves.mass_matrix`), which
is the other half of each ensemble (walk and side), or a scale for each kind of neuron. How it
goes on from there is an integrator: :mod:`nnpost.moves.leapfrog`, with momenta, or
:mod:`nnpost.moves.microcanonical`, with directions alone.

Step size and scales are tuned during the first ``warmup`` steps only, which do not leave the
posterior invariant and must be discarded; then they are frozen. To begin with every walker has a
step size of its own: one that starts far out, as where log σ is drawn from a broad prior, is in a
place a million times steeper than that of its neighbours, and would never move by their step. One
that is still out there at a mark of the warm-up is put where another of its ensemble is (the
outliers of Vrugt et al. 2009, Int. J. Nonlinear Sci. 10, 273, §3.3).

Where the density is one given latent numbers (:mod:`nnpost.posterior.augmented_layer`), these are
drawn before each step, for every walker its own: ``given`` makes a density of all full vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from emcee.moves import Move

from ..posterior.density import Density
from .leapfrog import Arrival, Place, leapfrog
from .mass_matrix import Preconditioner
from .names import WARMUP
from .proposal import Indices, Proposal, Random, decide, halves
from .step_size import StepSize
from .walkers import Walkers

__all__ = ["HamiltonianMove", "Trajectories"]

Given = Callable[[np.ndarray, Random], Density]  # of theta (B, P): a density of B points


@dataclass(frozen=True)
class Trajectories:
    """How far a trajectory goes."""

    # On average, times the geometric mean of the shortest way, 1, and the longest; π/2 takes a
    # standard normal to independence.
    duration: float = 1.5
    longest: int = 100  # leapfrog steps of an average one
    first: int = 25  # ... before anything is known of the scales
    renewals: int = 20  # of a unit after each: they go where no smooth path leads
    short: float = 0.1  # the share of trajectories with short steps,
    shortest: float = 0.01  # which are down to so many times as long

    def shortened(self, shape: tuple[int, ...], rng: Random) -> np.ndarray:
        """By what the steps of so many walkers are multiplied: 1 for most, and for some less,
        evenly on a logarithmic scale, so that wherever a walker is its place bears some of them."""
        less = self.shortest ** rng.uniform(size=shape)
        return np.where(rng.uniform(size=shape) < self.short, less, 1.0)


@dataclass(frozen=True)
class Tuning:
    """What happens in the warm-up.

    ``refresh`` has shares of it: when walkers stop being tuned one by one and the way from the
    start is forgotten, and when the preconditioner is built anew.
    """

    refresh: tuple[float, ...] = (0.25, 0.5, 0.75)
    lost: float = 20.0  # nats times √d below the best of its ensemble: no share of the posterior

    def marks(self, warmup: int) -> list[int]:
        """Steps at which something is refreshed."""
        return [round(share * warmup) for share in self.refresh]


class HamiltonianMove(Move):
    """One trajectory for every walker, accepted with the change of energy, all in one call.

    With ``renewal``, a proposal that needs no other walkers, some of its steps follow. With
    ``given``, which goes without it, every step has the density that this draws.

    The number of leapfrog steps is drawn at each step around duration / step size, and every
    walker's step size within ±20 %, so that no period of the dynamics is hit for good; after the
    warm-up some are far shorter, so that no walker is held for good where most steps are too long.
    ``get_state`` and ``set_state`` hold all that the next step depends on, so that a stored run
    continues bit for bit; the length of the warm-up is part of it.
    """

    def __init__(
        self,
        density: Density,
        preconditioner: Preconditioner,
        ensembles: int = 1,
        warmup: int = WARMUP,
        step: float = 0.01,
        renewal: Proposal | None = None,
        trajectories: Trajectories = Trajectories(),
        tuning: Tuning = Tuning(),
        integrator: Callable[..., Arrival] = leapfrog,
        given: Given | None = None,
    ) -> None:
        self.density, self.preconditioner, self.renewal = density, preconditioner, renewal
        self.ensembles, self.warmup, self.steps = ensembles, warmup, 0
        self.trajectories, self.tuning, self.integrator = trajectories, tuning, integrator
        self.step = StepSize(np.full((ensembles, 1), np.log(step)))
        self.given = given
        self._walkers = Walkers(Place._fields, lambda x: self.density.log_prob_and_grad(x))

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        if self.given is not None:
            self.density = self.given(state.coords, model.random)
            self._walkers.forget()
        before = Place(*self._walkers.at(self.density.split(state.coords)))
        now = Place(*(part.copy() for part in before))
        accepted = np.zeros(len(now.x), dtype=bool)
        count, chances = self._leapfrogs(model.random), np.empty(len(now.x))
        for s, c in self._parts(len(now.x), model.random):
            chances[s] = self._move(now, s, c, count, accepted, model.random)
        if self.renewal is not None:
            self._renew(now, self.renewal, model.random)
        if self.steps + 1 in self.tuning.marks(self.warmup):
            # Latent numbers differ from walker to walker, and with them the densities given them.
            levels = now.density if self.given is None else state.log_prob
            self._rescue(now, levels, model.random)
        drawn = self.density.complete(now.x, model.random, now.density)
        # What is drawn is part of the move: where it has no density, nothing has moved.
        fine = np.isfinite(drawn.log_prob)
        state.coords[fine], state.log_prob[fine] = drawn.theta[fine], drawn.log_prob[fine]
        for new, old in zip(now, before, strict=True):
            new[~fine] = old[~fine]
        self._walkers.arrays = list(now)
        self._tune(now, chances.reshape(self.ensembles, -1))
        return state, accepted & fine

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        done = {"steps": np.array(self.steps), "warmup": np.array(self.warmup)}
        parts = (self._walkers, self.step, self.preconditioner)
        return done | {k: v for part in parts for k, v in part.get_state().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from :meth:`get_state`."""
        self.steps, self.warmup = int(state["steps"]), int(state["warmup"])
        for part in (self._walkers, self.step, self.preconditioner):
            part.set_state(state)

    def _move(
        self,
        now: Place,
        s: np.ndarray,
        c: np.ndarray,
        count: int,
        accepted: np.ndarray,
        rng: Random,
    ) -> np.ndarray:
        """Move the walkers in rows s (E, S), in place; acceptance (E, S) by their energies alone.

        That is what smaller steps can mend; they do nothing about the chance to draw the same B.
        """
        b = self.preconditioner.directions(now.x[s], now.x[c], rng)
        p = rng.standard_normal((*s.shape, b.size))
        logs = np.broadcast_to(self.step.log, (self.ensembles, len(now.x) // self.ensembles))
        step = np.exp(logs.ravel()[s]) * rng.uniform(0.8, 1.2, size=s.shape)
        if self.steps >= self.warmup:
            step = step * self.trajectories.shortened(s.shape, rng)
        start, gradient = Place(*(part[s] for part in now)), self.density.log_prob_and_grad
        end, _, kinetic = self.integrator(start, p, step[..., None], count, gradient, b)
        with np.errstate(over="ignore", invalid="ignore"):
            energy = np.nan_to_num(end.density - start.density - kinetic, nan=-np.inf)
            gain = np.nan_to_num(energy + b.log_prob(end.x) - b.log_prob(start.x), nan=-np.inf)
        rows, taken = decide(gain.ravel(), s, rng)
        for part, new in zip(now, end, strict=True):
            part[rows] = new.reshape(-1, *new.shape[2:])[taken]
        accepted[rows] = True
        return np.exp(np.minimum(energy, 0))

    def _rescue(self, now: Place, levels: np.ndarray, rng: Random) -> None:
        """Put lost walkers where others of their ensemble are, in place; in the warm-up only.

        ``levels`` (B,) are log densities by which they are told."""
        density = levels.reshape(self.ensembles, -1)
        depth = self.tuning.lost * np.sqrt(self.density.ndim)
        least = density.max(axis=1, keepdims=True) - depth
        for e, lost in enumerate(density < least):
            rows = e * len(lost) + np.arange(len(lost))
            kept = rng.choice(rows[~lost], size=lost.sum())
            for part in now:
                part[rows[lost]] = part[kept]

    def _renew(self, now: Place, renewal: Proposal, rng: Random) -> None:
        """Steps of ``renewal``, in place; the gradient follows once, where anything changed."""
        rows = np.arange(len(now.x)).reshape(self.ensembles, -1)
        changed = np.zeros(len(now.x), dtype=bool)
        for _ in range(self.trajectories.renewals):
            s = now.x[rows]
            q, factors = renewal.propose(s, s[:, :0], rng)
            flat = q.reshape(now.x.shape)
            density = self.density.log_prob(flat)
            moved, taken = decide(factors.ravel() + density - now.density, rows, rng)
            now.x[moved], now.density[moved] = flat[taken], density[taken]
            changed[moved] = True
        if changed.any():
            now.grad[changed] = self.density.log_prob_and_grad(now.x[changed])[1]

    def _parts(self, walkers: int, rng: Random) -> list[Indices]:
        if self.preconditioner.halves:
            return halves(walkers, self.ensembles, rng)
        rows = np.arange(walkers).reshape(self.ensembles, -1)
        return [(rows, rows[:, :0])]

    def _leapfrogs(self, rng: Random) -> int:
        """One number for all walkers, as they move in one call."""
        known = self.steps >= self.tuning.refresh[0] * self.warmup
        most = self.trajectories.longest if known else self.trajectories.first
        length = self.trajectories.duration * np.sqrt(self.preconditioner.extent)
        average = min(length / np.exp(self.step.log.mean()), most)
        return max(1, round(average * rng.uniform(0.5, 1.5)))

    def _tune(self, now: Place, acceptance: np.ndarray) -> None:
        """Learn from a step of the warm-up; what is settled at its end is never changed again."""
        self.steps += 1
        if self.steps > self.warmup:
            return
        marks = self.tuning.marks(self.warmup)
        alone = self.steps <= marks[0]
        self.step.learn(acceptance if alone else acceptance.mean(axis=1, keepdims=True))
        shape = (self.ensembles, -1, self.density.ndim)
        self.preconditioner.learn(now.x.reshape(shape), now.grad.reshape(shape))
        if self.steps in marks:
            (self.preconditioner.forget if alone else self.preconditioner.refresh)()
            self.step.settle()
            self.step.restart()
        if self.steps == self.warmup:
            self.step.settle()
