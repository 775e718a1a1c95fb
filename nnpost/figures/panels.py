"""Panels side by side: points with the lines, bands and error bars that belong to them.

A :class:`Panel` says what is drawn, :func:`panels` draws any number of them under one legend. The
functions below make panels of what is often looked at: y against each input, f(X) against y, a
function on its data, how training went, and weights with their error bars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..common.errors import RequestError, choose
from .style import BLACK, GREY, PALETTE, legend_below, new_figure, styled

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..training.fits import Fits

__all__ = [
    "Band",
    "Bars",
    "Line",
    "Panel",
    "against_inputs",
    "against_truth",
    "function_on_data",
    "learning_curves",
    "panels",
    "weight_bars",
]

WIDTH = 7.2  # inches: two columns of a journal
FEW = 300  # points that are drawn in full strength
SCALES = ("linear", "log")
COLORS = tuple(c for c in PALETTE if c != BLACK)  # black is for the points
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


class Line(NamedTuple):
    """y against x, each (m,)."""

    x: Any
    y: Any


class Band(NamedTuple):
    """From ``low`` to ``high`` at x, each (m,)."""

    x: Any
    low: Any
    high: Any


class Bars(NamedTuple):
    """Points y at x with error bars of half length ``error``, each (m,)."""

    x: Any
    y: Any
    error: Any


@dataclass(frozen=True, eq=False)
class Panel:
    """What one panel shows. Lines, bands and bars are named; one name has one colour everywhere.

    ``points`` are x and y, (n,) each. ``ticks`` puts words instead of numbers at x = 0, 1, 2, …
    ``y_scale`` is "linear" or "log".
    """

    x_label: str
    y_label: str
    title: str = ""
    points: tuple[Any, Any] | None = None
    bands: Mapping[str, Band] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    bars: Mapping[str, Bars] = field(default_factory=dict)
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    y_scale: str = "linear"
    ticks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        choose("scale", self.y_scale, SCALES)


@styled
def panels(shown: Sequence[Panel], columns: int = 3, height: float = 2.5) -> Figure:
    """Draw panels in rows of ``columns``, ``height`` inches a row, with one legend below.

    Raises RequestError where there are none.
    """
    if not shown:
        raise RequestError("panels: found none, expected at least one Panel")
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    fig = new_figure(WIDTH, height * rows + 0.35)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    looks = _looks(shown)
    for ax, panel in zip(axes, shown, strict=False):
        _plot(ax, panel, looks)
    for ax in axes[len(shown) :]:
        ax.remove()
    if looks:
        handles = [_handle(name, look, shown) for name, look in looks.items()]
        legend_below(fig, handles, min(len(handles), 4))
    return fig


def against_inputs(
    data: Dataset, columns: Sequence[int] | None = None, lines: Mapping[str, Line] | None = None
) -> list[Panel]:
    """y against each of some inputs (all by default), a panel each."""
    data = data.raw
    chosen = range(data.inputs) if columns is None else columns
    return [
        Panel(data.x_names[i], data.y_name, points=(data.x[:, i], data.y), lines=lines or {})
        for i in chosen
    ]


def against_truth(y: NDArray[Any], outputs: Mapping[str, NDArray[Any]]) -> list[Panel]:
    """f(X) against y, both (n,), a panel a network, with the line f = y; its title has the MSE."""
    ends = np.array([min(map(np.min, [y, *outputs.values()])),
                     max(map(np.max, [y, *outputs.values()]))])  # fmt: skip
    return [
        Panel(
            "y", "f(X)", f"{name}, MSE {np.mean((y - f) ** 2):.3g}", points=(y, f),
            lines={"f(X) = y": Line(ends, ends)},
        )
        for name, f in outputs.items()
    ]  # fmt: skip


def function_on_data(data: Dataset, curves: Mapping[str, NDArray[Any]], title: str = "") -> Panel:
    """Curves f(x) at the points of data with one input, each (n,), over the data."""
    data = data.raw
    x = data.x[:, 0]
    order = np.argsort(x)
    lines = {name: Line(x[order], np.asarray(f)[order]) for name, f in curves.items()}
    return Panel(data.x_names[0], data.y_name, title, points=(x, data.y), lines=lines)


def learning_curves(fits: Fits, title: str = "") -> Panel:
    """Losses by epoch: the median over restarts, training and (if there is one) validation.

    The bands hold 80 % of the restarts.
    """
    curves = {"training": fits.loss, "validation": fits.validation_loss}
    known = {name: loss for name, loss in curves.items() if loss is not None}
    shares = {name: np.quantile(loss, [0.1, 0.5, 0.9], axis=1) for name, loss in known.items()}
    return Panel(
        "epoch",
        "loss",
        title,
        bands={f"{n}, 80 % of restarts": Band(fits.epochs, q[0], q[2]) for n, q in shares.items()},
        lines={f"{n}, median": Line(fits.epochs, q[1]) for n, q in shares.items()},
        y_scale="log",
    )


def weight_bars(
    labels: Sequence[str], truth: NDArray[Any], found: Mapping[str, tuple[Any, Any]], sds: float = 2
) -> list[Panel]:
    """Weights with their error bars against their true values, and the same minus the truth.

    ``found`` has mean and standard deviation, (P,) each, by name; bars are ``sds`` of them long.
    """
    at = np.arange(len(labels))
    shift = np.linspace(-0.2, 0.2, len(found)) if len(found) > 1 else [0.0]
    named = [(s, n, np.asarray(m), sds * np.asarray(sd))
             for s, (n, (m, sd)) in zip(shift, found.items(), strict=True)]  # fmt: skip
    whole = {name: Bars(at + s, mean, error) for s, name, mean, error in named}
    rest = {name: Bars(at + s, mean - truth, error) for s, name, mean, error in named}
    ticks = tuple(labels)
    return [
        Panel("", "weight", "black: the truth", points=(at, truth), bars=whole, ticks=ticks),
        Panel("", "weight − truth", points=(at, 0 * at), bars=rest, ticks=ticks),
    ]


class _Look(NamedTuple):
    color: str
    dashes: Any


def _looks(shown: Sequence[Panel]) -> dict[str, _Look]:
    """Colours and dashes by name; the k-th band of a panel looks like the k-th of its lines."""
    strokes = dict.fromkeys(name for p in shown for name in [*p.lines, *p.bars])
    looks = {name: _look(k) for k, name in enumerate(strokes)}
    for panel in shown:
        for name, line in zip_longest(panel.bands, panel.lines):
            if name is not None and name not in looks:
                looks[name] = looks[line] if line is not None else _look(len(looks))
    return looks


def _look(k: int) -> _Look:
    return _Look(COLORS[k % len(COLORS)], DASHES[k % len(DASHES)])


def _plot(ax: Axes, panel: Panel, looks: Mapping[str, _Look]) -> None:
    if panel.points is not None:
        _points(ax, np.asarray(panel.points[0]), np.asarray(panel.points[1]), bool(panel.lines))
    for name, band in panel.bands.items():
        ax.fill_between(*band, color=looks[name].color, alpha=0.25, linewidth=0)
    for name, line in panel.lines.items():
        ax.plot(*line, color=looks[name].color, linestyle=looks[name].dashes, linewidth=1.5)
    for name, bars in panel.bars.items():
        ax.errorbar(*bars, fmt="o", color=looks[name].color, markersize=3, elinewidth=1.2)
    ax.set(xlabel=panel.x_label, ylabel=panel.y_label, title=panel.title, yscale=panel.y_scale)
    if panel.ticks:
        ax.set_xticks(range(len(panel.ticks)), panel.ticks)
        ax.tick_params(axis="x", which="both", length=0)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set(xlim=panel.x_limits or ax.get_xlim(), ylim=panel.y_limits or ax.get_ylim())
    if panel.y_scale == "log":
        _log_ticks(ax)


def _log_ticks(ax: Axes) -> None:
    """Over less than two decades, plain numbers at 1, 2 and 5."""
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _points(ax: Axes, x: NDArray[Any], y: NDArray[Any], behind: bool) -> None:
    """Many points are drawn small and light, so that their density shows."""
    size = float(np.clip(50 / np.sqrt(len(x)), 1.5, 4.5))
    alpha = float(np.clip(FEW / len(x), 0.1, 1.0))
    color = GREY if behind else BLACK
    ax.plot(x, y, "o", color=color, ms=size, mew=0, alpha=alpha, rasterized=len(x) > FEW)


def _handle(name: str, look: _Look, shown: Sequence[Panel]) -> Line2D | Patch:
    if any(name in panel.bands for panel in shown):
        return Patch(color=look.color, alpha=0.25, lw=0, label=name)
    if any(name in panel.lines for panel in shown):
        return Line2D([], [], color=look.color, ls=look.dashes, lw=1.5, label=name)
    return Line2D([], [], color=look.color, ls="none", marker="o", ms=4, label=name)
