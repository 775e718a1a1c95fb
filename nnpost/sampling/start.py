"""Where walkers begin: at tempered particles, at the fits of SGD, at prior draws, or in a ball."""

from __future__ import annotations

import numpy as np

from ..common.errors import RequestError
from ..posterior.posterior import Posterior
from ..tempering.result import Tempering
from ..training.fits import Fits
from .settings import SampleSettings

__all__ = ["starting_places"]

BALL = 1e-4  # the article's: standard deviation of a "ball", around zero or around a fit


def starting_places(
    post: Posterior,
    settings: SampleSettings,
    rng: np.random.RandomState,
    fits: Fits | None,
    tempering: Tempering | None,
) -> np.ndarray:
    """Places of W walkers in each of E ensembles, as ``settings.shape`` says: (E·W, P).

    Runs of ``tempering`` are of enough particles, by ``TemperSettings.checked_for``.

    Raises:
        RequestError: what the start needs is not there, or is for other numbers of walkers.
    """
    start, (ensembles, width) = settings.start, settings.shape
    shape = (ensembles * width, post.ndim)
    if start == "prior":
        return post.prior_density.draw(shape[0], rng)
    if start == "ball":
        return BALL * rng.standard_normal(shape)
    if start == "fits":
        if fits is None:
            raise RequestError("sample.start: found 'fits', but there are none; train first")
        ends = fits.theta[np.isfinite(fits.log_prob)]
        return ends[rng.randint(len(ends), size=shape[0])] + BALL * rng.standard_normal(shape)
    assert tempering is not None
    if len(tempering.theta) != ensembles:
        raise RequestError(
            f"tempering: found {len(tempering.theta)} runs, expected one for each of the "
            f"{ensembles} ensembles"
        )
    return np.concatenate(
        [places[rng.permutation(len(places))[:width]] for places in tempering.theta]
    )
