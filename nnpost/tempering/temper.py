"""Tempered runs: independent starts for every ensemble, and the evidence.

One run for each ensemble, all in the collapsed space: they agree, or visibly do not.

- start="prior" (from_prior.py): sequential Monte Carlo from the prior to the posterior, refined by
  importance sampling in few dimensions.
- start="basins" (from_basins.py), for sharp posteriors of one hidden layer, whose many narrow
  basins particles from the prior do not find: every run searches for basins, and all temper from a
  heavy-tailed mixture that is fitted to what any of them found.

Either way exp(log Z) is an unbiased estimate of Z.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..common.errors import RequestError, choose
from ..common.parallel import SideBySide, threads_for
from ..common.progress import Progress, open_progress
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from .from_basins import from_basins
from .from_prior import from_prior
from .importance import DRAWS
from .result import Ended, Tempering

__all__ = ["temper"]

STARTS = ("auto", "prior", "basins")
EFFECTIVE = 100  # importance draws that an estimate of Z must be worth
SEARCHED = range(5, 17)  # dimensions of the collapsed space where "auto" searches for basins
SHARP = 1000.0  # nats that a fit can gain from which on "auto" searches for basins


def temper(
    post: Posterior,
    ensembles: int = 4,
    particles: int = 2000,
    steps: int = 8,
    seed: int = 0,
    progress: Progress | bool = False,
    start: str = "auto",
) -> Tempering:
    """Run one tempered population for each ensemble.

    Args:
        ensembles: E, the number of independent runs.
        particles: N of each run, even.
        steps: moves of every particle after each step of the ladder; from basins, every four
            of them are a sweep: a unit replaced, and five steps along the curvature.
        seed: run e depends on (seed, e) alone; from basins, on the number of ensembles too.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.
        start: "prior", "basins", or "auto", which takes "basins" for one hidden layer with 5 to
            16 hidden parameters and given noise whose data outweigh the prior by more than
            1,000 nats (τ/2 · Σ(y − ȳ)², from the best constant to a perfect fit). The result says
            which it was.

    Raises:
        RequestError: fewer than one ensemble, too few particles, an odd number, no steps, or
            start="basins" where there is not exactly one hidden layer.
    """
    layer = OutputLayer(post)
    least = 4 * max(layer.ndim, 1)
    if particles < least or particles % 2:
        raise RequestError(
            f"temper.particles: found {particles}, expected an even number of at least {least}"
        )
    if ensembles < 1 or steps < 1:
        name, value = ("ensembles", ensembles) if ensembles < 1 else ("steps", steps)
        raise RequestError(f"temper.{name}: found {value}, expected at least 1")
    start = _choose_start(post, layer, start)
    began = time.perf_counter()
    numbers = particles * post.data.n * (max(post.net.sizes) + 1)
    rngs = [_generator(seed, e) for e in range(ensembles)]
    with threads_for(numbers), open_progress(progress, "temper") as tell:
        every = SideBySide(ensembles)
        tells = _shares(tell, every)
        if start == "basins":
            runs = from_basins(layer, particles, steps, rngs, every, tells)
        else:
            runs = every(lambda e: from_prior(layer, particles, steps, rngs[e], tells[e]))
    efficiency = np.array([r.efficiency for r in runs])
    good = bool((efficiency * DRAWS >= EFFECTIVE).all())
    mixtures = tuple(r.mixture for r in runs if r.mixture is not None)
    return Tempering(
        theta=np.stack([layer.draw(_places(r, good), r.rng).theta for r in runs]),
        log_z=np.array([r.refined_log_z if good else r.log_z for r in runs]),
        tempered_log_z=np.array([r.log_z for r in runs]),
        efficiency=efficiency,
        betas=_padded([r.betas for r in runs]),
        acceptance=_padded([r.acceptance for r in runs]),
        mixtures=mixtures if good or start == "basins" else (),
        seconds=time.perf_counter() - began,
        start=start,
    )


def _places(run: Ended, good: bool) -> np.ndarray:
    return run.refined if good and run.refined is not None else run.h


def _generator(seed: int, e: int) -> np.random.RandomState:
    """That of run e of a tempering."""
    return np.random.RandomState(np.random.SeedSequence([seed, e]).generate_state(8))


def _shares(tell: Progress, every: SideBySide) -> list[Callable[[float, str], None]]:
    """What each run calls with the share of its work that is done, and where it may be ended."""
    done = [0.0] * every.count

    def advance(e: int, share: float, text: str) -> None:
        every.check()
        done[e] = share
        tell(sum(done), every.count, text)

    return [partial(advance, e) for e in range(every.count)]


def _choose_start(post: Posterior, layer: OutputLayer, start: str) -> str:
    choose("temper.start", start, STARTS)
    one = len(post.net.hidden) == 1
    if start == "basins" and not one:
        raise RequestError(
            f"temper.start: found 'basins', which needs one hidden layer, and {post.net} has "
            f"{len(post.net.hidden)}; use 'prior'"
        )
    if start != "auto":
        return start
    if not one or post.likelihood.infers_noise or layer.ndim not in SEARCHED:
        return "prior"
    flat = post.data.y if post.data.yerr is None else post.data.y / post.data.yerr
    tau = post.likelihood.precision(post.data.n, None)
    return "basins" if 0.5 * float(tau) * post.data.n * float(np.var(flat)) > SHARP else "prior"


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray:
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
