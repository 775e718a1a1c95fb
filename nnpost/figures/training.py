"""How training went: loss curves of all restarts, and where they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import GREY, MARKS, legend_below, misfit, new_figure, styled

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior
    from ..training.fits import Fits

__all__ = ["losses"]

LINES = 512  # more lines are one grey area
VALIDATION = (0, (1, 1))


@styled
def losses(fits: Fits, post: Posterior | None = None) -> Figure:
    """Loss curves of all restarts; right, the share of them that ended at or below each loss.

    Losses are means of squared residuals, or χ²/n where the data of the fits (or of ``post``) bring
    errors, on a log scale; where the likelihood is not Gaussian, its own on a linear one. The best
    restart is drawn in the colour of SGD, its validation loss dotted. MAP and MLE are marked as
    what could have been reached.
    """
    fig = new_figure(7.2, 3.4)
    fig.set_layout_engine("constrained", wspace=0.06)
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=[2.2, 1])
    _plot_curves(left, fits)
    word = fits.sgd.misfit if post is None else post.loss_name
    measure = "mean squared residual" if word == "mse" else misfit(word)
    left.set_ylabel(measure if word == "log loss" else f"loss ({measure})")
    _plot_ends(right, fits)
    for ax in (left, right):
        for name, model in (("MAP", fits.map), ("MLE", fits.mle)):
            ax.axhline(model.mse, linewidth=1.2, color=MARKS[name].color, ls=MARKS[name].line)
    left.set_yscale("log" if fits.sgd.squares else "linear")
    left.set_ylim(_limits(fits) if fits.sgd.squares else _linear_limits(fits))
    legend_below(fig, _handles(fits))
    return fig


def _plot_curves(ax: Axes, fits: Fits) -> None:
    shown = np.isfinite(fits.loss) & ((fits.loss > 0) | (not fits.sgd.squares))
    finite = np.where(shown, fits.loss, np.nan)
    some = finite[:, :: -(-finite.shape[1] // LINES)].T
    lines = [np.column_stack([fits.epochs, curve]) for curve in some]
    alpha = float(np.clip(20 / len(lines), 0.08, 0.6))
    ax.add_collection(
        LineCollection(lines, colors=GREY, linewidths=0.6, alpha=alpha, rasterized=True)
    )
    ax.plot(fits.epochs, finite[:, fits.best], color=MARKS["SGD"].color, linewidth=1.8)
    if fits.validation_loss is not None:
        best = fits.validation_loss[:, fits.best]
        ax.plot(fits.epochs, best, color=MARKS["SGD"].color, linewidth=1.8, ls=VALIDATION)
    ax.set_xlim(0, fits.epochs[-1])
    ax.set_xlabel("epoch")


def _plot_ends(ax: Axes, fits: Fits) -> None:
    """The empirical distribution of the restarts' last losses, read sideways."""
    ends = np.sort(np.where(np.isfinite(fits.mse), fits.mse, np.inf))
    share = np.arange(1, len(ends) + 1) / len(ends)
    known = np.isfinite(ends)
    ax.step(share[known], ends[known], where="pre", color=GREY, linewidth=1.4)
    ax.plot(share[0], fits.mse[fits.best], **MARKS["SGD"].point, clip_on=False, zorder=5)
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_xlabel("share of restarts")


def _limits(fits: Fits) -> tuple[float, float]:
    """Limits that hold what training did; divergent restarts and a perfect MLE may leave them."""
    seen = [fits.loss.ravel(), fits.mse, np.array([fits.map.mse])]
    values = np.concatenate(seen)
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return 1e-3, 1.0
    low, high = values.min(), np.quantile(values, 0.999)
    if fits.mle.mse > 1e-3 * low:
        low = min(low, fits.mle.mse)
    return float(low / 1.6), float(max(high, low * 10) * 1.6)


def _linear_limits(fits: Fits) -> tuple[float, float]:
    """Limits that hold what training did from a middling start; a far MLE may leave them."""
    low = min(float(fits.mse.min()), fits.map.mse)
    high = max(float(np.median(fits.loss[0])), low + 1e-6)
    if not np.isfinite(high):
        high = low + 1
    low = max(min(low, fits.mle.mse), low - 0.5 * (high - low))
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _handles(fits: Fits) -> list[Line2D]:
    sgd = MARKS["SGD"].color
    handles = [
        Line2D([], [], color=GREY, lw=0.8, label=f"{len(fits.mse)} restarts"),
        Line2D([], [], color=sgd, lw=1.8, label="best restart (SGD)"),
    ]
    if fits.validation_loss is not None:
        handles.append(Line2D([], [], color=sgd, lw=1.8, ls=VALIDATION, label="its validation"))
    for name in ("MAP", "MLE"):
        mark = MARKS[name]
        handles.append(Line2D([], [], color=mark.color, lw=1.2, ls=mark.line, label=name))
    return handles
