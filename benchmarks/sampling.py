"""What a sampled posterior costs: effective draws a second, and the share of storing them.

Rows of `make bench`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import emcee
import numpy as np
from measure import Row, in_turn

import nnpost
from nnpost.sampling.load import describe
from nnpost.storage.hdf_backend import RunFileBackend
from nnpost.storage.runfile import new_file

STEPS = 2_000  # of 4 ensembles of 32 walkers, a fifth discarded
STORED, WALKERS = 10_000, 28
NOISES = {  # figures of 0.1.0, goals
    "mse": (nnpost.MSE(), (2306.0,), (8000.0,)),
    "σ = 0.1443": (nnpost.Gaussian(0.1443), (867.0,), (4000.0,)),
}


def effective_draws(turns: int) -> list[Row]:
    """Of log_prob and of the predictions, whichever are fewer, of the parabola, on one core."""
    return [_effective(name, *noise, turns) for name, noise in NOISES.items()]


def _effective(
    name: str, likelihood: object, before: tuple[float], goal: tuple[float], turns: int
) -> Row:
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola(), likelihood)
    post.make_ready()
    rates, notes, converged = [], [], []
    for seed in range(turns):
        with one_core():
            began = time.perf_counter()
            run = nnpost.sample(post, nsteps=STEPS, seed=seed)
            seconds = time.perf_counter() - began
        verdict = run.verdict
        rates.append(min(verdict.ess["log_prob"], verdict.ess["predictions"]) / seconds)
        notes.append((run.tempering.seconds, seconds, verdict.tau))
        converged.append(verdict.converged)
    tempering, seconds, tau = np.median(notes, axis=0)
    note = f"{seconds:.2g} s, of them tempering {tempering:.2g}; τ = {tau:.3g} steps"
    note += "" if all(converged) else "; not converged"
    what = f"parabola, {name}, {STEPS:,} steps, tempering included"
    return Row(what, "effective draws a second", before, goal, (float(np.median(rates)),), note)


@contextmanager
def one_core() -> Iterator[None]:
    """Tempered runs that go side by side have one core between them within the block."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def storing(folder: Path, turns: int) -> Row:
    """Rows put into a run file, without what makes them, beside a whole chain of stretch steps."""
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola())
    rng = np.random.RandomState(0)
    coords, accepted = rng.standard_normal((WALKERS, post.ndim)), np.zeros(WALKERS, dtype=bool)
    state = emcee.State(coords, log_prob=coords[:, 0].copy(), random_state=rng.get_state())

    def chain() -> None:
        nnpost.sample(
            post, folder / "chain.h5", ensembles=1, nwalkers=WALKERS, nsteps=STORED,
            moves="stretch", start="ball",
        )  # fmt: skip

    def rows() -> None:
        new_file(folder / "rows.h5", describe(post))
        with RunFileBackend(folder / "rows.h5") as backend:
            backend.reset(WALKERS, post.ndim)
            backend.grow(STORED)
            for _ in range(STORED):
                backend.save_step(state, accepted)

    seconds = in_turn(turns, chain=chain, rows=rows)
    share = float(np.median(seconds["rows"] / seconds["chain"]))
    a_row = np.median(seconds["rows"]) / STORED * 1e6
    return Row(
        f"storing {WALKERS} walkers, stretch steps", "% of sampling", None, (5.0,),
        (100 * share,), f"{a_row:.2g} µs a row", at_most=True,
    )  # fmt: skip
