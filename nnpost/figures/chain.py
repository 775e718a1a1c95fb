"""The chain: traces and ranks of its ensembles, the tempered runs it began with, its density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..data.grids import prediction_grid
from ..network.symmetry import fold
from .style import (
    GREY,
    MARKS,
    ON_TOP,
    PALETTE,
    legend_below,
    new_figure,
    number,
    point_handle,
    styled,
)

if TYPE_CHECKING:
    from ..comparison.result import Comparison
    from ..sampling.run import Run
    from ..tempering.result import Tempering

__all__ = [
    "TRACED",
    "WALKERS",
    "columns",
    "ladder",
    "log_posterior",
    "ranks",
    "series_of",
    "traces",
    "value_limits",
]

ROWS = 1000  # draws that are ranked, of each walker
TRACED = 400  # points of a trace: more would be a solid block
WALKERS = 2  # of each ensemble, as traces
BINS = 60
RANKED = 20  # bins of a rank plot
LIGHT = "#cccccc"
LOG_POSTERIOR = "log posterior"


@styled
def traces(run: Run, parameters: Sequence[int] | None = None) -> Figure:
    """Log posterior, predictions and a few parameters along the chain, one colour an ensemble.

    Rows: the log posterior; the prediction at three inputs; the folded ``parameters`` (indices;
    the first two of theta by default). Right: the distribution in each ensemble after the
    burn-in, which must agree; the burn-in is shaded.
    """
    stride = -(-len(run.chain) // TRACED)
    rows = slice(None, None, stride)
    steps = (np.arange(len(run.chain)) * run.thin)[rows]
    series = series_of(
        run, rows, range(min(2, run.post.ndim)) if parameters is None else parameters
    )
    fig = new_figure(7.2, 0.6 + 1.05 * len(series))
    axes = fig.subplots(len(series), 2, width_ratios=[4, 1], squeeze=False)
    for (left, right), (label, values) in zip(axes, series.items(), strict=True):
        kept = values[steps >= run.burnin * run.thin]
        _trace(left, steps, values, run.ensembles)
        _distributions(right, kept if len(kept) else values, run.ensembles)
        left.set_ylabel(label, fontsize=9)
        left.set_ylim(value_limits(kept if len(kept) else values))
        right.sharey(left)
        right.tick_params(labelleft=False)
        if left is not axes[0, 0]:
            left.sharex(axes[0, 0])
        left.tick_params(labelbottom=left is axes[-1, 0])
        if run.burnin:
            left.axvspan(0, run.burnin * run.thin, color=GREY, alpha=0.15, linewidth=0)
    fig.align_ylabels(axes[:, 0])
    axes[-1, 0].set_xlim(steps[0], max(steps[-1], 1))
    axes[-1, 0].set_xlabel("step")
    axes[-1, 1].set_xlabel("density")
    legend_below(fig, _ensemble_handles(run))
    return fig


def series_of(run: Run, rows: slice, parameters: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """What is traced: label -> (rows, W)."""
    post, chain = run.post, run.chain[rows]
    x = _places(post.data.raw.x)
    f, theta = post.curves(chain, x), fold(post.net, chain)
    series = {LOG_POSTERIOR: run.log_prob[rows]}
    for k, at in enumerate(x):
        where = f"{at[0]:.3g}" if len(at) == 1 else rf"x_{{{k + 1}}}"
        series[f"$f({where})$"] = f[..., k * post.components]
    copy = ", folded" if post.net.hidden else ""
    return series | {f"{post.labels[i]}{copy}": theta[..., i] for i in parameters}


def _places(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both ends and the middle of the data for one input; three of the points for several."""
    if x.shape[1] == 1:
        return np.linspace(x.min(), x.max(), 3)[:, None]
    grid = prediction_grid(x)
    return grid[np.unique([0, len(grid) // 2, len(grid) - 1])]


def columns(walkers: int, ensembles: int) -> list[slice]:
    size = walkers // ensembles
    return [slice(e * size, (e + 1) * size) for e in range(ensembles)]


def _trace(ax: Axes, steps: NDArray[np.int_], values: NDArray[np.float64], ensembles: int) -> None:
    for e, own in enumerate(columns(values.shape[1], ensembles)):
        walkers = values[:, own][:, :WALKERS]
        ax.plot(steps, walkers, color=_color(e), linewidth=0.5, alpha=0.7, rasterized=True)


def _distributions(ax: Axes, values: NDArray[np.float64], ensembles: int) -> None:
    bins = np.linspace(*value_limits(values), BINS // 2 + 1)
    for e, own in enumerate(columns(values.shape[1], ensembles)):
        inside = values[:, own].ravel()
        counts, _ = np.histogram(inside, bins)
        share = counts / max(inside.size, 1) / np.diff(bins)
        ax.stairs(share, bins, orientation="horizontal", color=_color(e), linewidth=1.0)
    ax.set_xticks([])


def _color(ensemble: int) -> str:
    return PALETTE[ensemble % len(PALETTE)]


def value_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Limits that hold nearly all values after the burn-in, so that a far start does not squash."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = np.quantile(finite, [0.001, 0.999])
    pad = 0.08 * (high - low) or 0.5 * max(1.0, abs(low))
    return float(low - pad), float(high + pad)


def _ensemble_handles(run: Run) -> list[Line2D]:
    few = min(run.ensembles, len(PALETTE))
    handles = [Line2D([], [], color=_color(e), label=f"ensemble {e + 1}") for e in range(few)]
    if run.burnin:
        handles.append(Line2D([], [], color=GREY, alpha=0.3, lw=6, label="burn-in"))
    return handles


@styled
def ranks(run: Run) -> Figure:
    """How the ranks of all draws are spread over the ensembles, which should be evenly.

    Panels: the log posterior, and the prediction at three inputs. Every draw after the burn-in is
    ranked among all of them; each ensemble should have its part of every twentieth (Vehtari et
    al. 2021, Bayesian Anal. 16, 667). The grey band holds what chance does with as many effective
    draws as the verdict gives an ensemble, or as are ranked where a thinned chain has fewer, two
    standard deviations either way. A run that has not been judged (``run.verdict``) has no band.
    """
    kept = slice(run.burnin, None, -(-(len(run.chain) - run.burnin) // ROWS))
    series = series_of(run, kept, ())
    ess = {} if run.known_verdict is None else run.known_verdict.ess
    fig = new_figure(7.2, 4.4)
    panels = fig.subplots(2, 2, sharex=True, sharey=True)
    reach = 0.0  # the farthest from even that anything is
    for ax, (label, values) in zip(panels.flat, series.items(), strict=False):
        effective = ess.get("log_prob" if label == LOG_POSTERIOR else "predictions")
        if effective is not None:
            independent = max(min(effective, values.size) / run.ensembles, 1)
            width = 2 * np.sqrt((RANKED - 1) / independent)
            ax.axhspan(max(1 - width, 0), 1 + width, color=LIGHT, alpha=0.6, linewidth=0)
            reach = max(reach, width)
        reach = max(reach, _rank_histograms(ax, values, run.ensembles))
        ax.set_title(label)
    panels[0, 0].set_ylim(max(1 - 1.15 * reach, 0), 1 + 1.15 * reach)
    panels[0, 0].yaxis.set_major_locator(MaxNLocator(5, prune="lower"))
    for ax in panels[-1]:
        ax.set_xlabel("rank among all draws")
    for ax in panels[:, 0]:
        ax.set_ylabel("share, 1 if even")
    handles = _ensemble_handles(run)[: min(run.ensembles, len(PALETTE))]
    if any(value is not None for value in ess.values()):
        handles.append(Line2D([], [], color=LIGHT, lw=6, label="chance"))
    legend_below(fig, handles)
    return fig


def _rank_histograms(ax: Axes, values: NDArray[np.float64], ensembles: int) -> float:
    """Of every ensemble, by the ranks of values (rows, W) among all of them; how far from 1 the
    farthest is."""
    edges = np.linspace(0, 1, RANKED + 1)
    rank = (np.argsort(np.argsort(values.ravel())) + 0.5) / values.size
    rank, reach = rank.reshape(values.shape), 0.0
    for e, own in enumerate(columns(values.shape[1], ensembles)):
        counts, _ = np.histogram(rank[:, own], edges)
        shares = counts * RANKED / rank[:, own].size
        ax.stairs(shares, edges, baseline=None, color=_color(e), linewidth=1.1)
        reach = max(reach, float(np.abs(shares - 1).max()))
    ax.set_xlim(0, 1)
    return reach


# What the filled and the hollow evidence of a run are by, for its start.
KNOWN = {"basins": ("importance sampling", "tempering")}


@styled
def ladder(tempering: Tempering) -> Figure:
    """The tempered runs: their ladders, the share of accepted moves, and the evidence of each.

    Right: log Z of every run filled, and hollow that of its first pilot, or from basins by
    tempering where the other is by importance sampling; the mean of Z and its standard error as
    the line and the band.
    """
    fig = new_figure(7.2, 3.1)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1.2, 1.2, 1])
    _rungs(left, middle, tempering)
    _evidences(right, tempering)
    runs = range(min(len(tempering.log_z), len(PALETTE)))
    handles = [Line2D([], [], color=_color(e), label=f"run {e + 1}") for e in runs]
    names = KNOWN.get(tempering.start, ("the run", "its first pilot"))
    for label, face in zip(names, (GREY, "white"), strict=True):
        point: dict[str, Any] = {"marker": "o", "color": GREY, "markerfacecolor": face, "ms": 5}
        handles.append(Line2D([], [], linestyle="none", label=label, **point))
    legend_below(fig, handles)
    return fig


def _rungs(powers: Axes, moves: Axes, tempering: Tempering) -> None:
    """β of every rung, and the accepted moves at it, a line a run."""
    for e, (beta, taken) in enumerate(zip(tempering.betas, tempering.acceptance, strict=True)):
        powers.plot(beta, ".-", color=_color(e), linewidth=1.0, markersize=4)
        moves.plot(beta, taken, ".-", color=_color(e), linewidth=1.0, markersize=4)
    first = np.nanmin(np.where(tempering.betas > 0, tempering.betas, np.nan))
    powers.set_yscale("symlog", linthresh=first)
    powers.set_ylim(bottom=0)
    powers.set_title("from start to posterior")
    moves.set_title("moves of the particles")
    powers.set_xlabel("step of the ladder")
    powers.set_ylabel(r"power $\beta$ of the likelihood")
    moves.set_xscale("symlog", linthresh=first)
    moves.set_ylim(0, 1)
    moves.set_xlabel(r"power $\beta$")
    moves.set_ylabel("share that is accepted")
    for ax in (powers, moves):
        ax.minorticks_off()
    powers.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not np.isfinite(tempering.acceptance).any():
        moves.set_axis_off()
        words = "nothing had to move:\ndraws of a fitted start\nwere weighed"
        moves.text(0.5, 0.5, words, transform=moves.transAxes, ha="center", va="center")


def _evidences(ax: Axes, tempering: Tempering) -> None:
    """log Z of every run, and of all."""
    for e, pair in enumerate(zip(tempering.tempered_log_z, tempering.log_z, strict=True)):
        ax.plot(e + 1, pair[0], "o", color=_color(e), mfc="white", ms=5)
        ax.plot(e + 1, pair[1], "o", color=_color(e), ms=5)
    z, error = tempering.log_evidence, tempering.error
    ax.axhline(z, color=GREY, linewidth=1.0)
    if np.isfinite(error):
        ax.axhspan(z - error, z + error, color=LIGHT, alpha=0.6, linewidth=0)
    ax.set_xlim(0.3, len(tempering.log_z) + 0.7)
    ax.set_xticks(range(1, len(tempering.log_z) + 1))
    ax.set_title("evidence of each run")
    ax.set_xlabel("run")
    ax.set_ylabel(r"$\log\,Z$")
    ax.ticklabel_format(axis="y", useOffset=False)


@styled
def log_posterior(run: Run, comparison: Comparison) -> Figure:
    """Density of the log posterior over the draws, with SGD, MAP, MLE and best sample on it.

    Dashed: what a Gaussian posterior with P parameters and the same maximum would show,
    log p = log p(MAP) − χ²_P / 2. The networks stand above the histogram, since their heights there
    would mean nothing. A typical draw of a Gaussian lies P/2 below the maximum, and so the optimum
    of a posterior is not typical of it.
    """
    models, draws = comparison.models, run.sample_log_prob
    draws = draws[np.isfinite(draws)]
    low, high = _axis(draws, models["MAP"].log_prob)
    fig = new_figure(7.2, 4.2)
    strip, ax = fig.subplots(2, 1, sharex=True, height_ratios=[1, 4])
    _densities(ax, draws, (low, high), models["MAP"].log_prob, run.post.ndim)
    for row, name in enumerate(ON_TOP):
        if low <= models[name].log_prob <= high:
            _place_network(strip, ax, name, models[name].log_prob, len(ON_TOP) - row)
    strip.set_ylim(0, len(ON_TOP) + 1)
    strip.axis("off")
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(r"log posterior, $\log\,p(\theta\,|\,y)$ + constant")
    ax.set_ylabel("density of draws")
    handles = [point_handle(n, _place(n, m.log_prob, draws, low)) for n, m in models.items()]
    handles.append(Line2D([], [], color=LIGHT, lw=6, label="posterior draws"))
    label = f"a Gaussian posterior of {run.post.ndim} parameters"
    handles.append(Line2D([], [], color=GREY, ls="--", lw=1.0, label=label))
    legend_below(fig, handles, columns=2)
    return fig


def _densities(
    ax: Axes, draws: NDArray[np.float64], ends: tuple[float, float], top: float, ndim: int
) -> None:
    """The histogram of the draws and the curve of a Gaussian with that top."""
    from scipy import stats

    bins = np.linspace(*ends, BINS + 1)
    density = np.histogram(draws, bins)[0] / draws.size / np.diff(bins)
    ax.stairs(density, bins, fill=True, color=LIGHT)
    below = np.linspace(0, top - ends[0], 400)[1:]
    gaussian = 2 * stats.chi2(ndim).pdf(2 * below)
    ax.plot(top - below, gaussian, color=GREY, linestyle="--", linewidth=1.0)
    ax.set_ylim(top=1.1 * float(max(density.max(), min(gaussian.max(), 2 * density.max()))))


def _axis(draws: NDArray[np.float64], top: float) -> tuple[float, float]:
    """Limits from nearly all draws to the maximum; a few walkers far below do not squash them."""
    low, left, middle = np.quantile(draws, [0.002, 0.16, 0.5])
    low = max(float(low), float(middle - 6 * (middle - left)))
    high = max(top, float(draws.max()))
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _place_network(strip: Axes, ax: Axes, name: str, value: float, row: int) -> None:
    """A mark at ``row`` of the strip, and a thin line from there down through the histogram."""
    mark = MARKS[name]
    ax.axvline(value, color=mark.color, linewidth=0.9)
    strip.vlines(value, 0, row, color=mark.color, linewidth=0.9)
    strip.plot(value, row, **mark.point, zorder=5, clip_on=False)


def _place(name: str, value: float, draws: NDArray[np.float64], low: float) -> str:
    """The legend's words: where a network lies among the draws."""
    above = float(np.mean(draws > value))
    place = f"{name} {number(value, '.2f')}{', beyond the axis' * (value < low)}"
    if name == "best sample":  # it is one of the draws: none can be above it
        return place
    share = "no draw" if above == 0 else "all draws" if above == 1 else f"{above:.2%} of draws"
    return f"{place}: {share} above it"
