"""Comparing: verdicts and score card of a chain, into the run file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..common.progress import Progress, silent
from ..comparison.check_fit import check_fit
from ..comparison.compare import compare
from ..comparison.result import Comparison
from ..comparison.score import score
from ..comparison.scorecard import ScoreCard
from ..sampling.run import Run
from ..storage.results import write_stages
from ..training.maximise import maximise
from .request import Request

__all__ = ["compare_stage"]


def compare_stage(
    request: Request, result: Run, progress: Progress = silent
) -> tuple[Run, Comparison | None, ScoreCard | None]:
    """The verdicts on chain and model and, where there are fits, the comparison and the score card.

    MAP and MLE of the fits are raised to what draws and climbs have found to be higher.
    """
    comparison = card = None
    for _ in range(2):  # what is climbed to for the score card may be higher once more
        if result.fits is None:
            break
        detail = request.detail
        progress(1, 5, "maxima and predictions")
        comparison = compare(request.post, result.fits, result, detail=detail)
        fits = replace(result.fits, map=comparison.map, mle=comparison.mle)
        result = replace(result, fits=fits)
        progress(2, 5, "where SGD lies")
        card = score(request.post, fits, result, comparison, detail=detail)
        highest = max(card.modes.modes, key=lambda mode: mode.log_prob, default=None)
        if highest is None or highest.log_prob <= fits.map.log_prob + 1e-6:
            break
        top = maximise(request.post, np.stack([fits.map.theta, highest.theta]))
        result = replace(result, fits=replace(fits, map=top))
    progress(3, 5, "the model")
    result = replace(result, fit=check_fit(result))
    write_stages(request.path, result.fits, result.verdict, result.fit, comparison, card)
    return result, comparison, card
