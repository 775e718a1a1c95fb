"""The fits as functions: data, curves, posterior band and residuals, as the article draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from .style import (
    BLACK,
    GREY,
    MARKS,
    SKY,
    legend_below,
    misfit,
    new_figure,
    number,
    panel_label,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from ..comparison.result import Comparison
    from ..data.dataset import Dataset
    from ..posterior.posterior import Posterior
    from ..sampling.run import Run
    from ..training.optimum import Optimum

__all__ = [
    "SHOWN",
    "Component",
    "Outputs",
    "band_draws",
    "fits_and_residuals",
    "fits_by_component",
    "outputs",
    "y_limits",
]

SHOWN = ("SGD", "MAP", "MLE", "best sample")
BAND_DRAWS = 2000
CURVE_PLACES = 241


@styled
def fits_and_residuals(post: Posterior, comparison: Comparison, run: Run) -> Figure:
    """SGD, MAP, MLE and best sample against the data, a column each, with residuals below.

    One input: the curve over the data (solid) and on to twice their range (dashed), with the band
    that holds 90 % of the posterior at each x; below, y − f(x) with the mean of its size. Several
    inputs: the prediction against the observed value, with the same band as bars; below, y − f(x).
    Dotted, below: between these lines 90 % of new targets are to be expected around the posterior's
    median, noise included; where they lie beyond all residuals they are left out.
    Titles give the mean of r², or χ²/n, that of (r/yerr)², where the data bring errors.
    """
    models = {name: comparison.models[name] for name in SHOWN}
    fig = new_figure(7.2, 3.9)
    axes = fig.subplots(
        2, len(models), sharex=True, sharey="row", gridspec_kw={"height_ratios": [2.6, 1]}
    )
    draws = band_draws(run)
    handles = _plot(axes[0], Component(post, 0), models, draws)
    if _residuals(axes[1], post, models, draws):
        handles.append(Line2D([], [], color=GREY, ls=":", lw=0.9, label="90 % of new targets"))
    for ax, name in zip(axes[0], models, strict=True):
        below = max(models["MAP"].log_prob - models[name].log_prob, 0.0)
        height = "the highest" if name == "MAP" else f"{number(below, '.3g')} nats below"
        loss = f"{misfit(post.loss_name)} {models[name].mse:.3g}"
        ax.set_title(f"{name}\n{height}\n{loss}", fontsize=8.5)
    legend_below(fig, handles, columns=len(handles) if len(handles) < 5 else 3)
    return fig


@styled
def fits_by_component(post: Posterior, comparison: Comparison, run: Run) -> Figure:
    """The same without residuals, a row for each number that is said of a point: the probability
    of a class, beside a 1 where it was seen and a 0 where another was."""
    models = {name: comparison.models[name] for name in SHOWN}
    fig = new_figure(7.2, 0.7 + 1.7 * post.components)
    axes = fig.subplots(post.components, len(models), sharex=True, sharey="row", squeeze=False)
    draws = band_draws(run)
    for k, row in enumerate(axes):
        handles = _plot(row, Component(post, k), models, draws)
    for ax, name in zip(axes[0], models, strict=True):
        ax.set_title(f"{name}\n{misfit(post.loss_name)} {models[name].mse:.3g}", fontsize=9)
    for ax in axes[-1]:
        one = post.data.inputs == 1
        ax.set_xlabel(symbol(post.data.x_names[0]) if one else "observed")
    fig.align_ylabels(axes[:, 0])
    legend_below(fig, handles)
    return fig


@dataclass(frozen=True, eq=False)
class Component:
    """One of the numbers that a posterior says of every point."""

    post: Posterior
    k: int

    @property
    def name(self) -> str:
        return self.post.component_names[self.k]

    @property
    def y(self) -> NDArray[np.float64]:
        """What was observed, (n,)."""
        return self.post.observed[:, self.k]

    def __call__(self, theta: ArrayLike, x: ArrayLike | None = None) -> NDArray[np.float64]:
        """(..., P) -> (..., n)"""
        found = np.asarray(self.post.expected(np.asarray(theta), x))
        return found if self.post.components == 1 else found[..., self.k]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What networks say, by their names, and the 90 % band of the posterior; each (m,).

    ``at`` are places from half the data's range below them to half above, for one input, and what
    was observed at the data's points for several.
    """

    at: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    fits: dict[str, NDArray[np.float64]]


def band_draws(run: Run) -> NDArray[np.float64]:
    """The draws that bands are made of, (S, P), spread over rows and walkers."""
    return run.some(BAND_DRAWS)[0]


def outputs(say: Component, models: dict[str, Optimum], draws: NDArray[np.float64]) -> Outputs:
    """Of networks and draws (S, P), along the input, or at the data's points."""
    x, at = None, say.y
    if say.post.data.inputs == 1:
        first, last = _ends(say.post.data.raw)
        half = (last - first) / 2 or 0.5 * max(1.0, abs(first))  # one place needs an axis, too
        at = np.linspace(first - half, last + half, CURVE_PLACES)
        x = at[:, None]
    low, high = np.quantile(say(draws, x), [0.05, 0.95], axis=0)
    return Outputs(at, low, high, {name: say(m.theta, x) for name, m in models.items()})


def y_limits(say: Component, found: Outputs) -> tuple[float, float]:
    """Limits of f along the input that hold data, band and fits; the MLE may run off beyond the
    data."""
    first, last = _ends(say.post.data.raw)
    inside = (found.at >= first) & (found.at <= last)
    whole = (f[inside] if name == "MLE" else f for name, f in found.fits.items())
    return _limits(say.y, found.low, found.high, *whole)


def _ends(data: Dataset) -> tuple[float, float]:
    return float(data.x.min()), float(data.x.max())


def _plot(
    axes: NDArray[np.object_],
    say: Component,
    models: dict[str, Optimum],
    draws: NDArray[np.float64],
) -> list[Line2D | Patch]:
    return (_curves if say.post.data.inputs == 1 else _observed)(axes, say, models, draws)


def _curves(
    axes: NDArray[np.object_],
    say: Component,
    models: dict[str, Optimum],
    draws: NDArray[np.float64],
) -> list[Line2D | Patch]:
    """Panels of f against x, for one input."""
    data, found = say.post.data.raw, outputs(say, models, draws)
    (first, last), x = _ends(data), found.at
    inside = (x >= first) & (x <= last)
    for ax, (name, curve) in zip(axes, found.fits.items(), strict=True):
        ax.fill_between(x, found.low, found.high, color=SKY, alpha=0.35, linewidth=0)
        _data_points(ax, data, say.y)
        color = MARKS[name].color
        ax.plot(x, curve, color=color, linestyle=(0, (4, 1.5)), linewidth=1.3)
        ax.plot(x[inside], curve[inside], color=color, linewidth=1.8, label=name)
    axes[0].set_ylabel(symbol(say.name))
    axes[0].set_xlim(x[0], x[-1])
    axes[0].xaxis.set_major_locator(MaxNLocator(5, prune="both"))  # neighbours' labels would meet
    axes[0].set_ylim(y_limits(say, found))
    return [
        Line2D([], [], ls="none", marker="o", ms=2.5, color=BLACK, label="data"),
        Line2D([], [], color=GREY, lw=1.8, label="fit"),
        Line2D([], [], color=GREY, lw=1.3, ls=(0, (4, 1.5)), label="fit beyond the data"),
        Patch(color=SKY, alpha=0.35, lw=0, label="90 % of the posterior at each x"),
    ]


def _observed(
    axes: NDArray[np.object_],
    say: Component,
    models: dict[str, Optimum],
    draws: NDArray[np.float64],
) -> list[Line2D | Patch]:
    """Panels of prediction against observation, for several inputs."""
    y, found = say.y, outputs(say, models, draws)
    ends = _limits(y, *found.fits.values())
    for ax, (name, f) in zip(axes, found.fits.items(), strict=True):
        ax.plot(ends, ends, color=GREY, linewidth=0.8)
        ax.vlines(y, found.low, found.high, color=SKY, alpha=0.5, linewidth=1.2)
        ax.plot(y, f, "o", color=MARKS[name].color, markersize=2.2, alpha=0.8, label=name)
    axes[0].set_ylabel("prediction" if say.post.components == 1 else say.name)
    axes[0].set_xlim(ends)
    axes[0].xaxis.set_major_locator(MaxNLocator(5, prune="both"))
    axes[0].set_ylim(ends)
    return [
        Line2D([], [], ls="none", marker="o", ms=3, color=GREY, label="fit"),
        Line2D([], [], color=SKY, alpha=0.7, label="90 % of the posterior at each point"),
        Line2D([], [], color=GREY, lw=0.8, label="prediction = observation"),
    ]


def _residuals(
    axes: NDArray[np.object_],
    post: Posterior,
    models: dict[str, Optimum],
    draws: NDArray[np.float64],
) -> bool:
    """y − f(x) of every model; whether the noise that is expected is drawn among them."""
    data = post.data.raw
    one = data.inputs == 1
    at = data.x[:, 0] if one else data.y
    order = np.argsort(at)
    residuals = {name: data.y - post.expected(m.theta) for name, m in models.items()}
    top = max(np.abs(r).max() for r in residuals.values())
    noise = _noise(post, draws) if post.draws_targets else np.full((2, data.n), np.inf)
    shown = bool((noise < 1.4 * top).all())
    for ax, (name, r) in zip(axes, residuals.items(), strict=True):
        if one:
            mark = "." if len(at) == 1 else ""  # a line through one point cannot be seen
            ax.plot(at[order], r[order], f"-{mark}", color=BLACK, linewidth=0.5)
        else:
            ax.plot(at, r, "o", color=BLACK, markersize=1.5)
        # The letters of the article: ⟨Δy⟩ is the mean of the absolute residuals.
        panel_label(ax, rf"$\langle|\Delta y|\rangle = {np.abs(r).mean():.3g}$")
        ax.set_xlabel(symbol(data.x_names[0]) if one else f"observed {symbol(data.y_name)}")
        ax.axhline(0, color=MARKS[name].color, linewidth=0.9)
        for side in noise if shown else ():
            ax.plot(at[order], side[order], ":", color=GREY, linewidth=0.9)
    axes[0].set_ylabel(r"$\Delta y$")
    axes[0].set_ylim(-1.15 * top or -1, 1.8 * top or 1)
    return shown


def _noise(post: Posterior, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 5 and 95 % quantiles of new targets about the median of f, at the data: (2, n)."""
    data = post.data.raw
    rng = np.random.default_rng(0)
    new = post.draw_targets(draws, data.x, rng, data.yerr)
    middle = np.median(post.expected(draws), axis=0)
    return np.quantile(new, [0.05, 0.95], axis=0) - middle


def _data_points(ax: Axes, data: Dataset, y: NDArray[np.float64]) -> None:
    size = float(np.clip(60 / np.sqrt(data.n), 1.0, 5.0))
    if data.yerr is None:
        ax.plot(data.x[:, 0], y, "o", color=BLACK, markersize=size, markeredgewidth=0)
        return
    ax.errorbar(data.x[:, 0], y, data.yerr, fmt="o", color=BLACK, ms=size, mew=0, elinewidth=0.6)


def _limits(*values: NDArray[np.float64]) -> tuple[float, float]:
    """Limits that hold data and fits; the band may leave them."""
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    pad = 0.12 * (high - low) or 1.0
    return float(low - pad), float(high + pad)
