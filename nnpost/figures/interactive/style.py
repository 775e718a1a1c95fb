"""What all interactive pictures share: plotly, colours for light and dark, marks and layout.

Contrasts of all colours with the page are at least 3, in light and in dark (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...common.errors import RequestError
from ..style import BLUE, GREEN, GREY, MARKS, VERMILION

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "BAND",
    "BLACK",
    "DARK",
    "ENSEMBLES",
    "GREY",
    "OCHRE",
    "color_of",
    "lay_out",
    "mark",
    "plotly",
    "script",
]

BLACK, OCHRE, MAUVE, AZURE = "#1b1b1b", "#A86F00", "#B2558A", "#2E86B8"
BAND = "rgba(86, 180, 233, 0.3)"
ENSEMBLES = (BLUE, OCHRE, GREEN, MAUVE, AZURE, VERMILION, GREY, BLACK)
DARK = {  # what stands for each on a dark page
    BLACK: "#E6E6E6",
    OCHRE: "#F0B840",
    MAUVE: "#E8A6CC",
    AZURE: "#8FD0FF",
    BLUE: "#5FA8E8",
    GREEN: "#3FD6A8",
    VERMILION: "#FF8A4A",
    GREY: "#A0A4A8",
}
SYMBOLS = {"o": "circle", "*": "star", "^": "triangle-up", "s": "square"}
SIZES = {"o": 13, "*": 15, "^": 14, "s": 9}
COLORS = {"best sample": MAUVE}  # its own is too light for a page


def plotly() -> Any:
    """The package. Raises RequestError where it is not installed."""
    try:
        import plotly.graph_objects
        import plotly.subplots
    except ImportError:
        raise RequestError(
            "interactive pictures need plotly, which is not installed: "
            "pip install 'nnpost[interactive]'"
        ) from None
    return plotly


def script() -> str:
    """plotly.js, the JavaScript that draws the figures. Raises RequestError without plotly."""
    plotly()
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def mark(name: str) -> dict[str, Any]:
    """Keywords of a Scatter that shows one network as a point, in the form of all figures."""
    known = MARKS[name]
    rim = {"width": 1, "color": "white"}
    shape = {"symbol": SYMBOLS[known.marker], "size": SIZES[known.marker], "line": rim}
    return {"name": name, "mode": "markers", "marker": {"color": color_of(name), **shape}}


def color_of(name: str) -> str:
    """The colour of a network."""
    return COLORS.get(name, MARKS[name].color)


def lay_out(figure: Figure, height: int, **more: Any) -> Figure:
    """Size, legend and ground, the same for all; ``more`` is the figure's own."""
    figure.update_layout(
        template="none",
        height=height,
        font={"size": 13, "color": BLACK},
        margin={"l": 70, "r": 20, "t": 35, "b": 55},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        **more,
    )
    figure.update_xaxes(showgrid=True, zeroline=False, automargin=True)
    figure.update_yaxes(showgrid=True, zeroline=False, automargin=True)
    return figure
