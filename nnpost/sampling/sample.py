"""Sampling with emcee: several independent ensembles side by side in one vectorised run.

The sampler is emcee's ``EnsembleSampler`` on the vectorised log density. Its random state is set
here from ``seed`` (a fresh sampler would copy numpy's global one), and its backend is the run
file's :class:`~nnpost.storage.hdf_backend.RunFileBackend`, or memory where no path is given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import emcee
import numpy as np

from ..common.errors import RequestError, choose
from ..common.parallel import threads_for
from ..common.progress import Progress, open_progress
from ..moves.hmc import HamiltonianMove
from ..moves.names import WALKERS, WARMUP
from ..moves.registry import (
    GRADIENT_MOVES,
    PROPOSALS,
    make_move,
    uses_gradients,
)
from ..posterior.posterior import Posterior
from ..storage.backend import MemoryBackend
from ..storage.hdf_backend import RunFileBackend
from ..storage.runfile import new_file, read_group, write_groups
from ..tempering.result import Tempering
from ..tempering.temper import temper
from ..training.fits import Fits
from .load import describe, holds, load
from .run import Run
from .start import STARTS, starting_places

__all__ = ["MOVES", "Sampling", "choose_walkers", "sample"]

MOVES = ("collapsed", *PROPOSALS, *GRADIENT_MOVES)


@dataclass(frozen=True)
class Sampling:
    """The settings of a sampling run, checked; what ``resume`` must find again in the file."""

    ensembles: int
    nwalkers: int
    nsteps: int
    discard: int
    thin: int
    moves: str
    start: str
    seed: int

    def __post_init__(self) -> None:
        choose("sample.moves", self.moves, MOVES)
        choose("sample.start", self.start, STARTS)
        least = {"ensembles": 1, "nwalkers": 2, "nsteps": 1, "discard": 0, "thin": 1, "seed": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise RequestError(
                    f"sample.{name}: found {getattr(self, name)}, expected at least {low}"
                )
        if self.discard >= self.nsteps or self.thin > self.nsteps:
            name = "discard" if self.discard >= self.nsteps else "thin"
            raise RequestError(
                f"sample.{name}: found {getattr(self, name)}, expected fewer than sample.nsteps "
                f"= {self.nsteps}"
            )

    @property
    def rows(self) -> int:
        """How many rows are kept: one for every ``thin`` steps."""
        return self.nsteps // self.thin

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Settings, other than more steps, in which a stored run differs from this one."""
        mine = asdict(self)
        fixed = [key for key in mine if key not in ("nsteps", "discard")]
        return [
            f"{k} = {other.get(k)} in the file, {mine[k]} asked for"
            for k in fixed
            if other.get(k) != mine[k]
        ]


def choose_walkers(nwalkers: int | None, ndim: int, spanning: bool = True) -> int:
    """Walkers of one ensemble for ``ndim`` parameters: checked, or 32 and at least 2·ndim.

    Moves that only combine walkers stay within what the ensemble spans, and 2·ndim are sure to
    span everything. Without ``spanning``, as for gradient moves whose momenta point anywhere, any
    even number will do, and 8 are chosen.

    Raises RequestError for an odd number and for too few.
    """
    if not spanning:
        if nwalkers is not None and (nwalkers < 2 or nwalkers % 2):
            raise RequestError(
                f"sample.nwalkers: found {nwalkers}, expected an even number of at least 2; "
                f"use {max(2, nwalkers + nwalkers % 2)}"
            )
        return WALKERS if nwalkers is None else nwalkers
    least = 2 * ndim
    if nwalkers is None:
        return max(32, least)
    if nwalkers < least or nwalkers % 2:
        raise RequestError(
            f"sample.nwalkers: found {nwalkers}, expected an even number of at least {least} "
            f"(twice the {ndim} parameters); use {max(least, nwalkers + nwalkers % 2)}"
        )
    return nwalkers


def sample(
    post: Posterior,
    path: str | os.PathLike[str] | None = None,
    ensembles: int = 4,
    nwalkers: int | None = None,
    nsteps: int = 5000,
    seed: int = 0,
    moves: str = "collapsed",
    start: str = "tempered",
    discard: int | None = None,
    thin: int = 1,
    *,
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
        nsteps: steps of every walker.
        seed: determines the chain, together with everything else given here.
        moves: "collapsed" draws the output layer exactly and samples the rest, along gradients
            where that is more than 25 parameters; "stretch", "de", "snooker" and "walk", and along
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
        RequestError: settings that make no sense, or a file that cannot be used or continued.
    """
    settings = Sampling(
        ensembles, choose_walkers(nwalkers, post.ndim, not uses_gradients(moves, post)), nsteps,
        nsteps // 5 if discard is None else discard, thin, moves, start, seed,
    )  # fmt: skip
    if resume and path is None:
        raise RequestError("resume: there is no path; give the run file to continue")
    if start == "tempered" and tempering is None:
        tempering = _stored_tempering(path) if resume else None
        tempering = tempering or temper(post, ensembles, seed=seed, progress=progress)
    tempered = tempering if start == "tempered" and tempering is not None else None
    move = make_move(
        post,
        moves,
        ensembles,
        min(settings.discard, WARMUP),
        mixtures=tempered.mixtures if tempered else (),
        sharp=tempered is not None and tempered.start == "basins",
    )
    # A start that cannot be used is refused here, before any file is touched.
    first = _first_state(post, settings, fits, tempering)
    began = time.perf_counter()
    if path is None:
        chain = MemoryBackend()
        _advance(post, settings, move, chain, first, progress)
        rows, log_prob = chain.get_value("chain"), chain.get_value("log_prob")
        seconds = time.perf_counter() - began
        return Run(
            post, rows, log_prob, chain.accepted / len(rows), ensembles, settings.discard, thin,
            moves, start, seed, seconds, fits, tempering,
        )  # fmt: skip
    _prepare(post, path, settings, tempering, fits, resume)
    state = getattr(move, "get_state", dict)
    with RunFileBackend(
        path, resume=resume, move_state=state, drop=("verdict", "comparison")
    ) as chain:
        if chain.iteration and hasattr(move, "set_state"):
            move.set_state(chain.saved_moves)
            _check_warmup(move, settings)
        _advance(post, settings, move, chain, first, progress)
    kept = read_group(path, "sampling") or {}
    seconds = kept.get("seconds", 0.0) * resume + time.perf_counter() - began
    write_groups(path, {"sampling": {**asdict(settings), "seconds": seconds}})
    return load(path, device=post.device)


def _advance(
    post: Posterior,
    settings: Sampling,
    move: emcee.moves.Move,
    chain: MemoryBackend,
    first: emcee.State,
    progress: Progress | bool,
) -> None:
    """Run emcee until ``chain`` has all its rows; ``first`` is where an empty chain starts."""
    walkers, done = settings.ensembles * settings.nwalkers, chain.iteration
    if done >= settings.rows:
        return
    sampler = emcee.EnsembleSampler(
        walkers, post.ndim, post.log_prob, moves=move, vectorize=True, backend=chain
    )
    steps = sampler.sample(
        chain.get_last_sample() if done else first, iterations=settings.rows - done,
        thin_by=settings.thin, skip_initial_state_check=True,
    )  # fmt: skip
    every = max(1, settings.rows // 200)
    batch = walkers // 2 * post.data.n * (max(post.net.sizes) + 1)
    with threads_for(batch), open_progress(progress, "sample") as progress:
        for row, _ in enumerate(steps, done + 1):
            if row % every == 0 or row == settings.rows:
                taken = float(np.mean(chain.accepted)) / row
                progress(row, settings.rows, f"accepted {taken:.2f}")


def _first_state(
    post: Posterior, settings: Sampling, fits: Fits | None, tempering: Tempering | None
) -> emcee.State:
    """Places, log densities and random state before the first step; by the seed alone."""
    rng = np.random.RandomState(np.random.SeedSequence(settings.seed).generate_state(8))
    coords = starting_places(
        post, settings.start, (settings.ensembles, settings.nwalkers), rng, fits, tempering
    )
    log_prob = post.log_prob(coords)
    lost = np.count_nonzero(~np.isfinite(log_prob))
    if lost:
        raise RequestError(
            f"sample.start: {lost} of {len(coords)} walkers start where the posterior is zero; "
            "choose another start"
        )
    return emcee.State(coords, log_prob=log_prob, random_state=rng.get_state())


def _check_warmup(move: emcee.moves.Move, settings: Sampling) -> None:
    """A chain that is continued was tuned during as many steps as it was begun with."""
    if isinstance(move, HamiltonianMove) and settings.discard < move.warmup:
        raise RequestError(
            f"sample.discard: found {settings.discard}, expected at least the {move.warmup} steps "
            "during which this chain was tuned"
        )


def _prepare(
    post: Posterior,
    path: str | os.PathLike[str],
    settings: Sampling,
    tempering: Tempering | None,
    fits: Fits | None,
    resume: bool,
) -> None:
    """Make the file ready for the chain: a new one, or the old one if it is of this posterior."""
    groups: dict[str, Any] = {"sampling": asdict(settings)}
    if tempering is not None:
        groups["tempering"] = tempering.to_tree()
    if fits is not None:
        groups["fits"] = fits.to_tree()
    same = os.path.exists(path) and holds(path, post)
    if resume:
        old = read_group(path, "sampling")
        if not same or old is None:
            raise RequestError(f"{path} holds no chain of this posterior; run without resume")
        if wrong := settings.differences(old):
            raise RequestError(f"{path} cannot be continued: {wrong[0]}; run without resume")
        groups["sampling"]["seconds"] = old.get("seconds", 0.0)
        groups = {"sampling": groups["sampling"]}
    elif not same:
        new_file(path, describe(post) | groups)
        return
    write_groups(path, groups)


def _stored_tempering(path: Any) -> Tempering | None:
    tree = read_group(path, "tempering")
    return None if tree is None else Tempering.from_tree(tree)
