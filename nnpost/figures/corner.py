"""The corner plot: all pairs of parameters of the posterior, with the networks marked in it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from ..common.errors import RequestError
from ..common.levels import checked_levels
from ..network.align import align
from ..network.mlp import MLP
from ..network.symmetry import fold, group_size, one_copy
from .limits import Range, asked_ranges, limits
from .overlays import crowd, ellipses, ellipses_handle, hollow_handle, mark, truth_lines
from .parameters import chosen, place
from .style import ON_TOP, new_figure, number, point_handle, styled

if TYPE_CHECKING:
    from ..comparison.laplace import Laplace
    from ..comparison.result import Comparison
    from ..sampling.run import Run
    from ..training.fits import Fits
    from ..training.optimum import Optimum

__all__ = ["all_restarts", "corner", "marked_networks", "networks_of"]

CONTOUR_DRAWS = 50_000  # more do not change what is seen
CONTOURS = (0.393, 0.675, 0.865)  # of a Gaussian in two dimensions: 1, 1.5 and 2 sigma
TOLD = (0.16, 0.5, 0.84)  # quantiles of a title, where no other three are asked for
LEFT_OUT = 0.015  # share of the draws beyond one end of an axis from which on it is told
PANEL = 1.25  # inches; a few parameters get larger panels and a legend beside them
DRAWS = "#404040"

NEAR_EDGE = 0.1  # of an axis, from either end


@styled
def corner(
    run: Run,
    fits: Fits | None = None,
    unfolded: bool = False,
    parameters: Sequence[int | str] | None = None,
    comparison: Comparison | None = None,
    population: bool = False,
    laplace: Mapping[str, Laplace] | None = None,
    ranges: Mapping[int | str, tuple[float, float] | float] | None = None,
    quantiles: Sequence[float] = (),
    titles: bool = False,
    truths: ArrayLike | Mapping[int | str, float] | None = None,
) -> Figure:
    """The posterior's pairs of parameters, with SGD, MAP, MLE and best sample marked.

    Draws and restarts are folded to one copy and the networks brought to that of the folded MAP (of
    the best sample without fits), unless ``unfolded``: then all are as they were found. ``fits``
    are those of the run where not given; ``comparison`` brings a MAP that was searched from the
    samples as well; ``population`` adds the end points of all restarts, as dots or, above a
    hundred, as a density; ``laplace``, by the names of the networks that :func:`marked_networks`
    gives and at their places, the 39 % contours of Laplace's approximations (the innermost contour
    of the draws holds as many).

    ``parameters`` are names (w1, b1, a1, c; LaTeX labels, too) or indices into theta. Without it
    all are drawn, unit by unit, or as many whole units as make at most 12 panels a side, and the
    output bias.

    Axes hold 98 % of the draws; where tails are long, the 90 % in the middle
    (``nnpost/figures/limits.py`` says when, and why it is a zoom), and the share of the draws
    beyond an end stands there. Contours are of the draws within the axes. ``ranges``, by parameter,
    sets other limits (low, high), or the central share of the draws that an axis shall hold. A mark
    beyond the axes is drawn hollow at the border.

    As in the package corner: ``quantiles`` draws the levels as dashed lines; ``titles`` writes the
    median above each histogram, with the distances to the 16 and 84 % quantiles, or to the outer
    two where three ``quantiles`` are given; ``truths`` draws lines at known values: one network as
    a whole vector theta (P,), brought to the copy of the others, or values by parameter, drawn as
    they are. Quantiles are those of what is drawn: at most 50,000 draws, spread over rows and
    walkers.

    It is said where a run has not converged, and where nobody has asked (``run.verdict``) so far.

    Raises RequestError for names, ranges, levels or truths that cannot be drawn.
    """
    if laplace is not None and not isinstance(laplace, Mapping):
        raise RequestError(
            f"corner: found laplace = {laplace!r}, expected approximations by the names of their "
            "networks, as in laplace={'SGD': ...}"
        )
    net, labels = run.post.net, run.post.labels
    fits = fits if fits is not None else run.fits
    levels, drawn = checked_levels(quantiles), chosen(net, labels, parameters)
    asked = asked_ranges(labels, drawn, ranges)
    marks = marked_networks(run, fits, comparison, unfolded)
    truth = _truth(net, labels, truths, None if unfolded else marks)[drawn]
    ends = all_restarts(fits) if population and fits is not None else np.empty((0, len(labels)))
    draws, _ = run.some(CONTOUR_DRAWS)
    if not unfolded:
        draws, ends = fold(net, draws), fold(net, ends)
    draws, points = draws[:, drawn], {name: theta[drawn] for name, theta in marks.items()}
    names = [labels[i] for i in drawn]
    axis_limits = limits(names, draws, [*points.values(), truth], asked)
    fig = _panels(draws, axis_limits, names)
    axes = np.array(fig.axes).reshape(len(drawn), len(drawn))
    handles = _quantile_lines(axes, draws, levels)
    handles += crowd(axes, ends[:, drawn], axis_limits)
    for name, found in (laplace or {}).items():
        ellipses(axes, found.theta[drawn], found.covariance[np.ix_(drawn, drawn)], name)
        handles.append(ellipses_handle(name))
    handles += truth_lines(axes, truth, axis_limits)
    beyond = [mark(axes, points[name], axis_limits, name) for name in ON_TOP if name in points]
    if any(beyond) and len(drawn) > 1:
        handles.append(hollow_handle())
    facts = _facts(run, len(drawn), unfolded)
    if _tell_left_out(axes, draws, axis_limits):
        facts.append("arrows: share of the draws beyond")
    if titles:
        facts.append(_write_titles(axes, draws, names, levels))
    _explain(fig, [*(point_handle(name) for name in points), *handles], facts)
    return fig


def marked_networks(
    run: Run, fits: Fits | None = None, comparison: Comparison | None = None, unfolded: bool = False
) -> dict[str, NDArray[Any]]:
    """Name -> theta (P,) of the networks that :func:`corner` marks, where it marks them.

    SGD, MAP and MLE are those of the comparison or else of the fits; with neither there is the best
    sample alone.
    """
    models = networks_of(run, fits, comparison)
    found = np.stack([model.theta for model in models.values()])
    if not unfolded and comparison is not None:
        found = comparison.folded
    elif not unfolded:
        reference = models.get("MAP", models["best sample"]).theta
        found = one_copy(run.post.net, found, reference)
    return dict(zip(models, found, strict=True))


def networks_of(run: Run, fits: Fits | None, comparison: Comparison | None) -> dict[str, Optimum]:
    """The same networks as they were found, with what they come to."""
    if comparison is not None:
        return comparison.models
    models = {} if fits is None else {"SGD": fits.sgd, "MAP": fits.map, "MLE": fits.mle}
    return models | {"best sample": run.best_sample}


def all_restarts(fits: Fits) -> NDArray[Any]:
    """Where they ended, (R, P), without those that diverged."""
    return fits.theta[np.isfinite(fits.theta).all(axis=1)]


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
        color=DRAWS,
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


def _truth(
    net: MLP,
    labels: Sequence[str],
    truths: ArrayLike | Mapping[int | str, float] | None,
    marks: Mapping[str, NDArray[Any]] | None,
) -> NDArray[np.float64]:
    """The true values (P,), NaN where none is given; a whole vector in the copy of the marks."""
    theta = np.full(len(labels), np.nan)
    if truths is None:
        return theta
    if isinstance(truths, Mapping):
        where = [place(labels, parameter) for parameter in truths]
        theta[where] = _numbers(list(truths.values()))
        return theta
    whole = _numbers(truths)
    if whole.shape != theta.shape or not np.isfinite(whole).all():
        raise RequestError(
            f"truths: found shape {whole.shape}, expected ({len(theta)},) finite numbers in the "
            "order of theta, or values by parameter, as in truths={'w1': 1.5}"
        )
    return whole if marks is None else align(net, whole, marks.get("MAP", marks["best sample"]))


def _numbers(truths: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(truths, dtype=float)
    except (TypeError, ValueError):
        raise RequestError(f"truths: found {truths!r}, expected numbers") from None


def _tell_left_out(axes: NDArray[Any], draws: NDArray[Any], ranges: Sequence[Range]) -> bool:
    """Write at both ends of a histogram which share lies beyond; whether there was any to tell."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    style = {"color": DRAWS, "fontsize": 7.5, "va": "top", "zorder": 6, "bbox": box}
    told = False
    for ax, x, (low, high) in zip(np.diagonal(axes), draws.T, ranges, strict=True):
        below, above = np.mean(x < low), np.mean(x > high)
        if below > LEFT_OUT:
            ax.text(0.05, 0.93, f"← {below:.0%}", transform=ax.transAxes, ha="left", **style)
        if above > LEFT_OUT:
            ax.text(0.95, 0.93, f"{above:.0%} →", transform=ax.transAxes, ha="right", **style)
        told |= max(below, above) > LEFT_OUT
    return told


def _quantile_lines(
    axes: NDArray[Any], draws: NDArray[Any], levels: Sequence[float]
) -> list[Line2D]:
    """Dashed lines in the histograms; their handle."""
    style: dict[str, Any] = {"color": DRAWS, "linewidth": 0.9, "linestyle": "--"}
    for ax, x in zip(np.diagonal(axes), draws.T, strict=True):
        for at in np.quantile(x, levels):
            ax.axvline(at, zorder=3, **style)
    return [Line2D([], [], label=_percent(levels), **style)] if levels else []


def _write_titles(
    axes: NDArray[Any], draws: NDArray[Any], labels: Sequence[str], levels: Sequence[float]
) -> str:
    """Median and distances to two quantiles above each histogram; what they are, in words."""
    told = tuple(sorted(levels)) if len(levels) == 3 else TOLD
    for ax, x, label in zip(np.diagonal(axes), draws.T, labels, strict=True):
        low, middle, high = np.quantile(x, told)
        minus, plus = middle - low, high - middle
        form = f".{_digits(min(minus, plus))}f"
        errors = f"_{{-{minus:{form}}}}^{{+{plus:{form}}}}"
        ax.set_title(f"{label}$={number(middle, form)}{errors}$", fontsize=8.5, pad=5)
    return f"titles: {_percent(told)}"


def _percent(levels: Sequence[float]) -> str:
    return ", ".join(f"{100 * level:g}" for level in levels) + " % quantiles"


def _digits(error: float) -> int:
    """Digits after the point that give two of the error's."""
    return int(np.clip(1 - math.floor(math.log10(error)), 0, 6)) if error > 0 else 2


def _facts(run: Run, shown: int, unfolded: bool) -> list[str]:
    """What has to be known of the posterior and of the picture, a line each."""
    data, net = run.post.data, run.post.net
    facts = [f"{data.name}: {data.n} points", f"network {net.words}"]
    if shown > 1:
        levels = ", ".join(f"{level:.0%}" for level in CONTOURS)
        facts += [f"contours: {levels} of the draws", "within the axes"]
    if (copies := group_size(net)) > 1:
        one = "folded" if math.isinf(copies) else f"folded: one of {copies:,} copies"
        facts.append("not folded: as found" if unfolded else one)
    if shown < run.post.ndim:
        facts.append(f"{shown} of {run.post.ndim} parameters")
    if not data.scaling.is_none:
        facts.append("weights are on the network's scale")
    if run.known_verdict is None:
        facts.append("convergence has not been judged")
    elif not run.known_verdict.converged:
        facts.append("the chain has NOT converged")
    return facts


def _explain(fig: Figure, handles: Sequence[Any], facts: Sequence[str]) -> None:
    """Legend and facts, in the empty half above the diagonal."""
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
