"""Sizes of which numbers with 16 digits hold no squares, or no differences: refused at the start.

A density adds squares of data over squares of the noise. Where one of them is beyond 1e±300, or the
two are further apart than the digits reach, it is not small or large but wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..common.errors import RequestError
from ..data.dataset import Dataset

__all__ = ["refuse_apart", "refuse_sizes"]

LEAST, MOST = 1e-100, 1e100  # whose squares and products are numbers, too
APART = 1e12  # times the noise that a target may be, and the data that a prior may be


def refuse_sizes(data: Dataset) -> None:
    """Refuse columns whose squares are no numbers. Raises RequestError."""
    columns = [*zip(data.x_names, data.x.T, strict=True), *data.targets]
    columns += [] if data.yerr is None else [(data.yerr_name, data.yerr)]
    for name, values in columns:
        size = float(np.abs(values).max())
        if size > MOST or 0 < size < LEAST:
            raise RequestError(
                f"data: found '{name}' of size {size:.3g}, expected {LEAST:g} to {MOST:g}, whose "
                "squares are numbers, too; give it in another unit"
            )


def refuse_apart(
    data: Dataset, sigma: float | str | None, std: float | Mapping[str, float]
) -> None:
    """Refuse a noise too small for the target, or a prior too wide for the data, as the network
    sees them; ``sigma`` is in units of the file, or a factor of yerr. Raises RequestError."""
    size = float(np.abs(data.y).max())
    noise, told = np.ones(1), data.raw.yerr
    if data.yerr is not None and told is not None:
        noise = data.yerr
        if np.ptp(np.log10(noise)) > np.log10(APART):
            raise RequestError(
                f"data: found '{data.yerr_name}' from {told.min():.3g} to {told.max():.3g}, "
                f"expected errors at most {APART:g} times apart; leave out or repair those points"
            )
    if isinstance(sigma, float):
        least = float(sigma * noise.min()) / (data.misfit_unit**0.5)
        if size > APART * least:
            raise RequestError(
                f"likelihood.sigma: found noise {size / least:.3g} times smaller than the target, "
                f"expected at most {APART:g}, beyond which 16 digits tell no networks apart; give "
                "a larger sigma"
            )
    widest = max(std.values()) if isinstance(std, Mapping) else std
    inputs = float(np.abs(data.x).max())
    if widest > APART * max(1.0, size, 1 / inputs if inputs else 0.0):
        raise RequestError(
            f"prior.std: found {widest:g}, expected at most {APART:g} times the size of the data, "
            "beyond which no walker comes back to them; give a smaller one"
        )
