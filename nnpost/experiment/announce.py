"""What a request says on stderr: a plain line at a time."""

from __future__ import annotations

import sys

from ..posterior.engine import without_kernels
from ..posterior.prior_check import prior_check
from .request import Request

__all__ = ["announce", "announce_warnings"]


def announce(request: Request, text: str) -> None:
    """One plain line on stderr, as about a stage that has ended."""
    if request.progress is True:
        print(text, file=sys.stderr, flush=True)


def announce_warnings(request: Request) -> None:
    """Say what is wrong with the table, where the data are out of the prior's reach, and why torch
    computes the densities."""
    because = without_kernels(request.post.net, request.post.device)
    if because:
        announce(request, f"torch computes the densities, not the compiled kernels: {because}")
    for warning in (*request.post.data.remarks, *prior_check(request.post)):
        announce(request, f"warning: {warning}")
