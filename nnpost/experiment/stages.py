"""All stages of an experiment, into one run file: train → temper → sample → compare → picture.

Each stage is one function, in a file of its name: it computes, writes its result to the run file,
and returns it. What depended on an older result goes with it (storage/made_from.py). Here they are
called in order, all of them or one of them again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..common.errors import Interrupted
from ..common.progress import open_progress
from ..comparison.held_out import HeldOut
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..sampling.load import load
from ..sampling.run import Run
from ..sampling.until import Budget
from ..storage.read_chain import thinned_by
from ..storage.results import read_stage
from ..storage.runfile import lock
from ..training.fits import Fits
from .announce import announce, announce_warnings
from .compare_stage import compare_stage
from .experiment import Experiment, load_experiment
from .pictures import make_folder, write_pictures
from .predict_stage import predict_stage
from .request import Request, check_same, make_request, usual_budget
from .sample_stage import sample_stage
from .temper_stage import temper_stage
from .train_stage import half_trained, train_stage

__all__ = ["Outcome", "compare_again", "run", "run_all", "sample_again", "train_again"]


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


@contextmanager
def stage(name: str, kept: bool | Callable[[], bool], resume: bool = True) -> Iterator[None]:
    """An interrupt says in which stage it came, and how one goes on from it: see Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(name, kept() if callable(kept) else kept, resume) from None
