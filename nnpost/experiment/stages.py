"""All stages of an experiment, in order, into one run file: train, temper, sample, compare, draw.

Every stage is written to the run file when it ends, and a stage that runs again takes with it what
depended on its old result.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..common.errors import RequestError
from ..common.progress import Progress, bar, silent
from ..comparison.compare import Comparison, compare
from ..comparison.scorecard import ScoreCard, score
from ..posterior.prior_check import prior_check
from ..sampling.load import load
from ..sampling.run import Run
from ..sampling.sample import sample
from ..sampling.until import Budget, until_converged
from ..storage.read_chain import thinned_by
from ..storage.runfile import lock, new_file, read_group, write_groups
from ..tempering.result import Tempering
from ..tempering.temper import temper
from ..training.fits import Fits
from ..training.train import train
from .experiment import Experiment, load_experiment
from .pictures import write_pictures
from .request import Request, check_same, make_request

__all__ = [
    "Outcome",
    "advance",
    "compare_and_draw",
    "compare_stage",
    "kind",
    "make_folder",
    "note",
    "reporting",
    "run",
    "run_job",
    "sample_and_keep",
    "sample_stage",
    "stored",
    "tempered",
    "train_and_keep",
    "train_stage",
]

JUDGEMENT = ("verdict", "comparison", "scorecard")
CHAIN = ("sampling", "mcmc", "resume", *JUDGEMENT)


def run(
    experiment: str | os.PathLike[str] | Experiment,
    path: str | os.PathLike[str] | None = None,
    figures: str | os.PathLike[str] | None = None,
    *,
    seed: int | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: bool = True,
    budget: Budget | None = None,
) -> Run:
    """Carry out an experiment: train, temper, sample, diagnose, compare, draw.

    Args:
        experiment: the name of a built-in one, a TOML file, or an Experiment.
        path: the run file; ``chains/NAME.h5`` if not given.
        figures: the folder of the figures; ``figures/NAME`` if not given.
        seed: takes the place of the experiment's.
        resume: continue what ``path`` holds of the same experiment, or of one with fewer steps.
        device: "auto", "cpu" or "cuda".
        progress: show bars, or plain lines where there is no terminal.
        budget: sample on until the verdict holds, or until this is spent.

    Raises:
        RequestError: the request makes no sense, or a file cannot be used. Nothing has then
            been written.
    """
    asked = experiment if isinstance(experiment, Experiment) else load_experiment(experiment)
    asked = asked if seed is None else replace(asked, seed=seed)
    job = make_request(
        asked, path, figures, resume=resume, device=device, progress=progress, budget=budget
    )
    return run_job(job).run


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a job came to, and where it is kept."""

    run: Run
    comparison: Comparison | None
    card: ScoreCard | None
    path: Path
    figures: tuple[Path, ...]

    def __str__(self) -> str:
        tables = [
            part for found in (self.comparison, self.card) if found for part in (str(found), "")
        ]
        files = [f"run file  {self.path}", *(f"{kind(file)}    {file}" for file in self.figures)]
        return "\n".join([*tables, str(self.run.verdict), "", *files])


def kind(file: Path) -> str:
    return "report" if file.suffix == ".html" else "figure"


def run_job(job: Request) -> Outcome:
    """All stages, in order; with ``resume``, from the first that is not in the file yet."""
    with lock(job.path):
        if job.figures is not None:
            make_folder(job.figures)
        for warning in prior_check(job.post):
            note(job, f"warning: {warning}")
        going_on = job.resume and job.path.exists()
        fits = stored(job, "fits", Fits) if going_on else None
        if fits is None:
            fits = train_and_keep(job, replacing=not going_on)
        return compare_and_draw(job, sample_and_keep(job, fits, going_on))


def train_stage(job: Request) -> Fits:
    """Train again in an existing run file. A chain that started from the old fits goes."""
    with lock(job.path):
        return train_and_keep(job, replacing=False)


def sample_stage(job: Request) -> Outcome:
    """Sample again, or further, in an existing run file, and judge and compare the result."""
    with lock(job.path):
        if job.resume:
            check_same(job.experiment, job.path)
        fits = stored(job, "fits", Fits)
        return compare_and_draw(job, sample_and_keep(job, fits, job.resume))


def compare_stage(job: Request) -> Outcome:
    """Judge the chain of a run file and compare it with the fits, as they are.

    A thinned copy keeps the verdict on the whole chain, of which it has only a part.
    """
    with lock(job.path):
        if job.figures is not None:
            make_folder(job.figures)
        result = load(job.path, job.post.device)
        if thinned_by(job.path) == 1:
            result.__dict__.pop("verdict", None)  # the stored one; it is to be reached anew
        return compare_and_draw(job, result)


def train_and_keep(job: Request, replacing: bool) -> Fits:
    """Train, and start the run file or replace the fits in it."""
    recipe = job.experiment.train.table()
    with reporting(job, "train") as progress:
        fits = train(
            job.post,
            **recipe,
            seed=job.experiment.seed,
            validation=job.validation,
            progress=progress,
        )
    note(
        job,
        f"trained {len(fits.mse)} restarts in {fits.seconds:.1f} s: best MSE {fits.sgd.mse:.4g}",
    )
    groups = job.groups() | {"fits": fits.to_tree()}
    if replacing:
        new_file(job.path, groups)
    else:
        from_fits = job.experiment.sample.start == "fits"
        write_groups(job.path, groups, drop=CHAIN if from_fits else JUDGEMENT)
    return fits


def sample_and_keep(job: Request, fits: Fits | None, going_on: bool) -> Run:
    """Temper and sample, or continue, in a run file that is there already."""
    settings, about = job.experiment.sample, job.groups()
    tempering = stored(job, "tempering", Tempering) if going_on else None
    if settings.start == "tempered" and tempering is None:
        tempering = tempered(job)
        about["tempering"] = tempering.to_tree()
    going_on = going_on and read_group(job.path, "sampling") is not None
    write_groups(job.path, about, drop=() if going_on else CHAIN)
    result = advance(job, fits, tempering, going_on)
    if job.budget is not None:

        def extend(nsteps: int) -> Run:
            longer = replace(job.experiment, sample=replace(settings, nsteps=nsteps))
            write_groups(job.path, replace(job, experiment=longer).groups())
            return advance(replace(job, experiment=longer), fits, tempering, resume=True)

        result = until_converged(result, extend, job.budget, lambda text: note(job, text))
    return result


def advance(job: Request, fits: Fits | None, tempering: Tempering | None, resume: bool) -> Run:
    """Bring the chain to the length that the experiment asks for."""
    with reporting(job, "sample") as progress:
        result = sample(
            job.post,
            job.path,
            **job.experiment.sample.table(),
            seed=job.experiment.seed,
            fits=fits,
            tempering=tempering,
            resume=resume,
            progress=progress,
        )
    size = f"{result.nsteps:,} steps of {result.nwalkers} walkers"
    note(job, f"sampled {size} in {result.seconds:.1f} s")
    return result


def tempered(job: Request) -> Tempering:
    """Particles brought from the prior to the posterior."""
    experiment = job.experiment
    with reporting(job, "temper") as progress:
        result = temper(
            job.post,
            experiment.sample.ensembles,
            **experiment.temper.table(),
            seed=experiment.seed,
            progress=progress,
        )
    note(job, f"tempered in {result.seconds:.1f} s: log Z {result.log_evidence:.2f}")
    return result


def compare_and_draw(job: Request, result: Run) -> Outcome:
    """The verdict and, where there are fits, comparison and score card; then the figures."""
    comparison = card = None
    groups = {"verdict": result.verdict.to_tree()}
    if result.fits is not None:
        comparison = compare(job.post, result.fits, result)
        card = score(job.post, result.fits, result, comparison)
        groups |= {"comparison": comparison.to_tree(), "scorecard": card.to_tree()}
    write_groups(job.path, groups)
    files = () if job.figures is None else write_pictures(result, comparison, card, job.figures)
    return Outcome(result, comparison, card, job.path, tuple(files))


def stored(job: Request, name: str, kind: Any) -> Any:
    """A stage's result from the run file; None if it has not run."""
    tree = read_group(job.path, name)
    return None if tree is None else kind.from_tree(tree)


def make_folder(folder: Path) -> None:
    """Make sure that files can be written into a folder, before time is spent on them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be written ({error.strerror}): expected a folder for the figures; "
            "choose another one with --figures"
        ) from None


@contextmanager
def reporting(job: Request, title: str) -> Iterator[Progress]:
    """A bar or plain lines, or silence."""
    if not job.progress:
        yield silent
        return
    with bar(title) as progress:
        yield progress


def note(job: Request, text: str) -> None:
    """One plain line about a stage that has ended."""
    if job.progress:
        print(text, file=sys.stderr, flush=True)
