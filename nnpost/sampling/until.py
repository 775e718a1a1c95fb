"""Sampling on until the verdict holds, or until more steps cannot help or may not be made."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..common.errors import RequestError
from ..common.machine import in_bytes, memory
from ..diagnostics.criteria import STANDARD
from ..diagnostics.verdict import Verdict
from .run import Run

__all__ = [
    "Budget",
    "Growth",
    "can_converge",
    "in_words",
    "next_length",
    "storable",
    "until_converged",
]


@dataclass(frozen=True)
class Growth:
    """How much longer a chain is made that has not converged."""

    least: float = 1.5  # factors by which it grows, at least
    most: float = 4.0  # and at most
    margin: float = 1.5  # beyond the length that the present autocorrelation time asks for


GROWTH = Growth()
LARGEST = 2.0**30  # bytes of a chain, and no more than
MEMORY_SHARE = 0.1  # of the memory: what is made of a chain needs several times its size


def largest() -> float:
    """Bytes that a chain may come to on this machine where nothing is said of that."""
    return min(LARGEST, MEMORY_SHARE * memory())


@dataclass(frozen=True)
class Budget:
    """What may be spent: steps of every walker in all, seconds from now on, and bytes that all
    stored rows of the chain take."""

    steps: int = 1_000_000
    seconds: float = 600.0
    bytes: float = field(default_factory=largest)

    def __str__(self) -> str:
        return (
            f"{self.steps:,} steps in all, {in_bytes(self.bytes)} of them or {self.seconds:g} s "
            "after the first chain"
        )

    def __post_init__(self) -> None:
        for name, option in (("steps", "--max-steps"), ("seconds", "--max-seconds")):
            if not getattr(self, name) > 0:
                raise RequestError(
                    f"{option}: found {getattr(self, name)}, expected a number above 0"
                )


def until_converged(
    run: Run,
    extend: Callable[[int], Run],
    budget: Budget,
    announce: Callable[[str], None],
    growth: Growth = GROWTH,
) -> Run:
    """Extend a run until its verdict holds.

    ``extend(nsteps)`` continues the chain to so many steps in all and returns the longer run. It
    ends early where more steps cannot help: a mode that all ensembles have missed. It goes by the
    chain alone, whatever is to be said of log Z. No extension is longer than what is left of the
    seconds allows for, at the pace so far, or than there is room for. Raises RequestError for
    fewer than four ensembles.
    """
    if not can_converge(run.ensembles):
        raise RequestError(
            f"--until converged: found {run.ensembles} ensembles, expected at least "
            f"{STANDARD.min_ensembles}; without them no chain can be called converged"
        )
    ends = time.monotonic() + budget.seconds
    while not run.verdict.converged:
        left = ends - time.monotonic()
        if not run.verdict.steps_help:
            announce("more steps cannot help; see the reasons")
        elif run.nsteps >= budget.steps:
            announce(f"the budget of {budget.steps:,} steps is spent")
        elif (most := storable(run, budget.bytes)) <= run.nsteps:
            announce(
                f"the budget of {in_bytes(budget.bytes)} is spent; a chain of fewer rows, by "
                f"--set sample.thin={10 * run.thin}, goes on for longer"
            )
        elif affordable(run, left) <= run.nsteps:
            announce(f"the budget of {budget.seconds:g} s is spent")
        else:
            steps = min(next_length(run, growth), budget.steps, affordable(run, left), most)
            more = (steps - run.nsteps) * run.seconds / run.nsteps
            announce(
                f"not converged after {run.nsteps:,} steps ({in_words(run.verdict)}): to {steps:,},"
                f" some {more:.0f} s of the {left:.0f} s that are left"
            )
            run = extend(steps)
            continue
        break
    return run


def can_converge(ensembles: int) -> bool:
    """Whether a chain of so many ensembles can be called converged at all."""
    return ensembles >= STANDARD.min_ensembles


def next_length(run: Run, growth: Growth = GROWTH) -> int:
    """How many steps the chain should have next: what tau asks for, within bounds."""
    share = 1 - run.discard / run.nsteps
    wanted = growth.margin * STANDARD.min_length * (run.verdict.tau or 0.0) / share
    steps = min(max(wanted, growth.least * run.nsteps), growth.most * run.nsteps)
    return math.ceil(steps / run.thin) * run.thin


def affordable(run: Run, seconds: float) -> int:
    """To how many steps the chain can be brought in so many seconds, at the pace so far."""
    if seconds <= 0:
        return run.nsteps
    pace = max(run.seconds / run.nsteps, 1e-9)  # of chains too short for the clock
    return math.floor((run.nsteps + seconds / pace) / run.thin) * run.thin


def storable(run: Run, most: float) -> int:
    """How many steps there is room for where the stored rows may take ``most`` bytes."""
    row = 8.0 * run.nwalkers * (run.post.ndim + 1)
    return math.floor(most / row) * run.thin


def in_words(verdict: Verdict) -> str:
    """The state of the diagnostics in a few words, for a progress bar."""
    rhats = [r for name, r in verdict.rhat.items() if name != "theta" and r is not None]
    sizes = [e for name, e in verdict.ess.items() if name != "theta" and e is not None]
    words = [f"R-hat {max(rhats):.3f}"] if rhats else []
    words += [f"ESS {min(sizes):,.0f}"] if sizes else []
    words += [f"tau {verdict.tau:,.0f}"] if verdict.tau is not None else []
    return ", ".join(words) or "nothing to judge yet"
