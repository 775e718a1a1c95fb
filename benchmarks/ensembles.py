"""nnpost, and the samplers that move walkers by each other: the article's loop, emcee, zeus.

Each is a function of a problem and of the seconds that it may take. emcee and zeus are given
nnpost's compiled density, all walkers of half an ensemble at once, and have four independent
ensembles. Of every chain the first fifth is warm-up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import emcee
import numpy as np
import torch
from judged import Chains, Sampled, in_blocks, without_burnin
from problems import CHAINS, Problem

import nnpost

WALKERS, ARTICLE_WALKERS = 32, 28  # of each ensemble
NSTEPS = 5_000  # of nnpost: what it does unless it is told otherwise
ROWS = 50  # of a block


def ours(problem: Problem, seconds: float) -> Sampled:
    """nnpost as it comes: tempered starts, collapsed moves, and so many steps."""
    post = problem.post
    began = time.perf_counter()
    post.make_ready()
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    run = nnpost.sample(post, nsteps=NSTEPS)
    spent = time.perf_counter() - began
    assert run.tempering is not None
    tempering = run.tempering.seconds
    found = Sampled(
        Chains(run.chain, run.log_prob, run.ensembles), compiling, tempering, spent - tempering,
        run.log_evidence,
    )  # fmt: skip
    return without_burnin(found)


def article(problem: Problem, seconds: float) -> Sampled:
    """emcee as the article uses it: a network at a time, 28 walkers from a ball at zero."""
    post, rng = problem.post, np.random.default_rng(0)
    log_prob = one_network(post)
    samplers = [emcee.EnsembleSampler(ARTICLE_WALKERS, post.ndim, log_prob) for _ in range(CHAINS)]
    centre = 0.0 if problem.around is None else problem.around
    starts = [centre + 1e-4 * rng.standard_normal((ARTICLE_WALKERS, post.ndim)) for _ in samplers]
    return _by_emcee(post, samplers, starts, seconds, thin=2)


def stretch(problem: Problem, seconds: float) -> Sampled:
    """emcee's stretch move on the density of many networks at once."""
    post = problem.post
    samplers = [
        emcee.EnsembleSampler(WALKERS, post.ndim, post.log_prob, vectorize=True)
        for _ in range(CHAINS)
    ]
    starts = np.split(problem.starts(CHAINS * WALKERS), CHAINS)
    return _by_emcee(post, samplers, starts, seconds, thin=10)


def _by_emcee(
    post: nnpost.Posterior,
    samplers: list[emcee.EnsembleSampler],
    starts: list[np.ndarray],
    seconds: float,
    thin: int,
) -> Sampled:
    post.make_ready()
    states: list[emcee.State] = []
    for k, (sampler, start) in enumerate(zip(samplers, starts, strict=True)):
        sampler.random_state = np.random.RandomState(k).get_state()
        states.append(emcee.State(start, random_state=sampler.random_state))

    def block() -> np.ndarray:
        rows = []
        for k, sampler in enumerate(samplers):
            sampler.reset()
            states[k] = sampler.run_mcmc(
                states[k], ROWS, thin_by=thin, skip_initial_state_check=True
            )
            rows.append(np.dstack([sampler.get_chain(), sampler.get_log_prob()]))
        return np.concatenate(rows, axis=1)

    return _timed(block, seconds, f"one step in {thin} kept")


def zeus(problem: Problem, seconds: float) -> Sampled:
    """zeus' ensemble slice sampler, tuned by itself while it runs in."""
    from zeus import EnsembleSampler

    post = problem.post
    post.make_ready()
    np.random.seed(0)  # noqa: NPY002  zeus draws from the global generator
    samplers = [
        EnsembleSampler(WALKERS, post.ndim, post.log_prob, vectorize=True, verbose=False)
        for _ in range(CHAINS)
    ]
    starts: list[np.ndarray | None] = list(np.split(problem.starts(CHAINS * WALKERS), CHAINS))

    def block() -> np.ndarray:
        rows = []
        for k, sampler in enumerate(samplers):
            sampler.reset()
            sampler.run_mcmc(starts[k], ROWS, progress=False)
            starts[k] = None  # it goes on from where it is
            rows.append(np.dstack([sampler.get_chain(), sampler.get_log_prob()]))
        return np.concatenate(rows, axis=1)

    return _timed(block, seconds)


def _timed(block: Callable[[], np.ndarray], seconds: float, note: str = "") -> Sampled:
    """Blocks (rows, W, P + 1) of parameters and log posterior, for so long."""
    began = time.perf_counter()
    rows = in_blocks(block, began + seconds, time.perf_counter)
    spent = time.perf_counter() - began
    chains = Chains(rows[..., :-1], rows[..., -1], CHAINS)
    return without_burnin(Sampled(chains, 0.0, 0.0, spent, note=note))


def one_network(post: nnpost.Posterior) -> Callable[[np.ndarray], float]:
    """The log posterior of one vector as the article computes it, unit by unit in torch."""
    x, y = torch.tensor(post.data.x[:, 0]), torch.tensor(post.data.y)
    units = post.net.hidden[0]
    tau, constant = (float(part) for part in post.noise(np.zeros((1, post.ndim))))

    def log_prob(theta: np.ndarray) -> float:
        f = torch.full_like(x, theta[3 * units])
        parts = (theta[k * units : (k + 1) * units] for k in range(3))
        for w, b, a in zip(*parts, strict=True):
            f += a / (1 + torch.exp(-(w * x + b)))
        prior = 0.0
        for t, s in zip(theta, post.scales, strict=True):
            prior += -0.5 * t**2 / s**2 - np.log(np.sqrt(2 * np.pi) * s)
        value = -0.5 * tau * (y - f).pow(2).sum().item() + constant + prior
        return value if math.isfinite(value) else -math.inf

    return log_prob
