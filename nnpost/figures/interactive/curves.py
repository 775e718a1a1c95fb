"""The fits as functions in one picture, with the posterior's band and the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.tables import plain_label
from ..curves import SHOWN, Component, Outputs, band_draws, outputs, y_limits
from ..style import MARKS
from .style import BAND, BLACK, GREY, color_of, lay_out, mark, plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ...comparison.result import Comparison
    from ...posterior.posterior import Posterior
    from ...sampling.run import Run

__all__ = ["fits"]

POINTS = 2000  # of the data
DASHES = {"-": "solid", (0, (5, 1.5)): "dash", (0, (1, 1.2)): "dot",
          (0, (5, 1.5, 1, 1.5)): "dashdot"}  # fmt: skip


def fits(post: Posterior, comparison: Comparison, run: Run) -> Figure:
    """SGD, MAP, MLE and best sample over the band that holds 90 % of the posterior.

    Against x for one input, against what was observed for several; a row for each number that is
    said of a point, such as the probability of a class.
    """
    models = {name: comparison.models[name] for name in SHOWN}
    draws, rows = band_draws(run), post.components
    figure = plotly().subplots.make_subplots(rows=rows, cols=1, shared_xaxes=True)
    one = post.data.inputs == 1
    for k in range(rows):
        say = Component(post, k)
        found = outputs(say, models, draws)
        for trace in _against_x(say, found) if one else _against_observed(found):
            shown = k == 0 and trace.hoverinfo != "skip"
            figure.add_trace(trace.update(showlegend=shown), row=k + 1, col=1)
        figure.update_yaxes(title=plain_label(say.name if one else "prediction"), row=k + 1, col=1)
        if one:
            figure.update_yaxes(range=y_limits(say, found), row=k + 1, col=1)
    figure.update_xaxes(title=post.data.x_names[0] if one else "observed", row=rows, col=1)
    return lay_out(figure, 160 + 320 * rows, hovermode="x unified" if one else "closest")


def _against_x(say: Component, found: Outputs) -> list[Any]:
    """The band, from its lower edge up, the data, and a line a network."""
    scatter = plotly().graph_objects.Scatter
    value = "%{y:.4g}"
    edge = {"x": found.at, "mode": "lines", "line": {"width": 0}, "name": "90 % of the posterior",
            "legendgroup": "band"}  # fmt: skip
    data = say.post.data.raw
    some = slice(None, None, -(-data.n // POINTS))
    dots = {"size": 4, "color": GREY}
    return [
        scatter(y=found.low, hoverinfo="skip", **edge),
        scatter(y=found.high, customdata=found.low, fill="tonexty", fillcolor=BAND,
                hovertemplate="%{customdata:.4g} … %{y:.4g}", **edge),
        scatter(x=data.x[some, 0], y=say.y[some], name="data", mode="markers", marker=dots,
                hovertemplate=value),
        *(
            scatter(x=found.at, y=f, name=name, mode="lines", hovertemplate=value,
                    line={"color": color_of(name), "width": 2, "dash": DASHES[MARKS[name].line]})
            for name, f in found.fits.items()
        ),
    ]  # fmt: skip


def _against_observed(found: Outputs) -> list[Any]:
    """The posterior's bars, a point a network, and the line on which both are equal."""
    scatter = plotly().graph_objects.Scatter
    middle, half = (found.low + found.high) / 2, (found.high - found.low) / 2
    ends = np.array([found.at.min(), found.at.max()])
    bars = {"type": "data", "array": half, "color": BAND, "thickness": 2, "width": 0}
    told = "observed %{x:.4g}, predicted %{y:.4g}"
    equal = {"color": BLACK, "width": 1}
    points = [
        scatter(x=found.at, y=f, hovertemplate=told, **mark(name)).update(marker_size=6)
        for name, f in found.fits.items()
    ]
    return [
        scatter(x=found.at, y=middle, error_y=bars, name="90 % of the posterior", mode="markers",
                marker={"size": 1, "color": GREY}, hovertemplate="%{x:.4g}: middle %{y:.4g}"),
        scatter(x=ends, y=ends, name="prediction = observation", mode="lines", line=equal),
        *points,
    ]  # fmt: skip
