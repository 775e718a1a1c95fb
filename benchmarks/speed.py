"""Speeds as ratios, each pair measured in turn in one run: `make bench`.

The machine's own speed cancels in a ratio; the seconds are there for orientation. Every figure is
the best of several turns, on one thread.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import emcee
import numpy as np
import torch
from torch import nn

import nnpost

TURNS = 3
STEPS, WALKERS = 1000, 28  # of the article's chain, a tenth of its length
EPOCHS, RESTARTS = 300, 64

torch.set_num_threads(1)
data = nnpost.datasets.parabola()
post = nnpost.Posterior(nnpost.MLP(1, (2,)), data)
folder = Path(tempfile.mkdtemp())
ball = 1e-4 * np.random.default_rng(0).standard_normal((WALKERS, post.ndim))


def in_turn(*jobs: Callable[[], object]) -> list[float]:
    """Best time of every job, the jobs taking turns."""
    best = [float("inf")] * len(jobs)
    for _ in range(TURNS):
        for k, job in enumerate(jobs):
            began = time.perf_counter()
            job()
            best[k] = min(best[k], time.perf_counter() - began)
    return best


def ours() -> None:
    nnpost.sample(
        post, folder / "ours.h5", ensembles=1, nwalkers=WALKERS, nsteps=STEPS, moves="stretch",
        start="ball",
    )  # fmt: skip


def theirs(vectorize: bool) -> None:
    """emcee's own stretch move with its own file, on our log density, batched or one by one."""
    backend = emcee.backends.HDFBackend(str(folder / "emcee.h5"))
    backend.reset(WALKERS, post.ndim)
    sampler = emcee.EnsembleSampler(
        WALKERS, post.ndim, post.log_prob, vectorize=vectorize, backend=backend
    )
    sampler.run_mcmc(ball, STEPS, skip_initial_state_check=True)


def together() -> None:
    """All restarts as one batch, the search for MAP and MLE included."""
    nnpost.train(post, restarts=RESTARTS, epochs=EPOCHS)


def one_by_one() -> None:
    """The plain torch loop, over an eighth of the restarts."""
    x, y = torch.tensor(data.x), torch.tensor(data.y)[:, None]
    for start in post.net.initial(RESTARTS // 8, seed=0):
        module = post.net.to_torch(start)
        optimizer, loss = torch.optim.Adam(module.parameters(), lr=0.03), nn.MSELoss()
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            loss(module(x), y).backward()
            optimizer.step()


def collapsed() -> None:
    nnpost.sample(post, ensembles=4, nwalkers=32, nsteps=200, start="prior")


def row(what: str, seconds: float, against: str, other: float) -> None:
    print(f"{what:<44}{seconds:>8.2f} s   {other / seconds:>6.1f} times as fast as {against}")


chain, batched, single = in_turn(ours, lambda: theirs(True), lambda: theirs(False))
row(f"{STEPS} stretch steps, file on disk", chain, "emcee, its own file, batched", batched)
row("", chain, "emcee, its own file, one by one", single)
batch, loop = in_turn(together, one_by_one)
row(f"{RESTARTS} restarts of {EPOCHS} epochs, MAP and MLE", batch, "a torch loop", 8 * loop)
(steps,) = in_turn(collapsed)
print(f"{'200 collapsed steps of 4 ensembles':<44}{steps:>8.2f} s")
