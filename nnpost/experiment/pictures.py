"""The figures and the report of a run: which there are, and where they are written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import RequestError, choose
from ..common.progress import Progress, silent
from ..comparison.check_fit import check_fit
from ..comparison.compare import compare
from ..comparison.held_out import HeldOut
from ..comparison.laplace import laplace
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.result import Comparison
from ..comparison.score import score
from ..comparison.scorecard import ScoreCard
from ..sampling.load import load
from ..sampling.run import Run
from ..storage.results import read_stage
from ..storage.runfile import read_group

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..report.page import Link

__all__ = ["all_figures", "make_folder", "write_corner", "write_pictures", "write_report_of"]

FIGURES = (".png", ".pdf", ".svg")


def make_folder(folder: Path | None) -> None:
    """Make sure that files can be written into a folder, before time is spent on them."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be written ({error.strerror}): expected a folder for the figures; "
            "choose another one with --figures"
        ) from None


def write_pictures(
    result: Run,
    comparison: Comparison | None,
    card: ScoreCard | None,
    left_out: LeaveOneOut | None,
    held_out: HeldOut | None,
    folder: Path,
    progress: Progress = silent,
) -> Iterator[Path]:
    """Write all figures of a run into a folder, and the report that has them inside."""
    from .. import figures

    images, pdfs, makers = {}, {}, figure_makers(result, comparison, card, held_out)
    for done, (name, make) in enumerate(makers.items()):
        progress(done, len(makers) + 1, name)
        written = figures.save(make(), folder / name)
        images[name] = written[0].read_bytes()
        pdfs[name] = next((file.name for file in written if file.suffix == ".pdf"), "")
        yield from written
    progress(len(makers), len(makers) + 1, "report")
    page = folder / "report.html"
    yield from write_report(result, comparison, card, left_out, held_out, images, page, pdfs)
    progress(1, 1, "")


def all_figures(
    result: Run, comparison: Comparison | None, card: ScoreCard | None, held_out: HeldOut | None
) -> dict[str, Figure]:
    """All figures that a run has something for, by their names."""
    makers = figure_makers(result, comparison, card, held_out)
    return {name: make() for name, make in makers.items()}


def figure_makers(
    result: Run, comparison: Comparison | None, card: ScoreCard | None, held_out: HeldOut | None
) -> dict[str, Callable[[], Figure]]:
    """What draws each of :func:`all_figures`, in their order."""
    from .. import figures

    post, fits, tempering = result.post, result.fits, result.tempering
    makers: dict[str, Callable[[], Figure]] = {
        "corner": partial(corner_with_all, result, comparison)
    }
    if comparison is not None:
        draw = figures.fits_and_residuals if post.components == 1 else figures.fits_by_component
        makers["log_posterior"] = partial(figures.log_posterior, result, comparison)
        makers["fits"] = partial(draw, post, comparison, result)
    if card is not None and comparison is not None:
        makers["basins"] = partial(figures.basins, card)
        makers["profile"] = partial(figures.profile, card)
        if post.components == 1:  # bands of several numbers a point have no one axis
            makers["approximations"] = partial(figures.approximations, card, comparison, post.data)
    if held_out is not None and not post.data.y_names:
        makers["pit"] = partial(figures.pit, held_out)
    if fits is not None:
        makers["losses"] = partial(figures.losses, fits, post)
    makers["traces"] = partial(figures.traces, result)
    makers["ranks"] = partial(figures.ranks, result)
    if tempering is not None:
        makers["ladder"] = partial(figures.ladder, tempering)
    return makers


def corner_with_all(result: Run, comparison: Comparison | None, **options: Any) -> Figure:
    """The corner plot with all restarts, and Laplace's approximation at SGD and at the MAP.

    ``options`` are those of :func:`nnpost.figures.corner`.
    """
    from .. import figures
    from ..figures.corner import marked_networks

    unfolded = options.get("unfolded", False)
    marks = marked_networks(result, result.fits, comparison, unfolded)
    around = {n: laplace(result.post, at) for n, at in marks.items() if n in ("SGD", "MAP")}
    return figures.corner(result, comparison=comparison, population=True, laplace=around, **options)


def write_report(
    result: Run,
    comparison: Comparison | None,
    card: ScoreCard | None,
    left_out: LeaveOneOut | None,
    held_out: HeldOut | None,
    images: Mapping[str, bytes],
    out: Path,
    pdfs: Mapping[str, str] | None = None,
    interactive: bool = False,
) -> list[Path]:
    """Write the page with PNG ``images``, and its numbers beside it as JSON and its tables as CSV.

    Pictures that are ``interactive`` have a page of their own beside it, NAME-interactive.html.
    Raises RequestError where that is not possible.
    """
    from ..report.beside import csv_text, json_text
    from ..report.info import summarise
    from ..report.page import Link, Report, tables

    about = {} if result.path is None else read_group(result.path, "experiment") or {}
    title = "run" if result.path is None else Path(result.path).stem
    beside, links = {}, []
    if interactive:
        page = out.with_name(f"{out.stem}-interactive.html")
        beside[page] = interactive_page(title, result, comparison, Link(out.name, "the report"))
        links.append(Link(page.name, "interactive pictures"))
    if result.path is not None:
        beside[out.with_suffix(".json")] = json_text(summarise(result.path))
        links.append(Link(out.with_suffix(".json").name, "all numbers as JSON"))
    shown = list(tables(card, comparison, left_out, held_out))
    if shown:
        beside[out.with_suffix(".csv")] = csv_text(shown)
        links.append(Link(out.with_suffix(".csv").name, "the tables as CSV"))
    report = Report(
        title, result, comparison, card, left_out, held_out, about, images, pdfs or {}, tuple(links)
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for file, text in {out: report.html(), **beside}.items():
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"{out} cannot be written ({error.strerror}): expected a place for the report; "
            "choose another one with --out"
        ) from None
    return [out, *beside]


def interactive_page(title: str, result: Run, comparison: Comparison | None, report: Link) -> str:
    """The page with the interactive pictures that a run has something for."""
    from ..figures import interactive
    from ..figures.interactive.style import DARK, script
    from ..report.interactive import InteractivePage
    from ..report.page import about

    pictures = {"corner": interactive.corner(result, comparison)}
    if comparison is not None:
        pictures["fits"] = interactive.fits(result.post, comparison, result)
        if result.fits is not None:
            pictures["restarts"] = interactive.restarts(result.fits, comparison)
    pictures["traces"] = interactive.traces(result)
    return InteractivePage(
        title,
        about(result),
        {name: figure.to_json() for name, figure in pictures.items()},
        script(),
        DARK,
        (report,),
    ).html()


def write_report_of(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    interactive: bool = False,
) -> list[Path]:
    """Write the report of a run file, as ``out`` or figures/NAME/report.html, and its numbers; and
    the page with interactive pictures if it is asked for.

    The run file is left as it is: a verdict on the model, a comparison or a score card that is not
    in it is made for the page alone.
    """
    from ..figures.interactive.style import script
    from ..figures.style import as_png

    target = Path("figures", Path(path).stem, "report.html") if out is None else Path(out)
    choose("kind of report", target.suffix, (".html",))
    if interactive:
        script()  # or say at once that there is none
    result = load(path)
    result = replace(result, judged=result.verdict, fit=result.fit or check_fit(result))
    comparison, card = None, None
    if result.fits is not None:
        comparison = read_stage(path, Comparison) or compare(result.post, result.fits, result)
        card = read_stage(path, ScoreCard)
        card = card or score(result.post, result.fits, result, comparison)
    left_out, held_out = read_stage(path, LeaveOneOut), read_stage(path, HeldOut)
    pictures = all_figures(result, comparison, card, held_out)
    images = {name: as_png(figure) for name, figure in pictures.items()}
    return write_report(
        result, comparison, card, left_out, held_out, images, target, interactive=interactive
    )


def write_corner(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None,
    parameters: str | None = None,
    **options: Any,
) -> list[Path]:
    """Write the corner plot of a run file: as ``out``, or as figures/NAME/corner.png and .pdf.

    ``parameters`` are names and numbers with commas between; ``options``, those of
    :func:`nnpost.figures.corner`.
    """
    from .. import figures
    from ..figures.parameters import listed

    target = Path("figures", Path(path).stem, "corner") if out is None else Path(out)
    if out is not None:
        choose("kind of figure", target.suffix, FIGURES)
    formats = ("png", "pdf") if out is None else (target.suffix[1:],)
    result = load(path)
    named = None if parameters is None else listed(parameters, result.post.labels)
    figure = corner_with_all(result, read_stage(path, Comparison), parameters=named, **options)
    return figures.save(figure, target.with_suffix(""), formats)
