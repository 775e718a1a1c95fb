"""Tempered runs: independent starts for every ensemble, and the evidence.

One run for each ensemble, all in the collapsed space, or in that of all parameters where the
output layer cannot be integrated out.

- start="both" (independent.py): sequential Monte Carlo from the prior and from basins that a short
  search of the run's own has found, on a way that pilot populations have settled. The runs know
  nothing of each other, they agree, or visibly do not, and exp(log Z) of each is unbiased.
- start="prior": the same without a search; what climbs find has no part in it.
- start="basins" (from_basins.py), for sharp posteriors of one hidden layer with very many narrow
  basins: every run searches at length, and all temper from a heavy-tailed mixture that is fitted
  to what any of them found, stage after stage. Given that mixture the runs are independent; what
  all searches have missed is missing in all of them.

:func:`temper` makes all runs in one process. Those that do not start from basins know nothing of
each other until the end: :func:`temper_apart` makes one of them, wherever that is, and
:func:`together` makes of all what :func:`temper` would have made, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ..common.parallel import SideBySide, threads_for
from ..common.progress import Progress, open_progress
from ..common.rules import COUNT, SEED, checked
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from ..posterior.sharpness import gain_of_a_perfect_fit
from ..posterior.spaces import Layer, space_of
from .from_basins import FromBasins, from_basins
from .importance import Refined
from .independent import Independent, independent_run
from .result import Tempering
from .settings import TemperSettings
from .tempered_run import TemperedRun

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

    independent: Independent = field(default_factory=Independent)
    basins: FromBasins = field(default_factory=FromBasins)
    # Where "auto" takes "basins": dimensions of the collapsed space, from and to, and nats that a
    # fit can gain.
    many_basins: tuple[int, int] = (5, 16)
    sharp: float = 1000.0
    useful: float = 0.01  # effective share of draws from a mixture that chains may draw from, too


TEMPER_DETAIL = TemperDetail()


class Apart(NamedTuple):
    """One run made by itself, with its generator as the run has left it."""

    run: TemperedRun
    rng: np.random.RandomState
    seconds: float
    start: str  # "prior" or "both"


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
    finished: Mapping[int, Apart] = MappingProxyType({}),
    keep: Callable[[Mapping[int, Apart]], None] | None = None,
) -> Tempering:
    """Bring particles to the posterior, one run for each ensemble.

    Args:
        ensembles: E, the number of runs; those from basins have a mixture in common.
        particles: N of each run, even and at least four for each parameter that moves.
        steps: every four of them are a sweep of every particle after each step of the ladder, and
            at least two are made: a unit replaced and a trajectory; from basins a unit replaced and
            five steps along the curvature.
        seed: run e depends on (seed, e) alone; from basins, on the number of ensembles too.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.
        start: "prior", "both", "basins", or "auto", which takes "both" for one hidden layer in up
            to ``Independent.searched`` dimensions and "prior" else; but "basins" where the noise
            is given, the dimensions are those of ``TemperDetail.many_basins``, and the data
            outweigh the prior by more than ``TemperDetail.sharp`` nats (from the best constant to
            a perfect fit). The result says which it was.
        tuning: everything else, for those who study the method.
        finished: runs of the same call that were made before, by number.
        keep: is called with all finished runs when one more is, if others are to follow. Runs from
            basins are finished together.

    Raises:
        RequestError: settings that cannot be used, as of :class:`TemperSettings`.
        NoBasins: the search for basins has left nothing to temper from.
    """
    TemperSettings(particles=particles, steps=steps, start=start).checked_for(post)
    ensembles = checked("ensembles", ensembles, COUNT)
    seed = checked("seed", seed, SEED)
    post.make_ready(progress)
    layer = space_of(post)
    start = choose_start(post, layer, start, tuning)
    began = time.perf_counter()
    before = sum(run.seconds for run in finished.values())
    rngs = [_generator(seed, e) for e in range(ensembles)]
    with threads_for(_numbers(post, particles)), open_progress(progress, "temper") as whole:
        side_by_side = SideBySide(ensembles)
        part = _progress_of_runs(whole, side_by_side)
        if start == "basins":
            assert isinstance(layer, OutputLayer)
            runs = from_basins(layer, particles, steps, rngs, side_by_side, part, tuning.basins)
        else:
            done: dict[int, Apart] = {}

            def one(e: int) -> Apart:
                began = time.perf_counter()
                if e in finished:
                    return finished[e]
                run = independent_run(
                    layer, particles, steps, rngs[e], partial(part, e), tuning.independent,
                    basins=start == "both",
                )  # fmt: skip
                return Apart(run, rngs[e], time.perf_counter() - began, start)

            def kept(e: int, run: Apart) -> None:
                done[e] = run
                if keep is not None and e not in finished and len(done) < ensembles:
                    keep(done)

            made = side_by_side(one, kept)
            runs, rngs = [run.run for run in made], [run.rng for run in made]
        seconds = before + time.perf_counter() - began
    return _result(layer, start, runs, rngs, seconds, tuning)


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
    layer = space_of(post)
    start = choose_start(post, layer, start, tuning)
    if start == "basins":
        return None
    post.make_ready(progress)
    rng, began = _generator(checked("seed", seed, SEED), e), time.perf_counter()
    with threads_for(_numbers(post, particles)), open_progress(progress, "temper") as told:
        run = independent_run(
            layer, particles, steps, rng, lambda done, text: told(done, 1.0, text),
            tuning.independent, basins=start == "both",
        )  # fmt: skip
    return Apart(run, rng, time.perf_counter() - began, start)


def together(
    post: Posterior, runs: Sequence[Apart], tuning: TemperDetail = TEMPER_DETAIL
) -> Tempering:
    """What runs 0 … E − 1, each made apart, come to; ``seconds`` are those of all of them."""
    return _result(
        space_of(post),
        runs[0].start,
        [one.run for one in runs],
        [one.rng for one in runs],
        sum(one.seconds for one in runs),
        tuning,
    )


def _numbers(post: Posterior, particles: int) -> int:
    """How many numbers one move of all particles works on."""
    return particles * post.data.n * (max(post.net.sizes) + 1)


def _result(
    layer: Layer,
    start: str,
    runs: Sequence[TemperedRun],
    rngs: Sequence[np.random.RandomState],
    seconds: float,
    tuning: TemperDetail,
) -> Tempering:
    size, tempered = len(runs[0].h), [run.log_z for run in runs]
    if start == "basins":
        found: Sequence[TemperedRun | Refined] = tuning.basins.preference.choose(runs)
        refined = [run.refined for run in runs if run.refined is not None]
        efficiency, mixtures = [r.efficiency for r in refined], [r.mixture for r in refined]
    else:
        found, efficiency = runs, [run.efficiency for run in runs]
        tempered = [run.log_z if run.first_log_z is None else run.first_log_z for run in runs]
        useful = all(share >= tuning.useful for share in efficiency)
        mixtures = [run.mixture for run in runs if run.mixture is not None] if useful else []
    pairs = zip(found, rngs, strict=True)
    return Tempering(
        theta=np.stack([layer.draw(f.h[:size], rng).theta for f, rng in pairs]),
        log_z=np.array([f.log_z for f in found]),
        tempered_log_z=np.array(tempered),
        efficiency=np.array(efficiency),
        betas=_padded([run.betas for run in runs]),
        acceptance=_padded([run.acceptance for run in runs]),
        mixtures=tuple(mixtures),
        seconds=seconds,
        start=start,
        parts=np.array([np.empty(0) if run.parts is None else run.parts for run in runs]),
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
    post: Posterior, layer: Layer, start: str, tuning: TemperDetail = TEMPER_DETAIL
) -> str:
    """ "prior", "both" or "basins", where ``start`` is one of them or "auto"."""
    if start != "auto":
        return start
    if len(post.net.hidden) != 1 or layer.ndim > tuning.independent.searched:
        return "prior"
    low, high = tuning.many_basins
    if not post.exact_layer or post.infers_noise or not low <= layer.ndim <= high:
        return "both"
    return "basins" if gain_of_a_perfect_fit(post) > tuning.sharp else "both"


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray:
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
