"""The corner plot: all pairs of parameters of the posterior, with the networks marked in it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..common.errors import RequestError, choose
from ..network.align import align
from ..network.mlp import MLP
from ..network.symmetry import fold, group_size
from .style import GREY, MARKS, ON_TOP, ORANGE, new_figure, point_handle, styled

if TYPE_CHECKING:
    from ..comparison.laplace import Laplace
    from ..comparison.result import Comparison
    from ..sampling.run import Run
    from ..training.fits import Fits

__all__ = ["corner", "marked_networks", "unit_by_unit"]

MOST = 12  # parameters; the time and the size of a corner plot grow with their square
CONTOUR_DRAWS = 50_000  # more do not change what is seen
INSIDE = 0.98  # share of the draws, per parameter, that the axes must hold
STRETCH = 0.5  # an axis grows by at most this part of itself to hold a mark
CONTOURS = (0.393, 0.675, 0.865)  # of a Gaussian in two dimensions: 1, 1.5 and 2 sigma
PANEL = 1.25  # inches; a few parameters get larger panels and a legend beside them

NEAR_EDGE = 0.1  # of an axis, from either end
Range = tuple[float, float]


@styled
def corner(
    run: Run,
    fits: Fits | None = None,
    unfolded: bool = False,
    parameters: Sequence[int | str] | None = None,
    comparison: Comparison | None = None,
    population: bool = False,
    laplace: Mapping[str, Laplace] | None = None,
) -> Figure:
    """The posterior's pairs of parameters, with SGD, MAP, MLE and best sample marked.

    Samples are folded to one copy and the networks brought to that of the folded MAP (of the best
    sample without fits), unless ``unfolded``. ``fits`` are those of the run where not given;
    ``comparison`` brings a MAP that was searched from the samples as well; ``population`` adds the
    end points of all restarts as light points; ``laplace``, by the names of the networks that
    :func:`marked_networks` gives and at their places, the 39 % contours of Laplace's approximations
    (the innermost contour of the draws holds as many).

    ``parameters`` are indices into theta or labels. Without it all are drawn, unit by unit, or
    as many whole units as make at most 12 panels a side, and the output bias.

    Axes hold 98 % of the draws. A mark beyond them is drawn hollow at the border. It is said
    where a run has not converged, and where nobody has asked (``run.verdict``) so far.
    """
    if laplace is not None and not isinstance(laplace, Mapping):
        raise RequestError(
            f"corner: found laplace = {laplace!r}, expected approximations by the names of their "
            "networks, as in laplace={'SGD': ...}"
        )
    net, labels = run.post.net, run.post.labels
    fits = fits if fits is not None else run.fits
    chosen = _choose(net, labels, parameters)
    marks = marked_networks(run, fits, comparison, unfolded)
    crowd = _all_restarts(fits) if population and fits is not None else np.empty((0, len(labels)))
    draws = run.samples[:: -(-len(run.samples) // CONTOUR_DRAWS)]
    if not unfolded:
        draws, crowd = fold(net, draws), fold(net, crowd)
    points = {name: theta[chosen] for name, theta in marks.items()}
    ranges = _ranges(draws[:, chosen], points)
    fig = _panels(draws[:, chosen], ranges, [labels[i] for i in chosen])
    axes = np.array(fig.axes).reshape(len(chosen), len(chosen))
    _scatter(axes, crowd[:, chosen], ranges)
    for name, found in (laplace or {}).items():
        _ellipses(axes, found.theta[chosen], found.covariance[np.ix_(chosen, chosen)], name)
    beyond = [_mark(axes, points[name], ranges, name) for name in ON_TOP if name in points]
    copies = None if unfolded else group_size(net)
    lines = [_ellipse_handle(name) for name in laplace or {}]
    crowded = [Line2D([], [], ls="none", marker=".", color=ORANGE, label="all restarts")]
    _explain(fig, run, points, [*crowded[: len(crowd)], *lines], any(beyond), copies, len(chosen))
    return fig


def marked_networks(
    run: Run, fits: Fits | None = None, comparison: Comparison | None = None, unfolded: bool = False
) -> dict[str, NDArray[Any]]:
    """Name -> theta (P,) of the networks that :func:`corner` marks, where it marks them.

    SGD, MAP and MLE are those of the comparison or else of the fits; with neither there is the best
    sample alone.
    """
    if comparison is not None:
        found = {name: model.theta for name, model in comparison.models.items()}
    else:
        models = {} if fits is None else {"SGD": fits.sgd, "MAP": fits.map, "MLE": fits.mle}
        found = {name: m.theta for name, m in (models | {"best sample": run.best_sample}).items()}
    return found if unfolded else _one_copy(run.post.net, found)


def unit_by_unit(net: MLP, ndim: int) -> list[list[int]]:
    """Indices of theta as they are shown: one group (w, b, a) a unit, then what is left.

    Networks without a hidden layer, or with several, keep theta's own order in one group.
    """
    if len(net.hidden) != 1:
        return [list(range(ndim))]
    (w, b), (a, _) = net.layers(np.arange(net.ndim))
    groups = [[*w[u].tolist(), *b[u : u + 1].tolist(), int(a[0, u])] for u in range(len(w))]
    shown = {i for group in groups for i in group}
    return [*groups, [i for i in range(ndim) if i not in shown]]


def _choose(net: MLP, labels: list[str], parameters: Sequence[int | str] | None) -> list[int]:
    """Which entries of theta to draw, in order."""
    if parameters is not None:
        return _named(labels, parameters)
    *units, rest = unit_by_unit(net, len(labels))
    if not units or len(units[0]) + len(rest) > MOST:
        return [i for group in (*units, rest) for i in group][:MOST]
    whole = (MOST - len(rest)) // len(units[0])
    return [i for group in (*units[:whole], rest) for i in group]


def _named(labels: list[str], parameters: Sequence[int | str]) -> list[int]:
    found = []
    for p in parameters:
        index = labels.index(choose("parameter", p, labels)) if isinstance(p, str) else int(p)
        if not -len(labels) <= index < len(labels):
            raise RequestError(f"parameter {p}: expected an index below {len(labels)} or a label")
        found.append(index % len(labels))
    if not found:
        raise RequestError("parameters is empty: name at least one, or leave it out")
    return found


def _all_restarts(fits: Fits) -> NDArray[Any]:
    """Where they ended, (R, P), without those that diverged."""
    return fits.theta[np.isfinite(fits.theta).all(axis=1)]


def _one_copy(net: MLP, marks: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    reference = fold(net, marks.get("MAP", marks["best sample"]))
    return {name: align(net, theta, reference) for name, theta in marks.items()}


def _ranges(draws: NDArray[Any], points: Mapping[str, NDArray[Any]]) -> list[Range]:
    """Axis limits: the central 98 % of the draws, widened for marks that are not far away."""
    tail = (1 - INSIDE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    # A column that does not vary still needs an axis with a width.
    flat = high - low <= 1e-9 * np.maximum(1, np.abs(low))
    pad = np.where(flat, 0.5 * np.maximum(1, np.abs(low)), 0.04 * (high - low))
    low, high = low - pad, high + pad
    room = STRETCH * (high - low)
    ranges = []
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        near = [p[i] for p in points.values() if a - room[i] <= p[i] <= b + room[i]]
        margin = 0.04 * (b - a)
        left, right = min([a, *(p - margin for p in near)]), max([b, *(p + margin for p in near)])
        ranges.append((float(left), float(right)))
    return ranges


def _panels(draws: NDArray[Any], ranges: list[Range], labels: list[str]) -> Figure:
    """Histograms and contours, by the package corner."""
    with warnings.catch_warnings():
        # corner imports ArviZ where it is installed, and that announces its next generation.
        warnings.simplefilter("ignore", FutureWarning)
        from corner.core import corner_impl

    panel, margin, legend = (PANEL, 0.75, 0.0) if len(labels) > 5 else (1.6, 0.75, 3.0)
    side = panel * len(labels) + 1.1
    fig = new_figure(side + legend, side, layout=None)
    bins = int(np.clip(round(len(draws) ** 0.4), 12, 40))
    corner_impl(
        draws,
        fig=fig,
        bins=bins,
        range=ranges,
        labels=labels,
        color="#404040",
        smooth=1.0,
        levels=CONTOURS,
        plot_datapoints=False,
        plot_density=False,
        fill_contours=True,
        quiet=True,
        max_n_ticks=4,
        hist_kwargs={"linewidth": 1.1},
        contour_kwargs={"linewidths": 0.7},
        label_kwargs={"fontsize": 12},
    )
    width = side + legend
    fig.subplots_adjust(
        left=margin / width,
        bottom=margin / side,
        right=(side - 0.35) / width,
        top=1 - 0.35 / side,
        wspace=0.07,
        hspace=0.07,
    )
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _keep_inner_ticks(axis)
        ax.xaxis.set_label_coords(0.5, -0.42 / panel)
        ax.yaxis.set_label_coords(-0.46 / panel, 0.5)
    return fig


def _keep_inner_ticks(axis: Axis) -> None:
    """No ticks near the ends, where their labels would meet those of the next panel."""
    low, high = sorted(axis.get_view_interval())
    edge = NEAR_EDGE * (high - low)
    axis.set_ticks([t for t in axis.get_ticklocs() if low + edge <= t <= high - edge])


def _scatter(axes: NDArray[Any], crowd: NDArray[Any], ranges: list[Range]) -> None:
    """All restarts, light; what lies beyond the axes is left out by them."""
    for row, column in _below_diagonal(len(ranges)):
        axes[row, column].plot(
            crowd[:, column], crowd[:, row], ".", color=ORANGE, markersize=2.5, alpha=0.6, zorder=3
        )


def _ellipses(
    axes: NDArray[Any], centre: NDArray[Any], covariance: NDArray[Any], name: str
) -> None:
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


def _ellipse_handle(name: str) -> Line2D:
    return Line2D([], [], color=MARKS[name].color, linewidth=1.0, label=f"Laplace at {name}")


def _mark(axes: NDArray[Any], point: NDArray[Any], ranges: list[Range], name: str) -> bool:
    """Mark one network in every panel; whether any of its coordinates lies beyond the axes."""
    style = MARKS[name]
    out = [not low <= value <= high for value, (low, high) in zip(point, ranges, strict=True)]
    at = [_clip(value, bounds) for value, bounds in zip(point, ranges, strict=True)]
    for k, ax in enumerate(np.diagonal(axes)):
        if not out[k]:
            ax.axvline(at[k], zorder=4, **style.stroke)
    for row, column in _below_diagonal(len(ranges)):
        hollow = _hollow(name) if out[row] or out[column] else {}
        axes[row, column].plot(at[column], at[row], zorder=5, **(style.point | hollow))
    return any(out)


def _clip(value: float, bounds: Range, margin: float = 0.035) -> float:
    low, high = bounds
    inset = margin * (high - low)
    if low <= value <= high:
        return float(value)
    return low + inset if value < low else high - inset


def _hollow(name: str) -> dict[str, Any]:
    color = MARKS[name].color
    return {
        "markerfacecolor": "white",
        "markeredgecolor": color,
        "markeredgewidth": 0.9,
        "markersize": 5.5,
    }


def _below_diagonal(size: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(size) for column in range(row))


def _explain(
    fig: Figure,
    run: Run,
    names: Mapping[str, Any],
    more: Sequence[Line2D],
    beyond: bool,
    copies: float | None,
    shown: int,
) -> None:
    """Legend and facts, in the empty half above the diagonal."""
    handles = [*(point_handle(name) for name in names), *more]
    if beyond and shown > 1:
        empty = {"markerfacecolor": "white", "markeredgecolor": GREY, "markersize": 5.5}
        empty["markeredgewidth"] = 0.9
        handles.append(point_handle("SGD", "hollow: beyond the axes", color=GREY, **empty))
    data, net = run.post.data, run.post.net
    facts = [f"{data.name}: {data.n} points", f"network {net.words}"]
    if shown > 1:
        facts.append(f"contours: {', '.join(f'{level:.0%}' for level in CONTOURS)} of the draws")
    if copies is not None and copies > 1:
        facts.append("folded" if math.isinf(copies) else f"folded: one of {copies:,} copies")
    if shown < run.post.ndim:
        facts.append(f"{shown} of {run.post.ndim} parameters")
    if not data.scaling.is_none:
        facts.append("weights are on the network's scale")
    if run.known_verdict is None:
        facts.append("convergence has not been judged")
    elif not run.known_verdict.converged:
        facts.append("the chain has NOT converged")
    legend = fig.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.985, 0.985),
        title="\n".join(facts),
        alignment="left",
        fontsize=10,
        title_fontsize=10,
    )
    legend.set_in_layout(False)
