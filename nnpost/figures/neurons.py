"""Networks taken apart: what each hidden unit contributes to the curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ..common.errors import RequestError
from .style import BLACK, BLUE, GREEN, ORANGE, legend_below, misfit, new_figure, styled

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = ["contributions", "parts"]

NETWORKS_A_ROW = 4
UNIT_PLACES = 801  # steep units need a fine one


@styled
def parts(post: Posterior, networks: Mapping[str, ArrayLike]) -> Figure:
    """A panel for each network, title -> theta (P,): data, each unit's a·φ(wx + b), their sum.

    The output bias c (and what the data were shifted by) is part of the sum alone. Units are those
    of the copies that are given, which differ where sigmoid units are flipped. Titles give the
    mse, or χ²/n where the data bring errors.

    Raises RequestError unless there is one hidden layer and one input.
    """
    if post.data.inputs > 1 or len(post.net.hidden) != 1:
        raise RequestError(f"parts: found {post.net}, expected one input and one hidden layer")
    columns = min(NETWORKS_A_ROW, len(networks))
    rows = -(-len(networks) // columns)
    fig = new_figure(max(3.6, 1.9 * columns), 0.5 + 1.95 * rows)
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    data = post.data.raw
    x = np.linspace(data.x.min(), data.x.max(), UNIT_PLACES)
    for ax, (name, theta) in zip(axes.flat, networks.items(), strict=False):
        _panel(ax, post, np.asarray(theta, dtype=float), x)
        mse = post.loss(np.asarray(theta, dtype=float))
        ax.set_title(f"{name}\n{misfit(post.loss_name)} {mse:.3g}", fontsize=8.5)
    for ax in axes.flat[len(networks) :]:
        ax.set_axis_off()
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(3))  # neighbours' labels would meet
    low, high = data.y.min(), data.y.max()
    axes[0, 0].set_ylim(low - 0.15 * (high - low), high + 0.3 * (high - low))
    for ax in axes[-1]:
        ax.set_xlabel("$x$")
    for ax in axes[:, 0]:
        ax.set_ylabel("$y$")
    legend_below(fig, _handles())
    return fig


def contributions(post: Posterior, theta: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """a·φ(wx + b) of every unit, in units of the data's file: theta (P,), x (m,) -> (U, m)."""
    units = post.net.hidden[0]
    alone = np.tile(theta, (units, 1))
    outputs = slice(post.net.n_hidden, post.net.n_hidden + units)
    alone[:, outputs] *= np.eye(units)
    alone[:, outputs.stop : post.net.ndim] = 0  # a skip, and the output bias
    return np.asarray(post.predict(alone, x[:, None]) - post.data.scaling.y_centre)


def _panel(ax: Axes, post: Posterior, theta: NDArray[Any], x: NDArray[Any]) -> None:
    data = post.data.raw
    ax.plot(data.x[:, 0], data.y, "o", color=BLACK, markersize=1.6, markeredgewidth=0)
    for k, unit in enumerate(contributions(post, theta, x)):
        ax.plot(x, unit, color=(BLUE, ORANGE)[k % 2], linewidth=1.3)
    ax.plot(x, post.predict(theta, x[:, None]), color=GREEN, linewidth=1.6, linestyle=(0, (4, 1.2)))


def _handles() -> list[Line2D]:
    return [
        Line2D([], [], ls="none", marker="o", ms=2.5, color=BLACK, label="data"),
        Line2D([], [], color=BLUE, lw=1.3, label="one unit"),
        Line2D([], [], color=ORANGE, lw=1.3, label="the other"),
        Line2D([], [], color=GREEN, lw=1.6, ls=(0, (4, 1.2)), label="sum, with the output bias"),
    ]
