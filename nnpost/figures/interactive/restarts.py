"""Where training left every restart: its loss against its place below the MAP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, OCHRE, lay_out, mark, plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ...comparison.result import Comparison
    from ...training.fits import Fits

__all__ = ["restarts"]

CLOSEST = 1e-3  # nats below the MAP; what is closer is drawn there, on an axis without a zero


def restarts(fits: Fits, comparison: Comparison) -> Figure:
    """Every restart as training left it, with SGD, MAP and MLE.

    Across, the loss; down, nats of log posterior below the MAP, both on logarithmic axes, the loss
    on a linear one where the likelihood is not Gaussian. Dashed: the mean of the posterior's draws.
    """
    scatter, top = plotly().graph_objects.Scatter, comparison.map.log_prob
    ended = np.flatnonzero(np.isfinite(fits.mse) & np.isfinite(fits.log_prob))
    told = "loss %{x:.4g}<br>log posterior %{customdata[0]:.2f}"
    figure = plotly().graph_objects.Figure(
        scatter(
            x=fits.mse[ended],
            y=np.maximum(top - fits.log_prob[ended], CLOSEST),
            customdata=np.column_stack([fits.log_prob[ended], ended + 1]),
            name=f"{len(ended)} restarts",
            mode="markers",
            marker={"size": 7, "color": OCHRE, "opacity": 0.7},
            hovertemplate=f"restart %{{customdata[1]}}<br>{told}",
        )
    )
    for name in ("MLE", "SGD", "MAP"):
        model = comparison.models[name]
        below, height = max(top - model.log_prob, CLOSEST), [[model.log_prob]]
        figure.add_trace(
            scatter(x=[model.mse], y=[below], customdata=height, hovertemplate=told, **mark(name))
        )
    typical = top - comparison.log_posterior.mean
    ends = [min(fits.mse[ended].min(), comparison.mle.mse), fits.mse[ended].max()]
    line = {"color": BLACK, "width": 1, "dash": "dash"}
    figure.add_scatter(
        x=ends, y=2 * [max(typical, CLOSEST)], name="draws, on average", mode="lines", line=line,
        hovertemplate="%{y:.4g} nats below the MAP",
    )  # fmt: skip
    words = f"nats below the MAP ({CLOSEST:g} where closer)"
    losses = {"title": f"loss ({fits.sgd.misfit})", "type": "log" if fits.sgd.squares else "linear"}
    heights = {"title": words, "type": "log", "autorange": "reversed", "dtick": 1}
    return lay_out(figure, 460, hovermode="closest", xaxis=losses, yaxis=heights)
