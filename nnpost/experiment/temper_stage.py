"""Tempering: starts and evidence, into the run file."""

from __future__ import annotations

from ..storage.results import read_stage, write_stages
from ..tempering.kept_runs import KeptRuns
from ..tempering.result import Tempering
from ..tempering.temper import temper
from .announce import announce
from .keep import in_words, keep
from .request import Request

__all__ = ["temper_stage"]


def temper_stage(request: Request, resume: bool) -> Tempering | None:
    """Particles brought from the prior to the posterior, where the chain starts from them.

    With ``resume``, those that are in the run file already; runs that are finished before the
    others are kept there in the meantime.
    """
    found = read_stage(request.path, Tempering) if resume else None
    if found is not None or request.experiment.sample.start != "tempered":
        return found
    asked = in_words(request.experiment.temper, request)
    kept = read_stage(request.path, KeptRuns) if resume else None
    found = temper(
        request.post,
        request.experiment.sample.ensembles,
        **request.experiment.temper.table(),
        seed=request.experiment.seed,
        progress=request.progress,
        finished=kept.runs if kept is not None and kept.asked == asked else {},
        keep=lambda runs: write_stages(request.path, KeptRuns(asked, runs)),
    )
    announce(request, f"tempered in {found.seconds:.1f} s: log Z {found.log_evidence:.2f}")
    keep(request, found, drop=(KeptRuns.group,))
    return found
