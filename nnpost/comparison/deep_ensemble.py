"""The restarts taken for draws of the posterior (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..training.fits import Fits
from .approximation import Curves
from .distance import Reference

__all__ = ["curves"]


def curves(reference: Reference, fits: Fits, seed: int) -> Iterator[Curves]:
    """All restarts that have not diverged, one draw each."""
    trained = fits.theta[np.isfinite(fits.mse)]
    yield Curves("restarts as an ensemble", reference.post.curves(trained, reference.x))
