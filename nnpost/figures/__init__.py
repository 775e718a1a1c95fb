"""Figures that could stand in a paper: functions of result objects that return a matplotlib Figure.

One module a kind of picture. Nothing here touches pyplot's state or the backend; every figure
shows itself in a notebook, and `save` writes it as PNG and PDF.
"""

from .chains import log_posterior, traces
from .corners import corner
from .curves import fits_and_residuals
from .parts import parts
from .sizes import size_fits, sizes
from .style import save
from .training import losses

__all__ = [
    "corner",
    "fits_and_residuals",
    "log_posterior",
    "losses",
    "parts",
    "save",
    "size_fits",
    "sizes",
    "traces",
]
