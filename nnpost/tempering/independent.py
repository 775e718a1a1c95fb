"""A tempered run that knows of no other: search, try out, go.

1. For one hidden layer, a short search for basins (basin_hopping.py) gives a mixture. It stands
   beside the prior in the density from which particles start (path.py), so that a narrow mode that
   few particles of the prior would meet is met, and one that no climb has found is not excluded.
2. Small pilot populations go up the path on a ladder that they choose themselves. They settle its
   powers, the metric and the step of each rung, and, in not too many dimensions, what the next
   population starts from: a mixture fitted to theirs. That is repeated until draws from the start
   are worth something as importance samples.
3. New particles go the same way, in a few populations that know nothing of each other, so that
   their spread is an error. Nothing that moves or weighs them depends on them: the mean of exp(log
   Z) over runs is Z exactly, whatever the search and the pilots have found, and for any number of
   particles (sequential Monte Carlo with powers and kernels fixed beforehand; Del Moral 2004,
   *Feynman–Kac Formulae*, prop. 7.4.1).

What the theorem does not say is how much the estimate scatters: in many dimensions, or where all of
start and pilots have missed a mode, most runs are too low and a rare one is far too high.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..moves.registry import exchanged
from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture, fit_mixture
from ..posterior.spaces import Layer, folded_space
from .basin_hopping import Ascent, Search, search
from .ladder import Ladder, Rungs, follow, run_ladder
from .particles import PathParticles, Planned, Sweeps, Tune, Tuned, fresh_units
from .path import Path, Start
from .tempered_run import NoBasins, TemperedRun

__all__ = ["Independent", "independent_run"]


@dataclass(frozen=True)
class Independent:
    """How runs by themselves are made."""

    search: Search = field(
        default_factory=lambda: Search(
            restarts=250, ascent=Ascent(deep=30.0), hops=2, hoppers=50, components=50
        )
    )
    searched: int = 40  # dimensions up to which basins are searched for
    ladder: Ladder = field(default_factory=Ladder)
    sweeps: Sweeps = field(default_factory=Sweeps)
    pilot: float = 0.25  # particles of a pilot, as a share
    parts: int = 4  # populations that the particles are divided into
    fresh: int = 10  # draws of the start for every particle: they cost little beside the rest
    stages: int = 4  # pilots, at most
    enough: float = 100.0  # effective draws among those of the start that end the pilots
    plenty: float = 2.0  # of them for every particle, from which on none has to move any more
    fitted: int = 30  # dimensions up to which mixtures are fitted to pilots
    components: int = 24  # of these mixtures
    prior_share: tuple[float, float] = (0.5, 0.2)  # of the first start, and of those after it
    basins_share: float = 0.25  # of the rest of those after it
    few: float = 0.5  # effective share that points which stand for all data have to leave


class _Pilot(NamedTuple):
    """A pilot population at its end."""

    h: np.ndarray  # (N, H)
    rungs: Rungs
    plan: list[Tune]
    sweeps: int  # on each rung
    effective: float  # draws that those of its start were worth


class _Part(NamedTuple):
    """One of the populations that make a run, at its end."""

    h: np.ndarray  # (N, H)
    log_weights: np.ndarray  # (N,)  of the particles, among those of all populations
    log_z: float
    acceptance: list[float]
    efficiency: float  # effective share of the draws of the start


def independent_run(
    layer: Layer,
    particles: int,
    steps: int,
    rng: np.random.RandomState,
    progress: Callable[[float, str], None],
    tuning: Independent,
    basins: bool = True,
) -> TemperedRun:
    """N particles brought to the posterior; every four of ``steps`` are a sweep on each rung.

    ``basins`` tells whether to search for them; without them particles start from the prior alone.
    ``progress`` is called with the share of the work that is done, and a few words.
    """
    if layer.ndim == 0:  # nothing to move without hidden units
        h = np.zeros((particles, 0))
        return TemperedRun(h, float(layer.log_prob(h[:1])[0]), [0.0, 1.0], [math.nan, math.nan])
    run = _Run(layer, particles, max(2, steps // 4), rng, progress, tuning)
    found = run.basins() if basins else None
    start, first = Start(run.folded, found, tuning.prior_share[0]), None
    for stage in range(1, tuning.stages + 1):
        pilot = run.pilot(start, stage)
        first = pilot.rungs.log_z if first is None else first
        worth = stage > 1 and pilot.effective >= tuning.enough
        serve = run.points_serve(pilot.h)
        if serve and (worth or layer.ndim > tuning.fitted):
            break
        if not serve:
            run.folded = run.exact
        if layer.ndim <= tuning.fitted and stage < tuning.stages:
            fit = fit_mixture(pilot.h, tuning.components, rng)
            both = fit if found is None else found.joined(fit, tuning.basins_share)
            start = Start(run.folded, both, tuning.prior_share[1])
    return run.main(start, pilot)._replace(first_log_z=first)


class _Run:
    """What a run does, one after the other."""

    def __init__(
        self,
        layer: Layer,
        particles: int,
        sweeps: int,
        rng: np.random.RandomState,
        progress: Callable[[float, str], None],
        tuning: Independent,
    ) -> None:
        self.particles, self.sweeps, self.rng, self.tuning = particles, sweeps, rng, tuning
        self.progress, self.layer = progress, layer
        self.exact, self.folded = folded_space(layer), folded_space(layer.on_quadrature())
        self.groups, self.units = exchanged(layer), fresh_units(layer, tuning.sweeps)

    def basins(self) -> StudentMixture | None:
        """What a search finds; nothing where there is no hidden layer, or more than one."""
        layer, tuning = self.layer, self.tuning
        if len(layer.post.net.hidden) != 1 or layer.ndim > tuning.searched:
            return None
        self.progress(0.0, "search")
        try:
            found = search(self.folded, self.rng, tuning.search)
        except NoBasins:
            return None
        return found.mixture(tuning.search.components)

    def pilot(self, start: Start, stage: int) -> _Pilot:
        """A small population that finds its own way.

        Where draws of a fitted start are worth plenty, that is one rung on which nothing moves.
        """
        tuning, size = self.tuning, self._pilots
        path = Path(start, self.folded)
        tuner = Tuned(self.groups, start.scales, tuning.sweeps)
        particles = self._particles(path, size, tuner, self.sweeps)
        effective = math.exp(log_effective_size(particles.log_weights()(1.0)))
        if stage > 1 and effective >= tuning.plenty * size:
            particles.moves = 0
        done = self._progress((stage - 1) / tuning.stages * 0.3, 0.3 / tuning.stages)
        rungs = run_ladder(particles, size, self.rng, tuning.ladder, done)
        return _Pilot(particles.h, rungs, tuner.plan, particles.moves, effective)

    def points_serve(self, h: np.ndarray) -> bool:
        """Whether those that the path is on can stand for all data at h."""
        gap = self.exact.log_prob(h) - self.folded.log_prob(h)
        return math.exp(log_effective_size(gap)) >= self.tuning.few * len(h)

    def main(self, start: Start, pilot: _Pilot) -> TemperedRun:
        """New particles on the way that is known, weighed for all of the data at its end."""
        count = self.tuning.parts
        sizes = [len(part) for part in np.array_split(np.arange(self.particles), count)]
        parts = [self._part(start, pilot, size, k / count) for k, size in enumerate(sizes)]
        log_z = np.array([part.log_z for part in parts])
        log_weights = np.concatenate([part.log_weights for part in parts])
        rows = systematic(log_weights, self.rng, self.particles)
        h = np.concatenate([part.h for part in parts])[rows]
        few = self.layer.ndim <= self.tuning.fitted
        return TemperedRun(
            self.exact.unfold(h, self.rng),
            float(logsumexp(log_z, b=np.array(sizes) / self.particles)),
            pilot.rungs.betas,
            np.mean([part.acceptance for part in parts], axis=0).tolist(),
            mixture=fit_mixture(h, self.tuning.components, self.rng) if few else None,
            efficiency=float(np.mean([part.efficiency for part in parts])),
            parts=log_z,
        )

    def _part(self, start: Start, pilot: _Pilot, size: int, begun: float) -> _Part:
        path = Path(start, self.folded)
        particles = self._particles(path, size, Planned(pilot.plan), pilot.sweeps)
        efficiency = math.exp(log_effective_size(particles.log_weights()(1.0))) / len(particles.h)
        done = self._progress(0.3 + 0.7 * begun, 0.7 / self.tuning.parts)
        rungs = follow(particles, pilot.rungs.betas[1:], size, self.rng, done)
        end = particles.values.end
        alive = np.isfinite(end) & (rungs.log_z > -math.inf)  # others are an estimate of zero
        gap = np.where(alive, self.exact.log_prob(particles.h) - np.where(alive, end, 0), -np.inf)
        log_z = rungs.log_z + float(logsumexp(gap)) - math.log(size)
        return _Part(particles.h, rungs.log_z + gap, log_z, rungs.acceptance, efficiency)

    @property
    def _pilots(self) -> int:
        """Particles of a pilot: enough to tell a metric by."""
        share = round(self.tuning.pilot * self.particles)
        return min(self.particles, max(share, 4 * self.layer.ndim))

    def _particles(
        self, path: Path, size: int, tuner: Tuned | Planned, sweeps: int
    ) -> PathParticles:
        h = path.start.draw(self.tuning.fresh * size, self.rng)
        return PathParticles(path, h, sweeps, tuner, self.units, self.tuning.sweeps)

    def _progress(self, begin: float, part: float) -> Callable[[float, float], None]:
        def done(beta: float, log_z: float) -> None:
            self.progress(begin + part * beta, f"log Z {log_z:.1f}")

        return done
