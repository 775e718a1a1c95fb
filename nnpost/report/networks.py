"""SGD, MAP, MLE and best sample of a run: as they were found, and in the copy that is shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..comparison.result import Comparison
from ..network.layout import Layout
from ..network.symmetry import one_copy
from ..training.fits import Fits
from ..training.optimum import Optimum

__all__ = ["networks"]


class Shown(NamedTuple):
    """A network as it was found, and the copy of it that is shown, (P,)."""

    found: Optimum
    copy: np.ndarray


def networks(fits: Fits | None, comparison: Comparison | None, net: Layout) -> dict[str, Shown]:
    """By name: the four of the comparison, or before it the three of the fits, if there are any."""
    names = ("sgd", "map", "mle", "best_sample")  # in the order of the comparison's rows
    if comparison is not None:
        found = [getattr(comparison, name) for name in names]
        return dict(zip(names, map(Shown, found, comparison.folded), strict=True))
    if fits is None:
        return {}
    found = [fits.sgd, fits.map, fits.mle]
    folded = one_copy(net, np.stack([one.theta for one in found]), fits.map.theta)
    return dict(zip(names, map(Shown, found, folded), strict=False))
