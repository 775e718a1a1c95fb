"""Tempered runs from basins: search, fit a mixture, temper from it.

For sharp posteriors of one hidden layer, whose many narrow basins particles from the prior do not
find. The runs tell each other where to look: all basins that any of them found, and mixtures fitted
to the particles of all, are what each of them is tempered from next (population Monte Carlo; Cappé
et al. 2008, Stat. Comput. 18, 447). Every stage draws new particles from that one mixture.

What holds of the result: *given* the mixture of the last stage, the runs are independent, and their
estimates of Z would be unbiased whatever the mixture is, but for the ladder, which each run's
particles choose for themselves (ladder.py). What does not: the runs are not independent without
that condition. They have the mixture in common, so that a basin that all searches and all moves
miss is missing in all of them; log Z is then too low by as much, and their spread does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import logsumexp

from ..common.parallel import SideBySide
from ..numerics.resampling import systematic
from ..numerics.student_mixture import StudentMixture, fit_mixture
from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer
from .annealing import Annealed, Annealing, anneal, draw_inside
from .basin_hopping import Basins, Search, pooled, search
from .importance import Refined, weigh
from .tempered_run import Preference, TemperedRun

__all__ = ["FromBasins", "from_basins"]


@dataclass(frozen=True)
class FromBasins:
    """How runs from basins are made."""

    search: Search = field(default_factory=Search)
    annealing: Annealing = field(default_factory=Annealing)
    stages: int = 5  # times, at least one, that all are annealed; the last gives the result
    components: int = 200  # of the mixture fitted to the particles of all runs
    basins_share: float = 0.25  # of the basins' own mixture in what is tempered from
    draws: int = 4000  # importance draws of each run from the last mixture
    # Tempering from a mixture is good already: importance sampling has to be better.
    preference: Preference = field(default_factory=lambda: Preference(share=0.1))
    search_share: float = 0.25  # of the work, for progress


def from_basins(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rngs: Sequence[np.random.RandomState],
    side_by_side: SideBySide,
    progress: Callable[[int, float, str], None],
    tuning: FromBasins,
) -> list[TemperedRun]:
    """One run for each of ``rngs``: search, then anneal and fit a mixture to all, stage by stage.

    Every four of ``steps`` are a sweep. ``progress`` is called with the number of a run, the share
    of its work that is done, and a few words. Raises NoBasins where the search fails.
    """
    runs = _Runs(
        exact=FoldedPosterior(layer),
        folded=FoldedPosterior(layer.on_quadrature()),
        particles=particles,
        sweeps=max(1, steps // 4),
        rngs=rngs,
        progress=progress,
        tuning=tuning,
    )
    basins = pooled(side_by_side(runs.look), tuning.search.ascent)
    mixture = start = basins.mixture(tuning.search.components)
    for stage in range(tuning.stages):
        words = f"{len(basins.h)} basins"
        found = side_by_side(partial(runs.anneal, mixture, stage, words))
        fit = fit_mixture(np.concatenate([run.h for run in found]), tuning.components, rngs[0])
        mixture = start.joined(fit, tuning.basins_share)
    return side_by_side(partial(runs.finish, fit, found))


@dataclass(frozen=True, eq=False)
class _Runs:
    """All runs, and what each of them does; ``e`` is the number of one.

    ``exact`` is the posterior, ``folded`` the same on fewer points, where there are fewer.
    """

    exact: FoldedPosterior
    folded: FoldedPosterior
    particles: int
    sweeps: int
    rngs: Sequence[np.random.RandomState]
    progress: Callable[[int, float, str], None]
    tuning: FromBasins

    def look(self, e: int) -> Basins:
        """Search for basins."""
        part = self.tuning.search_share
        return search(
            self.folded,
            self.rngs[e],
            self.tuning.search,
            lambda done: self.progress(e, part * done, "search"),
        )

    def anneal(self, mixture: StudentMixture, stage: int, words: str, e: int) -> Annealed:
        """Bring new particles from the mixture to the posterior; ``words`` go with the progress."""
        tuning, part = self.tuning, self.tuning.search_share

        def at(beta: float) -> None:
            self.progress(e, part + (1 - part) * (stage + beta) / tuning.stages, words)

        return anneal(
            self.folded, mixture, self.particles, self.sweeps, self.rngs[e], tuning.annealing, at
        )

    def finish(self, fit: StudentMixture, found: Sequence[Annealed], e: int) -> TemperedRun:
        """What a run has come to, for all of the data, with importance draws from ``fit``."""
        refined = _refined(self.exact, fit, self.tuning.draws, self.rngs[e])
        run = _corrected(self.exact, found[e], refined, self.rngs[e])
        self.progress(e, 1.0, f"log Z {run.log_z:.1f}")
        return run


def _corrected(
    exact: FoldedPosterior, run: Annealed, refined: Refined, rng: np.random.RandomState
) -> TemperedRun:
    """What is annealed on few points, weighed and resampled for all of the data."""
    log_weights = exact.log_prob(run.h) - run.posterior
    log_z = run.rungs.log_z + float(logsumexp(log_weights)) - math.log(len(run.h))
    h = exact.unfold(run.h[systematic(log_weights, rng)], rng)
    return TemperedRun(h, log_z, run.rungs.betas, run.rungs.acceptance, refined)


def _refined(
    exact: FoldedPosterior, mixture: StudentMixture, draws: int, rng: np.random.RandomState
) -> Refined:
    """Importance sampling from the last mixture, for all of the data."""
    q, share = draw_inside(exact, mixture, draws, rng)
    found = weigh(exact, q, mixture, rng, share)
    return found._replace(h=exact.unfold(found.h, rng))
