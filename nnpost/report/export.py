"""Flat parameter vectors out of a run file, into files that other programs read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..common.errors import RequestError, choose
from ..common.files import asked_for
from ..common.tables import plain_label
from ..comparison.result import Comparison
from ..network.layout import Layout
from ..network.symmetry import fold
from ..posterior.description import Description
from ..sampling.about import read_about
from ..sampling.provenance import Sampled, burnin
from ..storage.read_chain import chain_size, read_chain
from ..storage.results import read_stage
from ..training.fits import Fits
from .networks import networks

__all__ = ["export"]

WHAT = ("sgd", "map", "fits", "samples")


def export(
    source: str | os.PathLike[str],
    what: str,
    target: str | os.PathLike[str],
    unfolded: bool = False,
) -> str:
    """Write vectors of a run file to ``target`` (.npy, .npz or .csv), and say what was written.

    ``sgd`` and ``map`` are one vector (P,) (the MAP that the comparison found, where there is one,
    as in tables and figures), ``fits`` the end points of all restarts (R, P), ``samples`` the chain
    after what is discarded, flat (S, P). They are in the one copy that tables and figures show, or
    with ``unfolded`` as they were found. NPZ and CSV hold the names of the parameters too, NPZ also
    which copy it is and the log posterior, which is always that of the vectors as they were found.

    Raises:
        RequestError: an unknown ``what`` or ending, a stage that has not run, a file that cannot
            be read or written. Nothing is then written.
    """
    choose("thing to export", what, WHAT)
    path = Path(target)
    choose("ending of the file to write", path.suffix, FORMATS)
    about = Description.from_tree(read_about(source)[0])
    give = samples if what == "samples" else partial(trained, what=what)
    found = give(source, about.net, unfolded)
    names = [plain_label(label) for label in about.labels]
    copy = copy_in_words(about, unfolded)
    with asked_for(target) as file:
        FORMATS[path.suffix](file, Vectors(*found, names, copy))
    return f"{target}: {what}, shape {found[0].shape}, parameters in torch's order, {copy}"


def copy_in_words(about: Description, unfolded: bool) -> str:
    """Which copy of a network is written."""
    if about.module is not None:
        return "as they were found: copies of a module of one's own are not known"
    return "as they were found" if unfolded or not about.net.hidden else "folded to one copy"


def trained(
    source: str | os.PathLike[str], net: Layout, unfolded: bool, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors found by training, the MAP by the comparison too, and their log posterior."""
    fits = read_stage(source, Fits)
    if fits is None:
        raise RequestError(f"{source} has no fits yet: train first, with `nnpost train {source}`")
    if what == "fits":
        return (fits.theta if unfolded else fold(net, fits.theta)), fits.log_prob
    one = networks(fits, read_stage(source, Comparison), net)[what]
    return (one.found.theta if unfolded else one.copy), np.asarray(one.found.log_prob)


def samples(
    source: str | os.PathLike[str], net: Layout, unfolded: bool
) -> tuple[np.ndarray, np.ndarray]:
    """All draws after the burn-in, and their log posterior."""
    size, made = chain_size(source), read_stage(source, Sampled)
    first = 0
    if size is not None and made is not None:
        first = burnin(made.discard, made.thin * size.every, size.iteration)
    kept = read_chain(source, first)
    draws = kept.chain.reshape(-1, kept.chain.shape[-1])
    return (draws if unfolded else fold(net, draws)), kept.log_prob.reshape(-1)


class Vectors(NamedTuple):
    """What is written: theta (P,) or (S, P), its log posterior, names (P,), which copy it is."""

    theta: np.ndarray
    log_prob: np.ndarray
    names: list[str]
    copy: str


def write_npy(file: BinaryIO, found: Vectors) -> None:
    np.save(file, found.theta, allow_pickle=False)


def write_npz(file: BinaryIO, found: Vectors) -> None:
    names, copy = np.array(found.names), np.array(found.copy)
    np.savez(file, theta=found.theta, log_prob=found.log_prob, labels=names, copy=copy)


def write_csv(file: BinaryIO, found: Vectors) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    rows = csv.writer(text)
    rows.writerow(found.names)
    rows.writerows(np.atleast_2d(found.theta).tolist())  # Python writes floats that read back
    text.flush()
    text.detach()


FORMATS: dict[str, Callable[[Any, Vectors], None]] = {
    ".npy": write_npy,
    ".npz": write_npz,
    ".csv": write_csv,
}
