"""Gradient moves: Hamiltonian Monte Carlo as a move of emcee, for independent ensembles.

A :class:`HamiltonianMove` is the product of two choices. The *space*: all parameters
(:class:`FullSpace`), or the collapsed one (:class:`CollapsedSpace`), in which the output layer is
integrated out and then drawn exactly. The *preconditioner*, see :mod:`nnpost.moves.mass_matrix`:
the other half of each ensemble (walk and side), or one covariance for all units.

Step size and covariance are tuned during the first ``warmup`` steps only, which do not leave the
posterior invariant and must be discarded; then they are frozen. To begin with every walker has a
step size of its own: one that starts far out, as where log σ is drawn from a broad prior, is in a
place a million times steeper than that of its neighbours, and would never move by their step. One
that is still out there at a mark of the warm-up is put where another of its ensemble is (the
outliers of Vrugt et al. 2009, Int. J. Nonlinear Sci. 10, 273, §3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from emcee.moves import Move

from .leapfrog import Place, leapfrog
from .mass_matrix import Preconditioner
from .names import WARMUP
from .proposal import Indices, Proposal, Random, decide, halves
from .space import Space
from .step_size import StepSize

__all__ = ["HamiltonianMove"]

DURATION = 1.5  # of a trajectory, on average; π/2 takes a standard normal to independence
LONGEST = 100  # leapfrog steps of an average trajectory
TRIES = 20  # renewals of a unit after each trajectory; together they cost a tenth of it
FIRST = 25  # leapfrog steps of an average trajectory before anything is known of the scales
# Shares of the warm-up: when walkers stop being tuned one by one and the way from the start is
# forgotten, and when the preconditioner is built anew.
REFRESH = (0.25, 0.5, 0.75)
LOST = 20.0  # nats times √d below the best of its ensemble: the posterior has no share out there


class HamiltonianMove(Move):
    """One trajectory for every walker, accepted with the change of energy, all in one call.

    With ``jumps``, a proposal that needs no other walkers, TRIES of its steps follow.

    The number of leapfrog steps is drawn at each step around DURATION / step size, and every
    walker's step size within ±20 %, so that no period of the dynamics is hit for good.
    ``get_state`` and ``set_state`` hold all that the next step depends on, so that a stored run
    continues bit for bit; the length of the warm-up is part of it.
    """

    def __init__(
        self,
        space: Space,
        preconditioner: Preconditioner,
        ensembles: int = 1,
        warmup: int = WARMUP,
        step: float = 0.01,
        jumps: Proposal | None = None,
    ) -> None:
        self.space, self.preconditioner, self.jumps = space, preconditioner, jumps
        self.ensembles, self.steps = ensembles, 0
        self._tuned_for(warmup)
        self.step = StepSize(np.full((ensembles, 1), np.log(step)))
        self._now = Place(np.empty((0, space.ndim)), np.empty(0), np.empty((0, space.ndim)))

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        before = self._current(state.coords)
        now = Place(*(part.copy() for part in before))
        accepted = np.zeros(len(now.x), dtype=bool)
        count, chances = self._leapfrogs(model.random), np.empty(len(now.x))
        for s, c in self._parts(len(now.x), model.random):
            chances[s] = self._move(now, s, c, count, accepted, model.random)
        if self.jumps is not None:
            self._jump(now, self.jumps, model.random)
        if self.steps + 1 in self._marks:
            self._rescue(now, model.random)
        drawn = self.space.complete(now.x, now.density, model.random)
        # What is drawn is part of the move: where it has no density, nothing has moved.
        fine = np.isfinite(drawn.log_prob)
        state.coords[fine], state.log_prob[fine] = drawn.theta[fine], drawn.log_prob[fine]
        for new, old in zip(now, before, strict=True):
            new[~fine] = old[~fine]
        self._now = now
        self._tune(chances.reshape(self.ensembles, -1))
        return state, accepted & fine

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        done = {"steps": np.array(self.steps), "warmup": np.array(self.warmup)}
        return done | self._now._asdict() | self.step.get_state() | self.preconditioner.get_state()

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.steps = int(state["steps"])
        self._tuned_for(int(state["warmup"]))
        self._now = Place(*(state[name].copy() for name in Place._fields))
        self.step.set_state(state)
        self.preconditioner.set_state(state)

    def _move(
        self,
        now: Place,
        s: np.ndarray,
        c: np.ndarray,
        count: int,
        accepted: np.ndarray,
        rng: Random,
    ) -> np.ndarray:
        """Move the walkers in rows s (E, S), in place; their acceptance probabilities (E, S)."""
        b = self.preconditioner.directions(now.x[s], now.x[c], rng)
        p = rng.standard_normal((*s.shape, b.size))
        logs = np.broadcast_to(self.step.log, (self.ensembles, len(now.x) // self.ensembles))
        step = np.exp(logs.ravel()[s]) * rng.uniform(0.8, 1.2, size=s.shape)
        start = Place(*(part[s] for part in now))
        end, q = leapfrog(start, p, step[..., None], count, self.space.log_prob_and_grad, b)
        with np.errstate(over="ignore", invalid="ignore"):
            kinetic = 0.5 * ((p**2).sum(axis=2) - (q**2).sum(axis=2))
            gain = np.nan_to_num(end.density - start.density + kinetic, nan=-np.inf)
        rows, taken = decide(gain.ravel(), s, rng)
        for part, new in zip(now, end, strict=True):
            part[rows] = new.reshape(-1, *new.shape[2:])[taken]
        accepted[rows] = True
        return np.exp(np.minimum(gain, 0))

    def _tuned_for(self, warmup: int) -> None:
        self.warmup, self._marks = warmup, [round(share * warmup) for share in REFRESH]

    def _rescue(self, now: Place, rng: Random) -> None:
        """Put lost walkers where others of their ensemble are, in place; in the warm-up only."""
        density = now.density.reshape(self.ensembles, -1)
        least = density.max(axis=1, keepdims=True) - LOST * np.sqrt(self.space.ndim)
        for e, lost in enumerate(density < least):
            rows = e * len(lost) + np.arange(len(lost))
            kept = rng.choice(rows[~lost], size=lost.sum())
            for part in now:
                part[rows[lost]] = part[kept]

    def _jump(self, now: Place, jumps: Proposal, rng: Random) -> None:
        """Steps of ``jumps``, in place; the gradient follows once, where anything changed."""
        rows = np.arange(len(now.x)).reshape(self.ensembles, -1)
        changed = np.zeros(len(now.x), dtype=bool)
        for _ in range(TRIES):
            s = now.x[rows]
            q, factors = jumps.propose(s, s[:, :0], rng)
            flat = q.reshape(now.x.shape)
            density = self.space.log_prob(flat)
            moved, taken = decide(factors.ravel() + density - now.density, rows, rng)
            now.x[moved], now.density[moved] = flat[taken], density[taken]
            changed[moved] = True
        if changed.any():
            now.grad[changed] = self.space.log_prob_and_grad(now.x[changed])[1]

    def _parts(self, walkers: int, rng: Random) -> list[Indices]:
        if self.preconditioner.halves:
            return halves(walkers, self.ensembles, rng)
        rows = np.arange(walkers).reshape(self.ensembles, -1)
        return [(rows, rows[:, :0])]

    def _leapfrogs(self, rng: Random) -> int:
        """One number for all walkers, as they move in one call."""
        most = LONGEST if self.steps >= REFRESH[0] * self.warmup else FIRST
        average = min(DURATION / np.exp(self.step.log.mean()), most)
        return max(1, round(average * rng.uniform(0.5, 1.5)))

    def _tune(self, acceptance: np.ndarray) -> None:
        """Learn from a step of the warm-up; what is settled at its end is never changed again."""
        self.steps += 1
        if self.steps > self.warmup:
            return
        alone = self.steps <= self._marks[0]
        self.step.learn(acceptance if alone else acceptance.mean(axis=1, keepdims=True))
        self.preconditioner.learn(self._now.x.reshape(self.ensembles, -1, self.space.ndim))
        if self.steps in self._marks:
            (self.preconditioner.forget if alone else self.preconditioner.refresh)()
            self.step.settle()
            self.step.restart()
        if self.steps == self.warmup:
            self.step.settle()

    def _current(self, coords: np.ndarray) -> Place:
        x = self.space.split(coords)
        if not np.array_equal(x, self._now.x):
            self._now = Place(x, *self.space.log_prob_and_grad(x))
        return self._now
