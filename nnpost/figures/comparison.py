"""Where things lie: basins, the line from SGD to the MAP, and other approximations' bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MARKS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    legend_below,
    misfit,
    new_figure,
    number,
    point_handle,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from ..comparison.approximation import Approximation
    from ..comparison.result import Comparison
    from ..comparison.scorecard import ScoreCard
    from ..data.dataset import Dataset

__all__ = ["approximations", "basins", "profile"]

BAR = 0.36  # height of one of the two bars of a basin
BANDS_A_ROW = 3  # panels side by side
COLORS = (VERMILION, BLUE, GREEN, PURPLE, ORANGE, BLACK)  # of the approximations


@styled
def basins(card: ScoreCard) -> Figure:
    """Shares of the restarts and of the posterior's mass in every basin, the highest first.

    Error bars are one standard error. Left of the bars: how far the top lies below the MAP.
    """
    found = card.modes.modes
    fig = new_figure(7.2, 1.3 + 0.55 * len(found))
    ax = fig.subplots()
    rows = np.arange(len(found))
    restarts = [(b.restarts.value, b.restarts.error) for b in found]
    mass = [(b.mass.value, b.mass.error) for b in found]
    _bars(ax, rows - BAR / 2, np.array(restarts), ORANGE)
    _bars(ax, rows + BAR / 2, np.array(mass), SKY)
    ax.set_yticks(rows, [_basin_name(card, k) for k in range(len(found))])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.18)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("share that leads to the basin when climbed")
    handles = [
        Patch(color=ORANGE, label=f"of {card.modes.climbed_restarts} restarts"),
        Patch(color=SKY, label=f"of the posterior ({card.modes.climbed_draws} draws climbed)"),
    ]
    legend_below(fig, handles)
    return fig


def _bars(ax: Axes, at: NDArray[Any], shares: NDArray[Any], color: str) -> None:
    """Bars at heights (K,) for shares and their errors (K, 2); error bars end at 0 and 1."""
    values, errors = shares.T
    ends = np.stack([np.minimum(errors, values), np.minimum(errors, 1 - values)])
    ax.barh(at, values, BAR, color=color, linewidth=0)
    ax.errorbar(values, at, xerr=ends, fmt="none", ecolor=BLACK, elinewidth=0.8)
    for height, value, error in zip(at, values, errors, strict=True):
        text = f" {100 * value:.1f} %" if value else " none seen"
        ax.text(min(value + error, 1), height, text, va="center", fontsize=8)


def _basin_name(card: ScoreCard, k: int) -> str:
    mode, home = card.modes.modes[k], card.modes.top
    below = max(home.log_prob - mode.log_prob, 0.0)
    first = f"basin {card.modes.name(k)}"
    height = "" if k == card.modes.map else f"{number(below, '.3g')} nats below, "
    return f"{first}\n{height}{misfit(card.misfit)} {mode.mse:.3g}"


@styled
def profile(card: ScoreCard) -> Figure:
    """Log posterior and misfit on the straight line from SGD to the MAP, in one copy.

    The title says how far the line falls below its lower end: the barrier between the two. The
    dashed line is where half of the posterior's draws are lower: what a fall along the line is to
    be measured by.
    """
    line = card.profile
    fig = new_figure(7.2, 3.9)
    top, bottom = fig.subplots(2, 1, sharex=True)
    for ax, values, label in (
        (top, line.log_prob, "log posterior"),
        (bottom, line.mse, misfit(card.misfit)),
    ):
        ax.plot(line.t, values, color=BLACK, linewidth=1.3)
        ax.plot(line.t[0], values[0], **MARKS["SGD"].point, clip_on=False, zorder=5)
        ax.plot(line.t[-1], values[-1], **MARKS["MAP"].point, clip_on=False, zorder=5)
        ax.set_ylabel(label)
        ax.margins(y=0.15)
    typical = line.log_prob[-1] - card.draws["gap"].median.value
    top.axhline(typical, color=GREY, linestyle="--", linewidth=0.9)
    top.set_ylim(bottom=min(top.get_ylim()[0], typical - 0.15 * (line.log_prob[-1] - typical)))
    if (line.mse > 0).all() and np.ptp(np.log10(np.maximum(line.mse, 1e-300))) > 2:
        bottom.set_yscale("log")
    top.set_title(_barrier(line.barrier))
    bottom.set_xlim(0, 1)
    bottom.set_xlabel("place on the line from SGD (0) to the MAP (1)")
    fig.align_ylabels([top, bottom])
    draw = Line2D([], [], color=GREY, ls="--", lw=0.9, label="a typical draw of the posterior")
    legend_below(fig, [point_handle("SGD"), point_handle("MAP"), draw])
    return fig


def _barrier(height: float) -> str:
    return "no barrier" if height == 0 else f"a barrier of {number(height, '.3g')} nats"


@styled
def approximations(card: ScoreCard, comparison: Comparison, data: Dataset) -> Figure:
    """The 90 % band of every approximation over that of the posterior, a panel each.

    One input: against x, over twice the range of the data (which is between the dotted lines).
    Several inputs: the two bands' half-widths against each other, a point of the data each. W1 is
    how far the predictions are off; the floor is that of as many draws of independent ensembles.
    """
    data = data.raw
    found = card.approximations
    rows = -(-len(found) // BANDS_A_ROW)
    fig = new_figure(7.2, 0.6 + 2.2 * rows)
    axes = fig.subplots(rows, BANDS_A_ROW, sharex=True, sharey=True, squeeze=False)
    for k, (ax, one) in enumerate(zip(axes.flat, found, strict=False)):
        color = COLORS[k % len(COLORS)]
        (_bands if data.inputs == 1 else _widths)(ax, one, color, card, comparison, data)
        ax.set_title(one.name, fontsize=8.5)
        label = rf"$W_1$ {one.numbers['w1_inside'].value:.3g}"
        if "floor_inside" in one.numbers:
            label += f", floor {one.numbers['floor_inside'].value:.2g}"
        ax.text(0.5, 0.95, label, transform=ax.transAxes, ha="center", va="top", fontsize=7.5)
    for ax in axes.flat[len(found) :]:
        ax.set_visible(False)
    if data.inputs > 1:
        fig.supxlabel("half-width of the posterior's 90 % band")
        fig.supylabel("of the approximation's")
        return fig
    for ax in axes[-1]:  # a label of the whole figure would lie on the legend
        ax.set_xlabel(symbol(data.x_names[0]))
    for ax in axes[:, 0]:
        ax.set_ylabel(symbol(data.y_name))
    handles = [
        Patch(color=SKY, alpha=0.45, lw=0, label="90 % of the posterior"),
        Line2D([], [], color=BLACK, lw=1.2, label="90 % of the approximation"),
        Line2D([], [], color=BLACK, lw=1.2, ls="--", label="its mean"),
        Line2D([], [], color=GREY, ls=":", lw=0.8, label="range of the data"),
    ]
    legend_below(fig, handles)
    return fig


def _bands(
    ax: Axes,
    one: Approximation,
    color: str,
    card: ScoreCard,
    comparison: Comparison,
    data: Dataset,
) -> None:
    x, known = card.x[:, 0], comparison.predictions
    ax.fill_between(x, known.q05, known.q95, color=SKY, alpha=0.45, linewidth=0)
    for curve, style in ((one.q05, "-"), (one.q95, "-"), (one.mean, "--")):
        ax.plot(x, curve, color=color, linewidth=1.0, linestyle=style)
    for end in (data.x.min(), data.x.max()):
        ax.axvline(end, color=GREY, linestyle=":", linewidth=0.8)
    low, high = min(known.q05.min(), data.y.min()), max(known.q95.max(), data.y.max())
    pad = 0.25 * (high - low)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(low - pad, high + 1.6 * pad)


def _widths(
    ax: Axes,
    one: Approximation,
    color: str,
    card: ScoreCard,
    comparison: Comparison,
    data: Dataset,
) -> None:
    known = comparison.predictions
    wide, own = (known.q95 - known.q05) / 2, (one.q95 - one.q05) / 2
    end = 1.1 * float(max(wide.max(), np.quantile(own, 0.9)))
    ax.plot([0, end], [0, end], color=GREY, linewidth=0.8)
    ax.plot(wide, own, ".", color=color, markersize=3)
    ax.set_xlim(0, end)
    ax.set_ylim(0, end)
