"""Sampling: the chain in the run file, new or longer."""

from __future__ import annotations

from dataclasses import replace

from ..sampling.provenance import Sampled
from ..sampling.run import Run
from ..sampling.sample import sample
from ..sampling.until import until_converged
from ..storage.results import read_stage
from ..storage.runfile import write_groups
from ..tempering.result import Tempering
from ..training.fits import Fits
from .announce import announce
from .keep import keep
from .request import Request

__all__ = ["sample_stage"]


def sample_stage(
    request: Request, fits: Fits | None, tempering: Tempering | None, resume: bool
) -> Run:
    """A new chain, or the one in the run file continued; until it has converged, if asked."""
    if resume and read_stage(request.path, Sampled) is not None:
        write_groups(request.path, request.groups())
    else:
        keep(request, drop=("sampling",))
        resume = False
    if request.budget is not None:
        announce(request, f"sampling until the verdict holds, or {request.budget} are spent")
    result = extend_chain(request, fits, tempering, resume)
    if request.budget is None:
        return result

    def extend(nsteps: int) -> Run:
        settings = replace(request.experiment.sample, nsteps=nsteps)
        longer = replace(request, experiment=replace(request.experiment, sample=settings))
        write_groups(request.path, longer.groups())
        return extend_chain(longer, fits, tempering, resume=True)

    return until_converged(result, extend, request.budget, lambda text: announce(request, text))


def extend_chain(
    request: Request, fits: Fits | None, tempering: Tempering | None, resume: bool
) -> Run:
    """Bring the chain to the length that the experiment asks for."""
    result = sample(
        request.post,
        request.path,
        **request.experiment.sample.table(),
        seed=request.experiment.seed,
        fits=fits,
        tempering=tempering,
        resume=resume,
        progress=request.progress,
    )
    size = f"{result.nsteps:,} steps of {result.nwalkers} walkers"
    announce(request, f"sampled {size} in {result.seconds:.1f} s")
    return result
