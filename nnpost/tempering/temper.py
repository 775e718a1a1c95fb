"""Tempered runs: independent starts for every ensemble, and the evidence.

One run for each ensemble, all in the collapsed space.

- start="prior" (from_prior.py): sequential Monte Carlo from the prior to the posterior, refined by
  importance sampling in few dimensions. The runs are independent: they agree, or visibly do not.
- start="basins" (from_basins.py), for sharp posteriors of one hidden layer, whose many narrow
  basins particles from the prior do not find: every run searches for basins, and all temper from a
  heavy-tailed mixture that is fitted to what any of them found. Given that mixture the runs are
  independent; what all searches have missed is missing in all of them.

exp(log Z) of a run is consistent, with a bias that falls with the number of particles; by
importance sampling it is unbiased. Which of the two it is, one rule chooses (``Preference``)
by what the draws are worth.

:func:`temper` makes all runs in one process. Those from the prior know nothing of each other until
the end: :func:`temper_apart` makes one of them, wherever that is, and :func:`together` makes of all
what :func:`temper` would have made, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from ..common.parallel import SideBySide, threads_for
from ..common.progress import Progress, open_progress
from ..common.settings import COUNT, SEED, checked
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from .from_basins import FromBasins, from_basins
from .from_prior import FromPrior, from_prior
from .result import Tempering
from .settings import TemperSettings
from .tempered_run import Preference, TemperedRun

__all__ = [
    "TEMPER_DETAIL",
    "Apart",
    "TemperDetail",
    "choose_start",
    "temper",
    "temper_apart",
    "together",
]


@dataclass(frozen=True)
class TemperDetail:
    """How runs are made, beside what :func:`temper` asks for; the defaults serve all problems."""

    prior: FromPrior = field(default_factory=FromPrior)
    basins: FromBasins = field(default_factory=FromBasins)
    # Where "auto" searches for basins: dimensions of the collapsed space, from and to, and nats
    # that a fit can gain.
    searched: tuple[int, int] = (5, 16)
    sharp: float = 1000.0


TEMPER_DETAIL = TemperDetail()


def temper(
    post: Posterior,
    ensembles: int = 4,
    *,
    particles: int = TemperSettings.particles,
    steps: int = TemperSettings.steps,
    seed: int = 0,
    progress: Progress | bool = False,
    start: str = TemperSettings.start,
    tuning: TemperDetail = TEMPER_DETAIL,
) -> Tempering:
    """Bring particles to the posterior, one run for each ensemble.

    Args:
        ensembles: E, the number of runs; those from basins have a mixture in common.
        particles: N of each run, even and at least four for each parameter that moves.
        steps: moves of every particle after each step of the ladder; from basins, every four
            of them are a sweep: a unit replaced, and five steps along the curvature.
        seed: run e depends on (seed, e) alone; from basins, on the number of ensembles too.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.
        start: "prior", "basins", or "auto", which takes "basins" for one hidden layer with given
            noise, as many hidden parameters as ``TemperDetail.searched`` says, and data that
            outweigh the prior by more than ``TemperDetail.sharp`` nats (τ/2 · Σ(y − ȳ)², from the
            best constant to a perfect fit). The result says which it was.
        tuning: everything else, for those who study the method.

    Raises:
        RequestError: settings that cannot be used, as of :class:`TemperSettings`.
        NoBasins: the search for basins has left nothing to temper from.
    """
    TemperSettings(particles=particles, steps=steps, start=start).checked_for(post)
    ensembles = checked("ensembles", ensembles, COUNT)
    seed = checked("seed", seed, SEED)
    post.make_ready(progress)
    layer = OutputLayer(post)
    start = choose_start(post, layer, start, tuning)
    began = time.perf_counter()
    rngs = [_generator(seed, e) for e in range(ensembles)]
    with threads_for(_numbers(post, particles)), open_progress(progress, "temper") as whole:
        side_by_side = SideBySide(ensembles)
        part = _progress_of_runs(whole, side_by_side)
        if start == "basins":
            runs = from_basins(layer, particles, steps, rngs, side_by_side, part, tuning.basins)
            rule = tuning.basins.preference
        else:
            runs = side_by_side(
                lambda e: from_prior(
                    layer, particles, steps, rngs[e], partial(part, e), tuning.prior
                )
            )
            rule = tuning.prior.preference
        seconds = time.perf_counter() - began
    return _result(layer, start, runs, rule, rngs, seconds)


class Apart(NamedTuple):
    """One run from the prior, made by itself, with its generator as the run has left it."""

    run: TemperedRun
    rng: np.random.RandomState
    seconds: float


def temper_apart(
    post: Posterior,
    e: int,
    *,
    particles: int = TemperSettings.particles,
    steps: int = TemperSettings.steps,
    seed: int = 0,
    progress: Progress | bool = False,
    start: str = TemperSettings.start,
    tuning: TemperDetail = TEMPER_DETAIL,
) -> Apart | None:
    """Run ``e`` of :func:`temper` by itself, with the same arguments; None where the runs start
    from basins, and so have to be made together.

    Raises:
        RequestError: settings that cannot be used, as of :class:`TemperSettings`.
    """
    TemperSettings(particles=particles, steps=steps, start=start).checked_for(post)
    layer = OutputLayer(post)
    if choose_start(post, layer, start, tuning) == "basins":
        return None
    post.make_ready(progress)
    rng, began = _generator(checked("seed", seed, SEED), e), time.perf_counter()
    with threads_for(_numbers(post, particles)), open_progress(progress, "temper") as told:
        run = from_prior(
            layer, particles, steps, rng, lambda beta, text: told(beta, 1.0, text), tuning.prior
        )
    return Apart(run, rng, time.perf_counter() - began)


def together(
    post: Posterior, runs: Sequence[Apart], tuning: TemperDetail = TEMPER_DETAIL
) -> Tempering:
    """What runs 0 … E − 1, each made apart, come to; ``seconds`` are those of all of them."""
    return _result(
        OutputLayer(post),
        "prior",
        [one.run for one in runs],
        tuning.prior.preference,
        [one.rng for one in runs],
        sum(one.seconds for one in runs),
    )


def _numbers(post: Posterior, particles: int) -> int:
    """How many numbers one move of all particles works on."""
    return particles * post.data.n * (max(post.net.sizes) + 1)


def _result(
    layer: OutputLayer,
    start: str,
    runs: Sequence[TemperedRun],
    rule: Preference,
    rngs: Sequence[np.random.RandomState],
    seconds: float,
) -> Tempering:
    found, size = rule.choose(runs), len(runs[0].h)
    refined = [run.refined for run in runs if run.refined is not None]
    useful = start == "basins" or rule.holds(runs)  # to draw from, when the posterior is sampled
    pairs = zip(found, rngs, strict=True)
    return Tempering(
        theta=np.stack([layer.draw(f.h[:size], rng).theta for f, rng in pairs]),
        log_z=np.array([f.log_z for f in found]),
        tempered_log_z=np.array([run.log_z for run in runs]),
        efficiency=np.array([r.refined.efficiency if r.refined else np.nan for r in runs]),
        betas=_padded([run.betas for run in runs]),
        acceptance=_padded([run.acceptance for run in runs]),
        mixtures=tuple(r.mixture for r in refined) if useful else (),
        seconds=seconds,
        start=start,
    )


def _generator(seed: int, e: int) -> np.random.RandomState:
    """That of run e of a tempering."""
    return np.random.RandomState(np.random.SeedSequence([seed, e]).generate_state(8))


def _progress_of_runs(
    progress: Progress, side_by_side: SideBySide
) -> Callable[[int, float, str], None]:
    """What run e calls with the share of its work that is done, and where it may be ended."""
    done = [0.0] * side_by_side.count

    def advance(e: int, share: float, text: str) -> None:
        side_by_side.check()
        done[e] = share
        progress(sum(done), side_by_side.count, text)

    return advance


def choose_start(
    post: Posterior, layer: OutputLayer, start: str, tuning: TemperDetail = TEMPER_DETAIL
) -> str:
    """ "prior" or "basins", where ``start`` is one of them or "auto"."""
    if start != "auto":
        return start
    one = len(post.net.hidden) == 1
    low, high = tuning.searched
    if not one or post.likelihood.infers_noise or not low <= layer.ndim <= high:
        return "prior"
    _, y, inverse_errors = post.points
    weighted = y if inverse_errors is None else y * inverse_errors
    gain = 0.5 * float(post.precision()) * post.data.n * float(weighted.var(correction=0))
    return "basins" if gain > tuning.sharp else "prior"


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray:
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
