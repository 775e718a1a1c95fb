"""A run from its file, and what the file says of its posterior."""

from __future__ import annotations

import datetime
import math
import os
import shlex
import sys
from importlib.metadata import version
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..data.dataset import Dataset
from ..diagnostics.verdict import Verdict
from ..posterior.posterior import Posterior
from ..storage.read_chain import read_chain
from ..storage.runfile import read_group
from ..tempering.result import Tempering
from ..training.fits import Fits
from .run import Run

__all__ = ["describe", "holds", "load", "load_posterior"]

PACKAGES = ("nnpost", "numpy", "torch", "emcee", "h5py")


def describe(post: Posterior) -> dict[str, Any]:
    """Groups of a run file from which :func:`load` rebuilds the posterior, with provenance."""
    experiment = {
        "posterior": post.to_tree(),
        "versions": {name: version(name) for name in PACKAGES} | {"python": sys.version.split()[0]},
        "command": shlex.join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]]),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return {"experiment": experiment, "data": post.data.to_tree()}


def holds(path: str | os.PathLike[str], post: Posterior) -> bool:
    """Whether the run file ``path`` is of this posterior on these data."""
    stored = load_posterior(path)
    return stored.data.digest == post.data.digest and _same(stored.to_tree(), post.to_tree())


def load_posterior(path: str | os.PathLike[str], device: str = "cpu") -> Posterior:
    """The posterior that a run file is about."""
    experiment, data = (read_group(path, name) for name in ("experiment", "data"))
    if experiment is None or "posterior" not in experiment or data is None:
        raise RequestError(f"{path} does not say what it is about; run the experiment again")
    return Posterior.from_tree(experiment["posterior"], Dataset.from_tree(data), device)


def load(path: str | os.PathLike[str], device: str = "cpu") -> Run:
    """A run from its file, with the fits and tempered starts that are in it.

    Raises RequestError where the file cannot be used or has no chain yet.
    """
    post = load_posterior(path, device)
    kept, settings = read_chain(path), read_group(path, "sampling")
    if settings is None:
        raise RequestError(f"{path} has a chain but no 'sampling' group; sample again")
    fits, tempering, judged = (read_group(path, n) for n in ("fits", "tempering", "verdict"))
    run = Run(
        post=post,
        chain=kept.chain,
        log_prob=kept.log_prob,
        accepted=kept.accepted / kept.iteration,
        thin=settings["thin"] * kept.every,
        seconds=settings.get("seconds", math.nan),
        fits=None if fits is None else Fits.from_tree(fits),
        tempering=None if tempering is None else Tempering.from_tree(tempering),
        path=os.fspath(path),
        **{name: settings[name] for name in ("ensembles", "discard", "moves", "start", "seed")},
    )
    if judged is not None:  # it was reached on the whole chain, which may since have been thinned
        run.__dict__["verdict"] = Verdict.from_tree(judged)
    return run


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return bool(np.array_equal(one, other))
