"""A small sampling job for the tests of the store, and a process that tests kill while it runs it.

The move changes its own state before each step, so that an interrupted step leaves it spoilt.
"""

import itertools
import resource
import sys

import emcee
import filelock  # noqa: F401  or the first lock would import it, after "go"
import numpy as np

from nnpost import RequestError
from nnpost.storage.backend import MemoryBackend
from nnpost.storage.hdf_backend import RunFileBackend
from nnpost.storage.runfile import new_file, write_groups

NWALKERS, NDIM = 8, 3


class DriftingStretch(emcee.moves.StretchMove):
    """A stretch move whose scale depends on all steps made so far."""

    def __init__(self):
        super().__init__()
        self.memory = np.zeros(5)

    def propose(self, model, state):
        self.memory[0] += 1
        self.a = 2 + 0.3 * np.sin(self.memory.sum())
        state, accepted = super().propose(model, state)
        self.memory[1:] = state.coords[:4, 0]
        return state, accepted

    def state(self):
        return {"memory": self.memory}


def log_prob(x):
    return -0.5 * (x**2).sum(axis=-1)


def extend(chain, move, rows, log_prob=log_prob):
    """Sample until the chain has ``rows`` rows, from its last one if it has any."""
    sampler = emcee.EnsembleSampler(
        NWALKERS, NDIM, log_prob, moves=move, backend=chain, vectorize=True
    )
    left = rows - chain.iteration
    if chain.iteration:
        move.memory[:] = chain.saved_moves["memory"]
        return sampler.run_mcmc(None, left) if left else None
    start = np.random.default_rng(7).normal(size=(NWALKERS, NDIM))
    sampler.random_state = np.random.RandomState(7).get_state()
    return sampler.run_mcmc(start, left)


def reference(rows):
    move = DriftingStretch()
    chain = MemoryBackend(move.state)
    extend(chain, move, rows)
    return chain


def resume(path, rows, **options):
    move = DriftingStretch()
    with RunFileBackend(path, resume=True, move_state=move.state, **options) as chain:
        extend(chain, move, rows)


def rewrite_forever(path):
    for turn in itertools.count():
        write_groups(path, {"fits": {"turn": turn, "x": np.full(20_000, turn)}})


def sample_limited(path, rows, free):
    """Sample; after ``free`` steps, only the first kilobyte of files may be written."""
    calls = itertools.count()

    def limit(x):
        if next(calls) == 2 * free:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        return log_prob(x)

    move = DriftingStretch()
    try:
        with RunFileBackend(
            path, move_state=move.state, commit_rows=100, commit_seconds=60
        ) as chain:
            chain.reset(NWALKERS, NDIM)
            chain.grow(rows)
            extend(chain, move, rows, limit)
    except RequestError as error:
        sys.exit(print(error) or 2)


if __name__ == "__main__":
    print("go", flush=True)
    if sys.argv[1] == "sample":
        resume(sys.argv[2], int(sys.argv[3]), commit_rows=1)
    elif sys.argv[1] == "limited":
        sample_limited(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "refused":
        try:
            new_file(sys.argv[2], {"experiment": {"seed": 0}})
            resume(sys.argv[2], int(sys.argv[3]))
        except RequestError as error:
            sys.exit(print(error) or 2)
    else:
        rewrite_forever(sys.argv[2])
