"""Figures that could stand in a paper: functions of result objects that return a matplotlib Figure.

One module a kind of picture. Nothing here touches pyplot's state or the backend; every figure
shows itself in a notebook, and `save` writes it as PNG and PDF.
"""

from .chains import ladder, log_posterior, ranks, traces
from .corners import corner
from .curves import fits_and_residuals
from .places import approximations, basins, profile
from .style import save
from .training import losses

__all__ = [
    "approximations",
    "basins",
    "corner",
    "fits_and_residuals",
    "ladder",
    "log_posterior",
    "losses",
    "profile",
    "ranks",
    "save",
    "traces",
]
