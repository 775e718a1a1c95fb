"""A run from its file, and what the file says of its posterior."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..diagnostics.fit import FitVerdict
from ..diagnostics.verdict import Verdict
from ..network.mlp import MLP
from ..posterior.likelihoods.gaussian import Likelihood
from ..posterior.likelihoods.pointwise import Pointwise
from ..posterior.posterior import Posterior
from ..storage.read_chain import read_chain
from ..storage.results import read_stage, understood
from ..tempering.result import Tempering
from ..training.fits import Fits
from .about import read_about
from .provenance import Sampled
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
    there, here = read_about(path)[0], post.to_tree()
    if any(there.get(name) != here.get(name) for name in ("own", "extras")):
        return False
    stored = load_posterior(path, net=post.net, likelihood=post.likelihood)
    return stored.data.digest == post.data.digest and _same(stored.to_tree(), post.to_tree())


def load_posterior(
    path: str | os.PathLike[str],
    device: str = "cpu",
    net: MLP | None = None,
    likelihood: Likelihood | Pointwise | None = None,
) -> Posterior:
    """The posterior that a run file is about."""
    about, data = read_about(path)

    def built(tree: Mapping[str, Any]) -> Posterior:
        return Posterior.from_tree(tree, data, device, net, likelihood)

    return understood(path, "experiment", built, about)


def load(
    path: str | os.PathLike[str],
    device: str = "cpu",
    net: MLP | None = None,
    likelihood: Likelihood | Pointwise | None = None,
) -> Run:
    """A run from its file, with the fits and tempered starts that are in it.

    ``net`` is the network of a run of a module of one's own, and ``likelihood`` the likelihood of a
    run of one of one's own, which the file only names. Raises RequestError where the file cannot be
    used or has no chain yet, and where one of these is missing.
    """
    post = load_posterior(path, device, net, likelihood)
    kept, made = read_chain(path), read_stage(path, Sampled)
    if made is None:
        raise RequestError(f"{path} has a chain but no 'sampling' group; sample again")
    if kept.chain.shape[1:] != (made.ensembles * made.nwalkers, post.ndim):
        raise RequestError(
            f"{path} cannot be used: its chain has rows of {kept.chain.shape[1:]}, its other "
            f"groups are of {(made.ensembles * made.nwalkers, post.ndim)}; restore it from a copy"
        )
    return Run(
        post=post,
        chain=kept.chain,
        log_prob=kept.log_prob,
        accepted=kept.accepted / kept.iteration,
        ensembles=made.ensembles,
        discard=made.discard,
        thin=made.thin * kept.every,
        moves=made.moves,
        start=made.start,
        seed=made.seed,
        seconds=made.seconds,
        fits=read_stage(path, Fits),
        tempering=read_stage(path, Tempering),
        path=os.fspath(path),
        judged=read_stage(path, Verdict),
        fit=read_stage(path, FitVerdict),
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, str) != isinstance(other, str):  # which numpy 2.0 cannot compare
        return False
    return bool(np.array_equal(one, other))
