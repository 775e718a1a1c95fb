"""Sampling with emcee: several independent ensembles side by side in one vectorised run.

The sampler is emcee's ``EnsembleSampler`` with the loop of sampler.py, on the vectorised log
density. Its random state is set here from ``seed`` (a fresh sampler would copy numpy's global one),
and its backend is the run file's :class:`~nnpost.storage.hdf_backend.RunFileBackend`, or memory
where no path is given.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import emcee
import numpy as np

from ..common.errors import RequestError
from ..common.parallel import threads_for
from ..common.progress import Progress, open_progress
from ..common.rules import SEED, checked
from ..moves.names import WARMUP
from ..moves.registry import make_move
from ..posterior.posterior import Posterior
from ..storage.backend import MemoryBackend
from ..storage.hdf_backend import RunFileBackend
from ..storage.made_from import made_from
from ..storage.results import as_groups, read_stage, write_stages
from ..storage.runfile import new_file, write_groups
from ..tempering.result import Tempering
from ..tempering.settings import TemperSettings
from ..tempering.temper import temper
from ..training.fits import Fits
from .load import describe, holds, load
from .provenance import Sampled
from .run import Run
from .sampler import Sampler
from .settings import SampleSettings
from .start import starting_places

__all__ = ["sample"]


def sample(
    post: Posterior,
    path: str | os.PathLike[str] | None = None,
    *,
    ensembles: int = SampleSettings.ensembles,
    nwalkers: int | None = SampleSettings.nwalkers,
    nsteps: int | None = SampleSettings.nsteps,
    seed: int = 0,
    moves: str = SampleSettings.moves,
    start: str = SampleSettings.start,
    discard: int | None = SampleSettings.discard,
    thin: int = SampleSettings.thin,
    fits: Fits | None = None,
    tempering: Tempering | None = None,
    resume: bool = False,
    progress: Progress | bool = False,
) -> Run:
    """Sample a posterior with independent ensembles of walkers.

    Args:
        path: the run file to write; None keeps the chain in memory. A file that holds a run of the
            same posterior keeps its other stages; any other file of nnpost's is replaced.
        ensembles: E, the number of independent ensembles; a verdict needs 4.
        nwalkers: walkers of each ensemble, even and at least 2P; None takes max(32, 2P). With
            "hmc", and with "collapsed" where it uses gradients, any even number; None takes 8.
        nsteps: steps of every walker; None takes 5000.
        seed: determines the chain, together with everything else given here.
        moves: "auto" takes "collapsed", or "hmc" where the output layer cannot be integrated out
            (another prior of it than a Gaussian, a module of one's own, or a likelihood that is no
            Gaussian, Student's t or several of Gaussian targets), and where several inputs have 13
            to 25 parameters in front of that layer under one Gaussian; "collapsed" draws
            the layer exactly and samples the rest, along gradients where that is more than 25
            parameters, and wherever the likelihood is not one Gaussian; "stretch", "de",
            "snooker" and "walk", and along
            gradients "hmc", "hmc-walk" and "hmc-side", act on all parameters. A network without a
            hidden layer whose noise is given is drawn exactly and directly by "collapsed".
        start: "tempered" (one tempered run for each ensemble), "fits" (end points of restarts),
            "prior", or "ball" (1e-4 around zero, as in the article).
        discard: steps at the beginning that results leave out; a fifth of nsteps by default.
            Gradient moves are tuned during the first 200 of them (or all, if there are fewer),
            and never after.
        thin: keep one row for every so many steps.
        fits: needed by start="fits"; kept with the run.
        tempering: starts and evidence that are there already.
        resume: continue the chain in ``path``; ``nsteps`` counts from the beginning.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.

    Returns:
        The run, with chain (rows, E·nwalkers, P).

    Raises:
        RequestError: settings that make no sense, a file that cannot be used or continued, or a
            posterior that it cannot keep. Nothing has then been computed or written, except where
            the tempered runs themselves, or the places that they led to, cannot be used.
    """
    settings = SampleSettings(
        moves=moves, start=start, ensembles=ensembles, nwalkers=nwalkers, nsteps=nsteps,
        discard=discard, thin=thin,
    ).resolved(post)  # fmt: skip
    seed = checked("seed", seed, SEED)
    if resume and path is None:
        raise RequestError("resume: there is no path; give the run file to continue")
    groups = {} if path is None else _groups(post, path, _made(settings, seed), resume)
    post.make_ready(progress)
    if start == "tempered":
        if tempering is None and resume and path is not None:
            tempering = read_stage(path, Tempering)
        particles = TemperSettings.particles if tempering is None else tempering.theta.shape[1]
        TemperSettings(particles=particles).checked_for(post, nwalkers=settings.shape[1])
        if tempering is None:
            tempering = temper(post, settings.ensembles, seed=seed, progress=progress)
    tempered = tempering if start == "tempered" else None
    move = make_move(
        post,
        settings.moves,
        settings.ensembles,
        min(settings.discarded, WARMUP),
        mixtures=tempered.mixtures if tempered else (),
        seen=tempered.theta.reshape(-1, post.ndim) if tempered else None,
        sharp=tempered is not None and tempered.start == "basins",
    )
    # A start that cannot be used is refused here, before any file is touched.
    first = _first_state(post, settings, seed, fits, tempering)
    chain = _Chain(post, settings, seed, move, first, progress)
    if path is None:
        return chain.in_memory(fits, tempering)
    _prepare(path, groups, () if resume else (tempering, fits))
    return chain.in_file(path, resume)


@dataclass(frozen=True, eq=False)
class _Chain:
    """A chain that is to be made; ``first`` is where it starts."""

    post: Posterior
    settings: SampleSettings
    seed: int
    move: emcee.moves.Move
    first: emcee.State
    progress: Progress | bool

    def in_memory(self, fits: Fits | None, tempering: Tempering | None) -> Run:
        """The run of the whole chain, kept in memory."""
        backend, began, settings = MemoryBackend(), time.perf_counter(), self.settings
        self.advance(backend)
        return Run(
            post=self.post,
            chain=backend.get_value("chain"),
            log_prob=backend.get_value("log_prob"),
            accepted=backend.accepted / settings.rows,
            ensembles=settings.ensembles,
            discard=settings.discarded,
            thin=settings.thin,
            moves=settings.moves,
            start=settings.start,
            seed=self.seed,
            seconds=time.perf_counter() - began,
            fits=fits,
            tempering=tempering,
        )

    def in_file(self, path: str | os.PathLike[str], resume: bool) -> Run:
        """The run of the whole chain, kept in a file; with ``resume``, of what is missing there."""
        began = time.perf_counter()
        state = getattr(self.move, "get_state", dict)
        gone = made_from({"mcmc"}, self.settings.start)
        with RunFileBackend(path, resume=resume, move_state=state, drop=gone) as backend:
            if backend.iteration and hasattr(self.move, "set_state"):
                self.move.set_state(backend.saved_moves)
                _check_warmup(self.move, self.settings)
            self.advance(backend)
        before = read_stage(path, Sampled) if resume else None
        seconds = time.perf_counter() - began + (before.spent if before else 0.0)
        write_stages(path, replace(_made(self.settings, self.seed), seconds=seconds))
        post = self.post
        return load(path, device=post.device, net=post.net, likelihood=post.likelihood)

    def advance(self, backend: MemoryBackend) -> None:
        """Run emcee until ``backend`` has all rows of the chain."""
        settings, post, done = self.settings, self.post, backend.iteration
        walkers = math.prod(settings.shape)
        if done >= settings.rows:
            return
        sampler = Sampler(
            walkers, post.ndim, post.log_prob, moves=self.move, vectorize=True, backend=backend
        )
        last = backend.get_last_sample() if done else self.first
        steps = sampler.sample(last, settings.rows - done, settings.thin)
        every = max(1, settings.rows // 200)
        numbers = walkers // 2 * post.data.n * (max(post.net.sizes) + 1)
        with threads_for(numbers), open_progress(self.progress, "sample") as progress:
            for row, _ in enumerate(steps, done + 1):
                if row % every == 0 or row == settings.rows:
                    taken = float(np.mean(backend.accepted)) / row
                    progress(row, settings.rows, f"accepted {taken:.2f}")


def _made(settings: SampleSettings, seed: int) -> Sampled:
    """What the run file says of a chain, all choices written out."""
    return Sampled(**settings.table() | {"discard": settings.discarded, "seed": seed})


def _groups(
    post: Posterior, path: str | os.PathLike[str], made: Sampled, resume: bool
) -> dict[str, Any]:
    """What is to be written before the chain: all about the posterior, too, if the file is new.

    Raises RequestError for a posterior that a run file cannot keep, a file that is none, and, with
    ``resume``, for one that holds no chain of this posterior or one made with other settings.
    """
    about = describe(post)
    same = os.path.exists(path) and holds(path, post)
    if not resume:
        return as_groups(made) if same else about | as_groups(made)
    old = read_stage(path, Sampled)
    if not same or old is None:
        raise RequestError(f"{path} holds no chain of this posterior; run without resume")
    for key, there, here in old.differences(made):
        raise RequestError(
            f"{path} cannot be continued: {key} = {there} in the file, {here} asked for; "
            "ask for what is in the file, or leave resume out to sample anew"
        )
    return as_groups(replace(made, seconds=old.spent))


def _prepare(
    path: str | os.PathLike[str], groups: dict[str, Any], stages: Sequence[Tempering | Fits | None]
) -> None:
    """Make the file ready for the chain: a new one, or the old one if it is of this posterior."""
    groups = groups | as_groups(*stages)
    if "experiment" in groups:
        new_file(path, groups)
    else:
        write_groups(path, groups)


def _first_state(
    post: Posterior,
    settings: SampleSettings,
    seed: int,
    fits: Fits | None,
    tempering: Tempering | None,
) -> emcee.State:
    """Places, log densities and random state before the first step; by the seed alone."""
    rng = np.random.RandomState(np.random.SeedSequence(seed).generate_state(8))
    coords = starting_places(post, settings, rng, fits, tempering)
    log_prob = post.log_prob(coords)
    lost = np.count_nonzero(~np.isfinite(log_prob))
    if lost:
        raise RequestError(
            f"sample.start: {lost} of {len(coords)} walkers start where the posterior is zero; "
            "choose another start"
        )
    return emcee.State(coords, log_prob=log_prob, random_state=rng.get_state())


def _check_warmup(move: emcee.moves.Move, settings: SampleSettings) -> None:
    """A chain that is continued was tuned during as many steps as it was begun with."""
    warmup = getattr(move, "warmup", 0)
    if settings.discarded < warmup:
        raise RequestError(
            f"sample.discard: found {settings.discarded}, expected at least the {warmup} "
            "steps during which this chain was tuned"
        )
