"""Flat parameter vectors out of a run file, into files that other programs read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..common.errors import RequestError, choose
from ..common.files import asked_for
from ..comparison.result import Comparison
from ..posterior.description import Description
from ..sampling.about import read_about
from ..sampling.provenance import Sampled, burnin
from ..storage.read_chain import chain_size, read_chain
from ..storage.results import read_stage
from ..training.fits import Fits

__all__ = ["export"]

WHAT = ("sgd", "map", "fits", "samples")


def export(source: str | os.PathLike[str], what: str, target: str | os.PathLike[str]) -> str:
    """Write vectors of a run file to ``target`` (.npy, .npz or .csv), and say what was written.

    ``sgd`` and ``map`` are one vector (P,) as it was found (the MAP that the comparison found,
    where there is one, as in tables and figures), ``fits`` the end points of all restarts (R, P),
    ``samples`` the chain after what is discarded, flat (S, P). NPZ and CSV hold the labels too;
    NPZ also the log posterior.

    Raises:
        RequestError: an unknown ``what`` or ending, a stage that has not run, a file that cannot
            be read or written. Nothing is then written.
    """
    choose("thing to export", what, WHAT)
    path = Path(target)
    choose("ending of the file to write", path.suffix, FORMATS)
    theta, log_prob = samples(source) if what == "samples" else trained(source, what)
    tree, _ = read_about(source)
    labels = Description.from_tree(tree).labels
    with asked_for(target) as file:
        FORMATS[path.suffix](file, theta, log_prob, labels)
    return f"{target}: {what}, shape {theta.shape}, parameters in torch's order"


def trained(source: str | os.PathLike[str], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Vectors found by training, the MAP by the comparison too, and their log posterior."""
    fits = read_stage(source, Fits)
    if fits is None:
        raise RequestError(f"{source} has no fits yet: train first, with `nnpost train {source}`")
    if what == "fits":
        return fits.theta, fits.log_prob
    found = read_stage(source, Comparison) if what == "map" else None
    optimum = getattr(found or fits, what)
    return optimum.theta, np.asarray(optimum.log_prob)


def samples(source: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """All draws after the burn-in, and their log posterior."""
    size, made = chain_size(source), read_stage(source, Sampled)
    first = 0
    if size is not None and made is not None:
        first = burnin(made.discard, made.thin * size.every, size.iteration)
    kept = read_chain(source, first)
    return kept.chain.reshape(-1, kept.chain.shape[-1]), kept.log_prob.reshape(-1)


def write_npy(file: BinaryIO, theta: np.ndarray, log_prob: np.ndarray, labels: list[str]) -> None:
    np.save(file, theta, allow_pickle=False)


def write_npz(file: BinaryIO, theta: np.ndarray, log_prob: np.ndarray, labels: list[str]) -> None:
    np.savez(file, theta=theta, log_prob=log_prob, labels=np.array(labels))


def write_csv(file: BinaryIO, theta: np.ndarray, log_prob: np.ndarray, labels: list[str]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    rows = csv.writer(text)
    rows.writerow(labels)
    rows.writerows(np.atleast_2d(theta).tolist())  # Python writes floats so that they read back
    text.flush()
    text.detach()


Writer = Callable[[Any, np.ndarray, np.ndarray, list[str]], None]
FORMATS: dict[str, Writer] = {".npy": write_npy, ".npz": write_npz, ".csv": write_csv}
