"""What cheaper methods make of the same posterior, each beside the MCMC draws.

Each is a file with a function ``curves(reference, fits, seed)`` that yields what it says as
:class:`~nnpost.comparison.approximation.Curves` at the reference's inputs. A new one is such a file
and its entry in APPROXIMATIONS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..training.fits import Fits
from . import constant_sgd, deep_ensemble, laplace
from .against import against
from .approximation import Approximation, Curves
from .distance import Reference

__all__ = ["approximations"]

APPROXIMATIONS: tuple[Callable[[Reference, Fits, int], Iterator[Curves]], ...] = (
    deep_ensemble.curves,
    laplace.curves,
    constant_sgd.curves,
)


def approximations(reference: Reference, fits: Fits, seed: int = 0) -> Iterator[Approximation]:
    """All of them, in the order in which tables show them."""
    for curves in APPROXIMATIONS:
        for found in curves(reference, fits, seed):
            yield against(reference, found)
