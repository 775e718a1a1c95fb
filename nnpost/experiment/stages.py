"""All stages of an experiment, into one run file: train → temper → sample → compare → picture.

Each stage is one function: it computes, writes its result to the run file, and returns it. What
depended on an older result goes with it (storage/made_from.py).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..common.errors import Interrupted, RequestError
from ..common.progress import Progress, open_progress, silent
from ..common.settings import Section
from ..comparison.check_fit import check_fit
from ..comparison.compare import compare
from ..comparison.estimate_loo import leave_one_out
from ..comparison.held_out import HeldOut
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.result import Comparison
from ..comparison.score import score
from ..comparison.score_held_out import score_held_out
from ..comparison.scorecard import ScoreCard
from ..posterior.engine import without_kernels
from ..posterior.prior_check import prior_check
from ..sampling.load import load
from ..sampling.provenance import Sampled
from ..sampling.run import Run
from ..sampling.sample import sample
from ..sampling.until import Budget, until_converged
from ..storage.made_from import made_from
from ..storage.read_chain import thinned_by
from ..storage.results import Stage, as_groups, read_stage, write_stages
from ..storage.runfile import lock, new_file, write_groups
from ..tempering.kept_runs import KeptRuns
from ..tempering.result import Tempering
from ..tempering.temper import temper
from ..training.fits import Fits
from ..training.kept_restarts import KeptRestarts
from ..training.maximise import maximise
from ..training.sgd import Trained
from ..training.train import train
from .experiment import Experiment, load_experiment
from .pictures import write_pictures
from .request import Request, check_same, make_request, usual_budget

__all__ = [
    "Outcome",
    "compare_again",
    "keep",
    "make_folder",
    "run",
    "run_all",
    "sample_again",
    "sample_stage",
    "stage",
    "temper_stage",
    "train_again",
    "train_stage",
]


def run(
    experiment: str | os.PathLike[str] | Experiment,
    path: str | os.PathLike[str] | None = None,
    figures: str | os.PathLike[str] | Literal[False] | None = None,
    *,
    seed: int | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: bool = True,
    budget: Budget | None = None,
    limit: bool = True,
) -> Run:
    """Carry out an experiment: train, temper, sample, diagnose, compare, show.

    Args:
        experiment: the name of a built-in one, a TOML file, or an Experiment.
        path: the run file; ``chains/NAME.h5`` if not given.
        figures: the folder of the figures; ``figures/NAME`` if not given. False draws none.
        seed: takes the place of the experiment's.
        resume: continue what ``path`` holds of the same experiment, or of one with fewer steps.
        device: "auto", "cpu" or "cuda"; "auto" takes the CPU (docs/benchmarks.md says why).
        progress: show bars, or plain lines where there is no terminal.
        budget: sample on until the verdict holds, or until this is spent; for data of one's own
            there is a usual one, unless the experiment says how many steps there are to be.
        limit: refuse what needs more memory, disk or time than there is, by an estimate.

    Raises:
        RequestError: the request makes no sense, or a file cannot be used. Nothing has then
            been written.
    """
    asked = experiment if isinstance(experiment, Experiment) else load_experiment(experiment)
    asked = asked if seed is None else replace(asked, seed=seed)
    request = make_request(
        asked, path, figures, resume=resume, device=device, progress=progress,
        budget=budget or usual_budget(asked), limit=limit,
    )  # fmt: skip
    return run_all(request).run


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a request came to, and where it is kept."""

    run: Run
    comparison: Comparison | None
    card: ScoreCard | None
    left_out: LeaveOneOut
    held_out: HeldOut | None
    path: Path
    figures: tuple[Path, ...]

    def __str__(self) -> str:
        results = (self.comparison, self.card, self.left_out, self.held_out)
        tables = [part for found in results if found for part in (str(found), "")]
        files = [f"run file  {self.path}", *(f"{kind(file):<8}  {file}" for file in self.figures)]
        remarks = [f"{remark}\n" for remark in self.run.post.data.remarks]
        fit = [] if self.run.fit is None else [str(self.run.fit), ""]
        return "\n".join([*tables, *remarks, *fit, str(self.run.verdict), "", *files])


def kind(file: Path) -> str:
    return {".html": "report", ".json": "numbers", ".csv": "tables"}.get(file.suffix, "figure")


# What people ask for: all stages, or one of them again.


def run_all(request: Request) -> Outcome:
    """All stages, in order; with ``resume``, from the first that is not in the file yet."""
    with lock(request.path):
        resume = request.resume and request.path.exists()
        with stage("training", kept=lambda: resume or half_trained(request)):
            make_folder(request.figures)
            announce(request, f"needs {request.needs}")
            announce_warnings(request)
            fits = read_stage(request.path, Fits) if resume else None
            if fits is None:
                fits = train_stage(request, new=not resume)
        with stage("tempering", kept=True):
            tempering = temper_stage(request, resume)
        with stage("sampling", kept=True):
            result = sample_stage(request, fits, tempering, resume)
        return conclude(request, result)


def train_again(request: Request) -> Fits:
    """Train again in an existing run file. A chain that started from the old fits goes."""
    with lock(request.path), stage("training", kept=True, resume=False):
        return train_stage(request, new=False)


def sample_again(request: Request) -> Outcome:
    """Sample again, or further, in an existing run file, and judge and compare the result."""
    with lock(request.path):
        with stage("tempering", kept=True, resume=request.resume):
            if request.resume:
                check_same(request.experiment, request.path)
            fits = read_stage(request.path, Fits)
            tempering = temper_stage(request, request.resume)
        with stage("sampling", kept=True):
            result = sample_stage(request, fits, tempering, request.resume)
        return conclude(request, result)


def compare_again(request: Request) -> Outcome:
    """Judge the chain of a run file and compare it with the fits, as they are.

    A thinned copy keeps the verdict on the whole chain, of which it has only a part.
    """
    with lock(request.path):
        with stage("comparing", kept=True):
            make_folder(request.figures)
            result = load(request.path, request.post.device)
            if thinned_by(request.path) == 1:
                result = replace(result, judged=None)  # the whole chain is here: judge it anew
        return conclude(request, result)


def conclude(request: Request, result: Run) -> Outcome:
    """The end of every request about a chain."""
    with stage("comparing", kept=True):
        with open_progress(request.progress is True, "compare") as progress:
            progress(0, 5, "the verdict")
            result = replace(result, judged=result.verdict)  # figures show one, they make none
            result, comparison, card = compare_stage(request, result, progress)
            progress(4, 5, "predictions")
            left_out, held_out = predict_stage(request, result)
            progress(5, 5, "")
        files = picture_stage(request, result, comparison, card, left_out, held_out)
    return Outcome(result, comparison, card, left_out, held_out, request.path, files)


# The stages.


def train_stage(request: Request, new: bool) -> Fits:
    """Train; a ``new`` run file replaces an older one, otherwise the fits in it are replaced.

    Restarts that are trained before the others are kept in the meantime, where all take minutes.
    """
    asked, begun = in_words(request.experiment.train, request), new
    kept = read_stage(request.path, KeptRestarts) if not new and request.resume else None

    def keep_some(trained: Trained) -> None:
        nonlocal begun
        some = KeptRestarts(asked, trained)
        if begun:
            new_file(request.path, request.groups() | as_groups(some))
        else:
            write_stages(request.path, some)
        begun = False

    fits = train(
        request.post,
        **request.experiment.train.table(),
        seed=request.experiment.seed,
        validation=request.validation,
        progress=request.progress,
        before=kept.trained if kept is not None and kept.asked == asked else None,
        keep=keep_some,
    )
    best, done = fits.sgd, f"trained {len(fits.mse)} restarts in {fits.seconds:.1f} s"
    announce(request, f"{done}: best {best.misfit} {best.mse:.4g}")
    if new:
        new_file(request.path, request.groups() | as_groups(fits))
    else:
        keep(request, fits, drop=(KeptRestarts.group,))
    return fits


def temper_stage(request: Request, resume: bool) -> Tempering | None:
    """Particles brought from the prior to the posterior, where the chain starts from them.

    With ``resume``, those that are in the run file already; runs that are finished before the
    others are kept there in the meantime.
    """
    found = read_stage(request.path, Tempering) if resume else None
    if found is not None or request.experiment.sample.start != "tempered":
        return found
    asked = in_words(request.experiment.temper, request)
    kept = read_stage(request.path, KeptRuns) if resume else None
    found = temper(
        request.post,
        request.experiment.sample.ensembles,
        **request.experiment.temper.table(),
        seed=request.experiment.seed,
        progress=request.progress,
        finished=kept.runs if kept is not None and kept.asked == asked else {},
        keep=lambda runs: write_stages(request.path, KeptRuns(asked, runs)),
    )
    announce(request, f"tempered in {found.seconds:.1f} s: log Z {found.log_evidence:.2f}")
    keep(request, found, drop=(KeptRuns.group,))
    return found


def sample_stage(
    request: Request, fits: Fits | None, tempering: Tempering | None, resume: bool
) -> Run:
    """A new chain, or the one in the run file continued; until it has converged, if asked."""
    if resume and read_stage(request.path, Sampled) is not None:
        write_groups(request.path, request.groups())
    else:
        keep(request, drop=("sampling",))
        resume = False
    if request.budget is not None:
        announce(request, f"sampling until the verdict holds, or {request.budget} are spent")
    result = extend_chain(request, fits, tempering, resume)
    if request.budget is None:
        return result

    def extend(nsteps: int) -> Run:
        settings = replace(request.experiment.sample, nsteps=nsteps)
        longer = replace(request, experiment=replace(request.experiment, sample=settings))
        write_groups(request.path, longer.groups())
        return extend_chain(longer, fits, tempering, resume=True)

    return until_converged(result, extend, request.budget, lambda text: announce(request, text))


def extend_chain(
    request: Request, fits: Fits | None, tempering: Tempering | None, resume: bool
) -> Run:
    """Bring the chain to the length that the experiment asks for."""
    result = sample(
        request.post,
        request.path,
        **request.experiment.sample.table(),
        seed=request.experiment.seed,
        fits=fits,
        tempering=tempering,
        resume=resume,
        progress=request.progress,
    )
    size = f"{result.nsteps:,} steps of {result.nwalkers} walkers"
    announce(request, f"sampled {size} in {result.seconds:.1f} s")
    return result


def compare_stage(
    request: Request, result: Run, progress: Progress = silent
) -> tuple[Run, Comparison | None, ScoreCard | None]:
    """The verdicts on chain and model and, where there are fits, the comparison and the score card.

    MAP and MLE of the fits are raised to what draws and climbs have found to be higher.
    """
    comparison = card = None
    for _ in range(2):  # what is climbed to for the score card may be higher once more
        if result.fits is None:
            break
        detail = request.detail
        progress(1, 5, "maxima and predictions")
        comparison = compare(request.post, result.fits, result, detail=detail)
        fits = replace(result.fits, map=comparison.map, mle=comparison.mle)
        result = replace(result, fits=fits)
        progress(2, 5, "where SGD lies")
        card = score(request.post, fits, result, comparison, detail=detail)
        highest = max(card.modes.modes, key=lambda mode: mode.log_prob, default=None)
        if highest is None or highest.log_prob <= fits.map.log_prob + 1e-6:
            break
        top = maximise(request.post, np.stack([fits.map.theta, highest.theta]))
        result = replace(result, fits=replace(fits, map=top))
    progress(3, 5, "the model")
    result = replace(result, fit=check_fit(result))
    write_stages(request.path, result.fits, result.verdict, result.fit, comparison, card)
    return result, comparison, card


def predict_stage(request: Request, result: Run) -> tuple[LeaveOneOut, HeldOut | None]:
    """How well points are predicted: each without itself, and those that were held out, if any."""
    left_out = leave_one_out(result, detail=request.detail)
    held_out = None
    if request.test is not None:
        held_out = score_held_out(result, request.test, detail=request.detail)
    write_stages(request.path, left_out, held_out)
    return left_out, held_out


def picture_stage(
    request: Request,
    result: Run,
    comparison: Comparison | None,
    card: ScoreCard | None,
    left_out: LeaveOneOut,
    held_out: HeldOut | None,
) -> tuple[Path, ...]:
    """All figures and the report, if a folder was asked for."""
    if request.figures is None:
        return ()
    found = (comparison, card, left_out, held_out)
    with open_progress(request.progress is True, "draw") as progress:
        return tuple(write_pictures(result, *found, request.figures, progress))


# What the stages share.


def half_trained(request: Request) -> bool:
    """Whether the run file has some of the restarts that are asked for."""
    kept = read_stage(request.path, KeptRestarts) if request.path.exists() else None
    return kept is not None and kept.asked == in_words(request.experiment.train, request)


def in_words(settings: Section, request: Request) -> str:
    """What determines a stage that is kept in part: another one is not gone on with."""
    post, validation = request.post, request.validation
    asked = {
        "settings": settings.table(),
        "seed": request.experiment.seed,
        "posterior": post.to_tree(),
        "data": post.data.digest,
        "validation": None if validation is None else validation.digest,
    }
    return json.dumps(asked, sort_keys=True, default=lambda array: array.tolist())


@contextmanager
def stage(name: str, kept: bool | Callable[[], bool], resume: bool = True) -> Iterator[None]:
    """An interrupt says in which stage it came, and how one goes on from it: see Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(name, kept() if callable(kept) else kept, resume) from None


def keep(request: Request, *results: Stage, drop: tuple[str, ...] = ()) -> None:
    """Write results, and what is asked for, in one instant; what was made from the old ones goes.

    ``drop`` names groups that go without a new one in their place.
    """
    groups = as_groups(*results)
    gone = made_from({*groups, *drop}, request.experiment.sample.start) | set(drop)
    write_groups(request.path, request.groups() | groups, drop=gone)


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


def announce_warnings(request: Request) -> None:
    """Say what is wrong with the table, where the data are out of the prior's reach, and why torch
    computes the densities."""
    because = without_kernels(request.post.net, request.post.device)
    if because:
        announce(request, f"torch computes the densities, not the compiled kernels: {because}")
    for warning in (*request.post.data.remarks, *prior_check(request.post)):
        announce(request, f"warning: {warning}")


def announce(request: Request, text: str) -> None:
    """One plain line on stderr, as about a stage that has ended."""
    if request.progress is True:
        print(text, file=sys.stderr, flush=True)
