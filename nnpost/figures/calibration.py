"""Whether predictions are as sure as they may be: where held-out points lie in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.stats import binom

from .style import BLUE, GREY, ORANGE, legend_below, new_figure, styled

if TYPE_CHECKING:
    from ..comparison.held_out import HeldOut, Score

__all__ = ["pit"]

COLUMNS, MOST_BINS, IN_A_BIN = 3, 10, 5  # panels of a row; bins, of so many points on average


@styled
def pit(held_out: HeldOut) -> Figure:
    """The probability integral transforms of the held-out points: a histogram for each
    predictive distribution, the posterior's first.

    Flat where predictions are calibrated, with heaps at both ends where they are too narrow, one in
    the middle where too wide. The band holds each bar of calibrated predictions in 95 % of cases.
    """
    scores = held_out.scores
    columns = min(COLUMNS, len(scores))
    rows = -(-len(scores) // columns)
    fig = new_figure(7.2, 1.75 * rows + 0.6)
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    bins = max(2, min(MOST_BINS, held_out.points // IN_A_BIN))
    tallest = max(
        _histogram(ax, score, bins, BLUE if score.name == "posterior" else ORANGE)
        for ax, score in zip(axes.flat, scores, strict=False)
    )
    axes[0, 0].set(xlim=(0, 1), ylim=(0, 1.08 * tallest))
    for ax in axes.flat[len(scores) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel("points")
    for ax in axes[-1]:
        ax.set_xlabel("PIT")
    legend_below(fig, [Patch(color=GREY, alpha=0.25, label="calibrated: 95 % of bars")])
    return fig


def _histogram(ax: Axes, score: Score, bins: int, color: str) -> float:
    """Bars over the band in which calibrated ones lie; the height of what is tallest."""
    low, high = binom.ppf([0.025, 0.975], len(score.pit), 1 / bins)
    ax.axhspan(low, high, color=GREY, alpha=0.25, linewidth=0)
    count, edges = np.histogram(score.pit, bins=bins, range=(0, 1))
    ax.stairs(count, edges, fill=True, color=color, alpha=0.75)
    ax.set_title(score.name)
    return float(max(high, count.max()))
