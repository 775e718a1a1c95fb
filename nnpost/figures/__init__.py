"""Figures that could stand in a paper: functions of result objects that return a matplotlib Figure.

One module a kind of picture. Nothing here touches pyplot's state or the backend; every figure
shows itself in a notebook, and `save` writes it as PNG and PDF. `interactive` has pictures to zoom
into, which are plotly's.
"""

from . import interactive
from .calibration import pit
from .chain import ladder, log_posterior, ranks, traces
from .comparison import approximations, basins, profile
from .corner import corner
from .curves import fits_and_residuals, fits_by_component
from .neurons import parts
from .panels import (
    Band,
    Bars,
    Line,
    Panel,
    against_inputs,
    against_truth,
    function_on_data,
    learning_curves,
    panels,
    weight_bars,
)
from .scan import size_fits, sizes
from .style import save
from .training import losses

__all__ = [
    "Band",
    "Bars",
    "Line",
    "Panel",
    "against_inputs",
    "against_truth",
    "approximations",
    "basins",
    "corner",
    "fits_and_residuals",
    "fits_by_component",
    "function_on_data",
    "interactive",
    "ladder",
    "learning_curves",
    "log_posterior",
    "losses",
    "panels",
    "parts",
    "pit",
    "profile",
    "ranks",
    "save",
    "size_fits",
    "sizes",
    "traces",
    "weight_bars",
]
