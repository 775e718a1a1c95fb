"""Requests: what to compute and where to keep it, checked as a whole before any file is touched."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..common.errors import RequestError, choose
from ..common.progress import Progress
from ..comparison.effort import FULL, Detail
from ..data.dataset import Dataset
from ..posterior.posterior import Posterior
from ..sampling.load import describe, load_posterior
from ..sampling.until import Budget, can_converge
from ..storage.read_chain import check_resumable
from ..storage.runfile import open_run, read_group
from .experiment import Experiment, Parts
from .needs import Needs, needs

__all__ = [
    "OWN_DATA",
    "Request",
    "check_same",
    "choose_device",
    "make_request",
    "parts_within",
    "reopen",
    "stored_experiment",
    "usual_budget",
]

OWN_DATA = Budget(seconds=240.0)  # after the first chain


@dataclass(frozen=True, eq=False)
class Request:
    """A checked request: what to compute, and where it goes.

    Without ``figures``, a folder, nothing is drawn. ``progress`` is True for bars and a line after
    every stage, or a function called as ``progress(done, total, text)``.
    """

    experiment: Experiment
    post: Posterior
    validation: Dataset | None
    test: Dataset | None  # held out of everything, to score predictions on
    path: Path
    figures: Path | None
    resume: bool
    progress: Progress | bool
    command: str | None
    needs: Needs
    budget: Budget | None = None  # sample until converged, within it
    detail: Detail = FULL  # of the comparison

    def groups(self) -> dict[str, Any]:
        """What the run file says about itself."""
        groups = describe(self.post)
        groups["experiment"]["toml"] = self.experiment.to_toml()
        if self.command is not None:
            groups["experiment"]["command"] = self.command
        for name, part in (("validation", self.validation), ("test", self.test)):
            if part is not None:
                groups[name] = part.to_tree()
        return groups


def make_request(
    experiment: Experiment,
    path: str | os.PathLike[str] | None = None,
    figures: str | os.PathLike[str] | Literal[False] | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress | bool = True,
    command: str | None = None,
    budget: Budget | None = None,
    detail: Detail | None = None,
    limit: bool = True,
) -> Request:
    """Check a whole experiment and where it is to go, without touching a file.

    Figures go to ``figures/NAME`` where no folder is given; False draws none. What needs more
    memory, disk or time than there is is refused, but without ``limit``.
    """
    target = Path("chains", f"{experiment.file_name}.h5") if path is None else Path(path)
    parts, needed = parts_within(experiment, target if limit else None)
    post = experiment.build(parts.fitted, choose_device(device))
    _check_others(post, parts)
    experiment = experiment.resolved(post)
    folder = None if figures is False else Path(figures or Path("figures", target.stem))
    if target.exists():
        with open_run(target):  # refuses what is not a run file, and is never replaced
            pass
    if resume and target.exists():
        experiment = at_least(experiment, stored_experiment(target)) if budget else experiment
        check_same(experiment, target)
        check_data(parts.fitted, target)
        check_resumable(target)
    return Request(
        experiment, post, parts.validation, parts.test, target, folder, resume, progress, command,
        needed, budget, detail or FULL,
    )  # fmt: skip


def _check_others(post: Posterior, parts: Parts) -> None:
    """Refuse points that the likelihood does not know, though none of them is fitted."""
    for key, part in (("validation", parts.validation), ("test", parts.test)):
        try:
            if part is not None:
                post.check_targets(part)
        except RequestError as error:
            raise RequestError(f"data.{key}: {error}") from None


def usual_budget(experiment: Experiment) -> Budget | None:
    """What is spent on sampling until the verdict holds where nothing is said of that.

    Data of one's own are; made-up data are not, nor is a chain whose length was asked for.
    """
    own, sample = experiment.data.file is not None, experiment.sample
    fixed = sample.nsteps is not None or not can_converge(sample.ensembles)
    return OWN_DATA if own and not fixed else None


def reopen(
    path: str | os.PathLike[str],
    settings: Iterable[str] = (),
    sections: Collection[str] = (),
    figures: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress | bool = True,
    command: str | None = None,
    budget: Budget | None = None,
    detail: Detail | None = None,
    limit: bool = True,
) -> Request:
    """Check the request to run a stage of an existing run file again.

    ``settings`` may change keys of ``sections`` alone; the other stages stay as they are.
    """
    post = load_posterior(path, choose_device(device))
    if resume:
        check_resumable(path)
    if sections or made_for(path) is not None:
        experiment = _changed(stored_experiment(Path(path)), settings, sections, path)
        experiment = experiment.resolved(post)
    else:  # made from Python; what is there can be judged and compared all the same
        experiment = Experiment(name=Path(path).stem)
    needed = needs(experiment, post.data.n, post.data.inputs, post.net.outputs)
    if limit:
        needed.check(path)
    validation, test = (
        None if (tree := read_group(path, name)) is None else Dataset.from_tree(tree)
        for name in ("validation", "test")
    )
    folder = None if figures is None else Path(figures)
    return Request(
        experiment, post, validation, test, Path(path), folder, resume, progress, command, needed,
        budget, detail or FULL,
    )  # fmt: skip


def _changed(
    kept: Experiment,
    settings: Iterable[str],
    sections: Collection[str],
    path: str | os.PathLike[str],
) -> Experiment:
    """The experiment with settings of ``sections`` changed; those of others are refused."""
    experiment = kept.with_settings(settings)
    for key, _, _ in kept.differences(experiment):
        if key.partition(".")[0] not in sections:
            free = " or ".join(f"{section}.*" for section in sections) or "nothing"
            raise RequestError(
                f"{key}: other stages in {path} depend on it, so here {free} can be set; "
                "`nnpost run` with another --out takes everything"
            )
    return experiment


def parts_within(experiment: Experiment, path: Path | None) -> tuple[Parts, Needs]:
    """The data in their parts, and what the whole experiment will need; with ``path``, of its run
    file, refused where there is not as much, data that are made up before they are made."""
    read = experiment.parts() if experiment.data.file is not None else None
    if read is None:
        needed = needs(experiment, *experiment.data.shape())
    else:
        classes = max(2, int(read.fitted.y.max()) + 1)  # if y is classes
        needed = needs(experiment, read.fitted.n, read.fitted.inputs, classes)
    if path is not None:
        needed.check(path)
    return read or experiment.parts(), needed


def choose_device(asked: str) -> str:
    """ "cpu" or a CUDA device; "auto" takes the CPU until `make gpu` has found when not to."""
    if asked.partition(":")[0] != "cuda":
        choose("device", asked, ("auto", "cpu", "cuda"))
    return "cpu" if asked == "auto" else asked


def made_for(path: str | os.PathLike[str]) -> str | None:
    """The TOML of the experiment that a run file was made for; None if it was made from Python."""
    toml = (read_group(path, "experiment") or {}).get("toml")
    if not isinstance(toml, str | None):
        raise RequestError(f"{path} cannot be used: its TOML is no text; restore it from a copy")
    return toml


def stored_experiment(path: Path) -> Experiment:
    """The experiment that a run file was made for."""
    toml = made_for(path)
    if toml is None:
        raise RequestError(
            f"{path} holds no experiment, only a chain that was made from Python; continue it "
            "there, or choose another file"
        )
    experiment = Experiment.from_toml(toml, os.fspath(path))
    if experiment.data.scale is None:  # written before data could be scaled
        experiment = replace(experiment, data=replace(experiment.data, scale="none"))
    return experiment


def check_same(experiment: Experiment, path: Path) -> None:
    """Refuse to continue the run of another experiment. Only more steps may be asked for."""
    for key, there, here in stored_experiment(path).differences(experiment):
        if key == "sample.discard" or (key == "sample.nsteps" and here > there):
            continue
        raise RequestError(
            f"{path} holds another experiment: {key} is {in_message(there)} there, "
            f"{in_message(here)} asked for; ask for the same, leave out --resume to replace "
            "the run, or choose another file"
        )


def at_least(experiment: Experiment, stored: Experiment) -> Experiment:
    """The experiment with as many steps as were made before: sampling until converged made more."""
    steps = max(experiment.sample.steps, stored.sample.steps)
    return replace(experiment, sample=replace(experiment.sample, nsteps=steps))


def check_data(data: Dataset, path: Path) -> None:
    """Refuse to continue a run on other numbers, as when a file of data has changed."""
    kept = read_group(path, "data")
    if kept is None or Dataset.from_tree(kept).digest != data.digest:
        raise RequestError(
            f"{path} holds a run on other numbers than {data.name} has now; leave out --resume to "
            "replace the run, or choose another file"
        )


def in_message(value: Any) -> str:
    return "left out" if value is None else repr(value)
