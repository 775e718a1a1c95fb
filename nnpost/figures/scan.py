"""Networks of many sizes on the same data: fits and residuals, errors and evidence against size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from .style import (
    BLACK,
    GREY,
    PALETTE,
    VERMILION,
    misfit,
    new_figure,
    number,
    panel_label,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from ..model_selection.result import Scan, Size

__all__ = ["size_fits", "sizes"]

COLUMN_WIDTH, FIT_HEIGHT, RESIDUAL_HEIGHT, ERRORS_HEIGHT = 1.45, 1.35, 0.75, 2.9  # inches
MARKERS = "os^Dv"


@styled
def sizes(scan: Scan) -> Figure:
    """All of a scan: a panel for each network with data, fit and residual, as the article draws
    them; below, training error, extrapolation error and log Z against the number of units.

    Open marks: a log Z that is not to be trusted. Error bars of log Z are standard errors from
    the spread of the tempered runs. For several inputs the panels are left out.
    """
    if scan.data.inputs > 1:
        fig = new_figure(7.2, ERRORS_HEIGHT)
        _errors(fig, scan)
        return fig
    wide, high = _panel_sizes(scan)
    fig = new_figure(wide, high + ERRORS_HEIGHT)
    halves = fig.add_gridspec(2, 1, height_ratios=[high, ERRORS_HEIGHT])
    _panels(fig.add_subfigure(halves[0]), scan)
    _errors(fig.add_subfigure(halves[1]), scan)
    return fig


@styled
def size_fits(scan: Scan) -> Figure:
    """The panels of :func:`sizes` alone: two rows for each activation, a column for each size.

    Data, best fit over them (solid) and over twice their range (dashed); below, |y − f| with its
    mean, in the article's letters. Raises ValueError for several inputs.
    """
    if scan.data.inputs > 1:
        raise ValueError("size_fits draws curves of one input")
    fig = new_figure(*_panel_sizes(scan))
    _panels(fig, scan)
    return fig


def _panel_sizes(scan: Scan) -> tuple[float, float]:
    columns = max(len(scan.of(kind)) for kind in scan.activations)
    return max(7.2, COLUMN_WIDTH * columns), (FIT_HEIGHT + RESIDUAL_HEIGHT) * len(
        scan.activations
    ) + 0.6


def _panels(fig: Figure | SubFigure, scan: Scan) -> None:
    kinds = scan.activations
    columns = max(len(scan.of(kind)) for kind in kinds)
    axes = fig.subplots(
        2 * len(kinds), columns, sharex=True, sharey="row", squeeze=False,
        height_ratios=[FIT_HEIGHT, RESIDUAL_HEIGHT] * len(kinds),
    )  # fmt: skip
    limits = _limits(scan)
    for k, kind in enumerate(kinds):
        for column, size in enumerate(scan.of(kind)):
            _fit(axes[2 * k, column], scan, size, limits)
            _residual(axes[2 * k + 1, column], scan, size)
        axes[2 * k, 0].set_ylabel(f"{kind}\n$y$")
        axes[2 * k + 1, 0].set_ylabel(r"$|\Delta y|$")
        # One outlier must not hide what the others show: a network that fails leaves its panel.
        tops = sorted(float(np.abs(scan.data.raw.y - s.fitted).max()) for s in scan.of(kind))
        axes[2 * k + 1, 0].set_ylim(0, 1.6 * tops[(len(tops) - 1) // 2] or 1)
        axes[2 * k + 1, 0].yaxis.set_major_locator(MaxNLocator(2))
    for ax in axes[-1]:
        ax.set_xlabel(symbol(scan.data.x_names[0]))
    axes[0, 0].set_xlim(scan.x.min(), scan.x.max())
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(3, prune="both"))
    fig.align_ylabels(axes[:, 0])
    fig.legend(handles=_curve_handles(), loc="outside upper center", ncols=3)


def _curve_handles() -> list[Line2D]:
    return [
        Line2D([], [], ls="none", marker="o", ms=2.5, color=BLACK, label="data"),
        Line2D([], [], color=VERMILION, lw=1.8, label="best fit of all restarts"),
        Line2D([], [], color=VERMILION, lw=1.2, ls=(0, (4, 1.5)), label="the same, outside"),
    ]


def _limits(scan: Scan) -> tuple[float, float]:
    """Limits that hold the data, with room for curves that go on outside them."""
    low, high = float(scan.data.raw.y.min()), float(scan.data.raw.y.max())
    pad = 0.25 * (high - low) or 1.0
    return low - pad, high + 1.6 * pad


def _fit(ax: Axes, scan: Scan, size: Size, limits: tuple[float, float]) -> None:
    own, order = scan.data.raw.x[:, 0], np.argsort(scan.data.raw.x[:, 0])
    ax.plot(own, scan.data.raw.y, "o", color=BLACK, markersize=1.6, markeredgewidth=0)
    ax.plot(scan.x[:, 0], size.curve, color=VERMILION, linewidth=1.2, linestyle=(0, (4, 1.5)))
    ax.plot(own[order], size.fitted[order], color=VERMILION, linewidth=1.8)
    ax.set_ylim(limits)
    panel_label(ax, f"$N$ = {size.units}")


def _residual(ax: Axes, scan: Scan, size: Size) -> None:
    order = np.argsort(scan.data.raw.x[:, 0])
    off = np.abs(scan.data.raw.y - size.fitted)[order]
    ax.plot(scan.data.raw.x[order, 0], off, color=BLACK, linewidth=0.4)
    panel_label(ax, rf"$\langle\Delta y\rangle$ = {number(size.residual, '.3g')}")


def _errors(fig: Figure | SubFigure, scan: Scan) -> None:
    """Three panels against the number of units: training, extrapolation, log Z."""
    train, outside, evidence = fig.subplots(1, 3)
    known = [s.log_evidence for s in scan.sizes if math.isfinite(s.log_evidence)]
    top = scan.ranking[0].log_evidence if scan.ranking else max(known, default=0.0)
    for k, kind in enumerate(scan.activations):
        found, style = scan.of(kind), _line(k)
        units = [size.units for size in found]
        train.plot(units, [size.best for size in found], **style)
        train.plot(units, [size.median for size in found], **{**style, "ls": ":", "mfc": "white"})
        outside.plot(units, [size.extrapolation for size in found], **style)
        _evidence(evidence, found, top, style)
    train.set_title(f"training, {misfit(scan.loss_name)}")
    outside.set_title({"truth": "outside the data, RMSE", "held out": "outer half, RMSE"}.get(
        scan.extrapolated, "outside: not told"))  # fmt: skip
    for ax in (train, outside):
        _log_axis(ax)
    for ax in (train, outside, evidence):
        _axis_of_units(ax, [size.units for size in scan.sizes])
    _evidence_axis(evidence, scan, top)
    fig.legend(handles=_handles(scan), loc="outside lower center", ncols=6)


def _line(k: int) -> dict[str, Any]:
    color, marker = PALETTE[k % len(PALETTE)], MARKERS[k % len(MARKERS)]
    return {"color": color, "marker": marker, "ms": 4.5, "lw": 1.2, "ls": "-"}


def _evidence(ax: Axes, found: Sequence[Size], top: float, style: dict[str, Any]) -> None:
    found = [size for size in found if math.isfinite(size.log_evidence)]
    for size in found:
        face = style["color"] if size.trusted else "white"
        error = size.error if math.isfinite(size.error) else None
        bar = {**style, "ls": "none", "mfc": face, "capsize": 2, "zorder": 3}
        ax.errorbar(size.units, size.log_evidence - top, error, **bar)
    behind = [size.log_evidence - top for size in found]
    ax.plot([size.units for size in found], behind, color=style["color"], lw=1.2)


def _evidence_axis(ax: Axes, scan: Scan, top: float) -> None:
    """Sizes that cannot follow the data lie thousands of nats below; then the axis is bent."""
    low = min((z for s in scan.sizes if math.isfinite(z := s.log_evidence)), default=top) - top
    ax.set_title(rf"$\log\,Z$ − ({number(top, '.2f')})")
    if low < -200:
        ax.set_yscale("symlog", linthresh=10)
        powers = range(1, int(math.log10(-low)) + 2)
        ax.set_yticks([0, *(-(10.0**p) for p in powers)])
        ax.set_ylim(top=5)


def _log_axis(ax: Axes) -> None:
    """Plain numbers; between the powers of ten too where there is hardly one of those. A linear
    axis where values are not above zero, as −log L/n may be."""
    if any(np.min(line.get_ydata()) <= 0 for line in ax.lines):
        return
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    as_number = FuncFormatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_major_formatter(as_number)
    ax.yaxis.set_minor_formatter(as_number if high < 10 * low else NullFormatter())


def _axis_of_units(ax: Axes, units: Sequence[int]) -> None:
    shown = sorted(set(units))
    ax.set_xscale("log", base=2)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(shown, [str(u) for u in shown])
    ax.set_xlim(shown[0] / 1.3, shown[-1] * 1.3)
    ax.set_xlabel("units, $N$")


def _handles(scan: Scan) -> list[Line2D]:
    handles = [Line2D([], [], label=kind, **_line(k)) for k, kind in enumerate(scan.activations)]
    open_mark: dict[str, Any] = {"color": GREY, "marker": "o", "ms": 4.5, "mfc": "white"}
    handles.append(Line2D([], [], label="median restart", ls=":", **open_mark))
    if not scan.trusted:
        handles.append(Line2D([], [], label=r"$\log Z$ not to be trusted", ls="none", **open_mark))
    return handles
