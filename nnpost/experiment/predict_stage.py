"""Predicting: points without themselves and points held out, into the run file."""

from __future__ import annotations

from ..comparison.estimate_loo import leave_one_out
from ..comparison.held_out import HeldOut
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.score_held_out import score_held_out
from ..sampling.run import Run
from ..storage.results import write_stages
from .request import Request

__all__ = ["predict_stage"]


def predict_stage(request: Request, result: Run) -> tuple[LeaveOneOut, HeldOut | None]:
    """How well points are predicted: each without itself, and those that were held out, if any."""
    left_out = leave_one_out(result, detail=request.detail)
    held_out = None
    if request.test is not None:
        held_out = score_held_out(result, request.test, detail=request.detail)
    write_stages(request.path, left_out, held_out)
    return left_out, held_out
