"""What all figures share: palette, marks, fonts, and how they are written to files."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..common.errors import RequestError

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "MARKS",
    "ON_TOP",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "as_png",
    "legend_below",
    "misfit",
    "new_figure",
    "number",
    "panel_label",
    "point_handle",
    "save",
    "styled",
    "symbol",
]

# Okabe and Ito's colours, told apart with every common kind of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
ON_TOP = ("MLE", "SGD", "MAP", "best sample")  # drawn in this order: small marks last
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, BLACK)
GREY = "#666666"

STYLE: Any = {
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # fonts embedded as text, as journals ask,
    "ps.fonttype": 42,  # each once: where it is cut up, matplotlib 3.11 asks this one for PDF, too
}
DPI = 200


@dataclass(frozen=True)
class Mark:
    """How one network is drawn, everywhere: told apart by colour, by shape and by line."""

    color: str
    marker: str
    line: Any

    @property
    def point(self) -> dict[str, Any]:
        """Keywords of ``plot`` for a filled point with a white rim.

        The networks often lie close together: each mark leaves a rim of the larger one below it.
        """
        size = {"^": 11.0, "o": 9.0, "*": 12.0, "s": 4.5}[self.marker]
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": size,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
            "linestyle": "none",
        }

    @property
    def stroke(self) -> dict[str, Any]:
        """Keywords of ``plot`` for a line."""
        return {"color": self.color, "linestyle": self.line, "linewidth": 1.4}


MARKS = {
    "SGD": Mark(VERMILION, "o", "-"),
    "MAP": Mark(BLUE, "*", (0, (5, 1.5))),
    "MLE": Mark(GREEN, "^", (0, (1, 1.2))),
    "best sample": Mark(PURPLE, "s", (0, (5, 1.5, 1, 1.5))),
}


class NotebookFigure(Figure):
    """A Figure that shows itself in a notebook even where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
        return buffer.getvalue()


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> NotebookFigure:
    """An empty figure, sizes in inches; 7.2 wide fills two columns of a journal."""
    return NotebookFigure(figsize=(width, height), layout=layout)


P = ParamSpec("P")
R = TypeVar("R")


def styled(plot: Callable[P, R]) -> Callable[P, R]:
    """Plot with the style above, whatever the caller's own settings are, and leave those alone."""

    @functools.wraps(plot)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(STYLE):
            return plot(*args, **kwargs)

    return wrapper


@styled
def save(
    fig: Figure, path: str | os.PathLike[str], formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Write the figure as ``path``.png and ``path``.pdf, and return what was written.

    The folder is made where it is missing. The same figure gives the same bytes: no dates and no
    versions are written. Raises RequestError where nothing can be written.
    """
    anonymous = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}
    written = []
    with laid_out(fig):
        for kind in formats:
            file = Path(f"{os.fspath(path)}.{kind}")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                fig.savefig(file, dpi=DPI, metadata=anonymous.get(kind))
            except OSError as error:
                raise RequestError(
                    f"cannot write the figure {file} ({error.strerror}): "
                    "expected a folder that can be written; choose another one"
                ) from None
            written.append(file)
    return written


@styled
def as_png(fig: Figure) -> bytes:
    """The figure as the bytes of a PNG image, those that :func:`save` writes."""
    buffer = io.BytesIO()
    with laid_out(fig):
        fig.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def laid_out(fig: Figure) -> Iterator[None]:
    """Lay the figure out once, for all that is drawn within the block.

    matplotlib would do it again for every file, and draw each figure twice to that end.
    """
    engine, dpi = fig.get_layout_engine(), fig.dpi
    if engine is None:
        yield
        return
    fig.dpi = DPI  # places are rounded to pixels
    engine.execute(fig)
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        fig.set_layout_engine(None)
    try:
        yield
    finally:
        fig.dpi = dpi
        fig.set_layout_engine(engine)


def legend_below(fig: Figure, handles: Sequence[Any], columns: int | None = None) -> None:
    """One legend under all panels, where it covers no data."""
    fig.legend(handles=handles, loc="outside lower center", ncols=columns or len(handles))


def panel_label(ax: Axes, text: str, x: float = 0.5, y: float = 0.93) -> None:
    """A short text inside a panel, readable over what lies behind it."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
    ax.text(x, y, text, transform=ax.transAxes, ha="center", va="top", bbox=box)


def misfit(word: str) -> str:
    """What a posterior calls its loss, as figures write it."""
    shown = {"mse": "MSE", "χ²/n": r"$\chi^2/n$", "−log L/n": r"$-\log L/n$"}
    return shown.get(word, word)


def symbol(name: str) -> str:
    """A single letter is a symbol; a longer name is a word."""
    return f"${name}$" if len(name) == 1 else name


def number(value: float, form: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return format(value, form).replace("-", "−")


def point_handle(name: str, label: str | None = None, **changes: Any) -> Line2D:
    """The legend entry of a network drawn as a point."""
    return Line2D([], [], label=label or name, **(MARKS[name].point | changes))
