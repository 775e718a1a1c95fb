"""The chain, row by row: what it visited, an ensemble a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...common.tables import plain_label
from ..chain import TRACED, WALKERS, columns, series_of, value_limits
from .style import ENSEMBLES, lay_out, plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ...sampling.run import Run

__all__ = ["traces"]

SHADE = "rgba(128, 128, 128, 0.2)"


def traces(run: Run, parameters: Sequence[int] | None = None) -> Figure:
    """The rows of :func:`nnpost.figures.traces`, with steps in common: zoom into one, and all show
    the same steps. The burn-in is shaded; the legend takes ensembles away and brings them back."""
    stride = -(-len(run.chain) // TRACED)
    rows = slice(None, None, stride)
    steps = (np.arange(len(run.chain)) * run.thin)[rows]
    chosen = range(min(2, run.post.ndim)) if parameters is None else parameters
    series = series_of(run, rows, chosen)
    figure = plotly().subplots.make_subplots(
        rows=len(series), cols=1, shared_xaxes=True, vertical_spacing=0.03
    )
    burnin = run.burnin * run.thin
    for k, (label, values) in enumerate(series.items(), 1):
        for e, own in enumerate(columns(values.shape[1], run.ensembles)):
            for w, walker in enumerate(values[:, own].T[:WALKERS]):
                figure.add_scatter(
                    x=steps, y=walker.astype(np.float32), name=f"ensemble {e + 1}", mode="lines",
                    legendgroup=e, showlegend=k == 1 and w == 0, opacity=0.75, row=k, col=1,
                    line={"color": ENSEMBLES[e % len(ENSEMBLES)], "width": 1},
                    hovertemplate="step %{x}: %{y:.4g}",
                )  # fmt: skip
        kept = values[steps >= burnin]
        figure.update_yaxes(
            title=plain_label(label), range=value_limits(kept if len(kept) else values),
            row=k, col=1,
        )  # fmt: skip
    if burnin:
        figure.add_vrect(0, burnin, fillcolor=SHADE, line_width=0, layer="below")
    figure.update_xaxes(title="step", row=len(series), col=1)
    return lay_out(figure, 120 + 150 * len(series), hovermode="closest")
