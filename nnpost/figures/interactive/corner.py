"""A pair of parameters: the draws, all restarts, and the networks among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.tables import plain_label
from ...network.symmetry import fold
from ..corner import all_restarts, marked_networks, networks_of
from ..limits import limits
from ..parameters import place
from ..style import ON_TOP
from .style import GREY, OCHRE, lay_out, mark, plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ...comparison.result import Comparison
    from ...sampling.run import Run

__all__ = ["corner"]

NUMBERS = 400_000  # that draws and restarts may take in a page, each
POINTS = 2000  # more of them are one cloud


def corner(
    run: Run, comparison: Comparison | None = None, x: int | str = 0, y: int | str = -1
) -> Figure:
    """Two parameters, in the copies that :func:`nnpost.figures.corner` shows.

    ``x`` and ``y`` are names (w1, b1, a1, c) or indices. Log posteriors are those of the vectors as
    they were found, before they were folded. Every point has all of its parameters with it
    (``customdata``, the log posterior last), and ``layout.meta`` has their names and ranges: the
    page takes any other pair from there.
    """
    post, fits = run.post, run.fits
    marks, found = marked_networks(run, fits, comparison), networks_of(run, fits, comparison)
    at = run.spread_out(_most(post.ndim))
    draws, heights = run.samples[at], run.sample_log_prob[at]
    ranges = limits(post.labels, draws, list(marks.values()), {})
    names = [plain_label(label) for label in post.labels]
    pair, go = (place(post.labels, x), place(post.labels, y)), plotly().graph_objects
    figure = go.Figure()
    light = {"size": 4, "color": GREY, "opacity": 0.45}
    figure.add_trace(_points(pair, draws, heights, name="draws", marker=light, mode="markers"))
    if fits is not None:
        ended = np.isfinite(fits.theta).all(axis=1)
        crowd = _some_restarts(fold(post.net, all_restarts(fits)), fits.log_prob[ended])
        dots = {"size": 6, "color": OCHRE, "opacity": 0.8}
        figure.add_trace(_points(pair, *crowd, name="restarts", marker=dots, mode="markers"))
    for name in (name for name in ON_TOP if name in marks):
        height = np.array([found[name].log_prob])
        figure.add_trace(_points(pair, marks[name][None], height, **mark(name)))
    return lay_out(
        figure,
        520,
        meta={"names": names, "ranges": [list(ends) for ends in ranges], "pair": list(pair)},
        xaxis={"title": names[pair[0]], "range": ranges[pair[0]]},
        yaxis={"title": names[pair[1]], "range": ranges[pair[1]]},
    )


def _most(ndim: int) -> int:
    """How many points of so many parameters are shown, at most."""
    return min(POINTS, max(1, NUMBERS // ndim))


def _some_restarts(
    theta: NDArray[Any], log_prob: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most so many rows of (R, P) and (R,), evenly spread."""
    every = slice(None, None, -(-len(theta) // _most(theta.shape[1])))
    return theta[every], log_prob[every]


def _points(pair: tuple[int, int], theta: NDArray[Any], log_prob: NDArray[Any], **look: Any) -> Any:
    """A trace of vectors (N, P) with their log posteriors (N,)."""
    carried = np.column_stack([theta, log_prob]).astype(np.float32)
    last = theta.shape[1]
    return plotly().graph_objects.Scatter(
        x=carried[:, pair[0]],
        y=carried[:, pair[1]],
        customdata=carried,
        hovertemplate=f"%{{x:.4g}}, %{{y:.4g}}<br>log posterior %{{customdata[{last}]:.2f}}",
        **look,
    )
