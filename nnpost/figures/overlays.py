"""What is drawn over the draws of a corner plot: networks, restarts, approximations, the truth.

``axes`` are those of the plot, (K, K); vectors are cut to the K parameters that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .limits import Range
from .style import GREY, MARKS, ORANGE, SKY, point_handle

__all__ = [
    "DOTS", "crowd", "ellipses", "ellipses_handle", "hollow_handle", "mark", "truth_lines",
]  # fmt: skip

DOTS = 100  # restarts; more would hide each other, and are drawn as a density
CELLS = 40  # of the density, along each axis
FEW_TO_MANY = LinearSegmentedColormap.from_list("restarts", ["#F9DC9C", ORANGE, "#8A5A00"])


def crowd(axes: NDArray[Any], ends: NDArray[Any], ranges: Sequence[Range]) -> list[Any]:
    """Where restarts ended, (R, K), as dots, or as a density where they are many; its handles.

    Cells of the density are the darker, the more restarts ended in them, by the logarithm of their
    number, the same in all panels. What lies beyond the axes is left out by them.
    """
    if not len(ends):
        return []
    if len(ends) <= DOTS:
        for row, column in _below_diagonal(len(ranges)):
            axes[row, column].plot(
                ends[:, column], ends[:, row], ".", color=ORANGE, markersize=2.5, alpha=0.6,
                zorder=3,
            )  # fmt: skip
        return [Line2D([], [], ls="none", marker=".", color=ORANGE, label="all restarts")]
    cells = {
        (row, column): np.histogram2d(
            ends[:, column], ends[:, row], CELLS, (ranges[column], ranges[row])
        )
        for row, column in _below_diagonal(len(ranges))
    }
    most = max((counts.max() for counts, _, _ in cells.values()), default=0)
    for place, (counts, x, y) in cells.items():
        axes[place].pcolormesh(
            x, y, np.log(np.where(counts, counts, np.nan)).T, cmap=FEW_TO_MANY, vmin=0,
            vmax=np.log(max(most, 2)), zorder=3, rasterized=True,
        )  # fmt: skip
    return [Patch(color=ORANGE, label=f"{len(ends):,} restarts (darker: more)")]


def ellipses(axes: NDArray[Any], centre: NDArray[Any], covariance: NDArray[Any], name: str) -> None:
    """One standard deviation of a Gaussian in every panel, as an ellipse."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    color = MARKS[name].color
    for row, column in _below_diagonal(len(centre)):
        pair = np.ix_([column, row], [column, row])
        values, vectors = np.linalg.eigh(covariance[pair])
        x, y = vectors * np.sqrt(np.maximum(values, 0)) @ circle
        axes[row, column].plot(
            centre[column] + x, centre[row] + y, color=color, linewidth=1.0, zorder=4
        )


def ellipses_handle(name: str) -> Line2D:
    """The legend entry of :func:`ellipses`."""
    return Line2D([], [], color=MARKS[name].color, linewidth=1.0, label=f"Laplace at {name}")


def truth_lines(axes: NDArray[Any], truth: NDArray[Any], ranges: Sequence[Range]) -> list[Line2D]:
    """The true values (K,) as lines, NaN where none is known; their handle."""
    known = np.isfinite(truth)
    style: dict[str, Any] = {"color": SKY, "linewidth": 1.2, "zorder": 3.5}
    for k in np.flatnonzero(known):
        axes[k, k].axvline(truth[k], **style)
        for row in range(k + 1, len(ranges)):
            axes[row, k].axvline(truth[k], **style)
        for column in range(k):
            axes[k, column].axhline(truth[k], **style)
    if not known.any():
        return []
    out = [not low <= truth[k] <= high for k, (low, high) in enumerate(ranges) if known[k]]
    label = "truth, partly beyond the axes" if any(out) else "truth"
    return [Line2D([], [], color=SKY, linewidth=1.2, label=label)]


def mark(axes: NDArray[Any], point: NDArray[Any], ranges: Sequence[Range], name: str) -> bool:
    """Mark one network in every panel; whether any of its coordinates lies beyond the axes."""
    style = MARKS[name]
    out = [not low <= value <= high for value, (low, high) in zip(point, ranges, strict=True)]
    at = [_clip(value, bounds) for value, bounds in zip(point, ranges, strict=True)]
    for k, ax in enumerate(np.diagonal(axes)):
        if not out[k]:
            ax.axvline(at[k], zorder=4, **style.stroke)
    for row, column in _below_diagonal(len(ranges)):
        hollow = _hollow(style.color) if out[row] or out[column] else {}
        axes[row, column].plot(at[column], at[row], zorder=5, **(style.point | hollow))
    return any(out)


def hollow_handle() -> Line2D:
    """The legend entry of marks that lie beyond the axes."""
    return point_handle("SGD", "hollow: beyond the axes", color=GREY, **_hollow(GREY))


def _clip(value: float, bounds: Range, margin: float = 0.035) -> float:
    low, high = bounds
    inset = margin * (high - low)
    if low <= value <= high:
        return float(value)
    return low + inset if value < low else high - inset


def _hollow(color: str) -> dict[str, Any]:
    return {
        "markerfacecolor": "white",
        "markeredgecolor": color,
        "markeredgewidth": 0.9,
        "markersize": 5.5,
    }


def _below_diagonal(size: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(size) for column in range(row))
